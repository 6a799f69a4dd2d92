//! A row as the API shows it.

use hymnal_memory::service::Row;
use hymnal_sdk::{ActorKind, FieldEdit, Timestamp};
use serde_json::{Map, Value, json};

use super::HubSpotOptions;

// Search guide, "CRM objects": contacts return these by default.
const BY_DEFAULT: [&str; 6] = ["createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname"];
/// What comes beside the properties asked for.
const ALWAYS: [&str; 3] = ["createdate", "hs_object_id", "lastmodifieddate"];

/// What an answer should show of each record.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    /// These properties; none asks for the default ones.
    pub(super) properties: Vec<String>,
    /// The history of these.
    pub(super) history: Vec<String>,
}

/// A record as JSON.
pub(super) fn show(row: &Row, wanted: &Wanted, options: &HubSpotOptions) -> Value {
    let mut shown = json!({
        "id": row.id,
        "properties": properties(row, wanted, options),
        "createdAt": iso(row.created_at),
        "updatedAt": iso(row.modified_at),
        "archived": row.deleted_at.is_some(),
    });
    if let Some(at) = row.deleted_at {
        shown["archivedAt"] = json!(iso(at));
    }
    if !wanted.history.is_empty() {
        let known = wanted.history.iter().filter(|name| is_known(name, options));
        let histories: Map<String, Value> =
            known.map(|name| (name.clone(), Value::Array(history(row, name)))).collect();
        shown["propertiesWithHistory"] = Value::Object(histories);
    }
    shown
}

/// A property's value as text; `None` where it is blank.
pub(super) fn value(row: &Row, name: &str) -> Option<String> {
    match name {
        "createdate" => Some(iso(row.created_at)),
        "lastmodifieddate" => Some(iso(row.modified_at)),
        "hs_object_id" => Some(row.id.clone()),
        _ => row.fields.get(name).filter(|value| !value.is_blank()).map(ToString::to_string),
    }
}

/// A time as the API writes it: ISO 8601, UTC, milliseconds.
pub(super) fn iso(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

// A property that never had a value comes as null, one that was cleared as an empty string, one that does not exist is
// left out. (Not found in a document; as recorded answers show it.)
fn properties(row: &Row, wanted: &Wanted, options: &HubSpotOptions) -> Map<String, Value> {
    let mut names: Vec<&str> = if wanted.properties.is_empty() {
        BY_DEFAULT.to_vec()
    } else {
        ALWAYS.into_iter().chain(wanted.properties.iter().map(String::as_str)).collect()
    };
    names.sort_unstable();
    names.dedup();
    names.retain(|name| is_known(name, options));
    let shown = |name: &str| value(row, name).or_else(|| row.fields.contains_key(name).then(String::new));
    names.into_iter().map(|name| (name.to_owned(), json!(shown(name)))).collect()
}

// Contacts reference, `propertiesWithHistory`: newest first; `value`, `timestamp`, `sourceType`, `sourceId`,
// `updatedByUserId`.
fn history(row: &Row, name: &str) -> Vec<Value> {
    row.history.iter().rev().filter(|edit| edit.field == name).map(told).collect()
}

fn told(edit: &FieldEdit) -> Value {
    let by = edit.by.as_ref();
    let source = match by.map_or(ActorKind::Unknown, |by| by.kind) {
        ActorKind::Person => "CRM_UI",
        ActorKind::Workflow => "AUTOMATION_PLATFORM",
        ActorKind::Import => "IMPORT",
        ActorKind::Integration | ActorKind::Us => "INTEGRATION",
        ActorKind::Unknown => "INTERNAL_PROCESSING",
    };
    let value = if edit.value.is_blank() { String::new() } else { edit.value.to_string() };
    let mut told = json!({ "value": value, "timestamp": iso(edit.at), "sourceType": source });
    // Changelog, "CRM property change source will show user ID instead of owner email": `userId:123`.
    if let Some(by) = by {
        told["sourceId"] = json!(by.name);
        if by.kind == ActorKind::Person {
            let id = user_id(&by.name);
            told["sourceId"] = json!(format!("userId:{id}"));
            told["updatedByUserId"] = json!(id);
        }
    }
    told
}

/// A user's number, from the name that the editor gave.
fn user_id(name: &str) -> u64 {
    name.parse().unwrap_or_else(|_| name.bytes().fold(1000, |sum, byte| (sum * 31 + u64::from(byte)) % 90_000_000))
}

fn is_known(name: &str, options: &HubSpotOptions) -> bool {
    options.properties.iter().any(|property| property.name == name)
}
