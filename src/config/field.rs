//! `[sync.NAME.fields]`: one line a field.

use std::collections::BTreeMap;

use super::{
    between::Scope,
    diagnostics::Span,
    document::{Group, Item, Reading, items},
    keys,
    places::{self, Place},
    policy, values,
};
use crate::{
    mapping::{FieldMap, FieldType, NativeField, Unmapped},
    merge::{FieldRule, OnConflict, Pair, Side},
};

/// A field with where it stands in the file.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) rule: FieldRule,
    pub(super) at: Span,
    /// Where each native name stands.
    pub(super) places: Vec<Place>,
}

pub(super) fn fields(cx: &mut Reading<'_>, group: &Group<'_>, scope: &Scope, first_link: OnConflict) -> Vec<Draft> {
    let Some(item) = group.item("fields") else {
        let hint = format!("write a `[sync.{}.fields]` with at least `email`", scope.sync);
        cx.error(group.at, format!("`fields` is missing in {}", group.title), hint);
        return Vec::new();
    };
    let Some(table) = cx.table(item) else { return Vec::new() };
    items(table).into_iter().filter_map(|item| field(cx, item, scope, first_link)).collect()
}

fn field(cx: &mut Reading<'_>, item: Item<'_>, scope: &Scope, first_link: OnConflict) -> Option<Draft> {
    if !is_name(item.key) {
        let message = format!("`{}` cannot be the name of a field", item.key.escape_debug());
        cx.error(item.key_at, message, "use letters, digits and `_`, a letter first");
    }
    if !item.value.is_table() {
        let [left, right] = scope.names();
        cx.wrong_type(item, "a table", format!("write `{} = {{ {left} = \"…\", {right} = \"…\" }}`", item.key));
        return None;
    }
    let group = Group::open(cx, item, format!("the field `{}`", item.key), &keys::FIELD, &scope.names())?;
    let kind = kind(cx, &group);
    let places = places::places(cx, &group, scope);
    let policy = policy::policy(cx, &group, scope, (kind, first_link));
    let region = region(cx, &group, kind);
    let unmapped = match group.choice(cx, "unmapped") {
        Some("park") => Unmapped::Park,
        _ => Unmapped::Keep,
    };
    let mut native = Pair::<BTreeMap<String, NativeField>>::default();
    for place in &places {
        let field = NativeField { name: place.native.clone(), unmapped, ..NativeField::default() };
        native[place.side].insert(place.object.clone(), field);
    }
    places::blank_as(cx, &group, scope, &mut native);
    values::values(cx, &group, scope, (kind, &mut native));
    values::refuse_values_outside_order(cx, &group, &native);
    places::defaults(cx, &group, scope, (kind, &mut native));
    places::fallbacks(cx, &group, scope, (kind, &mut native));
    policy::refuse_silent_opt_in(cx, &group, scope, kind);
    let renamed_from = group.text(cx, "renamed_from").map(|(old, _)| old.to_owned());
    let map = FieldMap { name: item.key.to_owned(), kind, region, native };
    Some(Draft { rule: FieldRule { map, policy, renamed_from }, at: item.key_at, places })
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && !name.contains(|c: char| !c.is_ascii_alphanumeric() && c != '_')
}

fn kind(cx: &mut Reading<'_>, group: &Group<'_>) -> FieldType {
    match group.choice(cx, "type") {
        Some("email") => FieldType::Email,
        Some("phone") => FieldType::Phone,
        Some("url") => FieldType::Url,
        Some("bool") => FieldType::Bool,
        Some("integer") => FieldType::Integer,
        Some("decimal") => FieldType::Decimal,
        Some("date") => FieldType::Date,
        Some("datetime") => FieldType::Datetime,
        Some("choice") => FieldType::Choice,
        Some("set") => FieldType::Set,
        Some("user") => FieldType::User,
        _ => FieldType::Text,
    }
}

fn region(cx: &mut Reading<'_>, group: &Group<'_>, kind: FieldType) -> Option<String> {
    let written = group.text(cx, "region");
    match (written, kind) {
        (Some((region, at)), FieldType::Phone) => {
            if region.parse::<phonenumber::country::Id>().is_err() {
                cx.error(at, format!("`{region}` is not a region"), "write a country code of two letters: \"US\"");
            }
            Some(region.to_owned())
        }
        (Some(_), _) => {
            let at = group.item("region").map_or(group.at, |item| item.key_at);
            cx.error(at, "`region` is for phones only", "remove it, or write `type = \"phone\"`");
            None
        }
        (None, FieldType::Phone) if group.item("region").is_none() => {
            let message = format!("{} is a phone without a `region`", group.title);
            cx.error(group.at, message, "write the region of numbers without a country code: `region = \"US\"`");
            None
        }
        (None, _) => None,
    }
}

/// What creations need, from `default`: by object, by native name.
pub(super) fn defaults(fields: &[Draft], side: Side) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut defaults = BTreeMap::<String, BTreeMap<String, String>>::new();
    for draft in fields {
        for (object, native) in &draft.rule.map.native[side] {
            if let Some(value) = &native.default {
                defaults.entry(object.clone()).or_default().insert(native.name.clone(), value.clone());
            }
        }
    }
    defaults
}

/// The canonical type as the configuration writes it.
pub(super) fn type_name(kind: FieldType) -> &'static str {
    match kind {
        FieldType::Text => "text",
        FieldType::Email => "email",
        FieldType::Phone => "phone",
        FieldType::Url => "url",
        FieldType::Bool => "bool",
        FieldType::Integer => "integer",
        FieldType::Decimal => "decimal",
        FieldType::Date => "date",
        FieldType::Datetime => "datetime",
        FieldType::Choice => "choice",
        FieldType::Set => "set",
        FieldType::User => "user",
    }
}
