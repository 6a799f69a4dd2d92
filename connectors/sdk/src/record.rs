//! What a service holds: native values in records, records at addresses.

use std::{collections::BTreeMap, fmt};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A field's value as the service gives it, before Hymnal gives it a type.
///
/// Numbers keep the digits the service wrote, so that `1.10`, `007` and integers above 2^53 survive.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Native {
    /// `null`, or a field that the service leaves out when it is blank.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, in the digits the service wrote.
    Number(String),
    /// Text.
    Text(String),
    /// Several values, in the service's order.
    List(Vec<Native>),
    /// A nested object, as JSON text: read, shown, never written.
    Object(String),
}

impl Native {
    /// Text from anything that can be one.
    pub fn text(value: impl Into<String>) -> Self {
        Self::Text(value.into())
    }

    /// Null, or text that is empty once trimmed, or an empty list.
    pub fn is_blank(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Text(text) => text.trim().is_empty(),
            Self::List(items) => items.is_empty(),
            Self::Bool(_) | Self::Number(_) | Self::Object(_) => false,
        }
    }
}

impl From<&str> for Native {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl fmt::Display for Native {
    /// The value alone, for messages and logs of decisions: `null`, `true`, `7`, `Ada`, `a;b`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Number(text) | Self::Text(text) | Self::Object(text) => f.write_str(text),
            Self::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        f.write_str(";")?;
                    }
                    write!(f, "{item}")?;
                }
                Ok(())
            }
        }
    }
}

/// Native values by native field name.
pub type Fields = BTreeMap<String, Native>;

/// Where a record lives within one system: the object and the service's id, in the connector's normal form
/// (Salesforce: 18 characters).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Address {
    /// The object: `contacts`, `Lead`.
    pub object: String,
    /// The service's id.
    pub id: String,
}

impl Address {
    /// An address from its parts.
    pub fn new(object: impl Into<String>, id: impl Into<String>) -> Self {
        Self { object: object.into(), id: id.into() }
    }
}

impl fmt::Display for Address {
    /// `contacts/501`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.object, self.id)
    }
}

/// Who changed a record, as far as the service tells.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Actor {
    /// The service's id or name of the actor.
    pub name: String,
    /// What kind of actor it is.
    pub kind: ActorKind,
}

/// What kind of actor changed a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ActorKind {
    /// A person.
    Person,
    /// A rule inside the service.
    Workflow,
    /// A bulk import.
    Import,
    /// Another program.
    Integration,
    /// The login that Hymnal uses.
    Us,
    /// The service does not tell.
    Unknown,
}

/// What became of a record, by an explicit word of the service. Absence is never one of these.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum State {
    /// It exists.
    Live,
    /// It was deleted or archived.
    Deleted,
    /// It was merged away; the survivor lives at this address.
    Merged {
        /// The survivor.
        into: Address,
    },
    /// It was converted; the person lives on at this address.
    Converted {
        /// The record it became.
        into: Address,
    },
}

/// One reading of one record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Where it lives.
    pub address: Address,
    /// The fields that were asked for and came back. One that was asked for and is missing is *unreadable*, not
    /// blank, unless [`crate::Capabilities::omits_blanks`].
    pub fields: Fields,
    /// What became of it.
    pub state: State,
    /// When the service says it was made.
    pub created_at: Option<Timestamp>,
    /// When the service says it was last changed, by anybody.
    pub modified_at: Option<Timestamp>,
    /// Who changed it last, where the service tells.
    pub modified_by: Option<Actor>,
    /// The version for a conditional write, where the service has one.
    pub version: Option<String>,
}

impl Record {
    /// A live record without times.
    pub fn new(address: Address, fields: Fields) -> Self {
        Self {
            address,
            fields,
            state: State::Live,
            created_at: None,
            modified_at: None,
            modified_by: None,
            version: None,
        }
    }
}
