//! The state as a backup has it.
//!
//! A backup of a week ago does not roll the services back: it is read on from its cursors, so that what changed since
//! is read, and each record is read once more before it is written. What both sides have come to agree on since is
//! agreed; what differs is merged.

use std::{
    fs::File,
    io::BufReader,
    path::{Path, PathBuf},
};

use hymnal_sdk::{Clock, Timestamp};

use super::{
    back_up::TOKENS,
    replace::{Replacing, store_of},
};
use crate::store::{
    StoreError,
    backup::{BackupError, Reader},
};

/// What a state directory is restored from, and where.
pub struct Restore<'a> {
    /// The backup.
    pub file: &'a Path,
    /// The state directory.
    pub state_dir: &'a Path,
    /// The conflict log: where there is none any more, it is written anew from what the backup has.
    pub conflict_log: &'a Path,
    /// sled's page cache, in mebibytes.
    pub cache_mb: u32,
    /// Whether a state that is there may be set aside.
    pub existing: Existing,
}

/// What happens to a state that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// It keeps its place, and nothing is restored.
    Keep,
    /// It is kept beside the one that takes its place.
    Replace,
}

/// What was restored.
#[derive(Clone, Debug)]
pub struct Restored {
    /// How many entries.
    pub entries: u64,
    /// When the state was as it is again.
    pub made_at: Timestamp,
    /// Where the state is that was there before.
    pub aside: Option<PathBuf>,
}

/// Why nothing was restored. The state is as it was.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The file.
    #[error("`{}`: {error}", path.display())]
    Backup {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: BackupError,
    },
    /// There is a state already.
    #[error("there is a state in `{}` already", .0.display())]
    Occupied(PathBuf),
    /// The state directory.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Restore<'_> {
    /// Restores, after the whole file was checked.
    ///
    /// # Errors
    /// Nothing was changed then.
    pub fn run(&self, clock: &dyn Clock) -> Result<Restored, RestoreError> {
        let bad = |error| RestoreError::Backup { path: self.file.to_owned(), error };
        let read = || {
            let file = File::open(self.file)?;
            Reader::open(BufReader::with_capacity(1 << 20, file))
        };
        // All of it is read before anything is touched.
        let summary = read().and_then(Reader::check).map_err(bad)?;
        if self.existing == Existing::Keep && store_of(self.state_dir).exists() {
            return Err(RestoreError::Occupied(self.state_dir.to_owned()));
        }
        let mut replacing = Replacing::begin(self.state_dir, self.cache_mb, clock)?;
        let has_log = std::fs::metadata(self.conflict_log).is_ok_and(|log| log.len() > 0);
        let is_meant = |key: &[u8]| !key.starts_with(TOKENS) && (has_log || !says_what_is_logged(key));
        let mut input = read().map_err(bad)?;
        let made_at = input.origin.made_at;
        while let Some((key, value)) = input.next_pair().map_err(bad)? {
            if is_meant(&key) {
                replacing.put(key, value)?;
            }
        }
        replacing.commit()?;
        let mut again = read().map_err(bad)?;
        let made = replacing.made();
        while let Some((key, value)) = again.next_pair().map_err(bad)? {
            if is_meant(&key) && made.get(&key)?.as_ref() != Some(&value) {
                let source = std::io::Error::other("what was restored does not read back; nothing was changed");
                return Err(StoreError::Io { path: self.state_dir.to_owned(), source }.into());
            }
        }
        drop(made);
        replacing.take_over_now()?;
        let aside = replacing.finish(clock)?;
        Ok(Restored { entries: summary.pairs, made_at, aside })
    }
}

/// The key under which a sync notes which of its lines are certainly in the conflict log.
fn says_what_is_logged(key: &[u8]) -> bool {
    key.get(1..) == Some(b"mlogged")
}
