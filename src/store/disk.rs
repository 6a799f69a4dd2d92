//! The store on disk: sled behind what `hardening` has against its sharp edges.
//!
//! It opens under a claim on the directory, commits durably and in groups, and falls back to what is durable when the
//! disk fails.

use std::{
    fs::File,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{
        Mutex, MutexGuard, PoisonError, RwLock, RwLockWriteGuard,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use uuid::Uuid;

use super::{
    Engine, Fault,
    hardening::{
        REMEDY,
        claim::{Claim, State},
        failed,
        group::{Group, again},
        high_water::HighWater,
        refused,
        tally::{Changes, Recount, Tally},
    },
    kv::{Batch, KeyValue, Kv, StoreError},
    layout,
    whole::Watch,
};

/// How to open a store.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    /// sled's page cache, in mebibytes.
    pub cache_mb: u64,
    /// A store that does not open within this time is refused: sled was seen to hang on damaged files.
    pub deadline: Duration,
    /// In bytes: with less space free than this nothing is committed, so that sled itself does not meet a full disk.
    pub keep_free: u64,
    /// The id of the store, where one is made.
    pub new_id: Uuid,
}

impl OpenOptions {
    /// 64 MiB of cache, 5 minutes, 64 MiB kept free.
    pub fn new(new_id: Uuid) -> Self {
        Self { cache_mb: 64, deadline: Duration::from_mins(5), keep_free: 64 << 20, new_id }
    }
}

/// The store on disk, in a directory of its own that only this process has open.
///
/// Calls block: for microseconds, for the length of a sync while a commit is under way, and for seconds where a disk
/// that was full has space again. No reader sees what is not yet durable.
#[derive(Debug)]
pub struct SledKv {
    pub(super) claim: Claim,
    pub(super) options: OpenOptions,
    pub(super) high_water: HighWater,
    phase: RwLock<Phase>,
    /// Held while one waits for `phase`: who commits without a pause would otherwise keep readers out for ever.
    turn: Mutex<()>,
    pub(super) recount: Mutex<Recount>,
    verifying: Mutex<()>,
    group: Group,
    /// What the readings that last longer than a commit have to know of commits.
    pub(super) watch: Mutex<Watch>,
    /// One reading of everything at a time.
    pub(super) upkeep: Mutex<()>,
    /// Bytes of keys and values, since they were counted.
    pub(super) stored: AtomicU64,
}

#[derive(Debug)]
pub(super) enum Phase {
    Open(Engine),
    /// The disk failed, and what sled has in memory is not what is durable: it is opened anew before the next call.
    /// The tally is of the last acknowledged commit.
    Failed(Tally),
    /// sled panicked: nothing that it has in memory or does with its files can be relied on.
    Broken,
}

/// What [`SledKv::verify`] found: nothing amiss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// How many pairs sled holds: blocks of ours, and pieces of long values.
    pub pairs: u64,
}

impl SledKv {
    /// Opens the store in `dir`, or makes one where there is none.
    ///
    /// # Errors
    /// `Held` by another process; `Refused` (exit 65) where the directory is foreign, a link or another user's, or
    /// the store is damaged, newer, or has lost commits; `Full`; `Io`.
    pub fn open(dir: &Path, options: OpenOptions) -> Result<Self, StoreError> {
        let claim = Claim::take(dir, options.new_id)?;
        let (high_water, engine) = match claim.state {
            State::New => {
                let high_water = claim.begin().map_err(|error| failed(dir, error))?;
                let mut engine = Engine::open(dir, &claim.sled(), &options)?;
                let first = Tally::default().next();
                engine.write(&Changes::new(), first).map_err(|error| error.at(dir))?;
                high_water.record(first).and_then(|()| claim.finish()).map_err(|error| failed(dir, error))?;
                engine.tally = first;
                (high_water, engine)
            }
            State::Made => {
                let (high_water, recorded) = HighWater::open(dir, &claim.high_water(), claim.store)?;
                if !claim.sled().join("db").is_file() {
                    let folder = claim.sled();
                    let folder = folder.file_name().unwrap_or_default().to_string_lossy();
                    return Err(refused(dir, format!("`{folder}/db` is missing. {REMEDY}")));
                }
                let engine = Engine::open(dir, &claim.sled(), &options)?;
                engine.has_all_of(recorded, dir)?;
                claim.remove_other_generations().map_err(|error| failed(dir, error))?;
                (high_water, engine)
            }
        };
        let phase = RwLock::new(Phase::Open(engine));
        let (turn, recount, verifying, group, watch, upkeep) = Default::default();
        let stored = AtomicU64::new(0);
        Ok(Self { claim, options, high_water, phase, turn, recount, verifying, group, watch, upkeep, stored })
    }

    /// The id the store got when it was made.
    pub fn store_id(&self) -> Uuid {
        self.claim.store
    }

