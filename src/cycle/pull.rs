//! What changed in one system: listed page by page, each page folded in and committed with its cursor.

use hymnal_sdk::{Address, Archived, Call, Cursor, Deleted, Fate, Lane, List, Next, Page, State, Timestamp};

use super::{
    Sync,
    reconcile::{note_deleted, observe, observe_got, reread_key},
    report::Failure,
    system::{Object, System},
    world::World,
};
use crate::{
    merge::{Id, Side},
    store::{
        StoreError,
        tables::{Feed, Tag, Wait, entity_of},
    },
};

impl Sync {
    /// Reads everything that changed in one system. Answers how many keys changed beside the cursors.
    ///
    /// # Errors
    /// What the service or the store said; all pages before it are committed.
    pub async fn pull(&self, cycle: Id, side: Side) -> Result<usize, Failure> {
        let mut changed = 0;
        let system = &self.systems[side];
        for object in &system.objects {
            changed += self.pull_object(cycle, system, object).await?;
        }
        changed += self.read_again(cycle, side).await?;
        self.set_flag(cycle, &pulled_flag(side), true).await?;
        Ok(changed)
    }

    async fn pull_object(&self, cycle: Id, system: &System, object: &Object) -> Result<usize, Failure> {
        let side = system.side;
        let key = self.committer.tag.cursor(side, &object.name, Feed::Changes);
        let mut changed = 0;
        loop {
            let cursor = self.cursor(&key)?;
            let lane = if cursor.is_none() { Lane::Bulk } else { Lane::Ordinary };
            let requested_at = self.committer.clock.now();
            let list = List { object: &object.name, fields: &object.fields, cursor: cursor.as_ref() };
            let page = system.connector.list(&Call::new(lane), list).await.map_err(Failure::at(side))?;
            let (next, more) = after(&page.next);
            let moved = cursor.as_ref() != Some(next);
            let keys = self.commit_page(cycle, side, &page, requested_at, moved.then_some((&key, next))).await?;
            changed += keys.saturating_sub(usize::from(moved));
            if !more {
                return Ok(changed);
            }
            if self.is_stopping() {
                return Err(Failure::at(side)(stopped()));
            }
        }
    }

    async fn commit_page(
        &self,
        cycle: Id,
        side: Side,
        page: &Page,
        requested_at: Timestamp,
        cursor: Option<(&Vec<u8>, &Cursor)>,
    ) -> Result<usize, StoreError> {
        let committed = self
            .decide_informed(cycle, |world| {
                for record in &page.records {
                    observe(world, side, record, requested_at)?;
                }
                if let Some((key, cursor)) = cursor {
                    world.set(key.clone(), Some(cursor.0.clone().into_bytes()));
                }
                Ok(())
            })
            .await?;
        Ok(committed.changes)
    }

    /// Reads by id what a listing showed too early or too late, until it is settled or the service refuses.
    async fn read_again(&self, cycle: Id, side: Side) -> Result<usize, Failure> {
        let mut changed = 0;
        for object in &self.systems[side].objects {
            let prefix = self.committer.tag.rereads(side, &object.name);
            let mut after: Option<Vec<u8>> = None;
            loop {
                let batch = self.systems[side].connector.capable(&object.name).map_err(Failure::at(side))?.get_batch;
                let rows = self.committer.store.scan(&prefix, after.as_deref(), batch.max(1))?;
                let Some((last, _)) = rows.last() else { break };
                after = Some(last.clone());
                let ids: Vec<String> =
                    rows.iter().filter_map(|(key, _)| String::from_utf8(key[prefix.len()..].to_vec()).ok()).collect();
                changed += self.read(cycle, side, &object.name, &ids).await?;
            }
        }
        Ok(changed)
    }

    /// Reads records by id and folds them in.
    async fn read(&self, cycle: Id, side: Side, object: &str, ids: &[String]) -> Result<usize, Failure> {
        let system = &self.systems[side];
        let requested_at = self.committer.clock.now();
        let call = Call::new(Lane::Ordinary);
        let got = system.connector.get(&call, object, ids, system.fields(object)).await.map_err(Failure::at(side))?;
        let committed = self
            .decide_informed(cycle, |world| {
                for (id, got) in ids.iter().zip(&got) {
                    observe_got(world, side, &Address::new(object, id.clone()), got, requested_at)?;
                }
                Ok(())
            })
            .await?;
        Ok(committed.changes)
    }

