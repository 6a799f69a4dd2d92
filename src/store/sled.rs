//! The store on disk. The only file that names sled.
//!
//! sled has sharp edges; [`super::hardening`] has the answer to each, and this file applies them: it opens under a
//! deadline, commits durably, and falls back to what is durable when the disk fails.

use std::{
    fs::File,
    io,
    ops::Bound,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockWriteGuard, mpsc},
    thread,
    time::Duration,
};

use uuid::Uuid;

use super::{
    format::hexadecimal,
    hardening::{
        REMEDY,
        claim::{Claim, State},
        failed,
        group::{Group, again},
        high_water::HighWater,
        pieces, refused,
        tally::{Change, Changes, Recount, Tally},
    },
    kv::{Batch, KeyValue, Kv, StoreError},
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
    claim: Claim,
    options: OpenOptions,
    high_water: HighWater,
    phase: RwLock<Phase>,
    recount: Mutex<Recount>,
    verifying: Mutex<()>,
    group: Group,
}

#[derive(Debug)]
enum Phase {
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
    /// How many pairs sled holds, pieces of long values counted one by one.
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
                let engine = Engine::open(&claim, &options)?;
                let first = Tally::default().next();
                engine.write(&Changes::new(), first).map_err(|error| error.at(dir))?;
                high_water.record(first).and_then(|()| claim.finish()).map_err(|error| failed(dir, error))?;
                (high_water, Engine { tally: first, ..engine })
            }
            State::Made => {
                let (high_water, recorded) = HighWater::open(dir, &claim.high_water(), claim.store)?;
                if !claim.sled().join("db").is_file() {
                    return Err(refused(dir, format!("`sled/db` is missing. {REMEDY}")));
                }
                let engine = Engine::open(&claim, &options)?;
                engine.has_all_of(recorded, dir)?;
                (high_water, engine)
            }
        };
        let phase = RwLock::new(Phase::Open(engine));
        let (recount, verifying, group) = Default::default();
        Ok(Self { claim, options, high_water, phase, recount, verifying, group })
    }

    /// The id the store got when it was made.
    pub fn store_id(&self) -> Uuid {
        self.claim.store
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

    fn recount(&self) -> MutexGuard<'_, Recount> {
        self.recount.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `read` while no commit is under way.
    fn read<T>(&self, read: impl Fn(&Engine) -> Result<T, Fault>) -> Result<T, StoreError> {
        loop {
            let phase = self.phase.read().unwrap_or_else(PoisonError::into_inner);
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

    fn write_lock(&self) -> RwLockWriteGuard<'_, Phase> {
        self.phase.write().unwrap_or_else(PoisonError::into_inner)
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
    fn reopen(&self, phase: &mut Phase) -> Result<(), StoreError> {
        let acknowledged = match phase {
            Phase::Open(_) => return Ok(()),
            Phase::Broken => return Err(self.broken()),
            Phase::Failed(tally) => *tally,
        };
        self.check_space()?;
        let engine = Engine::open(&self.claim, &self.options)?;
        engine.has_all_of(acknowledged, &self.claim.dir)?;
        // The commit that failed may have become durable after all, so a count that followed it starts over.
        *self.recount() = Recount::default();
        *phase = Phase::Open(engine);
        Ok(())
    }

    fn check_space(&self) -> Result<(), StoreError> {
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
        let changes = engine.changes(batches).map_err(|fault| fault.at(&self.claim.dir))?;
        if changes.is_empty() {
            return Ok(());
        }
        let mut tally = engine.tally.next();
        for (key, change) in &changes {
            tally.replace(key, change.old.as_deref(), change.new.as_deref());
        }
        let written = engine.write(&changes, tally).and_then(|()| self.high_water.record(tally).map_err(Fault::from));
        match written {
            Ok(()) => {
                engine.tally = tally;
                self.recount().follow(&changes);
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
        self.read(|engine| engine.get(key))
    }

    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<KeyValue>, StoreError> {
        self.read(|engine| engine.scan(prefix, after, limit))
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        if batch.is_empty() {
            return Ok(());
        }
        let commit = |batches: &[Batch]| self.commit_together(batches);
        self.group.run(batch, commit, || self.break_down()).map_err(|error| again(&error))
    }
}

/// sled, open.
#[derive(Debug)]
struct Engine {
    db: sled::Db,
    /// sled's file once more, to sync it: `flush` is no sync.
    file: File,
    /// Of the last commit.
    tally: Tally,
}

/// What went wrong below.
enum Fault {
    Sled(sled::Error),
    Io(io::Error),
    BadValue { key: Vec<u8>, reason: &'static str },
}

impl From<sled::Error> for Fault {
    fn from(error: sled::Error) -> Self {
        Self::Sled(error)
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Fault {
    fn at(self, dir: &Path) -> StoreError {
        match self {
            Self::Io(error) | Self::Sled(sled::Error::Io(error)) => failed(dir, error),
            Self::Sled(error) => refused(dir, format!("sled says: {error}. {REMEDY}")),
            Self::BadValue { key, reason } => {
                StoreError::BadValue { key: hexadecimal(&key), reason: reason.to_owned() }
            }
        }
    }
}

impl Engine {
    /// Opens sled in a thread of its own: damaged files make it panic, or never come back.
    fn open(claim: &Claim, options: &OpenOptions) -> Result<Self, StoreError> {
        let (dir, path, cache) = (&claim.dir, claim.sled(), options.cache_mb << 20);
        let (done, opened) = mpsc::channel();
        let work = move || {
            let _ = done.send(catch_unwind(AssertUnwindSafe(|| Self::open_here(&path, cache))));
        };
        thread::Builder::new().name("store-open".to_owned()).spawn(work).map_err(|error| failed(dir, error))?;
        match opened.recv_timeout(options.deadline) {
            Ok(Ok(Ok(engine))) => Ok(engine),
            Ok(Ok(Err(fault))) => Err(fault.at(dir)),
            Ok(Err(_panic)) => Err(refused(dir, format!("sled panicked when it opened it. {REMEDY}"))),
            Err(_late) => {
                let seconds = options.deadline.as_secs();
                Err(refused(dir, format!("it did not open within {seconds} s. {REMEDY}")))
            }
        }
    }

    fn open_here(path: &PathBuf, cache: u64) -> Result<Self, Fault> {
        let config = sled::Config::new().path(path).cache_capacity(cache).flush_every_ms(Some(500));
        // When a store is opened again within a process, threads of the one before may still hold its lock.
        let mut attempts = 100;
        let db = loop {
            match config.open() {
                Err(error) if attempts > 0 && is_lock(&error) => thread::sleep(Duration::from_millis(20)),
                opened => break opened?,
            }
            attempts -= 1;
        };
        let file = File::open(path.join("db"))?;
        let tally = db.get(pieces::TALLY)?.and_then(|bytes| Tally::from_bytes(&bytes)).unwrap_or_default();
        Ok(Self { db, file, tally })
    }

    /// Refuses a store that lost a durable commit.
    fn has_all_of(&self, recorded: Tally, dir: &Path) -> Result<(), StoreError> {
        let is_behind = self.tally.sequence < recorded.sequence;
        let is_other = self.tally.sequence == recorded.sequence && self.tally != recorded;
        if is_behind || is_other {
            let reason = format!(
                "it has lost commits: {} pairs after commit {} were recorded, and it opened with {} after commit {}. \
                 {REMEDY}",
                recorded.pairs, recorded.sequence, self.tally.pairs, self.tally.sequence
            );
            return Err(refused(dir, reason));
        }
        Ok(())
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        match self.db.get(pieces::head_of(key))? {
            Some(head) => self.whole(key, &head).map(Some),
            None => Ok(None),
        }
    }

    fn whole(&self, key: &[u8], head: &[u8]) -> Result<Vec<u8>, Fault> {
        let read = |piece: &[u8]| Ok::<_, Fault>(self.db.get(piece)?.map(|bytes| bytes.to_vec()));
        let value = pieces::join(key, head, read)?;
        value.ok_or_else(|| Fault::BadValue { key: key.to_vec(), reason: "its pieces do not fit together" })
    }

    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<KeyValue>, Fault> {
        let start = match after {
            Some(after) if after >= prefix => Bound::Excluded(pieces::head_of(after)),
            _ => Bound::Included(pieces::head_of(prefix)),
        };
        let mut found = Vec::new();
        for pair in self.db.range((start, Bound::Unbounded)).take(limit) {
            let (stored, head) = pair?;
            match pieces::key_of(&stored) {
                Some(key) if key.starts_with(prefix) => found.push((key.to_vec(), self.whole(key, &head)?)),
                _ => break,
            }
        }
        Ok(found)
    }

    /// What the batches change in sled, a later one over an earlier one, less what already stands so.
    fn changes(&self, batches: &[Batch]) -> Result<Changes, Fault> {
        let wanted: std::collections::BTreeMap<_, _> = batches.iter().flat_map(Batch::iter).collect();
        let mut changes = Changes::new();
        for (key, value) in wanted {
            let head = self.db.get(pieces::head_of(key))?;
            for (stored, new) in pieces::cut(key, value, head.as_deref()) {
                let old = match (&head, pieces::key_of(&stored)) {
                    (head, Some(_)) => head.clone(),
                    (_, None) => self.db.get(&stored)?,
                };
                if old.as_deref() != new.as_deref() {
                    changes.insert(stored, Change { old: old.map(|bytes| bytes.to_vec()), new });
                }
            }
        }
        Ok(changes)
    }

    /// Writes changes and tally as one, and returns when they are durable.
    fn write(&self, changes: &Changes, tally: Tally) -> Result<(), Fault> {
        let mut batch = sled::Batch::default();
        for (key, change) in changes {
            match &change.new {
                Some(value) => batch.insert(key.as_slice(), value.as_slice()),
                None => batch.remove(key.as_slice()),
            }
        }
        batch.insert(pieces::TALLY, &tally.to_bytes()[..]);
        self.db.apply_batch(batch)?;
        self.db.flush()?;
        self.file.sync_data()?;
        Ok(())
    }

    /// Counts on from where a count stands; `true` when it has reached the end.
    fn count_on(&self, recount: &mut Recount, pairs: usize) -> Result<bool, Fault> {
        let start = Bound::Excluded(recount.after.clone().unwrap_or_else(|| pieces::TALLY.to_vec()));
        let mut found = self.db.range((start, Bound::Unbounded));
        for _ in 0..pairs {
            let Some(pair) = found.next() else { return Ok(true) };
            let (key, value) = pair?;
            recount.seen.replace(&key, None, Some(&value));
            recount.after = Some(key.to_vec());
        }
        Ok(false)
    }
}

fn is_lock(error: &sled::Error) -> bool {
    matches!(error, sled::Error::Io(error) if error.to_string().contains("could not acquire lock"))
}
