//! The conformance kit: one check for each promise of [`Connector`], by the promise's slug.
//!
//! A check makes what it needs in the account it is given, looks, and deletes it again. It says [`Outcome::NotRun`]
//! with its reason where the service or the [`Subject`] lacks what it would take; that is never a pass.
//!
//! The kit waits for nothing and starts nothing: whoever runs it brings the runtime, the connector and, for a service
//! whose listings lag, a way to let time pass ([`Subject::settle`]).

mod call;
mod find;
mod get;
mod list;
mod trial;
mod write;

#[cfg(test)]
mod tests;

use std::{fmt, sync::atomic::AtomicU64};

use crate::{BoxFuture, Connector, Fields};
use trial::{Trial, Verdict};

/// What a check works on: an object of an account that may be written to freely, and how to make valid records of it.
pub struct Subject {
    /// The object.
    pub object: String,
    /// The fields of a valid new record. Records of different numbers differ in `text` and in the unique field, also
    /// from those of every earlier run against the same account.
    pub draft: Box<dyn Fn(u64) -> Fields + Send + Sync>,
    /// A text field that drafts fill and that can be changed to any text of 60 characters.
    pub text: String,
    /// An id in the service's form that does not exist.
    pub missing: String,
    /// A field that holds each value at most once.
    pub unique: Option<String>,
    /// A text field that several records may share and by which they can be looked up. It may be `text`.
    pub shared: Option<String>,
    /// Values that the service refuses in any record: a choice that it does not have.
    pub refused: Option<Fields>,
    /// How many records the checks of listings make: more than a page, and where that can be afforded, more than the
    /// service shows of one listing. 0: none is made, and the checks that need more than a page are not run.
    pub crowd: usize,
    /// Lets so much time pass that listings and look-ups show what was written before. `None`: they do at once.
    pub settle: Option<Box<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>>,
    /// Takes from the connector's login the permission to see the record of this id, or gives it back.
    pub hide: Option<Hide>,
    /// Makes the connector's next call meet this.
    pub fail_next: Option<Box<dyn Fn(Interruption) + Send + Sync>>,
    next: AtomicU64,
}

/// Hides the record of an id from the connector's login, or shows it again.
pub type Hide = Box<dyn Fn(&str, Sight) + Send + Sync>;

/// Whether the connector's login may see a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// It may not.
    Hidden,
    /// It may.
    Shown,
}

/// What a subject can make the next call meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interruption {
    /// A reading fails, however often the layers below repeat it.
    ReadFails,
    /// A write is applied and its answer is lost.
    AnswerLost,
}

impl Subject {
    /// A subject with what every check needs; the rest can be set.
    pub fn new(
        object: impl Into<String>,
        draft: impl Fn(u64) -> Fields + Send + Sync + 'static,
        text: impl Into<String>,
        missing: impl Into<String>,
    ) -> Self {
        Self {
            object: object.into(),
            draft: Box::new(draft),
            text: text.into(),
            missing: missing.into(),
            unique: None,
            shared: None,
            refused: None,
            crowd: 0,
            settle: None,
            hide: None,
            fail_next: None,
            next: AtomicU64::new(0),
        }
    }
}

/// One promise and how it is tried.
pub struct Check {
    /// The promise's slug in the documentation of [`Connector`].
    pub slug: &'static str,
    run: Run,
}

type Run = for<'a> fn(&'a Trial<'a>) -> BoxFuture<'a, Verdict>;

impl Check {
    /// Tries the promise and deletes what that took.
    pub async fn run(&self, connector: &dyn Connector, subject: &Subject) -> Report {
        let trial = Trial::new(connector, subject);
        let verdict = (self.run)(&trial).await;
        trial.clean_up().await;
        Report { slug: self.slug, outcome: verdict.err().map_or(Outcome::Passed, Outcome::from) }
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.slug)
    }
}

/// What came of one check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The promise.
    pub slug: &'static str,
    /// Whether it is kept.
    pub outcome: Outcome,
}

/// Whether a promise is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is.
    Passed,
    /// It is not; what was seen instead.
    Failed(String),
    /// It could not be tried; what was lacking.
    NotRun(String),
}

impl fmt::Display for Report {
    /// `list-ends: passed`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.outcome {
            Outcome::Passed => write!(f, "{}: passed", self.slug),
            Outcome::Failed(seen) => write!(f, "{}: failed: {seen}", self.slug),
            Outcome::NotRun(reason) => write!(f, "{}: not run: {reason}", self.slug),
        }
    }
}

/// Tries every promise, one after the other.
pub async fn run(connector: &dyn Connector, subject: &Subject) -> Vec<Report> {
    let mut reports = Vec::with_capacity(CHECKS.len());
    for check in checks() {
        reports.push(check.run(connector, subject).await);
    }
    reports
}

/// All checks, in the order of the promises.
pub fn checks() -> &'static [Check] {
    CHECKS
}

macro_rules! checks {
    ($($slug:literal => $run:path,)*) => {
        &[$(Check { slug: $slug, run: |trial| Box::pin($run(trial)) },)*]
    };
}

static CHECKS: &[Check] = checks![
    "call-names-effect" => call::names_effect,
    "batch-within-capability" => call::batch_within_capability,
    "describe-names-fields" => call::describe_names_fields,
    "account-is-stable" => call::account_is_stable,
    "list-never-skips" => list::never_skips,
    "list-resumes" => list::resumes,
    "list-ends" => list::ends,
    "list-sees-changes" => list::sees_changes,
    "list-oldest-first" => list::oldest_first,
    "list-fault-resumes" => list::fault_resumes,
    "deletions-name-deleted" => list::deletions_name_deleted,
    "deletions-never-guess" => list::deletions_never_guess,
    "get-answers-each" => get::answers_each,
    "get-is-current" => get::is_current,
    "get-missing-is-gone" => get::missing_is_gone,
    "find-finds-all" => find::finds_all,
    "find-quotes" => find::quotes,
    "create-answers-truth" => write::create_answers_truth,
    "create-one-bad-item" => write::create_one_bad_item,
    "create-duplicate-is-conflict" => write::create_duplicate_is_conflict,
    "update-answers-truth" => write::update_answers_truth,
    "update-leaves-others" => write::update_leaves_others,
    "update-clears" => write::update_clears,
    "update-one-bad-item" => write::update_one_bad_item,
    "update-missing-is-gone" => write::update_missing_is_gone,
    "upsert-repeats" => write::upsert_repeats,
    "delete-deletes" => write::delete_deletes,
    "delete-missing-is-gone" => write::delete_missing_is_gone,
    "erase-erases" => write::erase_erases,
    "users-are-told-apart" => call::users_are_told_apart,
];
