//! What we remember: one ordered key-value seam, two stores behind it, and the formats of what is in them.
//!
//! | file | what |
//! |---|---|
//! | [`kv`] | the seam: get, scan, and one atomic, durable commit |
//! | [`memory`] | a store in memory |
//! | [`sled`] | the store on disk; the only file that names sled |
//! | [`hardening`] | what stands between the store on disk and its loss |
//! | [`format`] | versioned, checksummed, compressed values |

pub mod format;
mod hardening;
pub mod kv;
pub mod memory;
pub mod sled;
pub mod tables;

pub use self::sled::{OpenOptions, SledKv, Verified};
pub use kv::{Batch, KeyValue, Kv, StoreError};
pub use memory::MemoryKv;
