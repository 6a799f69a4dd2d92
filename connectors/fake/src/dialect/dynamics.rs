//! The Dataverse Web API by its documents
//! (<https://learn.microsoft.com/power-apps/developer/data-platform/use-change-tracking-synchronize-data-external-systems>,
//! …/webapi/perform-conditional-operations-using-web-api): delta links that carry deletions, ETags, `If-Match: *`, upserts
//! by alternate key, pages by link, choices that are numbers.

use hymnal_sdk::Timestamp;
use serde_json::{Map, Value, json};

use crate::{
    asked::{Answer, Asked},
    world::{Row, World},
};

/// Where it pretends to be.
const HOST: &str = "http://127.0.0.1:9";
const ROOT: &str = "/api/data/v9.2";
/// The scope that its token is for.
const SCOPE: &str = "http://127.0.0.1:9/.default";

/// One table: entity set, logical name, id.
const TABLES: &[(&str, &str, &str)] = &[("leads", "lead", "leadid"), ("contacts", "contact", "contactid")];
/// Columns of every table: logical name, type, options.
const COLUMNS: &[(&str, &str, &[u64])] = &[
    ("firstname", "String", &[]),
    ("lastname", "String", &[]),
    ("emailaddress1", "String", &[]),
    ("jobtitle", "String", &[]),
    ("telephone1", "String", &[]),
    ("donotbulkemail", "Boolean", &[]),
    ("industrycode", "Picklist", &[1, 2, 3]),
    ("hymnal_id", "String", &[]),
];
/// The column of the alternate key.
const ALTERNATE: &str = "hymnal_id";

pub(super) fn answer(world: &mut World, asked: &Asked) -> Answer {
    if is_login(asked) {
        return login(asked);
    }
    if asked.bearer() != "dynamics-token" {
        return failed(401, "0x80072560", "The user is not a member of the organization.");
    }
    let Some(below) = asked.path.strip_prefix(ROOT) else { return failed(404, "0x8006088a", "Resource not found") };
    if below == "/WhoAmI" {
        return Answer::json(200, &json!({ "OrganizationId": "0b0b0b0b-0000-4000-8000-000000000001" }));
    }
    if below.starts_with("/EntityDefinitions(LogicalName='") {
        return definitions(below);
    }
    let (set, key) = match below.trim_start_matches('/').split_once('(') {
        Some((set, key)) => (set, key.strip_suffix(')')),
        None => (below.trim_start_matches('/'), None),
    };
    let Some(table) = TABLES.iter().find(|(known, ..)| *known == set) else {
        return failed(404, "0x80060888", &format!("Resource not found for the segment '{set}'."));
    };
    match (asked.method.as_str(), key) {
        ("GET", None) => list(world, table, asked),
        ("POST", None) => create(world, table, &asked.body),
        ("PATCH", Some(key)) => patch(world, table, key, asked),
        ("DELETE", Some(id)) if world.seen(set, id).is_some() && world.delete(set, id) => Answer::empty(204),
        ("DELETE", Some(id)) => missing(table, id),
        _ => failed(405, "0x80060888", "The HTTP method is not supported."),
    }
}

pub(super) fn is_login(asked: &Asked) -> bool {
    asked.path.ends_with("/oauth2/v2.0/token")
}

pub(super) fn throttled() -> Answer {
    failed(429, "0x80072322", "Number of requests exceeded the limit of 6000 over time window of 300 seconds.")
        .with("retry-after", "7")
}

pub(super) fn new_id(world: &mut World) -> String {
    format!("00000000-0000-4000-8000-{:012}", world.number())
}

fn login(asked: &Asked) -> Answer {
    let is = |name: &str, value: &str| asked.form.get(name).is_some_and(|found| found == value);
    let is_right = is("client_id", "hymnal") && is("client_secret", "entra-secret") && is("scope", SCOPE);
    if asked.path == "/tenant/oauth2/v2.0/token" && is("grant_type", "client_credentials") && is_right {
        return Answer::json(
            200,
            &json!({ "token_type": "Bearer", "expires_in": 3599, "access_token": "dynamics-token" }),
        );
    }
    Answer::json(
        401,
        &json!({ "error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret." }),
    )
}

fn definitions(below: &str) -> Answer {
    let is_choices = below.ends_with("PicklistAttributeMetadata");
    let columns = COLUMNS.iter().filter(|(_, kind, _)| !is_choices || *kind == "Picklist");
    let column = |(name, kind, options): &(&str, &str, &[u64])| {
        let options: Vec<Value> = options.iter().map(|option| json!({ "Value": option })).collect();
        json!({
            "LogicalName": name, "AttributeType": kind, "IsValidForCreate": true, "IsValidForUpdate": true,
            "DisplayName": { "UserLocalizedLabel": { "Label": name } }, "OptionSet": { "Options": options },
        })
    };
    Answer::json(200, &json!({ "value": columns.map(column).collect::<Vec<_>>() }))
}

