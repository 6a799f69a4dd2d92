//! A configuration as text again: every default filled in, every secret as the reference it came from.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use serde_json::{Map, Value};

use super::{Config, ConnectorConfig, SecretReference, SettingValue, field::type_name};
use crate::{
    mapping::{NativeField, Unmapped, Value as Canonical},
    merge::{
        Ambiguous, Back, Blanks, FieldPolicy, FieldRule, FirstRun, Flow, Guards, Keyless, Limit, Mode, OnConflict,
        OnOverride, Side, SyncRules, SystemRules,
    },
};

type Table = Map<String, Value>;

/// The configuration that is in force, in the form of the file, as JSON.
pub fn effective(config: &Config) -> Map<String, Value> {
    let daemon = &config.daemon;
    let mut daemon_table = table([
        ("state_dir", daemon.state_dir.display().to_string().into()),
        ("listen", daemon.listen.to_string().into()),
        ("connector_dirs", texts(daemon.connector_dirs.iter().map(|dir| dir.display().to_string()))),
        ("conflict_log", daemon.conflict_log.display().to_string().into()),
        ("history_days", i64::from(daemon.history_days).into()),
        ("mask_values", daemon.mask_values.into()),
    ]);
    daemon_table.extend(daemon.timezone.clone().map(|zone| ("timezone".to_owned(), zone.into())));
    let connectors: Table = config.connectors.iter().map(|each| (each.name.clone(), connector(each).into())).collect();
    let syncs: Table = config.syncs.iter().map(|each| (each.name.clone(), sync(each).into())).collect();
    table([
        ("version", 1.into()),
        ("daemon", daemon_table.into()),
        ("connectors", connectors.into()),
        ("sync", syncs.into()),
        ("store", table([("kind", "sled".into()), ("cache_mb", i64::from(config.store.cache_mb).into())]).into()),
    ])
}

