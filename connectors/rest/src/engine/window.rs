//! Listing what changed since a time, where the service answers in another order than that of time.
//!
//! The window stands still while its pages are read, and its rows do not leave it: a row that changes meanwhile only gets
//! a later time. So every row is met once at least. But what changed after its page was read, and before the newest row
//! that was met, is only met by the next window if that begins early enough: not behind the moment at which the first
//! page was asked for, by the service's clock.
//!
//! By offset, rows can move: one that is deleted moves those behind it to the front, over the edge of a page. So each
//! page begins with the last row of the one before it. If that stands elsewhere, an earlier page is read again.

use hymnal_sdk::{Call, Cursor, Error, Kind, Result};
use serde::{Deserialize, Serialize};

use super::{
    RestConnector, asked_for,
    list::{RawPage, following, selected, written},
    place::{Follow, Place},
    record,
};
use crate::{
    json::Json,
    manifest::{changes::Window, object::Object, request::Paginator, template::Hole},
    render::{self, Filling},
};

/// Where the listing of a window stands. Times are milliseconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Stand {
    /// The window's start, inclusive.
    #[serde(rename = "s")]
    since: i64,
    /// The page that comes next, as the paginator counts.
    #[serde(rename = "p", skip_serializing_if = "Option::is_none")]
    page: Option<String>,
    /// The last row of the page before, by id, with which the next must begin.
    #[serde(rename = "a", skip_serializing_if = "Option::is_none")]
    anchor: Option<String>,
    /// When the first page was asked for, by the service's clock.
    #[serde(rename = "b", skip_serializing_if = "Option::is_none")]
    begun: Option<i64>,
    /// The newest time met so far.
    #[serde(rename = "h", skip_serializing_if = "Option::is_none")]
    newest: Option<i64>,
    /// When, by our clock, that was first met.
    #[serde(rename = "w")]
    newest_read: i64,
}

impl Stand {
    fn read(cursor: Option<&Cursor>) -> Result<Self> {
        let Some(cursor) = cursor else { return Ok(Self::default()) };
        serde_json::from_str(&cursor.0)
            .map_err(|_| Error::new(Kind::Fatal, "cursor", "the cursor of this listing cannot be read"))
    }

    fn cursor(&self) -> Cursor {
        Cursor(serde_json::to_string(self).unwrap_or_default())
    }

    /// Notes what a page showed.
    fn met(&mut self, times: &[i64], now: i64) {
        if let Some(newest) = times.iter().max()
            && self.newest.is_none_or(|known| *newest > known)
        {
            (self.newest, self.newest_read) = (Some(*newest), now);
        }
    }

    /// Where the next window starts, after the last page of this one.
    fn ended(&self, window: &Window, was_one_page: bool, now: i64) -> Self {
        let millis = |span: std::time::Duration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        let Some(newest) = self.newest else { return Self { since: self.since, ..Self::default() } };
        // One page shows one moment: nothing can have changed behind it.
        let met = self.begun.filter(|_| !was_one_page).map_or(newest, |begun| newest.min(begun));
        let passed = now.saturating_sub(self.newest_read).max(0);
        let back = millis(window.overlap.0).saturating_sub(passed).max(0);
        let since = if back == 0 && met == newest {
            // No row can join those of the newest time any more.
            newest + millis(window.granularity.0).max(1)
        } else {
            met - back
        };
        Self {
            since: since.max(self.since).max(0),
            newest: self.newest,
            newest_read: self.newest_read,
            ..Self::default()
        }
    }
}

