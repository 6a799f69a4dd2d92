//! What was observed, folded into what is known. No I/O but the store, no clock but the context's.

use std::rc::Rc;

use hymnal_sdk::{Address, Gone, Got, Record, State, Timestamp};

use super::{moves::moved, unreadable, world::World};
use crate::{
    merge::{
        Context, Entity, Event, Id, Pair, Side,
        decide::decide,
        entity::{Field, Holding, Member, OpenConflict, Presence},
        event::{ConflictEvent, ConflictLine, ConflictStatus},
        last_word::hear_last_word,
        logged::thaw,
        patch::key,
        reading::{Folded, Reading, Source, fold, is_known},
        removal::{Tombstone, bury, come_back, left_behind, restrict_all},
        secondary::fold_secondary,
        unite,
    },
    planted::{self, Planted},
    store::{StoreError, tables::Tag},
};

/// How a record was asked for.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// When, by our clock.
    pub at: Timestamp,
    /// In a listing, or by its id.
    pub source: Source,
}

impl Asked {
    /// In a listing, which may lag.
    pub fn listed(at: Timestamp) -> Self {
        Self { at, source: Source::Listed }
    }

    /// By its id.
    pub fn by_id(at: Timestamp) -> Self {
        Self { at, source: Source::Read }
    }
}

/// Folds one reading into the world.
pub fn observe(world: &mut World<'_>, side: Side, record: &Record, asked: Asked) -> Result<(), StoreError> {
    let known = world.shared_by_address(side, &record.address)?;
    if known.is_none() && unreadable::leads_there(world, side, &record.address)? {
        return Ok(());
    }
    let reading = Reading { record, requested_at: asked.at, source: asked.source };
    if let Some(entity) = &known
        && record.state == State::Live
        && is_member(entity, side, &record.address)
        && is_known(entity, side, reading, world.context)
    {
        return Ok(());
    }
    match (known.map(Rc::unwrap_or_clone), &record.state) {
        (Some(entity), State::Live) => observe_known(world, entity, side, record, asked),
        (Some(entity), State::Deleted) => {
            let entity = hear(world, entity, side, record)?;
            note_deleted(world, entity, side, &record.address)
        }
        (Some(_), State::Converted { .. }) if planted::is(Planted::StayWithLead) => Ok(()),
        (Some(entity), State::Merged { into } | State::Converted { into }) => {
            let entity = hear(world, entity, side, record)?;
            moved(world, entity, side, &record.address, into)
        }
        (None, State::Live) => meet(world, side, record, asked),
        // Of what we never knew, only what exists matters: the record that it became is listed by itself.
        (None, State::Deleted | State::Merged { .. } | State::Converted { .. }) => {
            world.note_departed(side, &record.address)
        }
    }
}

/// What a record that is going says of consent, in its last reading.
fn hear(world: &mut World<'_>, mut entity: Entity, side: Side, record: &Record) -> Result<Entity, StoreError> {
    let before = entity.clone();
    let ((), heard) = world.decide(|context, ledger| hear_last_word(&mut entity, side, record, context, ledger));
    if entity != before {
        world.put(entity.clone(), heard)?;
    }
    Ok(entity)
}

/// Folds what a read by id answered.
pub fn observe_got(
    world: &mut World<'_>,
    side: Side,
    asked: &Address,
    got: &Got,
    requested_at: Timestamp,
) -> Result<(), StoreError> {
    let waited = reread_key(world.tag(), side, asked);
    if world.get(&waited)?.is_some() {
        world.set(waited, None);
    }
    match got {
        Got::Record(record) => observe(world, side, record, Asked::by_id(requested_at)),
        Got::Gone => observe_gone(world, side, asked),
    }
}

/// A record that was there cannot be read by its id. Only where the manifest says so is that a deletion; elsewhere a
/// permission may have been lost, and nothing is done but to wait.
pub fn observe_gone(world: &mut World<'_>, side: Side, address: &Address) -> Result<(), StoreError> {
    let Some(mut entity) = world.by_address(side, address)? else { return Ok(()) };
    let gone = world.context.objects[side].get(&address.object).map_or(Gone::NotVisible, |facts| facts.gone);
    // Our own deletion whose answer was lost explains it too.
    if gone == Gone::Deleted || is_ours_to_remove(&entity, side, address) {
        return note_deleted(world, entity, side, address);
    }
    let now = world.context.now;
    let is_member = is_member(&entity, side, address);
    let secondary = entity.secondaries[side].iter_mut().map(|secondary| &mut secondary.member);
    let hidden = match &mut entity.members[side] {
        Some(member) if is_member => Some(member),
        _ => secondary.into_iter().find(|member| member.address == *address),
    };
    match hidden {
        Some(member) if member.presence == Presence::Seen => {
            member.presence = Presence::NotVisible { seen_at: now };
        }
        _ => return Ok(()),
    }
    let ((), mut events) = world.decide(|context, ledger| decide(&mut entity, context, ledger));
    events.push(Event::NotVisible { side, address: address.clone() });
    world.put(entity, events)
}

