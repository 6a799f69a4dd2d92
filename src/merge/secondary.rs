//! Further records of one person. They give and take no ordinary values, but consent reaches them like a member, both
//! ways: a person who unsubscribes on a duplicate has unsubscribed, and must not be written to by way of another.

use std::collections::{BTreeMap, BTreeSet};

use hymnal_sdk::{Actor, Address, Error, Kind, Timestamp, Written};
use serde::{Deserialize, Serialize};

use super::{
    answer::{again, canonical, sent_changes},
    consent::restriction,
    context::Context,
    decide::{OneField, decide},
    entity::{Entity, Field, Holding, Mark, Member, Origin, Parked, Presence, Sent},
    event::Event,
    field::{Conflict, ConflictKind, Evidence},
    patch::{Change, Patch, is_due_at, native, restricts},
    policy::Consent,
    reading::{Folded, Ledger, Observed, Reading, Source, Was, evidence, is_ours, is_stale, note_reading, readable},
    rules::FieldRule,
    side::{Pair, Side},
};
use crate::mapping::{self, FieldType, Problem, Value};

/// A further record of a person that has one in that system already.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Secondary {
    /// The record.
    pub member: Member,
    /// What it holds of consent, and its e-mails, by canonical name.
    pub fields: BTreeMap<String, Holding>,
    /// A write that the service refused.
    pub parked: Option<Parked>,
}

impl Secondary {
    /// A record that is known to be there and has not been read.
    pub fn unread(address: Address, now: Timestamp) -> Self {
        Self { member: Member::unread(address, now), fields: BTreeMap::new(), parked: None }
    }

    /// The member that `entity` had on a side, as a secondary of somebody.
    pub fn of_member(entity: &Entity, side: Side, context: &Context<'_>) -> Option<Self> {
        let member = entity.members[side].clone()?;
        let kept = context.rules.fields.iter().filter(|rule| is_kept(rule));
        let fields = kept.filter_map(|rule| {
            let holding = entity.fields.get(&rule.map.name)?.sides[side].clone();
            Some((rule.map.name.clone(), Holding { edit: None, ..holding }))
        });
        Some(Self { member, fields: fields.collect(), parked: None })
    }
}

/// What is remembered of a secondary: consent, and the e-mails that it may have come with.
fn is_kept(rule: &FieldRule) -> bool {
    rule.policy.consent.is_some() || rule.map.kind == FieldType::Email
}

/// Somebody's statement about a consent, on a record that is not a member, or for the same e-mail.
struct Statement<'a> {
    side: Side,
    value: &'a Value,
    before: Option<&'a Value>,
    with_email: bool,
    evidence: Evidence,
    by: Option<Actor>,
}

/// Folds a reading of a secondary into its entity: what it says of consent is heard, and nothing else.
pub fn fold_secondary(
    entity: &mut Entity,
    side: Side,
    reading: Reading<'_>,
    context: &Context<'_>,
    ledger: &mut Ledger<'_>,
) -> Folded {
    let Some(secondary) = entity.secondary_mut(side, &reading.record.address) else { return Folded::Stale };
    let before = secondary.member.clone();
    let lags = reading.source == Source::Listed && before.presence != Presence::Seen;
    if reading.source != Source::Answer && (is_stale(&before, &reading) || lags) {
        return Folded::Stale;
    }
    let known = evidence(&before, side, &reading, context);
    let (heard, with_email) = read_fields(secondary, side, &reading, context, ledger);
    note_reading(&mut secondary.member, &reading);
    for (rule, consent, was) in heard {
        let statement = Statement {
            side,
            value: &was.value,
            before: if was.first { None } else { was.before.as_ref() },
            with_email,
            evidence: known,
            by: reading.record.modified_by.clone(),
        };
        hear(entity, rule, consent, &statement, context, ledger);
    }
    if before.presence != Presence::Seen {
        ledger.events.push(Event::SeenAgain { side, address: before.address });
    }
    decide(entity, context, ledger);
    Folded::Merged
}

