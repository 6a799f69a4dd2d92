//! Records that live on under another address: merged, or converted.

use hymnal_sdk::Address;

use super::{
    converted::converted_out,
    reconcile::{duplicates, forget_side, is_member, listed, reread_key},
    unreadable,
    world::World,
};
use crate::{
    merge::{
        Entity, Event, Pair, Side,
        decide::decide,
        emails::remember_emails,
        entity::Member,
        event::{ConflictLine, ConflictStatus},
        secondary::Secondary,
        unite::{carry_edits, unite},
    },
    store::StoreError,
};

/// A record was merged into another, or converted: the link moves there, and what the other record holds is the first
/// link of a new record. Where that one is known as somebody else's, the two are one person.
pub fn moved(
    world: &mut World<'_>,
    mut entity: Entity,
    side: Side,
    from: &Address,
    into: &Address,
) -> Result<(), StoreError> {
    if from == into {
        return Ok(());
    }
    if unreadable::leads_there(world, side, into)? {
        // Who stands there is not known: the link stays, and is moved once it is.
        world.set(reread_key(world.tag(), side, from), Some(Vec::new()));
        return Ok(());
    }
    // It may have looked like a deletion before: a merge that is known late explains it.
    let was_thought_deleted = entity.members[side].is_none()
        && entity.tombstones[side].as_ref().is_some_and(|tombstone| tombstone.address == *from);
    if entity.secondary(side, from).is_some() {
        return secondary_moved(world, entity, side, from, into);
    }
    if !was_thought_deleted && !is_member(&entity, side, from) {
        return Ok(());
    }
    if !world.context.rules.systems[side].objects.contains(&into.object) {
        return converted_out(world, entity, side, (from, into));
    }
    let now = world.context.now;
    let mut events = vec![Event::Moved { side, from: from.clone(), to: into.clone() }];
    let other = world.by_address(side, into)?.filter(|other| other.id != entity.id);
    let grave = entity.tombstones[side.other()].clone();
    forget_side(&mut entity, side, now, &mut events);
    entity.tombstones[side] = None;
    entity.secondaries[side].retain(|secondary| secondary.member.address != *into);
    entity.members[side] = None;
    let mut entity = match other {
        None => {
            entity.members[side] = Some(Member::unread(into.clone(), now));
            entity
        }
        Some(other) => {
            let winner = other.id;
            let primaries =
                side.pair(Some(winner), Some(if other.members[side.other()].is_some() { winner } else { entity.id }));
            let united = unite_moved(world, [entity, other], &primaries, (side, from, into), &mut events)?;
            let Some(mut united) = united else { return Ok(()) };
            // The person lives on here, so whom somebody deleted there is still deleted.
            if united.members[side.other()].is_none() {
                united.tombstones[side.other()] = united.tombstones[side.other()].take().or(grave);
            }
            united
        }
    };
    world.set(reread_key(world.tag(), side, into), Some(Vec::new()));
    let ((), decided) = world.decide(|context, ledger| decide(&mut entity, context, ledger));
    events.extend(decided);
    world.put(entity, events)
}

/// A further record of a person went into another one: where that is somebody else's, they are one person.
fn secondary_moved(
    world: &mut World<'_>,
    mut entity: Entity,
    side: Side,
    from: &Address,
    into: &Address,
) -> Result<(), StoreError> {
    let (now, before) = (world.context.now, entity.clone());
    entity.secondaries[side].retain(|secondary| secondary.member.address != *from);
    let mut events = vec![Event::Moved { side, from: from.clone(), to: into.clone() }];
    let is_ours = entity.addresses(side).any(|address| address == into);
    let other = world.by_address(side, into)?.filter(|other| other.id != entity.id);
    if let Some(other) = other {
        let first = if (!entity.is_linked(), entity.id) <= (!other.is_linked(), other.id) { &entity } else { &other };
        let has = |side: Side| [first, &entity, &other].into_iter().find(|one| one.members[side].is_some());
        let primaries = Pair::from_fn(|side| has(side).map(|one| one.id));
        let group = if first.id == entity.id { [other, entity] } else { [entity, other] };
        let Some(united) = unite_moved(world, group, &primaries, (side, from, into), &mut events)? else {
            return Ok(());
        };
        entity = united;
        remember_emails(&mut entity, &before, world.context);
    } else if !is_ours && world.context.rules.systems[side].objects.contains(&into.object) {
        entity.secondaries[side].push(Secondary::unread(into.clone(), now));
    }
    world.set(reread_key(world.tag(), side, into), Some(Vec::new()));
    let ((), decided) = world.decide(|context, ledger| decide(&mut entity, context, ledger));
    events.extend(decided);
    world.put(entity, events)
}

/// The one that goes and the one that is left are one person. The other system may then have two records of that
/// person: one stays primary, the other is listed with the hint to merge it there.
fn unite_moved(
    world: &mut World<'_>,
    [gone, left]: [Entity; 2],
    primaries: &Pair<Option<crate::merge::Id>>,
    (side, from, into): (Side, &Address, &Address),
    events: &mut Vec<Event>,
) -> Result<Option<Entity>, StoreError> {
    let far = side.other();
    let known: Vec<Address> = gone.secondary_addresses(far).chain(left.secondary_addresses(far)).cloned().collect();
    world.remove(gone.id)?;
    world.remove(left.id)?;
    let (alias, were_two) = (gone.id.max(left.id), !gone.queued && !left.queued);
    let (united, decided) = world.decide(|context, ledger| {
        let mut united = unite(vec![left, gone.clone()], primaries, context, ledger)?;
        let lost = carry_edits(&mut united, &gone, context);
        let line = ConflictLine::Merged { side, from: from.clone(), into: into.clone(), with: alias, lost };
        if were_two {
            ledger.events.push(listed((ledger.ids)(), line, ConflictStatus::Resolved, context.now));
        }
        Some(united)
    });
    events.push(Event::United { with: alias, by: "merged".to_owned() });
    events.extend(decided);
    let Some(united) = united else { return Ok(None) };
    events.extend(duplicates(world, &united, far, &known));
    Ok(Some(united))
}
