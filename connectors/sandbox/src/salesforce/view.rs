//! What a row shows to a reader.

use hymnal_memory::service::{Row, Service};
use hymnal_sdk::{Actor, ActorKind, Native, Timestamp};
use serde_json::{Map, Value, json};

use super::{
    options::{FieldKind, SalesforceOptions},
    schema::{Field, Source},
    soql::Path,
};

/// Rows, and who the actors behind them are.
pub(super) struct View<'a> {
    /// The rows.
    pub data: &'a Service,
    /// The users.
    pub options: &'a SalesforceOptions,
    /// `/services/data/v60.0`.
    pub base: &'a str,
}

impl View<'_> {
    /// A record with these fields, as JSON. A field of another object stands inside an object of its own.
    pub(super) fn record(&self, object: &str, row: &Row, paths: &[Path]) -> Value {
        let mut record = self.head(object, &row.id);
        for path in paths {
            self.place(&mut record, row, path, 0);
        }
        Value::Object(record)
    }

    /// The value at the end of a path.
    pub(super) fn follow(&self, row: &Row, path: &Path) -> Native {
        let mut row = row;
        for step in &path.steps {
            match self.target(row, step.object, &step.field, step.source) {
                Some(next) => row = next,
                None => return Native::Null,
            }
        }
        self.value(row, &path.name, path.source)
    }

    /// One value of a row.
    pub(super) fn value(&self, row: &Row, name: &str, source: Source) -> Native {
        let stored = |name: &str| row.fields.get(name).cloned().unwrap_or(Native::Null);
        match source {
            Source::Stored => stored(name),
            Source::Id => Native::text(row.id.as_str()),
            Source::IsDeleted => Native::Bool(row.deleted_at.is_some()),
            Source::MasterRecordId => row.merged_into.clone().map_or(Native::Null, Native::Text),
            Source::Created | Source::Modified => {
                time(row, source).map_or(Native::Null, |time| Native::Text(time.to_string()))
            }
            Source::CreatedBy => {
                let by = row.history.first().and_then(|edit| edit.by.as_ref()).unwrap_or(&row.modified_by);
                Native::text(self.user_id(by))
            }
            Source::ModifiedBy => Native::text(self.user_id(&row.modified_by)),
            Source::IsConverted => Native::Bool(row.converted_into.is_some()),
            Source::FullName => {
                let parts = [stored("FirstName"), stored("LastName")];
                let parts: Vec<String> =
                    parts.iter().filter(|part| !part.is_blank()).map(ToString::to_string).collect();
                if parts.is_empty() { Native::Null } else { Native::Text(parts.join(" ")) }
            }
            Source::Address(prefix) => address(row, prefix),
        }
    }

    /// The user behind an actor: the one of that id, login or name; else, for a person, the first person, and for
    /// everybody else the integration user.
    pub(super) fn user_id(&self, actor: &Actor) -> &str {
        let users = &self.options.users;
        let named = |user: &&super::User| {
            [&user.id, &user.username, &user.name, &user.email].into_iter().any(|word| word == &actor.name)
        };
        let person = matches!(actor.kind, ActorKind::Person | ActorKind::Workflow);
        users
            .iter()
            .find(named)
            .or_else(|| users.iter().find(|user| user.integration != person))
            .or_else(|| users.first())
            .map_or("", |user| &user.id)
    }

    fn head(&self, object: &str, id: &str) -> Map<String, Value> {
        let url = format!("{}/sobjects/{object}/{id}", self.base);
        Map::from_iter([("attributes".to_owned(), json!({ "type": object, "url": url }))])
    }

    fn place(&self, record: &mut Map<String, Value>, row: &Row, path: &Path, step: usize) {
        let Some(next) = path.steps.get(step) else {
            let value = json_of(&path.kind, &self.value(row, &path.name, path.source));
            record.insert(path.name.clone(), value);
            return;
        };
        match self.target(row, next.object, &next.field, next.source) {
            Some(target) => {
                let inner = record
                    .entry(next.relationship.clone())
                    .or_insert_with(|| Value::Object(self.head(next.object, &target.id)));
                if let Value::Object(inner) = inner {
                    self.place(inner, target, path, step + 1);
                }
            }
            None => {
                record.insert(next.relationship.clone(), Value::Null);
            }
        }
    }

    fn target(&self, row: &Row, object: &str, field: &str, source: Source) -> Option<&Row> {
        match self.value(row, field, source) {
            Native::Text(id) => self.data.tables.get(object)?.rows.get(&id),
            _ => None,
        }
    }
}

/// A path to a field of the object itself.
pub(super) fn own(field: &Field) -> Path {
    Path { steps: Vec::new(), name: field.name.clone(), kind: field.kind.clone(), source: field.source }
}

/// A row's time in whole seconds, the service's precision.
///
/// SOAP API guide, "Primitive Data Types", dateTime: fractions of a second are not kept.
pub(super) fn time(row: &Row, source: Source) -> Option<Timestamp> {
    let time = match source {
        Source::Created => row.created_at,
        Source::Modified => row.modified_at,
        _ => return None,
    };
    Timestamp::from_second(time.as_second()).ok()
}

/// A value as the service writes it: a time as `2026-01-31T00:00:00.000+0000`, a double always with a point.
pub(super) fn json_of(kind: &FieldKind, value: &Native) -> Value {
    match (kind, value) {
        (_, Native::Null | Native::List(_)) => Value::Null,
        (_, Native::Bool(value)) => json!(value),
        (FieldKind::Int, Native::Number(text)) => text.parse::<i64>().map_or(Value::Null, |number| json!(number)),
        (_, Native::Number(text)) => text.parse::<f64>().map_or(Value::Null, |number| json!(number)),
        (_, Native::Object(text)) => serde_json::from_str(text).unwrap_or(Value::Null),
        (FieldKind::Datetime, Native::Text(text)) => {
            json!(text.parse::<Timestamp>().map_or_else(|_| text.clone(), shown))
        }
        (_, Native::Text(text)) => json!(text),
    }
}

/// A time as the service writes it.
pub(super) fn shown(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.000+0000").to_string()
}

/// A compound address: null where all its parts are. REST guide, "Compound Fields".
fn address(row: &Row, prefix: &str) -> Native {
    let parts = [
        ("street", "Street"),
        ("city", "City"),
        ("state", "State"),
        ("postalCode", "PostalCode"),
        ("country", "Country"),
    ];
    let values = parts.map(|(word, part)| {
        let value = row.fields.get(&format!("{prefix}{part}")).filter(|value| !value.is_blank());
        (word.to_owned(), value.map_or(Value::Null, |value| json!(value.to_string())))
    });
    if values.iter().all(|(_, value)| value.is_null()) {
        return Native::Null;
    }
    Native::Object(Value::Object(Map::from_iter(values)).to_string())
}
