//! Where a field lives: native names by connector and object, and what is said there by connector or by object.

use std::collections::BTreeMap;

use jiff::{Timestamp, civil::Date};
use rust_decimal::Decimal;
use toml::de::DeValue;

use super::{
    between::Scope,
    diagnostics::Span,
    document::{Group, Item, Reading, items},
    field::type_name,
    nearest,
};
use crate::{
    mapping::{FieldType, NativeField},
    merge::{Pair, Side},
};

/// One native name in the file.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) side: Side,
    pub(super) object: String,
    pub(super) native: String,
    pub(super) at: Span,
}

/// By side, by object: what the field is there.
pub(super) type Natives = Pair<BTreeMap<String, NativeField>>;

/// The native names.
pub(super) fn places(cx: &mut Reading<'_>, group: &Group<'_>, scope: &Scope) -> Vec<Place> {
    let mut found = Vec::new();
    for side in scope.sides() {
        let system = &scope.systems[side];
        let Some(item) = group.item(&system.connector) else {
            if group.lacks(&system.connector) {
                report_unmapped(cx, group, scope, side);
            }
            continue;
        };
        match item.value {
            DeValue::Table(table) => {
                for inner in items(table) {
                    let object = system.object(cx, inner.key, inner.key_at);
                    let native = native_name(cx, inner);
                    found.extend(object.zip(native).map(|(object, native)| Place {
                        side,
                        object,
                        native,
                        at: inner.at,
                    }));
                }
            }
            _ => {
                if let Some(native) = native_name(cx, item) {
                    let every = system.objects.iter();
                    let place =
                        |object: &String| Place { side, object: object.clone(), native: native.clone(), at: item.at };
                    found.extend(every.map(place));
                }
            }
        }
    }
    found
}

/// A field has a place on both sides; but where leaving is the opt-out, a consent needs none.
fn report_unmapped(cx: &mut Reading<'_>, group: &Group<'_>, scope: &Scope, side: Side) {
    let system = &scope.systems[side];
    let name = &system.connector;
    let other = &scope.systems[side.other()].connector;
    if system.restricts && group.item("consent").is_some() && group.item(other).is_some() {
        let message = format!("who opts out in `{other}` stays in `{name}`, where {} has no place", group.title);
        cx.warn(group.at, message, format!("map it for `{name}` if it can be said there, or take them out by hand"));
        return;
    }
    let message = format!("{} is not mapped for `{name}`", group.title);
    cx.error(group.at, message, format!("write `{name} = \"…\"` with its native name there, or remove the field"));
}

fn native_name(cx: &mut Reading<'_>, item: Item<'_>) -> Option<String> {
    let name = cx.text(item)?;
    if name.chars().any(|c| c.is_control() || c.is_whitespace()) {
        cx.error(
            item.at,
            format!("`{}` cannot be a native name", name.escape_debug()),
            "write the API name, not the label",
        );
        return None;
    }
    Some(name.to_owned())
}

