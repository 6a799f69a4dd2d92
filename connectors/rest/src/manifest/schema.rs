//! What a service says of an object's fields, and where.

use std::collections::BTreeMap;

use hymnal_sdk::{NativeKind, Schema, SchemaField};
use serde::Deserialize;

use super::{layout::Named, request::RequestShape};

/// What is known of an object's fields: by the manifest, by the service, or some by the one and some by the other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SchemaShape {
    /// Fields that the service does not describe; the manifest does: name and what it holds.
    #[serde(default)]
    pub fixed: BTreeMap<String, FixedField>,
    /// Those that the service describes.
    #[serde(default)]
    pub described: Option<Box<Described>>,
    /// A second description, where the service tells some things apart (the options of choices). What it says of a field
    /// replaces what the first says.
    #[serde(default)]
    pub and: Option<Box<Described>>,
    /// Options that a write must not set, where the service tells them apart.
    #[serde(default)]
    pub barred: Vec<Barred>,
}

impl SchemaShape {
    /// The fields that the manifest itself declares.
    pub fn declared(&self) -> Schema {
        let fixed = |(name, field): (&String, &FixedField)| SchemaField {
            name: name.clone(),
            label: name.clone(),
            kind: field.kind,
            options: field.options.clone(),
            barred: Vec::new(),
            restricted: !field.options.is_empty(),
            max_length: None,
            required: field.required,
            createable: field.createable,
            updateable: field.updateable,
            unique: field.unique,
        };
        Schema { fields: self.fixed.iter().map(fixed).collect() }
    }
}

/// Options of a field that a write must not set: they mean that something was done.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Barred {
    /// The native field.
    pub field: String,
    /// The request.
    pub request: RequestShape,
    /// Where the options stand.
    pub select: String,
    /// In each, the value.
    pub value: String,
}

/// A field that a manifest declares.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct FixedField {
    /// What it holds.
    pub kind: NativeKind,
    /// It can be given at creation.
    #[serde(default)]
    pub createable: bool,
    /// It can be changed.
    #[serde(default)]
    pub updateable: bool,
    /// A create without it is refused.
    #[serde(default)]
    pub required: bool,
    /// Its values exist once.
    #[serde(default)]
    pub unique: bool,
    /// The values it can have; empty: any.
    #[serde(default)]
    pub options: Vec<String>,
}

/// How a service describes its fields. Paths begin at one field.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Described {
    /// The request.
    pub request: RequestShape,
    /// Where the fields stand.
    pub select: String,
    /// Only those whose names look so: what else is described is spelled otherwise in records.
    #[serde(default)]
    pub only: Option<Named>,
    /// The native name.
    pub name: String,
    /// What people read.
    pub label: String,
    /// What it holds: the first whose table has the word found there.
    pub kind: Vec<KindBy>,
    /// The choices.
    #[serde(default)]
    pub options: Option<Options>,
    /// What is true if other values are refused; `*`: always.
    #[serde(default)]
    pub restricted: Option<String>,
    /// Characters at most; 0 is no limit.
    #[serde(default)]
    pub max_length: Option<String>,
    /// A create without it is refused unless one of these is true; empty: never refused.
    #[serde(default)]
    pub required_unless: Vec<String>,
    /// What is true if it can be given at creation; without it, unless `read_only`.
    #[serde(default)]
    pub createable: Option<String>,
    /// What is true if it can be changed; without it, unless `read_only`.
    #[serde(default)]
    pub updateable: Option<String>,
    /// It cannot be written if one of these is true.
    #[serde(default)]
    pub read_only: Vec<String>,
    /// What is true if its values exist once.
    #[serde(default)]
    pub unique: Option<String>,
}

/// A word of the service, and what it means.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KindBy {
    /// Where the word stands.
    pub path: String,
    /// What each means.
    pub words: BTreeMap<String, NativeKind>,
}

/// Where the choices stand.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Options {
    /// The list.
    pub path: String,
    /// In each, the value.
    pub value: String,
    /// In each, what is true if it may be used.
    #[serde(default)]
    pub active: Option<String>,
}