/// The service said that a record was deleted. Nothing is done about it before the grace is over, so that a merge or
/// a restoration can explain it.
pub fn note_deleted(
    world: &mut World<'_>,
    mut entity: Entity,
    side: Side,
    address: &Address,
) -> Result<(), StoreError> {
    if entity.secondary(side, address).is_some() {
        entity.secondaries[side].retain(|other| other.member.address != *address);
        return world.put(entity, vec![Event::Unlinked { side, address: address.clone() }]);
    }
    if is_ours_to_remove(&entity, side, address) {
        return removed(world, entity, side);
    }
    let now = world.context.now;
    let is_member = is_member(&entity, side, address);
    match &mut entity.members[side] {
        Some(member) if is_member && !matches!(member.presence, Presence::Deleted { .. }) => {
            member.presence = Presence::Deleted { seen_at: now };
        }
        _ => return Ok(()),
    }
    let ((), mut events) = world.decide(|context, ledger| {
        restrict_all(&mut entity, side, context, ledger);
        decide(&mut entity, context, ledger);
    });
    events.push(Event::SeenDeleted { side, address: address.clone() });
    world.put(entity, events)
}

/// Unlinks a member whose deletion was believed and whose grace is over. A secondary takes its place; where there is
/// none, a tombstone remembers, and `on_delete` says what is done about the other record.
pub fn unlink(world: &mut World<'_>, mut entity: Entity, side: Side) -> Result<(), StoreError> {
    let Some(member) = entity.members[side].take() else { return Ok(()) };
    entity.counted[side].clear();
    entity.gates[side] = None;
    let now = world.context.now;
    let mut events = vec![Event::Unlinked { side, address: member.address.clone() }];
    let left = left_behind(&entity, side, world.context);
    forget_side(&mut entity, side, now, &mut events);
    if !promote(world, &mut entity, side) {
        let seen_at = match member.presence {
            Presence::Deleted { seen_at } | Presence::NotVisible { seen_at } => seen_at,
            Presence::Seen | Presence::ConvertedOut { .. } => now,
        };
        let ((), buried) =
            world.decide(|context, ledger| bury(&mut entity, side, member.address, seen_at, context, ledger));
        events.extend(buried);
        if let Some(tombstone) = &mut entity.tombstones[side] {
            tombstone.left = left;
        }
    }
    let ((), decided) = world.decide(|context, ledger| decide(&mut entity, context, ledger));
    events.extend(decided);
    world.put(entity, events)
}

/// Our own deletion is done. It does not travel back: a tombstone remembers, unless a secondary takes its place.
pub fn removed(world: &mut World<'_>, mut entity: Entity, side: Side) -> Result<(), StoreError> {
    let Some(member) = entity.members[side].take() else { return Ok(()) };
    let now = world.context.now;
    entity.removing[side] = None;
    let mut events = vec![Event::Removed { side, address: member.address.clone() }];
    let left = left_behind(&entity, side, world.context);
    forget_side(&mut entity, side, now, &mut events);
    if !promote(world, &mut entity, side) {
        entity.tombstones[side] = Some(Tombstone { address: member.address, at: now, remake: false, left });
    }
    let ((), decided) = world.decide(|context, ledger| decide(&mut entity, context, ledger));
    events.extend(decided);
    world.put(entity, events)
}

/// A further record of the person takes the place of the one that is gone.
pub(super) fn promote(world: &mut World<'_>, entity: &mut Entity, side: Side) -> bool {
    let next = unite::promote(entity, side, world.context.now);
    if let Some(next) = &next {
        world.set(reread_key(world.tag(), side, next), Some(Vec::new()));
    }
    next.is_some()
}

fn is_ours_to_remove(entity: &Entity, side: Side, address: &Address) -> bool {
    is_member(entity, side, address) && entity.removing[side].as_ref().is_some_and(|removal| removal.in_doubt)
}

