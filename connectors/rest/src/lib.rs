//! The manifest language and the engine that speaks to a service by it.
//!
//! ```text
//! manifest.toml ──parse, lint──▶ Manifest ─┐
//!                              settings ───┴─▶ Service ──▶ Login, Classify, Limits   (the http layer enforces them)
//!                                                  └─────▶ RestConnector             (over an `Http` and a `Clock`)
//! ```
//!
//! There is no socket, no clock, no retry and no token here: they are passed in. What a service needs is said in
//! its manifest in words; a manifest computes nothing.

pub mod engine;
pub mod json;
pub mod manifest;
pub mod service;

mod classify;
mod login;
mod pick;
mod render;
mod tag;

pub use engine::RestConnector;
pub use manifest::{Manifest, builtin, lint::lint};
pub use service::{Service, SettingValue};
