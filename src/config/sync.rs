//! `[sync.NAME]`: which two systems, which objects, and the rules of the whole sync.

use std::{collections::BTreeMap, time::Duration};

use super::{
    between::{self, Scope},
    catalog::Role,
    clashes,
    connectors::{Connectors, refuse_odd_name},
    diagnostics::{Severity, Span},
    document::{Group, Item, Reading, items},
    field::{self, Draft},
    guards, keys, matching, policy, renamed, scope,
};
use crate::merge::{Ambiguous, FirstRun, Keyless, Mode, OnConflict, OnDelete, Pair, Side, SyncRules, SystemRules};

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
    warn_of_idle(cx, root, &syncs);
    syncs
}

/// Warns of what is there and does nothing. Beside errors it would only be noise.
fn warn_of_idle(cx: &mut Reading<'_>, root: &Group<'_>, syncs: &[SyncRules]) {
    if root.lacks("sync") {
        cx.warn(Span::default(), "no `[sync.…]` is there, so nothing is kept the same", "write one: `[sync.people]`");
        return;
    }
    if cx.found.iter().any(|found| found.severity == Severity::Error) {
        return;
    }
    let table = root.item("connectors").and_then(|item| item.value.as_table());
    for item in table.into_iter().flat_map(items) {
        let used = syncs.iter().any(|sync| sync.systems.iter().any(|(_, system)| system.connector == item.key));
        if !used {
            let hint = "name it in a `between`, or remove it";
            cx.warn(item.key_at, format!("no sync uses the connector `{}`", item.key), hint);
        }
    }
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
    let guards = guards::guards(cx, group);
    let verify = group.truth(cx, "verify").unwrap_or(true);
    // Everything below is about the two systems. Without them it would only be said again for each field.
    let mut scope = between::scope(cx, item.key, group, connectors)?;
    let mode = if scope.observes { Mode::Observe } else { Mode::Sync };
    let create = create(cx, group, &scope);
    let on_delete = on_delete(cx, group, &scope, &create);
    scope.systems.left.restricts = on_delete.left == OnDelete::Restrict;
    scope.systems.right.restricts = on_delete.right == OnDelete::Restrict;
    let external_id = external_id(cx, group, &scope);
    let priority = priority(cx, group, &scope);
    let first_link = policy::sync_first_link(cx, group, &scope).unwrap_or(OnConflict::Prefer(priority));
    let fields = field::fields(cx, group, &scope, first_link);
    refuse_idle_restriction(cx, group, (&on_delete, &fields));
    let matching = matching::matching(cx, group, &fields);
    renamed::refuse(cx, group, &fields);
    let include = scope::include(cx, group, &fields);
    let create_when = scope::create_when(cx, group, &scope, (&create, &fields));
    matching::refuse_keyless_creations(cx, group, (&scope, &create), (&fields, &matching));
    let mut systems = Pair::from_fn(|side| SystemRules {
        connector: scope.systems[side].connector.clone(),
        objects: scope.systems[side].objects.clone(),
        create: create[side].clone(),
        create_when: create_when[side].clone(),
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
        include,
        mode,
        ambiguous,
        keyless,
        priority,
        every: timing.every,
        first_run,
        verify,
        guards,
        delete_grace: timing.delete_grace,
        deletions_every: timing.deletions_every,
        on_delete,
        full_check: timing.full_check,
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
    full_check: Duration,
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
            full_check: group.duration(cx, "full_check").unwrap_or(Duration::from_hours(24)),
            max_flips: group.whole(cx, "max_flips").unwrap_or(3),
            clock_uncertainty: group.duration(cx, "clock_uncertainty").unwrap_or(Duration::from_secs(5)),
            settle: group.duration(cx, "settle").unwrap_or(Duration::from_secs(10)),
        }
    }
}

/// What stands under each of the two connectors of a key.
pub(super) fn by_system<'i>(
    cx: &mut Reading<'_>,
    group: &Group<'i>,
    name: &str,
    scope: &Scope,
) -> Vec<(Side, Item<'i>)> {
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
            None => create[side] = cx.text(item).and_then(|object| scope.systems[side].object(cx, object, item.at)),
        }
    }
    create
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

/// What is done on the other side about a deletion seen on this one.
fn on_delete(cx: &mut Reading<'_>, group: &Group<'_>, scope: &Scope, create: &Pair<Option<String>>) -> Pair<OnDelete> {
    let mut on_delete = Pair::default();
    let Some((_, keys::Key { shape: keys::Shape::OneOfBySystem(choices), .. })) = group.entry("on_delete") else {
        return on_delete;
    };
    for (side, item) in by_system(cx, group, "on_delete", scope) {
        on_delete[side] = match cx.choice(item, choices) {
            Some("archive") => OnDelete::Archive,
            Some("delete") => OnDelete::Delete,
            Some("recreate") => OnDelete::Recreate,
            Some("restrict") => OnDelete::Restrict,
            _ => OnDelete::Unlink,
        };
        if on_delete[side] == OnDelete::Recreate && create[side].is_none() {
            let name = &scope.systems[side].connector;
            let message = format!("`on_delete` makes records of `{name}` again, and `create` makes none there");
            cx.error(item.at, message, format!("say by `create = {{ {name} = \"…\" }}` what they are made as"));
        }
    }
    on_delete
}

/// `restrict` restricts the consent fields, and there must be one.
fn refuse_idle_restriction(cx: &mut Reading<'_>, group: &Group<'_>, (on_delete, fields): (&Pair<OnDelete>, &[Draft])) {
    let restricts = on_delete.iter().any(|(_, rule)| *rule == OnDelete::Restrict);
    let has_consent = fields.iter().any(|draft| draft.rule.policy.consent.is_some());
    if let Some(item) = group.item("on_delete").filter(|_| restricts && !has_consent) {
        let hint = "map the opt-out with `consent = [open, …, restricted]`, or write \"unlink\"";
        cx.error(item.at, "`on_delete` = `restrict` has no consent field to restrict", hint);
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
