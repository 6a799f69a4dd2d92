//! The trait a service is behind.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Actor, Address, Capabilities, Error, Fields, Http, Native, Permit, Record, Result, Schema};

/// A future that a trait object can return.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What every call carries: how urgent it is, what was reserved for it, and how long it may take.
#[derive(Clone, Debug, Default)]
pub struct Call {
    /// How urgent it is.
    pub lane: Lane,
    /// Requests reserved beforehand, so that a verifying read and its write do not wait for the limiter in between.
    pub permit: Option<Arc<Permit>>,
    /// Of [`crate::Clock::elapsed`]: a call that has not been sent by then is not sent any more.
    pub deadline: Option<Duration>,
}

impl Call {
    /// A call in this lane, with nothing reserved and no deadline.
    pub fn new(lane: Lane) -> Self {
        Self { lane, permit: None, deadline: None }
    }
}

/// How urgent a call is. Lower goes first; the share of the quota kept in reserve is for those up to `Hinted`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lane {
    /// A restriction of consent.
    Consent,
    /// A person asked for it and waits.
    Person,
    /// A webhook named the record.
    Hinted,
    /// The daily work.
    #[default]
    Ordinary,
    /// First loads and full checks.
    Bulk,
}

/// Where a listing goes on: opaque to all but the connector that made it, kept durably, at most a few hundred bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Cursor(pub String);

/// What to list.
#[derive(Clone, Copy, Debug)]
pub struct List<'a> {
    /// The object.
    pub object: &'a str,
    /// The native fields wanted. Keys and times come with every record.
    pub fields: &'a [String],
    /// Where to go on; `None` starts at the beginning of time.
    pub cursor: Option<&'a Cursor>,
}

/// One page of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Oldest change first where the list is by time of change. A record may come twice.
    pub records: Vec<Record>,
    /// What comes after.
    pub next: Next,
}

/// What comes after a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// More is there now: list again from here at once.
    More(Cursor),
    /// Nothing more for now: list from here in the next cycle (the overlap is already in it).
    Done(Cursor),
}

/// What became of one id that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Got {
    /// It is there (its `state` may say merged, converted or deleted). Its address may differ from the one asked
    /// for where a merge left a survivor; then its state is `Merged` under the id asked for.
    Record(Box<Record>),
    /// It is not there; what that means says [`Capabilities::gone`].
    Gone,
}

/// What to look up by key.
#[derive(Clone, Debug)]
pub struct Find<'a> {
    /// The object.
    pub object: &'a str,
    /// The native field that is the key.
    pub key: &'a str,
    /// Its values. The service's own comparison applies (e-mails: without case).
    pub values: &'a [Native],
    /// The native fields wanted.
    pub fields: &'a [String],
}

/// What a look-up by key found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Every live record with one of the values, in no order.
    pub records: Vec<Record>,
    /// The read sees every write that was answered before it. `false`: an index that lags.
    pub consistent: bool,
}

/// A record to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// What it holds.
    pub fields: Fields,
    /// A name of ours for this item, unique within the batch, to match answers by.
    pub trace: String,
}

/// A change to a record. Fields that are not named are left alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patch {
    /// The service's id.
    pub id: String,
    /// What to write; a blank is spelled by [`crate::Forms::blank`].
    pub fields: Fields,
    /// Write only if the record is still at this version, where the service can.
    pub version: Option<String>,
    /// A name of ours for this item, unique within the batch.
    pub trace: String,
}

/// What the service answered to one written item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The id it lives under now. It may differ from the one written to, where the service merged.
    pub id: String,
    /// The record as it now is, where the answer carries it: only the fields the answer names.
    pub record: Option<Record>,
    /// Whether an upsert made it.
    pub created: bool,
}

/// One record that a deletion feed names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deleted {
    /// Where it lived.
    pub address: Address,
    /// When, where the service tells.
    pub at: Option<Timestamp>,
    /// Deleted, or merged into another.
    pub fate: Fate,
}

