//! What a check works with: calls that fail it when they fail, and a memory of what it made.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError, atomic::Ordering},
};

use super::{Interruption, Outcome, Subject};
use crate::{
    Call, Capabilities, Connector, Cursor, Draft, Error, Fields, Find, Found, Got, List, Native, Next, Page, Patch,
    Record, Result, State, Written,
};

/// How a check ends.
pub(super) type Verdict<T = ()> = std::result::Result<T, Stop>;

/// Why a check stops before its end.
#[derive(Debug)]
pub(super) enum Stop {
    /// The promise is broken.
    Failed(String),
    /// It cannot be tried.
    NotRun(String),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(format!("a call failed: {error}"))
    }
}

impl From<Stop> for Outcome {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Failed(seen) => Self::Failed(seen),
            Stop::NotRun(reason) => Self::NotRun(reason),
        }
    }
}

/// Fails the check with a sentence unless the condition holds.
macro_rules! ensure {
    ($holds:expr, $($sentence:tt)+) => {
        if !$holds {
            return Err($crate::kit::trial::Stop::Failed(format!($($sentence)+)));
        }
    };
}
pub(super) use ensure;

/// Ends the check as not run unless the condition holds.
pub(super) fn needs(holds: bool, reason: &str) -> Verdict {
    if holds { Ok(()) } else { Err(Stop::NotRun(reason.to_owned())) }
}

/// One check at work.
pub(super) struct Trial<'a> {
    pub(super) connector: &'a dyn Connector,
    pub(super) subject: &'a Subject,
    pub(super) call: Call,
    /// Every field that drafts fill.
    pub(super) wanted: Vec<String>,
    made: Mutex<BTreeSet<String>>,
}

/// A record that a check made.
pub(super) struct Made {
    pub(super) id: String,
    pub(super) fields: Fields,
}

/// A listing from a cursor to its end.
pub(super) struct Listing {
    pub(super) pages: Vec<Page>,
    pub(super) done: Cursor,
}

impl Listing {
    pub(super) fn records(&self) -> impl Iterator<Item = &Record> {
        self.pages.iter().flat_map(|page| &page.records)
    }

    pub(super) fn has(&self, id: &str) -> bool {
        self.records().any(|record| record.address.id == id)
    }
}

impl<'a> Trial<'a> {
    pub(super) fn new(connector: &'a dyn Connector, subject: &'a Subject) -> Self {
        let wanted = (subject.draft)(0).into_keys().collect();
        Self { connector, subject, call: Call::default(), wanted, made: Mutex::default() }
    }

    pub(super) fn object(&self) -> &str {
        &self.subject.object
    }

    pub(super) fn capabilities(&self) -> Verdict<&Capabilities> {
        Ok(self.connector.capable(self.object())?)
    }

    /// A draft that nothing in the account collides with.
    pub(super) fn draft(&self) -> Draft {
        let number = self.subject.next.fetch_add(1, Ordering::Relaxed);
        Draft { fields: (self.subject.draft)(number), trace: format!("kit-{number}") }
    }

    /// A text that no record has yet.
    pub(super) fn new_text(&self) -> Native {
        Native::text(format!("kit {}", self.subject.next.fetch_add(1, Ordering::Relaxed)))
    }

