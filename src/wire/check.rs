//! What can only be known by asking: logins, schemas, and whether the mapping fits them.

use std::{fmt, os::unix::fs::MetadataExt};

use hymnal_sdk::{Call, Clock, Connector, NativeKind, Schema, SchemaField, Whereto};
use serde::Serialize;

use super::{App, Running, State, replace::store_of};
use crate::{
    config::Config,
    cycle::account::{another, pinned},
    mapping::{FieldType, People},
    merge::{FieldRule, OnDelete, Side},
    store::{Batch, Kv, StoreError, tables::account},
};

/// Something that a person should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Whether it ends the check.
    pub severity: Severity,
    /// The connector.
    pub connector: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: String,
}

/// Whether a finding ends the check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The mapping cannot work.
    Mapping,
    /// The system could not be asked.
    System,
    /// It works, and is worth a look.
    Advice,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.severity {
            Severity::Mapping | Severity::System => "error",
            Severity::Advice => "warning",
        };
        write!(f, "{word}: `{}`: {}", self.connector, self.message)?;
        if self.hint.is_empty() { Ok(()) } else { write!(f, "\nhint: {}", self.hint) }
    }
}

/// Asks every system, and compares what it says with the mapping.
pub async fn systems(app: &App, call: &Call) -> Vec<Finding> {
    let mut findings = Vec::new();
    for running in &app.syncs {
        for side in Side::BOTH {
            one_system(running, side, call, &mut findings).await;
        }
    }
    findings.dedup();
    findings
}

async fn one_system(running: &Running, side: Side, call: &Call, findings: &mut Vec<Finding>) {
    let system = &running.sync.systems[side];
    if !one_account(running, side, call, findings).await {
        return;
    }
    users(running, side, call, findings).await;
    for object in &system.objects {
        findings.extend(deletion(running, side, &object.name));
        match system.connector.describe(call, &object.name).await {
            Ok(schema) => {
                let compare =
                    Compare { running, side, object: &object.name, schema: &schema, connector: &*system.connector };
                compare.all(findings);
            }
            Err(error) => findings.push(Finding {
                severity: Severity::System,
                connector: system.name.clone(),
                message: format!("`{}` could not be described: {error}", object.name),
                hint: error.hint.clone().unwrap_or_default(),
            }),
        }
    }
}

/// Whether users can be read where a field needs them, and each `fallback` is one of them.
async fn users(running: &Running, side: Side, call: &Call, findings: &mut Vec<Finding>) {
    let (rules, system) = (&running.sync.committer.rules, &running.sync.systems[side]);
    let mapped = rules.fields.iter().filter(|rule| rule.map.kind == FieldType::User);
    let places: Vec<_> =
        mapped.flat_map(|rule| rule.map.native[side].values().map(move |place| (rule, place))).collect();
    if places.is_empty() {
        return;
    }
    let mut add = |severity, message: String, hint: &str| {
        findings.push(Finding { severity, connector: system.name.clone(), message, hint: hint.to_owned() });
    };
    let people = match system.connector.users(call).await {
        Ok(users) if users.is_empty() => {
            let hint = "map the field with another type: no user can be matched by e-mail";
            return add(
                Severity::Mapping,
                "the service names no users, and a field is of `type = \"user\"`".to_owned(),
                hint,
            );
        }
        Ok(users) => People::of(&users),
        Err(error) => {
            let hint = error
                .hint
                .clone()
                .unwrap_or_else(|| "let the login read users (HubSpot: crm.objects.owners.read)".to_owned());
            return add(Severity::System, format!("the users could not be read: {error}"), &hint);
        }
    };
    for (rule, place) in places {
        if let Some(fallback) = place.fallback.as_deref().filter(|fallback| people.id(fallback).is_none()) {
            let message = format!("field `{}`: the `fallback` `{fallback}` is no active user", rule.map.name);
            add(Severity::Mapping, message, "write the e-mail address of an active user");
        }
    }
}

