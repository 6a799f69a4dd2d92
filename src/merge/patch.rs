//! What is to be written: golden minus shadow, less what rules, marks and open questions bar.

use std::collections::BTreeSet;

use hymnal_sdk::{Fields, Native, Timestamp};

use super::{
    context::Context,
    entity::{Entity, Field, Holding, Mark, Parked, Want},
    held::Gate,
    rules::{FieldRule, Keyless},
    side::Side,
};
use crate::{
    mapping::{self, NativeField, Problem, Value},
    planted::{self, Planted},
};

/// One field of a patch.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The canonical field.
    pub field: String,
    /// The native field.
    pub native: String,
    /// What stands there, as last read.
    pub from: Option<Native>,
    /// What is to stand there.
    pub to: Native,
    /// The canonical value it stands for: the golden one, but where a side stands apart.
    pub golden: Value,
}

/// What is to be written to the member of a side now, and what cannot be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Patch {
    /// In the order of the configuration.
    pub changes: Vec<Change>,
    /// Fields whose value this side cannot hold, by canonical name.
    pub problems: Vec<(String, Problem)>,
}

/// The patch of a member: empty where it is not linked, cannot be seen, or was refused and has not changed.
pub fn patch(entity: &Entity, side: Side, context: &Context<'_>) -> Patch {
    let mut patch = Patch::default();
    let Some(member) = entity.seen(side) else { return patch };
    if is_waiting(entity.parked[side].as_ref(), context.now) {
        return patch;
    }
    let object = &member.address.object;
    for rule in &context.rules.fields {
        let Some(place) = Context::place(rule, side, object) else { continue };
        let Some(field) = entity.fields.get(&rule.map.name) else { continue };
        if is_out(entity, rule, field)
            || is_questioned(entity, rule, field)
            || !is_due(rule, place, field, side, context.now)
            || context.is_moot(rule, side, object, field)
        {
            continue;
        }
        let is_cleared =
            matches!(&field.sides[side].mark, Some(Mark::ClearFirst { golden }) if *golden == field.golden);
        let value = if is_cleared { &Value::Blank } else { field.target(side) };
        match native(rule, place, side, object, value, context) {
            Ok(native) => patch.changes.push(Change {
                field: rule.map.name.clone(),
                native: place.name.clone(),
                from: field.sides[side].shadow.clone(),
                to: native,
                golden: field.target(side).clone(),
            }),
            Err(problem) => patch.problems.push((rule.map.name.clone(), problem)),
        }
    }
    patch
}

/// The fields of a record to be made on a side: what is golden and may enter, defaults where a value is blank.
pub fn draft(entity: &Entity, side: Side, object: &str, context: &Context<'_>) -> Patch {
    let mut patch = Patch::default();
    for rule in &context.rules.fields {
        let Some(place) = Context::place(rule, side, object) else { continue };
        let golden = entity.fields.get(&rule.map.name).map_or(Value::Blank, |field| field.golden.clone());
        let known = entity.fields.get(&rule.map.name);
        let moot = known.is_some_and(|field| context.is_moot(rule, side, object, field));
        let enters = enters(rule, side, &golden) && !golden.is_blank() && !moot;
        let refused = entity.fields.get(&rule.map.name).is_some_and(|field| {
            matches!(&field.sides[side].mark, Some(Mark::Parked { golden: Some(parked), .. }) if *parked == field.golden)
        });
        let native = if enters && !refused {
            match made_with(rule, place, side, object, &golden, context) {
                Ok(native) => Some(native),
                Err(problem) => {
                    patch.problems.push((rule.map.name.clone(), problem));
                    None
                }
            }
        } else {
            None
        };
        let native = native.or_else(|| place.default.clone().map(Native::Text));
        if let Some(to) = native {
            patch.changes.push(Change {
                field: rule.map.name.clone(),
                native: place.name.clone(),
                from: None,
                to,
                golden,
            });
        }
    }
    patch
}

