//! A complete service in memory: what the simulation and the conformance kit talk to instead of the world.
//!
//! It keeps every promise of [`hymnal_sdk::Connector`], so that a test which fails against it has found a fault of the
//! engine; and it misbehaves by name and by seed, in every way that services were seen to, when a test plants that.
//!
//! | file | what |
//! |---|---|
//! | [`service`] | the data: tables of rows |
//! | [`options`] | the shape of the service: its objects, fields, sizes and habits |
//! | [`fault`], [`normal`] | what can go wrong, by name; what services do to values |
//! | [`account`] | the handle by which tests edit as people do, plant faults and see what was asked |
//! | [`connector`] | the `Connector` over it |
//! | `read`, `list`, `write` | what the connector's methods do to the data |

pub mod account;
pub mod connector;
pub mod fault;
pub mod normal;
pub mod options;
pub mod service;

mod list;
mod read;
mod seed;
mod write;

pub use account::{Account, Called};
pub use connector::MemoryConnector;
pub use fault::{Fault, Method};
pub use normal::Normal;
pub use options::{DeletedReads, MemoryOptions, ObjectOptions};

#[cfg(test)]
mod tests;
