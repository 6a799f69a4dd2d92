//! What is written → what is stored: JSON to typed values, and the rules that a record must keep.

use hymnal_memory::service::Row;
use hymnal_sdk::{Fields, Native};
use jiff::civil::Date;
use serde_json::{Map, Value};

use super::{
    answer::Refused,
    ids,
    options::{Choices, FieldKind},
    schema::{Field, Object},
};

/// A record is made or changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    /// It is made.
    Create,
    /// It is changed.
    Update,
}

/// The values of a JSON record, each of its field's type. `attributes` and the id are left out.
///
/// # Errors
/// The whole request is refused, with `INVALID_FIELD` for a name that is no field, and with `JSON_PARSER_ERROR` for a
/// value that its field cannot hold: the service turns the body into records before it saves the first one.
pub(super) fn read(object: &Object, body: &Map<String, Value>) -> Result<Fields, Refused> {
    let mut fields = Fields::new();
    for (name, value) in body {
        if name == "attributes" || name.eq_ignore_ascii_case("id") {
            continue;
        }
        let Some(field) = object.field(name) else {
            let message = format!("No such column '{name}' on sobject of type {}", object.name);
            return Err(Refused::request("INVALID_FIELD", message));
        };
        fields.insert(field.name.clone(), native(field, value)?);
    }
    Ok(fields)
}

/// The values as they are stored, with the defaults of a new record.
///
/// # Errors
/// The record is refused.
pub(super) fn check(object: &Object, fields: Fields, before: Option<&Row>) -> Result<Fields, Refused> {
    let verb = if before.is_some() { Verb::Update } else { Verb::Create };
    let locked: Vec<&str> = fields
        .keys()
        .filter_map(|name| object.field(name))
        .filter(|field| !field.writable)
        .map(|field| field.name.as_str())
        .collect();
    if !locked.is_empty() {
        let message = format!(
            "Unable to create/update fields: {}. Please check the security settings of this field and verify that it is \
             read/write for your profile or permission set.",
            locked.join(", ")
        );
        return Err(Refused::record("INVALID_FIELD_FOR_INSERT_UPDATE", message, &locked));
    }
    let mut kept = Fields::new();
    for (name, value) in fields {
        let Some(field) = object.field(&name) else { continue };
        kept.insert(name, stored(field, value)?);
    }
    if verb == Verb::Create {
        for field in &object.fields {
            if let Some(default) = &field.default
                && kept.get(&field.name).is_none_or(Native::is_blank)
            {
                kept.insert(field.name.clone(), default.clone());
            }
        }
        kept.retain(|_, value| !value.is_blank());
    }
    require(object, &kept, verb)?;
    Ok(kept)
}

/// Object reference: fields that are not nillable; the service names all that are missing.
fn require(object: &Object, kept: &Fields, verb: Verb) -> Result<(), Refused> {
    let missing: Vec<&str> = object
        .fields
        .iter()
        .filter(|field| field.writable && field.required)
        // Who makes a record without an owner owns it.
        .filter(|field| verb == Verb::Update || field.name != "OwnerId")
        .filter(|field| match kept.get(&field.name) {
            Some(value) => value.is_blank(),
            None => verb == Verb::Create,
        })
        .map(|field| field.name.as_str())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let message = format!("Required fields are missing: [{}]", missing.join(", "));
    Err(Refused::record("REQUIRED_FIELD_MISSING", message, &missing))
}

/// One JSON value, of the field's type.
fn native(field: &Field, value: &Value) -> Result<Native, Refused> {
    let token = match value {
        Value::Null => return Ok(Native::Null),
        Value::Bool(value) => {
            if field.kind == FieldKind::Boolean {
                return Ok(Native::Bool(*value));
            }
            if *value { "VALUE_TRUE" } else { "VALUE_FALSE" }
        }
        Value::Number(number) => {
            let whole = number.is_i64() || number.is_u64();
            if matches!(field.kind, FieldKind::Double { .. }) || (field.kind == FieldKind::Int && whole) {
                return Ok(Native::Number(number.to_string()));
            }
            if whole { "VALUE_NUMBER_INT" } else { "VALUE_NUMBER_FLOAT" }
        }
        Value::String(text) => {
            if let Some(native) = native_text(&field.kind, text) {
                return Ok(native);
            }
            "VALUE_STRING"
        }
        Value::Array(_) => "START_ARRAY",
        Value::Object(_) => "START_OBJECT",
    };
    // A compound field cannot be written at all; its refusal follows from that and names the field.
    if field.kind == FieldKind::Address {
        return Ok(Native::Object(value.to_string()));
    }
    let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let message = format!(
        "Cannot deserialize instance of {} from {token} value {shown} or request may be missing a required field",
        field.kind.word()
    );
    Err(Refused::request("JSON_PARSER_ERROR", message))
}

