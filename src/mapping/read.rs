//! Native to canonical.

use std::{borrow::Cow, collections::BTreeSet};

use hymnal_sdk::Native;
use unicode_normalization::{UnicodeNormalization, is_nfc_quick};

use super::{
    email,
    field::{FieldMap, FieldType, NativeField, Problem, Unmapped},
    moment, number, phone,
    problem::{UNMAPPED_CHOICE, UNPARSABLE, shown},
    user,
    value::Value,
    web,
};
use crate::planted::{self, Planted};

/// What a native value means in the field's type.
///
/// Blank are null, empty, what `blank_as` lists, and the place's own `default`: it was written because the service
/// wanted something there. What cannot be read is a [`Problem`] and never a guess.
pub fn read(map: &FieldMap, place: &NativeField, native: &Native) -> Result<Value, Problem> {
    if native.is_blank() {
        return Ok(Value::Blank);
    }
    if map.kind == FieldType::Set {
        return set(map, place, native);
    }
    let text = scalar(map, native)?;
    if is_placeholder(place, &text) {
        return Ok(Value::Blank);
    }
    if map.kind == FieldType::User {
        return user::read(map, place, &text);
    }
    let text = name_of(map, place, &text)?;
    Ok(match map.kind {
        FieldType::Text | FieldType::Choice | FieldType::User | FieldType::Set => normal_text(&text),
        FieldType::Email => Value::Email(email::parse(&map.name, &text)?),
        FieldType::Phone => Value::Phone(phone::parse(&map.name, map.region.as_deref(), &text)?),
        FieldType::Url => Value::Text(web::parse(&map.name, &text)?),
        FieldType::Bool => Value::Bool(number::bool(&map.name, &text)?),
        FieldType::Integer => Value::Integer(number::integer(&map.name, &text)?),
        FieldType::Decimal => Value::Decimal(number::decimal(&map.name, &text)?),
        FieldType::Date => Value::Date(moment::date(&map.name, &text)?),
        FieldType::Datetime => Value::Datetime(moment::datetime(&map.name, &text)?),
    })
}

/// Two natives mean the same. What cannot be read is the same only as itself.
pub fn same_native(map: &FieldMap, place: &NativeField, a: &Native, b: &Native) -> bool {
    a == b || matches!((read(map, place, a), read(map, place, b)), (Ok(a), Ok(b)) if a == b)
}

/// NFC and trimmed; blank if nothing is left.
pub(super) fn normal_text(text: &str) -> Value {
    let text = if planted::is(Planted::KeepSpaces) { text } else { text.trim() };
    match is_nfc_quick(text.chars()) {
        _ if text.is_empty() => Value::Blank,
        unicode_normalization::IsNormalized::Yes => Value::Text(text.to_owned()),
        _ => Value::Text(text.nfc().collect()),
    }
}

fn scalar<'a>(map: &FieldMap, native: &'a Native) -> Result<Cow<'a, str>, Problem> {
    match native {
        Native::Text(text) | Native::Number(text) => Ok(Cow::Borrowed(text)),
        Native::Bool(true) => Ok(Cow::Borrowed("true")),
        Native::Bool(false) => Ok(Cow::Borrowed("false")),
        Native::Null => Ok(Cow::Borrowed("")),
        Native::List(_) | Native::Object(_) => {
            let message = format!("`{}` holds {}, which is more than one value", map.name, shown(&native.to_string()));
            Err(Problem::new(UNPARSABLE, message, "map a field that holds a single value, or set `type = \"set\"`"))
        }
    }
}

/// Compared trimmed and without case: people and services spell `n/a` and `(unknown)` as they like.
fn is_placeholder(place: &NativeField, text: &str) -> bool {
    place.blank_as.iter().chain(&place.default).any(|listed| same_but_for_case(listed, text))
}

fn same_but_for_case(a: &str, b: &str) -> bool {
    let (a, b) = (a.trim(), b.trim());
    a == b || (a.len() < 200 && b.len() < 200 && a.to_lowercase() == b.to_lowercase())
}

/// The canonical name of a native one.
///
/// The exact spelling first, so that options which differ only by case stay two; then without case, since
/// administrators re-case labels.
fn name_of<'a>(map: &FieldMap, place: &'a NativeField, text: &'a str) -> Result<Cow<'a, str>, Problem> {
    if place.values.is_empty() {
        return Ok(Cow::Borrowed(text));
    }
    let listed = |same: &dyn Fn(&str) -> bool| {
        place.values.iter().find(|(_, natives)| natives.iter().any(|native| same(native))).map(|(name, _)| name)
    };
    if let Some(name) =
        listed(&|native| native.trim() == text.trim()).or_else(|| listed(&|native| same_but_for_case(native, text)))
    {
        return Ok(Cow::Borrowed(name));
    }
    match place.unmapped {
        Unmapped::Keep => Ok(Cow::Borrowed(text)),
        Unmapped::Park => Err(Problem::new(
            UNMAPPED_CHOICE,
            format!("`{}` holds {}, which `values` does not list for `{}`", map.name, shown(text), place.name),
            "add it to the field's `values`, or set `unmapped = \"keep\"`",
        )),
    }
}

/// Several choices: a list, or text joined by `;`. Empty ones are dropped: Salesforce and HubSpot write `;a;b` too.
fn set(map: &FieldMap, place: &NativeField, native: &Native) -> Result<Value, Problem> {
    let parts: Vec<Cow<'_, str>> = if let Native::List(items) = native {
        items.iter().map(|item| scalar(map, item)).collect::<Result<_, _>>()?
    } else {
        let text = scalar(map, native)?;
        if is_placeholder(place, &text) {
            return Ok(Value::Blank);
        }
        text.split(';').map(|part| Cow::Owned(part.to_owned())).collect()
    };
    let mut items = BTreeSet::new();
    for part in parts {
        if part.trim().is_empty() || is_placeholder(place, &part) {
            continue;
        }
        if let Value::Text(item) = normal_text(&name_of(map, place, &part)?) {
            items.insert(item);
        }
    }
    Ok(if items.is_empty() { Value::Blank } else { Value::Set(items) })
}
