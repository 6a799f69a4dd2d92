//! Another store in the place of the one there is, which is kept aside.
//!
//! ```text
//! store.new        being made; whatever it holds, it counts for nothing
//! store.ready      made whole and read back
//! store            the one that runs
//! store.before-…   what was replaced, with the time at which it was
//! ```
//!
//! The steps are renames: `store.new` to `store.ready`, `store` to `store.before-…`, `store.ready` to `store`. A crash
//! between the last two leaves no `store`; the next start makes up for the missing one. A crash before leaves the old.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use hymnal_sdk::Clock;

use super::state::options;
use crate::store::{
    Batch, KeyValue, Kv, Lease, Seized, SledKv, StoreError,
    tables::{Tag, sync_name},
};

/// Pairs committed at once.
const PAGE: usize = 1000;
/// The first bytes of keys that tell of now and not of then: calls made today, and tokens that rotate.
const OF_NOW: [&[u8]; 2] = [b"l/", b"v/"];
/// The tables of a sync that tell who was erased.
const ERASED: [u8; 2] = *b"zf";

/// Where the store lies.
pub fn store_of(state_dir: &Path) -> PathBuf {
    state_dir.join("store")
}

/// Ends a replacement that was interrupted between its last two steps.
///
/// # Errors
/// `Io`.
pub(super) fn complete_replacing(state_dir: &Path) -> Result<(), StoreError> {
    let (store, ready) = (store_of(state_dir), state_dir.join("store.ready"));
    if store.exists() || !ready.exists() {
        return Ok(());
    }
    fs::rename(ready, store).and_then(|()| sync_folder(state_dir)).map_err(|source| io_error(state_dir, source))
}

/// A store that is being made to take the place of the one there is.
pub(super) struct Replacing {
    state_dir: PathBuf,
    /// The store there is, which nobody else may open meanwhile.
    before: Option<Seized>,
    /// What it had that tells of now.
    of_now: Vec<KeyValue>,
    /// Who was erased there: by the sync's name, what stands behind its number.
    erased: Vec<(String, KeyValue)>,
    made: Arc<SledKv>,
    batch: Batch,
}

