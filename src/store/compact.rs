//! sled's file grows under updates and never shrinks: now and then everything is copied into a fresh one, which takes
//! its place.
//!
//! Reading and committing go on meanwhile:
//!
//! 1. every pair is copied, page by page; what commits change in the meantime is copied again;
//! 2. the copy is read back and compared;
//! 3. while nobody commits: the rest is copied, the copy made durable, and `store.json` says that it counts;
//! 4. the old files are removed.
//!
//! A crash before `store.json` is renamed leaves the old store, whole; one after it the new store, whole. What of the
//! other is left is removed at the next start. The copy's sequence is one ahead of the old one's, so `high-water`
//! takes it for a commit that was durable and not yet recorded, which it is.

use std::{collections::BTreeSet, fs, io, mem, path::Path};

use super::{
    Engine,
    disk::{Phase, SledKv},
    hardening::{failed, tally::Changes},
    kv::{Batch, Kv, StoreError},
    layout,
};

/// Pairs copied at once.
const PAGE: usize = 1000;
/// So few that nobody notices the time in which they are copied.
const FEW: usize = 500;
/// Where commits do not pause, each round has about as much to copy as the one before: then they wait for the last.
const ROUNDS: usize = 5;

/// What a compaction came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compacted {
    /// Bytes of sled's files before.
    pub before: u64,
    /// And now.
    pub after: u64,
}

/// How much room a store takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Bytes of keys and values; 0 until they were counted.
    pub stored: u64,
    /// Bytes of sled's files.
    pub files: u64,
}

/// Fresh files take 2.7 times what is stored, measured; under updates they grow to 6 times that and more. From so many
/// times on, compacting gives half of the room back.
const GROWN: u64 = 5;
/// Below so many bytes nobody misses the room.
const WORTH: u64 = 64 << 20;

impl Room {
    /// The files have grown so much that compacting is worth its time.
    pub fn has_grown(&self) -> bool {
        self.stored > 0 && self.files > WORTH && self.files / GROWN > self.stored
    }
}

impl SledKv {
    /// Copies everything into fresh files, which take the place of the old ones.
    ///
    /// # Errors
    /// `Full` where there is no room for the copy, and those of reading. The store is then as it was.
    pub fn compact(&self) -> Result<Compacted, StoreError> {
        let _one_at_a_time = self.upkeep();
        let dir = &self.claim.dir;
        let (old, new) = (self.claim.sled(), self.claim.next_sled());
        let before = size_of(&old).map_err(|error| failed(dir, error))?;
        self.watch().changed = Some(BTreeSet::new());
        let copied = self.copy_into(&new);
        self.watch().changed = None;
        if let Err(error) = copied {
            // It counts only once `store.json` says so.
            if self.claim.sled() == old {
                let _ = fs::remove_dir_all(&new);
            }
            return Err(error);
        }
        fs::remove_dir_all(&old).map_err(|error| failed(dir, error))?;
        let after = size_of(&new).map_err(|error| failed(dir, error))?;
        Ok(Compacted { before, after })
    }

