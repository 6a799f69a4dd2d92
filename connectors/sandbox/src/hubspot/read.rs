//! Records read one by one, in batches, and all of them.

use std::collections::BTreeSet;

use hymnal_memory::service::Row;
use hymnal_sdk::Address;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    answer::{Answer, Answered, Refused},
    batch::{self, MOST_INPUTS},
    portal::{CONTACTS, Live, Portal},
    record::{Wanted, iso, show},
    route::Asked,
};
use crate::account::Inner;

/// The largest page of a list.
// Contacts reference, "Retrieve contacts": `limit`, at most 100.
const LARGEST_PAGE: usize = 100;
// Answered by batch/read and list beyond it: "The maximum number of inputs supported in a batch request for property
// histories is 50".
const MOST_WITH_HISTORY: usize = 50;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BatchRead {
    inputs: Vec<Id>,
    #[serde(default)]
    properties: Vec<String>,
    #[serde(default)]
    properties_with_history: Vec<String>,
    id_property: Option<String>,
}

#[derive(Deserialize)]
struct Id {
    id: String,
}

impl Portal {
    pub(super) fn list(&self, asked: &Asked<'_>) -> Answered {
        let wanted = wanted(asked);
        let most = if wanted.history.is_empty() { LARGEST_PAGE } else { MOST_WITH_HISTORY };
        let limit = match asked.parameter("limit").map(str::parse::<usize>) {
            None => 10,
            Some(Ok(limit)) if (1..=most).contains(&limit) => limit,
            Some(_) => return Err(Refused::invalid(format!("limit must be between 1 and {most}"))),
        };
        let archived = asked.flag("archived")?;
        let after = asked.parameter("after").unwrap_or_default();
        let now = self.now();
        let options = self.options();
        let inner = self.account().lock();
        let Some(table) = inner.data.tables.get(CONTACTS) else { return Ok(page(&[], None)) };
        // `after` is a position after a record, not a count: records that come or go meanwhile shift nothing.
        let rows = table.rows.iter().filter(|(id, row)| id.as_str() > after && is_in_bin(row) == archived);
        let rows = rows.filter(|(_, row)| row.merged_into.is_none());
        let mut rows = rows.filter(|(id, _)| inner.listed(&Address::new(CONTACTS, id.as_str()), now));
        let found: Vec<(&String, &Row)> = rows.by_ref().take(limit).collect();
        let next = rows.next().and(found.last()).map(|(id, _)| (*id).clone());
        let shown: Vec<Value> = found.into_iter().map(|(_, row)| show(row, &wanted, &options)).collect();
        Ok(page(&shown, next))
    }

    pub(super) fn get_one(&self, asked: &Asked<'_>, key: &str) -> Answered {
        let wanted = wanted(asked);
        let archived = asked.flag("archived")?;
        let options = self.options();
        let by = self.key(asked.parameter("idProperty"), KeyFor::Reading)?;
        let inner = self.account().lock();
        let row = find(&inner, &self.live(), &by, key, archived).ok_or_else(Refused::missing)?;
        Ok(Answer::ok(show(row, &wanted, &options)))
    }

    pub(super) fn read_batch(&self, asked: &Asked<'_>) -> Answered {
        let body: BatchRead = asked.json()?;
        let archived = asked.flag("archived")?;
        batch::check_size(body.inputs.len(), MOST_INPUTS)?;
        if !body.properties_with_history.is_empty() && body.inputs.len() > MOST_WITH_HISTORY {
            return Err(Refused::invalid(format!(
                "The maximum number of inputs supported in a batch request for property histories is \
                 {MOST_WITH_HISTORY}"
            )));
        }
        let by = self.key(body.id_property.as_deref(), KeyFor::Reading)?;
        let wanted = Wanted { properties: body.properties, history: body.properties_with_history };
        let (options, now) = (self.options(), self.now());
        let inner = self.account().lock();
        let live = self.live();
        let (mut results, mut missing, mut shown) = (Vec::new(), Vec::new(), BTreeSet::new());
        for Id { id } in body.inputs {
            match find(&inner, &live, &by, &id, archived) {
                Some(row) if shown.insert(row.id.clone()) => results.push(show(row, &wanted, &options)),
                Some(_) => {}
                None => missing.push(id),
            }
        }
        let errors = if missing.is_empty() { Vec::new() } else { vec![Refused::missing_of_many(missing).item(None)] };
        Ok(batch::answer(200, results, errors, &iso(now)))
    }
}

/// How a request names records.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// By the record's id.
    Id,
    /// By the e-mail address, additional ones included.
    Email,
    /// By a property that holds each value once.
    Unique(String),
}

/// What a key is for: not every operation takes every key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyFor {
    Reading,
    Updating,
    Upserting,
}

impl Portal {
    // Contacts reference: `idProperty` names a property whose values are unique; `email` is one for reading and
    // upserting. HubSpot/hubspot-api-nodejs issue 548: batch/update refuses `email`.
    pub(super) fn key(&self, id_property: Option<&str>, what_for: KeyFor) -> Answered<Key> {
        match id_property {
            None | Some("" | "hs_object_id") => Ok(Key::Id),
            Some("email") if what_for != KeyFor::Updating => Ok(Key::Email),
            Some(name) => {
                let unique = |property: &super::Property| property.name == name && property.unique && name != "email";
                if self.options().properties.iter().any(unique) {
                    return Ok(Key::Unique(name.to_owned()));
                }
                Err(Refused::invalid(match what_for {
                    KeyFor::Reading => format!("Unable to read by non-unique 0-1 property {name}."),
                    KeyFor::Updating | KeyFor::Upserting => {
                        "Unable to perform update/upsert by non-unique 0-1 property.".to_owned()
                    }
                }))
            }
        }
    }
}

/// The row that a key leads to, if it may be read. A merged-away id leads to the survivor.
// Changelog, "Updated merge functionality for contacts and companies": fetching by the original ids returns the merged
// record with its new id.
pub(super) fn find<'a>(inner: &'a Inner, live: &Live, by: &Key, key: &str, archived: bool) -> Option<&'a Row> {
    let table = inner.data.tables.get(CONTACTS)?;
    let mut row = match by {
        Key::Id => table.rows.get(key)?,
        Key::Email => {
            let address = key.trim().to_lowercase();
            let held = table.holder("email", &address);
            held.or_else(|| table.live(live.additional.get(&address)?))?
        }
        Key::Unique(name) => table.holder(name, key)?,
    };
    while let Some(survivor) = &row.merged_into {
        row = table.rows.get(survivor)?;
    }
    let readable = inner.readable(&Address::new(CONTACTS, row.id.as_str()));
    (readable && is_in_bin(row) == archived).then_some(row)
}

fn is_in_bin(row: &Row) -> bool {
    row.deleted_at.is_some()
}

fn wanted(asked: &Asked<'_>) -> Wanted {
    Wanted { properties: asked.parameters("properties"), history: asked.parameters("propertiesWithHistory") }
}

fn page(results: &[Value], next: Option<String>) -> Answer {
    let mut body = json!({ "results": results });
    if let Some(after) = next {
        let link = format!("https://api.hubapi.com/crm/v3/objects/contacts?after={after}");
        body["paging"] = json!({ "next": { "after": after, "link": link } });
    }
    Answer::ok(body)
}
