//! `ContactHistory` and `LeadHistory`: each change of a tracked field as a row that queries can read.
//!
//! Object reference, "StandardObjectNameHistory": a row has the record, the field, both values, who and when; field-level
//! security of the record's object holds for it. Salesforce Help, "Field History Tracking": an administrator chooses at
//! most 20 fields of an object; what a record was made with is no change; of fields over 255 characters and of
//! multi-select picklists only that they changed is kept. An object of which nothing is tracked has no history object.
//! Not simulated: rows that tell of creation, conversion and merges, and the read of one row by its id.

use std::{borrow::Cow, collections::BTreeMap};

use hymnal_memory::service::{Row, Service};
use hymnal_sdk::{Address, Fields, Native, Timestamp};

use super::{
    ids,
    options::{FieldKind, SalesforceOptions},
    request::Call,
    schema::{Field, Object},
    soql::{Operand, Plan, Test},
    view,
};
use crate::{account::Inner, hubspot::scatter};

/// An object whose records' history is kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    /// The object.
    pub object: &'static str,
    /// Its history's name.
    pub name: &'static str,
    /// What people call that.
    pub label: &'static str,
    /// The field that names the record.
    pub reference: &'static str,
}

/// The objects whose history is kept.
pub(super) const KEPT: [Kept; 2] = [
    Kept { object: "Contact", name: "ContactHistory", label: "Contact History", reference: "ContactId" },
    Kept { object: "Lead", name: "LeadHistory", label: "Lead History", reference: "LeadId" },
];

/// The most fields of an object that can be tracked.
const MOST_TRACKED: usize = 20;

/// The fields of an object that are tracked.
pub(super) fn tracked<'a>(options: &'a SalesforceOptions, object: &'a str) -> impl Iterator<Item = &'a str> {
    let of_object = options.history_fields.iter().filter(move |(of, _)| of.eq_ignore_ascii_case(object));
    of_object.map(|(_, field)| field.as_str()).take(MOST_TRACKED)
}

/// What a plan reads: the account's data, or, for a history object, rows made of what the records remember.
pub(super) fn data<'a>(call: &Call<'_>, inner: &'a Inner, plan: &Plan, now: Timestamp) -> Cow<'a, Service> {
    let Some(kept) = KEPT.iter().find(|kept| kept.name == plan.object) else { return Cow::Borrowed(&inner.data) };
    let mut made = Service::default();
    let Some(object) = call.config.visible.object(kept.object) else { return Cow::Owned(made) };
    let fields: Vec<&Field> =
        tracked(&call.config.options, kept.object).filter_map(|name| object.field(name)).collect();
    let only = plan.filter.as_ref().and_then(|filter| records(filter, kept.reference));
    let table = inner.data.tables.get(kept.object);
    for row in table.into_iter().flat_map(|table| table.rows.values()) {
        let is_meant = only.as_ref().is_none_or(|only| only.contains(&row.id.as_str()));
        if is_meant && inner.listed(&Address::new(object.name, row.id.as_str()), now) {
            let edits = rows(kept, object, &fields, row);
            made.table(kept.name).rows.extend(edits.into_iter().map(|edit| (edit.id.clone(), edit)));
            made.table(kept.object).rows.insert(row.id.clone(), row.clone());
        }
    }
    // For paths like `CreatedBy.Name`.
    made.tables.extend(inner.data.tables.get("User").map(|users| ("User".to_owned(), users.clone())));
    Cow::Owned(made)
}

/// The records that a filter names, so that a history of all records is not made for the sake of one.
fn records<'a>(filter: &'a Test, reference: &str) -> Option<Vec<&'a str>> {
    match filter {
        Test::All(parts) => parts.iter().find_map(|part| records(part, reference)),
        Test::OneOf(path, ids) if path.steps.is_empty() && path.name == reference => {
            let id = |operand: &'a Operand| if let Operand::Text(id) = operand { Some(id.as_str()) } else { None };
            Some(ids.iter().filter_map(id).collect())
        }
        _ => None,
    }
}

fn rows(kept: &Kept, object: &Object, fields: &[&Field], row: &Row) -> Vec<Row> {
    let mut held: BTreeMap<&str, &Native> = BTreeMap::new();
    let mut rows = Vec::new();
    for (place, edit) in row.history.iter().enumerate() {
        let old = held.insert(edit.field.as_str(), &edit.value);
        let is_creation = old.is_none() && edit.at == row.created_at;
        let Some(field) = fields.iter().find(|field| field.name == edit.field).filter(|_| !is_creation) else {
            continue;
        };
        let values = [old.unwrap_or(&Native::Null), &edit.value].map(|value| kept_value(&field.kind, value));
        let [old, new] = values;
        let id = id(object, &row.id, place);
        rows.push(Row {
            fields: Fields::from([
                (kept.reference.to_owned(), Native::text(row.id.as_str())),
                ("Field".to_owned(), Native::text(edit.field.as_str())),
                ("OldValue".to_owned(), old),
                ("NewValue".to_owned(), new),
            ]),
            id,
            created_at: edit.at,
            modified_at: edit.at,
            sequence: 0,
            modified_by: edit.by.clone().unwrap_or_else(|| row.modified_by.clone()),
            deleted_at: row.deleted_at,
            merged_into: None,
            converted_into: None,
            history: Vec::new(),
        });
    }
    rows
}

fn kept_value(kind: &FieldKind, value: &Native) -> Native {
    match (kind, value) {
        (FieldKind::LongText(length), _) if *length > 255 => Native::Null,
        (FieldKind::Multipicklist(_), _) => Native::Null,
        (_, value) if value.is_blank() => Native::Null,
        (FieldKind::Datetime, Native::Text(text)) => {
            text.parse().map_or_else(|_| value.clone(), |time| Native::Text(view::shown(time)))
        }
        _ => value.clone(),
    }
}

/// A row's id: the same each time, and in no order, as the service promises none within a second.
fn id(object: &Object, record: &str, place: usize) -> String {
    let seed = object.name.bytes().chain(record.bytes());
    let number = seed.fold(place as u64, |number, byte| scatter(number ^ u64::from(byte)));
    ids::make(PREFIX, number % 62_u64.pow(9))
}

/// The first characters of the ids of all histories of standard objects.
pub(super) const PREFIX: &str = "017";
