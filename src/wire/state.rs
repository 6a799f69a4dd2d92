//! The state directory: who has it open has the syncs.

use std::{path::Path, sync::Arc};

use hymnal_sdk::{Clock, Ledger, Vault};

use super::clock::seed;
use crate::{
    cycle::ids::Ids,
    store::{
        Batch, Kv, OpenOptions, SledKv, StoreError,
        ledger::{StoredLedger, StoredVault},
        tables::{Tag, sync_name},
    },
};

/// An open state directory.
#[derive(Clone)]
pub struct State {
    /// The store.
    pub store: Arc<dyn Kv>,
    /// Calls made.
    pub ledger: Arc<dyn Ledger>,
    /// Rotated tokens.
    pub vault: Arc<dyn Vault>,
    /// The store on disk, for its verification in the background; `None` where it is in memory.
    pub disk: Option<Arc<SledKv>>,
}

impl State {
    /// Opens, or makes, the store in `dir`.
    ///
    /// # Errors
    /// Those of [`SledKv::open`].
    pub fn open(dir: &Path, cache_mb: u32, clock: &dyn Clock) -> Result<Self, StoreError> {
        let mut ids = Ids::new(seed(clock));
        let options = OpenOptions { cache_mb: u64::from(cache_mb), ..OpenOptions::new(ids.next(clock.now()).0) };
        let disk = Arc::new(SledKv::open(dir, options)?);
        let mut state = Self::over(Arc::clone(&disk) as Arc<dyn Kv>)?;
        state.disk = Some(disk);
        Ok(state)
    }

    /// State over any store.
    ///
    /// # Errors
    /// The store's.
    pub fn over(store: Arc<dyn Kv>) -> Result<Self, StoreError> {
        Ok(Self {
            ledger: Arc::new(StoredLedger::open(Arc::clone(&store))?),
            vault: Arc::new(StoredVault::open(Arc::clone(&store))?),
            store,
            disk: None,
        })
    }

    /// The number of a sync in the store; a new name gets the next one.
    ///
    /// # Errors
    /// The store's.
    pub fn tag(&self, sync: &str) -> Result<Tag, StoreError> {
        let key = sync_name(sync);
        if let Some(&[number]) = self.store.get(&key)?.as_deref() {
            return Ok(Tag(number));
        }
        let known = self.store.scan(&sync_name(""), None, usize::from(u8::MAX))?;
        let last = known.iter().filter_map(|(_, value)| value.first().copied()).max().unwrap_or(0);
        let number = last.saturating_add(1);
        let mut batch = Batch::default();
        batch.put(key, vec![number]);
        self.store.commit(batch)?;
        Ok(Tag(number))
    }
}
