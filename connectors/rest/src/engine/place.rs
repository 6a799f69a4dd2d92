//! Where a listing stands, and where it goes on. Pure: given a page, the next place.
//!
//! A poll reads windows: everything at or after a time, oldest first. The next page is either where the service says
//! (a cursor, a link), or a new window from the last row's time. If a whole page shares that time, no new window
//! could move on: then the rows of exactly that time are read by id, and after them the window one step later. Rows of
//! a window's own time that were read already may be left out of it, by their ids, where the service can do so. So
//! neither equal times at a page's edge, nor more rows of one time than a page or a cap holds, nor rows that move
//! away while pages are read can hide a record.
//!
//! When a poll has ended, the next starts `overlap` before the newest row, since rows become visible late. That
//! stretch shrinks as our clock goes on: what was read `overlap` ago has no late rows left before it. Where the stretch
//! holds many rows, to read it at every poll would cost pages each time: then its last rows are read again by the next
//! poll, and all of it once, when `overlap` has passed.

use hymnal_sdk::{Cursor, Error, Kind, Result};
use serde::{Deserialize, Serialize};

use crate::manifest::changes::Poll;

/// So many rows, or half a page where that is less, are read again without a thought.
const FEW: usize = 100;

/// So many ids are named in a request (HubSpot's search takes 100 values in a filter, and 3,000
/// characters in all).
const NAMED: usize = 100;

/// Where a listing stands. Times are milliseconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Place {
    /// The start of the window.
    #[serde(rename = "s", skip_serializing_if = "is_zero")]
    pub(super) since: i64,
    /// Only rows of exactly `since`, with greater ids than this.
    #[serde(rename = "i", skip_serializing_if = "Option::is_none")]
    pub(super) after_id: Option<String>,
    /// Rows of exactly `since` that were read already, by id: the window is read without them.
    #[serde(rename = "e", skip_serializing_if = "Vec::is_empty")]
    pub(super) seen: Vec<String>,
    /// The page within the window, as its paginator counts.
    #[serde(rename = "p", skip_serializing_if = "Option::is_none")]
    pub(super) page: Option<String>,
    /// Rows read in this window.
    #[serde(rename = "n", skip_serializing_if = "is_nought")]
    pub(super) rows: usize,
    /// The last row of this window: time and id.
    #[serde(rename = "l", skip_serializing_if = "Option::is_none")]
    pub(super) last: Option<(i64, String)>,
    /// The newest time read so far.
    #[serde(rename = "h", skip_serializing_if = "Option::is_none")]
    pub(super) newest: Option<i64>,
    /// When, by our clock, that was first read.
    #[serde(rename = "w", skip_serializing_if = "is_zero")]
    pub(super) newest_read: i64,
    /// Where the stretch starts in which rows may still become visible, while polls read not all of it.
    #[serde(rename = "u", skip_serializing_if = "Option::is_none")]
    pub(super) unsettled: Option<i64>,
    /// When, by our clock, all of that stretch is to be read again.
    #[serde(rename = "f", skip_serializing_if = "is_zero")]
    pub(super) full_at: i64,
    /// How many records there were in all, where a paginator tells.
    #[serde(rename = "c", skip_serializing_if = "Option::is_none")]
    pub(super) total: Option<usize>,
    /// To notice pages that lead in a circle.
    #[serde(rename = "o", skip_serializing_if = "Option::is_none")]
    pub(super) circle: Option<Circle>,
}

/// Brent's cycle finding: a page kept for comparison, kept anew after 1, 2, 4, 8 … steps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Circle {
    page: String,
    steps: u32,
    power: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(number: &i64) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_nought(number: &usize) -> bool {
    *number == 0
}

/// What the page just read says of the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Follow {
    /// There is none.
    End,
    /// It is there.
    Page(String),
    /// There is more, to be asked for from the last row.
    More,
}

impl Place {
    /// From a cursor; without one, the beginning.
    ///
    /// # Errors
    /// `Fatal` where it is none of ours.
    pub(super) fn read(cursor: Option<&Cursor>) -> Result<Self> {
        let Some(cursor) = cursor else { return Ok(Self::default()) };
        serde_json::from_str(&cursor.0)
            .map_err(|_| Error::new(Kind::Fatal, "cursor", "the cursor of this listing cannot be read"))
    }

    /// As a cursor.
    pub(super) fn cursor(&self) -> Cursor {
        Cursor(serde_json::to_string(self).unwrap_or_default())
    }

    /// The next page of the same window.
    ///
    /// # Errors
    /// `Fatal` where the pages lead in a circle.
    pub(super) fn turned(&self, page: String, rows: usize) -> Result<Self> {
        let circle = match &self.circle {
            Some(circle) if circle.page == page => return Err(stuck("its pages lead in a circle")),
            Some(circle) if circle.steps < circle.power => Circle { steps: circle.steps + 1, ..circle.clone() },
            Some(circle) => Circle { page: page.clone(), steps: 1, power: circle.power.saturating_mul(2) },
            None => Circle { page: page.clone(), steps: 1, power: 1 },
        };
        Ok(Self { page: Some(page), rows: self.rows + rows, circle: Some(circle), ..self.clone() })
    }

    /// The place from which the next request reads, by our clock: the whole stretch in which rows may still become
    /// visible, where that is due, and where it was left by a run before this one, which `started` later: nobody who
    /// starts another run should have to wait for what came late in the last.
    pub(super) fn begun(self, poll: &Poll, now: i64, started: i64) -> Self {
        let left_at = self.full_at.saturating_sub(overlap(poll));
        let is_due = now >= self.full_at || now < left_at || left_at < started;
        match self.unsettled {
            Some(start) if is_due => Self { unsettled: None, full_at: 0, ..self.window(start) },
            _ => self,
        }
    }

