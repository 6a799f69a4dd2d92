//! Death, and a store that survives it.

use std::{
    panic::resume_unwind,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use hymnal::store::{Batch, KeyValue, Kv, StoreError, memory::MemoryKv};
use serde::{Deserialize, Serialize};

/// What unwinds out of a killed life: nothing of it runs on, as after `kill -9`.
pub(crate) struct Killed;

/// Ends the life that calls this.
pub(crate) fn die() -> ! {
    // Not `panic!`, whose hook would print it: nothing is wrong.
    resume_unwind(Box::new(Killed))
}

/// Where in a store operation death comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Death {
    /// Instead of a reading.
    Reading,
    /// Before anything of the commit is done.
    Before,
    /// Between the write and the sync: what is pending is lost, as a whole.
    Torn,
    /// When it is durable, before the caller hears of it.
    After,
}

/// A store with what is pending and what is durable. A clone is the same store.
#[derive(Clone, Debug, Default)]
pub(crate) struct CrashKv(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    durable: MemoryKv,
    pending: Vec<Batch>,
    fuse: Option<(u32, Death)>,
    /// So many commits find the disk full.
    full: u32,
    commits: u64,
    /// What was committed under journal keys since it was last asked for, oldest first.
    journal: Vec<KeyValue>,
}

impl CrashKv {
    /// The life that uses it dies at the operation after the next `operations` of that kind.
    pub(crate) fn arm(&self, operations: u32, death: Death) {
        self.lock().fuse = Some((operations, death));
    }

    /// The next `commits` find the disk full.
    pub(crate) fn fill(&self, commits: u32) {
        self.lock().full = commits;
    }

    /// The machine is well again; what was not durable is gone.
    pub(crate) fn recover(&self) {
        let mut inner = self.lock();
        inner.pending.clear();
        inner.fuse = None;
        inner.full = 0;
    }

    /// How many commits are durable.
    pub(crate) fn commits(&self) -> u64 {
        self.lock().commits
    }

    /// Journal rows that became durable since this was last asked.
    pub(crate) fn take_journal(&self) -> Vec<KeyValue> {
        std::mem::take(&mut self.lock().journal)
    }

    /// What is durable, seen from outside: nobody dies of looking at it.
    pub(crate) fn durable(&self) -> MemoryKv {
        self.lock().durable.clone()
    }

    fn burns(&self, reading: bool) -> Option<Death> {
        let mut inner = self.lock();
        let (left, death) = inner.fuse.as_mut()?;
        if (*death == Death::Reading) != reading {
            return None;
        }
        if *left > 0 {
            *left -= 1;
            return None;
        }
        let death = *death;
        inner.fuse = None;
        Some(death)
    }

    fn read(&self) -> MemoryKv {
        if self.burns(true).is_some() {
            die();
        }
        self.durable()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn sync(&mut self) -> Result<(), StoreError> {
        for batch in std::mem::take(&mut self.pending) {
            let journal = batch.iter().filter(|(key, _)| key.get(1) == Some(&b'j'));
            self.journal.extend(journal.filter_map(|(key, value)| Some((key.to_vec(), value?.to_vec()))));
            self.durable.commit(batch)?;
            self.commits += 1;
        }
        Ok(())
    }
}

impl Kv for CrashKv {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.read().get(key)
    }

    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<KeyValue>, StoreError> {
        self.read().scan(prefix, after, limit)
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let death = self.burns(false);
        if death == Some(Death::Before) {
            die();
        }
        {
            let mut inner = self.lock();
            if inner.full > 0 {
                inner.full -= 1;
                return Err(StoreError::Full { path: "memory".into() });
            }
            inner.pending.push(batch);
        }
        if death == Some(Death::Torn) {
            die();
        }
        self.lock().sync()?;
        if death == Some(Death::After) {
            die();
        }
        Ok(())
    }
}
