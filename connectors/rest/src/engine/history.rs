//! The history of a record's fields. It only helps to decide: where the service has none, or refuses it, there is none.

use hymnal_sdk::{
    Actor, ActorKind, Address, Call, FieldEdit, Forms, Kind, Native, NativeKind, Result,
    capability::{BoolForm, NumberForm},
    http::Access,
};

use super::{RestConnector, record};
use crate::{
    json::Json,
    manifest::{
        history::{EditShape, History},
        template::Hole,
    },
    pick,
    render::{self, Filling},
};

impl RestConnector {
    pub(super) async fn edited(&self, call: &Call, address: &Address, fields: &[String]) -> Result<Vec<FieldEdit>> {
        let object = self.object(&address.object)?;
        let Some(history) = object.history.as_ref().filter(|_| !fields.is_empty()) else { return Ok(Vec::new()) };
        let answer = match self.ask_history(call, history, address, fields).await {
            Ok(answer) => answer,
            // What will pass by itself, or concerns every call, is for the caller. Anything else says that this history
            // cannot be had: tracking is off, a permission is missing, the record is gone.
            Err(error) => {
                return match error.kind {
                    Kind::Throttled | Kind::Auth | Kind::Transient | Kind::Cancelled => Err(error),
                    _ => Ok(Vec::new()),
                };
            }
        };
        let mut edits = read(history, &answer, fields);
        for edit in &mut edits {
            self.as_got(&address.object, &object.types, edit);
        }
        // Newest first; what shares a time stays as the service has it.
        edits.sort_by_key(|edit| std::cmp::Reverse(edit.at));
        Ok(edits)
    }

    async fn ask_history(&self, call: &Call, history: &History, address: &Address, fields: &[String]) -> Result<Json> {
        let mut fillings = self.fillings(&address.object);
        fillings.insert(Hole::Id, Filling::Text(address.id.clone()));
        fillings.insert(Hole::IdPath, Filling::Text(address.id.clone()));
        fillings.insert(Hole::Fields, Filling::Names(fields.to_vec()));
        self.read(call, render::request(&history.request, &fillings, Access::Read)?).await
    }

    /// A history may spell what a record types, and the other way round: the value gets the form that a read has.
    fn as_got(&self, object: &str, forms: &Forms, edit: &mut FieldEdit) {
        let Some(learnt) = self.learnt(object, &edit.field) else { return };
        let typed = match (&edit.value, learnt.kind) {
            (Native::Text(text), NativeKind::Bool) if forms.bool == BoolForm::Json => match text.as_str() {
                "true" => Some(Native::Bool(true)),
                "false" => Some(Native::Bool(false)),
                _ => None,
            },
            (Native::Bool(flag), NativeKind::Bool) if forms.bool == BoolForm::String => {
                Some(Native::text(flag.to_string()))
            }
            (Native::Text(text), NativeKind::Number) if forms.number == NumberForm::Json => {
                serde_json::from_str::<serde_json::Number>(text).ok().map(|_| Native::Number(text.clone()))
            }
            (Native::Number(digits), NativeKind::Number) if forms.number == NumberForm::String => {
                Some(Native::text(digits.as_str()))
            }
            _ => None,
        };
        if let Some(typed) = typed {
            edit.value = typed;
        }
    }
}

fn read(history: &History, answer: &Json, fields: &[String]) -> Vec<FieldEdit> {
    let Some(found) = answer.at(&history.select) else { return Vec::new() };
    let shape = &history.edit;
    match &shape.field {
        Some(path) => {
            let named = |row: &Json| row.at(path).and_then(Json::as_text).filter(|name| fields.contains(name));
            found.items().iter().filter_map(|row| one(shape, named(row)?, row)).collect()
        }
        None => fields
            .iter()
            .flat_map(|name| {
                let rows = found.at(name).map(Json::items).unwrap_or_default();
                rows.iter().filter_map(|row| one(shape, name.clone(), row))
            })
            .collect(),
    }
}

/// One edit; `None` for one without a time, or of which the service keeps no values.
fn one(shape: &EditShape, field: String, row: &Json) -> Option<FieldEdit> {
    let value = row.at(&shape.value).map_or(Native::Null, Json::to_native);
    if let Some(old) = &shape.old
        && value == Native::Null
        && row.at(old).is_none_or(|old| *old == Json::Null)
    {
        return None;
    }
    Some(FieldEdit { field, value, at: record::time(row.at(&shape.at)?)?, by: actor(shape, row) })
}

fn actor(shape: &EditShape, row: &Json) -> Option<Actor> {
    let name = pick::first(&shape.by, row)?;
    let told = shape.actor.as_ref().and_then(|by| by.words.get(&row.at(&by.path)?.as_text()?));
    Some(Actor { name, kind: told.copied().unwrap_or(ActorKind::Unknown) })
}
