//! Everything compared, whether or not a service says that it changed: what was missed is found, and who left without a
//! word is asked for by id. Absence in a list is no deletion; the answer to that question may be one.

use std::{
    collections::BTreeSet,
    hash::{DefaultHasher, Hash, Hasher},
    sync::PoisonError,
};

use hymnal_sdk::{Address, Call, Cursor, Lane, List, ListKind, Next, SignedDuration};

use super::{Sync, report::Failure, system::Object};
use crate::{
    cycle::reconcile::reread_key,
    merge::{Entity, Pair, Side},
    store::{Batch, StoreError, format, tables::entity_of},
};

/// Pages of one system in one cycle: a comparison of half a million records must not keep a hot lead waiting.
const PAGES: usize = 20;

/// How far a comparison of one system has come. It is kept in memory: one that a restart interrupts begins anew.
#[derive(Default)]
pub(super) struct Progress {
    /// The object under way, by its place among the system's.
    object: usize,
    cursor: Option<Cursor>,
    seen: Seen,
}

/// Who was in a list, by a hash of the id: half a million ids would be tens of megabytes. Two ids with one hash cost
/// that one of them is not asked for until the next time.
#[derive(Default)]
pub(super) struct Seen(BTreeSet<u64>);

impl Seen {
    /// Answers whether it was not there before.
    pub(super) fn add(&mut self, id: &str) -> bool {
        self.0.insert(hash(id))
    }

    fn has(&self, id: &str) -> bool {
        self.0.contains(&hash(id))
    }
}

fn hash(id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish()
}

impl Sync {
    /// Begins or goes on with the comparison of one system, where it is due. Answers how many entities changed.
    ///
    /// # Errors
    /// What the service or the store said; the comparison goes on from there in the next cycle.
    pub(super) async fn check_all(&self, cycle: crate::merge::Id, side: Side) -> Result<usize, Failure> {
        let Some(mut progress) = self.begin_check(side)? else { return Ok(0) };
        let mut changed = 0;
        let mut pages = 0;
        let system = &self.systems[side];
        while let Some(object) = system.objects.get(progress.object) {
            if pages >= PAGES || self.is_stopping() {
                self.lock_checking()[side] = Some(progress);
                return Ok(changed);
            }
            let is_over = match self.check_page(cycle, side, object, &mut progress).await {
                Ok((page, is_over)) => {
                    changed += page;
                    is_over
                }
                Err(failure) => {
                    self.lock_checking()[side] = Some(progress);
                    return Err(failure);
                }
            };
            pages += 1;
            if is_over {
                self.ask_for_missing(side, &object.name, &progress.seen)?;
                progress = Progress { object: progress.object + 1, ..Progress::default() };
            }
        }
        changed += self.read_again(cycle, side).await?;
        self.set_time(&checked_name(side), self.committer.clock.now())?;
        Ok(changed)
    }

    /// A comparison is under way and goes on in the next cycle.
    pub(super) fn is_checking(&self) -> bool {
        self.lock_checking().iter().any(|(_, progress)| progress.is_some())
    }

    /// The comparison that is under way, or a new one where it is due. The first pull is one.
    fn begin_check(&self, side: Side) -> Result<Option<Progress>, StoreError> {
        if let Some(progress) = self.lock_checking()[side].take() {
            return Ok(Some(progress));
        }
        let now = self.committer.clock.now();
        let every = SignedDuration::try_from(self.committer.rules.full_check).unwrap_or(SignedDuration::MAX);
        match self.time(&checked_name(side))? {
            None => {
                self.set_time(&checked_name(side), now)?;
                Ok(None)
            }
            Some(last) if now.duration_since(last) < every => Ok(None),
            Some(_) => Ok(Some(Progress::default())),
        }
    }

    /// One page of the list of an object. Answers how many entities changed, and whether it was the last one.
    async fn check_page(
        &self,
        cycle: crate::merge::Id,
        side: Side,
        object: &Object,
        progress: &mut Progress,
    ) -> Result<(usize, bool), Failure> {
        let connector = &self.systems[side].connector;
        if connector.capable(&object.name).map_err(Failure::at(side))?.list == ListKind::Scan {
            // Each pull reads all of it, and asks for who is missing.
            progress.seen = Seen::default();
            return Ok((0, true));
        }
        let requested_at = self.committer.clock.now();
        let list = List { object: &object.name, fields: &object.fields, cursor: progress.cursor.as_ref() };
        let page = self.systems[side].list(&Call::new(Lane::Bulk), list).await.map_err(Failure::at(side))?;
        let changed = self.commit_page(cycle, side, &page, requested_at, Vec::new()).await?;
        for record in &page.records {
            progress.seen.add(&record.address.id);
        }
        match page.next {
            Next::Done(_) => Ok((changed, true)),
            Next::More(cursor) => {
                progress.cursor = Some(cursor);
                Ok((changed, false))
            }
        }
    }

    /// Who is linked and was not in a whole list is asked for by id: absence in a list is no deletion, the answer to
    /// that question may be one.
    pub(super) fn ask_for_missing(&self, side: Side, object: &str, seen: &Seen) -> Result<(), StoreError> {
        let prefix = self.committer.tag.address(side, &Address::new(object, ""));
        let mut after: Option<Vec<u8>> = None;
        loop {
            let rows = self.committer.store.scan(&prefix, after.as_deref(), 1000)?;
            let Some((last, _)) = rows.last() else { return Ok(()) };
            after = Some(last.clone());
            let mut batch = Batch::default();
            for (key, id) in &rows {
                let Ok(record) = String::from_utf8(key[prefix.len()..].to_vec()) else { continue };
                let address = Address::new(object, record);
                if !seen.has(&address.id) && self.is_thought_seen(id, side, &address)? {
                    batch.put(reread_key(self.committer.tag, side, &address), Vec::new());
                }
            }
            if !batch.is_empty() {
                self.committer.store.commit(batch)?;
            }
        }
    }

    /// The record is a member or a secondary that nobody knows to be gone.
    fn is_thought_seen(&self, id: &[u8], side: Side, address: &Address) -> Result<bool, StoreError> {
        let Some(id) = entity_of(id) else { return Ok(false) };
        let key = self.committer.tag.entity(id);
        let Some(bytes) = self.committer.store.get(&key)? else { return Ok(false) };
        let Some(entity) = format::open_readable::<Entity>(&key, &bytes) else { return Ok(false) };
        let is_member = entity.seen(side).is_some_and(|member| member.address == *address);
        Ok(is_member || entity.secondary(side, address).is_some())
    }

    fn lock_checking(&self) -> std::sync::MutexGuard<'_, Pair<Option<Progress>>> {
        self.checking.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The name of the time at which everything was last compared.
pub(super) fn checked_name(side: Side) -> String {
    match side {
        Side::Left => "checked-left".to_owned(),
        Side::Right => "checked-right".to_owned(),
    }
}
