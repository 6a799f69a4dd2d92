//! What can differ from one organisation to the next.

use std::ops::RangeInclusive;

use jiff::SignedDuration;

use super::ids;

/// One organisation's settings. The default is a Developer Edition with two people and one integration user.
#[derive(Clone, Debug)]
pub struct SalesforceOptions {
    /// The organisation's id, 18 characters.
    pub org_id: String,
    /// What `instance_url` says at login; empty for the address that the request itself named in `Host`.
    pub instance_url: String,
    /// The API versions that exist: `58..=67`.
    pub versions: RangeInclusive<u16>,
    /// The connected app's consumer key.
    pub client_id: String,
    /// The connected app's consumer secret.
    pub client_secret: String,
    /// The refresh token that was given out at authorization.
    pub refresh_token: String,
    /// Each use of a refresh token ends it and gives out a new one.
    pub rotate_refresh_token: bool,
    /// The public key (PEM, RSA) that signs JWT bearer assertions. `None`: structure and expiry are checked, the
    /// signature is not.
    pub jwt_key: Option<String>,
    /// The users. The first whose [`User::integration`] is set is the one the connected app runs as.
    pub users: Vec<User>,
    /// The queues that leads can belong to.
    pub queues: Vec<Queue>,
    /// How long a session lives.
    pub session: SignedDuration,
    /// Calls in any 24 hours.
    pub daily_limit: u64,
    /// Rows in one page of a query, where the request does not ask for fewer.
    pub page_size: usize,
    /// How long a query locator lives.
    pub locator_life: SignedDuration,
    /// Fields beyond those of the standard objects. The default has those of the demo.
    pub custom_fields: Vec<CustomField>,
    /// `(object, field)` pairs that the integration user may not see: field-level security.
    pub hidden_fields: Vec<(String, String)>,
    /// `(object, field)` pairs that the integration user may see and not change.
    pub locked_fields: Vec<(String, String)>,
    /// `(object, field)` pairs whose changes are kept, at most the first 20 of an object.
    pub history_fields: Vec<(String, String)>,
    /// What a lead's `Status` may be; the first is the default.
    pub lead_statuses: Vec<String>,
    /// Which of them means converted.
    pub converted_status: String,
    /// The user whom the active lead assignment rule makes the owner of every lead that is saved under it.
    pub assignment_rule: Option<String>,
    /// Duplicate rules in force.
    pub duplicate_rules: Vec<DuplicateRule>,
    /// Validation rules in force.
    pub validation_rules: Vec<ValidationRule>,
}

/// A user of the organisation.
#[derive(Clone, Debug)]
pub struct User {
    /// 18 characters, beginning with `005`.
    pub id: String,
    /// The login name.
    pub username: String,
    /// The name people see.
    pub name: String,
    /// The address.
    pub email: String,
    /// It is a program's login.
    pub integration: bool,
    /// It can log in, and be given records.
    pub active: bool,
}

/// A queue that leads can belong to.
#[derive(Clone, Debug)]
pub struct Queue {
    /// 18 characters, beginning with `00G`.
    pub id: String,
    /// The name people see.
    pub name: String,
    /// Its address; blank where it has none.
    pub email: String,
}

/// A field that the organisation added to an object.
#[derive(Clone, Debug)]
pub struct CustomField {
    /// `Lead`, `Contact`, `Account`.
    pub object: String,
    /// The API name, ending in `__c`.
    pub name: String,
    /// What people read on their screen.
    pub label: String,
    /// What it holds.
    pub kind: FieldKind,
    /// It identifies records of another system.
    pub external_id: bool,
    /// Each value at most once.
    pub unique: bool,
}

/// What a field holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// A record's own id.
    Id,
    /// One line of text, at most this many characters.
    Text(u32),
    /// Several lines of text, at most this many characters.
    LongText(u32),
    /// An e-mail address.
    Email,
    /// A phone number.
    Phone,
    /// A web address.
    Url,
    /// `true` or `false`.
    Boolean,
    /// A number, rounded to this many places.
    Double {
        /// Places after the point.
        scale: u8,
    },
    /// A whole number.
    Int,
    /// A day.
    Date,
    /// A second.
    Datetime,
    /// One choice.
    Picklist(Choices),
    /// Several choices, joined by `;`.
    Multipicklist(Choices),
    /// The id of a record of one of these objects.
    Reference(Vec<&'static str>),
    /// Several fields shown as one: read only.
    Address,
    /// A value of any other type: read only.
    Any,
}

/// The choices of a picklist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choices {
    /// In the order that people see.
    pub values: Vec<String>,
    /// Any other value is refused.
    pub restricted: bool,
}