impl Patch {
    /// Sets aside what the reading just before did not show: an edit that nobody has seen might be written over. A
    /// restriction of consent is written all the same.
    pub fn leave_withheld(&mut self, withheld: &BTreeSet<String>, context: &Context<'_>) {
        let rule = |name: &str| context.rules.fields.iter().find(|rule| rule.map.name == name);
        let (left, changes) = std::mem::take(&mut self.changes).into_iter().partition(|change: &Change| {
            withheld.contains(&change.native)
                && !rule(&change.field).is_some_and(|rule| restricts(rule, &change.golden))
        });
        self.changes = changes;
        let left: Vec<Change> = left;
        self.problems.extend(left.into_iter().map(|change| {
            let message = format!("`{}` was not shown when it was read, so that it cannot be written", change.native);
            let hint = "look whether our login may read the field; it is tried again by itself";
            (change.field, Problem { code: "withheld".into(), message, hint: hint.into() })
        }));
    }

    /// What goes over the wire.
    pub fn fields(&self) -> Fields {
        self.changes.iter().map(|change| (change.native.clone(), change.to.clone())).collect()
    }
}

/// What is to be done on a side.
pub fn wants(entity: &Entity, side: Side, context: &Context<'_>) -> Want {
    if entity.members[side].is_some() {
        let patch = wants_patch(entity, side, context);
        // A restriction goes first: what refuses the deletion must not hold it up.
        return if patch != Want::Restrict && wants_removal(entity, side, context) { Want::Remove } else { patch };
    }
    if wants_creation(entity, side, context) { Want::Create } else { Want::Nothing }
}

fn wants_patch(entity: &Entity, side: Side, context: &Context<'_>) -> Want {
    let Some(member) = entity.seen(side) else { return Want::Nothing };
    if is_waiting(entity.parked[side].as_ref(), context.now) {
        return Want::Nothing;
    }
    // What is in doubt is read back, even where nothing is left to be written.
    let mut want = if entity.is_in_doubt(side) { Want::Update } else { Want::Nothing };
    for rule in &context.rules.fields {
        let Some(place) = Context::place(rule, side, &member.address.object) else { continue };
        let Some(field) = entity.fields.get(&rule.map.name) else { continue };
        let moot = context.is_moot(rule, side, &member.address.object, field);
        let barred = moot || is_out(entity, rule, field) || is_questioned(entity, rule, field);
        if barred || !is_due(rule, place, field, side, context.now) {
            continue;
        }
        want = want.max(due_as(rule, field));
    }
    want
}

fn wants_removal(entity: &Entity, side: Side, context: &Context<'_>) -> bool {
    // What is out of scope is nobody's to delete.
    entity.removing[side].is_some()
        && entity.scope.is_in()
        && entity.seen(side).is_some()
        && !is_waiting(entity.parked[side].as_ref(), context.now)
}

fn wants_creation(entity: &Entity, side: Side, context: &Context<'_>) -> bool {
    if context.rules.systems[side].create.is_none() {
        return false;
    }
    let Some(source) = entity.seen(side.other()) else { return false };
    let barred = entity.apart.iter().any(|apart| apart.bars && apart.side == side);
    let stays_away = entity.tombstones[side].as_ref().is_some_and(|tombstone| !tombstone.remake);
    let waits = entity.queued || !entity.ambiguous.is_empty() || stays_away;
    if waits || barred || is_waiting(entity.parked[side].as_ref(), context.now) {
        return false;
    }
    // Who may have been created already is looked for, in scope or not.
    if (!entity.scope.may_create(side) || entity.is_barred(side)) && entity.creating[side].is_none() {
        return false;
    }
    // Nothing is made of a record half of which has not been read.
    let unread = context.rules.fields.iter().any(|rule| {
        Context::place(rule, side.other(), &source.address.object).is_some()
            && entity.fields.get(&rule.map.name).is_none_or(|field| field.sides[side.other()].shadow.is_none())
            && context
                .rules
                .matching
                .iter()
                .flatten()
                .any(|index| context.rules.fields[*index].map.name == rule.map.name)
    });
    !unread && (has_key(entity, context) || context.rules.keyless == Keyless::Create)
}

