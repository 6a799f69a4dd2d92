//! The whole store read at once, while commits go on.

use std::{
    collections::BTreeSet,
    sync::{MutexGuard, PoisonError},
};

use super::{
    disk::SledKv,
    kv::{Batch, StoreError},
    layout,
    snapshot::Snapshot,
};

/// Pairs read at once.
const PAGE: usize = 500;

/// What readings that last longer than a commit have to know of the commits meanwhile.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// A reading of one moment.
    snapshot: Option<Snapshot>,
    /// A copy that is being made: keys that are to be copied again.
    pub(super) changed: Option<BTreeSet<Vec<u8>>>,
}

impl Watch {
    /// Takes note of batches that are about to be committed.
    pub(super) fn note<E>(
        &mut self,
        batches: &[Batch],
        mut held: impl FnMut(&[u8]) -> Result<Option<Vec<u8>>, E>,
    ) -> Result<(), E> {
        for batch in batches {
            if let Some(snapshot) = &mut self.snapshot {
                snapshot.keep(batch, &mut held)?;
            }
            if let Some(changed) = &mut self.changed {
                changed.extend(batch.iter().map(|(key, _)| key.to_vec()));
            }
        }
        Ok(())
    }
}

impl SledKv {
    /// Visits every pair as it was at one moment, in key order. Commits go on meanwhile, also while `visit` takes its
    /// time; what they overwrite is kept in memory until it was visited.
    ///
    /// # Errors
    /// The store's, and those of `visit`.
    pub fn each_pair<E: From<StoreError>>(
        &self,
        mut visit: impl FnMut(&[u8], &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let _one_at_a_time = self.upkeep();
        let _ends = Ends(self);
        // Between two commits, so that it is one moment.
        self.read(|_| {
            self.watch().snapshot = Some(Snapshot::default());
            Ok(())
        })?;
        loop {
            let (page, is_last) = self.read(|engine| {
                let mut watch = self.watch();
                let Some(snapshot) = &mut watch.snapshot else { return Ok((Vec::new(), true)) };
                let now = layout::scan(engine, b"", snapshot.after.as_deref(), PAGE)?;
                let is_last = now.len() < PAGE;
                Ok((snapshot.next(now, is_last), is_last))
            })?;
            for (key, value) in page {
                visit(&key, &value)?;
            }
            if is_last {
                return Ok(());
            }
        }
    }

    pub(super) fn watch(&self) -> MutexGuard<'_, Watch> {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn upkeep(&self) -> MutexGuard<'_, ()> {
        self.upkeep.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// However a reading ends, commits keep nothing for it any more.
struct Ends<'a>(&'a SledKv);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.watch().snapshot = None;
    }
}
