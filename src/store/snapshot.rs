//! Every pair as it was at one moment, read while commits go on.
//!
//! Pairs are read in key order, a page at a time. A commit that changes a key that the reading has not reached yet
//! leaves behind what the key held, and the reading takes that. So a backup is of one moment, and nobody waits for it.

use std::collections::BTreeMap;

use super::kv::{Batch, KeyValue};

/// A reading in progress.
#[derive(Debug, Default)]
pub(super) struct Snapshot {
    /// The last key read; `None` before the first.
    pub(super) after: Option<Vec<u8>>,
    /// What keys behind it held at the moment, where commits have changed them since.
    before: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
}

impl Snapshot {
    /// Keeps what a commit is about to change, where it was not read yet.
    pub(super) fn keep<E>(
        &mut self,
        batch: &Batch,
        mut held: impl FnMut(&[u8]) -> Result<Option<Vec<u8>>, E>,
    ) -> Result<(), E> {
        for (key, _) in batch.iter() {
            let is_ahead = self.after.as_deref().is_none_or(|after| key > after);
            if is_ahead && !self.before.contains_key(key) {
                self.before.insert(key.to_vec(), held(key)?);
            }
        }
        Ok(())
    }

    /// The pairs of the moment among the next that are there now; `is_last` where these are all there are.
    pub(super) fn next(&mut self, now: Vec<KeyValue>, is_last: bool) -> Vec<KeyValue> {
        let end = if is_last { None } else { now.last().map(|(key, _)| key.clone()) };
        let mut page: BTreeMap<Vec<u8>, Option<Vec<u8>>> =
            now.into_iter().map(|(key, value)| (key, Some(value))).collect();
        let rest = match &end {
            Some(end) => {
                let mut rest = self.before.split_off(end);
                if let Some((key, value)) = rest.remove_entry(end) {
                    self.before.insert(key, value);
                }
                rest
            }
            None => BTreeMap::new(),
        };
        page.extend(std::mem::replace(&mut self.before, rest));
        self.after = end;
        page.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
    }
}
