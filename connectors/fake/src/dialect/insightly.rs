//! Insightly's API v3.1 by its documents (<https://api.insightly.com/v3.1/Help>), and by what others saw it do: lists in
//! the order of ids, `updated_after_utc` by whole seconds and exclusive, numbers of collections that are singular
//! (`Prospect`), custom fields as names and values.

use serde_json::{Map, Value, json};

use crate::{
    asked::{Answer, Asked},
    world::{Row, World},
};

/// The key that opens it.
const API_KEY: &str = "insightly-key";
/// Calls a day, as the headers say it.
const DAILY: u64 = 100_000;

/// One collection.
struct Table {
    /// In the path.
    collection: &'static str,
    /// In the world, and in `CustomFields/…`.
    object: &'static str,
    id: &'static str,
    email: &'static str,
    required: &'static str,
}

const TABLES: &[Table] = &[
    Table {
        collection: "Contacts",
        object: "Contacts",
        id: "CONTACT_ID",
        email: "EMAIL_ADDRESS",
        required: "FIRST_NAME",
    },
    Table { collection: "Leads", object: "Leads", id: "LEAD_ID", email: "EMAIL", required: "LAST_NAME" },
    Table {
        collection: "Prospect",
        object: "Prospects",
        id: "PROSPECT_ID",
        email: "EMAIL_ADDRESS",
        required: "EMAIL_ADDRESS",
    },
];

/// The standard fields that every record of every collection shows here, blank or not.
const STANDARD: &[&str] = &[
    "FIRST_NAME",
    "LAST_NAME",
    "TITLE",
    "PHONE",
    "ORGANISATION_NAME",
    "EMAIL_OPTED_OUT",
    "OPTED_OUT",
    "ADDRESS_CITY",
    "ADDRESS_MAIL_CITY",
    "CONVERTED",
    "CONVERTED_CONTACT_ID",
];

/// The custom fields that the instance has: name, type, options.
const CUSTOM: &[(&str, &str, &[&str])] =
    &[("Tier__c", "DROPDOWN", &["gold", "silver"]), ("Region__c", "TEXT", &[]), ("Renewal__c", "DATETIME", &[])];

pub(super) fn answer(world: &mut World, asked: &Asked) -> Answer {
    // "We use basic authentication": the key as the name, without a password.
    if asked.basic() != Some((API_KEY.to_owned(), String::new())) {
        return Answer::json(401, &json!({ "Message": "Authentication failed" }));
    }
    let answer = match asked.route("/v3.1") {
        ("GET", parts) if parts == ["Instance"] => Answer::json(
            200,
            &json!({ "INSTANCE_NAME": "Kit", "INSTANCE_SUBDOMAIN": "kit", "PLAN_NAME": "Professional" }),
        ),
        ("GET", parts) if matches!(parts.as_slice(), ["CustomFields", _]) => custom_fields(),
        (method, parts) => {
            let Some(table) = parts.first().and_then(|name| TABLES.iter().find(|table| table.collection == *name))
            else {
                // A plural where the collection is singular is answered so.
                return Answer::json(405, &json!({ "Message": "The requested resource does not support this method" }));
            };
            match (method, &parts[1..]) {
                ("GET", ["Search"]) => search(world, table, asked),
                ("GET", [id]) => one(world, table, id),
                ("POST", []) => create(world, table, &asked.body),
                ("PUT", []) => update(world, table, asked),
                ("DELETE", [id]) => delete(world, table, id),
                _ => Answer::json(405, &json!({ "Message": "The requested resource does not support this method" })),
            }
        }
    };
    answer.with("x-ratelimit-limit", DAILY.to_string()).with("x-ratelimit-remaining", (DAILY - 1).to_string())
}

pub(super) fn throttled() -> Answer {
    Answer::json(429, &json!({ "Message": "API rate limit exceeded" }))
        .with("x-ratelimit-limit", DAILY.to_string())
        .with("x-ratelimit-remaining", (DAILY / 2).to_string())
}

fn custom_fields() -> Answer {
    let field = |(name, kind, options): &(&str, &str, &[&str])| {
        let options: Vec<Value> = options.iter().map(|option| json!({ "OPTION_VALUE": option })).collect();
        json!({ "FIELD_NAME": name, "FIELD_LABEL": name, "FIELD_TYPE": kind, "EDITABLE": true, "VISIBLE": true, "CUSTOM_FIELD_OPTIONS": options })
    };
    Answer::json(200, &CUSTOM.iter().map(field).collect())
}

