//! Listing deletions and merges.

use std::collections::BTreeMap;

use hymnal_sdk::{Address, Archived, Call, Cursor, Deleted, Error, Fate, Got, Kind, Record, Result, State, Timestamp};

use super::{
    RestConnector,
    list::RawPage,
    place::Place,
    record::{self, Wanted},
};
use crate::{
    json::Json,
    manifest::{changes::DeletionFeed, object::Object},
};

/// Archived records appear in a listing this late at most.
const LATE: i64 = 120_000;

impl RestConnector {
    pub(super) async fn deleted(&self, call: &Call, name: &str, cursor: Option<&Cursor>) -> Result<Archived> {
        let object = self.object(name)?;
        match &object.deletions {
            None => Err(Error::new(Kind::Fatal, "no-deletions", format!("`{name}` has no list of deletions"))),
            Some(DeletionFeed::Feed(feed)) => self.fed_deletions(call, name, object, feed, cursor).await,
            Some(DeletionFeed::Poll(poll)) => {
                let page = self.polled(call, name, object, poll, &[], cursor).await?;
                let records = named(name, object, &page, |record| record.modified_at.map(Timestamp::as_millisecond))?;
                Ok(Archived { records, next: page.next() })
            }
            Some(DeletionFeed::Listing { scan, at }) => {
                let since = Place::read(cursor)?.since;
                let mut page = self.scanned(call, name, object, scan, &[], cursor).await?;
                let times: BTreeMap<String, i64> = page
                    .rows
                    .iter()
                    .filter_map(|row| Some((record::id(object, row)?, record::time(row.at(at)?)?.as_millisecond())))
                    .collect();
                page.rows.retain(|row| is_new(object, row, &times, since));
                let mut records = named(name, object, &page, |record| times.get(&record.address.id).copied())?;
                records.sort_by_key(|record| record.at);
                page.next.newest = page.next.newest.into_iter().chain(times.values().copied()).max();
                if page.done {
                    let newest = page.next.newest.take();
                    page.next =
                        Place { since: newest.map_or(since, |newest| (newest - LATE).max(since)), ..Place::default() };
                }
                let records = self.explained(call, name, object, records).await?;
                Ok(Archived { records, next: page.next() })
            }
        }
    }

    /// Asks for each by its id, where the service then answers with the survivor of a merge: an archived record may
    /// have been merged, or be back.
    async fn explained(&self, call: &Call, name: &str, object: &Object, found: Vec<Deleted>) -> Result<Vec<Deleted>> {
        if !object.get.follows_merges || found.is_empty() {
            return Ok(found);
        }
        let ids: Vec<String> = found.iter().map(|deleted| deleted.address.id.clone()).collect();
        let mut read = Vec::with_capacity(ids.len());
        for batch in ids.chunks(object.get.batch.max(1)) {
            read.extend(self.got(call, name, batch, &[]).await?);
        }
        Ok(found
            .into_iter()
            .zip(read)
            .filter_map(|(mut deleted, got)| match got {
                Got::Gone => Some(deleted),
                Got::Record(record) => match record.state {
                    State::Merged { into } => {
                        deleted.fate = Fate::Merged(into);
                        Some(deleted)
                    }
                    State::Deleted => Some(deleted),
                    State::Live | State::Converted { .. } => None,
                },
            })
            .collect())
    }
}

fn is_new(object: &Object, row: &Json, times: &BTreeMap<String, i64>, since: i64) -> bool {
    let time = record::id(object, row).and_then(|id| times.get(&id).copied());
    time.is_none_or(|time| time >= since)
}

/// Those rows that the service says are deleted or merged; a live one among them is nobody's deletion.
fn named(name: &str, object: &Object, page: &RawPage, at: impl Fn(&Record) -> Option<i64>) -> Result<Vec<Deleted>> {
    let mut records = Vec::with_capacity(page.rows.len());
    for row in &page.rows {
        let record = record::read(name, object, row, Wanted::Named(&[]))?;
        let at = at(&record).and_then(|at| Timestamp::from_millisecond(at).ok());
        let fate = match record.state {
            State::Deleted => Fate::Deleted,
            State::Merged { into } => Fate::Merged(into),
            State::Live | State::Converted { .. } => continue,
        };
        records.push(Deleted { address: Address::new(name, record.address.id), at, fate });
    }
    Ok(records)
}