/// Refuses a record that looks like another one of the same object.
#[derive(Clone, Debug)]
pub struct DuplicateRule {
    /// The object.
    pub object: String,
    /// Records are alike where all of these fields are equal and not blank.
    pub fields: Vec<String>,
    /// The rule only warns: a writer may save all the same by `Sforce-Duplicate-Rule-Header: allowSave=true`.
    pub alert: bool,
}

/// Refuses a record in which a field holds a value.
#[derive(Clone, Debug)]
pub struct ValidationRule {
    /// The object.
    pub object: String,
    /// The field.
    pub field: String,
    /// The refused value, compared without case.
    pub value: String,
    /// What the person who wrote the rule tells the writer.
    pub message: String,
}

impl Default for SalesforceOptions {
    fn default() -> Self {
        Self {
            org_id: ids::make("00D", 1),
            instance_url: String::new(),
            versions: 58..=67,
            client_id: "3MVG9.sandbox".into(),
            client_secret: "sandbox-secret".into(),
            refresh_token: "5Aep861.sandbox".into(),
            rotate_refresh_token: false,
            jwt_key: None,
            users: vec![
                User::new(1, "sync@example.com", "Hymnal Integration", true),
                User::new(2, "robin.marsh@example.com", "Robin Marsh", false),
                User::new(3, "noor.haddad@example.com", "Noor Haddad", false),
            ],
            queues: vec![Queue { id: ids::make("00G", 1), name: "Inbound Leads".into(), email: String::new() }],
            session: SignedDuration::from_hours(2),
            daily_limit: 15_000,
            page_size: 2_000,
            locator_life: SignedDuration::from_hours(48),
            custom_fields: ["Lead", "Contact"].into_iter().flat_map(custom_fields).collect(),
            hidden_fields: Vec::new(),
            locked_fields: Vec::new(),
            history_fields: ["Lead", "Contact"].into_iter().flat_map(history_fields).collect(),
            lead_statuses: words(&["New", "Open", "MQL", "Working", "Nurturing", "Unqualified", "Qualified"]),
            converted_status: "Qualified".into(),
            assignment_rule: None,
            duplicate_rules: Vec::new(),
            validation_rules: Vec::new(),
        }
    }
}

impl User {
    /// The `number`th user.
    pub fn new(number: u64, address: &str, name: &str, integration: bool) -> Self {
        Self {
            id: ids::make("005", number),
            username: address.into(),
            name: name.into(),
            email: address.into(),
            integration,
            active: true,
        }
    }
}

impl CustomField {
    /// A field that is neither unique nor an external id.
    pub fn new(object: &str, name: &str, label: &str, kind: FieldKind) -> Self {
        Self { object: object.into(), name: name.into(), label: label.into(), kind, external_id: false, unique: false }
    }
}

impl Choices {
    /// Choices beside which nothing is taken.
    pub fn restricted(values: &[&str]) -> Self {
        Self { values: words(values), restricted: true }
    }

    /// Choices beside which the API takes any text.
    pub fn open(values: &[&str]) -> Self {
        Self { values: words(values), restricted: false }
    }
}

/// The fields of the demo.
fn custom_fields(object: &str) -> [CustomField; 4] {
    let interests = ["Analytics", "Events", "Integrations", "Newsletter", "Pricing", "Security", "Training"];
    let stages = ["Lead", "MQL", "SQL", "Opportunity", "Customer"];
    [
        CustomField {
            external_id: true,
            unique: true,
            ..CustomField::new(object, "Hymnal_Id__c", "Hymnal Id", FieldKind::Text(64))
        },
        CustomField::new(object, "Lead_Score__c", "Lead Score", FieldKind::Double { scale: 0 }),
        CustomField::new(
            object,
            "Interests__c",
            "Interests",
            FieldKind::Multipicklist(Choices::restricted(&interests)),
        ),
        CustomField::new(object, "Stage__c", "Stage", FieldKind::Picklist(Choices::restricted(&stages))),
    ]
}

/// What is tracked of a person.
fn history_fields(object: &str) -> Vec<(String, String)> {
    let both = ["FirstName", "LastName", "Email", "Phone", "MobilePhone", "Title", "LeadSource", "DoNotCall"];
    let more = ["HasOptedOutOfEmail", "Description", "Interests__c", "Lead_Score__c", "Stage__c"];
    let leads: &[&str] = if object == "Lead" { &["Company", "Status"] } else { &[] };
    let fields = both.iter().chain(&more).chain(leads);
    fields.map(|field| (object.to_owned(), (*field).to_owned())).collect()
}

fn words(values: &[&str]) -> Vec<String> {
    values.iter().map(|&value| value.to_owned()).collect()
}
