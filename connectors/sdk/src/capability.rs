//! What a connector can do with an object, in numbers the engine plans with.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a connector can do with one object. A batch size of 0 means that it cannot do it at all.
#[expect(clippy::struct_excessive_bools, reason = "they are independent facts of a service")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// How changes are found.
    pub list: ListKind,
    /// Records a page at most.
    pub list_page: usize,
    /// Ids a `get` at most.
    pub get_batch: usize,
    /// Values a `find` at most.
    pub find_batch: usize,
    /// Records a `create` at most.
    pub create_batch: usize,
    /// Records an `update` at most.
    pub update_batch: usize,
    /// Records an `upsert` at most.
    pub upsert_batch: usize,
    /// Ids a `delete` at most.
    pub delete_batch: usize,
    /// Ids an `erase` at most; 0 where the service has no other way than `delete`.
    pub erase_batch: usize,
    /// How deletions are found.
    pub deletions: Deletions,
    /// Where a deleted record goes.
    pub deleted: Whereto,
    /// What a `get` that answers "not there" means.
    pub gone: Gone,
    /// Native fields whose value the service holds at most once, found by a consistent read.
    pub unique: Vec<String>,
    /// An answer to a write carries the record as it now is.
    pub write_returns_record: bool,
    /// The service leaves blank fields out of its answers, so that missing means blank.
    pub omits_blanks: bool,
    /// Field history can be asked for.
    pub history: bool,
    /// A write can be made conditional on [`crate::Record::version`].
    pub conditional: bool,
    /// Records become visible in a listing up to this long after their own time; cursors are read again by it.
    pub overlap: Duration,
    /// How typed values are spelled.
    pub forms: Forms,
    /// What the service does by itself whenever a record is made.
    pub on_create: Vec<Automation>,
    /// Fields in which the service ignores a step back with success, unless the field was cleared in a request before.
    pub clear_first: Vec<String>,
    /// Fields Hymnal needs no mapping for because the service derives them (Salesforce: `Name`, compound addresses).
    pub never_write: Vec<String>,
}

/// What a service does by itself when a record is made: mail, owners, tasks. Shown to who is about to make many.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Automation {
    /// What, in words: `workflows whose trigger it meets, which may send e-mail`.
    pub does: String,
    /// Also in a first load.
    pub in_bulk: bool,
}

/// How changes are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListKind {
    /// By time of change: a page is oldest change first.
    Changes,
    /// By time of change, in no order: what changed since a time, by whatever the service sorts by.
    Unordered,
    /// The whole list each time; records carry no usable time. The engine compares with its shadows.
    Scan,
}

/// How deletions are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletions {
    /// The service does not tell.
    Unknown,
    /// [`crate::Connector::deletions`] lists those since a cursor: as cheap as a listing of changes.
    Feed,
    /// [`crate::Connector::deletions`] reads all that were deleted each time.
    Listing,
    /// [`crate::Connector::list`] names them among the changes, as records that are deleted.
    Listed,
}

/// Where a deleted record goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Whereto {
    /// To a bin, from which people of the service can take it back for some time.
    Bin,
    /// Nowhere: it is gone for good.
    #[default]
    Nowhere,
}

/// What it means when a record that was there cannot be read by its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gone {
    /// It was deleted: this service hides nothing from those who may see the object.
    Deleted,
    /// It was deleted or a permission was lost: nobody can tell.
    NotVisible,
}

/// How a service spells typed values. `mapping` reads every form it knows and writes this one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Forms {
    /// `json` (`true`), `string` (`"true"`), or `digit` (`"1"`).
    pub bool: BoolForm,
    /// `json` (`7`) or `string` (`"7"`).
    pub number: NumberForm,
    /// `iso` (`2026-11-23`) or `epoch_ms` at midnight UTC.
    pub date: DateForm,
    /// `rfc3339`, or `epoch_ms`.
    pub datetime: DatetimeForm,
    /// `list`, or `{ joined = ";" }`.
    pub set: SetForm,
    /// How a cleared field is written: `null` or `empty` (`""`).
    pub blank: BlankForm,
}

impl Default for Forms {
    fn default() -> Self {
        Self {
            bool: BoolForm::Json,
            number: NumberForm::Json,
            date: DateForm::Iso,
            datetime: DatetimeForm::Rfc3339,
            set: SetForm::List,
            blank: BlankForm::Null,
        }
    }
}

/// How a service spells a truth value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BoolForm {
    /// `true`
    Json,
    /// `"true"`
    String,
    /// `"1"`
    Digit,
}

/// How a service spells a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NumberForm {
    /// `7`
    Json,
    /// `"7"`
    String,
}

/// How a service spells a calendar day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DateForm {
    /// `"2026-11-23"`
    Iso,
    /// Milliseconds since 1970 at midnight UTC, as text.
    EpochMs,
}

/// How a service spells a point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DatetimeForm {
    /// `"2026-11-23T10:11:12.345Z"`
    Rfc3339,
    /// Milliseconds since 1970, as text.
    EpochMs,
}

/// How a service spells several choices.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SetForm {
    /// A JSON list.
    List,
    /// Text joined by this separator.
    Joined(String),
}

/// How a service is told to clear a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BlankForm {
    /// `null`
    Null,
    /// `""`
    Empty,
}
