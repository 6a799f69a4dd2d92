//! One reading of a linked record, folded into its entity: what is an echo, what an edit.

use std::collections::BTreeSet;

use hymnal_sdk::{ActorKind, Native, Record, Timestamp};

use super::{
    answer::settle_guard,
    arrival::{agree_late, deliver, is_taken},
    context::Context,
    decide::decide,
    entity::{Edit, Entity, Field, Holding, Id, Mark, Member, Parked, Presence},
    event::Event,
    field::Evidence,
    held::RecordGate,
    history::History,
    rules::FieldRule,
    side::{Pair, Side},
};
use crate::{
    mapping::{self, FieldType, NativeField, Problem, Value},
    planted::{self, Planted},
};

/// One reading of one record.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'a> {
    /// What was read.
    pub record: &'a Record,
    /// When it was asked for, by our clock.
    pub requested_at: Timestamp,
    /// Where it comes from.
    pub source: Source,
}

/// Where a reading comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A listing, or a look-up in an index: it may lag behind what was answered.
    Listed,
    /// A read by id, which sees every write that was answered before it.
    Read,
    /// The answer to our own write: it carries the fields it names, and nothing can be staler than it.
    Answer,
}

/// What became of a reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Folded {
    /// It is merged.
    Merged,
    /// It was asked for before our last write was answered, or is older than one already merged, or it would settle
    /// something that a listing, which may lag, cannot settle: the record is to be read by its id.
    Stale,
}

/// Where the ids of conflicts come from, and where events go.
pub struct Ledger<'a> {
    /// The next id.
    pub ids: &'a mut dyn FnMut() -> Id,
    /// What was decided.
    pub events: &'a mut Vec<Event>,
    /// Field histories: what is known, and what would be needed.
    pub history: &'a mut History,
}

/// Folds a reading of the member of `side` into its entity, and decides every field anew.
///
/// The entity must have a member there whose address is the record's.
pub fn fold(
    entity: &mut Entity,
    side: Side,
    reading: Reading<'_>,
    context: &Context<'_>,
    ledger: &mut Ledger<'_>,
) -> Folded {
    let Some(before) = entity.members[side].clone() else { return Folded::Stale };
    let proves_nothing = match reading.source {
        Source::Answer => false,
        Source::Read => is_stale(&before, &reading),
        Source::Listed => is_stale(&before, &reading) || asks_too_much(entity, side, &before, &reading, context),
    };
    if proves_nothing {
        return Folded::Stale;
    }
    let evidence = evidence(&before, side, &reading, context);
    let mut edited = Vec::new();
    let mut has_arrived = false;
    let mut email_moved = before.wrote_email && reading.source != Source::Answer;
    for rule in &context.rules.fields {
        let Some(place) = Context::place(rule, side, &before.address.object) else { continue };
        let field = entity.fields.entry(rule.map.name.clone()).or_insert_with(Field::unread);
        let Some(native) = readable(&reading, &before, side, place, context) else { continue };
        let facts = context.objects[side].get(&before.address.object);
        let clears_first = facts.is_some_and(|facts| facts.clear_first.contains(&place.name));
        let ours = is_ours(reading.record);
        let observed = Observed { rule, place, native, side, ours, clears_first, now: context.now };
        // Whoever changed it, we in a write in doubt included: what changed beside it came with the address.
        email_moved |= rule.map.kind == FieldType::Email
            && field.sides[side].shadow.as_ref().is_some_and(|shadow| !observed.same(shadow));
        if observed.shows_arrival(&field.sides[side]) {
            has_arrived = true;
            agree_late(field, side);
        }
        let Some(was) = observed.settle(&mut field.sides[side], ledger) else { continue };
        edited.push((rule, was));
    }
    if has_arrived {
        settle_guard(entity, side);
    }
    if !edited.is_empty() {
        // Somebody changed the person: what was refused as a whole may be taken now.
        entity.parked = Pair::default();
        for side in Side::BOTH {
            entity.gates[side].take_if(|gate| *gate == RecordGate::Discarded);
        }
    }
    for (rule, was) in edited {
        if let Some(field) = entity.fields.get_mut(&rule.map.name) {
            keep_edit(field, side, was, evidence, reading.record, email_moved);
        }
    }
    let moved_on = reading.record.modified_at > before.modified_at && !is_ours(reading.record);
    if reading.source != Source::Answer && moved_on {
        retry_refused(entity, context.now);
    }
    if let Some(member) = &mut entity.members[side] {
        note_reading(member, &reading);
    }
    if before.presence != Presence::Seen {
        ledger.events.push(Event::SeenAgain { side, address: before.address });
    }
    decide(entity, context, ledger);
    Folded::Merged
}

