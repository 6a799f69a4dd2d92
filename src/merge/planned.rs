//! What a push would write to one member, change by change, with the rule behind each: what a plan shows, and what
//! `apply` compares with before it writes.

use std::collections::BTreeMap;

use hymnal_sdk::{Address, Fields};
use serde::{Deserialize, Serialize};

use super::{
    context::Context,
    entity::{Entity, Field, Want},
    patch::{Change, Patch, draft, patch, restricts},
    policy::OnConflict,
    rules::FieldRule,
    secondary::secondary_patch,
    side::Side,
};
use crate::mapping::{self, Problem, Value};

/// What kind of change it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// A record is made.
    Create,
    /// A blank field gets a value.
    Fill,
    /// A value is replaced by another.
    Overwrite,
    /// A value is cleared.
    Clear,
    /// A person is opted out.
    OptOut,
    /// Any other change of a consent.
    Consent,
    /// A record is deleted, because the other side's was.
    Delete,
}

impl ChangeKind {
    /// All, in the order in which they are shown.
    pub const ALL: [Self; 7] =
        [Self::Create, Self::Fill, Self::Overwrite, Self::Clear, Self::OptOut, Self::Consent, Self::Delete];
}

/// One change that a push would make on a side.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    /// What kind.
    pub kind: ChangeKind,
    /// The object of the record that is changed or made.
    pub object: String,
    /// The record that is changed; for a creation the one on the other side that it is made of.
    pub record: (Side, Address),
    /// The canonical field; empty for a creation and a deletion.
    pub field: String,
    /// What stands there.
    pub old: Value,
    /// What is to stand there.
    pub new: NewValue,
    /// What goes over the wire.
    pub sends: Fields,
    /// The rule that decided.
    pub rule: String,
    /// The side that the value came from; `None` where it was made of both.
    pub from: Option<Side>,
}

/// What is to stand there.
#[derive(Clone, Debug, PartialEq)]
pub enum NewValue {
    /// A value.
    Value(Value),
    /// A record: its values by canonical field.
    Record(BTreeMap<String, Value>),
}

/// All that a push would do on one side of an entity.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PlannedWrite {
    /// In the order of the configuration; a creation is one change, and so is a deletion.
    pub changes: Vec<Planned>,
    /// Fields whose value this side cannot hold, by canonical name: they would be parked.
    pub problems: Vec<(String, Problem)>,
}

/// What a push would do on a side of an entity now.
pub fn planned(entity: &Entity, side: Side, context: &Context<'_>) -> PlannedWrite {
    match (&entity.members[side], &context.rules.systems[side].create) {
        (Some(member), _) if entity.wants[side] == Want::Remove => {
            let place = Place { entity, record: (side, member.address.clone()), context };
            PlannedWrite { changes: vec![place.removal(side)], problems: Vec::new() }
        }
        (Some(member), _) => {
            let Patch { changes, problems } = patch(entity, side, context);
            let place = Place { entity, record: (side, member.address.clone()), context };
            let changes = changes.into_iter().filter_map(|change| place.change(side, change)).collect();
            PlannedWrite { changes, problems }
        }
        (None, Some(object)) if entity.wants[side] == Want::Create => {
            let Some(source) = entity.members[side.other()].as_ref() else { return PlannedWrite::default() };
            let Patch { changes, problems } = draft(entity, side, object, context);
            let place = Place { entity, record: (side.other(), source.address.clone()), context };
            PlannedWrite { changes: vec![place.creation(object, changes)], problems }
        }
        _ => PlannedWrite::default(),
    }
}

/// What a push would do on a side of an entity now: to the member, and to the secondaries.
pub fn planned_everywhere(entity: &Entity, side: Side, context: &Context<'_>) -> Vec<Planned> {
    let secondaries = planned_secondaries(entity, side, context).into_iter().flat_map(|write| write.changes);
    planned(entity, side, context).changes.into_iter().chain(secondaries).collect()
}

/// What a push would do to the consents of the secondaries of a side, record by record.
pub fn planned_secondaries(entity: &Entity, side: Side, context: &Context<'_>) -> Vec<PlannedWrite> {
    let each = entity.secondaries[side].iter().map(|secondary| {
        let Patch { changes, problems } = secondary_patch(entity, side, secondary, context);
        let place = Place { entity, record: (side, secondary.member.address.clone()), context };
        let changes = changes.into_iter().filter_map(|change| place.change(side, change)).collect();
        PlannedWrite { changes, problems }
    });
    each.collect()
}

