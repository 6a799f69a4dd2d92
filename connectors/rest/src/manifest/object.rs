//! One record type: what its records look like, and every way to read and write them.

use std::collections::BTreeMap;

use hymnal_sdk::{Forms, Gone, Lane, NativeKind, Whereto};
use serde::Deserialize;

use super::{
    changes::{Changes, DeletionFeed},
    history::History,
    layout::{Custom, Derived, Layout},
    request::{BodyTest, Is, Mark, Paginator, Paths, Pick, RequestShape},
    schema::SchemaShape,
    template::{Shape, Template},
};

/// A record type. Paths are dotted and begin at the record.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Object {
    /// Where a record's id stands.
    pub id: String,
    /// What ids look like.
    #[serde(default)]
    pub id_form: IdForm,
    /// Where the time stands at which it was made.
    #[serde(default)]
    pub created_at: Option<String>,
    /// Where the time stands at which it was last changed: the first of these that is there.
    #[serde(default)]
    pub modified_at: Paths,
    /// Where the id stands of who changed it last.
    #[serde(default)]
    pub modified_by: Option<String>,
    /// Where its version stands.
    #[serde(default)]
    pub version: Option<String>,
    /// Fields asked for with every read, besides those wanted: ids, times, flags.
    #[serde(default)]
    pub system_fields: Vec<String>,
    /// Where its fields stand.
    pub fields: Layout,
    /// Fields that stand elsewhere than the rest.
    #[serde(default)]
    pub custom: Option<Custom>,
    /// Fields that are made of others, by the name a user maps.
    #[serde(default)]
    pub derived: BTreeMap<String, Derived>,
    /// What is true of a deleted one: a path, or what stands there (`{ path = "active", is = "0" }`).
    #[serde(default)]
    pub deleted: Option<Mark>,
    /// Where the survivor's id stands in one that was merged away.
    #[serde(default)]
    pub merged_into: Option<String>,
    /// Where the ids stand of those that were merged into it: a list, or text joined by `;`.
    #[serde(default)]
    pub merged_ids: Option<String>,
    /// How one that was converted shows it.
    #[serde(default)]
    pub converted: Option<Converted>,
    /// Where a deleted record goes: `bin` or `nowhere`.
    #[serde(default)]
    pub deleted_goes: Whereto,
    /// What it means when an id is not there.
    pub gone: Gone,
    /// Blank fields are left out of answers.
    #[serde(default)]
    pub omits_blanks: bool,
    /// Fields whose value exists at most once, found by a consistent read.
    #[serde(default)]
    pub unique: Vec<String>,
    /// Fields in which the service ignores a step back with success, unless the field was cleared before.
    #[serde(default)]
    pub clear_first: Vec<String>,
    /// Fields that the service derives.
    #[serde(default)]
    pub never_write: Vec<String>,
    /// Fields that stand in the record and are written by requests of their own, by name.
    #[serde(default)]
    pub written_by: BTreeMap<String, WrittenBy>,
    /// How typed values are spelled.
    #[serde(default)]
    pub types: Forms,
    /// Kinds of fields (`date`, `datetime`) whose values the service spells like `2026-11-23 10:11:12`, in UTC without
    /// saying so. Above the engine they are `2026-11-23` and `2026-11-23T10:11:12Z`.
    #[serde(default)]
    pub spaced: Vec<NativeKind>,
    /// Kinds of fields (`choice`, `set`) whose values the service spells as numbers, and takes as nothing else.
    #[serde(default)]
    pub numeric: Vec<NativeKind>,
    /// How changes are found.
    pub changes: Changes,
    /// How deletions are found.
    #[serde(default)]
    pub deletions: Option<DeletionFeed>,
    /// By id.
    pub get: Get,
    /// By key.
    #[serde(default)]
    pub find: Find,
    /// New records.
    #[serde(default)]
    pub create: Option<Write>,
    /// Changes.
    #[serde(default)]
    pub update: Option<Write>,
    /// New records by a unique field of ours.
    #[serde(default)]
    pub upsert: Option<Write>,
    /// Deletions.
    #[serde(default)]
    pub delete: Option<Write>,
    /// Erasures for good, out of every bin, where the service has a way of its own for them.
    #[serde(default)]
    pub erase: Option<Write>,
    /// What the service tells of a record's past.
    #[serde(default)]
    pub history: Option<History>,
    /// What the service says of its fields.
    pub schema: SchemaShape,
}

/// What ids look like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IdForm {
    /// As they are.
    #[default]
    Plain,
    /// Numbers: written into bodies as such.
    Number,
    /// 15 characters whose case counts, or 18 whose last three spell the case out: always 18.
    Salesforce,
    /// The last segment of an address.
    Segment,
}

/// How a converted record shows it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Converted {
    /// What is true of it.
    pub when: String,
    /// What stands there, if that is no truth value.
    #[serde(default)]
    pub is: Option<Is>,
    /// What it became.
    pub object: String,
    /// Where the id stands of that.
    pub id: String,
}

/// By id.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Get {
    /// The request.
    pub request: RequestShape,
    /// Ids at most.
    pub batch: usize,
    /// One of `{items}`.
    #[serde(default)]
    pub item: Option<Shape>,
    /// Where the records stand; without it, there is one.
    #[serde(default)]
    pub select: Option<String>,
    /// Where the one record stands, without `select`: in the body itself, if nothing is said.
    #[serde(default)]
    pub record: String,
    /// A record that is asked for by an id it no longer has is answered under the one it has now.
    #[serde(default)]
    pub follows_merges: bool,
    /// Where the service names the ids it did not find.
    #[serde(default)]
    pub missing: Option<Missing>,
    /// How an id is asked for alone that an answer to several left out: a list leaves out what is deleted and what may
    /// not be seen alike, and only the answer about the one tells which (Mautic: 404 or 403; Pipedrive: the record,
    /// marked as deleted).
    #[serde(default)]
    pub alone: Option<Alone>,
}

