//! Where a plan keeps what does not fit into memory: a store of its own in the state directory, gone with the plan.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use hymnal_sdk::Clock;

use super::clock::seed;
use crate::{
    cycle::ids::Ids,
    store::{Batch, KeyValue, Kv, OpenOptions, SledKv, StoreError},
};

/// What the folders of such stores begin with.
const NAME: &str = "plan-";

/// A store that is removed when nobody uses it any more.
#[derive(Debug)]
struct Scratch {
    /// `None` only while it is being dropped: it is closed before its folder goes.
    store: Option<SledKv>,
    folder: PathBuf,
}

/// Makes one, empty, in the state directory.
///
/// # Errors
/// The disk's.
pub(super) fn make(state_dir: &Path, clock: &dyn Clock) -> Result<Arc<dyn Kv>, StoreError> {
    let mut ids = Ids::new(seed(clock));
    let id = ids.next(clock.now());
    let folder = state_dir.join(format!("{NAME}{id}"));
    let store = SledKv::open(&folder, OpenOptions { cache_mb: 16, ..OpenOptions::new(id.0) })?;
    Ok(Arc::new(Scratch { store: Some(store), folder }))
}

/// Removes what killed plans left.
pub(super) fn remove_leftovers(state_dir: &Path) {
    let entries = std::fs::read_dir(state_dir).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(NAME)) {
        // Where it cannot be removed it takes space, and is nobody's state.
        let _ = std::fs::remove_dir_all(entry.path());
    }
}

impl Scratch {
    fn store(&self) -> &dyn Kv {
        match &self.store {
            Some(store) => store,
            None => unreachable!("a store that is used is not being dropped"),
        }
    }
}

impl Kv for Scratch {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.store().get(key)
    }

    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<KeyValue>, StoreError> {
        self.store().scan(prefix, after, limit)
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        self.store().commit(batch)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(self.store.take());
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