/// Whether a reading shows nothing that is not known: every value is its shadow, nothing that we wrote waits to be
/// settled, and the record has not changed since. Folding it in would only note the time at which it was read, which
/// narrows evidence; a wider interval is still true. The overlap shows most records so.
pub fn is_known(entity: &Entity, side: Side, reading: Reading<'_>, context: &Context<'_>) -> bool {
    let Some(member) = &entity.members[side] else { return false };
    let record = reading.record;
    let is_news = is_stale(member, &reading)
        || member.presence != Presence::Seen
        || member.wrote_email
        || record.modified_at > member.modified_at
        || (member.created_at.is_none() && record.created_at.is_some())
        || (record.version.is_some() && record.version != member.version);
    !is_news
        && context.rules.fields.iter().all(|rule| {
            let Some(place) = Context::place(rule, side, &member.address.object) else { return true };
            let Some(native) = readable(&reading, member, side, place, context) else { return true };
            let Some(field) = entity.fields.get(&rule.map.name) else { return false };
            let holding = &field.sides[side];
            // What could not be understood is tried again: the rules may have changed.
            let is_understood = !matches!(holding.mark, Some(Mark::Parked { golden: None, .. }));
            is_understood && holding.sent.is_none() && holding.shadow.as_ref() == Some(native)
        })
}

pub(super) fn is_stale(member: &Member, reading: &Reading<'_>) -> bool {
    let before_our_write = member.written_at.is_some_and(|written| reading.requested_at < written);
    let older = matches!((reading.record.modified_at, member.modified_at), (Some(now), Some(then)) if now < then);
    before_our_write || older
}

/// A listing that lags shows a deleted record as if it were there, and a written one as it was before. Where it gives no
/// times, nobody can tell an edit in it from what stood there before one: a difference is a hint to read by id.
fn asks_too_much(entity: &Entity, side: Side, member: &Member, reading: &Reading<'_>, context: &Context<'_>) -> bool {
    let unsettled = |rule: &FieldRule| {
        let place = Context::place(rule, side, &member.address.object)?;
        let holding = &entity.fields.get(&rule.map.name)?.sides[side];
        let native = readable(reading, member, side, place, context)?;
        let same = |other: &Native| mapping::same_native(&rule.map, place, native, other);
        if reading.record.modified_at.is_none() && holding.shadow.as_ref().is_some_and(|shadow| !same(shadow)) {
            return Some(true);
        }
        let sent = holding.sent.as_ref()?;
        Some(sent.in_doubt || (!same(&sent.native) && holding.shadow.as_ref().is_some_and(same)))
    };
    member.presence != Presence::Seen || context.rules.fields.iter().any(|rule| unsettled(rule) == Some(true))
}

/// Somebody changed the record, so that what was refused may be taken now: it waits for its delay no longer.
fn retry_refused(entity: &mut Entity, now: Timestamp) {
    for side in Side::BOTH {
        if let Some(parked) = &mut entity.parked[side] {
            parked.retry_at(now);
        }
    }
}

pub(super) fn is_ours(record: &Record) -> bool {
    record.modified_by.as_ref().is_some_and(|actor| actor.kind == ActorKind::Us)
}

/// The native value, unless it is withheld or masked: what could not be read is no blank.
pub(super) fn readable<'a>(
    reading: &'a Reading<'_>,
    member: &Member,
    side: Side,
    place: &NativeField,
    context: &Context<'_>,
) -> Option<&'a Native> {
    const BLANK: &Native = &Native::Null;
    match reading.record.fields.get(&place.name) {
        Some(Native::Text(text)) if is_mask(text) => None,
        Some(native) => Some(native),
        None if reading.source == Source::Answer => None,
        None if planted::is(Planted::WithheldIsBlank) => Some(BLANK),
        None => {
            let omits = context.objects[side].get(&member.address.object).is_some_and(|facts| facts.omits_blanks);
            omits.then_some(BLANK)
        }
    }
}

