//! Listings: pages, cursors, and what can happen to them.
//!
//! A listing by time is a keyset over (time of change, sequence). Rows may become visible late, by at most the
//! declared overlap, so a listing that has ended hands out a cursor that lies one overlap before the earlier of two
//! times: that of the last row it gave, and that at which it began. What became visible behind its back while it went
//! from page to page is then read again, however long it took.

use std::{borrow::Cow, collections::BTreeSet, time::Duration};

use hymnal_sdk::{
    Address, Archived, Cursor, Deleted, Error, Fate, Fields, Kind, ListKind, Next, Page, Record, Result, Timestamp,
};

use crate::{
    account::{State, earlier, shifted},
    fault::{Fault, Faults, Method},
    read::{Reader, as_of},
    seed::SplitMix,
    service::{Row, Service},
};

/// A row's place among all changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    at: Timestamp,
    sequence: u64,
}

/// How far a listing by time has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    /// Behind the last row that was given.
    after: Place,
    /// Where the listing started from.
    from: Place,
    /// When it began; `None` before its first page.
    began: Option<Timestamp>,
}

impl Mark {
    const START: Place = Place { at: Timestamp::MIN, sequence: 0 };

    /// `None`: this cursor is not one of ours.
    fn read(cursor: Option<&Cursor>) -> Result<Self> {
        let Some(cursor) = cursor else { return Ok(Self { after: Self::START, from: Self::START, began: None }) };
        Self::parse(&cursor.0).ok_or_else(|| bad_cursor(cursor))
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('/');
        let after = Place::parse(parts.next()?, parts.next()?)?;
        let Some(at) = parts.next() else { return Some(Self { after, from: after, began: None }) };
        let from = Place::parse(at, parts.next()?)?;
        let began = parts.next()?.parse().ok()?;
        parts.next().is_none().then_some(Self { after, from, began: Some(began) })
    }

    /// The cursor in the middle of a listing.
    fn more(self, now: Timestamp) -> Next {
        let began = self.began.unwrap_or(now);
        Next::More(Cursor(format!("{}/{}/{began}", self.after.text(), self.from.text())))
    }

    /// The cursor at its end.
    fn done(self, now: Timestamp, overlap: Duration) -> Next {
        if overlap.is_zero() {
            return Next::Done(Cursor(self.after.text()));
        }
        let settled = earlier(self.after.at.min(self.began.unwrap_or(now)), overlap);
        // Never before its own start: what lay there had settled when the cursor was made.
        Next::Done(Cursor(self.from.max(Place { at: settled, sequence: 0 }).text()))
    }
}

impl Place {
    fn of(row: &Row) -> Self {
        Self { at: row.modified_at, sequence: row.sequence }
    }

    fn parse(at: &str, sequence: &str) -> Option<Self> {
        Some(Self { at: at.parse().ok()?, sequence: sequence.parse().ok()? })
    }

    fn text(self) -> String {
        format!("{}/{}", self.at, self.sequence)
    }
}

/// One page of an object's records.
pub(crate) fn records(
    state: &mut State,
    reader: &Reader<'_>,
    cursor: Option<&Cursor>,
    clock: Timestamp,
) -> Result<Page> {
    match reader.options.capabilities.list {
        // The oldest first is an order like any other.
        ListKind::Changes | ListKind::Unordered => Ok(by_time(state, reader, Mark::read(cursor)?, clock)),
        ListKind::Scan => whole(state, reader, cursor, shifted(clock, state.skew)),
    }
}

fn by_time(state: &mut State, reader: &Reader<'_>, mut mark: Mark, clock: Timestamp) -> Page {
    let now = shifted(clock, state.skew);
    if empty_page(state) {
        return Page { records: Vec::new(), next: mark.more(now) };
    }
    let mut rows = visible(&state.data, &state.hidden, &mut state.faults, &mut state.random, reader.object, now);
    rows.sort_by_key(|row| Place::of(row));
    let start = rows.partition_point(|row| Place::of(row) <= mark.after);
    let end = rows.len().min(start + reader.options.capabilities.list_page);
    let page = rows.get(start..end).unwrap_or_default();
    if let Some(last) = page.last() {
        mark.after = Place::of(last);
    }
    let Some(following) = rows.get(end) else {
        let records = reader.records(&mut state.faults, page);
        let records = reordered(&mut state.faults, &mut state.random, Method::List, records);
        return Page { records, next: mark.done(now, reader.options.capabilities.overlap) };
    };
    let shifts = state.faults.first(Method::List, |fault| (*fault == Fault::PageShift).then_some(())).is_some();
    let first = if shifts { start.saturating_sub(1) } else { start };
    let records = reader.records(&mut state.faults, rows.get(first..end).unwrap_or_default());
    let records = reordered(&mut state.faults, &mut state.random, Method::List, records);
    if shifts {
        let (id, by) = (following.id.clone(), following.modified_by.clone());
        let stamp = state.stamp(clock);
        // A stale page still shows rows that have left since; there is nothing to touch then.
        let _ = state.data.update(reader.object, &id, Fields::new(), &by, stamp);
    }
    Page { records, next: mark.more(now) }
}

