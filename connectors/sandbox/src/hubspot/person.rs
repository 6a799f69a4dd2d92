//! What people and rules inside the account do, for the control API and for tests.
//!
//! They may do what programs may not: set a stage back, hold values that the schema no longer allows, let a score move.

use hymnal_memory::service::Refusal;
use hymnal_sdk::{Actor, Fields, Native};

use super::portal::{CONTACTS, Portal};

/// Makes a contact; answers its id.
pub fn create(portal: &Portal, by: &Actor, fields: Fields) -> Result<String, Refusal> {
    note_opt_out(portal, &fields);
    portal.at_desk(by, |desk| desk.create(fields))
}

/// Changes a live contact.
pub fn edit(portal: &Portal, by: &Actor, id: &str, fields: Fields) -> Result<(), Refusal> {
    portal.at_desk(by, |desk| desk.update(id, fields))
}

/// Sends a live contact to the bin.
pub fn delete(portal: &Portal, by: &Actor, id: &str) -> Result<(), Refusal> {
    portal.at_desk(by, |desk| {
        desk.row(id).ok_or(Refusal::Missing)?;
        desk.archive(id);
        Ok(())
    })
}

/// Takes a contact out of the bin, which only people can do.
// Knowledge base, "Restore deleted records": within 90 days, in the app.
pub fn restore(portal: &Portal, by: &Actor, id: &str) -> Result<(), Refusal> {
    portal.at_desk(by, |desk| {
        desk.inner.data.restore(CONTACTS, id, desk.by, desk.now)?;
        desk.take_additional(id);
        Ok(())
    })
}

/// Merges `other` into `primary`; answers the id that lives on.
pub fn merge(portal: &Portal, by: &Actor, primary: &str, other: &str) -> Result<String, Refusal> {
    portal.at_desk(by, |desk| desk.merge(primary, other))
}

/// Takes a contact away for good, out of the bin too.
pub fn purge(portal: &Portal, id: &str) -> Result<(), Refusal> {
    let by = portal.app();
    portal.at_desk(&by, |desk| {
        desk.live.additional.retain(|_, owner| owner != id);
        desk.inner.data.purge(CONTACTS, id)
    })
}

/// An address unsubscribes from all e-mail, as by the link in one.
pub fn opt_out(portal: &Portal, by: &Actor, address: &str) {
    portal.at_desk(by, |desk| desk.opt_out(address));
}

/// An address is subscribed again, as by a form that it filled in.
pub fn opt_in(portal: &Portal, by: &Actor, address: &str) {
    portal.at_desk(by, |desk| desk.opt_in(address));
}

/// A contact that is made opted out makes its address so.
fn note_opt_out(portal: &Portal, fields: &Fields) {
    let out = fields.get("hs_email_optout").is_some_and(|value| matches!(value.to_string().as_str(), "true"));
    if let (true, Some(Native::Text(address))) = (out, fields.get("email")) {
        let now = portal.now();
        portal.live().opted_out.insert(address.trim().to_lowercase(), now);
    }
}
