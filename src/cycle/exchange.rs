//! Writes that would collide because a value exists once: each waits for the record that still holds what it wants. Where
//! they wait for each other in a ring, one of them is blanked for a moment.
//!
//! The blank is an intent like any other: stored before it is sent, settled by its answer or the next reading, so that
//! nobody takes it for an edit; and what is to stand there in the end stays golden throughout. A crash at any point
//! leaves a record whose value is still due.

use super::world::World;
use crate::{
    merge::{
        Entity, Event, Id, Side,
        exchange::{given, step_aside, taken, wanted},
        patch::Patch,
    },
    store::{StoreError, tables::entity_of},
};

/// A longer ring is left to the service, and to a person.
const LONGEST: usize = 1000;

/// How a value can be had.
enum Way {
    /// Nobody has it, or who has it keeps it: the service says.
    Free,
    /// Somebody is about to give it away.
    Waits,
    /// Everybody in a ring waits for the next one, and this one makes room.
    MakesRoom,
}

/// Takes out of a patch what has to wait, and blanks what makes room.
pub fn in_order(world: &World<'_>, entity: &Entity, side: Side, patch: &mut Patch) -> Result<Vec<Event>, StoreError> {
    let mut events = Vec::new();
    let Some(member) = &entity.members[side] else { return Ok(events) };
    let mut kept = Vec::new();
    for change in std::mem::take(&mut patch.changes) {
        let rule = world.context.rules.fields.iter().find(|rule| rule.map.name == change.field);
        let key = rule.and_then(|rule| taken(rule, side, &member.address.object, &change.golden, world.context));
        let way = match &key {
            Some((place, key)) => way(world, entity.id, side, place, key)?,
            None => Way::Free,
        };
        match way {
            Way::Free => kept.push(change),
            Way::Waits => {}
            Way::MakesRoom => match step_aside(entity, side, &change, world.context) {
                Some(blank) => {
                    events.push(Event::SteppedAside { side, field: change.field.clone() });
                    kept.push(blank);
                }
                // The service refuses it then, and it is parked, visibly.
                None => kept.push(change),
            },
        }
    }
    patch.changes = kept;
    Ok(events)
}

/// Whether a record to be made would have the key of one that is about to give it away. In a service that allows it,
/// too: the person would be there twice for a moment, and whoever looks for the e-mail then finds somebody else.
pub fn has_to_wait(world: &World<'_>, id: Id, side: Side, object: &str, patch: &Patch) -> Result<bool, StoreError> {
    for change in &patch.changes {
        let rule = world.context.rules.fields.iter().find(|rule| rule.map.name == change.field);
        let key = rule.and_then(|rule| given(rule, side, object, &change.golden, world.context));
        if let Some((place, key)) = key
            && holder(world, id, side, &place, &key)?.is_some()
        {
            return Ok(true);
        }
    }
    Ok(false)
}

fn way(world: &World<'_>, id: Id, side: Side, place: &str, key: &str) -> Result<Way, StoreError> {
    let mut ring = vec![id];
    let mut key = key.to_owned();
    while ring.len() < LONGEST {
        let last = ring[ring.len() - 1];
        let Some((next, wants)) = holder(world, last, side, place, &key)? else {
            return Ok(if ring.len() == 1 { Way::Free } else { Way::Waits });
        };
        if next == id {
            let first = ring.iter().min() == Some(&id);
            return Ok(if first { Way::MakesRoom } else { Way::Waits });
        }
        match wants {
            // It leads into a ring that this one is no part of, or to somebody who only gives away.
            _ if ring.contains(&next) => return Ok(Way::Waits),
            None => return Ok(Way::Waits),
            Some(wanted) => key = wanted,
        }
        ring.push(next);
    }
    Ok(Way::Free)
}

/// Who holds a key and is about to be written another one, and which.
fn holder(
    world: &World<'_>,
    id: Id,
    side: Side,
    place: &str,
    key: &str,
) -> Result<Option<(Id, Option<String>)>, StoreError> {
    for (row, _) in world.scan(&world.tag().leaving(side, place, key), 64)? {
        let Some(other) = entity_of(&row).filter(|other| *other != id) else { continue };
        let Some(entity) = world.shared(other)? else { continue };
        if let Some(wants) = wanted(&entity, side, place, world.context) {
            return Ok(Some((other, wants)));
        }
    }
    Ok(None)
}
