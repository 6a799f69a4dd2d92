//! Looking up by key.

use std::{borrow::Cow, collections::BTreeSet};

use hymnal_sdk::{BoxFuture, Call, Error, Find, Found, Got, Kind, Native, Record, Result, State, http::Access};

use super::{
    RestConnector, asked_for,
    list::{following, selected_or_none},
    place::{Follow, Place},
    record::{self, Wanted},
    too_many,
};
use crate::{
    json::Json,
    manifest::{
        object::{Lookup, Object},
        request::Paginator,
        template::Hole,
    },
    render::{self, Filling, Fillings},
};

impl RestConnector {
    pub(super) async fn found(&self, call: &Call, find: Find<'_>) -> Result<Found> {
        let object = self.object(find.object)?;
        let lookup = match (&object.find.unique, &object.find.any) {
            (Some(lookup), _) if self.is_unique(find.object, &object.unique, find.key) => lookup,
            (_, Some(lookup)) if lookup.only.is_empty() || lookup.only.iter().any(|field| field == find.key) => lookup,
            _ => {
                let message = format!("`{}` cannot be looked up by `{}`", find.object, find.key);
                return Err(Error::new(Kind::Fatal, "no-find", message).about(find.key));
            }
        };
        too_many(find.values.len(), lookup.batch)?;
        // A service may refuse a value that is asked for twice, also where only its case differs.
        let mut seen = BTreeSet::new();
        let filled = find.values.iter().filter(|value| !value.is_blank());
        let once = filled.filter(|value| seen.insert(value.to_string().to_lowercase()));
        let values: Vec<Native> = once.map(|value| cased(lookup, value)).collect();
        let mut records: Vec<Record> = Vec::new();
        if !values.is_empty() {
            for record in self.looked_up(call, &find, object, lookup, &values).await? {
                if record.state == State::Live && !records.iter().any(|known| known.address == record.address) {
                    records.push(record);
                }
            }
        }
        Ok(Found { records, consistent: lookup.consistent })
    }

    /// Every record with one of the values. Where the service refuses all because of one, each half is asked alone.
    fn looked_up<'a>(
        &'a self,
        call: &'a Call,
        find: &'a Find<'a>,
        object: &'a Object,
        lookup: &'a Lookup,
        values: &'a [Native],
    ) -> BoxFuture<'a, Result<Vec<Record>>> {
        Box::pin(async move {
            match self.look_up(call, find, object, lookup, values).await {
                Err(error) if error.kind == Kind::Gone && values.len() == 1 => Ok(Vec::new()),
                Err(Error { kind: Kind::Gone | Kind::TooLarge, .. }) if values.len() > 1 => {
                    let (left, right) = values.split_at(values.len() / 2);
                    let mut records = self.looked_up(call, find, object, lookup, left).await?;
                    records.extend(self.looked_up(call, find, object, lookup, right).await?);
                    Ok(records)
                }
                other => other,
            }
        })
    }

    async fn look_up(
        &self,
        call: &Call,
        find: &Find<'_>,
        object: &Object,
        lookup: &Lookup,
        values: &[Native],
    ) -> Result<Vec<Record>> {
        let mut fillings = self.fillings(find.object);
        fillings.insert(Hole::Fields, asked_for(object, find.fields));
        fillings.insert(Hole::Key, Filling::Name(find.key.to_owned()));
        fillings.insert(Hole::Keys, Filling::Values(values.to_vec()));
        fillings.insert(Hole::Limit, Filling::Number(lookup.page));
        if let [value] = values {
            fillings.insert(Hole::Value, Filling::Json(Json::from(value)));
        }
        if let Some(item) = &lookup.item {
            fillings.insert(Hole::Items, Filling::Json(items(item, &fillings, values)?));
        }
        let mut records = Vec::new();
        let mut named: Vec<String> = Vec::new();
        let mut place = Place::default();
        loop {
            let request = match (&lookup.paginator, &place.page) {
                (Some(Paginator::NextLink { .. }), Some(link)) => render::follow(&lookup.request, link, &fillings)?,
                (_, Some(page)) => {
                    fillings.insert(Hole::Cursor, Filling::Literal(page.clone()));
                    render::request(&lookup.request, &fillings, Access::Read)?
                }
                (_, None) => render::request(&lookup.request, &fillings, Access::Read)?,
            };
            let answer = self.read(call, request).await?;
            let rows = match &lookup.select {
                Some(path) => selected_or_none(&answer, path, lookup.optional)?,
                None => Cow::Borrowed(std::slice::from_ref(&answer)),
            };
            match &lookup.names {
                Some(path) => {
                    let ids = rows.iter().filter_map(|row| row.at(path).and_then(Json::as_text));
                    named.extend(ids.map(|id| record::normal_id(object.id_form, &id)));
                }
                None => {
                    for row in rows.iter() {
                        records.push(record::read(find.object, object, row, Wanted::Named(find.fields))?);
                    }
                }
            }
            let follow = lookup
                .paginator
                .as_ref()
                .map(|paginator| following(paginator, &answer, &place, rows.len(), lookup.page));
            match follow {
                Some(Follow::Page(page)) => place = place.turned(page, rows.len())?,
                Some(Follow::End | Follow::More) | None => break,
            }
        }
        for ids in named.chunks(object.get.batch.max(1)) {
            for got in self.got(call, find.object, ids, find.fields).await? {
                if let Got::Record(record) = got {
                    records.push(*record);
                }
            }
        }
        Ok(records)
    }
}

fn items(item: &crate::manifest::template::Shape, fillings: &Fillings, values: &[Native]) -> Result<Json> {
    let mut items = Vec::with_capacity(values.len());
    for value in values {
        let mut fillings = fillings.clone();
        fillings.insert(Hole::Value, Filling::Json(Json::from(value)));
        items.extend(render::fill(item, &fillings)?);
    }
    Ok(Json::List(items))
}

fn cased(lookup: &Lookup, value: &Native) -> Native {
    match value {
        Native::Text(text) if lookup.lowercase => Native::Text(text.to_lowercase()),
        other => other.clone(),
    }
}
