//! Listing changes, or everything.

use std::borrow::Cow;

use hymnal_sdk::{
    Address, Call, Cursor, Error, Fields, Got, Kind, List, Next, Page, Record, Request, Result, State, Timestamp,
    http::{Access, unreadable},
};
use serde::{Deserialize, Serialize};

use super::{
    RestConnector, asked_for,
    place::{Follow, Place},
    record::{self, Wanted},
};
use crate::{
    json::Json,
    manifest::{
        changes::{Changes, Poll, Scan, TimeForm},
        object::Object,
        request::Paginator,
        template::Hole,
    },
    render::{self, Filling, Fillings},
};

/// One page, unread.
pub(super) struct RawPage {
    /// The records.
    pub(super) rows: Vec<Json>,
    /// What comes after.
    pub(super) next: Place,
    /// Nothing more for now.
    pub(super) done: bool,
}

impl RawPage {
    /// What comes after, for the caller.
    pub(super) fn next(&self) -> Next {
        let cursor = self.next.cursor();
        if self.done { Next::Done(cursor) } else { Next::More(cursor) }
    }
}

impl RestConnector {
    pub(super) async fn listed(&self, call: &Call, list: List<'_>) -> Result<Page> {
        let object = self.object(list.object)?;
        match &object.changes {
            Changes::Poll(poll) => self.by_time(call, &list, object, poll).await,
            Changes::Polls(polls) => self.by_times(call, &list, object, polls).await,
            Changes::Window(window) => {
                let (page, next) = self.windowed(call, list.object, object, window, list.fields, list.cursor).await?;
                let records = read(&list, object, &page)?;
                Ok(Page { records, next: if page.done { Next::Done(next) } else { Next::More(next) } })
            }
            Changes::Delta(delta) => self.moved_on(call, &list, object, delta).await,
            Changes::Feed(feed) => self.fed(call, &list, object, feed).await,
            Changes::Scan(scan) => {
                let page = self.scanned(call, list.object, object, scan, list.fields, list.cursor).await?;
                Ok(Page { records: read(&list, object, &page)?, next: page.next() })
            }
        }
    }

    async fn by_time(&self, call: &Call, list: &List<'_>, object: &Object, poll: &Poll) -> Result<Page> {
        match self.polled(call, list.object, object, poll, list.fields, list.cursor).await {
            Err(error) if error.kind == Kind::TooLarge => {
                let page = self.polled(call, list.object, object, poll, &[], list.cursor).await?;
                self.widened(call, list, object, page).await
            }
            other => {
                let page = other?;
                Ok(Page { records: read(list, object, &page)?, next: page.next() })
            }
        }
    }

    /// One poll to its end, then the next. The cursor is the cursors of all, and which one's turn it is.
    async fn by_times(&self, call: &Call, list: &List<'_>, object: &Object, polls: &[Poll]) -> Result<Page> {
        let mut turn: Turn = match list.cursor {
            Some(cursor) => serde_json::from_str(&cursor.0)
                .map_err(|_| Error::new(Kind::Fatal, "cursor", "the cursor of this listing cannot be read"))?,
            None => Turn::default(),
        };
        turn.cursors.resize(polls.len(), None);
        let Some(poll) = polls.get(turn.at) else {
            return Err(Error::new(Kind::Fatal, "cursor", "the cursor of this listing cannot be read"));
        };
        let before = turn.cursors[turn.at].take().map(Cursor);
        let page = self.by_time(call, &List { cursor: before.as_ref(), ..*list }, object, poll).await?;
        let (next, is_over) = match page.next {
            Next::More(next) => (next, false),
            Next::Done(next) => (next, true),
        };
        turn.cursors[turn.at] = Some(next.0);
        let is_last = turn.at + 1 >= polls.len();
        if is_over {
            turn.at = if is_last { 0 } else { turn.at + 1 };
        }
        let cursor = Cursor(serde_json::to_string(&turn).unwrap_or_default());
        let next = if is_over && is_last { Next::Done(cursor) } else { Next::More(cursor) };
        Ok(Page { records: page.records, next })
    }

    /// A page whose request would be too long with all the fields wanted: they are read by id. What is gone by then
    /// is left to the deletions.
    async fn widened(&self, call: &Call, list: &List<'_>, object: &Object, page: RawPage) -> Result<Page> {
        let ids: Vec<String> = page.rows.iter().filter_map(|row| record::id(object, row)).collect();
        let mut records = Vec::with_capacity(ids.len());
        for batch in ids.chunks(object.get.batch.max(1)) {
            for got in self.got(call, list.object, batch, list.fields).await? {
                if let Got::Record(record) = got {
                    records.push(*record);
                }
            }
        }
        for row in &page.rows {
            let Some(id) = record::id(object, row) else { continue };
            let survivor = Address::new(list.object, id);
            let merged = record::merged_ids(object, row).into_iter().filter(|id| *id != survivor.id);
            records.extend(merged.map(|id| loser(&survivor, id)));
        }
        Ok(Page { records, next: page.next() })
    }

