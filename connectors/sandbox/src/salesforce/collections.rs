//! `/composite/sobjects`: up to 200 records a call, each with a result of its own.
//!
//! REST guide, "sObject Collections": the results stand in the order of the request; the answer is 200 although records
//! were refused; only a request that is not well formed is 400 as a whole.

use std::collections::BTreeSet;

use bytes::Bytes;
use http::{Method, Response};
use hymnal_sdk::{Address, Fields};
use serde_json::{Map, Value, json};

use super::{
    answer::{Refused, json_response},
    ids,
    request::Call,
    rows::{external_id, holders, selected, write},
    save::Writer,
    schema::Object,
    values,
};

const MAX_RECORDS: usize = 200;
const MAX_READ: usize = 2_000;
/// Records of more than one type are saved in runs of one type each.
const MAX_RUNS: usize = 10;

/// A record of the request.
struct Item<'a> {
    object: &'a Object,
    id: Option<String>,
    fields: Fields,
}

/// What a record came to: its id, and whether it was made.
type Saved = Result<(String, bool), Refused>;

/// Creates, updates or deletes.
pub(super) fn answer(call: &Call<'_>) -> Result<Response<Bytes>, Refused> {
    if *call.request.method() == Method::DELETE {
        return delete(call);
    }
    let body = call.body()?;
    let items = items(call, &body, None)?;
    let create = *call.request.method() == Method::POST;
    let mut seen = BTreeSet::new();
    let results = save_all(call, all_or_none(&body), items, |writer, item| {
        let id = item.id.clone();
        match (create, id) {
            (true, None) => writer.create(item.object, item.fields).map(|id| (id, true)),
            (true, Some(_)) => {
                let message = "cannot specify Id in an insert call";
                Err(Refused::record("INVALID_FIELD_FOR_INSERT_UPDATE", message, &["Id"]))
            }
            (false, None) => Err(Refused::record("MISSING_ARGUMENT", "Id not specified in an update call", &[])),
            (false, Some(id)) => {
                if !seen.insert(ids::normal(&id).unwrap_or_else(|| id.clone())) {
                    return Err(Refused::record("DUPLICATE_VALUE", format!("Duplicate id specified: {id}"), &["Id"]));
                }
                writer.update(item.object, &id, item.fields).map(|id| (id, false))
            }
        }
    });
    Ok(shown(&results, Created::Untold))
}

/// `PATCH /composite/sobjects/X/field`: each record is made or changed by its external id.
pub(super) fn upsert(call: &Call<'_>, object: &Object, field: &str) -> Result<Response<Bytes>, Refused> {
    let field = external_id(object, field)?;
    let body = call.body()?;
    let items = items(call, &body, Some(object))?;
    let mut seen = BTreeSet::new();
    let results = save_all(call, all_or_none(&body), items, |writer, mut item| {
        if item.id.is_some() {
            let message = "The Id field should not be specified in the sobject data.";
            return Err(Refused::record("INVALID_FIELD", message, &["Id"]));
        }
        let value = item.fields.get(&field.name).filter(|value| !value.is_blank()).map(ToString::to_string);
        let Some(value) = value else {
            let message = format!("{} not specified", field.name);
            return Err(Refused::record("MISSING_ARGUMENT", message, &[&field.name]));
        };
        // SOAP API guide, `upsert()`: the same external id twice in one call is an error.
        if !seen.insert(value.to_lowercase()) {
            let message = format!("Duplicate external id specified: {value}");
            return Err(Refused::record("DUPLICATE_VALUE", message, &[&field.name]));
        }
        match holders(writer.data, object, field, &value).as_slice() {
            [] => writer.create(object, item.fields).map(|id| (id, true)),
            [id] => {
                item.fields.remove(&field.name);
                writer.update(object, id, item.fields).map(|id| (id, false))
            }
            several => {
                let message = format!("{}: more than one record found for external id field: {several:?}", field.name);
                Err(Refused::record("DUPLICATE_EXTERNAL_ID", message, &[&field.name]))
            }
        }
    });
    Ok(shown(&results, Created::Told))
}

/// Reads records of one object by their ids; `null` for what is not visible.
pub(super) fn retrieve(call: &Call<'_>, object: &Object) -> Result<Response<Bytes>, Refused> {
    let (ids, fields) = if *call.request.method() == Method::POST {
        let body = call.body()?;
        (strings(&body, "ids")?, strings(&body, "fields")?)
    } else {
        let list = |name: &str| {
            let text = call.parameter(name).unwrap_or_default();
            text.split(',').filter(|part| !part.is_empty()).map(str::to_owned).collect::<Vec<_>>()
        };
        (list("ids"), list("fields"))
    };
    for (name, list) in [("ids", &ids), ("fields", &fields)] {
        if list.is_empty() {
            return Err(Refused::request("MISSING_ARGUMENT", format!("The {name} parameter is required")));
        }
    }
    if ids.len() > MAX_READ {
        return Err(too_many(MAX_READ));
    }
    let paths = selected(object, fields.iter().map(String::as_str))?;
    let inner = call.org.account.lock();
    let view = call.view(&inner.data);
    let table = inner.data.tables.get(object.name);
    let record = |id: &String| {
        let row = table?.live(&ids::normal(id)?)?;
        inner.readable(&Address::new(object.name, row.id.as_str())).then(|| view.record(object.name, row, &paths))
    };
    let records = ids.iter().map(|id| record(id).unwrap_or(Value::Null)).collect();
    Ok(json_response(200, &Value::Array(records)))
}