/// Moves the shadows. Answers what somebody said of consent, and whether the e-mail moved in the same reading.
fn read_fields<'a>(
    secondary: &mut Secondary,
    side: Side,
    reading: &Reading<'_>,
    context: &Context<'a>,
    ledger: &mut Ledger<'_>,
) -> (Vec<(&'a FieldRule, &'a Consent, Was)>, bool) {
    let member = secondary.member.clone();
    let (mut heard, mut email_moved) = (Vec::new(), false);
    let rules: &'a [FieldRule] = &context.rules.fields;
    for rule in rules.iter().filter(|rule| is_kept(rule)) {
        let Some(place) = Context::place(rule, side, &member.address.object) else { continue };
        let Some(native) = readable(reading, &member, side, place, context) else { continue };
        let holding = secondary.fields.entry(rule.map.name.clone()).or_default();
        let observed = Observed {
            rule,
            place,
            native,
            side,
            ours: is_ours(reading.record),
            clears_first: false,
            now: context.now,
        };
        match &rule.policy.consent {
            None => {
                // What was on its way when the record was still the member is settled by any reading: no more is sent.
                let ours = holding.sent.take().is_some_and(|sent| observed.same(&sent.native));
                email_moved |= !ours && holding.shadow.as_ref().is_some_and(|shadow| !observed.same(shadow));
                holding.shadow = Some(native.clone());
            }
            Some(consent) => heard.extend(observed.settle(holding, ledger).map(|was| (rule, consent, was))),
        }
    }
    (heard, email_moved)
}

/// What somebody said on a further record holds for the person: a restriction at once, a loosening where a person may
/// loosen and had the restriction that holds before their eyes. Anything else is overruled, and written back.
fn hear(
    entity: &mut Entity,
    rule: &FieldRule,
    consent: &Consent,
    said: &Statement<'_>,
    context: &Context<'_>,
    ledger: &mut Ledger<'_>,
) {
    let field = entity.fields.entry(rule.map.name.clone()).or_insert_with(Field::unread);
    let level = |value: &Value| restriction(consent, value);
    let held = level(&field.golden);
    if said.value.is_blank() || level(said.value) == held {
        return;
    }
    let origin = Origin {
        side: Some(said.side),
        evidence: said.evidence,
        by: said.by.clone(),
        rule: "duplicate".to_owned(),
        by_person: false,
    };
    if level(said.value) > held {
        if consent.restricts(said.value) {
            impose(entity, rule, said.value, origin, context, ledger);
        }
        return;
    }
    // What it held when it was first read loosens nothing, and nobody entered it against a rule.
    let Some(saw) = said.before else { return };
    let contradicted = Side::BOTH
        .iter()
        .any(|side| field.sides[*side].edit.as_ref().is_some_and(|edit| consent.restricts(&edit.value)));
    let may = consent.may_loosen[said.side]
        && !said.with_email
        && rule.policy.flow.into_side(said.side.other())
        && level(saw) >= held
        && !contradicted;
    if may {
        set_golden(field, &rule.map.name, said.value, origin, ledger);
        field.imposed = false;
        return;
    }
    let records = Pair::default();
    let one = OneField { rule, records: &records, follows: false, context };
    let reason = format!("a duplicate in {} may not loosen it", said.side.token());
    one.log_conflict(field, overruled(&field.golden.clone(), reason), None, false, ledger);
    if field.refused.as_ref() == Some(said.value) {
        one.count_flip(field, ledger);
    }
    field.refused = Some(said.value.clone());
}