/// Whether what `on_delete` wants done in this system is what its service does.
fn deletion(running: &Running, side: Side, object: &str) -> Option<Finding> {
    let rules = &running.sync.committer.rules;
    let system = &running.sync.systems[side];
    let rule = rules.on_delete[side.other()];
    let capable = system.connector.capabilities(object).filter(|_| rule.removes())?;
    let key = format!("`on_delete` = `{}` of `{}`", rule.word(), running.sync.systems[side.other()].name);
    let (severity, message, hint) = if capable.delete_batch == 0 {
        let message = format!("{key}: records of `{object}` cannot be deleted here");
        (Severity::Mapping, message, "write \"unlink\"")
    } else {
        match (rule, capable.deleted) {
            (OnDelete::Archive, Whereto::Nowhere) => {
                let message = format!("{key}: `{object}` has no bin here: what is deleted is gone for good");
                (Severity::Mapping, message, "write \"unlink\", or \"delete\" if that is what you want")
            }
            (OnDelete::Delete, Whereto::Bin) => {
                let message =
                    format!("{key}: what is deleted from `{object}` goes to the bin here, as with \"archive\"");
                (Severity::Advice, message, "write \"archive\": the service has no other way")
            }
            _ => return None,
        }
    };
    Some(Finding { severity, connector: system.name.clone(), message, hint: hint.to_owned() })
}

/// Copies from the state directory which account each connector belongs to. Nothing is copied where there is no state
/// yet, where it is another user's (opening it would leave files in it that its owner cannot write), or where it does
/// not open: a daemon that has it open refuses another account by itself, and damage is told by whoever runs on it.
///
/// # Errors
/// Those of `into`.
pub fn remember_accounts(config: &Config, into: &dyn Kv, clock: &dyn Clock) -> Result<(), StoreError> {
    let dir = &config.daemon.state_dir;
    let is_ours = std::fs::metadata(store_of(dir).join("store.json"))
        .is_ok_and(|card| card.uid() == rustix::process::geteuid().as_raw());
    if !is_ours {
        return Ok(());
    }
    let Ok(state) = State::open(dir, config.store.cache_mb, clock) else { return Ok(()) };
    let mut batch = Batch::default();
    for connector in &config.connectors {
        if let Ok(Some(known)) = pinned(&*state.store, &connector.name) {
            batch.put(account(&connector.name), known.into_bytes());
        }
    }
    into.commit(batch)
}

/// Whether the login opens an account; and it is the one that the state knows.
async fn one_account(running: &Running, side: Side, call: &Call, findings: &mut Vec<Finding>) -> bool {
    let system = &running.sync.systems[side];
    let known = pinned(&*running.sync.committer.store, &system.name).ok().flatten();
    // A schema that the manifest declares is no answer of the service: it alone would prove no login.
    let met = match system.connector.account(call).await {
        Ok(met) => met,
        Err(error) => {
            findings.push(Finding {
                severity: Severity::System,
                connector: system.name.clone(),
                message: format!("the login failed: {error}"),
                hint: error.hint.clone().unwrap_or_default(),
            });
            return false;
        }
    };
    if let Some(known) = known.filter(|known| *known != met) {
        let error = another(&system.name, &known, &met);
        findings.push(Finding {
            severity: Severity::Mapping,
            connector: system.name.clone(),
            message: error.message,
            hint: error.hint.unwrap_or_default(),
        });
    }
    true
}

/// One object's schema against the mapping.
struct Compare<'a> {
    running: &'a Running,
    side: Side,
    object: &'a str,
    schema: &'a Schema,
    connector: &'a dyn Connector,
}