/// What an option says, by object: `crm = …` for every object on which the field is mapped there, `crm.Lead = …` for
/// one. `is_leaf` tells the one from the other.
pub(super) fn by_object<'i>(
    cx: &mut Reading<'_>,
    group: &Group<'i>,
    (option, is_leaf): (&str, fn(&DeValue<'_>) -> bool),
    scope: &Scope,
    native: &Natives,
) -> Vec<(Side, String, Item<'i>)> {
    let Some((item, _)) = group.entry(option) else { return Vec::new() };
    let Some(table) = item.value.as_table() else {
        let [left, right] = scope.names();
        cx.wrong_type(
            item,
            "a table by connector",
            format!("write `{option} = {{ {left} = … }}` or `{{ {right} = … }}`"),
        );
        return Vec::new();
    };
    let mut found = Vec::new();
    for inner in items(table) {
        let Some(side) = scope.named(cx, inner.key, inner.key_at) else { continue };
        if is_leaf(inner.value) {
            found.extend(native[side].keys().map(|object| (side, object.clone(), inner)));
            continue;
        }
        let Some(objects) = cx.table(inner) else { continue };
        for leaf in items(objects) {
            if native[side].contains_key(leaf.key) {
                found.push((side, leaf.key.to_owned(), leaf));
            } else {
                let message = format!("{} is not mapped on `{}` of `{}`", group.title, leaf.key, inner.key);
                let hint = nearest::suggest(leaf.key, native[side].keys().map(String::as_str));
                cx.error(leaf.key_at, message, hint);
            }
        }
    }
    found
}

pub(super) fn blank_as(cx: &mut Reading<'_>, group: &Group<'_>, scope: &Scope, native: &mut Natives) {
    for (side, object, item) in by_object(cx, group, ("blank_as", |value| !value.is_table()), scope, native) {
        let Some(list) = cx.texts(item) else { continue };
        if let Some(field) = native[side].get_mut(&object) {
            field.blank_as = list.into_iter().map(|(text, _)| text.to_owned()).collect();
        }
    }
}

pub(super) fn defaults(
    cx: &mut Reading<'_>,
    group: &Group<'_>,
    scope: &Scope,
    (kind, native): (FieldType, &mut Natives),
) {
    if let Some(item) = group.item("default")
        && group.item("consent").is_some()
    {
        cx.error(item.key_at, "a consent is never given by `default`", "remove `default`");
        return;
    }
    for (side, object, item) in by_object(cx, group, ("default", |value| !value.is_table()), scope, native) {
        let Some(field) = native[side].get_mut(&object) else { continue };
        let Some(text) = literal(cx, item) else { continue };
        let listed = field.values.iter().any(|(_, natives)| natives.contains(&text));
        if listed || fits(&text, kind) {
            field.default = Some(text);
        } else {
            let message = format!("the `default` `{text}` is not of the type `{}`", type_name(kind));
            cx.error(item.at, message, default_hint(kind));
        }
    }
}

/// Whom a user is written as where nobody active has the right address.
pub(super) fn fallbacks(
    cx: &mut Reading<'_>,
    group: &Group<'_>,
    scope: &Scope,
    (kind, native): (FieldType, &mut Natives),
) {
    if let Some(item) = group.item("fallback")
        && kind != FieldType::User
    {
        cx.error(item.key_at, "`fallback` is for users only", "remove it, or write `type = \"user\"`");
        return;
    }
    for (side, object, item) in by_object(cx, group, ("fallback", |value| !value.is_table()), scope, native) {
        let Some(field) = native[side].get_mut(&object) else { continue };
        let Some(text) = cx.text(item) else { continue };
        if fits(text, FieldType::Email) {
            field.fallback = Some(text.to_owned());
        } else {
            cx.error(
                item.at,
                format!("the `fallback` `{text}` is no e-mail address"),
                "write the address of an active user there",
            );
        }
    }
}

/// A native value as it is written: text, or a number or a truth value without quotes.
fn literal(cx: &mut Reading<'_>, item: Item<'_>) -> Option<String> {
    match item.value {
        DeValue::Boolean(truth) => Some(truth.to_string()),
        DeValue::Integer(number) => Some(number.to_string()),
        DeValue::Float(number) => Some(number.to_string()),
        DeValue::Datetime(time) => Some(time.to_string()),
        _ => cx.text(item).map(str::to_owned),
    }
}

fn fits(text: &str, kind: FieldType) -> bool {
    match kind {
        FieldType::Integer => text.parse::<i64>().is_ok(),
        FieldType::Decimal => text.parse::<Decimal>().is_ok(),
        FieldType::Bool => matches!(text, "true" | "false"),
        FieldType::Date => text.parse::<Date>().is_ok(),
        FieldType::Datetime => text.parse::<Timestamp>().is_ok(),
        FieldType::Email => text.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty()),
        FieldType::Text | FieldType::Phone | FieldType::Url | FieldType::Choice | FieldType::Set | FieldType::User => {
            true
        }
    }
}

fn default_hint(kind: FieldType) -> &'static str {
    match kind {
        FieldType::Integer => "write a whole number",
        FieldType::Decimal => "write a number",
        FieldType::Bool => "write `true` or `false`, or a native that `values` lists",
        FieldType::Date => "write a day: \"2026-01-31\"",
        FieldType::Datetime => "write a time in UTC: \"2026-01-31T00:00:00Z\"",
        FieldType::Email => "write an e-mail address",
        _ => "write text",
    }
}