/// Makes a restriction the golden value, over whatever the members say: it came from another record of the person, or
/// of the same e-mail.
pub fn impose(
    entity: &mut Entity,
    rule: &FieldRule,
    value: &Value,
    origin: Origin,
    context: &Context<'_>,
    ledger: &mut Ledger<'_>,
) {
    let Some(consent) = &rule.policy.consent else { return };
    let alone = !entity.is_linked();
    let records = Pair::from_fn(|side| entity.members[side].as_ref().map(|member| member.address.clone()));
    let field = entity.fields.entry(rule.map.name.clone()).or_insert_with(Field::unread);
    if restriction(consent, value) <= restriction(consent, &field.golden) {
        return;
    }
    let one = OneField { rule, records: &records, follows: false, context };
    let looser = |edit: &super::entity::Edit| restriction(consent, &edit.value) < restriction(consent, value);
    let refused = Side::BOTH
        .iter()
        .any(|side| field.sides[*side].edit.as_ref().is_some_and(|edit| edit.before.is_some() && looser(edit)));
    if refused {
        let reason = "another record of the same e-mail is more restricted".to_owned();
        one.log_conflict(field, overruled(value, reason), None, false, ledger);
    }
    for side in Side::BOTH {
        field.sides[side].edit.take_if(|edit| looser(edit));
    }
    set_golden(field, &rule.map.name, value, origin, ledger);
    field.imposed = true;
    // There is nobody to be linked with first: the restriction goes to the only member at once.
    field.linked |= alone;
}

fn set_golden(field: &mut Field, name: &str, to: &Value, origin: Origin, ledger: &mut Ledger<'_>) {
    let from = std::mem::replace(&mut field.golden, to.clone());
    ledger.events.push(Event::Decided {
        field: name.to_owned(),
        from: from.clone(),
        to: to.clone(),
        side: origin.side,
        rule: origin.rule.clone(),
        by: origin.by.clone(),
        evidence: origin.evidence,
    });
    field.previous = Some(from);
    field.origin = Some(origin);
}

fn overruled(golden: &Value, reason: String) -> Conflict {
    Conflict {
        kind: ConflictKind::Overruled,
        winner: None,
        result: Some(golden.clone()),
        certainty: None,
        policy: "restrictive",
        reason,
    }
}

/// The objects of a side with secondaries that are to be written.
pub(super) fn wanted(entity: &Entity, side: Side, context: &Context<'_>) -> BTreeSet<String> {
    let due = entity.secondaries[side].iter().filter(|secondary| {
        let in_doubt = secondary.fields.values().any(|holding| holding.sent.as_ref().is_some_and(|sent| sent.in_doubt));
        in_doubt || {
            let patch = secondary_patch(entity, side, secondary, context);
            !patch.changes.is_empty() || !patch.problems.is_empty()
        }
    });
    due.map(|secondary| secondary.member.address.object.clone()).collect()
}

/// What is to be written to a secondary: a consent that is more restricted than what it holds, or one that was rightly
/// loosened since it was restricted. A blank is not filled with what restricts nothing.
pub fn secondary_patch(entity: &Entity, side: Side, secondary: &Secondary, context: &Context<'_>) -> Patch {
    let mut patch = Patch::default();
    let waits = secondary.parked.as_ref().is_some_and(|parked| parked.is_waiting(context.now));
    if secondary.member.presence != Presence::Seen || waits {
        return patch;
    }
    let object = &secondary.member.address.object;
    for rule in &context.rules.fields {
        let (Some(consent), Some(place)) = (&rule.policy.consent, Context::place(rule, side, object)) else { continue };
        let (Some(field), Some(holding)) = (entity.fields.get(&rule.map.name), secondary.fields.get(&rule.map.name))
        else {
            continue;
        };
        let Some(shadow) = &holding.shadow else { continue };
        let stands = mapping::read(&rule.map, place, shadow).map_or(0, |value| restriction(consent, &value));
        let golden = restriction(consent, &field.golden);
        let moves = restricts(rule, &field.golden) || (golden > 0 && stands > golden);
        if !moves || !is_due_at(rule, place, field, (side, holding), context.now) {
            continue;
        }
        match native(rule, place, side, object, &field.golden, context) {
            Ok(native) => patch.changes.push(Change {
                field: rule.map.name.clone(),
                native: place.name.clone(),
                from: holding.shadow.clone(),
                to: native,
                golden: field.golden.clone(),
            }),
            Err(problem) => patch.problems.push((rule.map.name.clone(), problem)),
        }
    }
    patch
}

