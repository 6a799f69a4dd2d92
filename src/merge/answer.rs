//! What a service answered to a write, folded into the entity it was for.

use hymnal_sdk::{Error, Kind, SignedDuration, Timestamp, Written};

use super::{
    consent::restriction,
    context::Context,
    decide::decide,
    entity::{Creating, Entity, Field, Holding, Mark, Member, Parked, Presence, Sent},
    event::{Event, SentChange},
    held::Gate,
    patch::{Change, Patch, restricts},
    reading::{Ledger, Reading, Source, fold},
    rules::FieldRule,
    side::Side,
};
use crate::{
    mapping::{self, FieldType, Problem, Value},
    planted::{self, Planted},
};

/// The first retry of what a service refused; it doubles up to a day.
const FIRST_RETRY: SignedDuration = SignedDuration::from_mins(5);
const LAST_RETRY: SignedDuration = SignedDuration::from_hours(24);

/// Marks a patch as being sent. Committed before it is: after a crash the record is read before anything is written.
pub fn mark_sending(entity: &mut Entity, side: Side, patch: &Patch, context: &Context<'_>) -> Vec<Event> {
    for (name, problem) in &patch.problems {
        park_field(entity, side, name, problem.clone(), context.now);
    }
    let changes = sent_changes(entity, patch);
    for field in entity.fields.values_mut().filter(|_| !patch.changes.is_empty()) {
        if let Some(sent) = &mut field.sides[side].sent {
            sent.followed = true;
        }
    }
    for change in &patch.changes {
        if let Some(field) = entity.fields.get_mut(&change.field) {
            field.sides[side].sent = Some(Sent {
                native: change.to.clone(),
                golden: change.golden.clone(),
                in_doubt: true,
                followed: false,
            });
        }
    }
    let address = entity.members[side].as_ref().map(|member| member.address.clone());
    let mut events = refusals(side, patch);
    if !patch.changes.is_empty() && !planted::is(Planted::ForgetJournal) {
        events.push(Event::Sending { side, address, changes });
    }
    events
}

/// Marks a creation as being sent.
pub fn mark_creating(
    entity: &mut Entity,
    side: Side,
    object: &str,
    patch: &Patch,
    context: &Context<'_>,
) -> Vec<Event> {
    for (name, problem) in &patch.problems {
        park_field(entity, side, name, problem.clone(), context.now);
    }
    let is_known =
        |name: &&String| entity.fields.get(*name).is_some_and(|field| field.sides[side.other()].shadow.is_some());
    let known = patch.changes.iter().map(|change| &change.field).filter(is_known).cloned().collect();
    entity.creating[side] =
        Some(Creating { object: object.to_owned(), fields: patch.fields(), known, at: context.now, looked: 0 });
    let mut events = refusals(side, patch);
    events.push(Event::Sending { side, address: None, changes: sent_changes(entity, patch) });
    events
}

/// A change was answered with success at `answered_at`. What the answer carries settles it; the rest waits for a
/// reading.
pub fn updated(
    entity: &mut Entity,
    side: Side,
    written: &Written,
    answered_at: Timestamp,
    context: &Context<'_>,
    ledger: &mut Ledger<'_>,
) {
    let mut wrote_email = false;
    for rule in &context.rules.fields {
        let Some(field) = entity.fields.get_mut(&rule.map.name) else { continue };
        let holding = &mut field.sides[side];
        if let Some(sent) = &mut holding.sent {
            wrote_email |= rule.map.kind == FieldType::Email && sent.in_doubt;
            sent.in_doubt = false;
        }
        if planted::is(Planted::ShadowFromRequest)
            && let Some(sent) = holding.sent.take()
        {
            holding.shadow = Some(sent.native);
        }
        if matches!(holding.mark, Some(Mark::Parked { golden: Some(_), .. })) && holding.sent.is_some() {
            holding.mark = None;
        }
    }
    entity.parked[side] = None;
    settle_guard(entity, side);
    let Some(member) = &mut entity.members[side] else { return };
    member.written_at = Some(answered_at);
    member.wrote_email |= wrote_email;
    ledger.events.push(Event::Written { side, address: member.address.clone(), created: false });
    settle_by_answer(entity, side, written, answered_at, context, ledger);
}

