//! Who was converted into what the sync does not have, and who had been converted before anybody here knew of them.

use hymnal_sdk::{Address, Record, State};

use super::{
    moves::moved,
    reconcile::{Asked, new_member},
    unreadable,
    world::World,
};
use crate::{
    merge::{
        Entity, Event, Side,
        decide::decide,
        entity::{Field, Mark, Presence},
        identity::{Match, match_entity},
        last_word::hear_last_word,
        patch::keys,
        reading::{Reading, fold},
    },
    planted::{self, Planted},
    store::StoreError,
};

/// The object it became is not in the sync: the person is known, linked, and not written to there any more. So nothing
/// that was refused there can be resolved, and waits no longer.
pub(super) fn converted_out(
    world: &mut World<'_>,
    mut entity: Entity,
    side: Side,
    (from, into): (&Address, &Address),
) -> Result<(), StoreError> {
    let seen_at = world.context.now;
    match &mut entity.members[side] {
        Some(member) if !matches!(member.presence, Presence::ConvertedOut { .. }) => {
            member.presence = Presence::ConvertedOut { seen_at };
        }
        _ => return Ok(()),
    }
    entity.parked[side] = None;
    for field in entity.fields.values_mut() {
        field.sides[side].mark.take_if(|mark| matches!(mark, Mark::Parked { .. } | Mark::Ignored { .. }));
    }
    if planted::is(Planted::RemakeConverted) {
        entity.members[side] = None;
    }
    let ((), mut events) = world.decide(|context, ledger| decide(&mut entity, context, ledger));
    events.push(Event::Moved { side, from: from.clone(), to: into.clone() });
    world.put(entity, events)
}

/// A converted record that nobody knew stands under the key of somebody who is about to be made beside it. That person
/// is a customer already, and goes on as what the record became; where the sync does not have that, as converted out.
/// Nobody is made.
///
/// The values of the record are history, which nobody can correct: none of them travels, but for a refusal. `records` are
/// all that were found with it.
pub(super) fn recognise_converted(
    world: &mut World<'_>,
    side: Side,
    (record, records): (&Record, &[Record]),
    asked: Asked,
) -> Result<(), StoreError> {
    let State::Converted { into } = &record.state else { return Ok(()) };
    if unreadable::leads_there(world, side, &record.address)? {
        return Ok(());
    }
    let mut found = as_met(world, side, record, asked);
    if world.is_blocked(side, &record.address, &found)? {
        return Ok(());
    }
    let others = world.sharing_a_key(&found)?;
    let Match::One { all, set, .. } = match_entity(&found, &others, world.context) else { return Ok(()) };
    let key = keys(&found, &world.context.rules.matching[set], world.context);
    let mut rivals = records.iter().filter(|other| matches!(&other.state, State::Converted { into: it } if it != into));
    // Nobody guesses which of several customers it is.
    let is_rivalled = rivals.any(|other| {
        let other = as_met(world, side, other, asked);
        !keys(&other, &world.context.rules.matching[set], world.context).is_disjoint(&key)
    });
    if is_rivalled && world.context.rules.systems[side].objects.contains(&into.object) {
        return Ok(());
    }
    let is_to_be_made = |other: &Entity| {
        other.members[side].is_none()
            && other.members[side.other()].is_some()
            && other.tombstones[side].is_none()
            && !other.queued
    };
    let mut meant = others.into_iter().filter(|other| all.contains(&other.id) && is_to_be_made(other));
    let (Some(mut entity), None) = (meant.next(), meant.next()) else { return Ok(()) };
    if world.shared_by_address(side, into)?.is_some_and(|there| entity.is_apart_from(&there)) {
        return Ok(());
    }
    entity.creating[side] = None;
    entity.parked[side] = None;
    entity.members[side] = found.members[side].take();
    let ((), mut events) = world.decide(|context, ledger| hear_last_word(&mut entity, side, record, context, ledger));
    for (name, theirs) in &mut found.fields {
        let field = entity.fields.entry(name.clone()).or_insert_with(Field::unread);
        field.sides[side].shadow = theirs.sides[side].shadow.take();
        field.linked = true;
    }
    let names = world.context.rules.matching[set].iter();
    let names: Vec<&str> = names.map(|index| world.context.rules.fields[*index].map.name.as_str()).collect();
    if let Some(other) = &entity.members[side.other()] {
        let records = side.pair(record.address.clone(), other.address.clone());
        events.push(Event::Linked { records, key: names.join(" + ") });
    }
    world.put(entity.clone(), events)?;
    moved(world, entity, side, &record.address, into)
}

/// A person of its own, as if the record were met now.
fn as_met(world: &mut World<'_>, side: Side, record: &Record, asked: Asked) -> Entity {
    let mut met = world.new_entity();
    met.members[side] = Some(new_member(record, asked.at));
    let reading = Reading { record, requested_at: asked.at, source: asked.source };
    world.decide(|context, ledger| fold(&mut met, side, reading, context, ledger));
    met
}
