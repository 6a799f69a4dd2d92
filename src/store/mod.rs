//! What we remember: one ordered key-value seam, two stores behind it, and the formats of what is in them.
//!
//! | file | what |
//! |---|---|
//! | [`kv`] | the seam: get, scan, and one atomic, durable commit |
//! | [`memory`] | a store in memory |
//! | [`overlay`] | a store over another, for plans |
//! | [`disk`] | the store on disk |
//! | [`backup`] | all of a store as lines of JSON |
//! | `whole`, `snapshot` | all pairs as they were at one moment, read while commits go on |
//! | [`compact`] | fresh files in the place of those that have grown |
//! | `sled` | what the store on disk needs of sled; the only file that names it |
//! | `hardening` | what stands between the store on disk and its loss |
//! | `layout` | how pairs lie in sled: short ones share a key, long ones are cut |
//! | [`mod@format`] | versioned, checksummed, compressed values |
//! | [`tables`] | the keys of the cycle, in one table |
//! | [`ledger`] | what the HTTP layers keep: calls made, refresh tokens |
//!
//! Keys by their first bytes:
//!
//! | prefix | then | value |
//! |---|---|---|
//! | `l/` | connector's name | calls made ([`StoredLedger`]), sealed bytes |
//! | `v/` | connector's name | refresh token ([`StoredVault`]), sealed text |
//!
//! Everything else belongs to syncs; [`tables`] has their keys.

pub mod backup;
pub mod compact;
pub mod disk;
pub mod format;
mod hardening;
pub mod kv;
mod layout;
pub mod ledger;
pub mod memory;
pub mod overlay;
mod sled;
mod snapshot;
pub mod tables;
mod whole;

use self::sled::{Engine, Fault};
pub use compact::{Compacted, Room};
pub use disk::{OpenOptions, SledKv, Verified};
pub use hardening::{claim::Seized, lease::Lease};
pub use kv::{Batch, KeyValue, Kv, StoreError};
pub use ledger::{StoredLedger, StoredVault};
pub use memory::MemoryKv;
pub use overlay::OverlayKv;