/// Marks the patch of a secondary as being sent. Committed before it is.
pub fn mark_secondary(
    entity: &mut Entity,
    side: Side,
    address: &Address,
    patch: &Patch,
    context: &Context<'_>,
) -> Vec<Event> {
    let goldens: BTreeMap<String, Value> =
        entity.fields.iter().map(|(name, field)| (name.clone(), field.golden.clone())).collect();
    let changes = sent_changes(entity, patch);
    let Some(secondary) = entity.secondary_mut(side, address) else { return Vec::new() };
    let mut events = Vec::new();
    for (name, problem) in &patch.problems {
        let golden = goldens.get(name).cloned().unwrap_or(Value::Blank);
        park(secondary, name, golden, problem.clone(), context.now);
        events.push(Event::Refused { side, field: Some(name.clone()), problem: problem.clone() });
    }
    for change in &patch.changes {
        let holding = secondary.fields.entry(change.field.clone()).or_default();
        holding.sent =
            Some(Sent { native: change.to.clone(), golden: change.golden.clone(), in_doubt: true, followed: false });
    }
    if !patch.changes.is_empty() {
        events.push(Event::Sending { side, address: Some(address.clone()), changes });
    }
    events
}

/// The write to a secondary was answered with success.
pub fn secondary_updated(
    entity: &mut Entity,
    side: Side,
    address: &Address,
    (written, answered_at): (&Written, Timestamp),
    context: &Context<'_>,
    ledger: &mut Ledger<'_>,
) {
    let Some(secondary) = entity.secondary_mut(side, address) else { return };
    for holding in secondary.fields.values_mut() {
        if let Some(sent) = &mut holding.sent {
            sent.in_doubt = false;
            holding.mark.take_if(|mark| matches!(mark, Mark::Parked { golden: Some(_), .. }));
        }
    }
    secondary.parked = None;
    secondary.member.written_at = Some(answered_at);
    ledger.events.push(Event::Written { side, address: address.clone(), created: false });
    match &written.record {
        Some(record) if record.address == *address => {
            let reading = Reading { record, requested_at: answered_at, source: Source::Answer };
            fold_secondary(entity, side, reading, context, ledger);
        }
        _ => decide(entity, context, ledger),
    }
}

/// The write to a secondary was refused, or nobody knows what became of it.
pub fn secondary_refused(
    entity: &mut Entity,
    side: Side,
    address: &Address,
    error: &Error,
    context: &Context<'_>,
    ledger: &mut Ledger<'_>,
) {
    if error.effect == hymnal_sdk::Effect::Unknown {
        // The durable mark stays: the record is read before anything is written again.
        return;
    }
    let goldens: BTreeMap<String, Value> =
        entity.fields.iter().map(|(name, field)| (name.clone(), field.golden.clone())).collect();
    let Some(secondary) = entity.secondary_mut(side, address) else { return };
    let hint = error.hint.clone().unwrap_or_default();
    let problem = Problem { code: error.code.clone(), message: error.message.clone(), hint };
    if matches!(error.kind, Kind::RejectedField | Kind::RejectedRecord | Kind::Fatal) {
        let field = canonical(error.field.as_deref(), side, &address.object, context);
        match &field {
            Some(name) => {
                let golden = goldens.get(name).cloned().unwrap_or(Value::Blank);
                park(secondary, name, golden, problem.clone(), context.now);
            }
            None => secondary.parked = Some(again(secondary.parked.take(), problem.clone(), context.now)),
        }
        ledger.events.push(Event::Refused { side, field, problem });
    }
    for holding in secondary.fields.values_mut() {
        holding.sent.take_if(|sent| sent.in_doubt);
    }
    decide(entity, context, ledger);
}

fn park(secondary: &mut Secondary, name: &str, golden: Value, problem: Problem, now: Timestamp) {
    let holding = secondary.fields.entry(name.to_owned()).or_default();
    let before = match holding.mark.take() {
        Some(Mark::Parked { golden: Some(parked_for), parked }) if parked_for == golden => Some(parked),
        _ => None,
    };
    holding.mark = Some(Mark::Parked { golden: Some(golden), parked: again(before, problem, now) });
}
