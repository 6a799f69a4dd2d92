//! `match`: the key sets that people are matched by.

use super::{
    between::Scope,
    diagnostics::Span,
    document::{Group, Item, Reading, items},
    field::Draft,
    nearest,
};
use crate::{
    mapping::FieldType,
    merge::{Pair, Side},
};

/// Reads the key sets: each a list of indexes into the fields.
pub(super) fn matching(cx: &mut Reading<'_>, group: &Group<'_>, fields: &[Draft]) -> Vec<Vec<usize>> {
    let Some((item, _)) = group.entry("match") else {
        let email = fields.iter().position(|field| field.rule.map.name == "email");
        // A sync without fields was reported as that, and a field that does not read is there all the same.
        if email.is_none() && group.item("fields").is_some() && !written(group).contains(&"email") {
            let hint = "map `email`, or write `match = [[\"…\"]]` with fields that are there";
            cx.error(group.at, format!("{} maps no `email`, by which people are matched", group.title), hint);
        }
        return email.map(|index| vec![vec![index]]).unwrap_or_default();
    };
    let hint = "write key sets of canonical names: `match = [[\"email\"], [\"last_name\", \"phone\"]]`";
    let Some(sets) = item.value.as_array() else {
        cx.wrong_type(item, "a list of key sets", hint);
        return Vec::new();
    };
    if sets.is_empty() {
        cx.error(item.at, "`match` holds no key set", hint);
    }
    let mut matching = Vec::new();
    for set in sets {
        let set_item = Item { value: set.get_ref(), at: set.span().into(), ..item };
        if !set.get_ref().is_array() {
            cx.error(set_item.at, "a key set of `match` must be a list", hint);
            continue;
        }
        let Some(names) = cx.texts(set_item) else { continue };
        if names.is_empty() {
            cx.error(set_item.at, "a key set of `match` is empty", hint);
        }
        matching.push(names.into_iter().filter_map(|(name, at)| key_field(cx, group, (name, at), fields)).collect());
    }
    matching
}

/// The names of the fields as they stand in the file, whether they read or not.
fn written<'a>(group: &Group<'a>) -> Vec<&'a str> {
    let table = group.item("fields").and_then(|item| item.value.as_table());
    table.into_iter().flat_map(items).map(|item| item.key).collect()
}

/// A field that people can be matched by.
fn key_field(cx: &mut Reading<'_>, group: &Group<'_>, (name, at): (&str, Span), fields: &[Draft]) -> Option<usize> {
    let Some(index) = fields.iter().position(|field| field.rule.map.name == name) else {
        let names = written(group);
        if !names.contains(&name) {
            let message = format!("`match` names `{name}`, which is no field of the sync");
            cx.error(at, message, nearest::suggest(name, names));
        }
        return None;
    };
    if matches!(fields[index].rule.map.kind, FieldType::Bool | FieldType::Set) {
        let hint = "match by a field that does: an e-mail, a phone, a number";
        cx.error(at, format!("`{name}` cannot tell people apart"), hint);
        return None;
    }
    Some(index)
}

/// Whoever is created must be found again: some key set must be mapped on that object as a whole.
pub(super) fn refuse_keyless_creations(
    cx: &mut Reading<'_>,
    group: &Group<'_>,
    (scope, create): (&Scope, &Pair<Option<String>>),
    (fields, matching): (&[Draft], &[Vec<usize>]),
) {
    for side in Side::BOTH {
        let Some(object) = &create[side] else { continue };
        let places = |index: &usize| &fields[*index].rule.map.native[side];
        let mapped_somewhere = matching.iter().flatten().all(|index| !places(index).is_empty());
        let found_again = matching.iter().any(|set| set.iter().all(|index| places(index).contains_key(object)));
        if mapped_somewhere && !matching.is_empty() && !found_again {
            let connector = &scope.systems[side].connector;
            let at = group.item("create").map_or(group.at, |item| item.at);
            let message =
                format!("no key set of `match` is mapped on `{object}` of `{connector}`, where people are created");
            cx.error(
                at,
                message,
                format!("map its fields on `{object}`: who is created there could not be found again"),
            );
        }
    }
}
