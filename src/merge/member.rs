//! A linked record: where it lives, and whether it can be seen.

use hymnal_sdk::{Address, Timestamp};
use serde::{Deserialize, Serialize};

/// A linked record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Member {
    /// Where it lives.
    pub address: Address,
    /// When the service says it was made.
    #[serde(with = "jiff::fmt::serde::timestamp::microsecond::optional")]
    pub created_at: Option<Timestamp>,
    /// Its time of change in the latest reading that was merged, by the service's clock.
    #[serde(with = "jiff::fmt::serde::timestamp::microsecond::optional")]
    pub modified_at: Option<Timestamp>,
    /// When the latest merged reading was asked for, by our clock.
    #[serde(with = "jiff::fmt::serde::timestamp::microsecond::required")]
    pub read_at: Timestamp,
    /// When our last write was answered, by our clock.
    #[serde(with = "jiff::fmt::serde::timestamp::microsecond::optional")]
    pub written_at: Option<Timestamp>,
    /// Our last write changed the e-mail, and no reading has come since.
    pub wrote_email: bool,
    /// Whether it can be seen.
    pub presence: Presence,
    /// The version for a conditional write.
    pub version: Option<String>,
}

/// Whether a member can be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Presence {
    /// It was there when last read.
    Seen,
    /// The service said that it was deleted; nothing is done about it before the grace is over.
    Deleted {
        /// When we first saw it, by our clock.
        #[serde(with = "jiff::fmt::serde::timestamp::microsecond::required")]
        seen_at: Timestamp,
    },
    /// It could not be read, and nobody can say why: nothing is unlinked, nothing is written.
    NotVisible {
        /// When we first saw it, by our clock.
        #[serde(with = "jiff::fmt::serde::timestamp::microsecond::required")]
        seen_at: Timestamp,
    },
    /// It was converted into a record of an object that the sync does not have: the link stays, nothing is written.
    ConvertedOut {
        /// When we first saw it, by our clock.
        #[serde(with = "jiff::fmt::serde::timestamp::microsecond::required")]
        seen_at: Timestamp,
    },
}

impl Member {
    /// A record that is known to be there and has not been read.
    pub fn unread(address: Address, now: Timestamp) -> Self {
        Self {
            address,
            created_at: None,
            modified_at: None,
            read_at: now,
            written_at: None,
            wrote_email: false,
            presence: Presence::Seen,
            version: None,
        }
    }
}
