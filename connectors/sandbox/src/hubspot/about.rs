//! What the account tells of itself: its id, its usage, its properties, its owners.

use jiff::ToSpan;
use serde_json::{Value, json};

use super::{
    Owner,
    answer::{Answer, Answered, Refused},
    portal::Portal,
    record::iso,
    route::Asked,
};

impl Portal {
    // Account information API, "Get account details".
    pub(super) fn details(&self) -> Answer {
        let options = self.options();
        let now = self.account().now().to_zoned(options.time_zone.clone());
        let seconds = now.offset().seconds();
        let sign = if seconds < 0 { '-' } else { '+' };
        let (hours, minutes) = (seconds.abs() / 3600, seconds.abs() / 60 % 60);
        Answer::ok(json!({
            "portalId": options.portal_id,
            "accountType": "STANDARD",
            "timeZone": options.time_zone.iana_name().unwrap_or("UTC"),
            "companyCurrency": "USD",
            "additionalCurrencies": [],
            "utcOffset": format!("{sign}{hours:02}:{minutes:02}"),
            "utcOffsetMilliseconds": i64::from(seconds) * 1000,
            "uiDomain": "app.hubspot.com",
            "dataHostingLocation": "na1",
        }))
    }

    // Account information API, "Get private app daily usage"; Usage guidelines: the daily limit resets at midnight of
    // the account's time zone.
    pub(super) fn usage(&self) -> Answer {
        let options = self.options();
        let now = self.account().now();
        let tomorrow = self.today().saturating_add(1.day()).to_zoned(options.time_zone.clone());
        let resets = tomorrow.map_or(now, |midnight| midnight.timestamp());
        Answer::ok(json!({
            "results": [{
                "name": "private-apps-api-calls-daily",
                "usageLimit": options.rates.daily,
                "currentUsage": self.live().windows.today(),
                "collectedAt": iso(now),
                "fetchStatus": "SUCCESS",
                "resetsAt": iso(resets),
            }],
        }))
    }

    // Properties reference, "Read all properties", "Read a property".
    pub(super) fn properties(&self, asked: &Asked<'_>, rest: &[&str]) -> Answered {
        let options = self.options();
        match (asked.method.as_str(), rest) {
            ("GET", []) if asked.flag("archived")? => Ok(Answer::ok(json!({ "results": [] }))),
            ("GET", []) => {
                let all: Vec<Value> = options.properties.iter().map(super::Property::describe).collect();
                Ok(Answer::ok(json!({ "results": all })))
            }
            ("GET", [name]) => {
                let property = options.properties.iter().find(|property| property.name == *name);
                let property = property
                    .ok_or_else(|| Refused::new(404, "OBJECT_NOT_FOUND", format!("Property {name} does not exist")))?;
                Ok(Answer::ok(property.describe()))
            }
            _ => Err(Refused::new(405, "METHOD_NOT_ALLOWED", "HTTP 405 Method Not Allowed")),
        }
    }

    // Owners reference: `email`, `after`, `limit` (100 by default, 500 at most), `archived`.
    pub(super) fn owners(&self, asked: &Asked<'_>, rest: &[&str]) -> Answered {
        let options = self.options();
        let archived = asked.flag("archived")?;
        let of_kind = options.owners.iter().filter(|owner| owner.archived == archived);
        match (asked.method.as_str(), rest) {
            ("GET", []) => {
                let email = asked.parameter("email").filter(|email| !email.is_empty());
                let limit = asked.parameter("limit").map_or(Ok(100), str::parse::<usize>).unwrap_or(0);
                if !(1..=500).contains(&limit) {
                    return Err(Refused::invalid("limit must be between 1 and 500"));
                }
                let after = asked.parameter("after").unwrap_or_default();
                let wanted = of_kind.filter(|owner| email.is_none_or(|email| owner.email.eq_ignore_ascii_case(email)));
                let mut left: Vec<&Owner> = wanted.filter(|owner| owner.id.as_str() > after).collect();
                left.sort_by(|one, other| one.id.cmp(&other.id));
                let more = left.len() > limit;
                left.truncate(limit);
                let mut told = json!({ "results": left.iter().map(|owner| tell(owner)).collect::<Vec<_>>() });
                if let (true, Some(last)) = (more, left.last()) {
                    told["paging"] = json!({ "next": { "after": last.id } });
                }
                Ok(Answer::ok(told))
            }
            ("GET", [id]) => {
                let owner = of_kind.into_iter().find(|owner| owner.id == *id).ok_or_else(Refused::missing)?;
                Ok(Answer::ok(tell(owner)))
            }
            _ => Err(Refused::new(405, "METHOD_NOT_ALLOWED", "HTTP 405 Method Not Allowed")),
        }
    }
}

fn tell(owner: &Owner) -> Value {
    json!({
        "id": owner.id,
        "type": "PERSON",
        "firstName": owner.first_name,
        "lastName": owner.last_name,
        "email": owner.email,
        "archived": owner.archived,
    })
}
