//! From a service's JSON to a record's fields, and back.

use hymnal_sdk::{Fields, Native};

use super::{children, record::Wanted};
use crate::{
    json::Json,
    manifest::{
        layout::{Custom, Derived, Layout},
        object::Object,
    },
    render::{self, Fillings},
};

/// The fields of a record.
pub(super) fn read(object: &Object, json: &Json, wanted: Wanted<'_>) -> Fields {
    let mut fields = plain(object, json, wanted);
    if let Some(custom) = &object.custom {
        fields.extend(own(custom, json, wanted));
    }
    let derived = object.derived.iter().filter(|(name, _)| match wanted {
        Wanted::Named(asked) => asked.contains(name),
        Wanted::Answered => true,
    });
    fields.extend(derived.filter_map(|(name, derived)| Some((name.clone(), made(derived, json)?))));
    fields
}

/// Fields that stand where the service's own do.
fn plain(object: &Object, json: &Json, wanted: Wanted<'_>) -> Fields {
    let is_elsewhere = |name: &str| {
        object.derived.contains_key(name) || object.custom.as_ref().is_some_and(|custom| custom.named.fits(name))
    };
    let is_source = |name: &str| {
        object.derived.values().any(|derived| source(derived) == name)
            || object.custom.as_ref().is_some_and(|custom| place(&custom.fields) == name)
    };
    let all = |entries: &Json, leave_out: &[String]| -> Fields {
        let Json::Object(entries) = entries else { return Fields::new() };
        entries
            .iter()
            .filter(|(name, _)| !leave_out.contains(name) && !object.system_fields.contains(name))
            .filter(|(name, _)| !is_elsewhere(name) && !is_source(name))
            .map(|(name, value)| (name.clone(), value.to_native()))
            .collect()
    };
    let some = |entries: &Json, asked: &[String]| -> Fields {
        let asked = asked.iter().filter(|name| !is_elsewhere(name));
        asked.filter_map(|name| Some((name.clone(), value(entries, name)?))).collect()
    };
    match (&object.fields, wanted) {
        (Layout::Map { path }, Wanted::Answered) => json.at(path).map(|map| all(map, &[])).unwrap_or_default(),
        (Layout::Map { path }, Wanted::Named(asked)) => json.at(path).map(|map| some(map, asked)).unwrap_or_default(),
        (Layout::Flat { leave_out }, Wanted::Answered) => all(json, leave_out),
        (Layout::Flat { .. }, Wanted::Named(asked)) => some(json, asked),
        (Layout::Pairs { path, name, value }, wanted) => {
            let pairs = json.at(path).map(Json::items).unwrap_or_default();
            paired(pairs, name, value).filter(|(name, _)| is_wanted(name, wanted)).collect()
        }
    }
}

fn is_wanted(name: &String, wanted: Wanted<'_>) -> bool {
    match wanted {
        Wanted::Named(asked) => asked.contains(name),
        Wanted::Answered => true,
    }
}

fn paired<'a>(pairs: &'a [Json], name: &'a str, value: &'a str) -> impl Iterator<Item = (String, Native)> + 'a {
    pairs.iter().filter_map(move |pair| Some((pair.at(name)?.as_text()?, pair.at(value)?.to_native())))
}

/// A field's value; a field of a related record that is not there is `null`.
fn value(entries: &Json, name: &str) -> Option<Native> {
    if let Some(found) = entries.at(name) {
        return Some(found.to_native());
    }
    let (parent, _) = name.rsplit_once('.')?;
    matches!(entries.at(parent), Some(Json::Null)).then_some(Native::Null)
}

/// Fields of the users' own making. One that is missing from a place that is there is blank, where the service leaves
/// blanks out.
fn own(custom: &Custom, json: &Json, wanted: Wanted<'_>) -> Fields {
    let Some(found) = json.at(place(&custom.fields)) else { return Fields::new() };
    let mut fields: Fields = match &custom.fields {
        Layout::Pairs { name, value, .. } => paired(found.items(), name, value).collect(),
        Layout::Map { .. } | Layout::Flat { .. } => {
            let Json::Object(entries) = found else { return Fields::new() };
            entries.iter().map(|(name, value)| (name.clone(), value.to_native())).collect()
        }
    };
    fields.retain(|name, _| is_wanted(name, wanted));
    if let (Wanted::Named(asked), true) = (wanted, custom.omits_blanks) {
        for name in asked.iter().filter(|name| custom.named.fits(name)) {
            fields.entry(name.clone()).or_insert(Native::Null);
        }
    }
    fields
}

/// The key of the record under which a layout's fields stand.
fn place(layout: &Layout) -> &str {
    match layout {
        Layout::Map { path } | Layout::Pairs { path, .. } => path,
        Layout::Flat { .. } => "",
    }
}

fn source(derived: &Derived) -> &str {
    match derived {
        Derived::Primary { path, .. } | Derived::Listed { path, .. } | Derived::Child { path, .. } => path,
    }
}