/// A creation was answered with success: the record is linked.
pub fn created(
    entity: &mut Entity,
    side: Side,
    written: &Written,
    answered_at: Timestamp,
    context: &Context<'_>,
    ledger: &mut Ledger<'_>,
) {
    let Some(creating) = entity.creating[side].take() else { return };
    settle_guard(entity, side);
    let address = hymnal_sdk::Address::new(creating.object.clone(), written.id.clone());
    for rule in &context.rules.fields {
        let Some(place) = Context::place(rule, side, &creating.object) else { continue };
        let Some(field) = entity.fields.get_mut(&rule.map.name) else { continue };
        let Some(native) = creating.fields.get(&place.name) else { continue };
        // What it stood for when it was sent: the golden value may have moved on since.
        let golden = mapping::read(&rule.map, place, native).unwrap_or_else(|_| field.golden.clone());
        field.linked = agree_on_sent(rule, field, side, &golden, &creating);
        field.sides[side] = Holding {
            sent: Some(Sent { native: native.clone(), golden, in_doubt: false, followed: false }),
            ..Holding::default()
        };
    }
    entity.parked[side] = None;
    entity.tombstones[side] = None;
    entity.members[side] = Some(Member {
        address: address.clone(),
        created_at: Some(answered_at),
        modified_at: None,
        read_at: answered_at,
        written_at: Some(answered_at),
        wrote_email: true,
        presence: Presence::Seen,
        version: None,
    });
    ledger.events.push(Event::Written { side, address, created: true });
    settle_by_answer(entity, side, written, answered_at, context, ledger);
}

/// What a creation was sent with is what the other side held then: no first link is to be decided, and an edit there
/// since is an edit of it. What loosens a consent since then was followed while there was one record only; now it is
/// judged as what it is.
///
/// Answers `false` where the other side was read for the first time since then: that is no edit, and nothing is agreed.
pub fn agree_on_sent(rule: &FieldRule, field: &mut Field, made: Side, sent: &Value, creating: &Creating) -> bool {
    match &mut field.sides[made.other()].edit {
        Some(edit) if edit.value != *sent && !creating.known.contains(&rule.map.name) => return false,
        Some(edit) if edit.value != *sent && !sent.is_blank() => edit.before = Some(sent.clone()),
        edit => *edit = None,
    }
    let rank = |value: &Value| rule.policy.consent.as_ref().map(|consent| restriction(consent, value));
    if rank(sent) > rank(&field.golden) {
        field.golden = sent.clone();
    }
    true
}

/// What was let through, or counted, is done: the next write is another one.
pub(super) fn settle_guard(entity: &mut Entity, side: Side) {
    entity.counted[side].clear();
    entity.gates[side] = None;
    for field in entity.fields.values_mut() {
        field.sides[side].gate.take_if(|gate| gate.gate == Gate::Passed);
    }
}

/// A write was refused, or nobody knows what became of it.
pub fn refused(entity: &mut Entity, side: Side, error: &Error, context: &Context<'_>, ledger: &mut Ledger<'_>) {
    if error.effect == hymnal_sdk::Effect::Unknown {
        // The durable mark stays: the record is read before anything is written again.
        return;
    }
    let was_creating = entity.creating[side].take();
    let object = match (&was_creating, &entity.members[side]) {
        (Some(creating), _) => Some(creating.object.clone()),
        (None, member) => member.as_ref().map(|member| member.address.object.clone()),
    };
    let problem = Problem {
        code: error.code.clone(),
        message: error.message.clone(),
        hint: error.hint.clone().unwrap_or_default(),
    };
    match error.kind {
        Kind::RejectedField | Kind::Fatal => {
            let name = object.and_then(|object| canonical(error.field.as_deref(), side, &object, context));
            match name {
                Some(name) => {
                    park_field(entity, side, &name, problem.clone(), context.now);
                    ledger.events.push(Event::Refused { side, field: Some(name), problem });
                }
                None => set_aside(entity, side, &problem, context, ledger),
            }
        }
        Kind::RejectedRecord => set_aside(entity, side, &problem, context, ledger),
        Kind::Transient
        | Kind::Throttled
        | Kind::Auth
        | Kind::Conflict
        | Kind::Gone
        | Kind::TooLarge
        | Kind::Cancelled => {}
    }
    for field in entity.fields.values_mut() {
        field.sides[side].sent.take_if(|sent| sent.in_doubt);
    }
    decide(entity, context, ledger);
}

