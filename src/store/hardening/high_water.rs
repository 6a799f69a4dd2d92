//! The tally of the last durable commit, beside the store.
//!
//! sled opens a damaged file as a smaller store, without a word. So a commit is, in this order:
//!
//! 1. the changes *and* the new tally enter sled as one atomic batch;
//! 2. `flush`, then `sync_data` on sled's file: the commit is durable;
//! 3. the tally is written here and synced;
//! 4. the commit is acknowledged.
//!
//! Why that order makes the check at the start exact:
//!
//! - *Never refused without cause.* The tally here is written after 2, so the store's sequence is at least ours at
//!   every moment, whatever is killed or loses power between the steps. A store behind us has lost a commit.
//! - *Always detected.* 4 comes after 3, so every acknowledged commit is at or below our sequence. A store that lost
//!   the newest of them shows an older tally, or none: it is behind us. A store that kept the newest and lost
//!   something older, or shows an older value of it, has the right sequence and fails the recount
//!   ([`super::tally`]), which runs while writes to the remotes are held.
//! - The store may be ahead of us by the one commit that was durable and not acknowledged. That is no loss, and the
//!   next commit levels it.
//!
//! Two slots of a block each, written in turns, in place: a torn write leaves the other slot, which is the commit
//! before; its successor was not acknowledged. That costs one sync. A temporary file, a rename and a sync of the
//! directory would promise the same for three.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

use uuid::Uuid;

use super::{REMEDY, failed, refused, tally::Tally};
use crate::store::kv::StoreError;

const MAGIC: &[u8; 8] = b"HYMNALHW";
const SLOT: u64 = 4096;
const CONTENT: usize = 8 + 16 + Tally::BYTES;

/// The open file.
#[derive(Debug)]
pub(in crate::store) struct HighWater {
    file: File,
    store: Uuid,
    /// The slot that the next tally goes to: not that of the newest.
    turn: AtomicU64,
}

impl HighWater {
    /// A new one, for a new store.
    pub(in crate::store) fn create(path: &Path, store: Uuid) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).mode(0o600).open(path)?;
        // Both blocks exist from the start, so that no later write needs space.
        file.write_all_at(&[0; 2 * 4096], 0)?;
        file.sync_all()?;
        Ok(Self { file, store, turn: AtomicU64::new(0) })
    }

    /// The one of a store that exists, and the tally it holds.
    ///
    /// # Errors
    /// `Refused` where it is missing, damaged in both slots, or of another store.
    pub(in crate::store) fn open(dir: &Path, path: &Path, store: Uuid) -> Result<(Self, Tally), StoreError> {
        let file = OpenOptions::new().read(true).write(true).open(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => refused(dir, format!("`{}` is missing. {REMEDY}", path.display())),
            _ => failed(dir, error),
        })?;
        let mut tallies = Vec::new();
        for slot in 0..2 {
            let mut content = [0; CONTENT];
            match file.read_exact_at(&mut content, slot * SLOT) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => continue,
                Err(error) => return Err(failed(dir, error)),
            }
            let (magic, rest) = content.split_at(MAGIC.len());
            let (id, bytes) = rest.split_at(16);
            let Some(found) = Tally::from_bytes(bytes).filter(|_| magic == MAGIC) else { continue };
            if id != store.as_bytes() {
                return Err(refused(dir, format!("`{}` belongs to another store. {REMEDY}", path.display())));
            }
            tallies.push((found, slot));
        }
        let newest = tallies.into_iter().max_by_key(|(tally, _)| tally.sequence);
        let (tally, slot) = newest.ok_or_else(|| refused(dir, format!("`{}` is damaged. {REMEDY}", path.display())))?;
        Ok((Self { file, store, turn: AtomicU64::new(1 - slot) }, tally))
    }

    /// Records a durable commit, durably.
    pub(in crate::store) fn record(&self, tally: Tally) -> io::Result<()> {
        let mut content = [0; CONTENT];
        content[..8].copy_from_slice(MAGIC);
        content[8..24].copy_from_slice(self.store.as_bytes());
        content[24..].copy_from_slice(&tally.to_bytes());
        let slot = self.turn.fetch_xor(1, Ordering::Relaxed);
        self.file.write_all_at(&content, slot * SLOT)?;
        self.file.sync_data()
    }
}