/// `updated_after_utc`, or `field_name` and `field_value` (both or neither); `top` is 100, at most 500.
fn search(world: &World, table: &Table, asked: &Asked) -> Answer {
    let (name, after) = (asked.param("field_name"), asked.param("updated_after_utc"));
    if name.is_empty() && after.is_empty() {
        return bad("a search needs `field_name` and `field_value`, or `updated_after_utc`");
    }
    let top = asked.number("top", 100);
    if top > 500 {
        return bad("`top` is 500 at most");
    }
    let since = if after.is_empty() {
        None
    } else {
        after.parse::<hymnal_sdk::Timestamp>().ok().map(hymnal_sdk::Timestamp::as_second)
    };
    let rows = world.all(table.object).filter(|row| {
        !row.is_deleted
            && since.is_none_or(|since| row.modified_at.as_second() > since)
            && (name.is_empty() || row.text(name).eq_ignore_ascii_case(asked.param("field_value")))
    });
    let rows: Vec<Value> = rows.skip(asked.number("skip", 0)).take(top).map(|row| shown(table, row)).collect();
    Answer::json(200, &Value::Array(rows))
}

fn one(world: &World, table: &Table, id: &str) -> Answer {
    match world.seen(table.object, id) {
        Some(row) => Answer::json(200, &shown(table, row)),
        None => Answer::json(404, &json!({ "Message": "Record not found" })),
    }
}

fn create(world: &mut World, table: &Table, body: &Value) -> Answer {
    let fields = match taken(table, body) {
        Ok(fields) => fields,
        Err(answer) => return answer,
    };
    if fields.get(table.required).is_none_or(Value::is_null) {
        return bad(&format!("{} is required", table.required));
    }
    let id = world.number().to_string();
    world.insert(table.object, &id, filled(fields));
    Answer::json(201, &world.row(table.object, &id).map_or(Value::Null, |row| shown(table, row)))
}

/// `PUT` changes what it names, and `null` clears.
fn update(world: &mut World, table: &Table, asked: &Asked) -> Answer {
    let Some(id) = asked.body.get(table.id).and_then(Value::as_u64).map(|id| id.to_string()) else {
        return bad(&format!("{} must be a number", table.id));
    };
    if world.seen(table.object, &id).is_none() {
        return Answer::json(404, &json!({ "Message": "Record not found" }));
    }
    match taken(table, &asked.body) {
        Ok(fields) => {
            world.change(table.object, &id, fields);
            one(world, table, &id)
        }
        Err(answer) => answer,
    }
}

fn delete(world: &mut World, table: &Table, id: &str) -> Answer {
    if world.seen(table.object, id).is_some() && world.delete(table.object, id) {
        return Answer::empty(202);
    }
    Answer::json(404, &json!({ "Message": "Record not found" }))
}

/// A body's fields, flat.
fn taken(table: &Table, body: &Value) -> Result<Map<String, Value>, Answer> {
    let Value::Object(body) = body else { return Err(bad("a body is an object")) };
    let mut fields = Map::new();
    for (name, value) in body {
        match name.as_str() {
            "CUSTOMFIELDS" => {
                for pair in value.as_array().into_iter().flatten() {
                    let name = pair["FIELD_NAME"].as_str().unwrap_or_default();
                    let Some((_, kind, options)) = CUSTOM.iter().find(|(known, ..)| *known == name) else {
                        return Err(bad(&format!("there is no custom field {name}")));
                    };
                    let value = pair["FIELD_VALUE"].clone();
                    let word = value.as_str().unwrap_or_default();
                    if !options.is_empty() && !value.is_null() && !options.contains(&word) {
                        return Err(bad(&format!("{word} is no option of {name}")));
                    }
                    if *kind == "DATETIME" && word.contains('T') {
                        return Err(bad(&format!("{name} is written yyyy-MM-dd HH:mm:ss")));
                    }
                    fields.insert(name.to_owned(), value);
                }
            }
            name if name == table.id => {}
            name if STANDARD.contains(&name) || name == table.email => {
                fields.insert(name.to_owned(), value.clone());
            }
            name => return Err(bad(&format!("there is no field {name}"))),
        }
    }
    Ok(fields)
}

fn filled(fields: Map<String, Value>) -> Map<String, Value> {
    fields.into_iter().filter(|(_, value)| !value.is_null()).collect()
}

/// A record as an answer has it: standard fields always, custom ones that have a value.
fn shown(table: &Table, row: &Row) -> Value {
    let time = |at: hymnal_sdk::Timestamp| at.strftime("%Y-%m-%d %H:%M:%S").to_string();
    let mut shown = Map::new();
    shown.insert(table.id.to_owned(), row.id.parse::<u64>().map_or(Value::Null, Value::from));
    for name in STANDARD.iter().chain([&table.email]) {
        shown.insert((*name).to_owned(), row.fields.get(*name).cloned().unwrap_or(Value::Null));
    }
    let custom = row.fields.iter().filter(|(name, _)| name.ends_with("__c"));
    let custom = custom.map(|(name, value)| json!({ "FIELD_NAME": name, "FIELD_VALUE": value })).collect();
    shown.insert("CUSTOMFIELDS".to_owned(), custom);
    shown.insert("DATE_CREATED_UTC".to_owned(), Value::String(time(row.created_at)));
    shown.insert("DATE_UPDATED_UTC".to_owned(), Value::String(time(row.modified_at)));
    Value::Object(shown)
}

fn bad(message: &str) -> Answer {
    Answer::json(400, &json!({ "Message": message }))
}
