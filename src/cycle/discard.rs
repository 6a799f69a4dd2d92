//! Everything that a held first run had decided, dropped: the next cycle plans anew. The conflict log and the journal
//! stay.

use super::{
    Sync,
    counts::Counts,
    reconcile::{listed, superseded},
    state::{LOADED, REBUILDING},
    world::World,
};
use crate::{
    merge::{
        Event, Id,
        event::{ConflictLine, ConflictStatus},
    },
    store::{
        Batch, StoreError, format,
        tables::{Wait, entity_of},
    },
};

/// The name of the flag that a discard has begun and not ended.
const DISCARDING: &str = "discarding";

impl Sync {
    /// Drops all decisions and cursors: the next cycle starts from nothing, and is held anew. Open conflicts are
    /// superseded. A crash in the middle is made good by the next cycle; until then half of it would be people whom
    /// nobody knows and no listing brings again.
    ///
    /// # Errors
    /// The store's.
    pub async fn discard(&self) -> Result<(), StoreError> {
        self.state().set(DISCARDING, Some(vec![1]))?;
        self.complete_discard().await
    }

    /// Drops everything, as [`Sync::discard`] does, since it was read from another account: who is who is found out
    /// anew, and nothing is written before a person has approved it, whatever `first_run` says.
    ///
    /// # Errors
    /// The store's.
    pub async fn begin_anew(&self) -> Result<(), StoreError> {
        let tag = self.committer.tag;
        let mut batch = Batch::default();
        batch.put(tag.state(DISCARDING), vec![1]);
        batch.put(tag.state(REBUILDING), vec![1]);
        self.committer.store.commit(batch)?;
        self.complete_discard().await
    }

    /// Ends a discard that was begun.
    ///
    /// # Errors
    /// The store's.
    pub async fn complete_discard(&self) -> Result<(), StoreError> {
        if !self.flag(DISCARDING)? {
            return Ok(());
        }
        let cycle = self.committer.new_cycle().await;
        for wait in [Wait::Conflict, Wait::Ambiguous] {
            let prefix = self.committer.tag.waiting(wait);
            let rows = self.committer.store.scan(&prefix, None, usize::MAX)?;
            let ids: Vec<Id> = rows.iter().filter_map(|(key, _)| entity_of(key.get(..prefix.len() + 16)?)).collect();
            self.decide(cycle, |world| ids.iter().try_for_each(|id| close(world, *id))).await?;
        }
        self.state().drop_tables(b"eakqowurbyhg")?;
        let tag = self.committer.tag;
        let key = tag.state("counts");
        let counts = match self.committer.store.get(&key)? {
            Some(bytes) => format::open(&key, &bytes)?,
            None => Counts::default(),
        };
        let mut batch = Batch::default();
        // The numbers of lines and pages go on: the log is not written over.
        batch.put(key, format::seal(&counts.of_nobody()));
        for name in ["approved", "pulled-left", "pulled-right", LOADED, DISCARDING] {
            batch.delete(tag.state(name));
        }
        self.committer.store.commit(batch)
    }
}

/// Supersedes what waits for a person in one entity.
fn close(world: &mut World<'_>, id: Id) -> Result<(), StoreError> {
    let Some(mut entity) = world.entity(id)? else { return Ok(()) };
    let now = world.context.now;
    let mut events: Vec<Event> = Vec::new();
    for (name, field) in &mut entity.fields {
        if let Some(open) = field.conflict.take() {
            events.push(superseded(name, field, &open, now, "the first run was discarded, and is planned anew"));
        }
    }
    let candidates = std::mem::take(&mut entity.ambiguous);
    if let Some(question) = entity.question.take() {
        let line = ConflictLine::Ambiguous(candidates);
        events.push(listed(question, line, ConflictStatus::Superseded, now));
    }
    world.put(entity, events)
}