impl Compare<'_> {
    fn all(&self, findings: &mut Vec<Finding>) {
        let rules = &self.running.sync.committer.rules;
        for rule in &rules.fields {
            if let Some(place) = rule.map.native[self.side].get(self.object) {
                self.one(rule, &place.name, findings);
            }
        }
        let system = &rules.systems[self.side];
        if let Some(key) = &system.external_id
            && system.create.as_deref() == Some(self.object)
        {
            match self.schema.field(key) {
                None => self.add(
                    Severity::Mapping,
                    findings,
                    format!("`external_id`: `{}` has no field `{key}`", self.object),
                    "make a unique field of that name, or take `external_id` out",
                ),
                Some(field) if !field.unique => self.add(
                    Severity::Mapping,
                    findings,
                    format!("`external_id`: `{key}` of `{}` is not unique", self.object),
                    "mark it as unique (Salesforce: External ID and Unique)",
                ),
                Some(_) => {}
            }
        }
        self.required(findings);
    }

    fn one(&self, rule: &FieldRule, native: &str, findings: &mut Vec<Finding>) {
        let name = &rule.map.name;
        let Some(field) = self.schema.field(native) else {
            let names = self.schema.fields.iter().map(|field| field.name.as_str());
            let near =
                names.min_by_key(|known| strsim::damerau_levenshtein(&known.to_lowercase(), &native.to_lowercase()));
            let hint = near
                .map(|near| format!("did you mean `{near}`? A field that the login may not see is missing too"))
                .unwrap_or_default();
            return self.add(
                Severity::Mapping,
                findings,
                format!("field `{name}`: `{}` has no field `{native}`", self.object),
                &hint,
            );
        };
        let written = rule.policy.flow.into_side(self.side);
        if written && !field.updateable && !field.createable {
            self.add(
                Severity::Mapping,
                findings,
                format!("field `{name}`: `{native}` of `{}` is read only, and would have to be written", self.object),
                &format!("add `flow = \"{} -> {}\"`", self.name(self.side), self.name(self.side.other())),
            );
        }
        self.barred(rule, field, findings);
        if !fits(rule.map.kind, field) {
            self.add(
                Severity::Advice,
                findings,
                format!(
                    "field `{name}`: `{native}` of `{}` holds {:?}, mapped as {:?}",
                    self.object, field.kind, rule.map.kind
                )
                .to_lowercase(),
                "values that cannot be written are parked",
            );
        }
    }

    /// Options that a write must not set, among those that are mapped.
    fn barred(&self, rule: &FieldRule, field: &SchemaField, findings: &mut Vec<Finding>) {
        let Some(place) = rule.map.native[self.side].get(self.object) else { return };
        let enters = rule.policy.flow.into_side(self.side);
        for (canonical, natives) in place.values.iter().filter(|_| enters) {
            let Some(native) = natives.first().filter(|native| field.barred.contains(native)) else { continue };
            self.add(
                Severity::Mapping,
                findings,
                format!(
                    "field `{}`: `{canonical}` would be written as `{native}`, which `{}` gets by a conversion alone",
                    rule.map.name, self.object
                ),
                "list another native first, or let the field flow out of here only",
            );
        }
    }

    /// Fields that a creation needs and nothing gives.
    fn required(&self, findings: &mut Vec<Finding>) {
        let rules = &self.running.sync.committer.rules;
        if rules.systems[self.side].create.as_deref() != Some(self.object) {
            return;
        }
        for field in self.schema.fields.iter().filter(|field| field.required && field.createable) {
            let mapped = rules.fields.iter().filter_map(|rule| rule.map.native[self.side].get(self.object));
            let place = mapped.into_iter().find(|place| place.name == field.name);
            if place.is_none_or(|place| place.default.is_none()) {
                let what = if place.is_some() { "may be blank" } else { "is not mapped" };
                self.add(
                    Severity::Advice,
                    findings,
                    format!("`{}` needs `{}` at creation, which {what}", self.object, field.name),
                    &format!("give it a `default = {{ {} = \"…\" }}`", self.name(self.side)),
                );
            }
        }
    }

    fn add(&self, severity: Severity, findings: &mut Vec<Finding>, message: String, hint: &str) {
        let _ = self.connector;
        findings.push(Finding { severity, connector: self.name(self.side).to_owned(), message, hint: hint.to_owned() });
    }

    fn name(&self, side: Side) -> &str {
        &self.running.sync.systems[side].name
    }
}

fn fits(kind: FieldType, field: &SchemaField) -> bool {
    match kind {
        FieldType::Bool => matches!(field.kind, NativeKind::Bool | NativeKind::Choice),
        FieldType::Integer | FieldType::Decimal => matches!(field.kind, NativeKind::Number | NativeKind::Text),
        FieldType::Date => matches!(field.kind, NativeKind::Date | NativeKind::Text),
        FieldType::Datetime => matches!(field.kind, NativeKind::Datetime | NativeKind::Text),
        FieldType::Set => matches!(field.kind, NativeKind::Set | NativeKind::Text),
        FieldType::Choice => matches!(field.kind, NativeKind::Choice | NativeKind::Text),
        FieldType::Text | FieldType::Email | FieldType::Phone | FieldType::Url | FieldType::User => true,
    }
}
