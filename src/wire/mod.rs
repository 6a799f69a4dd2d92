//! The one place that puts parts together: configuration in, connectors, HTTP layers, store and syncs out.
//!
//! | file | what |
//! |---|---|
//! | [`clock`] | the system's clock, the only reader of it |
//! | [`manifests`] | built-in and user's manifests, and the catalog that a configuration is checked against |
//! | [`native`] | connectors that are code |
//! | [`state`] | the state directory: store, ledger, vault, conflict log |
//! | [`back_up`] | all of the state into a file |
//! | [`restore`], [`rebuild`], [`replace`] | another store in the place of the one there is |
//! | [`check`] | what can only be known by asking the systems |
//! | `scratch` | where a plan keeps what does not fit into memory |
//! | [`app`] | everything that runs, made of a configuration; made anew on reload |

pub mod app;
pub mod back_up;
pub mod check;
pub mod clock;
pub mod manifests;
pub mod native;
pub mod rebuild;
pub mod replace;
pub mod restore;
mod scratch;
pub mod state;
pub mod trial;

pub use app::{App, Running};
pub use clock::SystemClock;
pub use manifests::Manifests;
pub use state::State;