/// Query options that change tracking does not take.
const NOT_TRACKED: &[&str] = &["$filter", "$orderby", "$expand", "$top"];

fn list(world: &World, table: &(&str, &str, &str), asked: &Asked) -> Answer {
    let prefer = asked.header("prefer");
    let is_tracked = prefer.contains("odata.track-changes");
    if is_tracked && NOT_TRACKED.iter().any(|option| asked.query.contains_key(*option)) {
        return failed(400, "0x80060888", "The query parameter isn't supported when Change Tracking is enabled.");
    }
    let selected: Vec<&str> = asked.param("$select").split(',').filter(|name| !name.is_empty()).collect();
    for name in &selected {
        let is_system =
            ["createdon", "modifiedon", "statecode", "merged", table.2].contains(name) || name.starts_with('_');
        if !is_system && !COLUMNS.iter().any(|(known, ..)| known == name) {
            let message =
                format!("Could not find a property named '{name}' on type 'Microsoft.Dynamics.CRM.{}'.", table.1);
            return failed(400, "0x80060888", &message);
        }
    }
    if let Some(filter) = asked.query.get("$filter") {
        return filtered(world, table, filter, &selected);
    }
    if is_tracked { tracked(world, table, asked, &selected) } else { failed(400, "0x80060888", "What is this for?") }
}

/// Everything, or what has changed since a token; in the order of versions, by pages.
fn tracked(world: &World, table: &(&str, &str, &str), asked: &Asked, selected: &[&str]) -> Answer {
    let number = |name: &str| asked.param(name).parse::<u64>().ok();
    let since = number("$deltatoken");
    let until = number("$until").unwrap_or_else(|| world.version());
    let after = number("$skiptoken").or(since).unwrap_or(0);
    let most: usize =
        asked.header("prefer").split("maxpagesize=").nth(1).and_then(|size| size.parse().ok()).unwrap_or(5000);
    let mut rows: Vec<&Row> = world
        .all(table.0)
        .filter(|row| row.version > after && row.version <= until && (since.is_some() || !row.is_deleted))
        .collect();
    rows.sort_by_key(|row| row.version);
    let is_more = rows.len() > most;
    rows.truncate(most);
    let select = asked.param("$select");
    let begin = since.map(|since| format!("&$deltatoken={since}")).unwrap_or_default();
    let value: Vec<Value> =
        rows.iter().map(|row| if row.is_deleted { removed(table, row) } else { shown(table, row, selected) }).collect();
    let mut answer = json!({ "@odata.context": format!("{HOST}{ROOT}/$metadata#{}", table.0), "value": value });
    if let (true, Some(last)) = (is_more, rows.last()) {
        let link =
            format!("{HOST}{ROOT}/{}?$select={select}{begin}&$skiptoken={}&$until={until}", table.0, last.version);
        answer["@odata.nextLink"] = json!(link);
    } else {
        answer["@odata.deltaLink"] = json!(format!("{HOST}{ROOT}/{}?$select={select}&$deltatoken={until}", table.0));
    }
    Answer::json(200, &answer)
}

/// `Microsoft.Dynamics.CRM.In(PropertyName='…',PropertyValues=['…','…'])`
fn filtered(world: &World, table: &(&str, &str, &str), filter: &str, selected: &[&str]) -> Answer {
    let parsed = filter
        .strip_prefix("Microsoft.Dynamics.CRM.In(PropertyName='")
        .and_then(|rest| rest.split_once("',PropertyValues=["))
        .and_then(|(name, values)| Some((name, values.strip_suffix("])")?)));
    let Some((name, list)) = parsed else { return failed(400, "0x80060888", "The filter cannot be read.") };
    let Some(values) = quoted(list) else { return failed(400, "0x80060888", "Unterminated string literal.") };
    let of = |row: &Row| if name == table.2 { row.id.clone() } else { row.text(name).to_lowercase() };
    let rows = world.all(table.0).filter(|row| !row.is_deleted && values.contains(&of(row)));
    let value: Vec<Value> = rows.map(|row| shown(table, row, selected)).collect();
    Answer::json(200, &json!({ "value": value }))
}

/// A list of strings in single quotes, which are doubled inside.
fn quoted(list: &str) -> Option<Vec<String>> {
    let mut values = Vec::new();
    let mut letters = list.chars().peekable();
    while letters.peek().is_some() {
        (letters.next() == Some('\'')).then_some(())?;
        let mut value = String::new();
        loop {
            match letters.next()? {
                '\'' if letters.peek() == Some(&'\'') => {
                    letters.next();
                    value.push('\'');
                }
                '\'' => break,
                other => value.push(other),
            }
        }
        values.push(value.to_lowercase());
        if letters.peek().is_some() {
            (letters.next() == Some(',')).then_some(())?;
        }
    }
    Some(values)
}