    /// Looks for deletions, and looks again at what could not be seen.
    ///
    /// # Errors
    /// What the service or the store said.
    pub async fn pull_deletions(&self, cycle: Id, side: Side) -> Result<usize, Failure> {
        let system = &self.systems[side];
        let mut changed = 0;
        for object in &system.objects {
            let capable = system.connector.capable(&object.name).map_err(Failure::at(side))?;
            if capable.deletions == hymnal_sdk::Deletions::Feed {
                changed += self.pull_archived(cycle, system, object).await?;
            }
        }
        self.look_for_hidden(cycle, side).await?;
        changed += self.read_again(cycle, side).await?;
        Ok(changed)
    }

    async fn pull_archived(&self, cycle: Id, system: &System, object: &Object) -> Result<usize, Failure> {
        let side = system.side;
        let key = self.committer.tag.cursor(side, &object.name, Feed::Deletions);
        let mut changed = 0;
        loop {
            let cursor = self.cursor(&key)?;
            let call = Call::new(Lane::Ordinary);
            let page =
                system.connector.deletions(&call, &object.name, cursor.as_ref()).await.map_err(Failure::at(side))?;
            let (next, more) = after(&page.next);
            let moved = cursor.as_ref() != Some(next);
            let committed = self
                .decide(cycle, |world| {
                    observe_deletions(world, side, &page)?;
                    if moved {
                        world.set(key.clone(), Some(next.0.clone().into_bytes()));
                    }
                    Ok(())
                })
                .await?;
            changed += committed.changes.saturating_sub(usize::from(moved));
            if !more {
                return Ok(changed);
            }
        }
    }

    /// Records that could not be seen are read again: they may be back, or gone by a word of the service.
    async fn look_for_hidden(&self, cycle: Id, side: Side) -> Result<(), StoreError> {
        let prefix = self.committer.tag.waiting(Wait::NotVisible);
        let mut after: Option<Vec<u8>> = None;
        loop {
            let rows = self.committer.store.scan(&prefix, after.as_deref(), 500)?;
            let Some((last, _)) = rows.last() else { return Ok(()) };
            after = Some(last.clone());
            let ids: Vec<Id> = rows.iter().filter_map(|(key, _)| entity_of(key)).collect();
            self.decide(cycle, |world| {
                for id in &ids {
                    let Some(entity) = world.entity(*id)? else { continue };
                    let Some(member) = &entity.members[side] else { continue };
                    if matches!(member.presence, crate::merge::entity::Presence::NotVisible { .. }) {
                        let tag: Tag = world.tag();
                        world.set(reread_key(tag, side, &member.address), Some(Vec::new()));
                    }
                }
                Ok(())
            })
            .await?;
        }
    }

    fn cursor(&self, key: &[u8]) -> Result<Option<Cursor>, StoreError> {
        let stored = self.committer.store.get(key)?;
        Ok(stored.and_then(|bytes| String::from_utf8(bytes).ok()).map(Cursor))
    }
}

fn observe_deletions(world: &mut World<'_>, side: Side, page: &Archived) -> Result<(), StoreError> {
    for Deleted { address, fate, .. } in &page.records {
        let Some(entity) = world.by_address(side, address)? else { continue };
        match fate {
            Fate::Deleted => note_deleted(world, entity, side, address)?,
            Fate::Merged(into) => {
                let mut record = hymnal_sdk::Record::new(address.clone(), hymnal_sdk::Fields::new());
                record.state = State::Merged { into: into.clone() };
                let now = world.context.now;
                observe(world, side, &record, now)?;
            }
        }
    }
    Ok(())
}

fn after(next: &Next) -> (&Cursor, bool) {
    match next {
        Next::More(cursor) => (cursor, true),
        Next::Done(cursor) => (cursor, false),
    }
}

fn stopped() -> hymnal_sdk::Error {
    hymnal_sdk::Error::new(hymnal_sdk::Kind::Cancelled, "stopping", "Hymnal is stopping")
}

/// The name of the flag that a system has been read once.
pub fn pulled_flag(side: Side) -> String {
    match side {
        Side::Left => "pulled-left".to_owned(),
        Side::Right => "pulled-right".to_owned(),
    }
}
