//! What stands between the store on disk and its loss: each file answers one thing that was measured or feared.
//!
//! | file | what |
//! |---|---|
//! | [`claim`] | the directory: ours, private, not in use, not foreign, not newer; unfinished leftovers are removed |
//! | [`tally`] | how many pairs there are and their digest, kept with every commit and recounted after the start |
//! | [`high_water`] | the tally of the last durable commit, in a file of its own: a damaged store cannot open as a smaller one |
//! | [`lease`] | a copied directory does not run beside its original |
//! | [`group`] | concurrent commits share one sync |

pub(super) mod claim;
pub(super) mod group;
pub(super) mod high_water;
pub(super) mod lease;
pub(super) mod tally;

use std::{io, path::Path};

use super::kv::StoreError;

/// What a person can do about a store that lost something.
pub(super) const REMEDY: &str =
    "Nothing was written to any system. Run `hymnal restore FILE` with a backup, or `hymnal rebuild` without one";

pub(super) fn refused(dir: &Path, reason: impl Into<String>) -> StoreError {
    StoreError::Refused { path: dir.to_owned(), reason: reason.into() }
}

/// What the system said, as our error: a full disk is told apart, since it passes.
pub(super) fn failed(dir: &Path, source: io::Error) -> StoreError {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full { path: dir.to_owned() },
        _ => StoreError::Io { path: dir.to_owned(), source },
    }
}
