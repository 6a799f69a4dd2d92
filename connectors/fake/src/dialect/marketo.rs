//! Marketo's REST API by its documents
//! (<https://experienceleague.adobe.com/en/docs/marketo-developer/marketo/rest/rest-api>): errors with HTTP status 200, a
//! log of activities by paging tokens, three hundred leads a call, `skipped` items with reasons.

use hymnal_sdk::Timestamp;
use serde_json::{Map, Value, json};

use crate::{
    asked::{Answer, Asked},
    world::{Row, World},
};

const OBJECT: &str = "leads";
/// Fields: REST name, type.
const FIELDS: &[(&str, &str)] = &[
    ("email", "email"),
    ("firstName", "string"),
    ("lastName", "string"),
    ("title", "string"),
    ("unsubscribed", "boolean"),
    ("annualRevenue", "currency"),
];
/// The static list.
const LIST: &str = "1001";
/// Leads a call.
const BATCH: usize = 300;

pub(super) fn answer(world: &mut World, asked: &Asked) -> Answer {
    if is_login(asked) {
        return login(asked);
    }
    // "access_token" in the query is no longer taken.
    if asked.bearer() != "marketo-token" {
        return failed("601", "Access token invalid");
    }
    let (method, parts) = asked.route("/rest/v1");
    match (method, parts.as_slice()) {
        ("GET", ["leads", "describe.json"]) => describe(),
        ("GET", ["activities", "pagingtoken.json"]) => token(world, asked),
        ("GET", ["activities", "leadchanges.json"]) if asked.param("fields").is_empty() => {
            failed("1003", "fields must be specified")
        }
        ("GET", ["activities", "leadchanges.json"]) => log(world, asked, 13, |row| !row.is_deleted),
        ("GET", ["activities", "deletedleads.json"]) => log(world, asked, 37, |row| row.is_deleted),
        ("GET", ["lists", LIST, "leads.json"]) => list(world, asked, |_| true),
        ("GET", ["leads.json"]) => filtered(world, asked),
        ("POST", ["leads.json"]) => save(world, &asked.body),
        ("POST", ["leads", "delete.json"]) => delete(world, &asked.body),
        _ => failed("610", "Requested resource not found"),
    }
}

/// Whether a `POST` may change something.
pub(super) fn is_login(asked: &Asked) -> bool {
    asked.path == "/identity/oauth/token"
}

pub(super) fn throttled() -> Answer {
    failed("606", "Max rate limit '100' exceeded with in '20' secs")
}

fn login(asked: &Asked) -> Answer {
    let is = |name: &str, value: &str| asked.param(name) == value;
    let is_right = is("client_id", "hymnal") && is("client_secret", "marketo-secret");
    if asked.method == "GET" && is("grant_type", "client_credentials") && is_right {
        return Answer::json(
            200,
            &json!({ "access_token": "marketo-token", "token_type": "bearer", "expires_in": 3599 }),
        );
    }
    Answer::json(401, &json!({ "error": "unauthorized", "error_description": "Bad client credentials" }))
}

fn describe() -> Answer {
    let fields = FIELDS.iter().map(|(name, kind)| {
        json!({ "displayName": name, "dataType": kind, "length": 255, "rest": { "name": name, "readOnly": false } })
    });
    done(json!({ "result": fields.collect::<Vec<_>>() }))
}

/// A token is the number of the last write before a time.
fn token(world: &World, asked: &Asked) -> Answer {
    let Ok(since) = asked.param("sinceDatetime").parse::<Timestamp>() else {
        return failed("1001", "Invalid value for sinceDatetime");
    };
    let first = world.all(OBJECT).filter(|row| row.modified_at >= since).map(|row| row.version).min();
    let token = first.map_or(world.version(), |first| first - 1);
    done(json!({ "nextPageToken": token.to_string() }))
}

fn log(world: &World, asked: &Asked, kind: u64, is_meant: impl Fn(&Row) -> bool) -> Answer {
    let Ok(after) = asked.param("nextPageToken").parse::<u64>() else { return failed("1003", "Invalid paging token") };
    let mut rows: Vec<&Row> = world.all(OBJECT).filter(|row| row.version > after).collect();
    rows.sort_by_key(|row| row.version);
    // A page is of the log, of which not all is meant: it may be short, or empty, and not the last.
    let is_more = rows.len() > BATCH;
    rows.truncate(BATCH);
    let next = rows.last().map_or(after, |row| row.version);
    let result: Vec<Value> = rows
        .into_iter()
        .filter(|row| is_meant(row))
        .map(|row| json!({ "leadId": number(&row.id), "activityTypeId": kind, "activityDate": time(row.modified_at) }))
        .collect();
    let mut answer = json!({ "nextPageToken": next.to_string(), "moreResult": is_more });
    if !result.is_empty() {
        answer["result"] = json!(result);
    }
    done(answer)
}

fn filtered(world: &World, asked: &Asked) -> Answer {
    let values: Vec<String> = asked.param("filterValues").split(',').map(|value| value.trim().to_lowercase()).collect();
    if values.len() > BATCH {
        return failed("1003", "Too many values to filter");
    }
    let field = asked.param("filterType");
    if field != "id" && !FIELDS.iter().any(|(name, _)| *name == field) {
        return failed("1003", &format!("Invalid filterType '{field}'"));
    }
    list(world, asked, |row| {
        values.contains(&if field == "id" { row.id.clone() } else { row.text(field).to_lowercase() })
    })
}

