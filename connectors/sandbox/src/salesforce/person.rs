//! What people and rules inside the organisation do, for the control API and for tests.

use hymnal_memory::service::Refusal;
use hymnal_sdk::{Actor, Fields};

use super::Org;

/// How a lead is converted.
#[derive(Clone, Debug, Default)]
pub struct Conversion {
    /// The existing contact to merge the lead into; a new one is made without it.
    pub contact: Option<String>,
    /// The existing account; without it, the contact's own, or a new one.
    pub account: Option<String>,
}

/// What a conversion led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Converted {
    /// The contact's id.
    pub contact: String,
    /// The account's id.
    pub account: String,
}

/// Makes a record; answers its id.
pub fn create(org: &Org, by: &Actor, object: &str, fields: Fields) -> Result<String, Refusal> {
    todo!()
}
/// Changes a live record.
pub fn edit(org: &Org, by: &Actor, id: &str, fields: Fields) -> Result<(), Refusal> {
    todo!()
}
/// Sends a live record to the recycle bin.
pub fn delete(org: &Org, by: &Actor, id: &str) -> Result<(), Refusal> {
    todo!()
}
/// Takes a record out of the recycle bin.
pub fn undelete(org: &Org, by: &Actor, id: &str) -> Result<(), Refusal> {
    todo!()
}
/// Empties the recycle bin of one record: it is gone from `queryAll` too.
pub fn purge(org: &Org, id: &str) -> Result<(), Refusal> {
    todo!()
}
/// Merges a record into another of its object.
pub fn merge(org: &Org, by: &Actor, winner: &str, loser: &str) -> Result<(), Refusal> {
    todo!()
}
/// Converts a lead.
pub fn convert(org: &Org, by: &Actor, lead: &str, how: &Conversion) -> Result<Converted, Refusal> {
    todo!()
}