fn native_text(kind: &FieldKind, text: &str) -> Option<Native> {
    let valid = match kind {
        FieldKind::Boolean | FieldKind::Double { .. } | FieldKind::Int | FieldKind::Address => false,
        FieldKind::Date => text.is_empty() || (text.len() == 10 && text.parse::<Date>().is_ok()),
        FieldKind::Datetime => text.is_empty() || text.parse::<jiff::Timestamp>().is_ok(),
        _ => true,
    };
    valid.then(|| Native::text(text))
}

/// One value as it is stored.
fn stored(field: &Field, value: Native) -> Result<Native, Refused> {
    let name = field.name.as_str();
    match (&field.kind, value) {
        // A checkbox is never blank. SOAP API guide, "Primitive Data Types", boolean.
        (FieldKind::Boolean, Native::Null) => {
            let message = format!("{}: value not of required type: ", field.label);
            Err(Refused::record("INVALID_TYPE_ON_FIELD_IN_RECORD", message, &[name]))
        }
        (FieldKind::Double { scale }, Native::Number(text)) => {
            let number: f64 = text.parse().unwrap_or_default();
            Ok(Native::Number(format!("{number:.*}", usize::from(*scale))))
        }
        (kind, Native::Text(text)) => {
            // Apex developer guide, "Primitive Data Types": a stored string has no white space at its ends and is never
            // empty. A no-break space is no white space there.
            let text = text.trim_matches(|c: char| c <= ' ');
            if text.is_empty() {
                return Ok(Native::Null);
            }
            fitting(field, kind, text)
        }
        (_, value) => Ok(value),
    }
}

fn fitting(field: &Field, kind: &FieldKind, text: &str) -> Result<Native, Refused> {
    let (name, label) = (field.name.as_str(), field.label.as_str());
    let length = kind.length() as usize;
    if length > 0 && !matches!(kind, FieldKind::Id | FieldKind::Reference(_)) && text.encode_utf16().count() > length {
        let message = format!("{label}: data value too large: {text} (max length={length})");
        return Err(Refused::record("STRING_TOO_LONG", message, &[name]));
    }
    match kind {
        FieldKind::Email if !is_email(text) => {
            let message = format!("{label}: invalid email address: {text}");
            Err(Refused::record("INVALID_EMAIL_ADDRESS", message, &[name]))
        }
        // E-mail fields hold lower case, whatever is written.
        FieldKind::Email => Ok(Native::Text(text.to_lowercase())),
        FieldKind::Picklist(choices) => {
            known(field, choices, text)?;
            Ok(Native::text(text))
        }
        FieldKind::Multipicklist(choices) => set(field, choices, text),
        FieldKind::Reference(_) => ids::normal(text).map(Native::Text).ok_or_else(|| wrong_id(field, text)),
        FieldKind::Date | FieldKind::Datetime => {
            let year: i32 = text.get(..4).and_then(|year| year.parse().ok()).unwrap_or_default();
            // SOQL reference, "Date Formats": from 1700 to 4000.
            if (1700..=4000).contains(&year) {
                return Ok(Native::text(text));
            }
            let message = format!("{label}: invalid date: {text}");
            Err(Refused::record("NUMBER_OUTSIDE_VALID_RANGE", message, &[name]))
        }
        _ => Ok(Native::text(text)),
    }
}

/// The refusal of an id that is none, or is one of another object.
pub(super) fn wrong_id(field: &Field, text: &str) -> Refused {
    let message = format!("{}: id value of incorrect type: {text}", field.label);
    Refused::record("MALFORMED_ID", message, &[&field.name])
}

/// Several choices: each once, in the picklist's own order.
fn set(field: &Field, choices: &Choices, text: &str) -> Result<Native, Refused> {
    let mut picked: Vec<&str> = Vec::new();
    for choice in text.split(';').map(str::trim).filter(|choice| !choice.is_empty()) {
        known(field, choices, choice)?;
        if !picked.contains(&choice) {
            picked.push(choice);
        }
    }
    picked.sort_by_key(|choice| choices.values.iter().position(|value| value == choice).unwrap_or(usize::MAX));
    Ok(if picked.is_empty() { Native::Null } else { Native::Text(picked.join(";")) })
}

fn known(field: &Field, choices: &Choices, text: &str) -> Result<(), Refused> {
    if !choices.restricted || choices.values.iter().any(|value| value == text) {
        return Ok(());
    }
    let message = format!("{}: bad value for restricted picklist field: {text}", field.label);
    Err(Refused::record("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, &[&field.name]))
}

/// Salesforce Help, "Email Address Field": the local part's characters, a dot neither first, last nor doubled, and a
/// domain of at least two labels, all in ASCII.
fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let local_letter = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    let dots = |part: &str| !part.starts_with('.') && !part.ends_with('.') && !part.contains("..");
    let label = |label: &str| {
        !label.starts_with('-') && !label.ends_with('-') && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    };
    let top = domain.rsplit('.').next().unwrap_or_default();
    !local.is_empty()
        && local.len() <= 64
        && local.chars().all(local_letter)
        && dots(local)
        && dots(domain)
        && domain.contains('.')
        && domain.split('.').all(label)
        && top.len() >= 2
        && top.chars().any(|c| c.is_ascii_alphabetic())
}
