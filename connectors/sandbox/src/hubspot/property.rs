//! The properties of contacts: what they hold, and which values they take.

use hymnal_sdk::Timestamp;
use jiff::{civil, tz::TimeZone};
use serde_json::{Value, json};

/// The longest text a property holds, in characters.
// Knowledge base, "Property field types": single- and multi-line text up to 65,536 characters.
const LONGEST_TEXT: usize = 65_536;

/// A property as the schema tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Property {
    /// The internal name.
    pub name: String,
    /// What people read.
    pub label: String,
    /// What it holds.
    pub kind: Kind,
    /// Who sets it.
    pub access: Access,
    /// Each value at most once.
    pub unique: bool,
    /// Added by the account's people.
    pub custom: bool,
}

/// Who sets a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Programs may.
    Writable,
    /// The service alone.
    ReadOnly,
    /// The service, from other properties.
    Calculated,
}

/// What a property holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One line of text.
    Text,
    /// Several lines of text.
    LongText,
    /// A phone number: text.
    Phone,
    /// A number.
    Number,
    /// A day.
    Date,
    /// A millisecond.
    Datetime,
    /// `true` or `false`.
    Bool,
    /// One of these.
    Choice(Vec<Choice>),
    /// Several of these, joined by `;`.
    Choices(Vec<Choice>),
    /// The id of an owner.
    Owner,
}

/// One choice of an enumeration, in the order people see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The internal value.
    pub value: String,
    /// What people read.
    pub label: String,
}

/// Why a value is not one of a property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Invalid {
    pub(super) property: String,
    pub(super) code: &'static str,
    pub(super) message: String,
}

impl Property {
    /// A property that people may change.
    pub fn new(name: &str, label: &str, kind: Kind) -> Self {
        Self {
            name: name.to_owned(),
            label: label.to_owned(),
            kind,
            access: Access::Writable,
            unique: false,
            custom: false,
        }
    }

    /// The same, set by the service alone.
    #[must_use]
    pub fn read_only(self) -> Self {
        Self { access: Access::ReadOnly, ..self }
    }

    /// The same, computed from other properties, and so read-only.
    #[must_use]
    pub fn calculated(self) -> Self {
        Self { access: Access::Calculated, ..self }
    }

    /// The same, holding each value at most once.
    #[must_use]
    pub fn unique(self) -> Self {
        Self { unique: true, ..self }
    }

    /// The same, added by the account's people.
    #[must_use]
    pub fn custom(self) -> Self {
        Self { custom: true, ..self }
    }

    /// The value as the service stores it.
    pub(super) fn accept(&self, value: &str, owners: &[super::Owner]) -> Result<String, Invalid> {
        if value.is_empty() {
            return Ok(String::new());
        }
        match &self.kind {
            Kind::Text | Kind::LongText | Kind::Phone if self.name == "email" => self.email(value),
            Kind::Text | Kind::LongText | Kind::Phone => self.text(value),
            // Changelog, "Breaking change: Enhanced validations for non-string properties in HubSpot's CRM object
            // APIs": since April 2025 leading and trailing spaces are refused there.
            _ if value.trim() != value => self.no(self.code(), format!("{value} has leading or trailing spaces")),
            Kind::Number => self.number(value),
            Kind::Date => self.date(value),
            Kind::Datetime => self.datetime(value),
            Kind::Bool if matches!(value, "true" | "false") => Ok(value.to_owned()),
            Kind::Bool => self.not_an_option(value, &["true", "false"]),
            Kind::Choice(choices) => self.choice(value, choices),
            Kind::Choices(choices) => self.choices(value, choices),
            Kind::Owner if owners.iter().any(|owner| owner.id == value) => Ok(value.to_owned()),
            Kind::Owner => self.no("INVALID_INTEGER", format!("{value} was not a valid integer (for owner ID).")),
        }
    }

    /// The place of a choice in its order.
    pub(super) fn place(&self, value: &str) -> Option<usize> {
        match &self.kind {
            Kind::Choice(choices) => choices.iter().position(|choice| choice.value == value),
            _ => None,
        }
    }