/// The native fields of a record read by id that the reading does not show: nobody knows what stands there now.
pub fn withheld(record: &Record, side: Side, context: &Context<'_>) -> BTreeSet<String> {
    let object = &record.address.object;
    let omits = context.objects[side].get(object).is_some_and(|facts| facts.omits_blanks);
    let is_shown = |place: &NativeField| match record.fields.get(&place.name) {
        Some(Native::Text(text)) => !is_mask(text),
        Some(_) => true,
        None => omits,
    };
    let places = context.rules.fields.iter().filter_map(|rule| Context::place(rule, side, object));
    places.filter(|place| !is_shown(place)).map(|place| place.name.clone()).collect()
}

fn is_mask(text: &str) -> bool {
    text.len() >= 3 && text.bytes().all(|byte| byte == b'*')
}

/// The time of an edit, as an interval: after our last reading of the record, up to its time of change. Where the
/// service says that this was our own write, it says nothing of an edit by somebody else; where it does not say whose it
/// was, the edit still lies in the interval, since an answer to a write counts as no reading.
pub(super) fn evidence(member: &Member, side: Side, reading: &Reading<'_>, context: &Context<'_>) -> Evidence {
    match reading.record.modified_at {
        Some(theirs) if !is_ours(reading.record) => {
            let until = context.ours(side, theirs);
            let after = member.modified_at.is_some().then(|| member.read_at.min(until));
            Evidence::Record { after, until }
        }
        _ => Evidence::None,
    }
}

/// A field's value in a reading.
pub(super) struct Observed<'a> {
    pub(super) rule: &'a FieldRule,
    pub(super) place: &'a NativeField,
    pub(super) native: &'a Native,
    pub(super) side: Side,
    pub(super) ours: bool,
    /// The service takes a step back in this field only after it was cleared.
    pub(super) clears_first: bool,
    pub(super) now: Timestamp,
}

/// What an edited field held before, if that is known.
pub(super) struct Was {
    pub(super) before: Option<Value>,
    pub(super) value: Value,
    /// It was never read before.
    pub(super) first: bool,
    /// What we had written, and had been told was taken, before somebody wrote this.
    delivered: Option<Value>,
}

impl Observed<'_> {
    /// Moves the shadow to what was read. `Some` where somebody else changed the value, or it is read for the first
    /// time.
    pub(super) fn settle(&self, holding: &mut Holding, ledger: &mut Ledger<'_>) -> Option<Was> {
        if let Some(sent) = holding.sent.take() {
            return self.settle_sent(holding, sent, ledger);
        }
        match &holding.shadow {
            // The rules have changed and can read now what they could not: nobody knows what it was before.
            Some(shadow) if self.same(shadow) && holding.is_unreadable() && self.is_readable() => {
                self.edit(holding, None, false)
            }
            Some(shadow) if self.same(shadow) => None,
            Some(_) if planted::is(Planted::TakeForEcho) => {
                holding.shadow = Some(self.native.clone());
                None
            }
            Some(shadow) => {
                let before = mapping::read(&self.rule.map, self.place, shadow).ok();
                self.edit(holding, before, false)
            }
            None => self.edit(holding, None, true),
        }
    }

    /// What nobody answered has arrived all the same: it stands there, and did not before.
    fn shows_arrival(&self, holding: &Holding) -> bool {
        let stood_there = holding.shadow.as_ref().is_some_and(|shadow| self.same(shadow));
        holding.sent.as_ref().is_some_and(|sent| sent.in_doubt && self.same(&sent.native)) && !stood_there
    }

    fn settle_sent(&self, holding: &mut Holding, sent: super::entity::Sent, ledger: &mut Ledger<'_>) -> Option<Was> {
        let field = || self.rule.map.name.clone();
        if self.same(&sent.native) {
            if planted::is(Planted::SkipEcho) {
                return self.edit(holding, Some(Value::Blank), false);
            }
            // The echo of our own write: nobody edited, whoever the service names.
            holding.shadow = Some(self.native.clone());
            holding.mark.take_if(|mark| !matches!(mark, Mark::Apart { .. }));
            return None;
        }
        if holding.shadow.as_ref().is_some_and(|shadow| self.same(shadow)) {
            if !sent.in_doubt && self.clears_first && !sent.native.is_blank() && !self.native.is_blank() {
                // A step back that the service takes only from blank.
                holding.mark = Some(Mark::ClearFirst { golden: sent.golden });
            } else if !sent.in_doubt {
                // Answered with success, read afterwards, and still as before: writing it again would go on for ever.
                holding.mark = Some(Mark::Ignored { golden: sent.golden });
                ledger.events.push(Event::Ignored { side: self.side, field: field() });
            }
            // In doubt and still as before: it was not applied. The patch is simply due again.
            return None;
        }
        if mapping::image_of(&sent.native, self.native) || (self.ours && !sent.followed) {
            // The service keeps another form of what we wrote. Taking it for an edit would write the poorer form over
            // the richer one on the other side.
            holding.shadow = Some(self.native.clone());
            ledger.events.push(Event::Normalised {
                side: self.side,
                field: field(),
                sent: sent.native,
                kept: self.native.clone(),
            });
            match (&mut holding.mark, mapping::read(&self.rule.map, self.place, self.native)) {
                (Some(Mark::Apart { value, .. }), Ok(kept)) => *value = kept,
                (mark, _) => *mark = Some(Mark::Normalised { golden: sent.golden }),
            }
            return None;
        }
        match (sent.in_doubt, &holding.shadow) {
            (true, Some(shadow)) => {
                let before = mapping::read(&self.rule.map, self.place, shadow).ok();
                self.edit(holding, before, false)
            }
            (true, None) => self.edit(holding, Some(sent.golden), false),
            // It was taken, and somebody who had it before their eyes wrote something else.
            (false, _) => {
                let was = self.edit(holding, Some(sent.golden.clone()), false)?;
                Some(Was { delivered: Some(sent.golden), ..was })
            }
        }
    }

    fn edit(&self, holding: &mut Holding, before: Option<Value>, first: bool) -> Option<Was> {
        holding.shadow = Some(self.native.clone());
        match mapping::read(&self.rule.map, self.place, self.native) {
            Ok(value) => {
                holding.mark = None;
                Some(Was { before, value, first, delivered: None })
            }
            Err(problem) => {
                // What cannot be understood is no value: the field waits, the record goes on.
                holding.edit = None;
                holding.mark = Some(Mark::Parked { golden: None, parked: waiting(problem, self.now) });
                None
            }
        }
    }

    fn is_readable(&self) -> bool {
        mapping::read(&self.rule.map, self.place, self.native).is_ok()
    }

    pub(super) fn same(&self, other: &Native) -> bool {
        self.native == other || mapping::same_native(&self.rule.map, self.place, self.native, other)
    }
}

