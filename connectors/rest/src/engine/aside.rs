//! Fields that stand in a record and are written by requests of their own (`written_by`): a service that lets nobody
//! write an opt-out as a field, and takes it by the address.

use std::collections::BTreeMap;

use hymnal_sdk::{Call, Error, Fields, Got, Kind, Native, Result, Written, http::Access};

use super::{
    RestConnector, body,
    write::{Item, Order},
};
use crate::{
    classify::item_error,
    json::Json,
    manifest::{
        object::{Object, WrittenBy},
        template::Hole,
    },
    render::{self, Filling},
};

/// Fields that are written aside, and their values.
type Aside = Vec<(String, Native)>;

impl RestConnector {
    /// Writes changes of which some go by requests of their own. Those go first, since they are restrictions more often
    /// than not; but behind a change of the field that they go by, or they would be about what is no longer there.
    pub(super) async fn updated_aside(
        &self,
        call: &Call,
        order: &Order<'_>,
        items: Vec<Item>,
    ) -> Result<Vec<Result<Written>>> {
        let split: Vec<(Item, Aside)> = items.into_iter().map(|item| split(order.object, item)).collect();
        let mut refused: Vec<Option<Error>> = vec![None; split.len()];
        let known = self.as_they_are(call, order, &split).await?;
        for ((item, aside), refused) in split.iter().zip(&mut refused) {
            if !goes_behind(order.object, item, aside) {
                let known = item.id.as_ref().and_then(|id| known.get(id));
                *refused = self.all_aside(call, order, item, aside, known).await.err();
            }
        }
        let rest: Vec<Item> = split
            .iter()
            .zip(&refused)
            .filter(|((item, _), refused)| !item.fields.is_empty() && refused.is_none())
            .map(|((item, _), _)| item.clone())
            .collect();
        let mut answers = self.written(call, order, &rest).await?.into_iter();
        let mut all = Vec::with_capacity(split.len());
        for ((item, aside), refused) in split.iter().zip(refused) {
            let answer = match refused {
                Some(error) => Err(error),
                None if item.fields.is_empty() => {
                    Ok(Written { id: item.id.clone().unwrap_or_default(), record: None, created: false })
                }
                None => answers.next().unwrap_or_else(|| {
                    Err(Error::new(Kind::Transient, "unanswered", "an item has no answer").in_doubt())
                }),
            };
            let is_behind = answer.is_ok() && goes_behind(order.object, item, aside);
            all.push(match answer {
                Ok(written) if is_behind => {
                    self.all_aside(call, order, item, aside, Some(&item.fields)).await.map(|()| written)
                }
                answer => answer,
            });
        }
        Ok(all)
    }

    /// Makes records, then writes what goes by requests of its own. The record is there whatever becomes of those: a
    /// reading shows what did not arrive, and it is written again as a change.
    pub(super) async fn created_aside(
        &self,
        call: &Call,
        order: &Order<'_>,
        items: Vec<Item>,
    ) -> Result<Vec<Result<Written>>> {
        let split: Vec<(Item, Aside)> = items.into_iter().map(|item| split(order.object, item)).collect();
        let rest: Vec<Item> = split.iter().map(|(item, _)| item.clone()).collect();
        let answers = self.written(call, order, &rest).await?;
        for ((item, aside), answer) in split.iter().zip(&answers) {
            if let Ok(written) = answer {
                let item = Item { id: Some(written.id.clone()), ..item.clone() };
                drop(self.all_aside(call, order, &item, aside, Some(&item.fields)).await);
            }
        }
        Ok(answers)
    }

    /// The values that the requests go by, by record, where they are not in the change itself.
    async fn as_they_are(
        &self,
        call: &Call,
        order: &Order<'_>,
        split: &[(Item, Aside)],
    ) -> Result<BTreeMap<String, Fields>> {
        let wanted: Vec<String> = order.object.written_by.values().filter_map(|by| by.needs.clone()).collect();
        let asked = split.iter().filter(|(item, aside)| !aside.is_empty() && !goes_behind(order.object, item, aside));
        let ids: Vec<String> = asked.filter_map(|(item, _)| item.id.clone()).collect();
        if wanted.is_empty() || ids.is_empty() {
            return Ok(BTreeMap::new());
        }
        let mut known = BTreeMap::new();
        for ids in ids.chunks(order.object.get.batch.max(1)) {
            for (id, got) in ids.iter().zip(self.got(call, order.name, ids, &wanted).await?) {
                if let Got::Record(record) = got {
                    known.insert(id.clone(), record.fields);
                }
            }
        }
        Ok(known)
    }

    async fn all_aside(
        &self,
        call: &Call,
        order: &Order<'_>,
        item: &Item,
        aside: &Aside,
        known: Option<&Fields>,
    ) -> Result<()> {
        for (name, value) in aside {
            let Some(by) = order.object.written_by.get(name) else { continue };
            self.one_aside(call, order, item, (name, value, by), known).await.map_err(|error| blamed(error, name))?;
        }
        Ok(())
    }

    async fn one_aside(
        &self,
        call: &Call,
        order: &Order<'_>,
        item: &Item,
        (name, value, by): (&str, &Native, &WrittenBy),
        known: Option<&Fields>,
    ) -> Result<()> {
        let Some(shape) = by.requests.get(&value.to_string()) else {
            let values: Vec<String> = by.requests.keys().map(|value| format!("`{value}`")).collect();
            let message = format!("`{name}` can only be set to {}", values.join(" or "));
            return Err(Error::new(Kind::RejectedField, "one-way", message).hint("change it in the service"));
        };
        let mut fillings = self.fillings(order.name);
        if let Some(id) = &item.id {
            fillings.insert(Hole::Id, Filling::Text(id.clone()));
        }
        if let Some(needs) = &by.needs {
            let needed = known.and_then(|fields| fields.get(needs)).filter(|value| !value.is_blank());
            let Some(needed) = needed else {
                let message = format!("`{name}` is set by the record's `{needs}`, and it has none");
                return Err(Error::new(Kind::RejectedField, "no-key", message).hint(format!("fill `{needs}` there")));
            };
            fillings.insert(Hole::Value, Filling::Text(needed.to_string()));
        }
        let answer = self.http.send(call, render::request(shape, &fillings, Access::Write)?).await?;
        let said = body(&answer, Access::Write)?;
        let errors = by.errors.as_ref().and_then(|path| said.at(path)).map(Json::items).unwrap_or_default();
        errors.first().map_or(Ok(()), |error| Err(item_error(&self.manifest.errors, error)))
    }
}

/// What is written aside, and the rest.
fn split(object: &Object, mut item: Item) -> (Item, Aside) {
    let (aside, rest) = item.fields.into_iter().partition(|(name, _)| object.written_by.contains_key(name));
    item.fields = rest;
    let aside: Fields = aside;
    (item, aside.into_iter().collect())
}

/// A field that one of the requests goes by is itself changed.
fn goes_behind(object: &Object, item: &Item, aside: &Aside) -> bool {
    let needs = aside.iter().filter_map(|(name, _)| object.written_by.get(name)?.needs.as_ref());
    needs.into_iter().any(|needs| item.fields.contains_key(needs))
}

/// What refuses the request refuses this field; the others are written without it.
fn blamed(error: Error, name: &str) -> Error {
    match error.kind {
        Kind::RejectedField | Kind::RejectedRecord | Kind::Conflict => {
            Error { kind: Kind::RejectedField, ..error.about(name) }
        }
        Kind::Fatal => error.about(name),
        _ => error,
    }
}
