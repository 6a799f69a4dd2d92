//! `/sobjects/X`: one record at a time.
//!
//! REST guide, "sObject Basic Information", "sObject Rows", "sObject Rows by External ID".

use bytes::Bytes;
use http::{Method, Response};
use hymnal_memory::service::{Row, Service};
use hymnal_sdk::{Actor, ActorKind, Address, Native, Timestamp};
use serde_json::{Map, Value, json};

use super::{
    answer::{Refused, json_response, no_content},
    ids,
    request::Call,
    save::{Alerts, Assigns, Writer},
    schema::{Field, Object},
    soql::Path,
    values, view,
};

/// `POST /sobjects/X`: 201.
pub(super) fn create(call: &Call<'_>, object: &Object) -> Result<Response<Bytes>, Refused> {
    let body = call.body()?;
    no_id(&body, "cannot specify Id in an insert call")?;
    let fields = values::read(object, &body)?;
    let id = write(call, |writer| writer.create(object, fields))?;
    Ok(json_response(201, &json!({ "id": id, "success": true, "errors": [] })))
}

/// `/sobjects/X/id`.
pub(super) fn by_id(call: &Call<'_>, object: &Object, id: &str) -> Result<Response<Bytes>, Refused> {
    match *call.request.method() {
        Method::GET => read(call, object, id),
        Method::PATCH => {
            let body = call.body()?;
            no_id(&body, "The Id field should not be specified in the sobject data.")?;
            let fields = values::read(object, &body)?;
            write(call, |writer| {
                unmodified(call, writer.data, object, id)?;
                writer.update(object, id, fields).map_err(gone)
            })?;
            Ok(no_content())
        }
        _ => {
            write(call, |writer| writer.delete(object, id)).map_err(gone)?;
            Ok(no_content())
        }
    }
}

/// `/sobjects/X/field/value`: 201 where it makes a record, 200 where it changes one, 300 where several match.
pub(super) fn by_external_id(
    call: &Call<'_>,
    object: &Object,
    field: &str,
    value: &str,
) -> Result<Response<Bytes>, Refused> {
    let field = external_id(object, field)?;
    if *call.request.method() == Method::PATCH {
        return upsert(call, object, field, value);
    }
    let found = holders(&call.org.account.lock().data, object, field, value);
    match found.as_slice() {
        [] => {
            let message = format!("Provided external ID field does not exist or is not accessible: {value}");
            Err(Refused::request("NOT_FOUND", message).with_status(404))
        }
        [id] => by_id(call, object, id),
        several => Ok(choices(call, object, several)),
    }
}

fn upsert(call: &Call<'_>, object: &Object, field: &Field, value: &str) -> Result<Response<Bytes>, Refused> {
    let body = call.body()?;
    no_id(&body, "The Id field should not be specified in the sobject data.")?;
    let mut fields = values::read(object, &body)?;
    if fields.remove(&field.name).is_some() {
        let message = format!("The {} field should not be specified in the sobject data.", field.name);
        return Err(Refused::request("INVALID_FIELD", message));
    }
    write(call, |writer| match holders(writer.data, object, field, value).as_slice() {
        [] if call.parameter("updateOnly") == Some("true") => Err(Refused::not_found()),
        [] => {
            fields.insert(field.name.clone(), Native::text(value));
            let id = writer.create(object, fields)?;
            Ok(json_response(201, &json!({ "id": id, "success": true, "errors": [], "created": true })))
        }
        [id] => {
            let id = writer.update(object, id, fields).map_err(gone)?;
            Ok(json_response(200, &json!({ "id": id, "success": true, "errors": [], "created": false })))
        }
        several => Ok(choices(call, object, several)),
    })
}

/// REST guide, "Status Codes and Error Responses", 300: the list of the records that match.
fn choices(call: &Call<'_>, object: &Object, ids: &[String]) -> Response<Bytes> {
    let urls = ids.iter().map(|id| format!("{}/sobjects/{}/{id}", call.base, object.name));
    json_response(300, &urls.collect())
}

/// The external-id field of that name.
pub(super) fn external_id<'a>(object: &'a Object, name: &str) -> Result<&'a Field, Refused> {
    object.field(name).filter(|field| field.external_id).ok_or_else(Refused::not_found)
}

/// The live records whose external id is this, without regard to case.
pub(super) fn holders(data: &Service, object: &Object, field: &Field, value: &str) -> Vec<String> {
    let Some(table) = data.tables.get(object.name) else { return Vec::new() };
    if field.unique {
        return table.holder(&field.name, value).map(|row| row.id.clone()).into_iter().collect();
    }
    let wanted = value.trim().to_lowercase();
    let holds = |row: &&Row| {
        let held = row.fields.get(&field.name).map(|value| value.to_string().to_lowercase());
        row.deleted_at.is_none() && held.as_ref() == Some(&wanted)
    };
    table.rows.values().filter(holds).map(|row| row.id.clone()).collect()
}

