//! What a service holds.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use hymnal_sdk::{Clock, Timestamp};
use serde_json::{Map, Value};

/// A record. Its fields are flat, by the names that a user of the service knows; a dialect spells them.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The service's id.
    pub id: String,
    /// Its fields.
    pub fields: Map<String, Value>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed: when it was made, if never.
    pub modified_at: Timestamp,
    /// It was changed since it was made.
    pub is_changed: bool,
    /// It was deleted.
    pub is_deleted: bool,
    /// How often it was written: the order of all writes.
    pub version: u64,
}

impl Row {
    /// A field's text; empty where it is blank.
    pub fn text(&self, field: &str) -> String {
        text(self.fields.get(field).unwrap_or(&Value::Null))
    }
}

/// A value as text; `null` is empty.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The records of a service, by object and id.
pub struct World {
    clock: Arc<dyn Clock>,
    rows: BTreeMap<(String, String), Row>,
    hidden: BTreeSet<(String, String)>,
    next: u64,
    version: u64,
}

impl World {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, rows: BTreeMap::new(), hidden: BTreeSet::new(), next: 100_000_000, version: 0 }
    }

    /// The service's clock.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The number of the last write.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// A number that no record has yet; all have nine digits, so that their order is that of their texts.
    pub(crate) fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    pub(crate) fn insert(&mut self, object: &str, id: &str, fields: Map<String, Value>) {
        let now = self.now();
        self.version += 1;
        let row = Row {
            id: id.to_owned(),
            fields,
            created_at: now,
            modified_at: now,
            is_changed: false,
            is_deleted: false,
            version: self.version,
        };
        self.rows.insert((object.to_owned(), id.to_owned()), row);
    }

    /// Sets fields; `null` clears. Whether something changed.
    pub(crate) fn change(&mut self, object: &str, id: &str, fields: Map<String, Value>) -> bool {
        let now = self.now();
        let version = self.version + 1;
        let Some(row) = self.rows.get_mut(&(object.to_owned(), id.to_owned())) else { return false };
        let before = row.fields.clone();
        for (name, value) in fields {
            if value.is_null() {
                row.fields.remove(&name)
            } else {
                row.fields.insert(name, value)
            };
        }
        let is_changed = row.fields != before;
        if is_changed {
            (row.modified_at, row.is_changed, row.version) = (now, true, version);
            self.version = version;
        }
        is_changed
    }

    pub(crate) fn delete(&mut self, object: &str, id: &str) -> bool {
        let now = self.now();
        self.version += 1;
        let version = self.version;
        let row = self.rows.get_mut(&(object.to_owned(), id.to_owned())).filter(|row| !row.is_deleted);
        row.map(|row| (row.is_deleted, row.modified_at, row.version) = (true, now, version)).is_some()
    }

    pub(crate) fn hide(&mut self, object: &str, id: &str, is_hidden: bool) {
        let key = (object.to_owned(), id.to_owned());
        if is_hidden {
            self.hidden.insert(key);
        } else {
            self.hidden.remove(&key);
        }
    }

    /// A record, deleted or not.
    pub fn row(&self, object: &str, id: &str) -> Option<&Row> {
        self.rows.get(&(object.to_owned(), id.to_owned()))
    }

    /// A record that is there, for the login to see.
    pub(crate) fn seen(&self, object: &str, id: &str) -> Option<&Row> {
        let key = (object.to_owned(), id.to_owned());
        self.rows.get(&key).filter(|row| !row.is_deleted && !self.hidden.contains(&key))
    }

    /// All that the login may see, deleted ones too, by id.
    pub(crate) fn all(&self, object: &str) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(move |(key, _)| key.0 == object && !self.hidden.contains(*key)).map(|(_, row)| row)
    }

    /// The records that are not deleted, by id.
    pub fn live(&self, object: &str) -> Vec<Row> {
        let rows = self.rows.iter().filter(|((of, _), row)| of == object && !row.is_deleted);
        rows.map(|(_, row)| row.clone()).collect()
    }

    /// Live records, for the login to see, one of whose fields has this value, without regard to case.
    pub(crate) fn with(&self, object: &str, field: &str, value: &str) -> Vec<&Row> {
        let value = value.to_lowercase();
        self.all(object).filter(|row| !row.is_deleted && row.text(field).to_lowercase() == value).collect()
    }
}
