//! What can differ from one organisation to the next.

use std::ops::RangeInclusive;

use jiff::SignedDuration;

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
    /// A number.
    Double,
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
        todo!()
    }
}
