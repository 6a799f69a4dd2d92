//! Writing: one request a batch, halved where one item or the size spoils it.

use hymnal_sdk::{BoxFuture, Call, Draft, Effect, Error, Fields, Kind, Native, Patch, Result, Written, http::Access};

use super::{RestConnector, answers, body, fields, record, too_many};
use crate::{
    json::Json,
    manifest::{
        object::{IdForm, Object, Write},
        request::RequestShape,
        template::Hole,
    },
    render::{self, Filling, Fillings},
};

/// One item of a batch, whatever is done with it.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// The id it is known by before the request.
    pub(super) id: Option<String>,
    /// What is written.
    pub(super) fields: Fields,
    /// Our name for it.
    pub(super) trace: String,
    /// The value of the field that an upsert goes by.
    pub(super) value: Option<Native>,
    /// The record as it is, where writing takes that.
    pub(super) before: Option<Json>,
    /// Write only if the record is still at this version.
    pub(super) version: Option<String>,
}

/// One kind of write to one object.
pub(super) struct Order<'a> {
    pub(super) name: &'a str,
    pub(super) object: &'a Object,
    pub(super) write: &'a Write,
    /// The field that an upsert goes by.
    pub(super) key: Option<&'a str>,
}

impl RestConnector {
    pub(super) async fn created(&self, call: &Call, name: &str, drafts: &[Draft]) -> Result<Vec<Result<Written>>> {
        let object = self.object(name)?;
        let order = Order { name, object, write: able(name, "created", object.create.as_ref())?, key: None };
        let items: Vec<Item> = drafts.iter().map(drafted).collect();
        let answers = self.created_aside(call, &order, items).await?;
        // "Not there" can only be about something that the new record refers to.
        Ok(answers.into_iter().map(|answer| answer.map_err(|error| demoted(error, Kind::Gone))).collect())
    }

    pub(super) async fn upserted(
        &self,
        call: &Call,
        name: &str,
        key: &str,
        drafts: &[Draft],
    ) -> Result<Vec<Result<Written>>> {
        let object = self.object(name)?;
        let order = Order { name, object, write: able(name, "upserted", object.upsert.as_ref())?, key: Some(key) };
        let mut items: Vec<Item> = drafts.iter().map(drafted).collect();
        for item in &mut items {
            item.value = item.fields.get(key).filter(|value| !value.is_blank()).cloned();
            if item.value.is_none() {
                let message = format!("a record to upsert by `{key}` has no `{key}`");
                return Err(Error::new(Kind::Fatal, "no-key", message).about(key));
            }
        }
        let answers = self.created_aside(call, &order, items).await?;
        Ok(answers.into_iter().map(|answer| answer.map_err(|error| demoted(error, Kind::Gone))).collect())
    }

    pub(super) async fn updated(&self, call: &Call, name: &str, patches: &[Patch]) -> Result<Vec<Result<Written>>> {
        let object = self.object(name)?;
        let order = Order { name, object, write: able(name, "updated", object.update.as_ref())?, key: None };
        let items: Vec<Item> = patches
            .iter()
            .map(|patch| Item {
                id: Some(patch.id.clone()),
                fields: patch.fields.clone(),
                trace: patch.trace.clone(),
                value: None,
                before: None,
                version: patch.version.clone(),
            })
            .collect();
        self.updated_aside(call, &order, items).await
    }

    pub(super) async fn removed(&self, call: &Call, name: &str, ids: &[String]) -> Result<Vec<Result<()>>> {
        let object = self.object(name)?;
        let order = Order { name, object, write: able(name, "deleted", object.delete.as_ref())?, key: None };
        self.taken_away(call, &order, ids).await
    }

    pub(super) async fn erased(&self, call: &Call, name: &str, ids: &[String]) -> Result<Vec<Result<()>>> {
        let object = self.object(name)?;
        let order = Order { name, object, write: able(name, "erased", object.erase.as_ref())?, key: None };
        self.taken_away(call, &order, ids).await
    }