fn waiting(problem: Problem, now: Timestamp) -> Parked {
    Parked { problem, since: now, tries: 0, next_try: None, dismissed_by: None }
}

/// Keeps the edit until it is delivered. A first reading is no edit: the first link decides it, also where the other
/// side agreed with itself meanwhile, because the field was mapped there alone.
fn keep_edit(field: &mut Field, side: Side, was: Was, evidence: Evidence, record: &Record, with_email: bool) {
    let by = record.modified_by.clone();
    if was.first {
        field.agreed = None;
        field.linked = false;
        field.sides[side].edit = Some(Edit { value: was.value, before: None, evidence, by, with_email: false });
        return;
    }
    // What somebody wrote over, they had before their eyes.
    if let Some(value) = was.delivered.as_ref().or(was.before.as_ref()) {
        deliver(field, side.other(), value);
    }
    // An edit of an edit that has not been delivered: the value before the first of them is what the side held when
    // it last agreed with the other.
    let before = match field.sides[side].edit.take() {
        Some(earlier) if is_taken(field, side.other(), &earlier.value) => {
            field.agreed = Some(earlier.value.clone());
            Some(earlier.value)
        }
        // Where the first link was decided on it, that is what the side held when it was.
        Some(earlier) => earlier.before.or_else(|| field.linked.then_some(earlier.value)),
        None => was.before,
    };
    field.sides[side].edit = Some(Edit { value: was.value, before, evidence, by, with_email });
}

pub(super) fn note_reading(member: &mut Member, reading: &Reading<'_>) {
    member.modified_at = member.modified_at.max(reading.record.modified_at);
    member.created_at = member.created_at.or(reading.record.created_at);
    if reading.source != Source::Answer {
        // An answer shows what we wrote, and not what somebody did to other fields before.
        member.read_at = member.read_at.max(reading.requested_at);
    }
    if reading.record.version.is_some() {
        member.version.clone_from(&reading.record.version);
    }
    if reading.source != Source::Answer {
        member.wrote_email = false;
    }
    member.presence = Presence::Seen;
}
