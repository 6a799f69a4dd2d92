//! Lead conversion: a lead becomes a contact and its account.

use hymnal_memory::service::Refusal;
use hymnal_sdk::{Actor, Address, Fields, Native};

use super::{
    Org,
    answer::Refused,
    org::Config,
    person::{act, full},
    save::{Writer, refusal},
};

/// A lead's field and the contact's that it becomes, where the names differ. Salesforce Help, "Lead Conversion Field
/// Mapping".
const RENAMED: [(&str, &str); 5] = [
    ("Street", "MailingStreet"),
    ("City", "MailingCity"),
    ("State", "MailingState"),
    ("PostalCode", "MailingPostalCode"),
    ("Country", "MailingCountry"),
];

/// What a lead's company brings to a new account.
const OF_ACCOUNT: [(&str, &str); 6] = [
    ("Company", "Name"),
    ("Phone", "Phone"),
    ("Website", "Website"),
    ("Industry", "Industry"),
    ("AnnualRevenue", "AnnualRevenue"),
    ("NumberOfEmployees", "NumberOfEmployees"),
];

/// How a lead is converted.
#[derive(Clone, Debug, Default)]
pub struct Conversion {
    /// The existing contact that the lead is merged into; a new one is made without it.
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

/// Converts a lead into a contact and its account, new or existing. Of existing ones only blank fields are filled.
/// SOAP API guide, `convertLead()`.
///
/// # Errors
/// `CANNOT_UPDATE_CONVERTED_LEAD` the second time, `ENTITY_IS_DELETED` where a record is not live, and what the service
/// would refuse of the contact or the account. Nothing is changed then.
pub fn convert(org: &Org, by: &Actor, lead: &str, how: &Conversion) -> Result<Converted, Refused> {
    act(org, by, |writer, config| {
        let before = writer.data.clone();
        let converted = run(writer, config, &full(lead)?, how);
        if converted.is_err() {
            *writer.data = before;
        }
        converted
    })
}

fn run(writer: &mut Writer<'_>, config: &Config, lead: &str, how: &Conversion) -> Result<Converted, Refused> {
    let row = writer.data.table("Lead").live(lead).cloned().ok_or_else(|| refusal(&Refusal::Missing))?;
    if row.converted_into.is_some() {
        return Err(Refused::request("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead"));
    }
    let account = match (&how.account, &how.contact) {
        (Some(account), _) => full(account)?,
        (None, Some(contact)) => account_of(writer, config, &full(contact)?, &row.fields)?,
        (None, None) => new_account(writer, config, &row.fields)?,
    };
    let mut mapped = contact_fields(config, &row.fields);
    mapped.insert("AccountId".to_owned(), Native::text(account.as_str()));
    let contact = match &how.contact {
        Some(contact) => fill(writer, config, &full(contact)?, mapped)?,
        None => writer.create(config.complete.object("Contact").ok_or_else(Refused::not_found)?, mapped)?,
    };
    let marks = [
        ("Status", config.options.converted_status.as_str()),
        ("ConvertedContactId", &contact),
        ("ConvertedAccountId", &account),
        ("ConvertedDate", &writer.now.strftime("%Y-%m-%d").to_string()),
    ];
    let marks = marks.into_iter().map(|(name, value)| (name.to_owned(), Native::text(value))).collect();
    let (by, now) = (writer.by.clone(), writer.now);
    writer.data.update("Lead", lead, marks, &by, now).map_err(|why| refusal(&why))?;
    let into = Address::new("Contact", contact.as_str());
    writer.data.convert("Lead", lead, into, &by, now).map_err(|why| refusal(&why))?;
    Ok(Converted { contact, account })
}

/// The contact's account; one that has none gets the lead's company.
fn account_of(writer: &mut Writer<'_>, config: &Config, contact: &str, lead: &Fields) -> Result<String, Refused> {
    let held = writer.data.table("Contact").live(contact).ok_or_else(|| refusal(&Refusal::Missing))?;
    match held.fields.get("AccountId") {
        Some(Native::Text(account)) => Ok(account.clone()),
        _ => new_account(writer, config, lead),
    }
}

fn new_account(writer: &mut Writer<'_>, config: &Config, lead: &Fields) -> Result<String, Refused> {
    let fields =
        OF_ACCOUNT.iter().filter_map(|(from, to)| Some(((*to).to_owned(), lead.get(*from)?.clone()))).collect();
    writer.create(config.complete.object("Account").ok_or_else(Refused::not_found)?, fields)
}

/// The lead's values under the contact's names. A custom field goes to the one of the same name, as an administrator
/// would map it; an external id stays with the lead.
fn contact_fields(config: &Config, lead: &Fields) -> Fields {
    let Some(contact) = config.complete.object("Contact") else { return Fields::new() };
    let named =
        |name: &str| RENAMED.iter().find(|(from, _)| *from == name).map_or(name.to_owned(), |(_, to)| (*to).to_owned());
    lead.iter()
        .map(|(name, value)| (named(name), value.clone()))
        .filter(|(name, value)| {
            !value.is_blank() && contact.field(name).is_some_and(|field| field.writable && !field.external_id)
        })
        .collect()
}

fn fill(writer: &mut Writer<'_>, config: &Config, contact: &str, mapped: Fields) -> Result<String, Refused> {
    let held = writer.data.table("Contact").live(contact).ok_or_else(|| refusal(&Refusal::Missing))?.fields.clone();
    let blanks = mapped.into_iter().filter(|(name, _)| held.get(name).is_none_or(Native::is_blank)).collect();
    writer.update(config.complete.object("Contact").ok_or_else(Refused::not_found)?, contact, blanks)
}
