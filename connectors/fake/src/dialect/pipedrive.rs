//! Pipedrive by its documents (<https://developers.pipedrive.com/docs/api/v1/Persons>, API v2, and …/Leads, API v1): soft
//! deletion, e-mails and phones as lists with a primary one, custom fields by 40-character keys, numbers that are not taken
//! as text, searches that answer less than records.

use hymnal_sdk::Timestamp;
use serde_json::{Map, Value, json};

use crate::{
    asked::{Answer, Asked},
    world::{Row, World},
};

/// Custom fields of persons: key, type, options.
const CUSTOM: &[(&str, &str, &[u64])] = &[
    ("1111111111111111111111111111111111111111", "varchar", &[]),
    ("2222222222222222222222222222222222222222", "varchar", &[]),
    ("3333333333333333333333333333333333333333", "enum", &[11, 12]),
];
/// What a lead's own fields are.
const LEAD: &[&str] = &["title", "person_id", "organization_id", "expected_close_date", "is_archived"];

pub(super) fn answer(world: &mut World, asked: &Asked) -> Answer {
    if asked.header("x-api-token") != "pipedrive-token" {
        return failed(401, "unauthorized access");
    }
    let answer = match asked.route("") {
        ("GET", parts) if parts == ["v1", "users", "me"] => {
            Answer::json(200, &json!({ "success": true, "data": { "id": 1, "company_id": 7 } }))
        }
        ("GET", parts) if parts == ["v1", "personFields"] => fields(),
        (method, parts) => match parts.as_slice() {
            ["api", "v2", "persons", rest @ ..] => persons(world, asked, method, rest),
            ["v1", "leads", rest @ ..] => leads(world, asked, method, rest),
            ["api", "v2", "leads", "search"] => search(world, "leads", asked),
            _ => failed(404, "Unknown method."),
        },
    };
    answer.with("x-daily-ratelimit-token-limit", "1000000").with("x-daily-ratelimit-token-remaining", "900000")
}

pub(super) fn throttled() -> Answer {
    failed(429, "request over limit")
}

pub(super) fn new_id(world: &mut World, object: &str) -> String {
    let number = world.number();
    if object == "leads" { format!("00000000-0000-4000-8000-{number:012}") } else { number.to_string() }
}

fn fields() -> Answer {
    let custom = CUSTOM.iter().map(|(key, kind, options)| {
        let options: Vec<Value> = options.iter().map(|id| json!({ "id": id, "label": id.to_string() })).collect();
        json!({ "key": key, "name": key, "field_type": kind, "options": options, "edit_flag": true })
    });
    let standard = ["name", "email", "phone", "add_time"]
        .into_iter()
        .map(|key| json!({ "key": key, "name": key, "field_type": "varchar", "edit_flag": false }));
    Answer::json(200, &json!({ "success": true, "data": standard.chain(custom).collect::<Vec<_>>() }))
}

fn persons(world: &mut World, asked: &Asked, method: &str, rest: &[&str]) -> Answer {
    match (method, rest) {
        ("GET", []) => list_persons(world, asked),
        ("GET", ["search"]) => search(world, "persons", asked),
        // A person that was deleted is shown for thirty days, marked as such.
        ("GET", [id]) => match world.all("persons").find(|row| row.id == *id) {
            Some(row) => data(200, &person(row)),
            None => failed(404, "Person not found"),
        },
        ("POST", []) => {
            let fields = match person_taken(&asked.body) {
                Ok(fields) if fields.get("name").is_some_and(|name| !name.is_null()) => fields,
                Ok(_) => return failed(400, "Validation failed: name: Name must be given."),
                Err(answer) => return answer,
            };
            let id = new_id(world, "persons");
            world.insert("persons", &id, fields.into_iter().filter(|(_, value)| !value.is_null()).collect());
            data(201, &world.row("persons", &id).map_or(Value::Null, person))
        }
        ("PATCH", [id]) if world.seen("persons", id).is_some() => match person_taken(&asked.body) {
            Ok(fields) => {
                world.change("persons", id, fields);
                data(200, &world.row("persons", id).map_or(Value::Null, person))
            }
            Err(answer) => answer,
        },
        ("DELETE", [id]) if world.seen("persons", id).is_some() => {
            world.delete("persons", id);
            data(200, &json!({ "id": number(id) }))
        }
        _ => failed(404, "Person not found"),
    }
}