    async fn taken_away(&self, call: &Call, order: &Order<'_>, ids: &[String]) -> Result<Vec<Result<()>>> {
        let nothing = Draft { fields: Fields::new(), trace: String::new() };
        let items: Vec<Item> =
            ids.iter().map(|id| Item { id: Some(id.clone()), trace: id.clone(), ..drafted(&nothing) }).collect();
        let answers = self.written(call, order, &items).await?;
        Ok(answers.into_iter().map(|answer| answer.map(|_| ())).collect())
    }

    pub(super) async fn written(&self, call: &Call, order: &Order<'_>, items: &[Item]) -> Result<Vec<Result<Written>>> {
        too_many(items.len(), order.write.batch)?;
        if items.is_empty() {
            return Ok(Vec::new());
        }
        let items: Vec<Item> = items.iter().map(|item| self.spaced_item(order, item)).collect();
        let turn = if order.write.alone { Some(self.turns.take().await) } else { None };
        let mut answers = self.looked(call, order, &items).await?;
        drop(turn);
        for written in answers.iter_mut().filter_map(|answer| answer.as_mut().ok()) {
            written.record.iter_mut().for_each(|record| self.unspaced(record));
        }
        for error in answers.iter_mut().filter_map(|answer| answer.as_mut().err()) {
            error.other = error.other.take().map(|id| record::normal_id(order.object.id_form, &id));
        }
        Ok(answers)
    }

    /// Writes the items. `Err` only where nothing can have been written and no item is to blame alone.
    pub(super) fn halving<'a>(
        &'a self,
        call: &'a Call,
        order: &'a Order<'a>,
        items: &'a [Item],
    ) -> BoxFuture<'a, Result<Vec<Result<Written>>>> {
        Box::pin(async move {
            let error = match self.once(call, order, items).await {
                Ok(answers) => return Ok(answers),
                Err(error) => error,
            };
            if items.len() == 1 {
                return if blames_item(&error) { Ok(vec![Err(error)]) } else { Err(error) };
            }
            let is_spoilt = order.write.answers.bisect && blames_item(&error);
            if error.effect == Effect::Unknown || !(is_spoilt || error.kind == Kind::TooLarge) {
                return Err(error);
            }
            let (left, right) = items.split_at(items.len() / 2);
            let mut answers = self.halving(call, order, left).await?;
            match self.halving(call, order, right).await {
                Ok(more) => answers.extend(more),
                // The left half is written: its answers must not be lost with the right half's failure.
                Err(error) => answers.extend(right.iter().map(|_| Err(error.clone()))),
            }
            Ok(answers)
        })
    }

    async fn once(&self, call: &Call, order: &Order<'_>, items: &[Item]) -> Result<Vec<Result<Written>>> {
        match items {
            [item] if !order.write.parts.is_empty() => self.in_parts(call, order, item).await,
            _ => self.sent(call, order, &order.write.request, items).await,
        }
    }

    /// One record whose fields live in several places. If a later part fails, an earlier one may have been written.
    async fn in_parts(&self, call: &Call, order: &Order<'_>, item: &Item) -> Result<Vec<Result<Written>>> {
        let mut rest = item.clone();
        let mut answers = None;
        let mut has_written = false;
        let in_doubt = |has_written: bool, error: Error| if has_written { error.in_doubt() } else { error };
        for part in &order.write.parts {
            let (mine, others) = rest.fields.into_iter().partition(|(name, _)| part.fields.contains(name));
            rest.fields = others;
            let mine = Item { fields: mine, ..item.clone() };
            if !mine.fields.is_empty() {
                let sent = self.sent(call, order, &part.request, std::slice::from_ref(&mine)).await;
                answers = Some(sent.map_err(|error| in_doubt(has_written, error))?);
                has_written = true;
            }
        }
        match answers {
            Some(answers) if rest.fields.is_empty() => Ok(answers),
            _ => {
                let sent = self.sent(call, order, &order.write.request, std::slice::from_ref(&rest)).await;
                sent.map_err(|error| in_doubt(has_written, error))
            }
        }
    }

    async fn sent(
        &self,
        call: &Call,
        order: &Order<'_>,
        shape: &RequestShape,
        items: &[Item],
    ) -> Result<Vec<Result<Written>>> {
        let fillings = self.filled(order, items)?;
        let mut request = render::request(shape, &fillings, Access::Write)?;
        if let Some(headers) = order.write.lane_headers.get(&call.lane) {
            render::add_headers(&mut request.headers, headers.iter(), &fillings)?;
        }
        let answer = self.http.send(call, request).await?;
        let json = body(&answer, Access::Write)?;
        Ok(answers::read(&self.manifest.errors, order, items, &json, &answer))
    }

    fn filled(&self, order: &Order<'_>, items: &[Item]) -> Result<Fillings> {
        let mut fillings = self.fillings(order.name);
        if let Some(key) = order.key {
            fillings.insert(Hole::Key, Filling::Name(key.to_owned()));
        }
        if let [only] = items {
            add(order, only, &mut fillings)?;
        }
        if let Some(shape) = &order.write.item {
            let mut list = Vec::with_capacity(items.len());
            for item in items {
                let mut of_item = fillings.clone();
                add(order, item, &mut of_item)?;
                list.extend(render::fill(shape, &of_item)?);
            }
            fillings.insert(Hole::Items, Filling::Json(Json::List(list)));
        }
        let ids = items.iter().filter_map(|item| item.id.clone()).collect();
        fillings.insert(Hole::Ids, Filling::Ids(ids));
        Ok(fillings)
    }
}

