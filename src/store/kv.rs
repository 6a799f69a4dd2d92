//! The seam: get, scan, and one atomic, durable commit of a batch.

use std::{fmt, path::PathBuf};

/// An ordered key-value store. Calls block for microseconds to milliseconds; nothing above knows which store it is.
pub trait Kv: Send + Sync + fmt::Debug + 'static {
    /// The value under a key.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// Up to `limit` pairs whose key starts with `prefix` and is greater than `after`, in key order.
    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<KeyValue>, StoreError>;

    /// Applies the whole batch or nothing of it. When it returns `Ok`, the batch survives a crash of the process and
    /// of the machine. After an error it may be there as a whole or not at all: read before deciding on.
    fn commit(&self, batch: Batch) -> Result<(), StoreError>;
}

/// A stored pair.
pub type KeyValue = (Vec<u8>, Vec<u8>);

/// Changes that are applied together. A later change of a key replaces an earlier one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    changes: std::collections::BTreeMap<Vec<u8>, Option<Vec<u8>>>,
}

impl Batch {
    /// Sets a key.
    pub fn put(&mut self, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        self.changes.insert(key.into(), Some(value.into()));
    }

    /// Removes a key.
    pub fn delete(&mut self, key: impl Into<Vec<u8>>) {
        self.changes.insert(key.into(), None);
    }

    /// What this batch would make of a key: `None` where it leaves it alone.
    pub fn change(&self, key: &[u8]) -> Option<Option<&[u8]>> {
        self.changes.get(key).map(|value| value.as_deref())
    }

    /// Nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// How many keys it changes.
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// The changes, in key order: `None` removes.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        self.changes.iter().map(|(key, value)| (key.as_slice(), value.as_deref()))
    }
}

/// Why the store could not be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has it.
    #[error("another hymnal (pid {pid}) holds `{}`", path.display())]
    Held {
        /// The state directory.
        path: PathBuf,
        /// Its process, or `?`.
        pid: String,
    },
    /// A process runs another copy of it.
    #[error("another hymnal runs a copy of `{}` (store {store})", path.display())]
    Copied {
        /// The state directory.
        path: PathBuf,
        /// The id that both have.
        store: uuid::Uuid,
    },
    /// It is damaged, foreign or newer, and was refused (exit 65).
    #[error("the state in `{}` was refused: {reason}", path.display())]
    Refused {
        /// The state directory.
        path: PathBuf,
        /// What is wrong, and what a person can do.
        reason: String,
    },
    /// The disk is full. Nothing acknowledged is lost.
    #[error("the disk that holds `{}` is full", path.display())]
    Full {
        /// The state directory.
        path: PathBuf,
    },
    /// One value does not read: its key is parked, the rest goes on.
    #[error("the stored value under `{key}` does not read: {reason}")]
    BadValue {
        /// The key, in hexadecimal.
        key: String,
        /// What is wrong.
        reason: String,
    },
    /// Anything else of the disk.
    #[error("the state in `{}` cannot be used: {source}", path.display())]
    Io {
        /// The state directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}
