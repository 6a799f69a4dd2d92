//! Reading by id.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use hymnal_sdk::{
    Address, BoxFuture, Call, Error, Fields, Got, Kind, Record, Result, State,
    http::{Access, unreadable},
};

use super::{
    RestConnector, asked_for,
    list::selected,
    record::{self, Wanted},
    too_many,
};
use crate::{
    json::Json,
    manifest::{
        object::{Alone, Get, Object},
        template::Hole,
    },
    render::{self, Filling},
};

/// What one request answered: records by the id they have now, and the ids that the service itself calls missing.
#[derive(Default)]
struct Answered {
    records: BTreeMap<String, (Record, Vec<String>)>,
    missing: BTreeSet<String>,
}

impl RestConnector {
    pub(super) async fn got(&self, call: &Call, name: &str, ids: &[String], fields: &[String]) -> Result<Vec<Got>> {
        let object = self.object(name)?;
        too_many(ids.len(), object.get.batch)?;
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        // A service may refuse an id that is asked for twice.
        let mut seen = BTreeSet::new();
        let once: Vec<String> = ids.iter().filter(|id| seen.insert(*id)).cloned().collect();
        let answered = self.asked(call, name, &once, fields).await?;
        let mut got = Vec::with_capacity(ids.len());
        for id in ids {
            got.push(self.answer_for(call, name, object, id, fields, &answered).await?);
        }
        Ok(got)
    }

    /// What the answer says of one id. An id that is in no record, and that the service does not call missing, may
    /// have been merged: alone, it is answered with the survivor.
    async fn answer_for(
        &self,
        call: &Call,
        name: &str,
        object: &Object,
        id: &str,
        fields: &[String],
        answered: &Answered,
    ) -> Result<Got> {
        if let Some((record, _)) = answered.records.get(id) {
            return Ok(Got::Record(Box::new(record.clone())));
        }
        if let Some(alone) = object.get.alone.as_ref().filter(|_| !answered.missing.contains(id)) {
            return self.ask_alone(call, name, object, alone, id, fields).await;
        }
        if !object.get.follows_merges || answered.missing.contains(id) {
            return Ok(Got::Gone);
        }
        if let Some((survivor, _)) = answered.records.values().find(|(_, merged)| merged.iter().any(|lost| lost == id))
        {
            return Ok(merged(name, id, survivor));
        }
        let alone = self.asked(call, name, std::slice::from_ref(&id.to_owned()), fields).await?;
        let mut records = alone.records.into_values();
        Ok(match (records.next(), records.next()) {
            (Some((record, _)), None) if record.address.id == id => Got::Record(Box::new(record)),
            (Some((survivor, _)), None) => merged(name, id, &survivor),
            _ => Got::Gone,
        })
    }