    /// A new window that starts at this time.
    fn window(&self, since: i64) -> Self {
        let Self { newest, newest_read, unsettled, full_at, .. } = *self;
        Self { since, newest, newest_read, unsettled, full_at, ..Self::default() }
    }

    /// The rows of exactly this time, by id.
    fn tie(&self, at: i64, after_id: String) -> Self {
        Self { after_id: Some(after_id), ..self.window(at) }
    }

    /// The place from which everything not yet read of this window can be read anew, where its pages are lost.
    pub(super) fn again(&self, poll: &Poll) -> Self {
        match (&self.after_id, &self.last) {
            (Some(_), Some((_, id))) => self.tie(self.since, id.clone()),
            (None, Some((time, _))) if *time > self.since => self.window(*time),
            (None, Some((time, _))) => self.tie(*time, poll.first_id.clone()),
            (_, None) => Self { page: None, rows: 0, circle: None, ..self.clone() },
        }
    }

    /// The place after a page of these rows (time, id), and whether the poll has ended with it.
    ///
    /// # Errors
    /// `Fatal` where the service's answers cannot lead on.
    pub(super) fn after(&self, poll: &Poll, rows: &[(i64, String)], follow: Follow, now: i64) -> Result<(Self, bool)> {
        let mut here = self.clone();
        if let Some(newest) = rows.iter().map(|(time, _)| *time).max()
            && here.newest.is_none_or(|known| newest > known)
        {
            (here.newest, here.newest_read) = (Some(newest), now);
        }
        if let Some(row) = rows.last() {
            here.last = Some(row.clone());
        }
        let capped = poll.cap.is_some_and(|cap| here.rows + rows.len() + poll.page > cap);
        let follow = match follow {
            Follow::Page(_) if capped => Follow::More,
            follow => follow,
        };
        match follow {
            Follow::End if here.after_id.is_some() => Ok((here.window(here.since + step(poll)), false)),
            // Later pages can be those of a snapshot, which shows nothing that changed since the first: look once more.
            Follow::End if here.page.is_some() => match here.newest {
                Some(newest) if newest > here.since => Ok((here.window(newest), false)),
                _ => Ok((here.tie(here.since, poll.first_id.clone()), false)),
            },
            Follow::End => Ok((here.idle(poll, rows, now), true)),
            Follow::Page(page) => Ok((here.turned(page, rows.len())?, false)),
            Follow::More if here.after_id.is_some() => here.next_tie(rows),
            Follow::More => here.next_window(poll, rows),
        }
    }

    fn next_tie(&self, rows: &[(i64, String)]) -> Result<(Self, bool)> {
        match rows.last() {
            Some((_, id)) if self.after_id.as_ref() != Some(id) => Ok((self.tie(self.since, id.clone()), false)),
            _ => Err(stuck("the records of one time do not come in the order of their ids")),
        }
    }

    fn next_window(&self, poll: &Poll, rows: &[(i64, String)]) -> Result<(Self, bool)> {
        match rows.last() {
            Some((time, _)) if *time > self.since => Ok((self.window_behind(poll, *time, rows), false)),
            Some((time, _)) if *time == self.since => Ok((self.tie(*time, poll.first_id.clone()), false)),
            Some(_) => Err(stuck("it answers with records older than those asked for")),
            None => Err(stuck("it says that there is more, and answers with nothing")),
        }
    }

    /// The window from the time at which a page ended, without the rows of that time which it held.
    fn window_behind(&self, poll: &Poll, time: i64, rows: &[(i64, String)]) -> Self {
        let here = self.window(time);
        let seen = rows.iter().rev().take_while(|row| row.0 == time).map(|row| row.1.clone());
        let seen: Vec<String> = seen.take(NAMED + 1).collect();
        if poll.beyond.is_some() && seen.len() <= NAMED { Self { seen, ..here } } else { here }
    }

    /// Where the next poll starts, after the last page of this one.
    fn idle(&self, poll: &Poll, rows: &[(i64, String)], now: i64) -> Self {
        let Some(newest) = self.newest else { return self.window(self.since) };
        let back = overlap(poll).saturating_sub(now.saturating_sub(self.newest_read).max(0)).max(0);
        let start = match self.unsettled {
            Some(start) => start,
            // No row can join those of the newest time any more.
            None if back == 0 => return self.window(newest + step(poll)),
            None => (newest - back).max(0),
        };
        let few = FEW.min(poll.page / 2);
        let is_short = self.since <= start && rows.iter().filter(|(time, _)| *time >= start).count() <= few;
        if self.unsettled.is_none() && is_short {
            return self.window(start);
        }
        let is_new = self.newest_read == now;
        let since = match rows.len().checked_sub(few).filter(|at| *at > 0).and_then(|at| rows.get(at)) {
            // The last rows have been read twice by now.
            _ if self.unsettled.is_some() && !is_new => newest + step(poll),
            Some((time, _)) => *time,
            None => self.since,
        };
        let since = since.max(start);
        let full_at = if self.unsettled.is_some() { self.full_at } else { now.saturating_add(overlap(poll)) };
        Self { unsettled: Some(start), full_at, ..self.window(since) }
    }
}

/// How long rows may take to become visible, in milliseconds.
fn overlap(poll: &Poll) -> i64 {
    i64::try_from(poll.overlap.0.as_millis()).unwrap_or(i64::MAX)
}

/// The smallest step of time, at least a millisecond.
fn step(poll: &Poll) -> i64 {
    i64::try_from(poll.granularity.0.as_millis()).unwrap_or(1).max(1)
}

fn stuck(why: &str) -> Error {
    Error::new(Kind::Fatal, "listing-stuck", format!("the listing cannot go on: {why}"))
}

#[cfg(test)]
mod tests;