fn list_persons(world: &World, asked: &Asked) -> Answer {
    let limit = asked.number("limit", 100);
    if limit > 500 {
        return failed(400, "limit must be 500 or less");
    }
    let ids: Vec<&str> = asked.param("ids").split(',').filter(|id| !id.is_empty()).collect();
    if ids.len() > 100 {
        return failed(400, "ids: at most 100");
    }
    let since = asked.param("updated_since").parse::<Timestamp>().map_or(i64::MIN, Timestamp::as_second);
    let after = asked.param("cursor");
    let mut rows = world.all("persons").filter(|row| {
        !row.is_deleted
            && row.modified_at.as_second() >= since
            && row.id.as_str() > after
            && (ids.is_empty() || ids.contains(&row.id.as_str()))
    });
    let page: Vec<&Row> = rows.by_ref().take(limit).collect();
    let next = rows.next().and_then(|_| page.last()).map(|row| row.id.clone());
    let page: Vec<Value> = page.into_iter().map(person).collect();
    Answer::json(200, &json!({ "success": true, "data": page, "additional_data": { "next_cursor": next } }))
}

/// Exact, without regard to case, in one field.
fn search(world: &World, object: &str, asked: &Asked) -> Answer {
    let known: &[&str] =
        if object == "leads" { &["title", "custom_fields"] } else { &["name", "email", "phone", "custom_fields"] };
    let field = asked.param("fields");
    if asked.param("exact_match") != "true" || !known.contains(&field) {
        return failed(400, "fields must be one of those that can be searched");
    }
    let found = world.with(object, field, asked.param("term"));
    let items: Vec<Value> = found
        .iter()
        .map(|row| {
            let id = if object == "leads" { json!(row.id) } else { number(&row.id) };
            json!({ "result_score": 1.0, "item": { "id": id, "type": object, "name": row.text("name") } })
        })
        .collect();
    Answer::json(
        200,
        &json!({ "success": true, "data": { "items": items }, "additional_data": { "next_cursor": null } }),
    )
}

fn person_taken(body: &Value) -> Result<Map<String, Value>, Answer> {
    let mut fields = Map::new();
    for (name, value) in body.as_object().into_iter().flatten() {
        match name.as_str() {
            "emails" | "phones" => {
                let list = value.as_array().cloned().unwrap_or_default();
                let one = list.iter().find(|item| item["primary"] == true).or_else(|| list.first());
                let others = list.iter().filter(|item| Some(*item) != one).cloned().collect::<Vec<_>>();
                let key = name.trim_end_matches('s');
                fields.insert(key.to_owned(), one.map_or(Value::Null, |item| item["value"].clone()));
                fields.insert(format!("other_{name}"), if others.is_empty() { Value::Null } else { json!(others) });
            }
            "custom_fields" => {
                for (key, value) in value.as_object().into_iter().flatten() {
                    let Some((_, kind, options)) = CUSTOM.iter().find(|(known, ..)| known == key) else {
                        return Err(failed(400, &format!("Validation failed: custom_fields.{key}: unknown")));
                    };
                    let is_right = match *kind {
                        _ if value.is_null() => true,
                        "enum" => value.as_u64().is_some_and(|id| options.contains(&id)),
                        _ => value.is_string(),
                    };
                    if !is_right {
                        return Err(failed(400, &format!("Validation failed: custom_fields.{key}: invalid")));
                    }
                    fields.insert(key.clone(), value.clone());
                }
            }
            "name" | "job_title" => {
                fields.insert(name.clone(), value.clone());
            }
            other => return Err(failed(400, &format!("Validation failed: {other}: unknown"))),
        }
    }
    Ok(fields)
}

