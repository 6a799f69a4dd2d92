//! Listing by a log of activities: the records that it names are read by id, as they are now.
//!
//! The place in the log is taken before anything else is read, so that nothing can happen between the first reading of
//! everybody and the log.

use std::collections::BTreeSet;

use hymnal_sdk::{
    Address, Archived, Call, Cursor, Deleted, Error, Fate, Got, Kind, List, Next, Page, Result,
    http::{Access, unreadable},
};
use serde::{Deserialize, Serialize};

use super::{
    RestConnector, asked_for,
    list::{selected_or_none, written},
    record::{self, Wanted},
};
use crate::{
    json::Json,
    manifest::{changes::Feed, object::Object, template::Hole},
    render::{self, Filling},
};

/// Where the reading stands.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Stand {
    /// The place in the log.
    #[serde(rename = "t")]
    token: String,
    /// Where the first reading of everybody goes on, while it is not over.
    #[serde(rename = "s", skip_serializing_if = "Option::is_none")]
    scan: Option<String>,
    /// The first reading is over, or there is none.
    #[serde(rename = "o")]
    is_over: bool,
}

impl Stand {
    fn cursor(&self) -> Cursor {
        Cursor(serde_json::to_string(self).unwrap_or_default())
    }
}

impl RestConnector {
    /// One page: of everybody, the first time, then of the log.
    pub(super) async fn fed(&self, call: &Call, list: &List<'_>, object: &Object, feed: &Feed) -> Result<Page> {
        let stand = self.stand(call, list.object, feed, list.cursor).await?;
        if let Some(first) = feed.first.as_ref().filter(|_| !stand.is_over) {
            let cursor = stand.scan.clone().map(Cursor);
            let page = self.scanned(call, list.object, object, first, list.fields, cursor.as_ref()).await?;
            let mut records = Vec::with_capacity(page.rows.len());
            for row in &page.rows {
                records.push(record::read(list.object, object, row, Wanted::Named(list.fields))?);
            }
            let scan = (!page.done).then(|| page.next.cursor().0);
            let next = Stand { scan, is_over: page.done, ..stand };
            return Ok(Page { records, next: Next::More(next.cursor()) });
        }
        let (ids, next) = self.logged(call, list.object, object, feed, list.fields, stand).await?;
        let mut records = Vec::with_capacity(ids.len());
        for batch in ids.chunks(object.get.batch.max(1)) {
            for got in self.got(call, list.object, batch, list.fields).await? {
                if let Got::Record(record) = got {
                    records.push(*record);
                }
            }
        }
        Ok(Page { records, next })
    }

    /// One page of the log of deletions.
    pub(super) async fn fed_deletions(
        &self,
        call: &Call,
        name: &str,
        object: &Object,
        feed: &Feed,
        cursor: Option<&Cursor>,
    ) -> Result<Archived> {
        let stand = self.stand(call, name, feed, cursor).await?;
        let (ids, next) = self.logged(call, name, object, feed, &[], stand).await?;
        let deleted = |id: String| Deleted { address: Address::new(name, id), at: None, fate: Fate::Deleted };
        Ok(Archived { records: ids.into_iter().map(deleted).collect(), next })
    }

    /// Where the reading stands; the first time, the place in the log that is now.
    async fn stand(&self, call: &Call, name: &str, feed: &Feed, cursor: Option<&Cursor>) -> Result<Stand> {
        if let Some(cursor) = cursor {
            return serde_json::from_str(&cursor.0)
                .map_err(|_| Error::new(Kind::Fatal, "cursor", "the cursor of this listing cannot be read"));
        }
        let offset = self.http.health().clock_offset_ms.unwrap_or(0);
        let overlap = i64::try_from(feed.overlap.0.as_millis()).unwrap_or(i64::MAX);
        let since = self.clock.now().as_millisecond().saturating_add(offset).saturating_sub(overlap).max(0);
        let mut fillings = self.fillings(name);
        fillings.insert(Hole::Since, Filling::Literal(written(feed.written, since)));
        let answer = self.read(call, render::request(&feed.start, &fillings, Access::Read)?).await?;
        let token = answer.at(&feed.cursor).and_then(Json::as_text);
        let token = token.ok_or_else(|| unreadable(Access::Read, "the log has no place to start from"))?;
        Ok(Stand { token, scan: None, is_over: feed.first.is_none() })
    }

    /// The ids that one page of the log names, each once, and what comes after.
    async fn logged(
        &self,
        call: &Call,
        name: &str,
        object: &Object,
        feed: &Feed,
        fields: &[String],
        stand: Stand,
    ) -> Result<(Vec<String>, Next)> {
        let mut fillings = self.fillings(name);
        fillings.insert(Hole::Fields, asked_for(object, fields));
        fillings.insert(Hole::Limit, Filling::Number(feed.page));
        fillings.insert(Hole::Cursor, Filling::Literal(stand.token.clone()));
        let answer = self.read(call, render::request(&feed.request, &fillings, Access::Read)?).await?;
        let rows = selected_or_none(&answer, &feed.select, true)?;
        let mut seen = BTreeSet::new();
        let ids = rows.iter().filter_map(|row| row.at(&feed.id).and_then(Json::as_text));
        let ids = ids.map(|id| record::normal_id(object.id_form, &id)).filter(|id| seen.insert(id.clone())).collect();
        let token = answer.at(&feed.cursor).and_then(Json::as_text).unwrap_or_else(|| stand.token.clone());
        let cursor = Stand { token, ..stand }.cursor();
        let is_more = feed.more.holds(&answer) == Some(true);
        Ok((ids, if is_more { Next::More(cursor) } else { Next::Done(cursor) }))
    }
}