    /// One page by time of change. If the service has forgotten the page, the window is begun anew from the last row.
    pub(super) async fn polled(
        &self,
        call: &Call,
        name: &str,
        object: &Object,
        poll: &Poll,
        fields: &[String],
        cursor: Option<&Cursor>,
    ) -> Result<RawPage> {
        let mut place = Place::read(cursor)?.begun(poll, self.clock.now().as_millisecond(), self.started);
        let mut base = self.fillings(name);
        base.insert(Hole::Fields, asked_for(object, fields));
        let request = match poll_request(poll, &place, &base) {
            Err(error) if error.kind == Kind::TooLarge && !place.seen.is_empty() => {
                place.seen.clear();
                poll_request(poll, &place, &base)?
            }
            other => other?,
        };
        let answer = match self.read(call, request).await {
            Err(error) if place.page.is_some() && is_expired(&poll.paginator, &error) => {
                place = place.again(poll);
                self.read(call, poll_request(poll, &place, &base)?).await?
            }
            other => other?,
        };
        let rows = selected(&answer, &poll.select)?;
        let keys: Vec<(i64, String)> = rows.iter().map(|row| key(object, poll, row)).collect::<Result<_>>()?;
        let follow = following(&poll.paginator, &answer, &place, rows.len(), poll.page);
        let (next, done) = place.after(poll, &keys, follow, self.clock.now().as_millisecond())?;
        Ok(RawPage { rows: answer.into_rows(&poll.select).unwrap_or_default(), next, done })
    }

    /// One page of everything.
    pub(super) async fn scanned(
        &self,
        call: &Call,
        name: &str,
        object: &Object,
        scan: &Scan,
        fields: &[String],
        cursor: Option<&Cursor>,
    ) -> Result<RawPage> {
        let place = Place::read(cursor)?;
        let mut base = self.fillings(name);
        base.insert(Hole::Fields, asked_for(object, fields));
        let answer = self.read(call, page_request(scan, &place, base)?).await?;
        let rows = selected_or_none(&answer, &scan.select, scan.optional)?.len();
        let total = total(&scan.paginator, &answer);
        let mut follow = following(&scan.paginator, &answer, &place, rows, scan.page);
        // Records that left meanwhile moved the later ones forward, past the page's edge: that page is read again.
        let mut is_again = false;
        if let (Some(before), Some(now), Some(page)) = (place.total, total, &place.page)
            && now < before
        {
            is_again = true;
            let back = (before - now).div_ceil(scan.page.max(1));
            let first = first_page(&scan.paginator).parse::<usize>().unwrap_or(0);
            let page = page.parse::<usize>().unwrap_or(first).saturating_sub(back).max(first);
            follow = Follow::Page(page.to_string());
        }
        let (mut next, done) = match follow {
            Follow::Page(page) if !is_again => (place.turned(page, rows)?, false),
            Follow::Page(page) => (Place { page: Some(page), circle: None, ..place.clone() }, false),
            // The next time, everything is read anew; what a feed of deletions remembers stays.
            Follow::End | Follow::More => {
                (Place { page: None, circle: None, total: None, rows: 0, ..place.clone() }, true)
            }
        };
        if !done {
            next.total = total;
        }
        Ok(RawPage { rows: answer.into_rows(&scan.select).unwrap_or_default(), next, done })
    }
}

/// Whose turn it is among several polls, and where each stands.
#[derive(Default, Serialize, Deserialize)]
struct Turn {
    #[serde(rename = "t")]
    at: usize,
    #[serde(rename = "c")]
    cursors: Vec<Option<String>>,
}

/// A page's records, and those that were merged into them.
fn read(list: &List<'_>, object: &Object, page: &RawPage) -> Result<Vec<Record>> {
    let mut records = Vec::with_capacity(page.rows.len());
    for row in &page.rows {
        let record = record::read(list.object, object, row, Wanted::Named(list.fields))?;
        let merged = record::merged_ids(object, row);
        let losers = merged.into_iter().filter(|id| *id != record.address.id).map(|id| loser(&record.address, id));
        let losers: Vec<Record> = losers.collect();
        records.push(record);
        records.extend(losers);
    }
    Ok(records)
}

/// A record that was merged away, known only by its id.
fn loser(survivor: &Address, id: String) -> Record {
    let mut record = Record::new(Address::new(&survivor.object, id), Fields::new());
    record.state = State::Merged { into: survivor.clone() };
    record
}

