//! One mapped field: its type, and where it lives on each side.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::user::People;
use crate::merge::Pair;

/// One canonical field: its type and its place in each object of each system.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FieldMap {
    /// The canonical name.
    pub name: String,
    /// The canonical type.
    pub kind: FieldType,
    /// The region that phones without a country code are in: `US`.
    pub region: Option<String>,
    /// By side, by object. A field that is not mapped on an object has no entry.
    pub native: Pair<BTreeMap<String, NativeField>>,
}

/// A field's place in one object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NativeField {
    /// The native name.
    pub name: String,
    /// Natives read as blank, beside null and empty; compared trimmed, without case.
    pub blank_as: Vec<String>,
    /// Canonical name → natives: the first is written, all are read.
    pub values: Vec<(String, Vec<String>)>,
    /// What happens to natives that `values` does not list.
    pub unmapped: Unmapped,
    /// Written at a creation where the value is blank. Read back, it is blank.
    pub default: Option<String>,
    /// Of a user: the e-mail address of whom it is written as where nobody active has the right one.
    pub fallback: Option<String>,
    /// Of a user: who there is.
    #[serde(skip)]
    pub people: People,
}

/// What happens to natives that `values` does not list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unmapped {
    /// They stand for themselves.
    #[default]
    Keep,
    /// They are parked.
    Park,
}

/// The canonical types of the configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FieldType {
    /// Text, NFC, trimmed, compared exactly.
    #[default]
    Text,
    /// An e-mail address.
    Email,
    /// A phone number.
    Phone,
    /// A URL.
    Url,
    /// A truth value.
    Bool,
    /// A whole number.
    Integer,
    /// A decimal number.
    Decimal,
    /// A calendar day.
    Date,
    /// A point in time.
    Datetime,
    /// One of several choices.
    Choice,
    /// Several of several choices.
    Set,
    /// A person of that system, matched by e-mail.
    User,
}

/// A value that cannot be read or written: parked with this.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// A word for grouping, one of [`super::problem`].
    pub code: String,
    /// A sentence that says what is wrong; it may hold the value.
    pub message: String,
    /// What a person can do.
    pub hint: String,
}