impl RestConnector {
    /// One page of a window.
    pub(super) async fn windowed(
        &self,
        call: &Call,
        name: &str,
        object: &Object,
        window: &Window,
        fields: &[String],
        cursor: Option<&Cursor>,
    ) -> Result<(RawPage, Cursor)> {
        let mut here = Stand::read(cursor)?;
        let asked_at = self.clock.now().as_millisecond();
        let answer = self.read(call, self.window_request(name, object, window, fields, &here)?).await?;
        let begun = asked_at.saturating_add(self.http.health().clock_offset_ms.unwrap_or(0));
        here.begun.get_or_insert(begun);
        let rows = selected(&answer, &window.select)?;
        let mut keys = Vec::with_capacity(rows.len());
        for row in rows.iter() {
            keys.push(key(object, window, row)?);
        }
        let times: Vec<i64> = keys.iter().map(|(time, _)| *time).collect();
        here.met(&times, self.clock.now().as_millisecond());
        let (next, done) = after(window, &here, &answer, &keys, self.clock.now().as_millisecond())?;
        let rows = answer.into_rows(&window.select).unwrap_or_default();
        Ok((RawPage { rows, next: Place::default(), done }, next.cursor()))
    }

    fn window_request(
        &self,
        name: &str,
        object: &Object,
        window: &Window,
        fields: &[String],
        here: &Stand,
    ) -> Result<hymnal_sdk::Request> {
        let mut fillings = self.fillings(name);
        let step = if window.exclusive { window.granularity.0.as_millis() } else { 0 };
        let since = here.since.saturating_sub(i64::try_from(step).unwrap_or(0)).max(0);
        fillings.insert(Hole::Fields, asked_for(object, fields));
        fillings.insert(Hole::Since, Filling::Literal(written(window.written, since)));
        fillings.insert(Hole::Limit, Filling::Number(window.page));
        let page = match (&window.paginator, &here.page) {
            (Paginator::Offset {}, page) => {
                let offset = page.as_ref().and_then(|page| page.parse::<usize>().ok()).unwrap_or(0);
                Some(offset.saturating_sub(usize::from(here.anchor.is_some())).to_string())
            }
            (_, page) => page.clone(),
        };
        if let Some(page) = page {
            fillings.insert(Hole::Cursor, Filling::Literal(page));
        }
        render::request(&window.request, &fillings, hymnal_sdk::http::Access::Read)
    }
}

/// What comes after a page, and whether that was the last.
fn after(window: &Window, here: &Stand, answer: &Json, keys: &[(i64, String)], now: i64) -> Result<(Stand, bool)> {
    if !matches!(window.paginator, Paginator::Offset {}) {
        let place = Place { page: here.page.clone(), ..Place::default() };
        return Ok(match following(&window.paginator, answer, &place, keys.len(), window.page) {
            Follow::Page(page) => (Stand { page: Some(page), ..here.clone() }, false),
            Follow::End | Follow::More => (here.ended(window, here.page.is_none(), now), true),
        });
    }
    let offset = here.page.as_ref().and_then(|page| page.parse::<usize>().ok()).unwrap_or(0);
    if let Some(anchor) = &here.anchor
        && !keys.iter().any(|(_, id)| id == anchor)
    {
        let back = offset.saturating_sub(window.page);
        return Ok((Stand { page: Some(back.to_string()), anchor: None, ..here.clone() }, false));
    }
    match keys.last() {
        Some((_, last)) if keys.len() >= window.page => {
            let read = keys.len() - usize::from(here.anchor.is_some());
            if read == 0 {
                return Err(Error::new(Kind::Fatal, "listing-stuck", "a page of one record leads nowhere"));
            }
            let next = Stand { page: Some((offset + read).to_string()), anchor: Some(last.clone()), ..here.clone() };
            Ok((next, false))
        }
        _ => Ok((here.ended(window, here.page.is_none(), now), true)),
    }
}

fn key(object: &Object, window: &Window, row: &Json) -> Result<(i64, String)> {
    let time = row.at(&window.time).and_then(record::time);
    match (time, record::id(object, row)) {
        (Some(time), Some(id)) => Ok((time.as_millisecond(), id)),
        _ => Err(hymnal_sdk::http::unreadable(
            hymnal_sdk::http::Access::Read,
            format!("a record came without its id or its time `{}`", window.time),
        )),
    }
}

#[cfg(test)]
mod tests;
