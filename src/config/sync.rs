//! `[sync.NAME]`: which two systems, which objects, and the rules of the whole sync.

use std::{collections::BTreeMap, time::Duration};

use toml::de::DeValue;

use super::{
    catalog::Role,
    clashes,
    connectors::{Connectors, refuse_odd_name},
    diagnostics::Span,
    document::{Group, Item, Reading, items},
    field::{self, Draft},
    keys, nearest, policy,
};
use crate::merge::{Ambiguous, FirstRun, Keyless, OnConflict, Pair, Side, SyncRules, SystemRules};

/// The two systems of a sync, as everything else in it sees them.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    pub(super) sync: String,
    pub(super) systems: Pair<System>,
}

/// One of the two.
#[derive(Clone, Debug)]
pub(super) struct System {
    pub(super) connector: String,
    pub(super) objects: Vec<String>,
    role: Option<Role>,
}

impl Scope {
    /// The side of the connector of that name.
    pub(super) fn side(&self, connector: &str) -> Option<Side> {
        Side::BOTH.into_iter().find(|side| self.systems[*side].connector == connector)
    }

    /// The names of both connectors.
    pub(super) fn names(&self) -> [&str; 2] {
        Side::BOTH.map(|side| self.systems[side].connector.as_str())
    }

    /// The side that somebody names, or a report that says whom they could name.
    pub(super) fn named(&self, cx: &mut Reading<'_>, name: &str, at: Span) -> Option<Side> {
        let side = self.side(name);
        if side.is_none() {
            let message = format!("`{name}` is not one of the two connectors of `[sync.{}]`", self.sync);
            cx.error(at, message, nearest::suggest(name, self.names()));
        }
        side
    }
}

pub(super) fn syncs(cx: &mut Reading<'_>, root: &Group<'_>, connectors: &Connectors) -> Vec<SyncRules> {
    let table = root.item("sync").and_then(|item| cx.table(item));
    let mut syncs = Vec::new();
    let mut drafts = Vec::new();
    for item in table.into_iter().flat_map(items) {
        refuse_odd_name(cx, item, "sync");
        let title = format!("`[sync.{}]`", item.key);
        let Some(group) = Group::open(cx, item, title, &keys::SYNC, &[]) else { continue };
        if let Some((rules, fields)) = sync(cx, item, &group, connectors) {
            syncs.push(rules);
            drafts.push(fields);
        }
    }
    clashes::refuse(cx, &syncs, &drafts);
    if root.item("sync").is_none() {
        cx.warn(Span::default(), "no `[sync.…]` is there, so nothing is kept the same", "write one: `[sync.people]`");
    } else {
        for (name, _) in connectors {
            let used = syncs.iter().any(|sync| sync.systems.iter().any(|(_, system)| system.connector == *name));
            let item = root.item("connectors").and_then(|item| item.value.as_table());
            let item = item.into_iter().flat_map(items).find(|item| item.key == name);
            if let (false, Some(item)) = (used || syncs.is_empty(), item) {
                cx.warn(
                    item.key_at,
                    format!("no sync uses the connector `{name}`"),
                    "name it in a `between`, or remove it",
                );
            }
        }
    }
    syncs
}

fn sync<'a>(
    cx: &mut Reading<'_>,
    item: Item<'a>,
    group: &Group<'a>,
    connectors: &Connectors,
) -> Option<(SyncRules, Vec<Draft>)> {
    let timing = Timing::read(cx, group);
    let ambiguous = match group.choice(cx, "ambiguous") {
        Some("oldest") => Ambiguous::Oldest,
        Some("latest") => Ambiguous::Latest,
        _ => Ambiguous::Review,
    };
    let keyless = match group.choice(cx, "keyless") {
        Some("create") => Keyless::Create,
        _ => Keyless::List,
    };
    let first_run = match group.choice(cx, "first_run") {
        Some("go") => FirstRun::Go,
        _ => FirstRun::Plan,
    };
    group.choice(cx, "mode");
    let verify = group.truth(cx, "verify").unwrap_or(true);
    // Everything below is about the two systems. Without them it would only be said again for each field.
    let scope = scope(cx, item.key, group, connectors)?;
    refuse_deletions(cx, group, &scope);
    let create = create(cx, group, &scope);
    let external_id = external_id(cx, group, &scope);
    let priority = priority(cx, group, &scope);
    let first_link = policy::sync_first_link(cx, group, &scope).unwrap_or(OnConflict::Prefer(priority));
    let fields = field::fields(cx, group, &scope, first_link);
    let matching = matching(cx, group, &fields);
    let mut systems = Pair::from_fn(|side| SystemRules {
        connector: scope.systems[side].connector.clone(),
        objects: scope.systems[side].objects.clone(),
        create: create[side].clone(),
        external_id: external_id[side].clone(),
        defaults: BTreeMap::new(),
    });
    for (side, system) in [(Side::Left, &mut systems.left), (Side::Right, &mut systems.right)] {
        system.defaults = field::defaults(&fields, side);
    }
    let rules = SyncRules {
        name: item.key.to_owned(),
        systems,
        fields: fields.iter().map(|draft| draft.rule.clone()).collect(),
        matching,
        ambiguous,
        keyless,
        priority,
        every: timing.every,
        first_run,
        verify,
        delete_grace: timing.delete_grace,
        deletions_every: timing.deletions_every,
        max_flips: timing.max_flips,
        clock_uncertainty: timing.clock_uncertainty,
        settle: timing.settle,
    };
    Some((rules, fields))
}

