//! Who is who, by a person's word: remembered, journalled, and reversible by the opposite word.
//!
//! What is linked stays linked by address. What is taken apart stays apart: matching passes the two over, whatever
//! their keys say, until a person links them or a service merges them.

use hymnal_sdk::Address;

use super::{
    Sync,
    matching::answered,
    reconcile::{duplicates, forget_side, promote, reread_key},
    world::World,
};
use crate::{
    merge::{
        Entity, Event, Id, Pair, Side,
        decide::decide,
        entity::Apart,
        event::ConflictStatus,
        unite::{detach, unite},
    },
    store::StoreError,
};

/// Why a word cannot be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unable {
    /// Nobody has this id any more.
    Nobody,
    /// The two are one already.
    SamePerson,
    /// The person has no records in both systems.
    NotLinked,
    /// The record is not one of the person's, or the only one.
    NotTheirs,
}

impl Sync {
    /// Makes two people one. Answers the id that goes on.
    ///
    /// # Errors
    /// The store's.
    pub async fn link(&self, one: Id, two: Id) -> Result<Result<Id, Unable>, StoreError> {
        let cycle = self.committer.new_cycle().await;
        Ok(self.decide(cycle, |world| link(world, one, two)).await?.answer)
    }

    /// Makes the records of a person in the two systems two people. Answers the id of the new one.
    ///
    /// # Errors
    /// The store's.
    pub async fn unlink(&self, id: Id) -> Result<Result<Id, Unable>, StoreError> {
        let cycle = self.committer.new_cycle().await;
        Ok(self.decide(cycle, |world| unlink(world, id)).await?.answer)
    }

    /// Makes one record of a person a person of its own. Answers the id of the new one.
    ///
    /// # Errors
    /// The store's.
    pub async fn split(&self, id: Id, side: Side, address: &Address) -> Result<Result<Id, Unable>, StoreError> {
        let cycle = self.committer.new_cycle().await;
        Ok(self.decide(cycle, |world| split(world, id, side, address)).await?.answer)
    }
}

fn link(world: &mut World<'_>, one: Id, two: Id) -> Result<Result<Id, Unable>, StoreError> {
    if one == two {
        return Ok(Err(Unable::SamePerson));
    }
    let (Some(one), Some(two)) = (world.entity(one)?, world.entity(two)?) else { return Ok(Err(Unable::Nobody)) };
    // Who is linked already keeps the records it has; of two such, the one that was named first.
    let mut group = if two.is_linked() && !one.is_linked() { [two, one] } else { [one, two] };
    let primaries =
        Pair::from_fn(|side| group.iter().find(|entity| entity.members[side].is_some()).map(|entity| entity.id));
    let known: Vec<Address> = Side::BOTH
        .into_iter()
        .flat_map(|side| group.iter().flat_map(move |entity| entity.secondary_addresses(side).cloned()))
        .collect();
    let mut events: Vec<Event> =
        group.iter_mut().filter_map(|entity| answered(entity, ConflictStatus::Resolved, world)).collect();
    for entity in &group {
        world.remove(entity.id)?;
    }
    let alias = group[0].id.max(group[1].id);
    let (united, kept) = world.decide(|context, ledger| unite(group.to_vec(), &primaries, context, ledger));
    let Some(mut united) = united else { return Ok(Err(Unable::Nobody)) };
    for side in Side::BOTH {
        // A creation on its way there is answered, or found, as a further record.
        if united.members[side].is_some() {
            united.creating[side] = None;
        }
    }
    events.push(Event::United { with: alias, by: "a person".to_owned() });
    events.extend(kept);
    for side in Side::BOTH {
        events.extend(duplicates(world, &united, side, &known));
    }
    let ((), decided) = world.decide(|context, ledger| decide(&mut united, context, ledger));
    events.extend(decided);
    let id = united.id;
    world.put(united, events)?;
    Ok(Ok(id))
}