    pub(super) fn text_of<'r>(&self, fields: &'r Fields) -> &'r Native {
        fields.get(&self.subject.text).unwrap_or(&Native::Null)
    }

    /// Makes so many records, in as large batches as the service takes.
    pub(super) async fn make(&self, count: usize) -> Verdict<Vec<Made>> {
        let drafts: Vec<Draft> = (0..count).map(|_| self.draft()).collect();
        self.make_from(&drafts).await
    }

    /// Makes these records.
    pub(super) async fn make_from(&self, drafts: &[Draft]) -> Verdict<Vec<Made>> {
        let batch = self.capabilities()?.create_batch;
        needs(batch > 0, "the connector cannot create, and the check needs a record")?;
        let mut made = Vec::with_capacity(drafts.len());
        for chunk in drafts.chunks(batch) {
            for (draft, answer) in chunk.iter().zip(self.create(chunk).await?) {
                made.push(Made { id: answer?.id, fields: draft.fields.clone() });
            }
        }
        ensure!(made.len() == drafts.len(), "{} drafts had {} answers", drafts.len(), made.len());
        Ok(made)
    }

    /// One call of `create`; what it made is deleted when the check ends.
    pub(super) async fn create(&self, drafts: &[Draft]) -> Result<Vec<Result<Written>>> {
        let answers = self.connector.create(&self.call, self.object(), drafts).await?;
        answers.iter().flatten().for_each(|written| self.note(&written.id));
        Ok(answers)
    }

    /// Changes one field of one record.
    pub(super) async fn set(&self, id: &str, field: &str, value: Native) -> Verdict<Written> {
        needs(self.capabilities()?.update_batch > 0, "the connector cannot update")?;
        let patch = self.patch(id, Fields::from([(field.to_owned(), value)]));
        let answer = self.connector.update(&self.call, self.object(), &[patch]).await?.pop();
        match answer {
            Some(answer) => Ok(answer?),
            None => Err(Stop::Failed("one patch had no answer".to_owned())),
        }
    }

    pub(super) fn patch(&self, id: &str, fields: Fields) -> Patch {
        let trace = format!("kit-{}", self.subject.next.fetch_add(1, Ordering::Relaxed));
        Patch { id: id.to_owned(), fields, version: None, trace }
    }

    /// Reads records by id, in as large batches as the service takes.
    pub(super) async fn get(&self, ids: &[&str]) -> Verdict<Vec<Got>> {
        let batch = self.capabilities()?.get_batch;
        needs(batch > 0, "the connector cannot read by id")?;
        let ids: Vec<String> = ids.iter().map(|&id| id.to_owned()).collect();
        let mut answers = Vec::with_capacity(ids.len());
        for chunk in ids.chunks(batch) {
            answers.extend(self.connector.get(&self.call, self.object(), chunk, &self.wanted).await?);
        }
        Ok(answers)
    }

    /// A record that exists.
    pub(super) async fn read(&self, id: &str) -> Verdict<Option<Record>> {
        let there = |got| match got {
            Got::Record(record) if record.state != State::Deleted => Some(*record),
            Got::Record(_) | Got::Gone => None,
        };
        Ok(self.get(&[id]).await?.pop().and_then(there))
    }

    pub(super) async fn list(&self, cursor: Option<&Cursor>) -> Result<Page> {
        let list = List { object: self.object(), fields: &self.wanted, cursor };
        self.connector.list(&self.call, list).await
    }

    /// Lists to the end. A cursor that comes again in one listing is a loop.
    pub(super) async fn listing(&self, from: Option<&Cursor>) -> Verdict<Listing> {
        let mut pages = Vec::new();
        let mut seen = BTreeSet::new();
        let mut empty = 0;
        let mut cursor = from.cloned();
        loop {
            let page = self.list(cursor.as_ref()).await?;
            let next = page.next.clone();
            // An empty page may say that there is more, from where it was read; it may not say so for ever.
            empty = if page.records.is_empty() { empty + 1 } else { 0 };
            pages.push(page);
            match next {
                Next::Done(done) => return Ok(Listing { pages, done }),
                Next::More(more) => {
                    let new = seen.insert(more.0.clone());
                    ensure!(new || empty > 0, "a listing came to the cursor `{}` twice", more.0);
                    ensure!(empty < 1000, "a listing says `more` a thousand times and gives nothing");
                    cursor = Some(more);
                }
            }
        }
    }

    /// The cursor at the end of everything there is.
    pub(super) async fn end(&self) -> Verdict<Cursor> {
        Ok(self.listing(None).await?.done)
    }

    /// Live records whose `key` is one of the values: by a second look where the first may lag.
    pub(super) async fn find(&self, key: &str, values: &[Native]) -> Verdict<Vec<Record>> {
        let find = || Find { object: self.object(), key, values, fields: &self.wanted };
        let Found { records, consistent } = self.connector.find(&self.call, find()).await?;
        if consistent || self.subject.settle.is_none() {
            return Ok(records);
        }
        self.settle().await;
        Ok(self.connector.find(&self.call, find()).await?.records)
    }

    /// Lets listings and look-ups catch up.
    pub(super) async fn settle(&self) {
        if let Some(settle) = &self.subject.settle {
            settle().await;
        }
    }

    pub(super) fn interrupt(&self, interruption: Interruption) -> Verdict {
        match &self.subject.fail_next {
            Some(fail_next) => {
                fail_next(interruption);
                Ok(())
            }
            None => Err(Stop::NotRun("the subject cannot make calls fail".to_owned())),
        }
    }

    /// More records than a page holds, and the cursor from which a listing starts with them.
    pub(super) async fn crowd(&self) -> Verdict<(Vec<Made>, Cursor)> {
        let page = self.capabilities()?.list_page;
        let crowd = self.subject.crowd;
        needs(crowd > page, &format!("the subject's crowd of {crowd} fits on one page of {page}"))?;
        let before = self.end().await?;
        let made = self.make(crowd).await?;
        self.settle().await;
        Ok((made, before))
    }

    /// Remembers a record that the check made, so that it is deleted.
    pub(super) fn note(&self, id: &str) {
        self.made.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned());
    }

    /// Deletes what the check made, where the connector can. What cannot be deleted stays: the account is a scratch
    /// account, and a check that has its verdict does not lose it over tidying.
    pub(super) async fn clean_up(&self) {
        let Ok(batch) = self.capabilities().map(|capabilities| capabilities.delete_batch) else { return };
        let made: Vec<String> = self.made.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect();
        for chunk in made.chunks(batch.max(1)).take_while(|_| batch > 0) {
            let _ = self.connector.delete(&self.call, self.object(), chunk).await;
        }
    }
}

/// The same value, up to white space and case, which are a service's own normal form.
pub(super) fn alike(left: &Native, right: &Native) -> bool {
    let folded = |value: &Native| value.to_string().trim().to_lowercase();
    (left.is_blank() && right.is_blank()) || folded(left) == folded(right)
}