    /// Asks for these ids. Where the service refuses all because of one, each half is asked for alone.
    fn asked<'a>(
        &'a self,
        call: &'a Call,
        name: &'a str,
        ids: &'a [String],
        fields: &'a [String],
    ) -> BoxFuture<'a, Result<Answered>> {
        Box::pin(async move {
            match self.ask(call, name, ids, fields).await {
                Err(error) if error.kind == Kind::Gone && ids.len() == 1 => {
                    Ok(Answered { missing: ids.iter().cloned().collect(), ..Answered::default() })
                }
                Err(Error { kind: Kind::Gone | Kind::TooLarge, .. }) if ids.len() > 1 => {
                    let (left, right) = ids.split_at(ids.len() / 2);
                    let mut answered = self.asked(call, name, left, fields).await?;
                    let other = self.asked(call, name, right, fields).await?;
                    answered.records.extend(other.records);
                    answered.missing.extend(other.missing);
                    Ok(answered)
                }
                other => other,
            }
        })
    }

    async fn ask(&self, call: &Call, name: &str, ids: &[String], fields: &[String]) -> Result<Answered> {
        let object = self.object(name)?;
        let body = self.ask_raw(call, name, ids, fields).await?;
        let mut answered = Answered::default();
        for row in rows(&object.get, &body)?.iter() {
            let record = record::read(name, object, row, Wanted::Named(fields))?;
            answered.records.insert(record.address.id.clone(), (record, record::merged_ids(object, row)));
        }
        if let Some(missing) = &object.get.missing {
            let errors = body.at(&missing.errors).map(Json::items).unwrap_or_default();
            let named = errors.iter().filter_map(|error| error.at(&missing.ids)).flat_map(Json::items);
            answered.missing.extend(named.filter_map(Json::as_text));
        }
        Ok(answered)
    }

    /// One that a list left out. What may not be seen is there, with nothing that can be read.
    async fn ask_alone(
        &self,
        call: &Call,
        name: &str,
        object: &Object,
        alone: &Alone,
        id: &str,
        fields: &[String],
    ) -> Result<Got> {
        let mut fillings = self.fillings(name);
        fillings.insert(Hole::Fields, asked_for(object, fields));
        fillings.insert(Hole::Id, Filling::Text(id.to_owned()));
        fillings.insert(Hole::IdPath, Filling::Text(id.to_owned()));
        match self.read(call, render::request(&alone.request, &fillings, Access::Read)?).await {
            Ok(body) => {
                let row = body.at(&alone.record).unwrap_or(&Json::Null);
                record::read(name, object, row, Wanted::Named(fields)).map(|record| Got::Record(Box::new(record)))
            }
            Err(error) if error.kind == Kind::Gone => Ok(Got::Gone),
            Err(error) if error.kind == Kind::Fatal => {
                Ok(Got::Record(Box::new(Record::new(Address::new(name, id), Fields::new()))))
            }
            Err(error) => Err(error),
        }
    }

    async fn ask_raw(&self, call: &Call, name: &str, ids: &[String], fields: &[String]) -> Result<Json> {
        let object = self.object(name)?;
        let get = &object.get;
        let mut fillings = self.fillings(name);
        fillings.insert(Hole::Fields, asked_for(object, fields));
        if let Some(item) = &get.item {
            let mut items = Vec::with_capacity(ids.len());
            for id in ids {
                fillings.insert(Hole::Id, Filling::Text(id.clone()));
                items.extend(render::fill(item, &fillings)?);
            }
            fillings.insert(Hole::Items, Filling::Json(Json::List(items)));
        }
        if let [id] = ids {
            fillings.insert(Hole::Id, Filling::Text(id.clone()));
            fillings.insert(Hole::IdPath, Filling::Text(id.clone()));
        }
        fillings.insert(Hole::Ids, Filling::Ids(ids.to_vec()));
        self.read(call, render::request(&get.request, &fillings, Access::Read)?).await
    }

    /// One record as the service has it, for lists of which one item is replaced; `None` where it is not there.
    pub(super) async fn as_it_is(&self, call: &Call, name: &str, id: &str, fields: &[String]) -> Result<Option<Json>> {
        let object = self.object(name)?;
        match self.ask_raw(call, name, std::slice::from_ref(&id.to_owned()), fields).await {
            Ok(body) => {
                let rows = rows(&object.get, &body)?;
                Ok(rows.iter().find(|row| record::id(object, row).as_deref() == Some(id)).cloned())
            }
            Err(error) if error.kind == Kind::Gone => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The records of an answer.
fn rows<'a>(get: &Get, body: &'a Json) -> Result<Cow<'a, [Json]>> {
    match &get.select {
        Some(path) => selected(body, path),
        None => body
            .at(&get.record)
            .map(|record| Cow::Borrowed(std::slice::from_ref(record)))
            .ok_or_else(|| unreadable(Access::Read, format!("the answer has no record `{}`", get.record))),
    }
}

/// The survivor, under the id asked for.
fn merged(name: &str, id: &str, survivor: &Record) -> Got {
    let mut record = survivor.clone();
    record.state = State::Merged { into: survivor.address.clone() };
    record.address = Address::new(name, id);
    Got::Record(Box::new(record))
}