/// Who is out of scope is written no more, but for restrictions of consent: they travel everywhere.
fn is_out(entity: &Entity, rule: &FieldRule, field: &Field) -> bool {
    !entity.scope.is_in() && !restricts(rule, &field.golden)
}

/// A key can be formed of what is golden.
pub fn has_key(entity: &Entity, context: &Context<'_>) -> bool {
    context.rules.matching.iter().any(|set| key(entity, set, context).is_some())
}

/// The key of an entity by a key set: each field's normal form, or `None` where one is blank.
pub fn key(entity: &Entity, set: &[usize], context: &Context<'_>) -> Option<String> {
    joined(set.iter().map(|index| mapping::key(&entity.fields.get(&context.rules.fields[*index].map.name)?.golden)))
}

fn joined(parts: impl Iterator<Item = Option<String>>) -> Option<String> {
    let parts: Option<Vec<String>> = parts.collect();
    parts.map(|parts| parts.join("\u{1f}"))
}

/// Every key of an entity by a key set: of what is golden, of what a creation was sent with that is not answered, and of
/// the person's further records, as far as their values are kept. A person may change the e-mail meanwhile; the record
/// that was made, if one was, has the old one. And who turns up with the e-mail of a duplicate is the same person.
pub fn keys(entity: &Entity, set: &[usize], context: &Context<'_>) -> BTreeSet<String> {
    let read = |index: &usize, side: Side, object: &str, holds: &dyn Fn(&FieldRule, &str) -> Option<Native>| {
        let rule = &context.rules.fields[*index];
        let place = Context::place(rule, side, object)?;
        mapping::key(&mapping::read(&rule.map, place, &holds(rule, &place.name)?).ok()?)
    };
    let mut found = BTreeSet::from_iter(key(entity, set, context));
    for side in Side::BOTH {
        if let Some(creating) = &entity.creating[side] {
            let sent = |_: &FieldRule, place: &str| creating.fields.get(place).cloned();
            found.extend(joined(set.iter().map(|index| read(index, side, &creating.object, &sent))));
        }
        for further in &entity.secondaries[side] {
            let shown = |rule: &FieldRule, _: &str| further.fields.get(&rule.map.name)?.shadow.clone();
            found.extend(joined(set.iter().map(|index| read(index, side, &further.member.address.object, &shown))));
        }
    }
    found
}

/// Whether a value may be written to a side: where `flow` lets it, and a restriction everywhere. A person who opted out
/// would be written to again because a mapping points the other way.
pub fn enters(rule: &FieldRule, side: Side, golden: &Value) -> bool {
    rule.policy.flow.into_side(side) || restricts(rule, golden)
}

/// A due field, by who waits for it.
fn due_as(rule: &FieldRule, field: &Field) -> Want {
    if restricts(rule, &field.golden) {
        return Want::Restrict;
    }
    if field.origin.as_ref().is_some_and(|origin| origin.by_person) { Want::Decided } else { Want::Update }
}

/// The value is a restriction of consent.
pub(super) fn restricts(rule: &FieldRule, golden: &Value) -> bool {
    rule.policy.consent.as_ref().is_some_and(|consent| consent.restricts(golden))
}

/// The native value stands for this canonical one.
pub fn stands_at(rule: &FieldRule, place: &NativeField, native: &Native, golden: &Value) -> bool {
    mapping::read(&rule.map, place, native).is_ok_and(|value| value == *golden)
        || mapping::stands_for(&rule.map, place, native, golden)
}

/// Nobody knows yet whose record it is: only a restriction goes there, since it holds for the e-mail.
fn is_questioned(entity: &Entity, rule: &FieldRule, field: &Field) -> bool {
    !entity.ambiguous.is_empty() && !restricts(rule, &field.golden)
}