/// Where changes are made.
struct Place<'a> {
    entity: &'a Entity,
    record: (Side, Address),
    context: &'a Context<'a>,
}

impl Place<'_> {
    fn change(&self, side: Side, change: Change) -> Option<Planned> {
        let rule = self.context.rules.fields.iter().find(|rule| rule.map.name == change.field)?;
        let field = self.entity.fields.get(&change.field)?;
        let object = self.record.1.object.clone();
        let place = Context::place(rule, side, &object)?;
        let old = change.from.as_ref().map_or(Ok(Value::Blank), |native| mapping::read(&rule.map, place, native));
        let old = old.unwrap_or(Value::Blank);
        Some(Planned {
            kind: kind(rule, &old, &change.golden),
            object,
            record: self.record.clone(),
            sends: Fields::from([(change.native, change.to)]),
            rule: rule_behind(rule, field, &old),
            from: field.origin.as_ref().and_then(|origin| origin.side),
            field: change.field,
            old,
            new: NewValue::Value(change.golden),
        })
    }

    fn removal(&self, side: Side) -> Planned {
        let from = side.other();
        Planned {
            kind: ChangeKind::Delete,
            object: self.record.1.object.clone(),
            record: self.record.clone(),
            field: String::new(),
            old: Value::Blank,
            new: NewValue::Value(Value::Blank),
            sends: Fields::new(),
            rule: format!("on_delete = {}", self.context.rules.on_delete[from].word()),
            from: Some(from),
        }
    }

    fn creation(&self, object: &str, changes: Vec<Change>) -> Planned {
        let mut values = BTreeMap::new();
        let mut sends = Fields::new();
        for change in changes {
            // A blank that a default stands for is sent, and is no value of the person.
            if !change.golden.is_blank() {
                values.insert(change.field, change.golden);
            }
            sends.insert(change.native, change.to);
        }
        Planned {
            kind: ChangeKind::Create,
            object: object.to_owned(),
            record: self.record.clone(),
            field: String::new(),
            old: Value::Blank,
            new: NewValue::Record(values),
            sends,
            rule: "create".to_owned(),
            from: Some(self.record.0),
        }
    }
}

fn kind(rule: &FieldRule, old: &Value, new: &Value) -> ChangeKind {
    match (&rule.policy.consent, old.is_blank(), new.is_blank()) {
        (Some(_), _, _) if restricts(rule, new) => ChangeKind::OptOut,
        (Some(_), _, _) => ChangeKind::Consent,
        (None, _, true) => ChangeKind::Clear,
        (None, true, false) => ChangeKind::Fill,
        (None, false, false) => ChangeKind::Overwrite,
    }
}

/// The rule in the configuration's words. Where two values competed, the policy that decided between them.
fn rule_behind(rule: &FieldRule, field: &Field, old: &Value) -> String {
    let Some(origin) = &field.origin else { return String::new() };
    let (key, policy) = match field.agreed {
        Some(_) => ("on_conflict", rule.policy.on_conflict),
        None => ("first_link", rule.policy.first_link),
    };
    match origin.rule.as_str() {
        // A blank that meets a value at the first link is filled, whatever the policy.
        "conflict" if field.agreed.is_none() && old.is_blank() && rule.policy.consent.is_none() => {
            "first link".to_owned()
        }
        "conflict" => format!("{key} = {}", policy_words(policy)),
        "same on both sides" if policy == OnConflict::Union => format!("{key} = union"),
        other => other.to_owned(),
    }
}

/// A policy as the configuration writes it; a system is `{left}` or `{right}`.
fn policy_words(policy: OnConflict) -> String {
    match policy {
        OnConflict::Latest => "latest".to_owned(),
        OnConflict::Prefer(side) => format!("prefer {}", side.token()),
        OnConflict::Always(side) => format!("always {}", side.token()),
        OnConflict::Manual => "manual".to_owned(),
        OnConflict::Union => "union".to_owned(),
        OnConflict::Furthest => "furthest".to_owned(),
        OnConflict::Restrictive => "restrictive".to_owned(),
        OnConflict::Max => "max".to_owned(),
        OnConflict::Min => "min".to_owned(),
    }
}
