//! Rules that have changed: what is derived from entities is derived anew, and a new mapping is applied to everybody.

use super::{Sync, state::SyncState, world::World};
use crate::{
    merge::{Id, decide::decide},
    store::{Batch, StoreError, tables::entity_of},
};

impl Sync {
    /// Takes note of the rules' digest. Where it differs from the one before, indexes, outbox and what waits are made
    /// anew, and every record is read again, so that a newly mapped field reaches all who exist.
    ///
    /// # Errors
    /// The store's.
    pub async fn adopt(&self, digest: &str) -> Result<(), StoreError> {
        let key = self.committer.tag.state("digest");
        let before = self.committer.store.get(&key)?;
        if before.as_deref() == Some(digest.as_bytes()) {
            return Ok(());
        }
        if before.is_some() {
            self.state().drop_derived()?;
            self.derive_all().await?;
        }
        let mut batch = Batch::default();
        batch.put(key, digest.as_bytes());
        self.committer.store.commit(batch)
    }

    async fn derive_all(&self) -> Result<(), StoreError> {
        let cycle = self.committer.new_cycle().await;
        let prefix = self.committer.tag.table(b'e');
        let mut after: Option<Vec<u8>> = None;
        loop {
            let rows = self.committer.store.scan(&prefix, after.as_deref(), 500)?;
            let Some((last, _)) = rows.last() else { return Ok(()) };
            after = Some(last.clone());
            let ids: Vec<Id> = rows.iter().filter_map(|(key, _)| entity_of(key)).collect();
            self.decide(cycle, |world| ids.iter().try_for_each(|id| derive_one(world, *id))).await?;
        }
    }
}

fn derive_one(world: &mut World<'_>, id: Id) -> Result<(), StoreError> {
    let Some(mut entity) = world.entity(id)? else { return Ok(()) };
    // Keys may have changed with the rules: who is not linked is matched again.
    entity.queued |= !entity.is_linked();
    let ((), events) = world.decide(|context, ledger| decide(&mut entity, context, ledger));
    world.put_anew(&entity, events);
    Ok(())
}

impl SyncState<'_> {
    /// Drops what is derived of entities, and the places up to which changes were read.
    fn drop_derived(&self) -> Result<(), StoreError> {
        self.drop_tables(b"kqowu")
    }
}
