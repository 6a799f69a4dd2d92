//! Plays every `exchanges/*.toml` against the engine: the requests it must send, the answers of the service's
//! documents, and what a caller must get. `connectors/README.md` describes the format.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod double;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use double::{Exchange, FixedClock, Script, block_on, connector_settings, matches};
use hymnal_rest::{Manifest, Service};
use hymnal_sdk::{
    Address, Archived, Call, Connector, Cursor, Draft, Error, Fate, FieldEdit, Fields, Find, Got, Kind, Lane, List,
    Native, Next, Patch, Record, Result, State, User, Written,
};
use serde_json::{Value, json};

fn folder(kind: &str) -> PathBuf {
    let rest = Path::new(env!("CARGO_MANIFEST_DIR"));
    if kind == "list-server" { rest.join("tests").join(kind) } else { rest.join("..").join(kind) }
}

fn exchanges(kind: &str) -> Vec<(String, Exchange)> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder(kind).join("exchanges")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
        .into_iter()
        .map(|file| {
            let name = file.file_stem().unwrap().to_string_lossy().into_owned();
            let text = fs::read_to_string(&file).unwrap();
            let exchange = toml::from_str(&text).unwrap_or_else(|error| panic!("{kind}/{name}: {error}"));
            (name, exchange)
        })
        .collect()
}

fn play(kind: &str) {
    let manifest = Arc::new(Manifest::parse(&fs::read_to_string(folder(kind).join("manifest.toml")).unwrap()).unwrap());
    let found = exchanges(kind);
    assert!(!found.is_empty(), "{kind} has no exchanges");
    let mut failed = Vec::new();
    for (name, exchange) in found {
        if let Err(why) = one(&manifest, kind, &exchange) {
            failed.push(format!("{kind}/{name}: {why}"));
        }
    }
    assert!(failed.is_empty(), "\n{}", failed.join("\n\n"));
}

fn one(manifest: &Arc<Manifest>, kind: &str, exchange: &Exchange) -> std::result::Result<(), String> {
    let mut settings = connector_settings(kind);
    settings.extend(exchange.settings());
    let service = Service::new(Arc::clone(manifest), &settings).map_err(|error| error.to_string())?;
    let script = Arc::new(Script::new(exchange.steps.clone(), service.classify()));
    let connector = service.connector(Arc::clone(&script) as _, Arc::new(FixedClock));
    let expected = exchange.expect.clone();
    let answered = match &exchange.call {
        Some(call) => {
            let call = call.clone();
            block_on(perform(&connector, &call))
        }
        // Only what the service does: its last answer must be understood as it is meant.
        None => script.classify_last(),
    };
    script.finished()?;
    let (got, wanted) = match (&answered, &expected.answer, &expected.error) {
        (Ok(answer), Some(wanted), None) => (answer.clone(), wanted),
        (Err(error), None, Some(wanted)) => (failure(error), wanted),
        (Ok(answer), None, Some(_)) => return Err(format!("succeeded with {answer}, where an error is expected")),
        (Err(error), Some(_), None) => return Err(format!("failed with {}", failure(error))),
        _ => return Err("`[expect]` needs `answer` or `error`".to_owned()),
    };
    let wanted: Value = serde_json::from_str(wanted).map_err(|error| format!("[expect] {error}"))?;
    matches(&wanted, &got, true).map_err(|why| format!("{why}\n  expected {wanted}\n  got      {got}"))
}