fn delete(call: &Call<'_>) -> Result<Response<Bytes>, Refused> {
    let ids: Vec<&str> = call.parameter("ids").unwrap_or_default().split(',').filter(|id| !id.is_empty()).collect();
    if ids.is_empty() {
        return Err(Refused::request("MISSING_ARGUMENT", "The ids parameter is required"));
    }
    if ids.len() > MAX_RECORDS {
        return Err(too_many(MAX_RECORDS));
    }
    let all_or_none = call.parameter("allOrNone").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let results = save_all(call, all_or_none, ids, |writer, id| {
        let object = writer
            .schema
            .object_of_id(id)
            .ok_or_else(|| Refused::record("MALFORMED_ID", format!("malformed id {id}"), &["Id"]))?;
        writer.delete(object, id).map(|id| (id, false))
    });
    Ok(shown(&results, Created::Untold))
}

/// The request's records.
///
/// # Errors
/// 400 for the whole request.
fn items<'a>(call: &'a Call<'_>, body: &Map<String, Value>, only: Option<&Object>) -> Result<Vec<Item<'a>>, Refused> {
    if let Some(name) = body.keys().find(|name| !["records", "allOrNone"].contains(&name.as_str())) {
        let message = format!("Unrecognized field \"{name}\"");
        return Err(Refused::request("JSON_PARSER_ERROR", message));
    }
    let Some(Value::Array(records)) = body.get("records") else {
        return Err(Refused::request("JSON_PARSER_ERROR", "Missing required field: records"));
    };
    if records.is_empty() {
        return Err(Refused::request("INVALID_INPUT", "The records list must hold at least one record"));
    }
    if records.len() > MAX_RECORDS {
        return Err(too_many(MAX_RECORDS));
    }
    let items = records.iter().map(|record| item(call, record, only)).collect::<Result<Vec<_>, _>>()?;
    let runs = items.chunk_by(|a, b| a.object.name == b.object.name).count();
    if runs > MAX_RUNS {
        let message = format!("Cannot have more than {MAX_RUNS} chunks in a single operation");
        return Err(Refused::request("INVALID_INPUT", message));
    }
    Ok(items)
}

/// Each record says its type; in an upsert it is the type of the address.
fn item<'a>(call: &'a Call<'_>, record: &Value, only: Option<&Object>) -> Result<Item<'a>, Refused> {
    let kind = record.get("attributes").and_then(|attributes| attributes.get("type")).and_then(Value::as_str);
    let (Some(kind), Some(record)) = (kind, record.as_object()) else {
        let message = "Each record must contain an attributes map with a value for type";
        return Err(Refused::request("INVALID_INPUT", message));
    };
    let object = call.config.visible.object(kind).ok_or_else(|| {
        let message = format!("sObject type '{kind}' is not supported.");
        Refused::request("INVALID_TYPE", message)
    })?;
    if only.is_some_and(|only| only.name != object.name) {
        let message = format!("The record's type {kind} is not the type of the request URI");
        return Err(Refused::request("INVALID_INPUT", message));
    }
    let id = record.iter().find(|(name, value)| name.eq_ignore_ascii_case("id") && !value.is_null());
    let id = id.map(|(_, id)| id.as_str().map_or_else(|| id.to_string(), str::to_owned));
    Ok(Item { object, id, fields: values::read(object, record)? })
}

/// Saves one after the other. With `allOrNone`, one refusal undoes all.
fn save_all<I>(
    call: &Call<'_>,
    all_or_none: bool,
    items: Vec<I>,
    mut save: impl FnMut(&mut Writer<'_>, I) -> Saved,
) -> Vec<Saved> {
    write(call, |writer| {
        let before = all_or_none.then(|| writer.data.clone());
        let mut results: Vec<Saved> = items.into_iter().map(|item| save(writer, item)).collect();
        if let Some(before) = before
            && results.iter().any(Result::is_err)
        {
            *writer.data = before;
            let message =
                "Record rolled back because not all records were valid and the request was using AllOrNone header";
            for result in results.iter_mut().filter(|result| result.is_ok()) {
                *result = Err(Refused::record("ALL_OR_NONE_OPERATION_ROLLED_BACK", message, &[]));
            }
        }
        results
    })
}

/// Whether results tell that a record was made.
#[derive(Clone, Copy)]
enum Created {
    Told,
    Untold,
}

fn shown(results: &[Saved], created: Created) -> Response<Bytes> {
    let result = |result: &Saved| match (result, created) {
        (Ok((id, made)), Created::Told) => json!({ "id": id, "success": true, "errors": [], "created": made }),
        (Ok((id, _)), Created::Untold) => json!({ "id": id, "success": true, "errors": [] }),
        (Err(refused), Created::Told) => {
            let mut item = refused.item();
            item["created"] = json!(false);
            item
        }
        (Err(refused), Created::Untold) => refused.item(),
    };
    json_response(200, &results.iter().map(result).collect())
}

fn all_or_none(body: &Map<String, Value>) -> bool {
    body.get("allOrNone") == Some(&Value::Bool(true))
}

fn strings(body: &Map<String, Value>, name: &str) -> Result<Vec<String>, Refused> {
    let wrong = || Refused::request("JSON_PARSER_ERROR", format!("{name} must be a list of strings"));
    let list = body.get(name).and_then(Value::as_array).ok_or_else(wrong)?;
    list.iter().map(|item| item.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
}

/// The service's words: it speaks of "this call" whatever the resource.
fn too_many(most: usize) -> Refused {
    let message = format!("record limit reached. cannot submit more than {most} records into this call");
    Refused::request("EXCEEDED_ID_LIMIT", message)
}