/// What a derived field is now; `None` where its source was withheld.
fn made(derived: &Derived, json: &Json) -> Option<Native> {
    let list = json.rows(&format!("{}.*", source(derived)))?;
    Some(match derived {
        Derived::Primary { value, flag, .. } => {
            first_in_rank(&list, flag).and_then(|at| list.get(at)?.at(value)).map_or(Native::Null, Json::to_native)
        }
        Derived::Child { kind, value, .. } => children::first(&list, kind.as_ref())
            .and_then(|child| child.at(value))
            .map_or(Native::Null, Json::to_native),
        Derived::Listed { key, word, .. } => {
            Native::Bool(list.iter().any(|item| item.at(key).and_then(Json::as_text).as_ref() == Some(word)))
        }
    })
}

fn first_in_rank(list: &[Json], flag: &str) -> Option<usize> {
    list.iter().position(|item| item.at(flag).is_some_and(Json::is_true)).or_else(|| (!list.is_empty()).then_some(0))
}

/// Whether writing this field takes the record as it is.
pub(super) fn needs_before(object: &Object, name: &str) -> bool {
    matches!(object.derived.get(name), Some(Derived::Primary { .. } | Derived::Child { .. }))
}

/// Fields as the service takes them: each where it belongs. `before` is the record as it is, for lists of which one item
/// is replaced; `fillings` are those of the request.
///
/// # Errors
/// `Fatal` for a value that cannot be spelled.
pub(super) fn written(
    object: &Object,
    fields: &Fields,
    before: Option<&Json>,
    fillings: &Fillings,
) -> hymnal_sdk::Result<Json> {
    let mut entries: Vec<(String, Json)> = Vec::new();
    for (name, value) in fields {
        let json = Json::from(value);
        match (object.derived.get(name), object.custom.as_ref().filter(|custom| custom.named.fits(name))) {
            (Some(derived), _) => into_list(derived, json, before, fillings, &mut entries)?,
            (None, Some(custom)) => into_own(&custom.fields, name, json, &mut entries),
            (None, None) => entries.push((name.clone(), json)),
        }
    }
    Ok(Json::Object(entries))
}

/// The entry of that name, made where it is missing.
fn entry<'a>(entries: &'a mut Vec<(String, Json)>, name: &str, new: Json) -> &'a mut Json {
    let at = entries.iter().position(|(known, _)| known == name).unwrap_or(entries.len());
    if at == entries.len() {
        entries.push((name.to_owned(), new));
    }
    &mut entries[at].1
}

fn into_own(layout: &Layout, name: &str, json: Json, entries: &mut Vec<(String, Json)>) {
    match layout {
        Layout::Pairs { path, name: name_key, value } => {
            let pair = Json::Object(vec![(name_key.clone(), Json::text(name)), (value.clone(), json)]);
            if let Json::List(pairs) = entry(entries, path, Json::List(Vec::new())) {
                pairs.push(pair);
            }
        }
        Layout::Map { path } => {
            if let Json::Object(map) = entry(entries, path, Json::Object(Vec::new())) {
                map.push((name.to_owned(), json));
            }
        }
        Layout::Flat { .. } => entries.push((name.to_owned(), json)),
    }
}

fn into_list(
    derived: &Derived,
    json: Json,
    before: Option<&Json>,
    fillings: &Fillings,
    entries: &mut Vec<(String, Json)>,
) -> hymnal_sdk::Result<()> {
    match derived {
        Derived::Primary { path, value, flag } => {
            let mut list = before.and_then(|record| record.at(path)).map(Json::items).unwrap_or_default().to_vec();
            replace_first(&mut list, value, flag, json);
            entries.push((path.clone(), Json::List(list)));
        }
        Derived::Listed { path, yes, no, .. } => {
            let item = render::fill(if json.is_true() { yes } else { no }, fillings)?;
            if let Json::List(items) = entry(entries, path, Json::List(Vec::new())) {
                items.extend(item);
            }
        }
        Derived::Child { path, .. } => {
            let command = children::command(derived, json, before, fillings)?;
            if let Json::List(commands) = entry(entries, path, Json::List(Vec::new())) {
                commands.extend(command);
            }
        }
    }
    Ok(())
}

/// Gives the first in rank another value, or takes it out where that is blank: the next, if any, takes its place.
fn replace_first(list: &mut Vec<Json>, value: &str, flag: &str, json: Json) {
    let first = first_in_rank(list, flag);
    let is_blank = json == Json::Null || json == Json::text("");
    match first {
        Some(at) if is_blank => {
            list.remove(at);
            if let Some(next) = list.first_mut() {
                set(next, flag, Json::Bool(true));
            }
        }
        Some(at) => set(&mut list[at], value, json),
        None if is_blank => {}
        None => list.push(Json::Object(vec![(value.to_owned(), json), (flag.to_owned(), Json::Bool(true))])),
    }
}

fn set(item: &mut Json, key: &str, json: Json) {
    if let Json::Object(entries) = item {
        *entry(entries, key, Json::Null) = json;
    }
}