fn list(world: &World, asked: &Asked, is_meant: impl Fn(&Row) -> bool) -> Answer {
    let names: Vec<&str> = asked.param("fields").split(',').filter(|name| !name.is_empty()).collect();
    let system = ["id", "createdAt", "updatedAt"];
    if let Some(name) =
        names.iter().find(|name| !system.contains(name) && !FIELDS.iter().any(|(known, _)| known == *name))
    {
        return failed("1006", &format!("Field '{name}' not found"));
    }
    let after = asked.param("nextPageToken");
    let mut rows = world.all(OBJECT).filter(|row| !row.is_deleted && row.id.as_str() > after && is_meant(row));
    let page: Vec<&Row> = rows.by_ref().take(asked.number("batchSize", BATCH).min(BATCH)).collect();
    let next = rows.next().and_then(|_| page.last()).map(|row| row.id.clone());
    let mut answer = json!({ "result": page.into_iter().map(|row| shown(row, &names)).collect::<Vec<_>>() });
    if let Some(next) = next {
        answer["nextPageToken"] = json!(next);
    }
    done(answer)
}

fn save(world: &mut World, body: &Value) -> Answer {
    let items = body["input"].as_array().cloned().unwrap_or_default();
    if items.is_empty() || items.len() > BATCH {
        return failed("1003", "input must hold 1 to 300 leads");
    }
    let (action, lookup) =
        (body["action"].as_str().unwrap_or("createOrUpdate"), body["lookupField"].as_str().unwrap_or("email"));
    if lookup == "id" && action != "updateOnly" {
        return failed("1003", "id can only be looked up with updateOnly");
    }
    done(json!({ "result": items.iter().map(|item| saved(world, item, action, lookup)).collect::<Vec<_>>() }))
}

fn saved(world: &mut World, item: &Value, action: &str, lookup: &str) -> Value {
    let key = item.get(lookup).map(crate::world::text).unwrap_or_default();
    let found: Vec<String> = if lookup == "id" {
        world.seen(OBJECT, &key).map(|row| row.id.clone()).into_iter().collect()
    } else {
        world.with(OBJECT, lookup, &key).into_iter().map(|row| row.id.clone()).collect()
    };
    let mut fields = Map::new();
    for (name, value) in item.as_object().into_iter().flatten().filter(|(name, _)| *name != "id") {
        let Some((_, kind)) = FIELDS.iter().find(|(known, _)| known == name) else {
            return skipped("1006", &format!("Field '{name}' not found"));
        };
        let is_right =
            value.is_null() || *kind != "currency" || value.as_str().is_none_or(|text| text.parse::<f64>().is_ok());
        if !is_right {
            return skipped("1001", &format!("Invalid value {value}. Required of type 'currency'"));
        }
        fields.insert(name.clone(), value.clone());
    }
    match (action, found.as_slice()) {
        (_, [_, _, ..]) => skipped("1007", "Multiple lead match lookup criteria"),
        ("createOnly", [_]) => skipped("1005", "Lead already exists"),
        ("updateOnly", []) => skipped("1004", "Lead not found"),
        (_, [id]) => {
            world.change(OBJECT, id, fields);
            json!({ "id": number(id), "status": "updated" })
        }
        (_, []) => {
            let id = world.number().to_string();
            world.insert(OBJECT, &id, fields.into_iter().filter(|(_, value)| !value.is_null()).collect());
            json!({ "id": number(&id), "status": "created" })
        }
    }
}

fn delete(world: &mut World, body: &Value) -> Answer {
    let items = body["input"].as_array().cloned().unwrap_or_default();
    let result = items.iter().map(|item| {
        let id = item.get("id").map(crate::world::text).unwrap_or_default();
        if world.seen(OBJECT, &id).is_some() && world.delete(OBJECT, &id) {
            json!({ "id": number(&id), "status": "deleted" })
        } else {
            skipped("1004", "Lead not found")
        }
    });
    let result: Vec<Value> = result.collect();
    done(json!({ "result": result }))
}

fn skipped(code: &str, message: &str) -> Value {
    json!({ "status": "skipped", "reasons": [{ "code": code, "message": message }] })
}

fn shown(row: &Row, names: &[&str]) -> Value {
    let mut shown = Map::new();
    shown.insert("id".to_owned(), number(&row.id));
    for (name, _) in FIELDS.iter().filter(|(name, _)| names.contains(name)) {
        shown.insert((*name).to_owned(), row.fields.get(*name).cloned().unwrap_or(Value::Null));
    }
    shown.insert("createdAt".to_owned(), json!(time(row.created_at)));
    shown.insert("updatedAt".to_owned(), json!(time(row.modified_at)));
    Value::Object(shown)
}

fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn number(id: &str) -> Value {
    id.parse::<u64>().map_or(Value::Null, Value::from)
}

fn done(mut answer: Value) -> Answer {
    answer["requestId"] = json!("e42b#14272d07d78");
    answer["success"] = json!(true);
    Answer::json(200, &answer)
}

fn failed(code: &str, message: &str) -> Answer {
    Answer::json(
        200,
        &json!({ "requestId": "e42b#14272d07d78", "success": false, "errors": [{ "code": code, "message": message }] }),
    )
}
