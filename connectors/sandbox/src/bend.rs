//! What faults make of a request on its way there, and of its answer on its way back.
//!
//! Requests and answers are bent as JSON, wherever the field stands in it: the faces never know. A fault that finds
//! nothing to bend has not hit, and waits for the next request.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use hymnal_memory::{Normal, service::Row};
use hymnal_sdk::{Actor, ActorKind, Fields, Native};
use serde_json::{Map, Value};

use crate::{
    account::{Account, Fault, Form},
    wire::Face,
};

/// What became of a request.
pub(crate) enum Bent {
    /// It, or its answer, was bent.
    Done(Response<Bytes>),
    /// The face was asked, and there was nothing to bend in its answer.
    InVain(Response<Bytes>),
    /// There was nothing to bend, and nobody was asked.
    Not,
}

/// A request that carries the fault.
pub(crate) fn through(fault: &Fault, account: &Account, face: &dyn Face, request: &Request<Bytes>) -> Bent {
    let answered =
        |hits: bool, answer: &dyn Fn() -> Response<Bytes>| if hits { Bent::Done(answer()) } else { Bent::Not };
    match fault {
        Fault::DuplicateDelivery => {
            let first = face.answer(request);
            drop(face.answer(request));
            Bent::Done(first)
        }
        Fault::Malformed => Bent::Done(broken_off(face.answer(request))),
        Fault::PartialBatch => there(face, request, halve),
        Fault::ItemsReordered => back(face, request, reverse),
        Fault::ItemsWithoutId => back(face, request, strip_ids),
        Fault::FieldWithheld { field } => back(face, request, |body| remove(body, field)),
        Fault::FieldMasked { field } => back(face, request, |body| mask(body, field)),
        Fault::FieldIgnored { field } => there(face, request, |body| remove(body, field)),
        Fault::Normalised { field, how } => there(face, request, |body| reform(body, field, *how)),
        Fault::Automation { field, value } => automated(account, face, request, field, value),
        Fault::PageShift => answered(lists(request), &|| shifted(account, face, request)),
        Fault::StaleList { ms } => {
            answered(lists(request), &|| stale(account, face, request, Duration::from_millis(*ms)))
        }
        Fault::FieldRenamed { field } => renamed(face, request, field),
        Fault::FieldRetyped { field } => answered(writes(request, field), &|| face.value_of_another_type(field)),
        Fault::ChoiceRemoved { field, choice } => {
            let is_given = string_in(request, field).is_some_and(|given| given == *choice);
            face.no_such_choice(field, choice).filter(|_| is_given).map_or(Bent::Not, Bent::Done)
        }
        _ => Bent::Not,
    }
}

fn there(face: &dyn Face, request: &Request<Bytes>, bend: impl FnOnce(&mut Value) -> bool) -> Bent {
    let Ok(mut body) = serde_json::from_slice::<Value>(request.body()) else { return Bent::Not };
    if lists(request) || !bend(&mut body) {
        return Bent::Not;
    }
    let (head, _) = request.clone().into_parts();
    Bent::Done(face.answer(&Request::from_parts(head, Bytes::from(body.to_string()))))
}

/// The face is asked in any case: only its answer tells whether there was something to bend.
fn back(face: &dyn Face, request: &Request<Bytes>, bend: impl FnOnce(&mut Value) -> bool) -> Bent {
    let (head, body) = face.answer(request).into_parts();
    match serde_json::from_slice::<Value>(&body).ok().and_then(|mut body| bend(&mut body).then_some(body)) {
        Some(bent) => Bent::Done(Response::from_parts(head, Bytes::from(bent.to_string()))),
        None => Bent::InVain(Response::from_parts(head, body)),
    }
}

/// The answer ends in the middle, and its head says that this is all.
fn broken_off(answer: Response<Bytes>) -> Response<Bytes> {
    let (head, body) = answer.into_parts();
    let half = body.slice(..body.len() / 2);
    Response::from_parts(head, half)
}

/// The items of a request or of an answer.
fn items(body: &mut Value) -> Option<&mut Vec<Value>> {
    match body {
        Value::Array(items) => Some(items),
        Value::Object(object) => {
            let name = ["inputs", "results", "records"].into_iter().find(|name| object.contains_key(*name))?;
            object.get_mut(name)?.as_array_mut()
        }
        _ => None,
    }
}

fn halve(body: &mut Value) -> bool {
    let Some(items) = items(body).filter(|items| items.len() > 1) else { return false };
    items.truncate(items.len() / 2);
    true
}

fn reverse(body: &mut Value) -> bool {
    let Some(items) = items(body).filter(|items| items.len() > 1) else { return false };
    items.reverse();
    true
}

fn strip_ids(body: &mut Value) -> bool {
    let Some(items) = items(body) else { return false };
    let strip = |item: &mut Value| {
        let object = item.as_object_mut();
        object.is_some_and(|object| ["id", "Id"].into_iter().any(|name| object.remove(name).is_some()))
    };
    items.iter_mut().fold(false, |did, item| strip(item) | did)
}

fn remove(body: &mut Value, field: &str) -> bool {
    each_object(body, &mut |object| object.remove(field).is_some())
}

