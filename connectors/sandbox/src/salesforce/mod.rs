//! The Salesforce-like face: one simulated organisation behind the paths, answers and refusals of Salesforce's REST API.
//!
//! The data live in the [`Account`]; sessions, query locators and the count of calls live in the [`Org`]. Where this
//! face is laxer than the service, it is wrong: each strictness names the document that it comes from. "REST guide" is
//! the *REST API Developer Guide*, "SOQL reference" the *SOQL and SOSL Reference*, "Object reference" the *Object
//! Reference for the Salesforce Platform*.

mod answer;
mod collections;
mod conversion;
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
pub use options::{Choices, CustomField, DuplicateRule, FieldKind, SalesforceOptions, User, ValidationRule};
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
