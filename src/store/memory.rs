//! The store in memory: for tests, the simulation and the overlay of a plan.

use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::{Arc, PoisonError, RwLock},
};

use super::kv::{Batch, KeyValue, Kv, StoreError};

type Pairs = BTreeMap<Vec<u8>, Vec<u8>>;

/// An ordered map behind a handle. A clone is the same store, so a test that drops everything above it and builds it
/// again on a clone has crashed and restarted: what was committed is there, and nothing else ever was.
#[derive(Clone, Debug, Default)]
pub struct MemoryKv(Arc<RwLock<Pairs>>);

impl MemoryKv {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Kv for MemoryKv {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.0.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned())
    }

    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<KeyValue>, StoreError> {
        let start = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let pairs = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let found = pairs.range::<[u8], _>((start, Bound::Unbounded));
        let found = found.take_while(|(key, _)| key.starts_with(prefix)).take(limit);
        Ok(found.map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let mut pairs = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for (key, value) in batch.iter() {
            match value {
                Some(value) => pairs.insert(key.to_vec(), value.to_vec()),
                None => pairs.remove(key),
            };
        }
        Ok(())
    }
}