async fn perform(connector: &dyn Connector, call: &double::CallShape) -> Result<Value> {
    let lane = Call::new(call.lane);
    let object = call.object.as_str();
    match call.method.as_str() {
        "account" => connector.account(&lane).await.map(Value::from),
        "describe" => connector.describe(&lane, object).await.map(|schema| {
            let fields =
                schema.fields.into_iter().map(|field| (field.name.clone(), serde_json::to_value(field).unwrap()));
            Value::Object(fields.collect())
        }),
        "list" => list(connector, &lane, call).await,
        "deletions" => deletions(connector, &lane, call).await,
        "get" => {
            let got = connector.get(&lane, object, &call.ids, &call.fields).await?;
            Ok(got
                .iter()
                .map(|got| if let Got::Record(record) = got { shown(record) } else { json!("gone") })
                .collect())
        }
        "find" => {
            let values: Vec<Native> = call.values.iter().map(Native::text).collect();
            let find = Find { object, key: &call.key, values: &values, fields: &call.fields };
            let found = connector.find(&lane, find).await?;
            let records: Vec<Value> = found.records.iter().map(shown).collect();
            Ok(json!({ "records": records, "consistent": found.consistent }))
        }
        "create" => connector.create(&lane, object, &drafts(call)).await.map(written),
        "upsert" => connector.upsert(&lane, object, &call.key, &drafts(call)).await.map(written),
        "update" => connector.update(&lane, object, &patches(call)).await.map(written),
        "delete" => {
            let answers = connector.delete(&lane, object, &call.ids).await?;
            Ok(answers.iter().map(|answer| answer.as_ref().map_or_else(failure, |()| json!("deleted"))).collect())
        }
        "erase" => {
            let answers = connector.erase(&lane, object, &call.ids).await?;
            Ok(answers.iter().map(|answer| answer.as_ref().map_or_else(failure, |()| json!("erased"))).collect())
        }
        "users" => {
            let user = |user: User| json!({ "id": user.id, "email": user.email, "name": user.name, "active": user.active, "kind": user.kind });
            Ok(connector.users(&lane).await?.into_iter().map(user).collect())
        }
        "history" => {
            let address = Address::new(object, call.ids.first().unwrap());
            let edits = connector.history(&lane, &address, &call.fields).await?;
            Ok(edits.iter().map(edited).collect())
        }
        other => panic!("there is no method `{other}`"),
    }
}

/// Lists until it is done.
async fn list(connector: &dyn Connector, lane: &Call, call: &double::CallShape) -> Result<Value> {
    let mut records = Vec::new();
    let mut cursor = call.cursor.clone().map(Cursor);
    loop {
        let list = List { object: &call.object, fields: &call.fields, cursor: cursor.as_ref() };
        let page = connector.list(lane, list).await?;
        records.extend(page.records.iter().map(shown));
        match page.next {
            Next::More(next) => cursor = Some(next),
            Next::Done(next) => return Ok(json!({ "records": records, "cursor": next.0 })),
        }
    }
}

async fn deletions(connector: &dyn Connector, lane: &Call, call: &double::CallShape) -> Result<Value> {
    let mut records = Vec::new();
    let mut cursor = call.cursor.clone().map(Cursor);
    loop {
        let Archived { records: page, next } = connector.deletions(lane, &call.object, cursor.as_ref()).await?;
        for deleted in page {
            let into = if let Fate::Merged(into) = &deleted.fate { Some(into.to_string()) } else { None };
            let at = deleted.at.map(|at| at.to_string());
            records.push(json!({ "id": deleted.address.id, "at": at, "merged_into": into }));
        }
        match next {
            Next::More(next) => cursor = Some(next),
            Next::Done(next) => return Ok(json!({ "records": records, "cursor": next.0 })),
        }
    }
}

fn drafts(call: &double::CallShape) -> Vec<Draft> {
    call.items().into_iter().map(|(trace, _, fields)| Draft { fields, trace }).collect()
}

fn patches(call: &double::CallShape) -> Vec<Patch> {
    call.items().into_iter().map(|(trace, id, fields)| Patch { id, fields, version: None, trace }).collect()
}

fn shown(record: &Record) -> Value {
    let state = match &record.state {
        State::Live => json!("live"),
        State::Deleted => json!("deleted"),
        State::Merged { into } => json!({ "merged": into.to_string() }),
        State::Converted { into } => json!({ "converted": into.to_string() }),
    };
    json!({
        "id": record.address.id,
        "state": state,
        "fields": fields(&record.fields),
        "modified_at": record.modified_at.map(|at| at.to_string()),
        "created_at": record.created_at.map(|at| at.to_string()),
    })
}

fn edited(edit: &FieldEdit) -> Value {
    let by = edit.by.as_ref().map(|by| json!({ "name": by.name, "kind": by.kind }));
    json!({ "field": edit.field, "value": value(&edit.value), "at": edit.at.to_string(), "by": by })
}

fn fields(fields: &Fields) -> Value {
    fields.iter().map(|(name, held)| (name.clone(), value(held))).collect::<serde_json::Map<_, _>>().into()
}

fn value(value: &Native) -> Value {
    match value {
        Native::Null => Value::Null,
        Native::Bool(value) => json!(value),
        other => json!(other.to_string()),
    }
}

fn written(answers: Vec<Result<Written>>) -> Value {
    let shown = |answer: Result<Written>| match answer {
        Ok(written) => {
            let record = written.record.as_ref().map(|record| fields(&record.fields));
            json!({ "id": written.id, "created": written.created, "fields": record })
        }
        Err(error) => failure(&error),
    };
    answers.into_iter().map(shown).collect()
}

