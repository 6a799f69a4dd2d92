//! What we remember: one ordered key-value seam, two stores behind it, and the formats of what is in them.
//!
//! | file | what |
//! |---|---|
//! | [`kv`] | the seam: get, scan, and one atomic, durable commit |
//! | [`memory`] | a store in memory |
//! | [`sled`] | the store on disk; the only file that names sled |
//! | [`hardening`] | what stands between the store on disk and its loss |
//! | [`format`] | versioned, checksummed, compressed values |
//! | [`ledger`] | what the HTTP layers keep: calls made, refresh tokens |
//!
//! Keys by their first bytes:
//!
//! | prefix | then | value |
//! |---|---|---|
//! | `l/` | connector's name | calls made ([`StoredLedger`]), sealed bytes |
//! | `v/` | connector's name | refresh token ([`StoredVault`]), sealed text |
//!
//! Everything else belongs to the cycle, which has the table of its keys.

pub mod format;
mod hardening;
pub mod kv;
pub mod ledger;
pub mod memory;
pub mod sled;
pub mod tables;

pub use self::sled::{OpenOptions, SledKv, Verified};
pub use kv::{Batch, KeyValue, Kv, StoreError};
pub use ledger::{StoredLedger, StoredVault};
pub use memory::MemoryKv;