    /// The property as `GET /crm/v3/properties/contacts` tells it.
    pub(super) fn describe(&self) -> Value {
        let (kind, field) = match &self.kind {
            Kind::Text => ("string", "text"),
            Kind::LongText => ("string", "textarea"),
            Kind::Phone => ("string", "phonenumber"),
            Kind::Number => ("number", "number"),
            Kind::Date => ("date", "date"),
            Kind::Datetime => ("datetime", "date"),
            Kind::Bool => ("bool", "booleancheckbox"),
            Kind::Choice(_) | Kind::Owner => ("enumeration", "select"),
            Kind::Choices(_) => ("enumeration", "checkbox"),
        };
        // As the properties reference has it: people choose the lifecycle stage among radio buttons.
        let field = if self.name == "lifecyclestage" { "radio" } else { field };
        let field = if self.access == Access::Calculated { "calculation_equation" } else { field };
        let yes_no = [("true", "Yes"), ("false", "No")];
        let options: Vec<(String, String)> = match &self.kind {
            Kind::Choice(choices) | Kind::Choices(choices) => {
                choices.iter().map(|choice| (choice.value.clone(), choice.label.clone())).collect()
            }
            Kind::Bool => yes_no.iter().map(|(value, label)| ((*value).into(), (*label).into())).collect(),
            _ => Vec::new(),
        };
        let options: Vec<Value> = options
            .into_iter()
            .enumerate()
            .map(|(order, (value, label))| {
                json!({ "label": label, "value": value, "displayOrder": order, "hidden": false })
            })
            .collect();
        let mut told = json!({
            "name": self.name,
            "label": self.label,
            "type": kind,
            "fieldType": field,
            "description": "",
            "groupName": "contactinformation",
            "options": options,
            "displayOrder": -1,
            "calculated": self.access == Access::Calculated,
            "externalOptions": self.kind == Kind::Owner,
            // HubSpot/hubspot-api-nodejs issue 548: `email` does not count as a unique property.
            "hasUniqueValue": self.unique && self.name != "email",
            "hidden": false,
            "hubspotDefined": !self.custom,
            "modificationMetadata": {
                "archivable": true,
                "readOnlyDefinition": false,
                "readOnlyValue": self.access != Access::Writable,
            },
            "formField": self.access == Access::Writable,
            "dataSensitivity": "non_sensitive",
        });
        if self.kind == Kind::Owner {
            told["referencedObjectType"] = json!("OWNER");
        }
        told
    }

    fn no(&self, code: &'static str, message: String) -> Result<String, Invalid> {
        Err(Invalid { property: self.name.clone(), code, message })
    }

    fn code(&self) -> &'static str {
        match self.kind {
            Kind::Number => "INVALID_LONG",
            Kind::Date | Kind::Datetime => "INVALID_DATE",
            _ => "INVALID_OPTION",
        }
    }

    fn text(&self, value: &str) -> Result<String, Invalid> {
        if value.chars().count() > LONGEST_TEXT {
            // The code and the words of this refusal were not found in a document.
            return self.no("PROPERTY_VALUE_TOO_LONG", format!("The value is longer than {LONGEST_TEXT} characters."));
        }
        Ok(value.to_owned())
    }

    // Contacts reference: the e-mail address identifies a contact; the service stores it in lower case.
    fn email(&self, value: &str) -> Result<String, Invalid> {
        let address = value.trim().to_lowercase();
        let plausible = address.split_once('@').is_some_and(|(local, domain)| {
            !local.is_empty()
                && local.len() <= 64
                && !local.starts_with('.')
                && !local.ends_with('.')
                && domain.contains('.')
                && !domain.starts_with('.')
                && !domain.ends_with('.')
                && !domain.contains("..")
                && !domain.contains('@')
        });
        let clean =
            !address.chars().any(|sign| sign.is_whitespace() || sign.is_control() || ",;<>()[]\"".contains(sign));
        if plausible && clean && address.len() <= 254 {
            return Ok(address);
        }
        self.no("INVALID_EMAIL", format!("Email address {value} is invalid"))
    }

    fn number(&self, value: &str) -> Result<String, Invalid> {
        match value.parse::<f64>() {
            Ok(number) if number.is_finite() && !value.starts_with('+') => Ok(value.to_owned()),
            _ => self.no("INVALID_LONG", format!("{value} was not a valid long.")),
        }
    }

    // Properties guide, "Add values to date and datetime properties": a `date` is `YYYY-MM-DD` or midnight UTC in
    // milliseconds; it reads back as `YYYY-MM-DD`.
    fn date(&self, value: &str) -> Result<String, Invalid> {
        if let Ok(ms) = value.parse::<i64>() {
            return match Timestamp::from_millisecond(ms).map(|time| time.to_zoned(TimeZone::UTC)) {
                Ok(time) if time.time() == civil::Time::midnight() => Ok(time.date().to_string()),
                Ok(time) => self.no("INVALID_DATE", format!("{value} is at {} UTC, not midnight!", time.time())),
                Err(_) => self.no("INVALID_DATE", format!("{value} was not a valid date.")),
            };
        }
        match value.parse::<civil::Date>() {
            Ok(date) if value.len() == 10 => Ok(date.to_string()),
            _ => self.no("INVALID_DATE", format!("{value} was not a valid date.")),
        }
    }

    // The same guide: a `datetime` is ISO 8601 with a zone, or milliseconds; it reads back in ISO 8601, UTC, with
    // milliseconds.
    fn datetime(&self, value: &str) -> Result<String, Invalid> {
        match instant(value) {
            Some(time) => Ok(super::record::iso(time)),
            None => self.no("INVALID_DATE", format!("{value} was not a valid date.")),
        }
    }

    fn choice(&self, value: &str, choices: &[Choice]) -> Result<String, Invalid> {
        if choices.iter().any(|choice| choice.value == value) {
            return Ok(value.to_owned());
        }
        let values: Vec<&str> = choices.iter().map(|choice| choice.value.as_str()).collect();
        self.not_an_option(value, &values)
    }

    fn choices(&self, value: &str, choices: &[Choice]) -> Result<String, Invalid> {
        let mut held: Vec<&str> = Vec::new();
        for part in value.split(';').filter(|part| !part.is_empty()) {
            self.choice(part, choices)?;
            if !held.contains(&part) {
                held.push(part);
            }
        }
        Ok(held.join(";"))
    }

    fn not_an_option(&self, value: &str, options: &[&str]) -> Result<String, Invalid> {
        let options = options.join(", ");
        self.no("INVALID_OPTION", format!("{value} was not one of the allowed options: [{options}]"))
    }
}

