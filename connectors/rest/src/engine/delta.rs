//! Listing by links that lead from one state of the whole to the next.

use hymnal_sdk::{
    Address, Call, Cursor, Error, Fields, Kind, List, Next, Page, Record, Result, State,
    http::{Access, unreadable},
};
use serde::{Deserialize, Serialize};

use super::{
    RestConnector, asked_for,
    list::selected,
    record::{self, Wanted},
};
use crate::{
    json::Json,
    manifest::{changes::Delta, object::Object, template::Hole},
    render::{self, Filling},
};

/// Where the listing stands.
#[derive(Default, Serialize, Deserialize)]
struct Stand {
    /// The address of the page that comes next.
    #[serde(rename = "l", skip_serializing_if = "Option::is_none")]
    link: Option<String>,
    /// It leads to a page of a listing that has begun.
    #[serde(rename = "n")]
    is_page: bool,
    /// Of the fields that were asked for: a link shows those of the request that began it, and no others.
    #[serde(rename = "f")]
    fields: u64,
}

impl RestConnector {
    /// One page from the first state, or from a link.
    pub(super) async fn moved_on(&self, call: &Call, list: &List<'_>, object: &Object, delta: &Delta) -> Result<Page> {
        let stand: Stand = match list.cursor {
            Some(cursor) => serde_json::from_str(&cursor.0)
                .map_err(|_| Error::new(Kind::Fatal, "cursor", "the cursor of this listing cannot be read"))?,
            None => Stand::default(),
        };
        let fields = digest(list.fields);
        let link = stand.link.filter(|_| stand.fields == fields);
        let mut fillings = self.fillings(list.object);
        fillings.insert(Hole::Fields, asked_for(object, list.fields));
        fillings.insert(Hole::Limit, Filling::Number(delta.page));
        let answer = match &link {
            Some(link) => match self.read(call, render::follow(&delta.request, link, &fillings)?).await {
                // The service has forgotten the link, and does not say so in any word that its documents name:
                // everything is read again, which is always right.
                Err(error) if error.kind == Kind::Gone || (error.kind == Kind::Fatal && !stand.is_page) => {
                    self.read(call, render::request(&delta.request, &fillings, Access::Read)?).await?
                }
                other => other?,
            },
            None => self.read(call, render::request(&delta.request, &fillings, Access::Read)?).await?,
        };
        let mut records = Vec::new();
        for row in selected(&answer, &delta.select)?.iter() {
            records.extend(read(list, object, delta, row)?);
        }
        let said = |path: &str| answer.at(path).and_then(Json::as_text).filter(|text| !text.is_empty());
        let cursor = |link: String, is_page: bool| {
            Cursor(serde_json::to_string(&Stand { link: Some(link), is_page, fields }).unwrap_or_default())
        };
        let next = match (said(&delta.next), said(&delta.link)) {
            (Some(next), _) => Next::More(cursor(next, true)),
            (None, Some(link)) => Next::Done(cursor(link, false)),
            // Nothing changed, and the service says no more than that: the link is still good.
            (None, None) => {
                let link = link.filter(|_| !stand.is_page);
                let none = || unreadable(Access::Read, format!("the last page has no link `{}`", delta.link));
                Next::Done(cursor(link.ok_or_else(none)?, false))
            }
        };
        Ok(Page { records, next })
    }
}

/// A row's record; one that was deleted has an id and no more. One that left for another reason is not named.
fn read(list: &List<'_>, object: &Object, delta: &Delta, row: &Json) -> Result<Option<Record>> {
    match delta.removed.holds(row) {
        None => record::read(list.object, object, row, Wanted::Named(list.fields)).map(Some),
        Some(false) => Ok(None),
        Some(true) => {
            let id = row.at(&delta.removed_id).and_then(Json::as_text);
            let id = id.ok_or_else(|| unreadable(Access::Read, "a deletion came without an id"))?;
            let address = Address::new(list.object, record::normal_id(object.id_form, &id));
            let mut record = Record::new(address, Fields::new());
            record.state = State::Deleted;
            Ok(Some(record))
        }
    }
}

/// A number for a list of names (FNV-1a): the same for the same list, in every version of this program.
fn digest(names: &[String]) -> u64 {
    let bytes = names.iter().flat_map(|name| name.bytes().chain([0]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