fn create(world: &mut World, table: &(&str, &str, &str), body: &Value) -> Answer {
    let fields = match taken(body) {
        Ok(fields) => fields,
        Err(answer) => return answer,
    };
    if let Some(answer) = duplicate(world, table, &fields, "") {
        return answer;
    }
    let id = new_id(world);
    world.insert(table.0, &id, fields.into_iter().filter(|(_, value)| !value.is_null()).collect());
    Answer::json(201, &world.row(table.0, &id).map_or(Value::Null, |row| shown(table, row, &[])))
}

fn duplicate(world: &World, table: &(&str, &str, &str), fields: &Map<String, Value>, id: &str) -> Option<Answer> {
    let key = fields.get(ALTERNATE).and_then(Value::as_str)?;
    world
        .with(table.0, ALTERNATE, key)
        .iter()
        .any(|row| row.id != id)
        .then(|| failed(412, "0x80060892", "A record that has the attribute values hymnal_id already exists."))
}

/// By id, or by alternate key. `If-Match: *` updates only, an ETag only that version; without it, what is missing is made.
fn patch(world: &mut World, table: &(&str, &str, &str), key: &str, asked: &Asked) -> Answer {
    let condition = asked.header("if-match");
    let by_key = key.split_once('=').map(|(name, value)| (name.to_owned(), value.trim_matches('\'').to_owned()));
    let row = match &by_key {
        Some((name, value)) => world.with(table.0, name, value).first().map(|row| (*row).clone()),
        None => world.seen(table.0, key).cloned(),
    };
    let mut fields = match taken(&asked.body) {
        Ok(fields) => fields,
        Err(answer) => return answer,
    };
    match row {
        Some(row) if !matches!(condition, "" | "*") && condition != etag(&row) => failed(
            412,
            "0x80060882",
            "The version of the existing record doesn't match the RowVersion property provided.",
        ),
        Some(row) => {
            if let Some(answer) = duplicate(world, table, &fields, &row.id) {
                return answer;
            }
            world.change(table.0, &row.id, fields);
            Answer::json(200, &world.row(table.0, &row.id).map_or(Value::Null, |row| shown(table, row, &[])))
        }
        None if !condition.is_empty() => missing(table, key),
        None => {
            let id = if by_key.is_some() { new_id(world) } else { key.to_owned() };
            if let Some((name, value)) = by_key {
                fields.insert(name, Value::String(value));
            }
            world.insert(table.0, &id, fields.into_iter().filter(|(_, value)| !value.is_null()).collect());
            Answer::json(201, &world.row(table.0, &id).map_or(Value::Null, |row| shown(table, row, &[])))
        }
    }
}

fn taken(body: &Value) -> Result<Map<String, Value>, Answer> {
    let mut fields = Map::new();
    for (name, value) in body.as_object().into_iter().flatten() {
        let Some((_, kind, options)) = COLUMNS.iter().find(|(known, ..)| known == name) else {
            return Err(failed(400, "0x80048d19", &format!("The property '{name}' does not exist on the type.")));
        };
        let is_right = match *kind {
            _ if value.is_null() => true,
            "Picklist" => value.as_u64().is_some_and(|value| options.contains(&value)),
            "Boolean" => value.is_boolean(),
            _ => value.is_string(),
        };
        if !is_right {
            let message =
                format!("A validation error occurred. The value {value} of '{name}' is outside the valid range.");
            return Err(failed(400, "0x80048408", &message));
        }
        fields.insert(name.clone(), value.clone());
    }
    Ok(fields)
}

fn etag(row: &Row) -> String {
    format!("W/\"{}\"", row.version)
}

/// A record with the columns selected, or all of them.
fn shown(table: &(&str, &str, &str), row: &Row, selected: &[&str]) -> Value {
    let time = |at: Timestamp| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let mut shown = Map::new();
    shown.insert("@odata.etag".to_owned(), json!(etag(row)));
    shown.insert(table.2.to_owned(), json!(row.id));
    for (name, ..) in COLUMNS.iter().filter(|(name, ..)| selected.is_empty() || selected.contains(name)) {
        shown.insert((*name).to_owned(), row.fields.get(*name).cloned().unwrap_or(Value::Null));
    }
    shown.insert("createdon".to_owned(), json!(time(row.created_at)));
    shown.insert("modifiedon".to_owned(), json!(time(row.modified_at)));
    shown.insert("statecode".to_owned(), json!(0));
    Value::Object(shown)
}

fn removed(table: &(&str, &str, &str), row: &Row) -> Value {
    json!({
        "@odata.context": format!("{HOST}{ROOT}/$metadata#{}/$deletedEntity", table.0),
        "id": row.id, "reason": "deleted",
    })
}

fn missing(table: &(&str, &str, &str), id: &str) -> Answer {
    failed(404, "0x80040217", &format!("Entity '{}' With Id = {id} Does Not Exist", table.1))
}

fn failed(status: u16, code: &str, message: &str) -> Answer {
    Answer::json(status, &json!({ "error": { "code": code, "message": message } }))
}
