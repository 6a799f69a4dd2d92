//! Mautic's REST API by its documents (<https://devdocs.mautic.org/en/latest/rest_api/contacts.html>) and its source
//! (5.x: `CommonApiController`, `LeadApiController`, `CommonRepository`): lists keyed by id, batches keyed by index,
//! `dateModified` blank until the first edit, blanks skipped unless `overwriteWithBlank`, creating somebody who is there
//! edits them, and giving somebody another's e-mail merges the two.

use std::cmp::Ordering;

use hymnal_sdk::Timestamp;
use serde_json::{Map, Value, json};

use crate::{
    asked::{Answer, Asked},
    world::{Row, World},
};

const OBJECT: &str = "contacts";
/// The fields that the installation has: alias, type, options.
const FIELDS: &[(&str, &str, &[&str])] = &[
    ("email", "email", &[]),
    ("firstname", "text", &[]),
    ("lastname", "text", &[]),
    ("position", "text", &[]),
    ("phone", "tel", &[]),
    ("city", "text", &[]),
    ("tier", "select", &["gold", "silver"]),
    ("renewal", "datetime", &[]),
    ("points", "number", &[]),
];
/// `api_batch_max_limit`
const BATCH: usize = 200;
/// Channels of `doNotContact`, and the world's fields that stand for them.
const CHANNELS: &[(&str, &str)] = &[("email", "do_not_email"), ("sms", "do_not_sms")];

pub(super) fn answer(world: &mut World, asked: &Asked) -> Answer {
    if asked.method == "POST" && asked.path == "/oauth/v2/token" {
        return login(asked);
    }
    let is_known = asked.basic() == Some(("hymnal".to_owned(), "mautic-password".to_owned()));
    if !is_known && asked.bearer() != "mautic-token" {
        return Answer::json(
            401,
            &json!({ "error": "access_denied", "error_description": "OAuth2 authentication required" }),
        );
    }
    match asked.route("/api") {
        ("GET", parts) if parts == ["fields", "contact"] => fields(),
        ("GET", parts) if parts == ["contacts"] => list(world, asked),
        ("POST", parts) if parts == ["contacts", "batch", "new"] => batch(world, asked, Method::New),
        ("PATCH", parts) if parts == ["contacts", "batch", "edit"] => batch(world, asked, Method::Edit),
        ("GET", parts) if parts.len() == 2 && parts[0] == "contacts" => one(world, parts[1]),
        ("DELETE", parts) if matches!(parts.as_slice(), ["contacts", _, "delete"]) => delete(world, parts[1]),
        _ => failed(404, "The requested resource does not exist", &json!([])),
    }
}

pub(super) fn is_login(asked: &Asked) -> bool {
    asked.path == "/oauth/v2/token"
}

pub(super) fn throttled() -> Answer {
    failed(429, "API rate limit exceeded", &json!([]))
}

fn login(asked: &Asked) -> Answer {
    let is = |name: &str, value: &str| asked.form.get(name).is_some_and(|found| found == value);
    if is("grant_type", "client_credentials") && is("client_id", "hymnal") && is("client_secret", "mautic-secret") {
        return Answer::json(
            200,
            &json!({ "access_token": "mautic-token", "expires_in": 3600, "token_type": "bearer" }),
        );
    }
    Answer::json(400, &json!({ "error": "invalid_client", "error_description": "The client credentials are invalid" }))
}

fn fields() -> Answer {
    let field = |(alias, kind, options): &(&str, &str, &[&str])| {
        let list: Vec<Value> = options.iter().map(|option| json!({ "label": option, "value": option })).collect();
        let properties = if list.is_empty() { json!([]) } else { json!({ "list": list }) };
        json!({
            "alias": alias, "label": alias, "type": kind, "object": "lead", "properties": properties,
            "isUniqueIdentifier": *alias == "email", "isRequired": false,
        })
    };
    Answer::json(200, &json!({ "total": FIELDS.len(), "fields": FIELDS.iter().map(field).collect::<Vec<_>>() }))
}

/// One of `where[i][col|expr|val]`.
struct Where<'a> {
    col: &'a str,
    expr: &'a str,
    val: &'a str,
}