    /// How much room it takes.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn room(&self) -> Result<Room, StoreError> {
        let files = size_of(&self.claim.sled()).map_err(|error| failed(&self.claim.dir, error))?;
        Ok(Room { stored: self.stored.load(std::sync::atomic::Ordering::Relaxed), files })
    }

    fn copy_into(&self, path: &Path) -> Result<(), StoreError> {
        let dir = &self.claim.dir;
        match fs::remove_dir_all(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(dir, error)),
            _ => {}
        }
        let mut copy = Engine::open(dir, path, &self.options)?;
        let mut after: Option<Vec<u8>> = None;
        loop {
            self.check_space()?;
            let pairs = self.scan(b"", after.as_deref(), PAGE)?;
            let Some((last, _)) = pairs.last() else { break };
            after = Some(last.clone());
            let mut batch = Batch::default();
            for (key, value) in pairs {
                batch.put(key, value);
            }
            copy.absorb(&batch).map_err(|fault| fault.at(dir))?;
        }
        self.catch_up(&mut copy)?;
        self.compare(&copy)?;
        // Most of the syncing is done before anybody has to wait for it.
        copy.sync().map_err(|fault| fault.at(dir))?;
        self.take_over(copy)
    }

    /// Copies again what was changed since it was copied, until little is, or it does not get less.
    fn catch_up(&self, copy: &mut Engine) -> Result<(), StoreError> {
        for _ in 0..ROUNDS {
            let changed = self.changed();
            let is_little = changed.len() <= FEW;
            let changed: Vec<Vec<u8>> = changed.into_iter().collect();
            for keys in changed.chunks(PAGE) {
                self.check_space()?;
                let mut batch = Batch::default();
                for key in keys {
                    let value = self.get(key)?;
                    set(&mut batch, key, value);
                }
                copy.absorb(&batch).map_err(|fault| fault.at(&self.claim.dir))?;
            }
            if is_little {
                break;
            }
        }
        Ok(())
    }

    /// Reads the copy back. What commits have changed since it was copied is still to be copied again.
    fn compare(&self, copy: &Engine) -> Result<(), StoreError> {
        let mut after: Option<Vec<u8>> = None;
        loop {
            let (same, last) = self.read(|engine| {
                let watch = self.watch();
                let changed = watch.changed.as_ref();
                let is_settled = |key: &[u8]| changed.is_none_or(|changed| !changed.contains(key));
                let here = layout::scan(engine, b"", after.as_deref(), PAGE)?;
                let last = (here.len() == PAGE).then(|| here[PAGE - 1].0.clone());
                let most = if last.is_some() { PAGE + changed.map_or(0, BTreeSet::len) + 1 } else { usize::MAX };
                let there = layout::scan(copy, b"", after.as_deref(), most)?;
                let is_meant = |key: &[u8]| last.as_deref().is_none_or(|last| key <= last);
                let here = here.iter().filter(|(key, _)| is_settled(key));
                let there = there.iter().filter(|(key, _)| is_settled(key) && is_meant(key));
                Ok((here.eq(there), last))
            })?;
            if !same {
                let source =
                    io::Error::other("a compacted copy did not read back as it was written; nothing was changed");
                return Err(StoreError::Io { path: self.claim.dir.clone(), source });
            }
            let Some(last) = last else { return Ok(()) };
            after = Some(last);
        }
    }

    fn take_over(&self, mut copy: Engine) -> Result<(), StoreError> {
        let dir = &self.claim.dir;
        let mut phase = self.write_lock();
        self.reopen(&mut phase)?;
        let Phase::Open(engine) = &*phase else { return Ok(()) };
        let acknowledged = engine.tally;
        let mut batch = Batch::default();
        for key in self.changed() {
            let value = layout::get(engine, &key).map_err(|fault| fault.at(dir))?;
            set(&mut batch, &key, value);
        }
        copy.absorb(&batch).map_err(|fault| fault.at(dir))?;
        copy.tally.sequence = acknowledged.sequence + 1;
        copy.write(&Changes::new(), copy.tally).map_err(|fault| fault.at(dir))?;
        let tally = copy.tally;
        let old_folder = self.claim.sled();
        let switched = self.claim.switch();
        if self.claim.sled() == old_folder {
            return switched.map_err(|error| failed(dir, error));
        }
        // A count that was under way counted the blocks of the old files.
        *self.recount() = super::hardening::tally::Recount::default();
        let recorded = switched.and_then(|()| self.high_water.record(tally));
        let next = if recorded.is_ok() {
            Phase::Open(copy)
        } else {
            drop(copy);
            Phase::Failed(acknowledged)
        };
        let old = mem::replace(&mut *phase, next);
        drop(phase);
        drop(old);
        recorded.map_err(|error| failed(dir, error))
    }

    fn changed(&self) -> BTreeSet<Vec<u8>> {
        self.watch().changed.as_mut().map(mem::take).unwrap_or_default()
    }
}

fn set(batch: &mut Batch, key: &[u8], value: Option<Vec<u8>>) {
    match value {
        Some(value) => batch.put(key, value),
        None => batch.delete(key),
    }
}

fn size_of(folder: &Path) -> io::Result<u64> {
    let mut size = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        // sled removes files of its own while we look.
        let Ok(meta) = entry.metadata() else { continue };
        size += if meta.is_dir() { size_of(&entry.path())? } else { meta.len() };
    }
    Ok(size)
}
