//! What the service says of an object's fields.

use std::sync::PoisonError;

use hymnal_sdk::{
    Call, Kind, NativeKind, Result, Schema, SchemaField,
    http::{Access, unreadable},
};

use super::{Learnt, RestConnector, list::selected};
use crate::{
    json::Json,
    manifest::schema::{Barred, Described},
    render,
};

impl RestConnector {
    pub(super) async fn described(&self, call: &Call, name: &str) -> Result<Schema> {
        let object = self.object(name)?;
        let shape = &object.schema;
        let mut schema = shape.declared();
        for described in shape.described.iter().chain(&shape.and) {
            for field in self.told(call, name, described).await? {
                match schema.fields.iter_mut().find(|known| known.name == field.name) {
                    Some(known) => *known = field,
                    None => schema.fields.push(field),
                }
            }
        }
        for barred in &shape.barred {
            let options = self.barred(call, name, barred).await?;
            if let Some(field) = schema.fields.iter_mut().find(|field| field.name == barred.field) {
                field.barred = options;
            }
        }
        for (field, by) in &object.written_by {
            if let Some(known) = schema.fields.iter_mut().find(|known| known.name == *field) {
                known.createable = true;
                known.updateable = true;
                known.options = by.requests.keys().cloned().collect();
                known.restricted = true;
            }
        }
        let learnt = schema
            .fields
            .iter()
            .map(|field| ((name.to_owned(), field.name.clone()), Learnt { is_unique: field.unique, kind: field.kind }));
        self.learnt.lock().unwrap_or_else(PoisonError::into_inner).extend(learnt);
        Ok(schema)
    }

    /// The options that a write must not set. Who may not ask for them has none: the service refuses by itself.
    async fn barred(&self, call: &Call, name: &str, barred: &Barred) -> Result<Vec<String>> {
        let request = render::request(&barred.request, &self.fillings(name), Access::Read)?;
        let answer = match self.read(call, request).await {
            Err(error) if matches!(error.kind, Kind::Fatal | Kind::Gone) => return Ok(Vec::new()),
            other => other?,
        };
        let rows = selected(&answer, &barred.select)?;
        Ok(rows.iter().filter_map(|row| row.at(&barred.value).and_then(Json::as_text)).collect())
    }

    /// The fields that the service describes.
    async fn told(&self, call: &Call, name: &str, described: &Described) -> Result<Vec<SchemaField>> {
        let request = render::request(&described.request, &self.fillings(name), Access::Read)?;
        let answer = self.read(call, request).await?;
        let rows = selected(&answer, &described.select)?;
        let fields: Option<Vec<SchemaField>> = rows.iter().map(|row| field(described, row)).collect();
        let fields = fields.ok_or_else(|| unreadable(Access::Read, "a field came without a name"))?;
        let is_meant = |field: &SchemaField| described.only.as_ref().is_none_or(|named| named.fits(&field.name));
        Ok(fields.into_iter().filter(is_meant).collect())
    }
}

fn field(described: &Described, row: &Json) -> Option<SchemaField> {
    let text = |path: &str| row.at(path).and_then(Json::as_text);
    let is = |path: &str| row.at(path).is_some_and(Json::is_true);
    let name = text(&described.name)?;
    let kind =
        described.kind.iter().find_map(|by| by.words.get(&text(&by.path)?).copied()).unwrap_or(NativeKind::Other);
    let options = described.options.as_ref().map(|options| {
        let choices = row.at(&options.path).map(Json::items).unwrap_or_default();
        let active = choices.iter().filter(|choice| match &options.active {
            Some(path) => choice.at(path).is_some_and(Json::is_true),
            None => true,
        });
        active.filter_map(|choice| choice.at(&options.value).and_then(Json::as_text)).collect::<Vec<_>>()
    });
    let options = options.unwrap_or_default();
    let read_only = described.read_only.iter().any(|path| is(path));
    let allowed = |path: &Option<String>| !read_only && path.as_ref().is_none_or(|path| is(path));
    let createable = allowed(&described.createable);
    let needed = !described.required_unless.is_empty() && !described.required_unless.iter().any(|path| is(path));
    Some(SchemaField {
        label: text(&described.label).unwrap_or_else(|| name.clone()),
        kind,
        restricted: match described.restricted.as_deref() {
            Some("*") => matches!(kind, NativeKind::Choice | NativeKind::Set) && !options.is_empty(),
            Some(path) => is(path),
            None => false,
        },
        options,
        barred: Vec::new(),
        max_length: described
            .max_length
            .as_ref()
            .and_then(|path| text(path))
            .and_then(|length| length.parse().ok())
            .filter(|length| *length > 0),
        required: createable && needed,
        createable,
        updateable: allowed(&described.updateable),
        unique: described.unique.as_ref().is_some_and(|path| is(path)),
        name,
    })
}
