//! What changed in one system: listed page by page, each page folded in and committed with its cursor.

use hymnal_sdk::{Address, Archived, Call, Cursor, Deleted, Fate, Lane, List, ListKind, Next, Page, State, Timestamp};

use super::{
    Sync,
    full_check::Seen,
    reconcile::{Asked, note_deleted, observe, observe_got, reread_key},
    report::Failure,
    system::{Object, System},
    world::World,
};
use crate::{
    merge::{Id, Side},
    planted::{self, Planted},
    store::{
        StoreError,
        tables::{Feed, Tag, Wait, entity_of},
    },
};

/// How often a list may say that there is more without going on: services give empty pages.
pub(super) const SAME_CURSOR: u32 = 10;

impl Sync {
    /// Reads everything that changed in one system. Answers how many entities changed.
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
        let is_scan = system.connector.capable(&object.name).map_err(Failure::at(side))?.list == ListKind::Scan;
        let mut scan = if is_scan { self.begin_scan(side, &object.name)? } else { None };
        let mut changed = 0;
        let mut still = 0;
        loop {
            let cursor = self.cursor(&key)?;
            let lane = if cursor.is_none() { Lane::Bulk } else { Lane::Ordinary };
            let requested_at = self.committer.clock.now();
            let list = List { object: &object.name, fields: &object.fields, cursor: cursor.as_ref() };
            let page = system.list(&Call::new(lane), list).await.map_err(Failure::at(side))?;
            let (next, more) = after(&page.next);
            let moved = cursor.as_ref() != Some(next);
            let mut set: Vec<(Vec<u8>, Option<Vec<u8>>)> = Vec::new();
            if moved {
                set.push((key.clone(), Some(next.0.clone().into_bytes())));
            }
            if is_scan {
                let name = self.committer.tag.state(&scanning_name(side, &object.name));
                set.push((name, more.then(|| vec![1])));
            }
            if planted::is(Planted::CursorBeforeCommit) {
                self.decide(cycle, |world| {
                    set.drain(..).for_each(|(key, value)| world.set(key, value));
                    Ok(())
                })
                .await?;
            }
            changed += self.commit_page(cycle, side, &page, requested_at, set).await?;
            if planted::is(Planted::UnlinkOnEmptyPage) && page.records.is_empty() && more {
                self.take_all_for_deleted(cycle, side, object).await?;
            }
            if let Some(seen) = &mut scan {
                for record in &page.records {
                    seen.add(&record.address.id);
                }
            }
            if !more {
                if let Some(seen) = scan {
                    self.ask_for_missing(side, &object.name, &seen)?;
                }
                return Ok(changed);
            }
            still = if moved { 0 } else { still + 1 };
            if still > SAME_CURSOR {
                return Err(Failure::at(side)(stuck(&object.name)));
            }
            if self.is_stopping() {
                return Err(Failure::at(side)(stopped()));
            }
        }
    }

    /// What an empty page must never mean.
    async fn take_all_for_deleted(&self, cycle: Id, side: Side, object: &Object) -> Result<(), StoreError> {
        let prefix = self.committer.tag.address(side, &Address::new(&object.name, ""));
        let rows = self.committer.store.scan(&prefix, None, usize::MAX)?;
        self.decide(cycle, |world| {
            for (key, _) in &rows {
                let address = Address::new(&object.name, String::from_utf8_lossy(&key[prefix.len()..]));
                if let Some(entity) = world.by_address(side, &address)? {
                    note_deleted(world, entity, side, &address)?;
                }
            }
            Ok(())
        })
        .await?;
        Ok(())
    }

    pub(super) async fn commit_page(
        &self,
        cycle: Id,
        side: Side,
        page: &Page,
        requested_at: Timestamp,
        set: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    ) -> Result<usize, StoreError> {
        let committed = self
            .decide_informed(cycle, |world| {
                for record in &page.records {
                    observe(world, side, record, Asked::listed(requested_at))?;
                }
                for (key, value) in &set {
                    world.set(key.clone(), value.clone());
                }
                Ok(())
            })
            .await?;
        Ok(committed.changes)
    }

    /// Where to note who is seen in a whole list; `None` where it goes on in the middle of one, so that who is missing
    /// may have been on a page before.
    fn begin_scan(&self, side: Side, object: &str) -> Result<Option<Seen>, StoreError> {
        Ok((!self.flag(&scanning_name(side, object))?).then(Seen::default))
    }

    /// Reads by id what a listing showed too early or too late, until it is settled or the service refuses.
    pub(super) async fn read_again(&self, cycle: Id, side: Side) -> Result<usize, Failure> {
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
        let got = system.get(&call, object, ids).await.map_err(Failure::at(side))?;
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

    pub(super) async fn pull_archived(&self, cycle: Id, system: &System, object: &Object) -> Result<usize, Failure> {
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
            changed += committed.changes;
            if !more {
                return Ok(changed);
            }
        }
    }

    /// Records that could not be seen are read again: they may be back, or gone by a word of the service.
    pub(super) async fn look_for_hidden(&self, cycle: Id, side: Side) -> Result<(), StoreError> {
        let prefix = self.committer.tag.waiting(Wait::NotVisible);
        let mut after: Option<Vec<u8>> = None;
        loop {
            let rows = self.committer.store.scan(&prefix, after.as_deref(), 500)?;
            let Some((last, _)) = rows.last() else { return Ok(()) };
            after = Some(last.clone());
            let ids: Vec<Id> = rows.iter().filter_map(|(key, _)| entity_of(key)).collect();
            self.decide(cycle, |world| {
                for id in &ids {
                    let Some(entity) = world.shared(*id)? else { continue };
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
        let Some(entity) = world.by_address(side, address)? else {
            world.note_departed(side, address)?;
            continue;
        };
        match fate {
            Fate::Deleted => note_deleted(world, entity, side, address)?,
            Fate::Merged(into) => {
                let mut record = hymnal_sdk::Record::new(address.clone(), hymnal_sdk::Fields::new());
                record.state = State::Merged { into: into.clone() };
                let now = world.context.now;
                observe(world, side, &record, Asked::by_id(now))?;
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

pub(super) fn stuck(object: &str) -> hymnal_sdk::Error {
    let message = format!("the list of `{object}` says that there is more and does not go on");
    hymnal_sdk::Error::new(hymnal_sdk::Kind::Transient, "same-cursor", message)
}

/// The name of the flag that a whole list was read in part.
fn scanning_name(side: Side, object: &str) -> String {
    match side {
        Side::Left => format!("scanning-left-{object}"),
        Side::Right => format!("scanning-right-{object}"),
    }
}

/// The name of the flag that a system has been read once.
pub fn pulled_flag(side: Side) -> String {
    match side {
        Side::Left => "pulled-left".to_owned(),
        Side::Right => "pulled-right".to_owned(),
    }
}