    /// Closes it, and waits until sled has done with its files: a thread of its own may write to their place for a
    /// moment longer, and something else is to be put there.
    pub fn close(self) {
        let data = self.claim.sled().join("db");
        drop(self.phase);
        let Ok(file) = File::open(data) else { return };
        for _ in 0..500 {
            if file.try_lock().is_ok() {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Reads every pair and compares count and digest with what the last commit recorded. It takes seconds for a
    /// million people; reads and commits go on meanwhile. Until it has answered, write to no remote.
    ///
    /// # Errors
    /// `Refused` (exit 65) where pairs are missing, changed, or came back.
    pub fn verify(&self) -> Result<Verified, StoreError> {
        const PAIRS_AT_ONCE: usize = 512;
        let _one_at_a_time = self.verifying.lock().unwrap_or_else(PoisonError::into_inner);
        *self.recount() = Recount::default();
        loop {
            let done = self.read(|engine| {
                // Commits wait for this reader, so that the place of the count and the store do not move.
                let mut recount = self.recount();
                if !engine.count_on(&mut recount, PAIRS_AT_ONCE)? {
                    return Ok(None);
                }
                self.stored.store(recount.bytes, Ordering::Relaxed);
                Ok(Some((recount.seen, engine.tally)))
            })?;
            match done {
                None => {}
                Some((seen, tally)) if seen.counts_as(&tally) => return Ok(Verified { pairs: seen.pairs }),
                Some((seen, tally)) => {
                    let reason = format!(
                        "it holds {} pairs and should hold {}, or some of them have changed. {REMEDY}",
                        seen.pairs, tally.pairs
                    );
                    return Err(refused(&self.claim.dir, reason));
                }
            }
        }
    }

    pub(super) fn recount(&self) -> MutexGuard<'_, Recount> {
        self.recount.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `read` while no commit is under way.
    pub(super) fn read<T>(&self, read: impl Fn(&Engine) -> Result<T, Fault>) -> Result<T, StoreError> {
        loop {
            let phase = {
                let _turn = self.turn();
                self.phase.read().unwrap_or_else(PoisonError::into_inner)
            };
            match &*phase {
                Phase::Open(engine) => match catch_unwind(AssertUnwindSafe(|| read(engine))) {
                    Ok(result) => return result.map_err(|fault| fault.at(&self.claim.dir)),
                    Err(_panic) => {}
                },
                Phase::Broken => return Err(self.broken()),
                Phase::Failed(_) => {
                    drop(phase);
                    self.reopen(&mut self.write_lock())?;
                    continue;
                }
            }
            drop(phase);
            return Err(self.break_down());
        }
    }

    pub(super) fn write_lock(&self) -> RwLockWriteGuard<'_, Phase> {
        let _turn = self.turn();
        self.phase.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn broken(&self) -> StoreError {
        let reason = format!("sled failed on its own data. Start Hymnal again; if it is refused then: {REMEDY}");
        refused(&self.claim.dir, reason)
    }

    fn break_down(&self) -> StoreError {
        let before = std::mem::replace(&mut *self.write_lock(), Phase::Broken);
        // Dropping it would run more of the code that has just failed, and may wait for a thread that died.
        std::mem::forget(before);
        self.broken()
    }

    /// After the disk failed: back to what is durable.
    pub(super) fn reopen(&self, phase: &mut Phase) -> Result<(), StoreError> {
        let acknowledged = match phase {
            Phase::Open(_) => return Ok(()),
            Phase::Broken => return Err(self.broken()),
            Phase::Failed(tally) => *tally,
        };
        self.check_space()?;
        let engine = Engine::open(&self.claim.dir, &self.claim.sled(), &self.options)?;
        engine.has_all_of(acknowledged, &self.claim.dir)?;
        // The commit that failed may have become durable after all, so a count that followed it starts over.
        *self.recount() = Recount::default();
        *phase = Phase::Open(engine);
        Ok(())
    }

    pub(super) fn check_space(&self) -> Result<(), StoreError> {
        let space = rustix::fs::statvfs(&self.claim.dir).map_err(|error| failed(&self.claim.dir, error.into()))?;
        if space.f_bavail.saturating_mul(space.f_frsize) < self.options.keep_free {
            return Err(StoreError::Full { path: self.claim.dir.clone() });
        }
        Ok(())
    }

    fn commit_together(&self, batches: &[Batch]) -> Result<(), StoreError> {
        self.check_space()?;
        let mut phase = self.write_lock();
        self.reopen(&mut phase)?;
        let Phase::Open(engine) = &mut *phase else { return Err(self.broken()) };
        let changes = layout::changes(engine, batches).map_err(|fault| fault.at(&self.claim.dir))?;
        if changes.is_empty() {
            return Ok(());
        }
        // Before it is tried: a commit that fails may have become durable after all.
        let watched = self.watch().note(batches, |key| layout::get(engine, key));
        watched.map_err(|fault| fault.at(&self.claim.dir))?;
        let mut tally = engine.tally.next();
        for (key, change) in &changes {
            tally.replace(key, change.old.as_deref(), change.new.as_deref());
        }
        let written = engine.write(&changes, tally).and_then(|()| self.high_water.record(tally).map_err(Fault::from));
        match written {
            Ok(()) => {
                engine.tally = tally;
                self.recount().follow(&changes);
                let bytes = |value: &Option<Vec<u8>>| value.as_ref().map_or(0, |value| value.len() as u64);
                let (new, old) = changes
                    .values()
                    .fold((0, 0), |(new, old), change| (new + bytes(&change.new), old + bytes(&change.old)));
                self.stored.fetch_add(new.wrapping_sub(old), Ordering::Relaxed);
                Ok(())
            }
            Err(fault) => {
                let acknowledged = engine.tally;
                *phase = Phase::Failed(acknowledged);
                Err(fault.at(&self.claim.dir))
            }
        }
    }
}

impl Kv for SledKv {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(|engine| layout::get(engine, key))
    }

    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<KeyValue>, StoreError> {
        self.read(|engine| layout::scan(engine, prefix, after, limit))
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        if batch.is_empty() {
            return Ok(());
        }
        let commit = |batches: &[Batch]| self.commit_together(batches);
        self.group.run(batch, commit, || self.break_down()).map_err(|error| again(&error))
    }
}
