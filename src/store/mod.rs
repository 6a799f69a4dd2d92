//! What we remember: one ordered key-value seam.

pub mod kv;

pub use kv::{Batch, Kv, StoreError};
