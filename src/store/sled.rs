//! The only file that names sled: opened under a deadline, read, written as one batch, and synced.

use std::{
    fs::File,
    io,
    ops::Bound,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::mpsc,
    thread,
    time::Duration,
};

use super::{
    disk::OpenOptions,
    format::hexadecimal,
    hardening::{
        REMEDY,
        claim::remove_leftovers,
        failed, refused,
        tally::{Changes, Recount, Tally},
    },
    kv::{Batch, KeyValue, StoreError},
    layout::{self, Raw, Unreadable},
};

/// How often sled's own thread cleans up, in milliseconds. Commits are synced by themselves; each round costs an idle
/// process some CPU.
const CLEAN_EVERY: u64 = 2000;

/// sled, open.
#[derive(Debug)]
pub(super) struct Engine {
    db: sled::Db,
    /// sled's file once more, to sync it: `flush` is no sync.
    file: File,
    /// Of the last commit.
    pub(super) tally: Tally,
}

/// What went wrong below.
pub(super) enum Fault {
    Sled(sled::Error),
    Io(io::Error),
    Unreadable(Unreadable),
}

impl From<Unreadable> for Fault {
    fn from(unreadable: Unreadable) -> Self {
        Self::Unreadable(unreadable)
    }
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
    pub(super) fn at(self, dir: &Path) -> StoreError {
        match self {
            Self::Io(error) | Self::Sled(sled::Error::Io(error)) => failed(dir, error),
            Self::Sled(error) => refused(dir, format!("sled says: {error}. {REMEDY}")),
            Self::Unreadable(Unreadable { key, reason }) => {
                StoreError::BadValue { key: hexadecimal(&key), reason: reason.to_owned() }
            }
        }
    }
}

impl Engine {
    /// Opens the sled in `path`, for the store in `dir`, in a thread of its own: damaged files make it panic, or never
    /// come back.
    pub(super) fn open(dir: &Path, path: &Path, options: &OpenOptions) -> Result<Self, StoreError> {
        let (path, cache) = (path.to_owned(), options.cache_mb << 20);
        remove_leftovers(&path).map_err(|error| failed(dir, error))?;
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

    fn open_here(path: &Path, cache: u64) -> Result<Self, Fault> {
        let config = sled::Config::new().path(path).cache_capacity(cache).flush_every_ms(Some(CLEAN_EVERY));
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
        let tally = db.get(layout::TALLY)?.and_then(|bytes| Tally::from_bytes(&bytes)).unwrap_or_default();
        Ok(Self { db, file, tally })
    }

    /// Refuses a store that lost a durable commit.
    pub(super) fn has_all_of(&self, recorded: Tally, dir: &Path) -> Result<(), StoreError> {
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

    /// Writes changes and tally as one, and returns when they are durable.
    pub(super) fn write(&self, changes: &Changes, tally: Tally) -> Result<(), Fault> {
        self.apply(changes, tally)?;
        self.sync()
    }

    /// Takes in a batch, and its tally, without waiting until it is durable: for a store that is being made.
    pub(super) fn absorb(&mut self, batch: &Batch) -> Result<(), Fault> {
        let changes = layout::changes(self, std::slice::from_ref(batch))?;
        for (key, change) in &changes {
            self.tally.replace(key, change.old.as_deref(), change.new.as_deref());
        }
        self.apply(&changes, self.tally)
    }

    /// Waits until all that was applied is durable.
    pub(super) fn sync(&self) -> Result<(), Fault> {
        self.db.flush()?;
        self.file.sync_data()?;
        Ok(())
    }

    fn apply(&self, changes: &Changes, tally: Tally) -> Result<(), Fault> {
        let mut batch = sled::Batch::default();
        for (key, change) in changes {
            match &change.new {
                Some(value) => batch.insert(key.as_slice(), value.as_slice()),
                None => batch.remove(key.as_slice()),
            }
        }
        batch.insert(layout::TALLY, &tally.to_bytes()[..]);
        self.db.apply_batch(batch)?;
        Ok(())
    }

    /// Counts on from where a count stands; `true` when it has reached the end.
    pub(super) fn count_on(&self, recount: &mut Recount, pairs: usize) -> Result<bool, Fault> {
        let start = recount.after.clone().unwrap_or_else(|| layout::TALLY.to_vec());
        let mut found = self.after(&start);
        for _ in 0..pairs {
            let Some(pair) = found.next() else { return Ok(true) };
            let (key, value) = pair?;
            recount.seen.replace(&key, None, Some(&value));
            recount.bytes += key.len() as u64 + value.len() as u64;
            recount.after = Some(key);
        }
        Ok(false)
    }
}

impl Raw for Engine {
    type Error = Fault;

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        Ok(self.db.get(key)?.map(|value| value.to_vec()))
    }

    fn at_or_before(&self, key: &[u8]) -> Result<Option<KeyValue>, Fault> {
        let found = self.db.range(..=key).next_back().transpose()?;
        Ok(found.map(|(key, value)| (key.to_vec(), value.to_vec())))
    }

    fn after(&self, key: &[u8]) -> impl Iterator<Item = Result<KeyValue, Fault>> {
        let found = self.db.range::<&[u8], _>((Bound::Excluded(key), Bound::Unbounded));
        found.map(|pair| pair.map(|(key, value)| (key.to_vec(), value.to_vec())).map_err(Fault::from))
    }
}

fn is_lock(error: &sled::Error) -> bool {
    matches!(error, sled::Error::Io(error) if error.to_string().contains("could not acquire lock"))
}
