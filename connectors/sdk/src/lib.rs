//! The boundary between Hymnal and the services it keeps in step.
//!
//! A connector is a [`Connector`]: batches in, one result per item out. It owns no socket, no clock, no retry
//! loop and no token: it is handed an [`Http`] that has those as layers. What it can do is declared
//! ([`Capabilities`]), and the engine plans with that. What each method promises stands as bullets with slugs in
//! the documentation of the trait; each slug is a check of the same name in [`kit`].
//!
//! | module | what |
//! |---|---|
//! | [`record`] | what a service holds: native values, records, addresses |
//! | [`schema`] | what a service says of its fields |
//! | [`capability`] | what a connector can do with an object, in numbers |
//! | [`connector`] | the trait |
//! | [`error`] | kind × retry × effect |
//! | [`http`] | the seams below a connector: `Http`, `Transport`, `Login`, `Classify`, `Limits`, `Vault`, `Ledger` |
//! | [`clock`] | the one source of time |
//! | [`kit`] | the conformance kit |

pub mod capability;
pub mod clock;
pub mod connector;
pub mod error;
pub mod http;
pub mod kit;
pub mod record;
pub mod schema;

pub use capability::{Automation, Capabilities, Deletions, Forms, Gone, ListKind, Whereto};
pub use clock::Clock;
pub use connector::{
    Archived, BoxFuture, Call, Connector, Cursor, Deleted, Draft, Fate, FieldEdit, Find, Found, Got, Lane, List, Next,
    Page, Patch, User, UserKind, Written,
};
pub use error::{Effect, Error, Kind, Result};
pub use http::{
    Classify, Health, Http, Ledger, Limits, Login, LoginState, Permit, Request, Response, Session, Transport, Vault,
};
pub use record::{Actor, ActorKind, Address, Fields, Native, Record, State};
pub use schema::{NativeKind, Schema, SchemaField};

/// Points in time, in UTC, and what lies between them.
pub use jiff::{SignedDuration, Timestamp};
/// Text that never shows itself in a log, an error or a debug print.
pub use secrecy::{ExposeSecret, SecretString};
