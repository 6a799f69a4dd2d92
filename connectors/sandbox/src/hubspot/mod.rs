//! The HubSpot-like face: one simulated account ("portal") behind the paths, answers and refusals of HubSpot's API.
//!
//! The data live in the [`Account`]; rates, settings and opt-outs by address live in the [`Portal`]. Where this face is
//! laxer than the service, it is wrong: each strictness names the document that it comes from. "Error handling",
//! "Search guide", "Usage guidelines", "Contacts reference" are the pages of these names on `developers.hubspot.com`;
//! "Changelog" is its developer changelog. What could not be found there says so.

mod about;
mod answer;
mod batch;
mod change;
mod consent;
mod limits;
mod options;
mod person;
mod portal;
mod property;
mod read;
mod record;
mod route;
mod search;
mod write;

pub use options::{HubSpotOptions, Owner, Rates};
pub use person::{create, delete, edit, merge, opt_in, opt_out, purge, restore};
pub use portal::Portal;
pub(crate) use portal::scatter;
pub use property::{Access, Choice, Kind, Property};

use crate::account::Account;

/// The face as routes, for a server that mounts it at the root of its own address.
///
/// A caller that also acts as a person inside the account ([`create`], [`merge`] …) makes a [`Portal`] first and takes
/// [`Portal::router`].
pub fn router(account: Account, options: HubSpotOptions) -> axum::Router {
    Portal::new(account, options).router()
}
