//! What a manifest says.

pub mod setting;
