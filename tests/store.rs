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
    SledKv::open(dir, options())
}

fn options() -> OpenOptions {
    OpenOptions::new(uuid::Uuid::from_u128(7))
}

/// A case that this machine cannot run is said, not passed over.
fn not_run(case: &str, reason: &str) {
    println!("not run: {case}: {reason}");
}
