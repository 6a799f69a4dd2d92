//! The manifest language and the engine that speaks to a service by it.

pub mod manifest;