struct Timing {
    every: Duration,
    delete_grace: Duration,
    deletions_every: Duration,
    max_flips: u32,
    clock_uncertainty: Duration,
    settle: Duration,
}

impl Timing {
    fn read(cx: &mut Reading<'_>, group: &Group<'_>) -> Self {
        Self {
            every: group.duration(cx, "every").unwrap_or(Duration::from_secs(30)),
            delete_grace: group.duration(cx, "delete_grace").unwrap_or(Duration::from_mins(15)),
            deletions_every: group.duration(cx, "deletions_every").unwrap_or(Duration::from_mins(5)),
            max_flips: group.whole(cx, "max_flips").unwrap_or(3),
            clock_uncertainty: group.duration(cx, "clock_uncertainty").unwrap_or(Duration::from_secs(5)),
            settle: group.duration(cx, "settle").unwrap_or(Duration::from_secs(10)),
        }
    }
}

fn scope(cx: &mut Reading<'_>, name: &str, group: &Group<'_>, connectors: &Connectors) -> Option<Scope> {
    let hint = "write `between = { marketing = \"contacts\", crm = \"Contact\" }` with two of your connectors";
    let Some(item) = group.item("between") else {
        cx.error(group.at, format!("`between` is missing in {}", group.title), hint);
        return None;
    };
    let named = items(cx.table(item)?);
    let systems: Vec<System> = named.iter().map(|named| system(cx, *named, connectors)).collect();
    let Ok([left, right]) = <[System; 2]>::try_from(systems) else {
        let message = format!("`between` must name exactly two connectors, and names {}", named.len());
        cx.error(item.key_at, message, hint);
        return None;
    };
    Some(Scope { sync: name.to_owned(), systems: Pair::new(left, right) })
}

fn system(cx: &mut Reading<'_>, item: Item<'_>, connectors: &Connectors) -> System {
    let found = connectors.iter().find(|(name, _)| name == item.key);
    if found.is_none() {
        let hint = match connectors.as_slice() {
            [] => format!("write a `[connectors.{}]`", item.key),
            some => nearest::suggest(item.key, some.iter().map(|(name, _)| name.as_str())),
        };
        cx.error(item.key_at, format!("there is no connector `{}`", item.key), hint);
    }
    let config = found.and_then(|(_, config)| config.as_ref());
    let declared = config.and_then(|config| cx.catalog.get(&config.kind)).and_then(|kind| kind.objects.as_ref());
    let mut objects = Vec::new();
    for (object, at) in written_objects(cx, item) {
        if objects.iter().any(|other| other == object) {
            cx.error(at, format!("`{object}` is named twice"), "keep one of them");
        } else if let Some(declared) = declared
            && !declared.iter().any(|known| known == object)
        {
            let hint = nearest::suggest(object, declared.iter().map(String::as_str));
            cx.error(at, format!("`{}` has no object `{object}`", item.key), hint);
        }
        objects.push(object.to_owned());
    }
    System { connector: item.key.to_owned(), objects, role: config.map(|config| config.role) }
}

fn written_objects<'i>(cx: &mut Reading<'_>, item: Item<'i>) -> Vec<(&'i str, Span)> {
    match item.value {
        DeValue::Array(list) if list.is_empty() => {
            cx.error(item.at, format!("`{}` names no object", item.key), "name at least one, the preferred one first");
            Vec::new()
        }
        DeValue::Array(_) => cx.texts(item).unwrap_or_default(),
        _ => cx.text(item).map(|object| vec![(object, item.at)]).unwrap_or_default(),
    }
}

/// What stands under each of the two connectors of a key.
fn by_system<'i>(cx: &mut Reading<'_>, group: &Group<'i>, name: &str, scope: &Scope) -> Vec<(Side, Item<'i>)> {
    let Some((item, _)) = group.entry(name) else { return Vec::new() };
    let Some(table) = cx.table(item) else { return Vec::new() };
    let named = items(table).into_iter();
    named.filter_map(|inner| scope.named(cx, inner.key, inner.key_at).map(|side| (side, inner))).collect()
}

