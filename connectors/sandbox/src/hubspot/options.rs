//! What can differ from one account to the next.

use std::{ops::RangeInclusive, time::Duration};

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::property::{Property, contact_properties};

/// One account's settings. The default is a Professional account with the contact properties of the demo.
#[derive(Clone, Debug)]
pub struct HubSpotOptions {
    /// The account's id.
    pub portal_id: u64,
    /// The private app's access token.
    pub token: String,
    /// The private app's id, as property histories name it.
    pub app_id: String,
    /// The zone whose midnight resets the daily limit.
    pub time_zone: TimeZone,
    /// How much may be asked.
    pub rates: Rates,
    /// How long after a write the search index shows it. Each write takes its own time within these.
    pub search_lag: RangeInclusive<Duration>,
    /// A merge makes a new record; otherwise the primary one lives on, as before the change.
    // Changelog, "Updated merge functionality for contacts and companies": a new record with a new id.
    pub merge_makes_new_id: bool,
    /// The properties of contacts.
    pub properties: Vec<Property>,
    /// The users who can own records.
    pub owners: Vec<Owner>,
}

/// How much may be asked. `None` is without limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rates {
    /// Requests in any ten seconds, searches aside.
    pub per_ten_seconds: Option<u32>,
    /// Searches in any second.
    pub searches_per_second: Option<u32>,
    /// Requests a day.
    pub daily: Option<u64>,
}

/// A user who can own records.
#[derive(Clone, Debug)]
pub struct Owner {
    /// The owner's id: digits.
    pub id: String,
    /// The user's e-mail.
    pub email: String,
    /// The first name.
    pub first_name: String,
    /// The last name.
    pub last_name: String,
    /// The user was deactivated.
    pub archived: bool,
}

impl Rates {
    /// No limit at all.
    pub const UNLIMITED: Self = Self { per_ten_seconds: None, searches_per_second: None, daily: None };

    // Changelog, "Increasing our API limits" (Professional): 190 requests per 10 seconds, 650,000 a day. Search guide,
    // "Limits": five requests per second per account.
    /// A private app in a Professional account.
    pub const PROFESSIONAL: Self =
        Self { per_ten_seconds: Some(190), searches_per_second: Some(5), daily: Some(650_000) };
}

impl Default for HubSpotOptions {
    fn default() -> Self {
        // The users of the demo's Salesforce-like organisation, and a shared inbox.
        let owner = |id: &str, email: &str, first: &str, last: &str| Owner {
            id: id.to_owned(),
            email: email.to_owned(),
            first_name: first.to_owned(),
            last_name: last.to_owned(),
            archived: false,
        };
        let owners = vec![
            owner("71000001", "robin.marsh@example.com", "Robin", "Marsh"),
            owner("71000002", "noor.haddad@example.com", "Noor", "Haddad"),
            owner("71000003", "inbound@example.com", "Inbound", "Team"),
        ];
        Self {
            portal_id: 4_711_001,
            token: "pat-na1-sandbox".to_owned(),
            app_id: "2900001".to_owned(),
            time_zone: TimeZone::UTC,
            rates: Rates::PROFESSIONAL,
            search_lag: Duration::ZERO..=Duration::from_secs(2),
            merge_makes_new_id: true,
            properties: contact_properties(),
            owners,
        }
    }
}
