//! A plan as a file: a header, then one change a line.

use hymnal_sdk::Native;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use crate::{
    journal::line::{json as value, named},
    merge::{
        Id, Side, SyncRules,
        planned::{ChangeKind, NewValue, Planned},
    },
};

/// The version of the file.
pub const VERSION: u32 = 1;

/// The first line of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// The version of the file.
    pub plan: u32,
    /// The digest of the configuration that it was made by.
    pub config: String,
    /// When it was made, by our clock.
    pub at: String,
    /// The syncs in it.
    pub syncs: Vec<String>,
}

/// One change of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// The sync.
    pub sync: String,
    /// The connector that is written to.
    pub system: String,
    /// The person.
    pub entity: String,
    /// The record that is changed, or that a new one is made of: `connector:object:id`.
    pub record: String,
    /// What kind of change.
    pub kind: ChangeKind,
    /// The object that is written.
    pub object: String,
    /// The canonical field; empty for a creation.
    pub field: String,
    /// What stands there.
    pub old: Json,
    /// What is to stand there; for a creation all values by canonical field.
    pub new: Json,
    /// What goes over the wire, by native field.
    pub sends: Map<String, Json>,
    /// The rule that decided.
    pub rule: String,
    /// The connector that the value came from.
    pub from: Option<String>,
}

impl Line {
    /// A change of an entity on a side, as a line.
    pub fn new(rules: &SyncRules, side: Side, entity: Id, change: Planned) -> Self {
        let name = |side: Side| rules.systems[side].connector.clone();
        let (holder, address) = &change.record;
        let new = match &change.new {
            NewValue::Value(new) => value(new),
            NewValue::Record(values) => {
                Json::Object(values.iter().map(|(field, new)| (field.clone(), value(new))).collect())
            }
        };
        Self {
            sync: rules.name.clone(),
            system: name(side),
            entity: entity.to_string(),
            record: format!("{}:{}:{}", name(*holder), address.object, address.id),
            kind: change.kind,
            object: change.object,
            field: change.field,
            old: value(&change.old),
            new,
            sends: change.sends.iter().map(|(field, to)| (field.clone(), native(to))).collect(),
            rule: named(&change.rule, rules),
            from: change.from.map(name),
        }
    }

    /// The two would do the same: same record, same field, same values. Who decided it may differ, and a person whom
    /// only a plan has met has another id afterwards.
    pub fn does_the_same(&self, other: &Self) -> bool {
        let key = |line: &Self| (line.system.clone(), line.record.clone(), line.kind, line.field.clone());
        key(self) == key(other) && self.old == other.old && self.new == other.new && self.sends == other.sends
    }
}

/// A native value as JSON. Numbers keep their digits, so they are text.
pub fn native(native: &Native) -> Json {
    match native {
        Native::Null => Json::Null,
        Native::Bool(value) => json!(value),
        Native::Number(text) | Native::Text(text) | Native::Object(text) => json!(text),
        Native::List(items) => Json::Array(items.iter().map(self::native).collect()),
    }
}
