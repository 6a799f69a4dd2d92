//! Read again, by a person's wish: what was missed is found, and what was set aside is tried again.

use super::{Sync, full_check::checked_name, reconcile::reread_key, world::World};
use crate::{
    merge::{
        Id, Side,
        decide::decide,
        parked::{release, waiting},
    },
    store::{
        StoreError,
        tables::{Wait, entity_of},
    },
};

/// People tried again in one commit.
const PAGE: usize = 500;

impl Sync {
    /// The next cycle compares everything, and all that is parked is tried again.
    ///
    /// # Errors
    /// The store's.
    pub async fn read_all_again(&self) -> Result<(), StoreError> {
        let cycle = self.committer.new_cycle().await;
        for side in Side::BOTH {
            self.set_time(&checked_name(side), hymnal_sdk::Timestamp::UNIX_EPOCH)?;
        }
        for wait in [Wait::Parked, Wait::Ignored] {
            let prefix = self.committer.tag.waiting(wait);
            let mut after: Option<Vec<u8>> = None;
            loop {
                let rows = self.committer.store.scan(&prefix, after.as_deref(), PAGE)?;
                let Some((last, _)) = rows.last() else { break };
                after = Some(last.clone());
                let people: Vec<Id> =
                    rows.iter().filter_map(|(key, _)| entity_of(key.get(..prefix.len() + 16)?)).collect();
                self.decide(cycle, |world| people.iter().try_for_each(|id| try_again(world, *id))).await?;
            }
        }
        Ok(())
    }

    /// The next cycle reads every record of these people by its id. Answers how many records those are.
    ///
    /// # Errors
    /// The store's.
    pub async fn read_people_again(&self, people: &[Id]) -> Result<usize, StoreError> {
        let cycle = self.committer.new_cycle().await;
        let committed = self
            .decide(cycle, |world| {
                let mut records = 0;
                for id in people {
                    try_again(world, *id)?;
                    records += ask_again(world, *id)?;
                }
                Ok(records)
            })
            .await?;
        Ok(committed.answer)
    }
}

fn ask_again(world: &mut World<'_>, id: Id) -> Result<usize, StoreError> {
    let Some(entity) = world.shared(id)? else { return Ok(0) };
    let mut records = 0;
    for side in Side::BOTH {
        let member = entity.members[side].as_ref().map(|member| &member.address);
        let gone = entity.tombstones[side].as_ref().map(|tombstone| &tombstone.address);
        for address in member.into_iter().chain(gone).chain(entity.secondary_addresses(side)) {
            world.set(reread_key(world.tag(), side, address), Some(Vec::new()));
            records += 1;
        }
    }
    Ok(records)
}

fn try_again(world: &mut World<'_>, id: Id) -> Result<(), StoreError> {
    let Some(mut entity) = world.entity(id)? else { return Ok(()) };
    for waiting in waiting(&entity, world.context) {
        release(&mut entity, &waiting.signature, world.context.now);
    }
    let ((), events) = world.decide(|context, ledger| decide(&mut entity, context, ledger));
    world.put(entity, events)
}