fn failure(error: &Error) -> Value {
    json!({
        "kind": error.kind,
        "effect": error.effect,
        "code": error.code,
        "message": error.message,
        "field": error.field,
        "other": error.other,
        "retry_at": error.retry_at.map(|at| at.to_string()),
    })
}

#[test]
fn hubspot() {
    play("hubspot");
}

#[test]
fn dynamics() {
    play("dynamics");
}

#[test]
fn pipedrive() {
    play("pipedrive");
}

#[test]
fn marketo() {
    play("marketo");
}

#[test]
fn insightly() {
    play("insightly");
}

#[test]
fn mautic() {
    play("mautic");
}

#[test]
fn salesforce() {
    play("salesforce");
}

/// What HubSpot and Salesforce do not need: basic auth, page numbers, full scans, forms, single records, parts.
#[test]
fn list_server() {
    play("list-server");
}

/// Each says what it is evidence of, and where the service's document says so.
#[test]
fn every_exchange_names_its_source() {
    for (kind, _) in hymnal_rest::builtin() {
        assert!(exchanges(kind).len() >= 12, "{kind} has too few exchanges");
        let mut abouts = BTreeSet::new();
        for (name, exchange) in exchanges(kind) {
            assert!(matches!(exchange.source.as_str(), "documents" | "recorded"), "{kind}/{name}: source");
            assert!(exchange.doc.starts_with("https://"), "{kind}/{name}: doc");
            assert!(abouts.insert(exchange.about.clone()), "{kind}/{name} says the same as another");
            let seeds: BTreeMap<&str, usize> = exchange.seed.iter().map(|seed| (seed.id.as_str(), 1)).collect();
            assert_eq!(seeds.len(), exchange.seed.len(), "{kind}/{name}: two seeds have one id");
        }
    }
}

/// A login that may not read the organisation named it when it logged in.
#[test]
fn the_account_that_the_login_named() {
    let text = fs::read_to_string(folder("salesforce").join("manifest.toml")).unwrap();
    let service = Service::new(Arc::new(Manifest::parse(&text).unwrap()), &connector_settings("salesforce")).unwrap();
    let refused: double::Step = toml::from_str(
        r#"
        request = { method = "GET", path = "/services/data/v62.0/query", query = { q = "SELECT Id FROM Organization" } }
        answer = { status = 400, body = '[{"errorCode":"INVALID_TYPE","message":"not supported"}]' }
        "#,
    )
    .unwrap();
    let account = |steps| {
        let script = Arc::new(Script::new(steps, service.classify()));
        block_on(service.connector(script as _, Arc::new(FixedClock)).account(&Call::new(Lane::Ordinary)))
    };
    assert_eq!(account(vec![refused.clone()]).unwrap_err().code, "INVALID_TYPE");
    let answer = hymnal_sdk::Response {
        status: 200,
        headers: http::HeaderMap::new(),
        body: r#"{"access_token":"t","id":"https://login.salesforce.com/id/00D000000000001EAA/005000000000001AAA"}"#
            .into(),
    };
    service.login().session(Some(&answer), "2026-11-23T12:00:00Z".parse().unwrap()).unwrap();
    assert_eq!(account(vec![refused]).unwrap(), "00D000000000001EAA");
}

