//! One reading of a linked record, folded into its entity: what is an echo, what an edit.

use hymnal_sdk::{ActorKind, Native, Record, Timestamp};

use super::{
    context::Context,
    decide::decide,
    entity::{Edit, Entity, Field, Holding, Id, Mark, Member, Parked, Presence},
    event::Event,
    field::Evidence,
    history::History,
    rules::FieldRule,
    side::{Pair, Side},
};
use crate::mapping::{self, FieldType, NativeField, Problem, Value};

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
    /// A listing or a read by id.
    Read,
    /// The answer to our own write: it carries the fields it names, and nothing can be staler than it.
    Answer,
}

/// What became of a reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Folded {
    /// It is merged.
    Merged,
    /// It was asked for before our last write was answered, or is older than one already merged: it says nothing of
    /// what is there now, and the record is to be read again.
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
    let Some(member) = &entity.members[side] else { return Folded::Stale };
    if reading.source == Source::Read && is_stale(member, &reading) {
        return Folded::Stale;
    }
    let before = member.clone();
    let evidence = evidence(&before, side, &reading, context);
    let mut edited = Vec::new();
    let mut email_moved = before.wrote_email && reading.source == Source::Read;
    for rule in &context.rules.fields {
        let Some(place) = Context::place(rule, side, &before.address.object) else { continue };
        let Some(native) = readable(&reading, &before, side, place, context) else { continue };
        let field = entity.fields.entry(rule.map.name.clone()).or_insert_with(Field::unread);
        let observed = Observed { rule, place, native, side, ours: is_ours(reading.record), now: context.now };
        let Some(was) = observed.settle(&mut field.sides[side], ledger) else { continue };
        email_moved |= rule.map.kind == FieldType::Email;
        edited.push((rule, was));
    }
    if !edited.is_empty() {
        // Somebody changed the person: what was refused as a whole may be taken now.
        entity.parked = Pair::default();
    }
    for (rule, was) in edited {
        if let Some(field) = entity.fields.get_mut(&rule.map.name) {
            keep_edit(field, side, was, evidence, reading.record, email_moved);
        }
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
            holding.sent.is_none() && holding.shadow.as_ref() == Some(native)
        })
}

fn is_stale(member: &Member, reading: &Reading<'_>) -> bool {
    let before_our_write = member.written_at.is_some_and(|written| reading.requested_at < written);
    let older = matches!((reading.record.modified_at, member.modified_at), (Some(now), Some(then)) if now < then);
    before_our_write || older
}

fn is_ours(record: &Record) -> bool {
    record.modified_by.as_ref().is_some_and(|actor| actor.kind == ActorKind::Us)
}

/// The native value, unless it is withheld or masked: what could not be read is no blank.
fn readable<'a>(
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
        None => {
            let omits = context.objects[side].get(&member.address.object).is_some_and(|facts| facts.omits_blanks);
            omits.then_some(BLANK)
        }
    }
}

fn is_mask(text: &str) -> bool {
    text.len() >= 3 && text.bytes().all(|byte| byte == b'*')
}

/// The time of an edit, as an interval: after our last reading of the record, up to its time of change. Where that
/// time is our own write's, it says nothing of an edit by somebody else.
fn evidence(member: &Member, side: Side, reading: &Reading<'_>, context: &Context<'_>) -> Evidence {
    match reading.record.modified_at {
        Some(_) if is_ours(reading.record) => Evidence::None,
        Some(theirs) => {
            let until = context.ours(side, theirs);
            let after = member.modified_at.is_some().then(|| member.read_at.min(until));
            Evidence::Record { after, until }
        }
        None => Evidence::None,
    }
}

/// A field's value in a reading.
struct Observed<'a> {
    rule: &'a FieldRule,
    place: &'a NativeField,
    native: &'a Native,
    side: Side,
    ours: bool,
    now: Timestamp,
}

/// What an edited field held before, if that is known.
struct Was {
    before: Option<Value>,
    value: Value,
    first: bool,
}