fn create(cx: &mut Reading<'_>, group: &Group<'_>, scope: &Scope) -> Pair<Option<String>> {
    let mut create = Pair::default();
    if group.item("create").is_some_and(|item| item.value.as_bool() == Some(false)) {
        return create;
    }
    for (side, item) in by_system(cx, group, "create", scope) {
        match item.value.as_bool() {
            Some(false) => {}
            Some(true) => cx.wrong_type(item, "an object or `false`", "write the object that people are created as"),
            None => {
                create[side] = cx.text(item).and_then(|object| known_object(cx, object, item.at, &scope.systems[side]))
            }
        }
    }
    create
}

/// An object of the sync.
fn known_object(cx: &mut Reading<'_>, object: &str, at: Span, system: &System) -> Option<String> {
    if !system.objects.iter().any(|known| known == object) {
        let message = format!("`{object}` is not an object that `between` names for `{}`", system.connector);
        cx.error(at, message, nearest::suggest(object, system.objects.iter().map(String::as_str)));
        return None;
    }
    Some(object.to_owned())
}

fn external_id(cx: &mut Reading<'_>, group: &Group<'_>, scope: &Scope) -> Pair<Option<String>> {
    let mut external_id = Pair::default();
    for (side, item) in by_system(cx, group, "external_id", scope) {
        let Some(name) = cx.text(item) else { continue };
        let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !starts || name.contains(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
            let message = format!("`{name}` cannot be the native name of a field");
            cx.error(item.at, message, "name a unique field that is Hymnal's alone: \"Hymnal_Id__c\"");
        } else {
            external_id[side] = Some(name.to_owned());
        }
    }
    external_id
}

/// Only `unlink` works now, which is the default: what is read is checked and changes nothing.
fn refuse_deletions(cx: &mut Reading<'_>, group: &Group<'_>, scope: &Scope) {
    if let Some((_, keys::Key { shape: keys::Shape::OneOfBySystem(choices), .. })) = group.entry("on_delete") {
        for (_, item) in by_system(cx, group, "on_delete", scope) {
            if let Some(text) = item.value.as_str()
                && choices.unbuilt.contains(&text)
            {
                let message = format!("`on_delete` = `{text}` is not built yet, and is refused rather than ignored");
                cx.error(item.at, message, "write \"unlink\"");
            } else {
                cx.choice(item, choices);
            }
        }
    }
}

fn priority(cx: &mut Reading<'_>, group: &Group<'_>, scope: &Scope) -> Side {
    let sales = |side: Side| scope.systems[side].role == Some(Role::Sales);
    let default = if sales(Side::Right) && !sales(Side::Left) { Side::Right } else { Side::Left };
    let Some(named) = group.texts(cx, "priority") else { return default };
    let sides: Vec<Side> = named.iter().filter_map(|(name, at)| scope.named(cx, name, *at)).collect();
    match sides.as_slice() {
        [first, second] if first != second => *first,
        _ if sides.len() < named.len() => default,
        _ => {
            let hint = format!("write `priority = [\"{}\"]`", scope.names().join("\", \""));
            cx.error(
                group.item("priority").map_or(group.at, |item| item.at),
                "`priority` must name both connectors, each once",
                hint,
            );
            default
        }
    }
}

fn matching(cx: &mut Reading<'_>, group: &Group<'_>, fields: &[Draft]) -> Vec<Vec<usize>> {
    let Some((item, _)) = group.entry("match") else {
        let email = fields.iter().position(|field| field.rule.map.name == "email");
        if email.is_none() && group.item("fields").is_some() {
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
        matching.push(names.into_iter().filter_map(|(name, at)| key_field(cx, name, at, fields)).collect());
    }
    matching
}

/// A field that people can be matched by.
fn key_field(cx: &mut Reading<'_>, name: &str, at: Span, fields: &[Draft]) -> Option<usize> {
    let Some(index) = fields.iter().position(|field| field.rule.map.name == name) else {
        let names = fields.iter().map(|field| field.rule.map.name.as_str());
        cx.error(at, format!("`match` names `{name}`, which is no field of the sync"), nearest::suggest(name, names));
        return None;
    };
    use crate::mapping::FieldType;
    if matches!(fields[index].rule.map.kind, FieldType::Bool | FieldType::Set) {
        cx.error(
            at,
            format!("`{name}` cannot tell people apart"),
            "match by a field that does: an e-mail, a phone, a number",
        );
        return None;
    }
    Some(index)
}