fn list(world: &World, asked: &Asked) -> Answer {
    let clauses: Vec<Where<'_>> = (0..100)
        .map(|index| format!("where[{index}]"))
        .take_while(|name| asked.query.contains_key(&format!("{name}[col]")))
        .map(|name| {
            let part = |part: &str| asked.query.get(&format!("{name}[{part}]")).map(String::as_str).unwrap_or_default();
            Where { col: part("col"), expr: part("expr"), val: part("val") }
        })
        .collect();
    let is_identified = asked.param("search") == "!is:anonymous";
    let mut rows: Vec<&Row> = world
        .all(OBJECT)
        .filter(|row| !row.is_deleted && clauses.iter().all(|clause| holds(row, clause)))
        .filter(|row| !is_identified || !row.text("email").is_empty())
        .collect();
    let order: Vec<&str> = asked.param("orderBy").split(',').filter(|column| !column.is_empty()).collect();
    rows.sort_by(|a, b| {
        let by = order.iter().map(|col| column(a, col).cmp(&column(b, col)));
        by.fold(Ordering::Equal, Ordering::then)
    });
    let total = rows.len();
    let page = rows.into_iter().skip(asked.number("start", 0)).take(asked.number("limit", 30));
    let page: Map<String, Value> = page.map(|row| (row.id.clone(), shown(row))).collect();
    // An empty PHP array is a list.
    let contacts = if page.is_empty() { json!([]) } else { Value::Object(page) };
    Answer::json(200, &json!({ "total": total.to_string(), "contacts": contacts }))
}

/// A column of the database: snake case, times in UTC to the second.
fn column(row: &Row, name: &str) -> Option<String> {
    let time = |at: Timestamp| at.strftime("%Y-%m-%d %H:%M:%S").to_string();
    match name {
        "id" => Some(row.id.clone()),
        "date_added" => Some(time(row.created_at)),
        "date_modified" => row.is_changed.then(|| time(row.modified_at)),
        name => Some(row.text(name).to_lowercase()),
    }
}

fn holds(row: &Row, clause: &Where<'_>) -> bool {
    // A comparison with NULL is never true.
    let Some(value) = column(row, clause.col) else { return false };
    let wanted = if clause.col.starts_with("date_") { clause.val.to_owned() } else { clause.val.to_lowercase() };
    match clause.expr {
        "eq" => value == wanted,
        "gt" => value > wanted,
        "gte" => value >= wanted,
        "in" => csv(&wanted).contains(&value),
        _ => false,
    }
}

/// What PHP's `str_getcsv` makes of a line.
fn csv(line: &str) -> Vec<String> {
    let (mut values, mut value, mut is_quoted) = (Vec::new(), String::new(), false);
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if is_quoted && letters.peek() == Some(&'"') => {
                letters.next();
                value.push('"');
            }
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => values.push(std::mem::take(&mut value)),
            other => value.push(other),
        }
    }
    values.push(value);
    values
}

fn one(world: &World, id: &str) -> Answer {
    match (world.seen(OBJECT, id), world.row(OBJECT, id)) {
        (Some(row), _) => Answer::json(200, &json!({ "contact": shown(row) })),
        (None, Some(row)) if !row.is_deleted => {
            failed(403, "You do not have access to the requested area/action.", &json!([]))
        }
        _ => failed(404, "Item was not found.", &json!([])),
    }
}

