//! `values`: canonical values and their natives, by connector or by object.

use std::collections::{BTreeMap, BTreeSet};

use toml::de::DeValue;

use super::{
    between::Scope,
    diagnostics::Span,
    document::{Group, Item, Reading, items},
    field::type_name,
    nearest,
    places::{Natives, by_object},
};
use crate::{
    mapping::{FieldType, Value},
    merge::Side,
};

/// The types whose values have names.
fn has_values(kind: FieldType) -> bool {
    matches!(kind, FieldType::Bool | FieldType::Choice | FieldType::Set)
}

pub(super) fn values(
    cx: &mut Reading<'_>,
    group: &Group<'_>,
    scope: &Scope,
    (kind, native): (FieldType, &mut Natives),
) {
    for name in ["values", "unmapped"] {
        if let Some(item) = group.item(name)
            && !has_values(kind)
        {
            let message = format!("`{name}` does not go with `type = \"{}\"`", type_name(kind));
            cx.error(item.key_at, message, "write `type = \"choice\"`, `\"set\"` or `\"bool\"`, or remove it");
        }
    }
    // Natives under canonical values are text or a list; tables there are objects.
    let canonical = |value: &DeValue<'_>| {
        let inner = value.as_table().map(items).unwrap_or_default();
        value.is_table() && !inner.iter().any(|item| item.value.is_table())
    };
    for (side, object, item) in by_object(cx, group, ("values", canonical), scope, native) {
        let Some(listed) = listed(cx, item, kind) else { continue };
        if let Some(field) = native[side].get_mut(&object) {
            field.values = listed;
        }
    }
}

fn listed(cx: &mut Reading<'_>, item: Item<'_>, kind: FieldType) -> Option<Vec<(String, Vec<String>)>> {
    let table = cx.table(item)?;
    let mut listed = Vec::new();
    let mut meaning = BTreeMap::<String, String>::new();
    for inner in items(table) {
        if kind == FieldType::Bool && !matches!(inner.key, "true" | "false") {
            cx.error(inner.key_at, format!("`{}` is no value of a `bool`", inner.key), "write `true` and `false`");
        }
        let mut natives = Vec::new();
        for (native, at) in natives_of(cx, inner) {
            let native = native.to_owned();
            if let Some(other) = meaning.insert(native.clone(), inner.key.to_owned()) {
                let message = format!("the native `{native}` stands for both `{other}` and `{}`", inner.key);
                cx.error(at, message, "a native has one meaning: keep one of them");
            }
            natives.push(native);
        }
        listed.push((inner.key.to_owned(), natives));
    }
    Some(listed)
}

fn natives_of<'i>(cx: &mut Reading<'_>, item: Item<'i>) -> Vec<(&'i str, Span)> {
    match item.value {
        DeValue::Array(list) if list.is_empty() => {
            cx.error(item.at, format!("`{}` lists no native", item.key), "write at least one: the first is written");
            Vec::new()
        }
        DeValue::Array(_) => cx.texts(item).unwrap_or_default(),
        _ => cx.text(item).map(|native| vec![(native, item.at)]).unwrap_or_default(),
    }
}

/// A value that `values` names and `order` (or `consent`) does not has no place in it: one of the two is mistyped.
pub(super) fn refuse_values_outside_order(cx: &mut Reading<'_>, group: &Group<'_>, native: &Natives) {
    for option in ["order", "consent"] {
        let Some(item) = group.item(option) else { continue };
        let listed = item.value.as_array().into_iter().flatten().filter_map(|value| value.get_ref().as_str());
        let order: Vec<String> = listed.map(str::to_owned).collect();
        let named: BTreeSet<&String> = Side::BOTH
            .into_iter()
            .flat_map(|side| native[side].values())
            .flat_map(|field| field.values.iter().map(|(canonical, _)| canonical))
            .collect();
        for canonical in named.into_iter().filter(|canonical| !order.contains(canonical)) {
            let message = format!("`values` names `{canonical}`, which `{option}` does not");
            let listed: Vec<&str> = order.iter().map(String::as_str).collect();
            let hint = match nearest::nearest(canonical, &listed) {
                Some(near) => format!("`{option}` has `{near}`: write both the same"),
                None => format!("add it to `{option}`, or remove it from `values`"),
            };
            cx.error(item.at, message, hint);
        }
    }
}

/// The list of a canonical order, `order` or `consent`, as values of the type.
pub(super) fn ordered(cx: &mut Reading<'_>, group: &Group<'_>, option: &str, kind: FieldType) -> Option<Vec<Value>> {
    let written = group.texts(cx, option)?;
    let at = group.item(option).map_or(group.at, |item| item.at);
    let mut values = Vec::new();
    for (text, at) in &written {
        let value = match (kind, *text) {
            (FieldType::Bool, "true") => Some(Value::Bool(true)),
            (FieldType::Bool, "false") => Some(Value::Bool(false)),
            (FieldType::Choice | FieldType::Text, text) if !text.trim().is_empty() => {
                Some(Value::Text(text.to_owned()))
            }
            (FieldType::Integer, text) => text.parse().ok().map(Value::Integer),
            _ => None,
        };
        match value {
            Some(value) if values.contains(&value) => {
                cx.error(*at, format!("`{option}` names `{text}` twice"), "keep one of them");
            }
            Some(value) => values.push(value),
            None => {
                let message = format!("`{text}` is no value of `type = \"{}\"`", type_name(kind));
                let hint = match kind {
                    FieldType::Bool => "write \"true\" and \"false\"",
                    _ => "an order is of `choice`, `bool`, `integer` or `text`",
                };
                cx.error(*at, message, hint);
            }
        }
    }
    if written.len() < 2 {
        cx.error(at, format!("`{option}` needs at least two values"), "write them all, first to last");
    }
    Some(values)
}
