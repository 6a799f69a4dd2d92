//! The first cycle under changed rules: where it would cross a guard, nothing is written before a person has seen what
//! it would do.

use std::collections::BTreeMap;

use super::{
    Sync,
    world::{LANES, World},
};
use crate::{
    merge::{
        Id, Side,
        decide::decide,
        entity::Want,
        guard::{GuardKind, kinds},
        held,
        patch::patch,
    },
    store::{Batch, StoreError, tables::entity_of},
};

/// The state's name of where the first cycle under changed rules stands.
const CHANGED: &str = "changed";
/// Nobody has looked yet what it would do.
pub(super) const UNCHECKED: &[u8] = &[0];
/// It would cross a guard, and waits.
const HELD: &[u8] = &[1];
/// Rows looked at in one go.
const PAGE: usize = 500;

/// What the outbox would write, by what guards count.
pub type Totals = BTreeMap<GuardKind, u64>;

impl Sync {
    pub(super) fn changed_key(&self) -> Vec<u8> {
        self.committer.tag.state(CHANGED)
    }

    /// What the changed rules would do waits for a person.
    ///
    /// # Errors
    /// The store's.
    pub fn is_changed_held(&self) -> Result<bool, StoreError> {
        Ok(self.committer.store.get(&self.changed_key())?.as_deref() == Some(HELD))
    }

    /// Looks, once both systems were read under the changed rules, whether what follows would cross a guard. Answers
    /// whether nothing may be written.
    pub(super) async fn check_changed(&self) -> Result<bool, StoreError> {
        let key = self.changed_key();
        match self.committer.store.get(&key)?.as_deref() {
            None => return Ok(false),
            Some(HELD) => return Ok(true),
            Some(_) => {}
        }
        // Before everybody was read under the new rules nobody knows what they would do.
        let is_read = *self.lock_read();
        if !(is_read.left && is_read.right) {
            return Ok(true);
        }
        let totals = self.totals().await?;
        let crosses = self
            .look(|world| {
                let mut crosses = false;
                for (kind, count) in &totals {
                    crosses |= world.room(*kind)?.is_some_and(|room| *count > room);
                }
                Ok(crosses)
            })
            .await?;
        let mut batch = Batch::default();
        if crosses {
            batch.put(key, HELD);
            tracing::error!(
                sync = self.committer.rules.name,
                "The changed configuration would write more than a safety limit allows; a person decides"
            );
        } else {
            batch.delete(key);
        }
        self.committer.store.commit(batch)?;
        Ok(crosses)
    }

    /// Everything in the outbox, counted as guards count it.
    ///
    /// # Errors
    /// The store's.
    pub async fn totals(&self) -> Result<Totals, StoreError> {
        let mut totals = Totals::new();
        for (side, lane) in sides_and_lanes() {
            let mut after: Option<Vec<u8>> = None;
            while let Some(ids) = self.next_of_outbox(side, lane, &mut after)? {
                let page = self.look(|world| {
                    let mut page = Totals::new();
                    for id in &ids {
                        count_one(world, *id, side, &mut page)?;
                    }
                    Ok(page)
                });
                for (kind, count) in page.await? {
                    *totals.entry(kind).or_default() += count;
                }
            }
        }
        Ok(totals)
    }

    /// A person has seen what the changed rules would do, and lets all of it go: it passes every guard.
    ///
    /// # Errors
    /// The store's.
    pub async fn approve_changed(&self) -> Result<(), StoreError> {
        self.pass_all(&GuardKind::ALL).await?;
        self.forget_changed()
    }

    /// A person does not want it: the golden values are what was agreed, and all that would have been written waits for
    /// its next edit.
    ///
    /// # Errors
    /// The store's.
    pub async fn discard_changed(&self) -> Result<(), StoreError> {
        let cycle = self.committer.new_cycle().await;
        for (side, lane) in sides_and_lanes() {
            let mut after: Option<Vec<u8>> = None;
            while let Some(ids) = self.next_of_outbox(side, lane, &mut after)? {
                self.decide(cycle, |world| ids.iter().try_for_each(|id| discard_one(world, *id, side))).await?;
            }
        }
        self.forget_changed()
    }

    /// Nothing that changed rules would do waits any more.
    ///
    /// # Errors
    /// The store's.
    pub fn forget_changed(&self) -> Result<(), StoreError> {
        self.state().set(CHANGED, None)
    }

    /// The next people in a lane of the outbox; `None` at its end.
    pub(super) fn next_of_outbox(
        &self,
        side: Side,
        lane: u8,
        after: &mut Option<Vec<u8>>,
    ) -> Result<Option<Vec<Id>>, StoreError> {
        let rows = self.committer.store.scan(&self.committer.tag.outbox(side, lane), after.as_deref(), PAGE)?;
        let Some((last, _)) = rows.last() else { return Ok(None) };
        *after = Some(last.clone());
        Ok(Some(rows.iter().filter_map(|(key, _)| entity_of(key)).collect()))
    }
}

/// Every lane of each side.
pub(super) fn sides_and_lanes() -> impl Iterator<Item = (Side, u8)> {
    Side::BOTH.into_iter().flat_map(|side| LANES.map(|lane| (side, lane)))
}

fn count_one(world: &mut World<'_>, id: Id, side: Side, totals: &mut Totals) -> Result<(), StoreError> {
    let Some(entity) = world.shared(id)? else { return Ok(()) };
    if entity.wants[side] == Want::Create {
        *totals.entry(GuardKind::Creates).or_default() += 1;
        return Ok(());
    }
    let patch = patch(&entity, side, world.context);
    for (kind, _) in kinds(&entity, side, &patch, world.context) {
        *totals.entry(kind.counted_as()).or_default() += 1;
    }
    Ok(())
}

fn discard_one(world: &mut World<'_>, id: Id, side: Side) -> Result<(), StoreError> {
    let Some(mut entity) = world.entity(id)? else { return Ok(()) };
    let mut patch = patch(&entity, side, world.context);
    let mut events = held::discard_all(&mut entity, side, &mut patch, world.context);
    let ((), decided) = world.decide(|context, ledger| decide(&mut entity, context, ledger));
    events.extend(decided);
    world.put(entity, events)
}