/// A history that cannot be had is none; what will pass by itself, or concerns every call, is told.
#[test]
fn a_refused_history_is_empty() {
    for (kind, object, id, path) in [
        ("hubspot", "contacts", "101", "/crm/v3/objects/contacts/batch/read"),
        ("salesforce", "Lead", "00Q000000000001EAA", "/services/data/v62.0/query"),
    ] {
        let text = fs::read_to_string(folder(kind).join("manifest.toml")).unwrap();
        let service = Service::new(Arc::new(Manifest::parse(&text).unwrap()), &connector_settings(kind)).unwrap();
        let ask = |status: u16, code: &str| {
            let (method, rest) = if kind == "hubspot" {
                ("POST", r#"body = '"*"'"#.to_owned())
            } else {
                let query = "SELECT Field, OldValue, NewValue, CreatedDate, CreatedById FROM LeadHistory \
                             WHERE LeadId = '00Q000000000001EAA' ORDER BY CreatedDate DESC, Id DESC";
                ("GET", format!("query = {{ q = \"{query}\" }}"))
            };
            let body = if kind == "hubspot" {
                format!(r#"{{"status":"error","message":"no","category":"{code}"}}"#)
            } else {
                format!(r#"[{{"errorCode":"{code}","message":"no"}}]"#)
            };
            let step: double::Step = toml::from_str(&format!(
                "request = {{ method = '{method}', path = '{path}', {rest} }}\n\
                 answer = {{ status = {status}, body = '{body}' }}"
            ))
            .unwrap();
            let script = Arc::new(Script::new(vec![step], service.classify()));
            let connector = service.connector(Arc::clone(&script) as _, Arc::new(FixedClock));
            let (address, fields) = (Address::new(object, id), ["Phone".to_owned()]);
            let answer = block_on(connector.history(&Call::default(), &address, &fields));
            script.finished().unwrap();
            answer
        };
        for (status, code) in
            [(400, "INVALID_TYPE"), (400, "INVALID_FIELD"), (403, "MISSING_SCOPES"), (404, "NOT_FOUND")]
        {
            assert_eq!(ask(status, code), Ok(Vec::new()), "{kind} {status} {code}");
        }
        let kind_of = |status, code| ask(status, code).unwrap_err().kind;
        assert_eq!(kind_of(401, "INVALID_SESSION_ID"), Kind::Auth, "{kind}");
        assert_eq!(kind_of(500, "UNKNOWN"), Kind::Transient, "{kind}");
        assert_eq!(kind_of(429, "RATE_LIMITS"), Kind::Throttled, "{kind}");
    }
}

/// Salesforce's history is not promised to type its values as records do: they get the record's form.
#[test]
fn a_history_spells_values_as_a_record_does() {
    let text = fs::read_to_string(folder("salesforce").join("manifest.toml")).unwrap();
    let service = Service::new(Arc::new(Manifest::parse(&text).unwrap()), &connector_settings("salesforce")).unwrap();
    let steps: double::Steps = toml::from_str(
        r#"
        [[steps]]
        request = { method = "GET", path = "/services/data/v62.0/sobjects/Lead/describe" }
        answer = { status = 200, body = '{"fields":[{"name":"DoNotCall","label":"x","type":"boolean"},{"name":"Score__c","label":"x","type":"double"}]}' }
        [[steps]]
        request = { method = "GET", path = "/services/data/v62.0/query", query = { q = "SELECT ApiName FROM LeadStatus WHERE IsConverted = true" } }
        answer = { status = 200, body = '{"records":[]}' }
        [[steps]]
        request = { method = "GET", path = "/services/data/v62.0/query", query = { q = "SELECT Field, OldValue, NewValue, CreatedDate, CreatedById FROM LeadHistory WHERE LeadId = '00Q000000000001EAA' ORDER BY CreatedDate DESC, Id DESC" } }
        answer = { status = 200, body = '{"records":[{"Field":"DoNotCall","OldValue":"false","NewValue":"true","CreatedDate":"2026-11-23T11:00:00.000+0000"},{"Field":"Score__c","OldValue":null,"NewValue":"7.50","CreatedDate":"2026-11-23T10:00:00.000+0000"}]}' }
        "#,
    )
    .unwrap();
    let script = Arc::new(Script::new(steps.steps, service.classify()));
    let connector = service.connector(Arc::clone(&script) as _, Arc::new(FixedClock));
    let call = Call::default();
    block_on(connector.describe(&call, "Lead")).unwrap();
    let fields = ["DoNotCall".to_owned(), "Score__c".to_owned()];
    let edits = block_on(connector.history(&call, &Address::new("Lead", "00Q000000000001EAA"), &fields)).unwrap();
    let values: Vec<Native> = edits.into_iter().map(|edit| edit.value).collect();
    assert_eq!(values, [Native::Bool(true), Native::Number("7.50".to_owned())]);
}

/// A search that would be too long is asked in halves.
#[test]
fn a_long_look_up_is_split() {
    let text = fs::read_to_string(folder("hubspot").join("manifest.toml")).unwrap();
    let service = Service::new(Arc::new(Manifest::parse(&text).unwrap()), &connector_settings("hubspot")).unwrap();
    let step: double::Step = toml::from_str(
        r#"
        request = { method = "POST", path = "/crm/v3/objects/contacts/search", body = '"*"' }
        answer = { status = 200, body = '{"total":0,"results":[]}' }
        "#,
    )
    .unwrap();
    let script = Arc::new(Script::new(vec![step; 4], service.classify()));
    let connector = service.connector(Arc::clone(&script) as _, Arc::new(FixedClock));
    let values: Vec<Native> = (0..100).map(|number| Native::text(format!("{number:0>80}"))).collect();
    let find = Find { object: "contacts", key: "lastname", values: &values, fields: &[] };
    let found = block_on(connector.find(&Call::new(Lane::Ordinary), find)).unwrap();
    assert!(found.records.is_empty());
    script.finished().unwrap();
}