fn add(order: &Order<'_>, item: &Item, fillings: &mut Fillings) -> Result<()> {
    if let Some(id) = &item.id {
        let spelled = match order.object.id_form {
            IdForm::Number => Filling::Json(Json::from(&Native::Number(id.clone()))),
            _ => Filling::Text(id.clone()),
        };
        fillings.insert(Hole::Id, spelled);
        fillings.insert(Hole::IdPath, Filling::Text(id.clone()));
    }
    if let Some(value) = &item.value {
        fillings.insert(Hole::Value, Filling::Json(Json::from(value)));
    }
    if let Some(version) = item.version.as_ref().or(order.write.any_version.as_ref()) {
        fillings.insert(Hole::Version, Filling::Text(version.clone()));
    }
    for (name, value) in &item.fields {
        fillings.insert(Hole::Field(name.clone()), Filling::Json(Json::from(value)));
    }
    let record = fields::written(order.object, &item.fields, item.before.as_ref(), fillings)?;
    if let (Some(key), Json::Object(entries)) = (order.key, &record) {
        let rest = entries.iter().filter(|(name, _)| name != key).cloned().collect();
        fillings.insert(Hole::Rest, Filling::Json(Json::Object(rest)));
    }
    fillings.insert(Hole::Record, Filling::Json(record));
    fillings.insert(Hole::Trace, Filling::Text(item.trace.clone()));
    Ok(())
}

fn drafted(draft: &Draft) -> Item {
    Item {
        id: None,
        fields: draft.fields.clone(),
        trace: draft.trace.clone(),
        value: None,
        before: None,
        version: None,
    }
}

fn able<'a>(name: &str, done: &str, write: Option<&'a Write>) -> Result<&'a Write> {
    write.ok_or_else(|| Error::new(Kind::Fatal, "read-only", format!("records of `{name}` cannot be {done}")))
}

/// One item can be the reason, and the others may well pass without it.
fn blames_item(error: &Error) -> bool {
    matches!(error.kind, Kind::Conflict | Kind::Gone | Kind::RejectedField | Kind::RejectedRecord)
}

fn demoted(mut error: Error, kind: Kind) -> Error {
    if error.kind == kind {
        error.kind = Kind::RejectedRecord;
    }
    error
}
