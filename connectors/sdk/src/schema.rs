//! What a service says of the fields of an object.

use serde::{Deserialize, Serialize};

/// The fields of one object, as the service describes them now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schema {
    /// In the service's order.
    pub fields: Vec<SchemaField>,
}

impl Schema {
    /// The field of that native name.
    pub fn field(&self, name: &str) -> Option<&SchemaField> {
        self.fields.iter().find(|field| field.name == name)
    }
}

/// One field, as the service describes it.
#[expect(clippy::struct_excessive_bools, reason = "they are independent facts of the service's own description")]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaField {
    /// The native name.
    pub name: String,
    /// What people read on their screen.
    pub label: String,
    /// What it holds.
    pub kind: NativeKind,
    /// The choices, where it has a list of them: values, not labels.
    pub options: Vec<String>,
    /// Those of the options that a write must not set: they mean that something was done (a conversion).
    #[serde(default)]
    pub barred: Vec<String>,
    /// The service refuses a value that is not among the options.
    pub restricted: bool,
    /// Characters it holds at most.
    pub max_length: Option<u32>,
    /// A create without it is refused.
    pub required: bool,
    /// It can be given at creation.
    pub createable: bool,
    /// It can be changed.
    pub updateable: bool,
    /// The service holds each value at most once.
    pub unique: bool,
}

/// What a field holds, in words that all services share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NativeKind {
    /// Text, an e-mail, a phone, a URL.
    Text,
    /// `true` or `false`.
    Bool,
    /// A number.
    Number,
    /// A calendar day.
    Date,
    /// A point in time.
    Datetime,
    /// One of several choices.
    Choice,
    /// Several of several choices.
    Set,
    /// A reference to another record.
    Reference,
    /// Anything else.
    Other,
}