/// One page of the whole list, by id. It carries no times, so nobody can be tempted to trust them.
fn whole(state: &mut State, reader: &Reader<'_>, cursor: Option<&Cursor>, now: Timestamp) -> Result<Page> {
    const PREFIX: &str = "id/";
    let after = match cursor {
        None => "",
        Some(cursor) => cursor.0.strip_prefix(PREFIX).ok_or_else(|| bad_cursor(cursor))?,
    };
    let cursor = |id: &str| Cursor(format!("{PREFIX}{id}"));
    if empty_page(state) {
        return Ok(Page { records: Vec::new(), next: Next::More(cursor(after)) });
    }
    let rows = visible(&state.data, &state.hidden, &mut state.faults, &mut state.random, reader.object, now);
    let start = rows.partition_point(|row| row.id.as_str() <= after);
    let end = rows.len().min(start + reader.options.capabilities.list_page);
    let page = rows.get(start..end).unwrap_or_default();
    let next = match page.last() {
        Some(last) if end < rows.len() => Next::More(cursor(&last.id)),
        _ => Next::Done(cursor("")),
    };
    let records = reader.records(&mut state.faults, page);
    let mut records = reordered(&mut state.faults, &mut state.random, Method::List, records);
    for record in &mut records {
        record.modified_at = None;
        record.created_at = None;
    }
    Ok(Page { records, next })
}

/// The live rows that a listing shows now, by id.
fn visible<'r>(
    data: &'r Service,
    hidden: &BTreeSet<Address>,
    faults: &mut Faults,
    random: &mut SplitMix,
    object: &str,
    now: Timestamp,
) -> Vec<Cow<'r, Row>> {
    let stale = |fault: &Fault| match fault {
        Fault::StaleList(ago) => Some(*ago),
        _ => None,
    };
    let ago = faults.first(Method::List, stale).unwrap_or_default();
    let rows = data.tables.get(object).into_iter().flat_map(|table| table.rows.values());
    let seen = rows.filter(|row| !hidden.contains(&Address::new(object, &row.id)));
    let mut rows: Vec<Cow<'r, Row>> = seen.filter_map(|row| as_of(row, now, ago)).collect();
    rows.retain(|row| row.deleted_at.is_none());
    faults.first(Method::List, |fault| {
        let Fault::LateRows(late) = fault else { return None };
        let since = earlier(now, *late);
        let before = rows.len();
        rows.retain(|row| row.modified_at <= since || random.coin());
        (rows.len() < before).then_some(())
    });
    rows
}

/// The records in any order, one of them twice, where that is planted.
pub(crate) fn reordered(
    faults: &mut Faults,
    random: &mut SplitMix,
    method: Method,
    mut records: Vec<Record>,
) -> Vec<Record> {
    let fires = |fault: &Fault| (*fault == Fault::ItemsReordered && !records.is_empty()).then_some(());
    if faults.first(method, fires).is_some() {
        let again = records.get(random.below(records.len())).cloned();
        records.extend(again);
        for index in (1..records.len()).rev() {
            records.swap(index, random.below(index + 1));
        }
    }
    records
}

fn empty_page(state: &mut State) -> bool {
    state.faults.first(Method::List, |fault| (*fault == Fault::EmptyPage).then_some(())).is_some()
}

/// One page of what left an object.
pub(crate) fn deletions(
    state: &mut State,
    reader: &Reader<'_>,
    cursor: Option<&Cursor>,
    now: Timestamp,
) -> Result<Archived> {
    let mut mark = Mark::read(cursor)?;
    let rows = state.data.table(reader.object).rows.values();
    let mut rows: Vec<&Row> = rows.filter(|row| row.deleted_at.is_some() && Place::of(row) > mark.after).collect();
    rows.sort_by_key(|row| Place::of(row));
    let ends = rows.len() <= reader.options.capabilities.list_page;
    rows.truncate(reader.options.capabilities.list_page);
    if let Some(last) = rows.last() {
        mark.after = Place::of(last);
    }
    let left = |row: &&Row| Deleted {
        address: Address::new(reader.object, &row.id),
        at: row.deleted_at,
        fate: match &row.merged_into {
            Some(winner) => Fate::Merged(Address::new(reader.object, winner)),
            None => Fate::Deleted,
        },
    };
    let records = rows.iter().map(left).collect();
    let next = if ends { mark.done(now, reader.options.capabilities.overlap) } else { mark.more(now) };
    Ok(Archived { records, next })
}

fn bad_cursor(cursor: &Cursor) -> Error {
    Error::new(Kind::Fatal, "bad-cursor", format!("`{}` is no cursor of this connector", cursor.0))
}