fn table<const N: usize>(pairs: [(&str, Value); N]) -> Table {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn texts<T: Into<String>>(texts: impl IntoIterator<Item = T>) -> Value {
    Value::Array(texts.into_iter().map(|text| Value::String(text.into())).collect())
}

fn one(name: &str, value: impl Into<Value>) -> Value {
    Value::Object(table([(name, value.into())]))
}

fn connector(config: &ConnectorConfig) -> Table {
    let mut limits =
        table([("daily_share", config.limits.daily_share.into()), ("reserve", config.limits.reserve.into())]);
    limits.extend(config.limits.concurrency.map(|most| ("concurrency".to_owned(), i64::from(most).into())));
    let mut shown = table([("type", config.kind.as_str().into()), ("role", config.role.to_string().into())]);
    for (name, setting) in &config.settings {
        let value = match setting {
            SettingValue::Text(text) | SettingValue::Url(text) => text.as_str().into(),
            SettingValue::Secret(secret) => match &secret.reference {
                SecretReference::Credential(name) => one("credential", name.as_str()),
                SecretReference::File(path) => one("file", path.as_str()),
                SecretReference::Env(name) => one("env", name.as_str()),
                SecretReference::Literal => "(redacted)".into(),
            },
        };
        shown.insert(name.clone(), value);
    }
    shown.insert("limits".to_owned(), limits.into());
    shown
}

pub(super) fn sync(rules: &SyncRules) -> Table {
    let name = |side: Side| rules.systems[side].connector.as_str();
    let both = |value: &dyn Fn(Side) -> Value| -> Value {
        systems(rules).map(|(side, _)| (name(side).to_owned(), value(side))).collect::<Table>().into()
    };
    let external: Table = rules
        .systems
        .iter()
        .filter_map(|(_, system)| Some((system.connector.clone(), system.external_id.clone()?.into())))
        .collect();
    let matching: Vec<Value> = rules
        .matching
        .iter()
        .map(|set| texts(set.iter().map(|index| rules.fields[*index].map.name.as_str())))
        .collect();
    let fields: Table = rules.fields.iter().map(|rule| (rule.map.name.clone(), field(rule, rules).into())).collect();
    let mut shown = table([
        ("between", both(&|side| texts(&rules.systems[side].objects))),
        ("create", both(&|side| rules.systems[side].create.clone().map_or(false.into(), Value::String))),
        ("match", Value::Array(matching)),
        ("ambiguous", ambiguous(rules.ambiguous).into()),
        ("keyless", if rules.keyless == Keyless::Create { "create" } else { "list" }.into()),
        ("every", duration(rules.every).into()),
        ("first_run", if rules.first_run == FirstRun::Go { "go" } else { "plan" }.into()),
        ("mode", if rules.mode == Mode::Observe { "observe" } else { "sync" }.into()),
        (
            "priority",
            texts([rules.priority, rules.priority.other()].map(name).into_iter().filter(|name| !name.is_empty())),
        ),
        ("on_delete", both(&|side| rules.on_delete[side].word().into())),
        ("verify", rules.verify.into()),
        ("delete_grace", duration(rules.delete_grace).into()),
        ("deletions_every", duration(rules.deletions_every).into()),
        ("full_check", duration(rules.full_check).into()),
        ("max_flips", i64::from(rules.max_flips).into()),
        ("clock_uncertainty", duration(rules.clock_uncertainty).into()),
        ("settle", duration(rules.settle).into()),
        ("guards", guards(&rules.guards).into()),
        ("fields", fields.into()),
    ]);
    let when: Table = systems(rules)
        .filter_map(|(_, system)| Some((system.connector.clone(), system.create_when.as_ref()?.source().into())))
        .collect();
    if !when.is_empty() {
        shown.insert("create_when".to_owned(), when.into());
    }
    shown.extend(rules.include.as_ref().map(|rule| ("include".to_owned(), rule.source().into())));
    if !external.is_empty() {
        shown.insert("external_id".to_owned(), external.into());
    }
    shown
}

fn guards(guards: &Guards) -> Table {
    let one = |limit: Limit| -> Value {
        let mut shown = Table::new();
        shown.extend(limit.count.map(|count| ("count".to_owned(), count.into())));
        shown.extend(limit.share.map(|share| ("share".to_owned(), share.into())));
        if shown.is_empty() { false.into() } else { shown.into() }
    };
    table([
        ("window", duration(guards.window).into()),
        ("max_creates", one(guards.max_creates)),
        ("max_updates", one(guards.max_updates)),
        ("max_deletes", one(guards.max_deletes)),
        ("max_blanked", one(guards.max_blanked)),
        ("max_optout_changes", one(guards.max_optout_changes)),
    ])
}

/// The systems that the sync names: an observing one may name a single one.
fn systems(rules: &SyncRules) -> impl Iterator<Item = (Side, &SystemRules)> {
    rules.systems.iter().filter(|(_, system)| !system.connector.is_empty())
}

fn field(rule: &FieldRule, sync: &SyncRules) -> Table {
    let mut shown = table([("type", type_name(rule.map.kind).into())]);
    for (side, system) in sync.systems.iter() {
        let native = by_object(&rule.map.native[side], &system.objects, |native| Some(native.name.as_str().into()));
        shown.extend(native.map(|native| (system.connector.clone(), native)));
    }
    if let Some(region) = &rule.map.region {
        shown.insert("region".to_owned(), region.as_str().into());
    }
    let natives = || rule.map.native.iter().flat_map(|(_, objects)| objects.values());
    if natives().any(|native| native.unmapped == Unmapped::Park) {
        shown.insert("unmapped".to_owned(), "park".into());
    }
    let opt_in = rule.policy.consent.is_some();
    insert_by_system(&mut shown, "blank_as", (rule, sync), |native| {
        (opt_in || !native.blank_as.is_empty()).then(|| texts(&native.blank_as))
    });
    insert_by_system(&mut shown, "default", (rule, sync), |native| native.default.clone().map(Value::String));
    insert_by_system(&mut shown, "fallback", (rule, sync), |native| native.fallback.clone().map(Value::String));
    insert_by_system(&mut shown, "values", (rule, sync), |native| {
        let values = native.values.iter();
        let values: Table = values.map(|(name, natives)| (name.clone(), texts(natives))).collect();
        (!values.is_empty()).then(|| values.into())
    });
    policy(&mut shown, &rule.policy, sync);
    shown.extend(rule.renamed_from.as_ref().map(|old| ("renamed_from".to_owned(), old.as_str().into())));
    shown
}

/// An option that is said by connector.
fn insert_by_system(
    shown: &mut Table,
    option: &str,
    (rule, sync): (&FieldRule, &SyncRules),
    value: impl Fn(&NativeField) -> Option<Value>,
) {
    let mut by_system = Table::new();
    for (side, system) in sync.systems.iter() {
        let objects = &rule.map.native[side];
        let mapped: Vec<String> = objects.keys().cloned().collect();
        by_system.extend(by_object(objects, &mapped, &value).map(|said| (system.connector.clone(), said)));
    }
    if !by_system.is_empty() {
        shown.insert(option.to_owned(), by_system.into());
    }
}

/// What holds on each object; said once where it is the same on `all` of them.
fn by_object(
    natives: &BTreeMap<String, NativeField>,
    all: &[String],
    value: impl Fn(&NativeField) -> Option<Value>,
) -> Option<Value> {
    let said: Table = natives.iter().filter_map(|(object, native)| Some((object.clone(), value(native)?))).collect();
    let first = said.values().next()?;
    let same = said.len() == all.len() && said.values().all(|value| value == first);
    Some(if same { first.clone() } else { said.clone().into() })
}

fn policy(shown: &mut Table, policy: &FieldPolicy, sync: &SyncRules) {
    let name = |side: Side| sync.systems[side].connector.as_str();
    let flow = match policy.flow {
        Flow::Both => "both".to_owned(),
        Flow::From(side) => format!("{} -> {}", name(side), name(side.other())),
    };
    shown.extend(table([
        ("flow", flow.into()),
        ("on_conflict", on_conflict(policy.on_conflict, sync).into()),
        ("first_link", on_conflict(policy.first_link, sync).into()),
        ("blanks", if policy.blanks == Blanks::Ignore { "ignore" } else { "clear" }.into()),
        ("on_override", if policy.on_override == OnOverride::Keep { "keep" } else { "restore" }.into()),
    ]));
    if !policy.order.is_empty() {
        shown.insert("order".to_owned(), texts(policy.order.iter().map(Canonical::to_string)));
    }
    if policy.on_conflict == OnConflict::Furthest {
        shown.insert("back".to_owned(), if policy.back == Back::Refuse { "refuse" } else { "allow" }.into());
    }
    if let Some(consent) = &policy.consent {
        let loosen = consent.may_loosen.iter().filter(|(_, may)| **may).map(|(side, _)| name(side));
        shown.insert("may_loosen".to_owned(), texts(loosen));
        shown.insert("consent".to_owned(), texts(consent.steps.iter().map(Canonical::to_string)));
    }
}

fn on_conflict(policy: OnConflict, sync: &SyncRules) -> String {
    let name = |side: Side| sync.systems[side].connector.as_str();
    match policy {
        OnConflict::Latest => "latest".to_owned(),
        OnConflict::Prefer(side) => format!("prefer {}", name(side)),
        OnConflict::Always(side) => format!("always {}", name(side)),
        OnConflict::Manual => "manual".to_owned(),
        OnConflict::Union => "union".to_owned(),
        OnConflict::Furthest => "furthest".to_owned(),
        OnConflict::Restrictive => "restrictive".to_owned(),
        OnConflict::Max => "max".to_owned(),
        OnConflict::Min => "min".to_owned(),
    }
}

fn ambiguous(ambiguous: Ambiguous) -> &'static str {
    match ambiguous {
        Ambiguous::Review => "review",
        Ambiguous::Oldest => "oldest",
        Ambiguous::Latest => "latest",
    }
}