fn mask(body: &mut Value, field: &str) -> bool {
    let filled = |value: &Value| !value.is_null() && value.as_str() != Some("");
    each_object(body, &mut |object| match object.get_mut(field).filter(|value| filled(value)) {
        Some(value) => {
            *value = Value::String("***".to_owned());
            true
        }
        None => false,
    })
}

fn reform(body: &mut Value, field: &str, how: Form) -> bool {
    each_object(body, &mut |object| {
        let Some(Value::String(text)) = object.get_mut(field) else { return false };
        let formed = Normal::from(how).apply(&Native::text(text.as_str())).to_string();
        let did = formed != *text;
        *text = formed;
        did
    })
}

/// Every object in the value; whether `act` did something to one of them.
fn each_object(value: &mut Value, act: &mut impl FnMut(&mut Map<String, Value>) -> bool) -> bool {
    match value {
        Value::Array(items) => items.iter_mut().fold(false, |did, item| each_object(item, act) | did),
        Value::Object(object) => {
            let did = act(object);
            object.values_mut().fold(did, |did, value| each_object(value, act) | did)
        }
        _ => false,
    }
}

/// A rule inside the service runs after the write, so that the answer does not show what it did.
fn automated(account: &Account, face: &dyn Face, request: &Request<Bytes>, field: &str, value: &str) -> Bent {
    let before = account.lock().data.sequence;
    let answer = face.answer(request);
    let now = account.now();
    let rule = Actor { name: "automation".to_owned(), kind: ActorKind::Workflow };
    let mut inner = account.lock();
    let rows = changed(&inner.data.tables, before);
    if rows.is_empty() {
        return Bent::InVain(answer);
    }
    for (object, row) in rows {
        let fields = Fields::from([(field.to_owned(), Native::text(value))]);
        // A rule whose value another record has fails in its own log, which nobody here reads.
        let _ = inner.data.update(&object, &row.id, fields, &rule, now);
    }
    Bent::Done(answer)
}

fn changed(
    tables: &std::collections::BTreeMap<String, hymnal_memory::service::Table>,
    since: u64,
) -> Vec<(String, Row)> {
    let rows = tables.iter().flat_map(|(object, table)| table.rows.values().map(move |row| (object, row)));
    let live = rows.filter(|(_, row)| row.sequence > since && row.deleted_at.is_none());
    live.map(|(object, row)| (object.clone(), row.clone())).collect()
}

/// It asks for many records by what they hold, or by when they changed.
fn lists(request: &Request<Bytes>) -> bool {
    let path = request.uri().path();
    path.ends_with("/search") || path.contains("/query")
}

/// Somebody touches the first record of the page while it is read.
fn shifted(account: &Account, face: &dyn Face, request: &Request<Bytes>) -> Response<Bytes> {
    let answer = face.answer(request);
    let mut body: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
    let first = items(&mut body).and_then(|items| items.first().cloned()).unwrap_or_default();
    let id = ["id", "Id"].into_iter().find_map(|name| first.get(name)?.as_str().map(str::to_owned));
    let now = account.now();
    let mut inner = account.lock();
    let mut tables = inner.data.tables.iter();
    let found = tables.find_map(|(object, table)| Some((object.clone(), table.live(id.as_deref()?)?.clone())));
    if let Some((object, row)) = found {
        let _ = inner.data.update(&object, &row.id, Fields::new(), &row.modified_by, now);
    }
    answer
}

/// The list is answered from what stood there so long ago.
fn stale(account: &Account, face: &dyn Face, request: &Request<Bytes>, ago: Duration) -> Response<Bytes> {
    let now = account.now();
    let mut inner = account.lock();
    let then = inner.data.as_it_stood(now, ago);
    let current = std::mem::replace(&mut inner.data, then);
    drop(inner);
    let answer = face.answer(request);
    account.lock().data = current;
    answer
}

/// The field has another name by now.
fn renamed(face: &dyn Face, request: &Request<Bytes>, field: &str) -> Bent {
    if writes(request, field) {
        return Bent::Done(face.no_such_field(field));
    }
    let asks = |text: &str| text.contains(field);
    let is_asked = asks(request.uri().path_and_query().map_or("", |path| path.as_str()))
        || std::str::from_utf8(request.body()).is_ok_and(asks);
    if !is_asked {
        return Bent::Not;
    }
    if face.leaves_unknown_fields_out() {
        return back(face, request, |body| remove(body, field));
    }
    Bent::Done(face.no_such_field(field))
}

/// The request gives the field a value.
fn writes(request: &Request<Bytes>, field: &str) -> bool {
    let Ok(mut body) = serde_json::from_slice::<Value>(request.body()) else { return false };
    !lists(request) && each_object(&mut body, &mut |object| object.contains_key(field))
}

fn string_in(request: &Request<Bytes>, field: &str) -> Option<String> {
    let mut body: Value = serde_json::from_slice(request.body()).ok()?;
    let mut found = None;
    each_object(&mut body, &mut |object| {
        found = found.take().or_else(|| object.get(field)?.as_str().map(str::to_owned));
        false
    });
    found.filter(|_| !lists(request))
}

impl From<Form> for Normal {
    fn from(form: Form) -> Self {
        match form {
            Form::Trimmed => Self::Trim,
            Form::Lowered => Self::Lower,
            Form::Cut { to } => Self::Truncate(to),
            Form::Reformatted => Self::Reformat,
            Form::Rounded { to } => Self::Round(to),
        }
    }
}