/// One record, by its id.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alone {
    /// The request.
    pub request: RequestShape,
    /// Where the record stands: in the body itself, if nothing is said.
    #[serde(default)]
    pub record: String,
}

/// Where an answer names the ids that are not there.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Missing {
    /// The list of errors.
    pub errors: String,
    /// In each, the list of ids.
    pub ids: String,
}

/// By key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Find {
    /// Where the key is unique.
    #[serde(default)]
    pub unique: Option<Lookup>,
    /// By any field.
    #[serde(default)]
    pub any: Option<Lookup>,
}

/// One way to look records up.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lookup {
    /// The request.
    pub request: RequestShape,
    /// The fields that it looks up; empty: any.
    #[serde(default)]
    pub only: Vec<String>,
    /// Values at most.
    pub batch: usize,
    /// One of `{items}`.
    #[serde(default)]
    pub item: Option<Shape>,
    /// Where the records stand; without it, the body is the one record, and "not there" (404) is none.
    #[serde(default)]
    pub select: Option<String>,
    /// Rows are not records but name them: where in a row the id stands. The records are read by it.
    #[serde(default)]
    pub names: Option<String>,
    /// Nothing there is no records.
    #[serde(default)]
    pub optional: bool,
    /// Records a page.
    #[serde(default = "hundred")]
    pub page: usize,
    /// How pages follow; without it there is one.
    #[serde(default)]
    pub paginator: Option<Paginator>,
    /// The service wants the values in lower case.
    #[serde(default)]
    pub lowercase: bool,
    /// It sees every write answered before it.
    #[serde(default)]
    pub consistent: bool,
}

fn hundred() -> usize {
    100
}

/// A way to write.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Write {
    /// The request.
    pub request: RequestShape,
    /// Records at most.
    pub batch: usize,
    /// One of `{items}`.
    #[serde(default)]
    pub item: Option<Shape>,
    /// How the answer is to be read.
    pub answers: Answers,
    /// Fields that live elsewhere and have a request of their own, sent before the rest. Only for single records.
    #[serde(default)]
    pub parts: Vec<Part>,
    /// Fields that the service does not keep unique although it goes by them: where it should refuse a value that another
    /// record has, it writes into that one (Mautic), or makes a second (Pipedrive, Marketo). Their values are looked up
    /// just before, and one that is taken is a conflict.
    #[serde(default)]
    pub look_up: Vec<String>,
    /// No two such writes run side by side: where two requests that go by one key would make two records (Marketo).
    #[serde(default)]
    pub alone: bool,
    /// What `{version}` is where a record's version is not known (`*`: any).
    #[serde(default)]
    pub any_version: Option<String>,
    /// Headers of a write in one lane; they win over the request's own (a first load must not set off what a new record
    /// sets off).
    #[serde(default)]
    pub lane_headers: BTreeMap<Lane, BTreeMap<String, Template>>,
}

/// How a field is written that cannot be written as one (HubSpot's opt-out, by the communication preferences of the
/// address). One request a record.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenBy {
    /// The field whose value the requests go by, as it then is: their `{value}`.
    #[serde(default)]
    pub needs: Option<String>,
    /// The request for each value that can be written; others cannot.
    pub requests: BTreeMap<String, RequestShape>,
    /// In an answer with success, where errors are listed: where there is one, nothing was done.
    #[serde(default)]
    pub errors: Option<String>,
}

/// Fields of a record that are written by another request.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Their names.
    pub fields: Vec<String>,
    /// The request.
    pub request: RequestShape,
}

/// How the answer to a write is to be read.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answers {
    /// How an item's answer is found.
    pub by: AnswerBy,
    /// Where the answers stand; of an answer to one item (`whole`), where the record stands.
    #[serde(default)]
    pub select: String,
    /// What holds for an item that succeeded; without it, all in `select` did.
    #[serde(default)]
    pub ok: Option<BodyTest>,
    /// In a failed item, where its error stands.
    #[serde(default)]
    pub error: Option<String>,
    /// Where the failed ones stand, if apart: a list, or (by `index`) a map from the item's place to its error.
    #[serde(default)]
    pub errors: Option<String>,
    /// In one of those, where the trace ids stand.
    #[serde(default)]
    pub error_traces: Option<String>,
    /// In one of those, where the ids stand.
    #[serde(default)]
    pub error_ids: Option<String>,
    /// In a succeeded item, where the trace id stands.
    #[serde(default)]
    pub trace: Option<String>,
    /// In a succeeded item, where the id stands.
    #[serde(default)]
    pub id: Pick,
    /// Where the answer tells no id, it is what this field was written with.
    #[serde(default)]
    pub id_field: Option<String>,
    /// In a succeeded item, what holds if an upsert made it.
    #[serde(default)]
    pub created: Option<BodyTest>,
    /// The status of an answer to one item that says that an upsert made it.
    #[serde(default)]
    pub created_status: Option<u16>,
    /// A succeeded item is the record as it now is.
    #[serde(default)]
    pub record: bool,
    /// One bad item fails the whole request, without effect: the batch is halved until only bad ones fail.
    #[serde(default)]
    pub bisect: bool,
}

/// How an item's answer is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AnswerBy {
    /// In the order of the request: a list, or a map from the item's place in it.
    Index,
    /// By the record's id.
    Id,
    /// By our trace id; where an answer has none, by the record's id or by its values.
    Trace,
    /// The answer is about the one item.
    Whole,
}
