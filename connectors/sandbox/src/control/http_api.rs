//! The control API over HTTP.
//!
//! | request | does |
//! |---|---|
//! | `POST /control/SIDE/records` `{"action", "actor", "object", "id", "fields", "into"}` | an edit by a person: `create`, `edit`, `delete`, `restore`, `purge`, `merge`, `convert` |
//! | `GET /control/SIDE/records?object=contacts` | all rows, deleted ones included |
//! | `POST /control/SIDE/import` `{"object", "actor", "records": [fields]}` | many records at once |
//! | `POST /control/SIDE/faults` `{"method", "path", "times", "fault": {"kind": …}}` | plants a fault |
//! | `DELETE /control/SIDE/faults` | takes away those that have not hit |
//! | `POST /control/SIDE/clock` `{"skew_ms"}` | moves the service's clock |
//! | `GET /control/SIDE/requests?asked=0&wrote=0` | what was asked since a mark, and the mark to go on from |
//! | `POST /control/SIDE/rates` `{"per_ten_seconds", "searches_per_second", "daily"}` | how much may be asked |
//! | `POST /control/SIDE/visibility` `{"object", "id", "hidden", "late_ms"}` | hides or shows a record; makes it late in lists |
//!
//! `SIDE` is `hubspot` or `salesforce`.

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    response::IntoResponse,
    routing::{get, post},
};
use http::StatusCode;
use hymnal_memory::service::Row;
use hymnal_sdk::{Actor, ActorKind, Address, Fields, Native};
use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Mark, NotDone, Side};
use crate::{account::Planted, hubspot::Rates, salesforce::Conversion, server::Sandbox};

type Done = Result<Json<Value>, NotDone>;

/// The control API of both services.
pub(crate) fn router(sandbox: Sandbox) -> Router {
    Router::new()
        .route("/control/{side}/records", get(records).post(act))
        .route("/control/{side}/import", post(import))
        .route("/control/{side}/faults", post(plant).delete(clear))
        .route("/control/{side}/clock", post(clock))
        .route("/control/{side}/requests", get(requests))
        .route("/control/{side}/rates", post(rates))
        .route("/control/{side}/visibility", post(visibility))
        .with_state(sandbox)
}

