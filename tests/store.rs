//! One suite over every store, and what can happen only to the store on disk: damage, kills, a full disk.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

#[path = "store/seam.rs"]
mod seam;

#[path = "store/ledger.rs"]
mod ledger;

#[path = "store/damage.rs"]
mod damage;

#[path = "store/kill.rs"]
mod kill;

#[path = "store/overlay.rs"]
mod overlay;

#[path = "store/kill_steps.rs"]
mod kill_steps;

#[path = "store/full.rs"]
mod full;

#[path = "store/backup.rs"]
mod backup;

#[path = "store/compact.rs"]
mod compact;

use std::path::Path;

use hymnal::store::{OpenOptions, SledKv, StoreError};

/// A store on disk, made where there is none.
fn open(dir: &Path) -> Result<SledKv, StoreError> {
    open_with(dir, options)
}

/// Opens, once the store that this case closed before is let go of: where another case starts a process at the same
/// moment, that one has a copy of the lock until it is another program. Whoever really holds it still holds it then.
fn open_with(dir: &Path, options: impl Fn() -> OpenOptions) -> Result<SledKv, StoreError> {
    for _ in 0..20 {
        match SledKv::open(dir, options()) {
            Err(StoreError::Held { .. }) => std::thread::sleep(std::time::Duration::from_millis(25)),
            other => return other,
        }
    }
    SledKv::open(dir, options())
}

fn options() -> OpenOptions {
    OpenOptions::new(uuid::Uuid::from_u128(7))
}

/// A case that this machine cannot run is said, not passed over.
fn not_run(case: &str, reason: &str) {
    println!("not run: {case}: {reason}");
}