fn unlink(world: &mut World<'_>, id: Id) -> Result<Result<Id, Unable>, StoreError> {
    let Some(mut entity) = world.entity(id)? else { return Ok(Err(Unable::Nobody)) };
    let goes = Side::Right;
    let (Some(member), true) = (entity.members[goes].clone(), entity.is_linked()) else {
        return Ok(Err(Unable::NotLinked));
    };
    let theirs = std::mem::take(&mut entity.secondaries[goes]);
    let Some(mut own) = take_away(world, entity, goes, &member.address)? else { return Ok(Err(Unable::NotTheirs)) };
    let Some(mut entity) = world.entity(id)? else { return Ok(Err(Unable::Nobody)) };
    for secondary in &theirs {
        let address = secondary.member.address.clone();
        entity.apart.push(Apart { side: goes, address, bars: true });
    }
    world.put(entity, Vec::new())?;
    own.secondaries[goes] = theirs;
    let own_id = own.id;
    finish(world, own)?;
    Ok(Ok(own_id))
}

fn split(world: &mut World<'_>, id: Id, side: Side, address: &Address) -> Result<Result<Id, Unable>, StoreError> {
    let Some(entity) = world.entity(id)? else { return Ok(Err(Unable::Nobody)) };
    let records: usize = Side::BOTH.iter().map(|side| entity.addresses(*side).count()).sum();
    if records < 2 {
        return Ok(Err(Unable::NotTheirs));
    }
    let Some(own) = take_away(world, entity, side, address)? else { return Ok(Err(Unable::NotTheirs)) };
    let own_id = own.id;
    finish(world, own)?;
    Ok(Ok(own_id))
}

/// Takes a record away, and puts the one it is taken from.
fn take_away(
    world: &mut World<'_>,
    mut entity: Entity,
    side: Side,
    address: &Address,
) -> Result<Option<Entity>, StoreError> {
    let now = world.context.now;
    let was_member = entity.members[side].as_ref().is_some_and(|member| member.address == *address);
    let id = world.new_entity().id;
    let (own, kept) = world.decide(|context, ledger| detach(&mut entity, side, address, id, context, ledger));
    let Some(mut own) = own else { return Ok(None) };
    stay_apart(world, &entity, &mut own, side, address)?;
    let mut events = vec![Event::Detached { side, address: address.clone(), to: own.id }];
    events.extend(kept);
    if was_member {
        forget_side(&mut entity, side, now, &mut events);
        promote(world, &mut entity, side);
    }
    let ((), decided) = world.decide(|context, ledger| decide(&mut entity, context, ledger));
    events.extend(decided);
    world.put(entity, events)?;
    Ok(Some(own))
}

/// Who was told apart from this record when it was one of the person's stays so: that they were two was said of it, too.
fn stay_apart(
    world: &World<'_>,
    entity: &Entity,
    own: &mut Entity,
    side: Side,
    address: &Address,
) -> Result<(), StoreError> {
    for known in &entity.apart {
        let other = world.shared_by_address(known.side, &known.address)?;
        let said = other.as_ref().and_then(|other| {
            other.apart.iter().find(|apart| apart.side == side && apart.address == *address).map(|apart| apart.bars)
        });
        if let Some(bars) = said {
            own.apart.push(Apart { bars, ..known.clone() });
        }
    }
    Ok(())
}

/// Puts the one that was made of a record that was taken away; what is not known of it is read.
fn finish(world: &mut World<'_>, mut own: Entity) -> Result<(), StoreError> {
    let mut events = Vec::new();
    for side in Side::BOTH {
        if let Some(member) = &own.members[side] {
            events.push(Event::Met { side, address: member.address.clone() });
            world.set(reread_key(world.tag(), side, &member.address), Some(Vec::new()));
        }
    }
    let ((), decided) = world.decide(|context, ledger| decide(&mut own, context, ledger));
    events.extend(decided);
    world.put(own, events)
}
