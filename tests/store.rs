//! One suite over every store, and the damage that only the store on disk can suffer.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "store/seam.rs"]
mod seam;

use std::path::Path;

use hymnal::store::{OpenOptions, SledKv, StoreError};

/// A store on disk, made where there is none.
fn open(dir: &Path) -> Result<SledKv, StoreError> {
    SledKv::open(dir, options())
}

fn options() -> OpenOptions {
    OpenOptions::new(uuid::Uuid::from_u128(7))
}