/// Why a record left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Deleted or archived.
    Deleted,
    /// Merged into this one.
    Merged(Address),
}

/// One page of a deletion feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archived {
    /// Oldest first. A record may come twice.
    pub records: Vec<Deleted>,
    /// What comes after.
    pub next: Next,
}

/// One entry of a field's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldEdit {
    /// The native field.
    pub field: String,
    /// What it became.
    pub value: Native,
    /// When.
    pub at: Timestamp,
    /// Who did it.
    pub by: Option<Actor>,
}

/// Somebody, or something, that records can belong to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The service's id, as it stands in a record.
    pub id: String,
    /// The e-mail address; queues may have none.
    pub email: Option<String>,
    /// The name that people read on their screen.
    pub name: String,
    /// Records may be given to it.
    pub active: bool,
    /// Who it is.
    pub kind: UserKind,
}

/// Who a user is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UserKind {
    /// One person.
    #[default]
    Person,
    /// A queue, whose address, if it has one, is nobody's own.
    Queue,
}

/// A service.
///
/// Every method:
/// - `call-names-effect`: an error says [`crate::Effect::Unknown`] whenever the request may have reached the service
///   and was a write;
/// - `batch-within-capability`: takes up to the declared batch size, refuses more with `Fatal`.
pub trait Connector: Send + Sync + 'static {
    /// The manifest's or crate's type: `hubspot`.
    fn kind(&self) -> &str;

    /// What can be done with this object; `None` where the service has no such object.
    fn capabilities(&self, object: &str) -> Option<&Capabilities>;

    /// The layers below, for reserving calls and for health; `None` where there is no wire.
    fn http(&self) -> Option<&dyn Http>;

    /// Reads what the service says of an object's fields now.
    /// - `describe-names-fields`: every field that a record can carry is named, with its options and whether it can
    ///   be written.
    fn describe<'a>(&'a self, call: &'a Call, object: &'a str) -> BoxFuture<'a, Result<Schema>>;

    /// The account behind the login, in the service's own id (portal id, organisation id).
    /// - `account-is-stable`: the same login always answers the same account.
    fn account<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<String>>;

    /// Lists records from a cursor.
    /// - `list-never-skips`: a record that exists before the listing starts and is not changed during it is in it,
    ///   also over equal times at a page edge, result caps and shifting pages;
    /// - `list-resumes`: listing again from a cursor it returned, and on to the end of the listing after it, yields
    ///   everything changed since that page;
    /// - `list-ends`: without further changes it reaches [`Next::Done`];
    /// - `list-sees-changes`: from a `Done` cursor it yields what was created or changed after it;
    /// - `list-oldest-first`: within a listing by time of change, times do not decrease from page to page;
    /// - `list-fault-resumes`: after a failed page, listing from the last cursor goes on without a gap.
    fn list<'a>(&'a self, call: &'a Call, list: List<'a>) -> BoxFuture<'a, Result<Page>>;

    /// Lists deletions and merges from a cursor.
    /// - `deletions-name-deleted`: a record deleted after the cursor is named;
    /// - `deletions-never-guess`: a record that merely cannot be seen is not.
    fn deletions<'a>(
        &'a self,
        call: &'a Call,
        object: &'a str,
        cursor: Option<&'a Cursor>,
    ) -> BoxFuture<'a, Result<Archived>>;

    /// Reads records by id: one answer per id, in the order asked for.
    /// - `get-answers-each`: as many answers as ids, in order;
    /// - `get-is-current`: it sees every write answered before it;
    /// - `get-missing-is-gone`: an id that does not exist is [`Got::Gone`], and fails nothing else.
    fn get<'a>(
        &'a self,
        call: &'a Call,
        object: &'a str,
        ids: &'a [String],
        fields: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<Got>>>;

    /// Looks records up by key, by the most consistent read the service has.
    /// - `find-finds-all`: every live record with the value is found, not the first alone;
    /// - `find-quotes`: a value with quotes, backslashes or operators finds that value and nothing else.
    fn find<'a>(&'a self, call: &'a Call, find: Find<'a>) -> BoxFuture<'a, Result<Found>>;

    /// Creates records: one answer per draft, in order.
    /// - `create-answers-truth`: what is answered as created can be read; what is answered as failed does not exist;
    /// - `create-one-bad-item`: one refused draft fails alone;
    /// - `create-duplicate-is-conflict`: a value that must be unique and is not answers `Conflict`.
    fn create<'a>(
        &'a self,
        call: &'a Call,
        object: &'a str,
        drafts: &'a [Draft],
    ) -> BoxFuture<'a, Result<Vec<Result<Written>>>>;

    /// Changes records: one answer per patch, in order.
    /// - `update-answers-truth`: what is answered as written reads back, up to the service's own normal form;
    /// - `update-leaves-others`: fields that are not named keep their values;
    /// - `update-clears`: a blank clears the field;
    /// - `update-one-bad-item`: one refused patch fails alone;
    /// - `update-missing-is-gone`: an id that does not exist answers `Gone` and creates nothing.
    fn update<'a>(
        &'a self,
        call: &'a Call,
        object: &'a str,
        patches: &'a [Patch],
    ) -> BoxFuture<'a, Result<Vec<Result<Written>>>>;

    /// Creates records by a unique field of ours, or finds that they exist: safe to repeat.
    /// - `upsert-repeats`: the same upsert twice makes one record.
    fn upsert<'a>(
        &'a self,
        call: &'a Call,
        object: &'a str,
        key: &'a str,
        drafts: &'a [Draft],
    ) -> BoxFuture<'a, Result<Vec<Result<Written>>>>;

    /// Deletes records (to the service's bin, where it has one): one answer per id, in order.
    /// - `delete-deletes`: what is answered as deleted reads as gone or deleted;
    /// - `delete-missing-is-gone`: an id that does not exist answers `Gone` or success, and fails nothing else.
    fn delete<'a>(
        &'a self,
        call: &'a Call,
        object: &'a str,
        ids: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<Result<()>>>>;

    /// Erases records for good, out of every bin, as privacy laws want it: one answer per id, in order. Services that
    /// have no such way say so by `Capabilities::erase_batch`.
    /// - `erase-erases`: what is answered as erased reads as gone; an id that does not exist fails nothing else.
    fn erase<'a>(
        &'a self,
        call: &'a Call,
        object: &'a str,
        ids: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<Result<()>>>> {
        let _ = (call, ids);
        let message = format!("records of `{object}` cannot be erased here, only deleted");
        Box::pin(async move { Err(Error::new(crate::Kind::Fatal, "no-erasure", message)) })
    }

    /// Everybody, and every queue, that records can belong to, those who are no longer active included; empty where the
    /// service has none.
    /// - `users-are-told-apart`: each has an id, and no id comes twice.
    fn users<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<Vec<User>>> {
        let _ = call;
        Box::pin(async { Ok(Vec::new()) })
    }

    /// The history of fields of one record, newest first; empty where the service has none.
    fn history<'a>(
        &'a self,
        call: &'a Call,
        address: &'a Address,
        fields: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<FieldEdit>>> {
        let _ = (call, address, fields);
        Box::pin(async { Ok(Vec::new()) })
    }
}

impl dyn Connector + '_ {
    /// Capabilities of an object that the configuration has already checked.
    ///
    /// # Errors
    /// `Fatal` where the service has no such object.
    pub fn capable(&self, object: &str) -> Result<&Capabilities> {
        self.capabilities(object).ok_or_else(|| {
            Error::new(crate::Kind::Fatal, "no-such-object", format!("`{}` has no object `{object}`", self.kind()))
        })
    }
}
