//! What is stored of a person and does not read: damage that no checksum below noticed, or a later Hymnal's form.
//!
//! Such a person is set aside by key: neither written nor made again, whatever is read of their records, until what is
//! stored reads again. Nobody who shares a key with them is created either, for it may be them. Everybody else goes on.

use hymnal_sdk::{Address, SignedDuration, Timestamp};

use super::{
    parked,
    reconcile::reread_key,
    world::{LANES, World},
};
use crate::{
    merge::{
        Entity, Event, Id, Side,
        decide::decide,
        parked::{Parking, Signature, Waiting},
        patch::keys,
    },
    store::{StoreError, tables::entity_of},
};

/// How long until it is tried to be read again, without anybody asking for it.
const AGAIN: SignedDuration = SignedDuration::from_hours(24);
/// The word for grouping.
const CODE: &str = "stored-value";

/// An address leads to a person whose state does not read.
pub(super) fn leads_there(world: &World<'_>, side: Side, address: &Address) -> Result<bool, StoreError> {
    let Some(bytes) = world.get(&world.tag().address(side, address))? else { return Ok(false) };
    let Some(id) = entity_of(&bytes) else { return Ok(false) };
    is_unreadable(world, id)
}

/// A key of this person leads to one whose state does not read.
pub(super) fn shares_a_key(world: &World<'_>, entity: &Entity) -> Result<bool, StoreError> {
    if world.unreadable().is_empty() {
        return Ok(false);
    }
    for (set, fields) in world.context.rules.matching.iter().enumerate() {
        for text in keys(entity, fields, world.context) {
            for (key, _) in world.scan(&world.tag().matching(set, &text), 64)? {
                if let Some(id) = entity_of(&key)
                    && is_unreadable(world, id)?
                {
                    return Ok(true);
                }
            }
        }
    }
    Ok(false)
}

/// Sets aside whoever was met in this decision and does not read: listed, journalled once, out of the outbox.
pub(super) fn set_aside(world: &mut World<'_>) -> Result<(), StoreError> {
    for (id, reason) in world.unreadable() {
        let now = world.context.now;
        let (key, value) = row(world, id, now.saturating_add(AGAIN).unwrap_or(Timestamp::MAX));
        let known = world.get(&key)?;
        let due = known.as_deref().and_then(|row| row.get(..8)?.try_into().ok()).map(i64::from_be_bytes);
        if due.is_some_and(|due| due > now.as_millisecond()) {
            continue;
        }
        world.set(key, Some(value));
        if known.is_some() {
            continue;
        }
        for side in Side::BOTH {
            for lane in LANES {
                let queued = [world.tag().outbox(side, lane), id.bytes().to_vec()].concat();
                if world.get(&queued)?.is_some() {
                    world.set(queued, None);
                }
            }
        }
        tracing::error!(entity = %id, reason, "What is stored of a person does not read; nothing is written of them");
        world.journal(id, vec![Event::Unreadable { reason }]);
    }
    Ok(())
}

/// What is stored of a person who was set aside reads again: what follows from it is derived anew.
pub(super) fn take_back(world: &mut World<'_>, id: Id, signature: &Signature) -> Result<bool, StoreError> {
    if signature.what != Parking::State {
        return Ok(false);
    }
    let Some(mut entity) = world.entity(id)? else { return Ok(true) };
    let (key, _) = row(world, id, Timestamp::MAX);
    world.set(key, None);
    for side in Side::BOTH {
        if let Some(member) = &entity.members[side] {
            // What changed meanwhile was passed over, and no listing shows it again.
            world.set(reread_key(world.tag(), side, &member.address), Some(Vec::new()));
        }
    }
    let ((), events) = world.decide(|context, ledger| decide(&mut entity, context, ledger));
    world.put_derived(entity, events)?;
    Ok(true)
}

fn is_unreadable(world: &World<'_>, id: Id) -> Result<bool, StoreError> {
    Ok(world.shared(id)?.is_none() && world.unreadable().contains_key(&id))
}

/// The row by which it is listed. It belongs to neither side.
fn row(world: &World<'_>, id: Id, due: Timestamp) -> (Vec<u8>, Vec<u8>) {
    let signature = Signature {
        side: Side::Left,
        object: String::new(),
        what: Parking::State,
        field: String::new(),
        code: CODE.to_owned(),
    };
    let (wait, end, value) = parked::row(&Waiting { signature, secondary: None, due: Some(due) });
    ([&world.tag().waiting(wait), &id.bytes()[..], end.as_bytes()].concat(), value)
}