#[derive(Deserialize)]
struct Act {
    action: Action,
    #[serde(default = "somebody")]
    actor: Actor,
    #[serde(default)]
    object: String,
    #[serde(default)]
    id: String,
    #[serde(default)]
    fields: Map<String, Value>,
    /// The winner of a merge; the contact of a conversion.
    into: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Action {
    Create,
    Edit,
    Delete,
    Restore,
    Purge,
    Merge,
    Convert,
}

#[derive(Deserialize)]
struct Import {
    #[serde(default = "somebody")]
    actor: Actor,
    object: String,
    records: Vec<Map<String, Value>>,
}

#[derive(Deserialize)]
struct Object {
    object: String,
}

#[derive(Deserialize)]
struct Clock {
    skew_ms: i64,
}

#[derive(Deserialize)]
struct Visibility {
    object: String,
    id: String,
    #[serde(default)]
    hidden: bool,
    late_ms: Option<i64>,
}

async fn act(State(sandbox): State<Sandbox>, Path(side): Path<Side>, Json(act): Json<Act>) -> Done {
    let control = sandbox.control(side);
    let (by, id) = (&act.actor, act.id.as_str());
    let id = match act.action {
        Action::Create => control.create(by, &act.object, fields(act.fields))?,
        Action::Edit => control.edit(by, id, fields(act.fields)).map(|()| act.id)?,
        Action::Delete => control.delete(by, id).map(|()| act.id)?,
        Action::Restore => control.restore(by, id).map(|()| act.id)?,
        Action::Purge => control.purge(id).map(|()| act.id)?,
        Action::Merge => {
            let winner = act.into.ok_or_else(|| NotDone("A merge needs `into`, the record that stays.".to_owned()))?;
            control.merge(by, &winner, id)?
        }
        Action::Convert => {
            let how = Conversion { contact: act.into, ..Conversion::default() };
            control.convert(by, id, &how)?.contact
        }
    };
    Ok(Json(json!({ "id": id })))
}

async fn records(State(sandbox): State<Sandbox>, Path(side): Path<Side>, Query(asked): Query<Object>) -> Json<Value> {
    let rows = sandbox.control(side).rows(&asked.object);
    Json(json!({ "records": rows.iter().map(tell).collect::<Vec<_>>() }))
}

async fn import(State(sandbox): State<Sandbox>, Path(side): Path<Side>, Json(import): Json<Import>) -> Done {
    let records = import.records.into_iter().map(fields).collect();
    let ids = sandbox.control(side).import(&import.actor, &import.object, records)?;
    Ok(Json(json!({ "ids": ids })))
}

async fn plant(State(sandbox): State<Sandbox>, Path(side): Path<Side>, Json(fault): Json<Planted>) -> StatusCode {
    sandbox.control(side).plant(fault);
    StatusCode::NO_CONTENT
}

async fn clear(State(sandbox): State<Sandbox>, Path(side): Path<Side>) -> StatusCode {
    sandbox.control(side).clear_faults();
    StatusCode::NO_CONTENT
}

async fn clock(State(sandbox): State<Sandbox>, Path(side): Path<Side>, Json(clock): Json<Clock>) -> StatusCode {
    sandbox.control(side).skew(SignedDuration::from_millis(clock.skew_ms));
    StatusCode::NO_CONTENT
}

async fn requests(State(sandbox): State<Sandbox>, Path(side): Path<Side>, Query(mark): Query<Mark>) -> Json<Value> {
    let control = sandbox.control(side);
    Json(json!({ "since": control.since(mark), "mark": control.mark() }))
}

async fn rates(State(sandbox): State<Sandbox>, Path(side): Path<Side>, Json(rates): Json<Rates>) -> StatusCode {
    sandbox.control(side).set_rates(rates);
    StatusCode::NO_CONTENT
}

async fn visibility(
    State(sandbox): State<Sandbox>,
    Path(side): Path<Side>,
    Json(asked): Json<Visibility>,
) -> StatusCode {
    let control = sandbox.control(side);
    let address = Address::new(asked.object, asked.id);
    if let Some(late) = asked.late_ms {
        let from = control.account().now().saturating_add(SignedDuration::from_millis(late));
        control.appear_late(address.clone(), from.unwrap_or(hymnal_sdk::Timestamp::MAX));
    }
    if asked.hidden {
        control.hide(address);
    } else {
        control.show(&address);
    }
    StatusCode::NO_CONTENT
}

impl IntoResponse for NotDone {
    fn into_response(self) -> axum::response::Response {
        (StatusCode::CONFLICT, Json(json!({ "error": self.0 }))).into_response()
    }
}

fn somebody() -> Actor {
    Actor { name: "1001".to_owned(), kind: ActorKind::Person }
}

fn fields(given: Map<String, Value>) -> Fields {
    given.into_iter().map(|(name, value)| (name, native(value))).collect()
}

fn native(value: Value) -> Native {
    match value {
        Value::Null => Native::Null,
        Value::Bool(flag) => Native::Bool(flag),
        Value::Number(number) => Native::Number(number.to_string()),
        Value::String(text) => Native::Text(text),
        Value::Array(items) => Native::List(items.into_iter().map(native).collect()),
        Value::Object(_) => Native::Object(value.to_string()),
    }
}

fn json_of(value: &Native) -> Value {
    match value {
        Native::Null => Value::Null,
        Native::Bool(flag) => Value::Bool(*flag),
        Native::Number(text) => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
        Native::Text(text) => json!(text),
        Native::List(items) => Value::Array(items.iter().map(json_of).collect()),
        Native::Object(text) => serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
    }
}

fn tell(row: &Row) -> Value {
    let fields: Map<String, Value> = row.fields.iter().map(|(name, value)| (name.clone(), json_of(value))).collect();
    json!({
        "id": row.id,
        "fields": fields,
        "created_at": row.created_at,
        "modified_at": row.modified_at,
        "modified_by": row.modified_by,
        "deleted_at": row.deleted_at,
        "merged_into": row.merged_into,
        "converted_into": row.converted_into,
    })
}