fn delete(world: &mut World, id: &str) -> Answer {
    let Some(row) = world.seen(OBJECT, id).map(shown) else { return failed(404, "Item was not found.", &json!([])) };
    world.delete(OBJECT, id);
    Answer::json(200, &json!({ "contact": row }))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Method {
    New,
    Edit,
}

/// Each item for itself: contacts, status codes and errors by the item's index.
fn batch(world: &mut World, asked: &Asked, method: Method) -> Answer {
    let items = asked.body.as_array().cloned().unwrap_or_default();
    if items.len() > BATCH {
        return failed(500, "Batch limit exceeded", &json!([]));
    }
    let (mut contacts, mut codes, mut errors) = (Map::new(), Map::new(), Map::new());
    for (index, item) in items.iter().enumerate() {
        let index = index.to_string();
        match saved(world, item, method) {
            Ok((id, code)) => {
                contacts.insert(index.clone(), world.row(OBJECT, &id).map_or(Value::Null, shown));
                codes.insert(index, json!(code));
            }
            Err((code, message, details)) => {
                codes.insert(index.clone(), json!(code));
                errors.insert(index, json!({ "code": code, "message": message, "details": details, "type": null }));
            }
        }
    }
    let mut answer = json!({ "contacts": listed(contacts), "statusCodes": listed(codes) });
    if !errors.is_empty() {
        answer["errors"] = listed(errors);
    }
    Answer::json(if method == Method::New { 201 } else { 200 }, &answer)
}

/// As PHP writes an array: a list where its keys count from nought.
fn listed(map: Map<String, Value>) -> Value {
    let counts = map.keys().enumerate().all(|(index, key)| *key == index.to_string());
    if counts { map.into_iter().map(|(_, value)| value).collect() } else { Value::Object(map) }
}

type Refused = (u16, &'static str, Value);

fn saved(world: &mut World, item: &Value, method: Method) -> Result<(String, u16), Refused> {
    let email = item.get("email").and_then(Value::as_str).unwrap_or_default().to_owned();
    let holder = |world: &World| {
        if email.is_empty() { None } else { world.with(OBJECT, "email", &email).first().map(|row| row.id.clone()) }
    };
    let id = match method {
        Method::New => holder(world),
        Method::Edit => {
            let id = item.get("id").map(crate::world::text).unwrap_or_default();
            Some(world.seen(OBJECT, &id).map(|row| row.id.clone()).ok_or((404, "Item was not found.", json!([])))?)
        }
    };
    let fields = taken(item)?;
    let Some(id) = id else {
        let id = world.number().to_string();
        world.insert(OBJECT, &id, fields.into_iter().filter(|(_, value)| !value.is_null()).collect());
        return Ok((id, 201));
    };
    // `preSaveEntity`: an edit that gives a unique field another's value merges the two, into the other.
    let other = holder(world).filter(|other| *other != id && method == Method::Edit);
    let survivor = other.unwrap_or_else(|| id.clone());
    if survivor != id {
        world.delete(OBJECT, &id);
    }
    world.change(OBJECT, &survivor, fields);
    Ok((survivor, 200))
}

fn taken(item: &Value) -> Result<Map<String, Value>, Refused> {
    let overwrites = item.get("overwriteWithBlank").and_then(Value::as_bool).unwrap_or_default();
    let mut fields = Map::new();
    for (name, value) in item.as_object().into_iter().flatten() {
        if name == "doNotContact" {
            for entry in value.as_array().into_iter().flatten() {
                let channel = CHANNELS.iter().find(|(channel, _)| entry["channel"] == *channel);
                let Some((_, field)) = channel else { continue };
                // `DoNotContact::IS_CONTACTABLE` is 0.
                fields.insert((*field).to_owned(), if entry["reason"] == 0 { Value::Null } else { json!(true) });
            }
            continue;
        }
        let Some((_, kind, options)) = FIELDS.iter().find(|(alias, ..)| alias == name) else { continue };
        let is_blank = value.is_null() || value == "";
        if is_blank && !overwrites {
            continue;
        }
        let word = value.as_str().unwrap_or_default();
        if !is_blank && !options.is_empty() && !options.contains(&word) {
            return Err((400, "The value is not valid", json!({ name.as_str(): ["The selected choice is invalid."] })));
        }
        if *kind == "datetime" && word.contains('T') {
            return Err((
                400,
                "The value is not valid",
                json!({ name.as_str(): ["This value is not a valid datetime."] }),
            ));
        }
        fields.insert(name.clone(), if is_blank { Value::Null } else { value.clone() });
    }
    Ok(fields)
}

fn shown(row: &Row) -> Value {
    let time = |at: Timestamp| at.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string();
    let all: Map<String, Value> = FIELDS
        .iter()
        .map(|(alias, ..)| ((*alias).to_owned(), row.fields.get(*alias).cloned().unwrap_or(Value::Null)))
        .collect();
    let channels = CHANNELS.iter().filter(|(_, field)| row.fields.get(*field) == Some(&json!(true)));
    let do_not_contact: Vec<Value> =
        channels.map(|(channel, _)| json!({ "channel": channel, "reason": 3, "comments": "" })).collect();
    json!({
        "id": row.id.parse::<u64>().unwrap_or_default(),
        "isPublished": true,
        "dateAdded": time(row.created_at),
        "dateModified": row.is_changed.then(|| time(row.modified_at)),
        "modifiedBy": 1,
        "fields": { "all": all },
        "doNotContact": do_not_contact,
    })
}

fn failed(code: u16, message: &str, details: &Value) -> Answer {
    Answer::json(code, &json!({ "errors": [{ "code": code, "message": message, "details": details, "type": null }] }))
}
