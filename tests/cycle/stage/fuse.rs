//! A store that dies.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use hymnal::store::{Batch, KeyValue, Kv, StoreError, memory::MemoryKv};

/// A store that takes so many commits and no more: all that comes after a crash is as if it had never been tried.
#[derive(Clone, Debug)]
pub(crate) struct Fuse {
    kv: MemoryKv,
    left: Arc<AtomicUsize>,
    after: bool,
}

impl Fuse {
    /// It dies instead of the commit after the first `commits`.
    pub(crate) fn before(kv: &MemoryKv, commits: usize) -> Self {
        Self { kv: kv.clone(), left: Arc::new(AtomicUsize::new(commits)), after: false }
    }

    /// It commits the one after the first `commits`, and dies before it can say so.
    pub(crate) fn after(kv: &MemoryKv, commits: usize) -> Self {
        Self { after: true, ..Self::before(kv, commits) }
    }

    /// It is dead.
    pub(crate) fn is_blown(&self) -> bool {
        self.left.load(Ordering::Relaxed) == usize::MAX
    }
}

impl Kv for Fuse {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.kv.get(key)
    }

    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<KeyValue>, StoreError> {
        self.kv.scan(prefix, after, limit)
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let left = self.left.load(Ordering::Relaxed);
        if left == usize::MAX {
            return Err(dead());
        }
        if left == 0 {
            self.left.store(usize::MAX, Ordering::Relaxed);
            if self.after {
                self.kv.commit(batch)?;
            }
            return Err(dead());
        }
        self.left.store(left - 1, Ordering::Relaxed);
        self.kv.commit(batch)
    }
}

fn dead() -> StoreError {
    StoreError::Io { path: "memory".into(), source: std::io::Error::other("killed") }
}
