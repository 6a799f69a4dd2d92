//! The standard objects, as far as contacts and leads need them.
//!
//! Lengths, types and requirements: Object reference, "Contact", "Lead", "Account", "User", "Organization",
//! "LeadStatus".

use std::collections::BTreeMap;

use hymnal_sdk::Native;

use super::{Field, Object, Source};
use crate::salesforce::{
    history::{self, Kept},
    options::{Choices, FieldKind, SalesforceOptions},
};

const SALUTATIONS: [&str; 5] = ["Mr.", "Ms.", "Mrs.", "Dr.", "Prof."];
const SOURCES: [&str; 5] = ["Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other"];
const INDUSTRIES: [&str; 6] = ["Banking", "Education", "Healthcare", "Manufacturing", "Retail", "Technology"];

/// The standard objects.
pub(super) fn objects(options: &SalesforceOptions) -> Vec<Object> {
    let mut objects = vec![
        object("Account", ["Account", "Accounts", "001"], Api::Writes, account()),
        object("Contact", ["Contact", "Contacts", "003"], Api::Writes, contact()),
        object("Lead", ["Lead", "Leads", "00Q"], Api::Writes, lead(options)),
        object("User", ["User", "Users", "005"], Api::Reads, user()),
        object("Group", ["Group", "Groups", "00G"], Api::Reads, group()),
        object("Organization", ["Organization", "Organizations", "00D"], Api::Reads, organization()),
        object("LeadStatus", ["Lead Status Value", "Lead Status Value", "01J"], Api::Reads, lead_status()),
    ];
    for kept in history::KEPT {
        let tracked: Vec<&str> = history::tracked(options, kept.object).collect();
        if !tracked.is_empty() {
            objects.push(history(kept, &tracked));
        }
    }
    objects
}

/// Object reference, "StandardObjectNameHistory".
fn history(kept: Kept, tracked: &[&str]) -> Object {
    let fields = vec![
        system("Id", FieldKind::Id, Source::Id),
        system("IsDeleted", FieldKind::Boolean, Source::IsDeleted),
        system(kept.reference, FieldKind::Reference(vec![kept.object]), Source::Stored),
        system("CreatedById", FieldKind::Reference(vec!["User"]), Source::CreatedBy),
        system("CreatedDate", FieldKind::Datetime, Source::Created),
        system("Field", FieldKind::Picklist(Choices::restricted(tracked)), Source::Stored),
        system("OldValue", FieldKind::Any, Source::Stored),
        system("NewValue", FieldKind::Any, Source::Stored),
    ];
    Object {
        name: kept.name,
        label: kept.label,
        plural: kept.label,
        prefix: history::PREFIX,
        writable: false,
        fields,
        by_name: BTreeMap::new(),
    }
}

/// What the API may do with an object's records.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Api {
    Reads,
    Writes,
}

fn object(name: &'static str, [label, plural, prefix]: [&'static str; 3], api: Api, own: Vec<Field>) -> Object {
    let writable = api == Api::Writes;
    let mut fields = vec![system("Id", FieldKind::Id, Source::Id)];
    if writable {
        fields.push(system("IsDeleted", FieldKind::Boolean, Source::IsDeleted));
        fields.push(system("MasterRecordId", FieldKind::Reference(vec![name]), Source::MasterRecordId));
    }
    fields.extend(own);
    let user = || FieldKind::Reference(vec!["User"]);
    fields.extend([
        system("CreatedDate", FieldKind::Datetime, Source::Created),
        system("CreatedById", user(), Source::CreatedBy),
        system("LastModifiedDate", FieldKind::Datetime, Source::Modified),
        system("LastModifiedById", user(), Source::ModifiedBy),
        system("SystemModstamp", FieldKind::Datetime, Source::Modified),
    ]);
    Object { name, label, plural, prefix, writable, fields, by_name: BTreeMap::new() }
}

fn account() -> Vec<Field> {
    let mut fields = vec![
        required("Name", FieldKind::Text(255)),
        plain("Type", FieldKind::Picklist(Choices::open(&["Prospect", "Customer", "Partner", "Other"]))),
        plain("Phone", FieldKind::Phone),
        plain("Fax", FieldKind::Phone),
        plain("Website", FieldKind::Url),
        plain("Industry", FieldKind::Picklist(Choices::open(&INDUSTRIES))),
        plain("AnnualRevenue", FieldKind::Double { scale: 2 }),
        plain("NumberOfEmployees", FieldKind::Int),
        plain("Description", FieldKind::LongText(32_000)),
        owner(),
    ];
    fields.extend(address("Billing", "BillingAddress"));
    fields
}

fn contact() -> Vec<Field> {
    let mut fields = person();
    fields.push(plain("AccountId", FieldKind::Reference(vec!["Account"])));
    fields.push(plain("HomePhone", FieldKind::Phone));
    fields.push(plain("Department", FieldKind::Text(80)));
    fields.push(plain("Birthdate", FieldKind::Date));
    fields.extend(address("Mailing", "MailingAddress"));
    fields
}

