//! Who plays in the scenes: people who are in both services, with what the scenes change.

use std::collections::BTreeMap;

use hymnal_memory::service::Row;
use hymnal_sandbox::Side;
use hymnal_sdk::Native;

use super::script::Field;

/// A person of the story.
#[derive(Clone, Debug)]
pub(super) struct Person {
    /// First and last name, as the HubSpot-like service has it.
    pub(super) name: String,
    /// The e-mail, in lower case.
    pub(super) email: String,
    /// The HubSpot-like contact.
    pub(super) contact: String,
    /// Lead or Contact in the Salesforce-like service.
    pub(super) object: &'static str,
    /// Its id.
    pub(super) id: String,
}

impl Person {
    /// The object and id of a service.
    pub(super) fn at(&self, side: Side) -> (&'static str, &str) {
        match side {
            Side::Hubspot => ("contacts", &self.contact),
            Side::Salesforce => (self.object, &self.id),
        }
    }
}

/// People who are in both services, with a phone and a job title in both, opted out in neither.
pub(super) fn choose(hubspot: &[Row], salesforce: &[(&'static str, Row)]) -> Vec<Person> {
    let by_email: BTreeMap<String, &(&'static str, Row)> =
        salesforce.iter().filter(|(_, row)| fits(Side::Salesforce, row)).map(|it| (email(&it.1), it)).collect();
    let both = hubspot.iter().filter(|row| fits(Side::Hubspot, row));
    both.filter_map(|row| {
        let email = email(row);
        let (object, other) = by_email.get(&email)?;
        let name = format!("{} {}", text(row, "firstname"), text(row, "lastname"));
        Some(Person { name, email, contact: row.id.clone(), object, id: other.id.clone() })
    })
    .collect()
}

/// Everybody's e-mail, to tell whether somebody is there twice.
pub(super) fn email(row: &Row) -> String {
    let either = ["email", "Email"].map(|name| text(row, name));
    either.concat().trim().to_lowercase()
}

fn fits(side: Side, row: &Row) -> bool {
    let filled = |field: &Field| !text(row, field.native(side)).is_empty();
    let opt_out = match side {
        Side::Hubspot => "hs_email_optout",
        Side::Salesforce => "HasOptedOutOfEmail",
    };
    row.deleted_at.is_none()
        && [Field::Phone, Field::Title, Field::FirstName].iter().all(filled)
        && text(row, opt_out) != "true"
        && !email(row).is_empty()
}

fn text(row: &Row, field: &str) -> String {
    row.fields.get(field).filter(|value| !value.is_blank()).map(Native::to_string).unwrap_or_default()
}