fn poll_request(poll: &Poll, place: &Place, base: &Fillings) -> Result<Request> {
    let shape = match (&place.after_id, &poll.beyond) {
        (Some(_), _) => &poll.tie,
        (None, Some(beyond)) if !place.seen.is_empty() => beyond,
        (None, _) => &poll.request,
    };
    if let (Paginator::NextLink { .. }, Some(link)) = (&poll.paginator, &place.page) {
        return render::follow(shape, link, base);
    }
    let mut fillings = base.clone();
    fillings.insert(Hole::Since, Filling::Literal(written(poll.written, place.since)));
    fillings.insert(Hole::Limit, Filling::Number(poll.page));
    fillings.insert(Hole::Ids, Filling::Ids(place.seen.clone()));
    if let Some(id) = &place.after_id {
        fillings.insert(Hole::AfterId, Filling::Text(id.clone()));
    }
    add_page(&poll.paginator, place, &mut fillings);
    render::request(shape, &fillings, Access::Read)
}

pub(super) fn page_request(scan: &Scan, place: &Place, mut fillings: Fillings) -> Result<Request> {
    if let (Paginator::NextLink { .. }, Some(link)) = (&scan.paginator, &place.page) {
        return render::follow(&scan.request, link, &fillings);
    }
    fillings.insert(Hole::Limit, Filling::Number(scan.page));
    add_page(&scan.paginator, place, &mut fillings);
    render::request(&scan.request, &fillings, Access::Read)
}

fn add_page(paginator: &Paginator, place: &Place, fillings: &mut Fillings) {
    let page = match (&place.page, paginator) {
        (Some(page), _) => page.clone(),
        (None, Paginator::Offset {} | Paginator::Page { .. }) => first_page(paginator),
        (None, _) => return,
    };
    fillings.insert(Hole::Cursor, Filling::Literal(page));
}

fn first_page(paginator: &Paginator) -> String {
    if let Paginator::Page { first, .. } = paginator { first.to_string() } else { "0".to_owned() }
}

/// A point in time as a service wants it. Shorter forms round down: a row may come twice, never not at all.
pub(super) fn written(form: TimeForm, millis: i64) -> String {
    let time = Timestamp::from_millisecond(millis).unwrap_or(Timestamp::UNIX_EPOCH);
    match form {
        TimeForm::EpochMs => millis.to_string(),
        TimeForm::Spaced => time.strftime("%Y-%m-%d %H:%M:%S").to_string(),
        TimeForm::Seconds => time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        TimeForm::Millis => format!("{}.{:03}Z", time.strftime("%Y-%m-%dT%H:%M:%S"), millis.rem_euclid(1000)),
    }
}

/// The records of a page, where a service leaves out an empty list.
pub(super) fn selected_or_none<'a>(answer: &'a Json, path: &str, is_optional: bool) -> Result<Cow<'a, [Json]>> {
    if is_optional && matches!(answer, Json::Object(_)) && answer.at(path).is_none() {
        return Ok(Cow::Borrowed(&[]));
    }
    selected(answer, path)
}

/// The records of a page.
pub(super) fn selected<'a>(answer: &'a Json, path: &str) -> Result<Cow<'a, [Json]>> {
    answer.rows(path).ok_or_else(|| unreadable(Access::Read, format!("the answer has no list `{path}`")))
}

fn key(object: &Object, poll: &Poll, row: &Json) -> Result<(i64, String)> {
    let time = row.at(&poll.time).and_then(record::time);
    let id = record::id(object, row);
    match (time, id) {
        (Some(time), Some(id)) => Ok((time.as_millisecond(), id)),
        _ => Err(unreadable(Access::Read, format!("a record came without its id or its time `{}`", poll.time))),
    }
}

/// What comes after a page, by its paginator.
pub(super) fn following(paginator: &Paginator, answer: &Json, place: &Place, rows: usize, page: usize) -> Follow {
    let said = |path: &str| answer.at(path).and_then(Json::as_text).filter(|text| !text.is_empty());
    let counted = |start: usize, step: usize| {
        if rows < page {
            Follow::End
        } else {
            let here = place.page.as_ref().and_then(|page| page.parse().ok()).unwrap_or(start);
            Follow::Page((here + step).to_string())
        }
    };
    match paginator {
        Paginator::BodyCursor { path } | Paginator::NextLink { path, .. } => {
            said(path).map_or(Follow::End, Follow::Page)
        }
        Paginator::Offset {} => counted(0, rows),
        Paginator::Page { first, .. } => counted(usize::try_from(*first).unwrap_or(0), 1),
        Paginator::Keyset { more } => {
            let is_more = more.as_ref().map_or(rows >= page, |path| said(path).is_some());
            if is_more { Follow::More } else { Follow::End }
        }
    }
}

fn total(paginator: &Paginator, answer: &Json) -> Option<usize> {
    let Paginator::Page { total: Some(path), .. } = paginator else { return None };
    answer.at(path)?.as_text()?.parse().ok()
}

/// The service says that a page of its own is gone: by its code, or by not knowing the address any more.
fn is_expired(paginator: &Paginator, error: &Error) -> bool {
    matches!(paginator, Paginator::NextLink { expires, .. } if expires.contains(&error.code) || error.kind == Kind::Gone)
}
