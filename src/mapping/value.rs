//! Canonical values.

use std::{
    cmp::Ordering,
    collections::BTreeSet,
    fmt,
    hash::{Hash, Hasher},
};

use jiff::{Timestamp, civil::Date};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// A field's value in Hymnal's own types and normal form. `==` is "the same" as people mean it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Value {
    /// Missing, null, empty, or a placeholder declared by `blank_as`.
    Blank,
    /// Text: Unicode NFC, trimmed. Also `url`, `choice` (the canonical name) and `user`.
    Text(String),
    /// An e-mail: compared without case, written as given.
    Email(Email),
    /// A phone in E.164 with an optional `;ext=…`.
    Phone(String),
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A decimal number, exact.
    Decimal(Decimal),
    /// A calendar day.
    Date(Date),
    /// A point in time.
    Datetime(Timestamp),
    /// Several choices, without order.
    Set(BTreeSet<String>),
}

impl Value {
    /// Nothing is there.
    pub fn is_blank(&self) -> bool {
        *self == Self::Blank
    }
}

impl fmt::Display for Value {
    /// For people: blank is `(blank)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blank => f.write_str("(blank)"),
            Self::Text(text) | Self::Phone(text) => f.write_str(text),
            Self::Email(email) => f.write_str(&email.written),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Integer(value) => write!(f, "{value}"),
            Self::Decimal(value) => write!(f, "{value}"),
            Self::Date(value) => write!(f, "{value}"),
            Self::Datetime(value) => write!(f, "{value}"),
            Self::Set(items) => {
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        f.write_str(", ")?;
                    }
                    f.write_str(item)?;
                }
                Ok(())
            }
        }
    }
}

/// An e-mail address: equal without regard to case, and with its domain in ASCII (IDNA).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Email {
    /// As the person or service wrote it, trimmed.
    pub written: String,
    /// For comparing: lower case, domain in ASCII.
    pub folded: String,
}

impl PartialEq for Email {
    fn eq(&self, other: &Self) -> bool {
        self.folded == other.folded
    }
}

impl Eq for Email {}

impl PartialOrd for Email {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Email {
    fn cmp(&self, other: &Self) -> Ordering {
        self.folded.cmp(&other.folded)
    }
}

impl Hash for Email {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.folded.hash(state);
    }
}