/// The key under which a record waits to be read again.
pub fn reread_key(tag: Tag, side: Side, address: &Address) -> Vec<u8> {
    [tag.rereads(side, &address.object), address.id.clone().into_bytes()].concat()
}

fn observe_known(
    world: &mut World<'_>,
    mut entity: Entity,
    side: Side,
    record: &Record,
    asked: Asked,
) -> Result<(), StoreError> {
    if entity.secondary(side, &record.address).is_some() {
        return observe_secondary(world, entity, side, record, asked);
    }
    if !is_member(&entity, side, &record.address) {
        return observe_former(world, entity, side, record, asked);
    }
    let before = world.shared(entity.id)?;
    let keys = golden_keys(&entity, world.context);
    let known = known_keys(&entity, side, world.context);
    let reading = Reading { record, requested_at: asked.at, source: asked.source };
    let (folded, events) = world.decide(|context, ledger| fold(&mut entity, side, reading, context, ledger));
    if folded == Folded::Stale {
        world.set(reread_key(world.tag(), side, &record.address), Some(Vec::new()));
        return Ok(());
    }
    if before.is_some_and(|before| only_read_again(&before, &mut entity, side)) {
        return Ok(());
    }
    let now = golden_keys(&entity, world.context);
    let moved = keys != now;
    if known.is_some_and(|known| !known.contains(&now)) {
        // What a person took apart stays apart; but it may be somebody by now who is made in the other system.
        entity.apart.iter_mut().for_each(|apart| apart.bars = false);
    }
    if moved && !entity.is_linked() {
        entity.queued = true;
        world.decide(|context, ledger| decide(&mut entity, context, ledger));
    }
    world.put(entity, events)
}

/// The keys that a reading of the record shows where nothing has changed: the golden ones, and those that we wrote
/// there and that no reading has settled. `None` where they were never read.
fn known_keys(entity: &Entity, side: Side, context: &Context<'_>) -> Option<[Vec<Option<String>>; 2]> {
    let golden = golden_keys(entity, context);
    if entity.is_linked() {
        return Some([golden.clone(), golden]);
    }
    let mut written = entity.clone();
    for index in context.rules.matching.iter().flatten() {
        let field = written.fields.get_mut(&context.rules.fields[*index].map.name)?;
        let holding = &field.sides[side];
        if holding.shadow.is_none() && holding.sent.is_none() {
            return None;
        }
        if let Some(sent) = &holding.sent {
            field.golden = sent.golden.clone();
        }
    }
    Some([golden, golden_keys(&written, context)])
}

/// The overlap shows the same again and again: that it was read is worth no write. The time of the reading only
/// narrows evidence, and a wider interval is still true.
fn only_read_again(before: &Entity, after: &mut Entity, side: Side) -> bool {
    let (Some(member), Some(known)) = (&mut after.members[side], &before.members[side]) else { return false };
    let read_at = std::mem::replace(&mut member.read_at, known.read_at);
    let same = *after == *before;
    if let Some(member) = &mut after.members[side] {
        member.read_at = read_at;
    }
    same
}

/// A secondary says what it says of consent; its other values are its own.
fn observe_secondary(
    world: &mut World<'_>,
    mut entity: Entity,
    side: Side,
    record: &Record,
    asked: Asked,
) -> Result<(), StoreError> {
    let read_at = |entity: &Entity| entity.secondary(side, &record.address).map(|secondary| secondary.member.read_at);
    let (before, known) = (entity.clone(), read_at(&entity));
    let reading = Reading { record, requested_at: asked.at, source: asked.source };
    let (folded, events) = world.decide(|context, ledger| fold_secondary(&mut entity, side, reading, context, ledger));
    if folded == Folded::Stale {
        world.set(reread_key(world.tag(), side, &record.address), Some(Vec::new()));
        return Ok(());
    }
    let now = read_at(&entity);
    let mut same = entity.clone();
    if let (Some(secondary), Some(known)) = (same.secondary_mut(side, &record.address), known) {
        secondary.member.read_at = known;
    }
    // That it was read again is worth no write.
    if same == before && now >= known { Ok(()) } else { world.put(entity, events) }
}

