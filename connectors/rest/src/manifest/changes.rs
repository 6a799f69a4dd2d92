//! How what changed, and what was deleted, is found.

use serde::Deserialize;

use super::{
    request::{BodyTest, Paginator, RequestShape},
    span::Span,
};

/// How changes are found.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Changes {
    /// By time of change, oldest first.
    Poll(Box<Poll>),
    /// By several polls, one after the other, where no one time tells of every change.
    ///
    /// It takes a service that leaves the time of change blank until the first change (Mautic: `dateModified`): new
    /// records are found by one time, changed ones by another. One request for both would need an order over both.
    Polls(Vec<Poll>),
    /// By time of change, in no order.
    Window(Box<Window>),
    /// By links that lead from one state of the whole to the next (OData's delta links).
    Delta(Box<Delta>),
    /// By a log of activities that names records.
    Feed(Box<Feed>),
    /// By reading everything.
    Scan(Box<Scan>),
}

/// Reading by time of change, oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Poll {
    /// Everything changed at `{since}` or later, by time.
    pub request: RequestShape,
    /// Everything changed exactly at `{since}` whose id is greater than `{after_id}`, by id.
    pub tie: RequestShape,
    /// Everything changed after `{since}`, and of what changed exactly then all but `{ids}`, by time: a page that ended
    /// amid records of one time goes on behind those it held. Without it they are read again.
    #[serde(default)]
    pub beyond: Option<RequestShape>,
    /// What `{after_id}` is before the first id.
    pub first_id: String,
    /// Where the records stand.
    pub select: String,
    /// Records a page.
    pub page: usize,
    /// The time's path in a record.
    pub time: String,
    /// How `{since}` is written.
    pub written: TimeForm,
    /// The smallest step of time the service knows.
    pub granularity: Span,
    /// Records become visible up to this long after their own time.
    pub overlap: Span,
    /// No more than so many records of one window are ever answered.
    #[serde(default)]
    pub cap: Option<usize>,
    /// How pages follow.
    pub paginator: Paginator,
}

/// Reading everything that changed since a time, in an order that is not that of time.
///
/// Insightly (by id), Pipedrive's leads; Brevo (by creation) and ActiveCampaign (by id) are of this kind.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// Everything changed since `{since}`.
    pub request: RequestShape,
    /// `{since}` itself is not in the window.
    #[serde(default)]
    pub exclusive: bool,
    /// Where the records stand.
    pub select: String,
    /// Records a page.
    pub page: usize,
    /// The time's path in a record.
    pub time: String,
    /// How `{since}` is written.
    pub written: TimeForm,
    /// The smallest step of time the service knows.
    pub granularity: Span,
    /// Records become visible up to this long after their own time.
    pub overlap: Span,
    /// How pages follow. By `offset`, each page begins with the last record of the one before: if that has moved, records
    /// have left the list, and an earlier page is read again.
    pub paginator: Paginator,
}

/// Reading from one state of the whole to the next. The first listing is everything; its last page names the link under
/// which everything that changed since will be found, deletions too. A link that the service takes no more (it keeps them
/// for days) begins anew with everything.
///
/// Dynamics 365 and Microsoft Graph work so, and Google's People API by the same idea.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delta {
    /// Everything.
    pub request: RequestShape,
    /// Where the records stand.
    pub select: String,
    /// Records a page.
    pub page: usize,
    /// Where the address of the next page stands; absent on the last.
    pub next: String,
    /// Where the address of what will have changed stands, on the last page.
    pub link: String,
    /// What a record looks like that was deleted; its id stands in `removed_id`.
    pub removed: BodyTest,
    /// Where the id of one that was deleted stands.
    pub removed_id: String,
}

/// Reading a log of activities by an opaque place in it. The records that it names are read by id, as they are now.
///
/// Marketo's activities; Close's event log and HubSpot's journal are of this kind.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feed {
    /// Names the place in the log that belongs to `{since}`, which is now, less `overlap`.
    pub start: RequestShape,
    /// How `{since}` is written.
    pub written: TimeForm,
    /// Activities are listed up to this long after their time.
    pub overlap: Span,
    /// Everybody, read once before the log, since that forgets; without it, only who is named in the log is found.
    #[serde(default)]
    pub first: Option<Scan>,
    /// A page of the log, from `{cursor}`.
    pub request: RequestShape,
    /// Where the activities stand; none of them may be there.
    pub select: String,
    /// Activities a page.
    pub page: usize,
    /// In an activity, the id of the record that it is about.
    pub id: String,
    /// Where the place to go on from stands, in the answers to `start` and to `request`.
    pub cursor: String,
    /// What holds if there is more.
    pub more: BodyTest,
}

/// How a point in time is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeForm {
    /// Milliseconds since 1970.
    EpochMs,
    /// `2026-11-23T10:11:12Z`
    Seconds,
    /// `2026-11-23T10:11:12.345Z`
    Millis,
    /// `2026-11-23 10:11:12`, in UTC.
    Spaced,
}

/// Reading everything.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scan {
    /// A page.
    pub request: RequestShape,
    /// Where the records stand.
    pub select: String,
    /// Nothing there is no records.
    #[serde(default)]
    pub optional: bool,
    /// Records a page.
    pub page: usize,
    /// How pages follow.
    pub paginator: Paginator,
}

/// How deletions are found.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum DeletionFeed {
    /// By time of change.
    Poll(Box<Poll>),
    /// By reading all that were deleted, each time, and looking at their time.
    Listing {
        /// A page, without which record it is about.
        scan: Box<Scan>,
        /// The path of the time of deletion.
        at: String,
    },
    /// By a log of activities: each names a record that was deleted.
    Feed(Box<Feed>),
}