/// A time as properties, filters and sorts give it: milliseconds, or ISO 8601 with a zone.
pub(super) fn instant(value: &str) -> Option<Timestamp> {
    match value.parse::<i64>() {
        Ok(ms) => Timestamp::from_millisecond(ms).ok(),
        Err(_) => value.parse::<Timestamp>().ok(),
    }
}

/// The contact properties of the demo's account: HubSpot's own that people map most, and five custom ones.
pub(super) fn contact_properties() -> Vec<Property> {
    let text = |name: &str, label: &str| Property::new(name, label, Kind::Text);
    let choices = |pairs: &[(&str, &str)]| -> Vec<Choice> {
        pairs.iter().map(|(value, label)| Choice { value: (*value).to_owned(), label: (*label).to_owned() }).collect()
    };
    let stages = choices(&[
        ("subscriber", "Subscriber"),
        ("lead", "Lead"),
        ("marketingqualifiedlead", "Marketing Qualified Lead"),
        ("salesqualifiedlead", "Sales Qualified Lead"),
        ("opportunity", "Opportunity"),
        ("customer", "Customer"),
        ("evangelist", "Evangelist"),
        ("other", "Other"),
    ]);
    let statuses = choices(&[
        ("NEW", "New"),
        ("OPEN", "Open"),
        ("IN_PROGRESS", "In Progress"),
        ("OPEN_DEAL", "Open Deal"),
        ("UNQUALIFIED", "Unqualified"),
        ("ATTEMPTED_TO_CONTACT", "Attempted to Contact"),
        ("CONNECTED", "Connected"),
        ("BAD_TIMING", "Bad Timing"),
    ]);
    let interests = ["Analytics", "Events", "Integrations", "Newsletter", "Pricing", "Security", "Training"];
    let interests = choices(&interests.map(|word| (word, word)));
    vec![
        text("email", "Email").unique(),
        text("firstname", "First Name"),
        text("lastname", "Last Name"),
        Property::new("phone", "Phone Number", Kind::Phone),
        Property::new("mobilephone", "Mobile Phone Number", Kind::Phone),
        text("company", "Company Name"),
        text("jobtitle", "Job Title"),
        text("website", "Website URL"),
        text("address", "Street Address"),
        text("city", "City"),
        text("state", "State/Region"),
        text("zip", "Postal Code"),
        text("country", "Country/Region"),
        text("industry", "Industry"),
        text("date_of_birth", "Date of birth"),
        Property::new("message", "Message", Kind::LongText),
        Property::new("numemployees", "Number of Employees", Kind::Number),
        Property::new("annualrevenue", "Annual Revenue", Kind::Number),
        Property::new("closedate", "Close Date", Kind::Datetime),
        Property::new("lifecyclestage", "Lifecycle Stage", Kind::Choice(stages)),
        Property::new("hs_lead_status", "Lead Status", Kind::Choice(statuses)),
        Property::new("hubspot_owner_id", "Contact owner", Kind::Owner),
        Property::new("hs_email_optout", "Unsubscribed from all email", Kind::Bool).read_only(),
        Property::new("hubspotscore", "HubSpot Score", Kind::Number).calculated(),
        Property::new("createdate", "Create Date", Kind::Datetime).read_only(),
        Property::new("lastmodifieddate", "Last Modified Date", Kind::Datetime).read_only(),
        Property::new("hs_object_id", "Record ID", Kind::Number).read_only().unique(),
        text("hs_merged_object_ids", "Merged record IDs").read_only(),
        text("hs_additional_emails", "Additional email addresses").read_only(),
        text("hymnal_id", "Hymnal Id").unique().custom(),
        Property::new("birthday", "Birthday", Kind::Date).custom(),
        Property::new("newsletter", "Newsletter", Kind::Bool).custom(),
        Property::new("interests", "Interests", Kind::Choices(interests)).custom(),
        Property::new("notes", "Notes", Kind::LongText).custom(),
    ]
}
