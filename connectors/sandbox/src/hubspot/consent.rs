//! Consent and erasure: unsubscribing an address from all e-mail, and erasing a person.

use hymnal_sdk::{Fields, Native};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    answer::{Answer, Answered, Refused},
    batch,
    portal::{CONTACTS, Portal},
    read::{Key, KeyFor},
    record::iso,
    route::Asked,
    write::Desk,
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Erase {
    object_id: String,
    id_property: Option<String>,
}

#[derive(Deserialize)]
struct Addresses {
    inputs: Vec<String>,
}

impl Portal {
    // Subscription preferences API: `statuses/{subscriberIdString}/unsubscribe-all` and `statuses/batch/unsubscribe-all`
    // with `channel=EMAIL`; POST unsubscribes, GET tells, with no results where the address has not opted out.
    pub(super) fn consent(&self, asked: &Asked<'_>, rest: &[&str]) -> Answered {
        if asked.parameter("channel") != Some("EMAIL") {
            return Err(Refused::invalid("channel must be EMAIL"));
        }
        match (asked.method.as_str(), rest) {
            ("POST", ["batch", "unsubscribe-all"]) => {
                let Addresses { inputs } = asked.json()?;
                batch::check_size(inputs.len(), batch::MOST_INPUTS)?;
                let (good, bad): (Vec<String>, Vec<String>) = inputs.into_iter().partition(|input| is_address(input));
                self.at_desk(&self.app(), |desk| good.iter().for_each(|address| desk.opt_out(address)));
                Ok(self.unsubscribed(&good, &bad))
            }
            ("POST", [address, "unsubscribe-all"]) => {
                self.at_desk(&self.app(), |desk| desk.opt_out(address));
                Ok(self.statuses(&[(*address).to_owned()]))
            }
            ("GET", [address, "unsubscribe-all"]) => Ok(self.statuses(&[(*address).to_owned()])),
            _ => Err(Refused::new(404, "OBJECT_NOT_FOUND", "HTTP 404 Not Found")),
        }
    }

    // Contacts reference, "Permanently delete a contact": 204; by id or, with `idProperty: email`, by address. "If email
    // address is not found, the email address will be added to a blocklist and prevent it from being used in the
    // future."
    pub(super) fn erase(&self, asked: &Asked<'_>) -> Answered {
        let body: Erase = asked.json()?;
        let by = self.key(body.id_property.as_deref(), KeyFor::Reading)?;
        self.at_desk(&self.app(), |desk| {
            match desk.find(&by, &body.object_id) {
                Some(id) => {
                    desk.live.additional.retain(|_, owner| *owner != id);
                    desk.inner.data.purge(CONTACTS, &id).map_err(|_| Refused::missing())?;
                }
                None if by == Key::Email => {
                    desk.live.blocked.insert(body.object_id.trim().to_lowercase());
                }
                None => return Err(Refused::missing()),
            }
            Ok(Answer::done())
        })
    }

    // "Batch unsubscribe contacts from all subscriptions": 200; by address the statuses that were set, and errors of
    // inputs that are no addresses.
    fn unsubscribed(&self, good: &[String], bad: &[String]) -> Answer {
        let now = iso(self.now());
        let results = good.iter().map(|address| {
            let status = json!({
                "channel": "EMAIL", "status": "UNSUBSCRIBED", "subscriberIdString": address, "source": "API",
                "setStatusSuccessReason": "UNSUBSCRIBE_FROM_ALL_OCCURRED", "timestamp": now,
            });
            json!({ "subscriberIdString": address, "statuses": [status] })
        });
        let errors = bad.iter().map(|address| {
            json!({
                "status": "error", "category": "VALIDATION_ERROR", "message": format!("{address} is no e-mail address"),
                "context": { "subscriberIdString": [address] },
            })
        });
        let answer = batch::answer(200, results.collect(), errors.collect(), &now);
        Answer { status: 200, ..answer }
    }

    fn statuses(&self, addresses: &[String]) -> Answer {
        let now = iso(self.now());
        let live = self.live();
        let status = |address: &String| -> Option<Value> {
            let at = live.opted_out.get(&address.trim().to_lowercase())?;
            Some(json!({
                "channel": "EMAIL",
                "status": "UNSUBSCRIBED",
                "subscriberIdString": address,
                "timestamp": iso(*at),
                "wideStatusType": "PORTAL_WIDE",
            }))
        };
        batch::answer(200, addresses.iter().filter_map(status).collect(), Vec::new(), &now)
    }
}

fn is_address(text: &str) -> bool {
    text.split_once('@').is_some_and(|(name, domain)| !name.is_empty() && domain.contains('.'))
}

impl Desk<'_> {
    /// An address unsubscribes; the contact that has it shows so.
    pub(super) fn opt_out(&mut self, address: &str) {
        let address = address.trim().to_lowercase();
        self.live.opted_out.entry(address.clone()).or_insert(self.now);
        self.show_consent(&address, "true");
    }

    /// An address is subscribed again.
    pub(super) fn opt_in(&mut self, address: &str) {
        let address = address.trim().to_lowercase();
        self.live.opted_out.remove(&address);
        self.show_consent(&address, "false");
    }

    fn show_consent(&mut self, address: &str, value: &str) {
        let held = self.inner.data.tables.get(CONTACTS).and_then(|table| table.holder("email", address));
        let Some(id) = held.map(|row| row.id.clone()) else { return };
        let fields = Fields::from([("hs_email_optout".to_owned(), Native::text(value))]);
        // The record was just found under the same lock, so it cannot be missing.
        drop(self.update(&id, fields));
    }
}