/// The fields that are named, or all.
///
/// # Errors
/// `INVALID_FIELD` for one that is not there or may not be read: the whole call fails.
pub(super) fn selected<'a>(object: &Object, names: impl Iterator<Item = &'a str>) -> Result<Vec<Path>, Refused> {
    names
        .map(|name| {
            object.field(name.trim()).map(view::own).ok_or_else(|| {
                let message = format!("No such column '{}' on sobject of type {}", name.trim(), object.name);
                Refused::request("INVALID_FIELD", message)
            })
        })
        .collect()
}

/// Saves as the user of a call.
pub(super) fn write<T>(call: &Call<'_>, save: impl FnOnce(&mut Writer<'_>) -> T) -> T {
    let assigns = call.header("Sforce-Auto-Assign").is_none_or(|value| !value.trim().eq_ignore_ascii_case("false"));
    let rule = call.header("Sforce-Duplicate-Rule-Header").unwrap_or_default().replace(' ', "").to_lowercase();
    let now = call.org.account.now();
    let mut inner = call.org.account.lock();
    let mut state = call.org.state();
    let inner = &mut *inner;
    save(&mut Writer {
        data: &mut inner.data,
        next_id: &mut inner.next_id,
        held_rows: &mut state.held_rows,
        hidden: &inner.hidden,
        options: &call.config.options,
        schema: &call.config.visible,
        by: Actor { name: call.user.id.clone(), kind: ActorKind::Integration },
        user: call.user.id.clone(),
        now,
        assigns: if assigns { Assigns::Yes } else { Assigns::No },
        alerts: if rule.contains("allowsave=true") { Alerts::Override } else { Alerts::Heed },
    })
}

fn read(call: &Call<'_>, object: &Object, id: &str) -> Result<Response<Bytes>, Refused> {
    let paths = match call.parameter("fields") {
        Some(names) => selected(object, names.split(','))?,
        None => object.fields.iter().map(view::own).collect(),
    };
    let id = normal(object, id)?;
    let inner = call.org.account.lock();
    let row = inner.data.tables.get(object.name).and_then(|table| table.rows.get(&id));
    match row {
        Some(row) if inner.readable(&Address::new(object.name, id.as_str())) => match row.deleted_at {
            Some(_) => Err(gone(Refused::request("ENTITY_IS_DELETED", "entity is deleted"))),
            None => Ok(json_response(200, &call.view(&inner.data).record(object.name, row, &paths))),
        },
        _ => Err(Refused::not_found()),
    }
}

fn normal(object: &Object, id: &str) -> Result<String, Refused> {
    ids::normal(id).filter(|id| ids::prefix(id) == object.prefix).ok_or_else(|| {
        Refused::request("MALFORMED_ID", format!("{} ID: id value of incorrect type: {id}", object.label))
    })
}

/// REST guide, "Conditional Request Headers": `If-Unmodified-Since` is compared in whole seconds; 412 where the record
/// was changed since, 400 where the header is no date.
fn unmodified(call: &Call<'_>, data: &Service, object: &Object, id: &str) -> Result<(), Refused> {
    let Some(header) = call.header("If-Unmodified-Since") else { return Ok(()) };
    let since = httpdate::parse_http_date(header).ok().and_then(|time| Timestamp::try_from(time).ok());
    let since = since.ok_or_else(|| Refused::request("INVALID_HEADER", "If-Unmodified-Since is no date"))?;
    let id = normal(object, id)?;
    let changed = data.tables.get(object.name).and_then(|table| table.rows.get(&id)).map(|row| row.modified_at);
    if changed.is_some_and(|changed| changed.as_second() > since.as_second()) {
        let message = "The record was modified since the time given in If-Unmodified-Since";
        return Err(Refused::request("PRECONDITION_FAILED", message).with_status(412));
    }
    Ok(())
}

fn no_id(body: &Map<String, Value>, message: &str) -> Result<(), Refused> {
    let Some(name) = body.keys().find(|name| name.eq_ignore_ascii_case("id")) else { return Ok(()) };
    if message.starts_with("cannot") {
        return Err(Refused::record("INVALID_FIELD_FOR_INSERT_UPDATE", message, &[name]));
    }
    Err(Refused::request("INVALID_FIELD", message))
}

/// A record that is not there is 404 where the address names it.
fn gone(refused: Refused) -> Refused {
    match refused.code {
        "ENTITY_IS_DELETED" => Refused { fields: None, ..refused.with_status(404) },
        "INVALID_CROSS_REFERENCE_KEY" if refused.fields.as_ref().is_none_or(Vec::is_empty) => Refused::not_found(),
        _ => refused,
    }
}
