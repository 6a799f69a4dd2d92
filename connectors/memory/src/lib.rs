//! A complete service in memory.

pub mod service;