fn person(row: &Row) -> Value {
    let list = |key: &str| {
        let first = row.fields.get(key).map(|value| json!({ "value": value, "primary": true, "label": "work" }));
        let others = row.fields.get(&format!("other_{key}s")).and_then(Value::as_array).cloned().unwrap_or_default();
        first.into_iter().chain(others).collect::<Vec<_>>()
    };
    let custom: Map<String, Value> = CUSTOM
        .iter()
        .map(|(key, ..)| ((*key).to_owned(), row.fields.get(*key).cloned().unwrap_or(Value::Null)))
        .collect();
    json!({
        "id": number(&row.id),
        "name": row.fields.get("name"),
        "job_title": row.fields.get("job_title"),
        "emails": list("email"),
        "phones": list("phone"),
        "custom_fields": custom,
        "is_deleted": row.is_deleted,
        "add_time": time(row.created_at),
        "update_time": time(row.modified_at),
    })
}

fn leads(world: &mut World, asked: &Asked, method: &str, rest: &[&str]) -> Answer {
    match (method, rest) {
        ("GET", []) => {
            let since = asked.param("updated_since").parse::<Timestamp>().map_or(i64::MIN, Timestamp::as_second);
            let rows = world.all("leads").filter(|row| !row.is_deleted && row.modified_at.as_second() >= since);
            let page = rows.skip(asked.number("start", 0)).take(asked.number("limit", 100)).map(lead);
            Answer::json(200, &json!({ "success": true, "data": page.collect::<Vec<_>>() }))
        }
        ("GET", [id]) => match world.seen("leads", id) {
            Some(row) => data(200, &lead(row)),
            None => failed(404, "Lead not found"),
        },
        ("POST", []) => {
            let fields = asked.body.as_object().cloned().unwrap_or_default();
            if let Some(answer) = lead_refused(&fields, true) {
                return answer;
            }
            let id = new_id(world, "leads");
            world.insert("leads", &id, fields.into_iter().filter(|(_, value)| !value.is_null()).collect());
            data(201, &world.row("leads", &id).map_or(Value::Null, lead))
        }
        ("PATCH", [id]) if world.seen("leads", id).is_some() => {
            let fields = asked.body.as_object().cloned().unwrap_or_default();
            if let Some(answer) = lead_refused(&fields, false) {
                return answer;
            }
            world.change("leads", id, fields);
            data(200, &world.row("leads", id).map_or(Value::Null, lead))
        }
        ("DELETE", [id]) if world.seen("leads", id).is_some() => {
            world.delete("leads", id);
            data(200, &json!({ "id": id }))
        }
        _ => failed(404, "Lead not found"),
    }
}

/// "A lead must be linked to a person or an organization or both", and has a title.
fn lead_refused(fields: &Map<String, Value>, is_new: bool) -> Option<Answer> {
    let is_linked = ["person_id", "organization_id"].iter().any(|key| fields.get(*key).is_some_and(|id| !id.is_null()));
    let has_title = fields.get("title").is_some_and(|title| !title.is_null());
    let unknown = fields.keys().find(|key| !LEAD.contains(&key.as_str()));
    let is_date = |value: &Value| value.is_null() || value.as_str().is_some_and(|day| day.len() == 10);
    if let Some(unknown) = unknown {
        return Some(failed(400, &format!("{unknown} is not allowed")));
    }
    if fields.get("expected_close_date").is_some_and(|value| !is_date(value)) {
        return Some(failed(400, "expected_close_date is not a date"));
    }
    (is_new && !(is_linked && has_title)).then(|| failed(400, "A lead needs a title, and a person or an organization"))
}

fn lead(row: &Row) -> Value {
    let mut lead: Map<String, Value> =
        LEAD.iter().map(|key| ((*key).to_owned(), row.fields.get(*key).cloned().unwrap_or(Value::Null))).collect();
    lead.insert("id".to_owned(), json!(row.id));
    lead.insert("add_time".to_owned(), json!(time(row.created_at)));
    lead.insert("update_time".to_owned(), json!(time(row.modified_at)));
    Value::Object(lead)
}

fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn number(id: &str) -> Value {
    id.parse::<u64>().map_or(Value::Null, Value::from)
}

fn data(status: u16, data: &Value) -> Answer {
    Answer::json(status, &json!({ "success": true, "data": data }))
}

fn failed(status: u16, error: &str) -> Answer {
    Answer::json(status, &json!({ "success": false, "error": error, "errorCode": status }))
}
