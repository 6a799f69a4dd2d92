//! What waited for its time: deletions whose grace is over, parked things whose retry has come.

use hymnal_sdk::SignedDuration;

use super::{
    Sync,
    guard::{Verdict, guard_record},
    reconcile::unlink,
    world::World,
};
use crate::{
    merge::{Id, Side, entity::Presence, guard::GuardKind},
    store::{
        StoreError,
        tables::{Wait, entity_of},
    },
};

impl Sync {
    /// Does what has become due. Answers how many entities changed.
    ///
    /// # Errors
    /// The store's.
    pub async fn wake(&self, cycle: Id) -> Result<usize, StoreError> {
        let grace = SignedDuration::try_from(self.committer.rules.delete_grace).unwrap_or(SignedDuration::MAX);
        let mut changed = self.each_due(cycle, Wait::Deleting, grace, unlink_deleted).await?;
        changed += self.retry_parked(cycle).await?;
        Ok(changed)
    }

    async fn each_due(
        &self,
        cycle: Id,
        wait: Wait,
        delay: SignedDuration,
        act: fn(&mut World<'_>, Id, SignedDuration) -> Result<(), StoreError>,
    ) -> Result<usize, StoreError> {
        let prefix = self.committer.tag.waiting(wait);
        let now = self.committer.clock.now().as_millisecond();
        let delay_ms = i64::try_from(delay.as_millis()).unwrap_or(i64::MAX);
        let mut after: Option<Vec<u8>> = None;
        let mut changed = 0;
        loop {
            let rows = self.committer.store.scan(&prefix, after.as_deref(), 500)?;
            let Some((last, _)) = rows.last() else { return Ok(changed) };
            after = Some(last.clone());
            let is_due = |value: &Vec<u8>| {
                let at = <[u8; 8]>::try_from(value.as_slice()).map_or(i64::MAX, i64::from_be_bytes);
                at.saturating_add(delay_ms) <= now
            };
            let ids: Vec<Id> = rows
                .iter()
                .filter(|(_, value)| is_due(value))
                .filter_map(|(key, _)| waiting_entity(key, prefix.len()))
                .collect();
            if ids.is_empty() {
                continue;
            }
            let committed = self
                .decide(cycle, |world| {
                    for id in ids {
                        act(world, id, delay)?;
                    }
                    Ok(())
                })
                .await?;
            changed += committed.changes;
        }
    }
}

/// The entity in a key of what waits: right behind the kind, before the field.
pub fn waiting_entity(key: &[u8], prefix: usize) -> Option<Id> {
    entity_of(key.get(..prefix + 16)?)
}

fn unlink_deleted(world: &mut World<'_>, id: Id, grace: SignedDuration) -> Result<(), StoreError> {
    for side in Side::BOTH {
        let Some(mut entity) = world.entity(id)? else { return Ok(()) };
        let presence = entity.members[side].as_ref().map(|member| member.presence);
        if let Some(Presence::Deleted { seen_at }) = presence
            && world.context.now.duration_since(seen_at) >= grace
        {
            // This is where a deletion is decided, here and, by `on_delete`, there: it is counted once.
            if guard_record(world, &mut entity, side, GuardKind::Deletes)? == Verdict::Goes {
                unlink(world, entity, side)?;
            } else {
                world.put(entity, Vec::new())?;
            }
        }
    }
    Ok(())
}