/// Gives up on what was in conflict with something three times. Where the conflict is about one value, the others are
/// written without it.
pub fn give_up(
    entity: &mut Entity,
    side: Side,
    error: &Error,
    problem: &Problem,
    context: &Context<'_>,
    ledger: &mut Ledger<'_>,
) {
    let object = entity.members[side].as_ref().map(|member| member.address.object.clone());
    let named = object.and_then(|object| canonical(error.field.as_deref(), side, &object, context));
    // A duplicate that names no field is about a key: about the one that was sent, if it was one.
    let is_sent = |name: &String| {
        entity.fields.get(name).is_some_and(|field| field.sides[side].sent.as_ref().is_some_and(|sent| sent.in_doubt))
    };
    let keys = context.rules.matching.iter().flatten().map(|index| &context.rules.fields[*index].map.name);
    let mut sent: Vec<&String> = keys.filter(|name| is_sent(name)).collect();
    sent.dedup();
    let about = match (named, error.other.is_some(), sent.as_slice()) {
        (Some(name), ..) => Some(name),
        (None, true, [only]) => Some((*only).clone()),
        _ => None,
    };
    match about {
        Some(name) => {
            park_field(entity, side, &name, problem.clone(), context.now);
            ledger.events.push(Event::Refused { side, field: Some(name), problem: problem.clone() });
        }
        None => set_aside(entity, side, problem, context, ledger),
    }
}

/// Sets a record aside that was refused as a whole, or failed too often. Where a restriction of consent was among what
/// was sent, the other fields are set aside instead, so that it goes alone: what refused them must not hold it up.
pub fn set_aside(entity: &mut Entity, side: Side, problem: &Problem, context: &Context<'_>, ledger: &mut Ledger<'_>) {
    let sent = |rule: &&FieldRule| {
        let sent = entity.fields.get(&rule.map.name).and_then(|field| field.sides[side].sent.as_ref());
        sent.is_some_and(|sent| sent.in_doubt)
    };
    let (restrictions, others): (Vec<&FieldRule>, Vec<&FieldRule>) = context
        .rules
        .fields
        .iter()
        .filter(sent)
        .partition(|rule| entity.fields.get(&rule.map.name).is_some_and(|field| restricts(rule, &field.golden)));
    if restrictions.is_empty() || others.is_empty() {
        entity.parked[side] = Some(again(entity.parked[side].take(), problem.clone(), context.now));
        ledger.events.push(Event::Refused { side, field: None, problem: problem.clone() });
        return;
    }
    for rule in others {
        park_field(entity, side, &rule.map.name, problem.clone(), context.now);
        ledger.events.push(Event::Refused { side, field: Some(rule.map.name.clone()), problem: problem.clone() });
    }
}

fn settle_by_answer(
    entity: &mut Entity,
    side: Side,
    written: &Written,
    answered_at: Timestamp,
    context: &Context<'_>,
    ledger: &mut Ledger<'_>,
) {
    match &written.record {
        Some(record) => {
            let reading = Reading { record, requested_at: answered_at, source: Source::Answer };
            fold(entity, side, reading, context, ledger);
        }
        None => decide(entity, context, ledger),
    }
}

fn park_field(entity: &mut Entity, side: Side, name: &str, problem: Problem, now: Timestamp) {
    let Some(field) = entity.fields.get_mut(name) else { return };
    let before = match field.sides[side].mark.take() {
        Some(Mark::Parked { golden: Some(golden), parked }) if golden == field.golden => Some(parked),
        _ => None,
    };
    let parked = again(before, problem, now);
    field.sides[side].mark = Some(Mark::Parked { golden: Some(field.golden.clone()), parked });
}

pub(super) fn again(before: Option<Parked>, problem: Problem, now: Timestamp) -> Parked {
    let (since, tries) = before.map_or((now, 0), |parked| (parked.since, parked.tries));
    let delay = FIRST_RETRY.saturating_mul(1 << tries.min(12)).min(LAST_RETRY);
    let next_try = now.saturating_add(delay).ok();
    Parked { problem, since, tries: tries + 1, next_try, dismissed_by: None }
}

/// What is sent, for the journal.
pub(super) fn sent_changes(entity: &Entity, patch: &Patch) -> Vec<SentChange> {
    let sent = |change: &Change| {
        let field = entity.fields.get(&change.field);
        SentChange {
            field: change.field.clone(),
            from: change.from.clone(),
            to: change.to.clone(),
            golden: field.map_or(Value::Blank, |field| field.golden.clone()),
            agreed: field.and_then(|field| field.agreed.clone()),
        }
    };
    patch.changes.iter().map(sent).collect()
}

pub(super) fn canonical(native: Option<&str>, side: Side, object: &str, context: &Context<'_>) -> Option<String> {
    let native = native?;
    let mapped = |rule: &&FieldRule| {
        Context::place(rule, side, object).is_some_and(|place| place.name.eq_ignore_ascii_case(native))
    };
    context.rules.fields.iter().find(mapped).map(|rule| rule.map.name.clone())
}

fn refusals(side: Side, patch: &Patch) -> Vec<Event> {
    let refusal = |(name, problem): &(String, Problem)| Event::Refused {
        side,
        field: Some(name.clone()),
        problem: problem.clone(),
    };
    patch.problems.iter().map(refusal).collect()
}