fn lead(options: &SalesforceOptions) -> Vec<Field> {
    let statuses = Choices { values: options.lead_statuses.clone(), restricted: true };
    let mut fields = person();
    // Object reference, "Lead": the owner is a user or a queue.
    for field in fields.iter_mut().filter(|field| field.name == "OwnerId") {
        field.kind = FieldKind::Reference(vec!["User", "Group"]);
    }
    fields.extend([
        required("Company", FieldKind::Text(255)),
        Field {
            default: options.lead_statuses.first().map(|status| Native::text(status.as_str())),
            ..required("Status", FieldKind::Picklist(statuses))
        },
        plain("Website", FieldKind::Url),
        plain("Industry", FieldKind::Picklist(Choices::open(&INDUSTRIES))),
        plain("Rating", FieldKind::Picklist(Choices::open(&["Hot", "Warm", "Cold"]))),
        plain("AnnualRevenue", FieldKind::Double { scale: 2 }),
        plain("NumberOfEmployees", FieldKind::Int),
        system("IsConverted", FieldKind::Boolean, Source::IsConverted),
        system("ConvertedDate", FieldKind::Date, Source::Stored),
        system("ConvertedAccountId", FieldKind::Reference(vec!["Account"]), Source::Stored),
        system("ConvertedContactId", FieldKind::Reference(vec!["Contact"]), Source::Stored),
    ]);
    fields.extend(address("", "Address"));
    fields
}

fn person() -> Vec<Field> {
    vec![
        required("LastName", FieldKind::Text(80)),
        plain("FirstName", FieldKind::Text(40)),
        plain("Salutation", FieldKind::Picklist(Choices::open(&SALUTATIONS))),
        system("Name", FieldKind::Text(121), Source::FullName),
        plain("Title", FieldKind::Text(128)),
        plain("Email", FieldKind::Email),
        plain("Phone", FieldKind::Phone),
        plain("MobilePhone", FieldKind::Phone),
        plain("Fax", FieldKind::Phone),
        plain("LeadSource", FieldKind::Picklist(Choices::open(&SOURCES))),
        plain("Description", FieldKind::LongText(32_000)),
        switch("HasOptedOutOfEmail"),
        switch("HasOptedOutOfFax"),
        switch("DoNotCall"),
        owner(),
    ]
}

fn address(prefix: &'static str, compound: &str) -> Vec<Field> {
    let part = |name: &str, length| plain(&format!("{prefix}{name}"), FieldKind::Text(length));
    vec![
        plain(&format!("{prefix}Street"), FieldKind::LongText(255)),
        part("City", 40),
        part("State", 80),
        part("PostalCode", 20),
        part("Country", 80),
        system(compound, FieldKind::Address, Source::Address(prefix)),
    ]
}

fn user() -> Vec<Field> {
    vec![
        system("Username", FieldKind::Text(80), Source::Stored),
        system("Name", FieldKind::Text(121), Source::Stored),
        system("Email", FieldKind::Email, Source::Stored),
        system("IsActive", FieldKind::Boolean, Source::Stored),
        system("UserType", FieldKind::Picklist(Choices::open(&["Standard"])), Source::Stored),
    ]
}

/// Object reference, "Group": queues are groups of the type `Queue`.
fn group() -> Vec<Field> {
    vec![
        system("Name", FieldKind::Text(40), Source::Stored),
        system("Email", FieldKind::Email, Source::Stored),
        system("Type", FieldKind::Picklist(Choices::open(&["Regular", "Queue"])), Source::Stored),
    ]
}

fn organization() -> Vec<Field> {
    vec![
        system("Name", FieldKind::Text(80), Source::Stored),
        system("IsSandbox", FieldKind::Boolean, Source::Stored),
        system("OrganizationType", FieldKind::Picklist(Choices::open(&["Developer Edition"])), Source::Stored),
        system("TimeZoneSidKey", FieldKind::Picklist(Choices::open(&["GMT"])), Source::Stored),
    ]
}

fn lead_status() -> Vec<Field> {
    vec![
        system("MasterLabel", FieldKind::Text(255), Source::Stored),
        system("ApiName", FieldKind::Text(255), Source::Stored),
        system("IsConverted", FieldKind::Boolean, Source::Stored),
        system("IsDefault", FieldKind::Boolean, Source::Stored),
        system("SortOrder", FieldKind::Int, Source::Stored),
    ]
}

/// The record's owner: the user who made it, where none is given.
fn owner() -> Field {
    Field { required: true, ..plain("OwnerId", FieldKind::Reference(vec!["User"])) }
}

fn switch(name: &str) -> Field {
    Field { default: Some(Native::Bool(false)), ..required(name, FieldKind::Boolean) }
}

fn required(name: &str, kind: FieldKind) -> Field {
    Field { required: true, ..plain(name, kind) }
}

fn system(name: &str, kind: FieldKind, source: Source) -> Field {
    let blank = matches!(kind, FieldKind::Reference(_) | FieldKind::Address | FieldKind::Date)
        && !matches!(source, Source::CreatedBy | Source::ModifiedBy);
    Field { writable: false, required: !blank, source, ..plain(name, kind) }
}

fn plain(name: &str, kind: FieldKind) -> Field {
    Field {
        name: name.to_owned(),
        label: label(name),
        kind,
        source: Source::Stored,
        writable: true,
        required: false,
        default: None,
        external_id: false,
        unique: false,
    }
}

/// `LastModifiedById` reads `Last Modified By ID`.
fn label(name: &str) -> String {
    let mut label = String::new();
    for (at, letter) in name.char_indices() {
        if at > 0 && letter.is_uppercase() {
            label.push(' ');
        }
        label.push(letter);
    }
    match label.strip_suffix(" Id") {
        Some(stem) => format!("{stem} ID"),
        None => label,
    }
}
