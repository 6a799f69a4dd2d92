//! What the service tells of a record's past, field by field.

use std::collections::BTreeMap;

use hymnal_sdk::ActorKind;
use serde::Deserialize;

use super::request::{Pick, RequestShape};

/// A way to read the history of a record's fields.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct History {
    /// The request, for one record.
    pub request: RequestShape,
    /// Where the edits stand.
    pub select: String,
    /// What an edit looks like.
    pub edit: EditShape,
}

/// What an edit looks like. Paths begin at the edit.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EditShape {
    /// Where the field's name stands, in a list of edits; without it, each field has a list of its own under its name.
    #[serde(default)]
    pub field: Option<String>,
    /// Where the value stands that the field got.
    pub value: String,
    /// Where the value stands that it had. An edit that shows neither is left out: the service tells no more of it than
    /// that it was.
    #[serde(default)]
    pub old: Option<String>,
    /// Where its time stands.
    pub at: String,
    /// Where the name or id stands of who did it; the first found counts.
    #[serde(default)]
    pub by: Vec<Pick>,
    /// What kind of actor that is.
    #[serde(default)]
    pub actor: Option<ActorBy>,
}

/// A word of the service, and the kind of actor it means.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActorBy {
    /// Where the word stands.
    pub path: String,
    /// What each means; another one means nothing.
    pub words: BTreeMap<String, ActorKind>,
}