impl Replacing {
    /// Begins: nobody runs the store there is, and nobody may from now on.
    ///
    /// # Errors
    /// `Held` or `Copied` where somebody runs it; `Io`, `Full`.
    pub(super) fn begin(state_dir: &Path, cache_mb: u32, clock: &dyn Clock) -> Result<Self, StoreError> {
        fs::create_dir_all(state_dir).map_err(|source| io_error(state_dir, source))?;
        complete_replacing(state_dir)?;
        let (old, new) = (store_of(state_dir), state_dir.join("store.new"));
        let options = options(cache_mb, clock);
        let mut of_now = Vec::new();
        let mut erased = Vec::new();
        let before = if old.exists() {
            match SledKv::open(&old, options.clone()) {
                Ok(store) => {
                    let _not_elsewhere = Lease::take(store.store_id(), state_dir)?;
                    let found = OF_NOW.map(|prefix| store.scan(prefix, None, usize::MAX).unwrap_or_default());
                    of_now.extend(found.into_iter().flatten());
                    erased = erased_of(&store);
                    store.close();
                }
                // It cannot be read; that is why it is replaced.
                Err(StoreError::Refused { .. }) => {}
                Err(other) => return Err(other),
            }
            Some(Seized::take(&old)?)
        } else {
            None
        };
        for leftover in [&new, &state_dir.join("store.ready")] {
            match fs::remove_dir_all(leftover) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(io_error(state_dir, error)),
                _ => {}
            }
        }
        let made = Arc::new(SledKv::open(&new, options)?);
        Ok(Self { state_dir: state_dir.to_owned(), before, of_now, erased, made, batch: Batch::default() })
    }

    /// The store that is being made.
    pub(super) fn made(&self) -> Arc<dyn Kv> {
        Arc::clone(&self.made) as Arc<dyn Kv>
    }

    /// Puts a pair.
    ///
    /// # Errors
    /// The store's.
    pub(super) fn put(&mut self, key: Vec<u8>, value: Vec<u8>) -> Result<(), StoreError> {
        self.batch.put(key, value);
        if self.batch.len() < PAGE { Ok(()) } else { self.commit() }
    }

    /// Takes over from the store there is what tells of now: calls made today, tokens that have rotated since.
    ///
    /// # Errors
    /// The new store's. What cannot be read of the old one is gone: the services tell the calls with their next answer,
    /// and a person can log in again.
    pub(super) fn take_over_now(&mut self) -> Result<(), StoreError> {
        let of_now = std::mem::take(&mut self.of_now);
        of_now.into_iter().try_for_each(|(key, value)| self.put(key, value))
    }

    /// Who was erased does not come back with another store, be it made of the services or of a backup from before.
    fn keep_out_erased(&mut self) -> Result<(), StoreError> {
        for (name, (rest, value)) in std::mem::take(&mut self.erased) {
            if let Some(&[number]) = self.made.get(&sync_name(&name))?.as_deref() {
                self.put([&[number], rest.as_slice()].concat(), value)?;
            }
        }
        self.commit()
    }

    /// Commits what is put.
    ///
    /// # Errors
    /// The store's.
    pub(super) fn commit(&mut self) -> Result<(), StoreError> {
        self.made.commit(std::mem::take(&mut self.batch))
    }

    /// Puts the new store in the place of the old one. Answers where that is kept, if there was one.
    ///
    /// # Errors
    /// The stores'; whatever happens, one of them is in its place at the next start.
    pub(super) fn finish(mut self, clock: &dyn Clock) -> Result<Option<PathBuf>, StoreError> {
        self.commit()?;
        self.keep_out_erased()?;
        self.made.verify()?;
        let dir = self.state_dir.clone();
        let failed = |source| io_error(&dir, source);
        let ready = dir.join("store.ready");
        if let Some(made) = Arc::into_inner(self.made) {
            made.close();
        }
        fs::rename(dir.join("store.new"), &ready).and_then(|()| sync_folder(&dir)).map_err(failed)?;
        let aside = match self.before {
            None => None,
            Some(before) => {
                let aside = free_name(&dir, clock);
                fs::rename(store_of(&dir), &aside).and_then(|()| sync_folder(&dir)).map_err(failed)?;
                drop(before);
                Some(aside)
            }
        };
        fs::rename(ready, store_of(&dir)).and_then(|()| sync_folder(&dir)).map_err(failed)?;
        Ok(aside)
    }
}

/// The hashes and receipts of who was erased, by the name of the sync.
fn erased_of(store: &SledKv) -> Vec<(String, KeyValue)> {
    let prefix = sync_name("");
    let mut erased = Vec::new();
    for (key, number) in store.scan(&prefix, None, usize::from(u8::MAX)).unwrap_or_default() {
        let (Some(number), Ok(name)) = (number.first(), String::from_utf8(key[prefix.len()..].to_vec())) else {
            continue;
        };
        for letter in ERASED {
            let rows = store.scan(&Tag(*number).table(letter), None, usize::MAX).unwrap_or_default();
            erased.extend(rows.into_iter().map(|(key, value)| (name.clone(), (key[1..].to_vec(), value))));
        }
    }
    erased
}

/// `store.before-20261123T101112Z`; with a number behind it where that is taken.
fn free_name(dir: &Path, clock: &dyn Clock) -> PathBuf {
    let time = clock.now().strftime("%Y%m%dT%H%M%SZ").to_string();
    let name = |number: u32| match number {
        0 => dir.join(format!("store.before-{time}")),
        number => dir.join(format!("store.before-{time}-{number}")),
    };
    let mut number = 0;
    while name(number).exists() {
        number += 1;
    }
    name(number)
}

pub(super) fn sync_folder(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}

pub(super) fn io_error(path: &Path, source: io::Error) -> StoreError {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full { path: path.to_owned() },
        _ => StoreError::Io { path: path.to_owned(), source },
    }
}