/// A difference that may be written, now or when its time comes.
fn may_write(rule: &FieldRule, place: &NativeField, field: &Field, holding: &Holding, side: Side) -> bool {
    !matches!(holding.gate_of(field.target(side)), Some(Gate::Held { .. }))
        && differs(rule, place, field, holding, side)
}

/// A difference that may be written if no guard holds it.
pub(super) fn differs(rule: &FieldRule, place: &NativeField, field: &Field, holding: &Holding, side: Side) -> bool {
    // Decided by a first link or agreed before; what is undecided is nobody's to write.
    let decided = field.agreed.is_some() || field.linked;
    if !decided || field.frozen || field.conflict.is_some() || !enters(rule, side, &field.golden) {
        return false;
    }
    let Some(shadow) = &holding.shadow else { return false };
    let other = &field.sides[side.other()];
    let waits_for_other = holding.edit.is_some() && (other.shadow.is_none() || other.is_unreadable());
    if waits_for_other && !restricts(rule, &field.golden) {
        // The edit is decided when the other side has been read; the golden value is older than it.
        return false;
    }
    match &holding.mark {
        Some(
            Mark::Normalised { golden } | Mark::Ignored { golden } | Mark::Kept { golden } | Mark::Discarded { golden },
        ) if *golden == field.golden => {
            return false;
        }
        // What could not be understood is not overwritten.
        Some(Mark::Parked { golden: None, .. }) => return false,
        _ => {}
    }
    match &holding.sent {
        // On its way: the next reading settles it.
        Some(sent) if !sent.in_doubt && sent.golden == *field.target(side) => false,
        _ => !stands_at(rule, place, shadow, field.target(side)) || planted::is(Planted::WriteAgain),
    }
}

fn is_due(rule: &FieldRule, place: &NativeField, field: &Field, side: Side, now: Timestamp) -> bool {
    is_due_at(rule, place, field, (side, &field.sides[side]), now)
}

/// The same for a record that is not the side's member.
pub(super) fn is_due_at(
    rule: &FieldRule,
    place: &NativeField,
    field: &Field,
    (side, holding): (Side, &Holding),
    now: Timestamp,
) -> bool {
    let parked = match &holding.mark {
        Some(Mark::Parked { golden: Some(golden), parked }) if *golden == field.golden => Some(parked),
        _ => None,
    };
    may_write(rule, place, field, holding, side) && !is_waiting(parked, now)
}

fn is_waiting(parked: Option<&Parked>, now: Timestamp) -> bool {
    parked.is_some_and(|parked| parked.is_waiting(now))
}

/// What a record of a side is to hold for a golden value.
pub(super) fn native(
    rule: &FieldRule,
    place: &NativeField,
    side: Side,
    object: &str,
    golden: &Value,
    context: &Context<'_>,
) -> Result<Native, Problem> {
    if context.schema(side, object, &place.name).is_some_and(|field| !field.updateable && field.createable) {
        let message = format!("`{}` of `{object}` is given when the record is made, and never changed", place.name);
        let hint = "give it the same value here as there, or make the record there anew";
        return Err(Problem { code: "read-only".into(), message, hint: hint.into() });
    }
    made_with(rule, place, side, object, golden, context)
}

/// What a new record is to hold for a golden value.
fn made_with(
    rule: &FieldRule,
    place: &NativeField,
    side: Side,
    object: &str,
    golden: &Value,
    context: &Context<'_>,
) -> Result<Native, Problem> {
    let described = context.schema(side, object, &place.name);
    if described.is_some_and(|field| !field.updateable && !field.createable) {
        let message = format!("`{}` of `{object}` is read only", place.name);
        let hint = "change it in the service, or let its values flow out of it only (`flow`)";
        return Err(Problem { code: "read-only".into(), message, hint: hint.into() });
    }
    let forms = &context.objects[side].get(object).map(|facts| facts.forms.clone()).unwrap_or_default();
    mapping::write(&rule.map, place, forms, context.schema(side, object, &place.name), golden)
}