/// In the largest unit that loses nothing.
fn duration(duration: Duration) -> String {
    let millis = duration.as_millis();
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")];
    match units.into_iter().find(|(unit, _)| millis > 0 && millis.is_multiple_of(*unit)) {
        Some((unit, name)) => format!("{}{name}", millis / unit),
        None if millis == 0 => "0s".to_owned(),
        None => format!("{millis}ms"),
    }
}

/// The configuration that is in force, as a file: it can be read again, unless a secret stood in the file itself.
pub fn effective_toml(config: &Config) -> String {
    let mut out = String::new();
    write_table(&mut out, "", &effective(config));
    out
}

/// Keys in the order given. What has a header in a file that people write has one here; the rest stands in one line.
fn write_table(out: &mut String, path: &str, table: &Table) {
    let depth = path.matches('.').count();
    let below = |name: &str| match path {
        "" => name != "version",
        "connectors" | "sync" => true,
        _ => depth == 1 && matches!(name, "limits" | "fields" | "guards"),
    };
    for (name, value) in table.iter().filter(|(name, _)| !below(name)) {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{} = {}", key(name), inline(value));
    }
    for (name, value) in table.iter().filter(|(name, _)| below(name)) {
        let Value::Object(inner) = value else { continue };
        let path = if path.is_empty() { key(name) } else { format!("{path}.{}", key(name)) };
        if !matches!(path.as_str(), "connectors" | "sync") {
            let _ = writeln!(out, "\n[{path}]");
        }
        write_table(out, &path, inner);
    }
}

fn inline(value: &Value) -> String {
    match value {
        Value::Object(table) => {
            let pairs: Vec<String> =
                table.iter().map(|(name, value)| format!("{} = {}", key(name), inline(value))).collect();
            format!("{{ {} }}", pairs.join(", "))
        }
        Value::Array(list) => format!("[{}]", list.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Value::String(text) => toml::Value::from(text.as_str()).to_string(),
        Value::Bool(_) | Value::Number(_) | Value::Null => value.to_string(),
    }
}

fn key(name: &str) -> String {
    let bare = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    if bare { name.to_owned() } else { toml::Value::from(name).to_string() }
}
