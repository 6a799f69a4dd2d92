//! What the describe resources say. REST guide, "sObject Describe" and "Describe Global".

use serde_json::{Value, json};

use super::{Field, Object, Schema};
use crate::salesforce::{options::FieldKind, view};

/// `/sobjects`.
pub(in crate::salesforce) fn listing(schema: &Schema, base: &str) -> Value {
    let objects: Vec<Value> = schema.objects().iter().map(|object| summary(object, base)).collect();
    json!({ "encoding": "UTF-8", "maxBatchSize": 200, "sobjects": objects })
}

/// `/sobjects/X/describe`.
pub(in crate::salesforce) fn describe(object: &Object, base: &str) -> Value {
    let mut answer = summary(object, base);
    answer["fields"] = object.fields.iter().map(field).collect();
    answer["recordTypeInfos"] = json!([]);
    answer["childRelationships"] = json!([]);
    answer
}

/// What each of them says of an object.
pub(in crate::salesforce) fn summary(object: &Object, base: &str) -> Value {
    let url = format!("{base}/sobjects/{}", object.name);
    json!({
        "name": object.name,
        "label": object.label,
        "labelPlural": object.plural,
        "keyPrefix": object.prefix,
        "custom": false,
        "createable": object.writable,
        "updateable": object.writable,
        "deletable": object.writable,
        "undeletable": object.writable,
        "queryable": true,
        "retrieveable": true,
        "replicateable": object.writable,
        "mergeable": object.writable,
        "urls": {
            "sobject": url,
            "describe": format!("{url}/describe"),
            "rowTemplate": format!("{url}/{{ID}}"),
        },
    })
}

fn field(field: &Field) -> Value {
    let (choices, restricted) = match &field.kind {
        FieldKind::Picklist(choices) | FieldKind::Multipicklist(choices) => {
            (choices.values.as_slice(), choices.restricted)
        }
        _ => (&[][..], false),
    };
    let choice = |value: &String| {
        let default = field.default.as_ref().is_some_and(|default| default.to_string() == *value);
        json!({ "active": true, "defaultValue": default, "label": value, "validFor": null, "value": value })
    };
    let references: &[&str] = match &field.kind {
        FieldKind::Reference(targets) => targets,
        _ => &[],
    };
    // An owner is defaulted although no value stands in the schema: it is the user who saves the record.
    let defaulted = field.default.is_some() || field.name == "OwnerId" || (!field.writable && field.required);
    json!({
        "name": field.name,
        "label": field.label,
        "type": field.kind.word(),
        "length": field.kind.length(),
        "byteLength": field.kind.length().saturating_mul(3),
        "scale": if let FieldKind::Double { scale } = field.kind { scale } else { 0 },
        "precision": if matches!(field.kind, FieldKind::Double { .. }) { 18 } else { 0 },
        "custom": field.name.ends_with("__c"),
        "createable": field.writable,
        "updateable": field.writable,
        "nillable": !field.required,
        "defaultedOnCreate": defaulted,
        "defaultValue": field.default.as_ref().map_or(Value::Null, |default| view::json_of(&field.kind, default)),
        "calculated": false,
        "externalId": field.external_id,
        "unique": field.unique,
        "caseSensitive": false,
        "idLookup": field.external_id || matches!(field.kind, FieldKind::Id) || field.name == "Email",
        "filterable": !matches!(field.kind, FieldKind::LongText(_) | FieldKind::Address | FieldKind::Any),
        "sortable": !matches!(field.kind, FieldKind::LongText(_) | FieldKind::Multipicklist(_) | FieldKind::Address),
        "picklistValues": choices.iter().map(choice).collect::<Vec<_>>(),
        "restrictedPicklist": restricted,
        "referenceTo": references,
        "relationshipName": field.relationship(),
        "compoundFieldName": compound(field),
        "deprecatedAndHidden": false,
    })
}

/// The field that shows this one together with others.
fn compound(field: &Field) -> Option<&'static str> {
    const NAMES: [&str; 3] = ["FirstName", "LastName", "Salutation"];
    const PARTS: [&str; 5] = ["Street", "City", "State", "PostalCode", "Country"];
    let name = field.name.as_str();
    if NAMES.contains(&name) {
        return Some("Name");
    }
    let whole = |prefix: &str| name.strip_prefix(prefix).is_some_and(|part| PARTS.contains(&part));
    [("Mailing", "MailingAddress"), ("Billing", "BillingAddress"), ("", "Address")]
        .into_iter()
        .find_map(|(prefix, compound)| whole(prefix).then_some(compound))
}
