//! The Salesforce-like face: one simulated organisation behind the paths, answers and refusals of Salesforce's REST API.
//!
//! The data live in the [`Account`]; sessions, query locators and the count of calls live in the [`Org`]. Where this
//! face is laxer than the service, it is wrong: each strictness names the document that it comes from. "REST guide" is
//! the *REST API Developer Guide*, "SOAP API guide" the *SOAP API Developer Guide*, "SOQL reference" the *SOQL and SOSL
//! Reference*, "Object reference" the *Object Reference for the Salesforce Platform*.
//!
//! | module | what |
//! |---|---|
//! | `request` | the web server's limits, the login, the daily quota, then the resource |
//! | `login`, `quota` | sessions and tokens; calls in any 24 hours |
//! | `query`, `soql` | queries and their pages; the language |
//! | `rows`, `collections` | records one at a time; up to 200 at a time |
//! | `history` | what was changed in tracked fields |
//! | `replication` | what was changed or deleted between two times |
//! | `schema`, `options` | objects and fields; what differs between organisations |
//! | `values`, `save` | from JSON to stored values; the one path by which rows change |
//! | `view`, `answer`, `ids` | what a row shows; refusals; the two forms of an id |
//! | `person`, `conversion` | what people do |
//!
//! Not found in a document, and therefore the stricter of what is plausible: a name that is no field refuses a whole
//! collection; the code with which a converted status is refused (`INVALID_STATUS`); the same id twice in one update;
//! that a set comes back in its picklist's order; the year's bounds as a refusal of one record; the codes
//! `INVALID_INPUT` and `MISSING_ARGUMENT` of malformed collections. Lead statuses are a restricted picklist here, which
//! an organisation may or may not have made them.

mod answer;
mod collections;
mod conversion;
mod history;
mod ids;
mod login;
mod options;
mod org;
mod person;
mod query;
mod quota;
mod replication;
mod request;
mod rows;
mod save;
mod schema;
mod soql;
mod values;
mod view;

pub use answer::Refused;
pub use conversion::{Conversion, Converted, convert};
pub use options::{Choices, CustomField, DuplicateRule, FieldKind, Queue, SalesforceOptions, User, ValidationRule};
pub use org::Org;
pub use person::{create, delete, edit, merge, purge, undelete};

use crate::account::Account;

/// The face as routes, for a server that mounts it at the root of its own address.
///
/// A caller that also acts as a person inside the organisation ([`create`], [`convert`] …) makes an [`Org`] first and
/// takes [`Org::router`].
pub fn router(account: Account, options: SalesforceOptions) -> axum::Router {
    Org::new(account, options).router()
}