/// A record that was deleted and is back restores its link.
fn observe_former(
    world: &mut World<'_>,
    mut entity: Entity,
    side: Side,
    record: &Record,
    asked: Asked,
) -> Result<(), StoreError> {
    let Some(tombstone) = entity.tombstones[side].take_if(|tombstone| tombstone.address == record.address) else {
        return Ok(());
    };
    if asked.source == Source::Listed {
        // A listing may lag behind the deletion: that it is back is only believed when it is read by its id.
        world.set(reread_key(world.tag(), side, &record.address), Some(Vec::new()));
        return Ok(());
    }
    entity.members[side] = Some(new_member(record, asked.at));
    if let Some(left) = tombstone.left {
        come_back(&mut entity, side, &left, world.context);
    }
    let mut events = vec![Event::SeenAgain { side, address: record.address.clone() }];
    let reading = Reading { record, requested_at: asked.at, source: asked.source };
    let (_, decided) = world.decide(|context, ledger| fold(&mut entity, side, reading, context, ledger));
    events.extend(decided);
    world.put(entity, events)
}

/// A record seen for the first time is a person of its own until its keys were matched.
fn meet(world: &mut World<'_>, side: Side, record: &Record, asked: Asked) -> Result<(), StoreError> {
    let mut entity = world.new_entity();
    entity.members[side] = Some(new_member(record, asked.at));
    let reading = Reading { record, requested_at: asked.at, source: asked.source };
    world.decide(|context, ledger| fold(&mut entity, side, reading, context, ledger));
    if world.is_blocked(side, &record.address, &entity)? {
        return Ok(());
    }
    world.put(entity, vec![Event::Met { side, address: record.address.clone() }])
}

/// What is to be told of further records of one person that are not `known` to be that.
pub fn duplicates(world: &mut World<'_>, united: &Entity, side: Side, known: &[Address]) -> Vec<Event> {
    let mut events = Vec::new();
    let new: Vec<&Address> = united.secondary_addresses(side).filter(|address| !known.contains(address)).collect();
    for address in new {
        let line = ConflictLine::Duplicate(side, address.clone());
        let (line, _) =
            world.decide(|context, ledger| listed((ledger.ids)(), line, ConflictStatus::Resolved, context.now));
        events.push(Event::Duplicate { side, address: address.clone() });
        events.push(line);
    }
    events
}

/// A line about a person as a whole.
pub fn listed(id: Id, verdict: ConflictLine, status: ConflictStatus, at: Timestamp) -> Event {
    Event::Conflict(Box::new(ConflictEvent {
        id,
        field: String::new(),
        verdict,
        base: None,
        edits: Pair::default(),
        natives: Pair::default(),
        status,
        at,
    }))
}

/// A side that is no longer linked has no say: its shadows go, what was agreed with it is no longer agreed, and open
/// questions with it are moot.
pub(super) fn forget_side(entity: &mut Entity, side: Side, now: Timestamp, events: &mut Vec<Event>) {
    for (name, field) in &mut entity.fields {
        field.sides[side] = Holding::default();
        field.agreed = None;
        field.linked = false;
        if let Some(open) = field.conflict.take() {
            events.push(superseded(name, field, &open, now, "one of the two records is gone"));
            thaw(field);
        }
    }
    entity.creating[side] = None;
    entity.parked[side] = None;
}

/// The line that closes an open conflict that nobody decided.
pub fn superseded(name: &str, field: &Field, open: &OpenConflict, now: Timestamp, reason: &str) -> Event {
    use crate::merge::event::StoredConflict;
    Event::Conflict(Box::new(ConflictEvent {
        id: open.id,
        field: name.to_owned(),
        verdict: ConflictLine::Field(StoredConflict {
            kind: open.kind,
            winner: None,
            result: None,
            certainty: None,
            policy: "manual".to_owned(),
            reason: reason.to_owned(),
        }),
        base: field.agreed.clone(),
        edits: Pair::from_fn(|side| field.sides[side].edit.clone()),
        natives: Pair::from_fn(|side| field.sides[side].shadow.clone()),
        status: ConflictStatus::Superseded,
        at: now,
    }))
}

pub(super) fn is_member(entity: &Entity, side: Side, address: &Address) -> bool {
    entity.members[side].as_ref().is_some_and(|member| member.address == *address)
}

/// A member that a record read now makes.
pub fn new_member(record: &Record, requested_at: Timestamp) -> Member {
    Member {
        address: record.address.clone(),
        created_at: record.created_at,
        modified_at: None,
        read_at: requested_at,
        written_at: None,
        wrote_email: false,
        presence: Presence::Seen,
        version: None,
    }
}

fn golden_keys(entity: &Entity, context: &Context<'_>) -> Vec<Option<String>> {
    context.rules.matching.iter().map(|set| key(entity, set, context)).collect()
}