impl Observed<'_> {
    /// Moves the shadow to what was read. `Some` where somebody else changed the value, or it is read for the first
    /// time.
    fn settle(&self, holding: &mut Holding, ledger: &mut Ledger<'_>) -> Option<Was> {
        if let Some(sent) = holding.sent.take() {
            return self.settle_sent(holding, sent, ledger);
        }
        match &holding.shadow {
            Some(shadow) if self.same(shadow) => None,
            Some(shadow) => {
                let before = mapping::read(&self.rule.map, self.place, shadow).ok();
                self.edit(holding, before, false)
            }
            None => self.edit(holding, None, true),
        }
    }

    fn settle_sent(&self, holding: &mut Holding, sent: super::entity::Sent, ledger: &mut Ledger<'_>) -> Option<Was> {
        let field = || self.rule.map.name.clone();
        if self.same(&sent.native) {
            // The echo of our own write: nobody edited, whoever the service names.
            holding.shadow = Some(self.native.clone());
            holding.mark = None;
            return None;
        }
        if holding.shadow.as_ref().is_some_and(|shadow| self.same(shadow)) {
            if !sent.in_doubt {
                // Answered with success, read afterwards, and still as before: writing it again would go on for ever.
                holding.mark = Some(Mark::Ignored { golden: sent.golden });
                ledger.events.push(Event::Ignored { side: self.side, field: field() });
            }
            // In doubt and still as before: it was not applied. The patch is simply due again.
            return None;
        }
        if mapping::image_of(&sent.native, self.native) || self.ours {
            // The service keeps another form of what we wrote. Taking it for an edit would write the poorer form over
            // the richer one on the other side.
            holding.shadow = Some(self.native.clone());
            ledger.events.push(Event::Normalised {
                side: self.side,
                field: field(),
                sent: sent.native,
                kept: self.native.clone(),
            });
            holding.mark = Some(Mark::Normalised { golden: sent.golden });
            return None;
        }
        let before = match (sent.in_doubt, &holding.shadow) {
            (true, Some(shadow)) => mapping::read(&self.rule.map, self.place, shadow).ok(),
            _ => Some(sent.golden),
        };
        self.edit(holding, before, false)
    }

    fn edit(&self, holding: &mut Holding, before: Option<Value>, first: bool) -> Option<Was> {
        holding.shadow = Some(self.native.clone());
        match mapping::read(&self.rule.map, self.place, self.native) {
            Ok(value) => {
                holding.mark = None;
                Some(Was { before, value, first })
            }
            Err(problem) => {
                // What cannot be understood is no value: the field waits, the record goes on.
                holding.edit = None;
                holding.mark = Some(Mark::Parked { golden: None, parked: waiting(problem, self.now) });
                None
            }
        }
    }

    fn same(&self, other: &Native) -> bool {
        self.native == other || mapping::same_native(&self.rule.map, self.place, self.native, other)
    }
}

fn waiting(problem: Problem, now: Timestamp) -> Parked {
    Parked { problem, since: now, tries: 0, next_try: Timestamp::MAX }
}

/// Keeps the edit until it is delivered. A first reading is no edit: the first link decides it.
fn keep_edit(field: &mut Field, side: Side, was: Was, evidence: Evidence, record: &Record, with_email: bool) {
    if was.first && field.agreed.is_none() {
        field.sides[side].edit =
            Some(Edit { value: was.value, before: None, evidence, by: record.modified_by.clone(), with_email: false });
        return;
    }
    let holding = &mut field.sides[side];
    // An edit of an edit that has not been delivered: the value before the first of them is what the side held when
    // it last agreed with the other.
    let before = match holding.edit.take() {
        Some(earlier) => earlier.before,
        None => was.before,
    };
    if field.agreed.as_ref() == Some(&was.value) && before.as_ref() == Some(&was.value) {
        return;
    }
    holding.edit = Some(Edit { value: was.value, before, evidence, by: record.modified_by.clone(), with_email });
}

fn note_reading(member: &mut Member, reading: &Reading<'_>) {
    member.modified_at = member.modified_at.max(reading.record.modified_at);
    member.created_at = member.created_at.or(reading.record.created_at);
    member.read_at = member.read_at.max(reading.requested_at);
    if reading.record.version.is_some() {
        member.version.clone_from(&reading.record.version);
    }
    if reading.source == Source::Read {
        member.wrote_email = false;
    }
    member.presence = Presence::Seen;
}
