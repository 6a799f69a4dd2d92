//! `connectors test` and `connectors schema`: what a configured connector answers.

use std::{fmt::Write as _, path::Path, sync::Arc};

use hymnal_sdk::{
    Call, Lane, List, Schema,
    kit::{self, Outcome},
};
use serde_json::{Value as Json, json};

use super::{
    Exit,
    connectors::known,
    out::Out,
    setup::{self, Loaded, load, store_exit, wire_exit},
};
use crate::{
    store::MemoryKv,
    wire::{App, State, SystemClock, trial},
};

/// Logs in, reads the schema and one page of each object that a sync uses, or of all. Nothing is written or remembered.
pub async fn test(config: Option<&Path>, name: &str, as_json: bool) -> Result<u8, Exit> {
    let (app, objects) = put_together(load(config)?, name)?;
    let wired = app.connectors.get(name).ok_or_else(|| Exit::quiet(2))?;
    let connector = wired.connector.as_ref();
    let call = Call::new(Lane::Person);
    let account = connector.account(&call).await.map_err(|error| failed(name, "the login", &error))?;
    let mut told = Vec::new();
    for (object, mapped) in mapped_objects(&app, name, &objects) {
        let schema = connector.describe(&call, &object).await.map_err(|error| failed(name, "the schema", &error))?;
        let all: Vec<String> = schema.fields.iter().map(|field| field.name.clone()).collect();
        let fields = if mapped.is_empty() { &all } else { &mapped };
        let list = List { object: &object, fields, cursor: None };
        let page = connector.list(&call, list).await.map_err(|error| failed(name, "one page", &error))?;
        let missing: Vec<&String> = fields.iter().filter(|field| schema.field(field).is_none()).collect();
        let unseen: Vec<&String> = fields
            .iter()
            .filter(|field| !page.records.is_empty() && page.records.iter().all(|it| !it.fields.contains_key(*field)))
            .collect();
        told.push(json!({
            "object": object, "fields": schema.fields.len(), "records_in_first_page": page.records.len(),
            "not_in_schema": missing, "in_no_record": unseen,
            "with_a_time_of_change": page.records.iter().filter(|record| record.modified_at.is_some()).count(),
        }));
    }
    let told = json!({ "connector": name, "login": "ok", "account": account, "objects": told });
    if as_json {
        Out::json(&told);
    } else {
        Out::text(&tested(name, &told));
    }
    Ok(0)
}

fn tested(name: &str, told: &Json) -> String {
    let mut out = format!("{name}: logged in to account {}\n", told["account"].as_str().unwrap_or_default());
    for object in told["objects"].as_array().into_iter().flatten() {
        let records = &object["records_in_first_page"];
        let _ = writeln!(
            out,
            "  {}: {} fields, {records} records in the first page, {} of them with a time of change",
            object["object"].as_str().unwrap_or_default(),
            object["fields"],
            object["with_a_time_of_change"],
        );
        let names = |what: &str| -> Vec<String> {
            let list = object[what].as_array().into_iter().flatten();
            list.filter_map(Json::as_str).map(|name| format!("`{name}`")).collect()
        };
        for (what, why) in [
            ("not_in_schema", "the schema has no such field: is it misspelt, or hidden from this login?"),
            (
                "in_no_record",
                "no record of the page has it: is it asked for, and does it stand where the manifest says?",
            ),
        ] {
            let found = names(what);
            if !found.is_empty() {
                let _ = writeln!(out, "    {}: {why}", found.join(", "));
            }
        }
    }
    out.push_str("Nothing was written.\n");
    out
}

/// The conformance kit on a scratch account: 0 every promise is kept that could be tried, 1 one is broken.
pub async fn try_live(
    config: Option<&Path>,
    (name, object): (&str, Option<String>),
    as_json: bool,
) -> Result<u8, Exit> {
    let loaded = load(config)?;
    let (app, objects) = put_together(loaded, name)?;
    let in_use = app.syncs.iter().find(|running| {
        let systems = &running.sync.systems;
        systems.left.name == name || systems.right.name == name
    });
    if let Some(running) = in_use {
        let hint =
            "name a scratch account by a connector that no sync uses: the kit makes, changes and deletes records";
        return Err(Exit::new(2, format!("the sync `{}` uses `{name}`", running.name), hint));
    }
    let wired = app.connectors.get(name).ok_or_else(|| Exit::quiet(2))?;
    let connector = wired.connector.as_ref();
    let object = object
        .or_else(|| objects.first().cloned())
        .ok_or_else(|| Exit::new(2, "nobody knows which object to try".to_owned(), "name it: `--object contacts`"))?;
    let call = Call::new(Lane::Person);
    let account = connector.account(&call).await.map_err(|error| failed(name, "the login", &error))?;
    let subject = trial::subject(connector, &object, &SystemClock::new())
        .await
        .map_err(|why| Exit::new(1, format!("{name}: `{object}` cannot be tried: {why}"), ""))?;
    if !as_json {
        Out::error(&format!("{name}: trying `{object}` in account {account}: records are made, changed and deleted"));
    }
    let reports = kit::run(connector, &subject).await;
    let broken = reports.iter().filter(|report| matches!(report.outcome, Outcome::Failed(_))).count();
    let kept = reports.iter().filter(|report| report.outcome == Outcome::Passed).count();
    if as_json {
        let all: Vec<String> = reports.iter().map(ToString::to_string).collect();
        let told = json!({ "connector": name, "account": account, "object": object, "kept": kept, "broken": broken, "promises": all });
        Out::json(&told);
    } else {
        let lines: Vec<String> = reports.iter().map(|report| format!("  {report}\n")).collect();
        let untried = reports.len() - kept - broken;
        Out::text(&format!("{}{kept} promises kept, {broken} broken, {untried} not tried\n", lines.concat()));
    }
    Ok(u8::from(broken > 0))
}

/// The fields of a connector's objects: of a configured one as the account tells them, of a type as its manifest does.
pub async fn schema(config: Option<&Path>, (name, object): (&str, Option<&str>), as_json: bool) -> Result<u8, Exit> {
    let is_configured = match setup::path(config) {
        Ok(_) => load(config)?.config.connector(name).is_some(),
        Err(exit) if config.is_some() => return Err(exit),
        Err(_) => false,
    };
    let described: Vec<(String, Schema)> = if is_configured {
        let (app, mut objects) = put_together(load(config)?, name)?;
        let wired = app.connectors.get(name).ok_or_else(|| Exit::quiet(2))?;
        if objects.is_empty() {
            objects = mapped_objects(&app, name, &[]).into_iter().map(|(object, _)| object).collect();
        }
        let mut described = Vec::new();
        for object in objects.iter().filter(|known| object.is_none_or(|wanted| wanted == known.as_str())) {
            let schema = wired.connector.describe(&Call::new(Lane::Person), object).await;
            described.push((object.clone(), schema.map_err(|error| failed(name, "the schema", &error))?));
        }
        described
    } else {
        let manifests = known(config)?;
        let found = manifests.get(name).ok_or_else(|| {
            let hint =
                "`hymnal connectors list` shows the types; a connector of the configuration goes by its name there";
            Exit::new(2, format!("there is no connector and no connector type `{name}`"), hint)
        })?;
        let all = found.manifest.objects.iter();
        all.filter(|(known, _)| object.is_none_or(|wanted| wanted == known.as_str()))
            .map(|(object, said)| (object.clone(), said.schema.declared()))
            .collect()
    };
    if described.is_empty() {
        let what = object
            .map_or_else(|| "has no object that is known".to_owned(), |object| format!("has no object `{object}`"));
        return Err(Exit::new(2, format!("`{name}` {what}"), "`hymnal connectors show TYPE` names the objects"));
    }
    let source = if is_configured { "the account" } else { "the manifest; the account tells more" };
    if as_json {
        let objects: serde_json::Map<String, Json> =
            described.iter().map(|(object, schema)| (object.clone(), json!(schema.fields))).collect();
        Out::json(&json!({ "connector": name, "source": source, "objects": objects }));
    } else {
        Out::text(&fields(name, source, &described));
    }
    Ok(0)
}

fn fields(name: &str, source: &str, described: &[(String, Schema)]) -> String {
    let mut out = format!("{name}, by {source}\n");
    for (object, schema) in described {
        let _ = writeln!(out, "\n{object}");
        for field in &schema.fields {
            let mut notes = Vec::new();
            match (field.createable, field.updateable) {
                (false, false) => notes.push("read only".to_owned()),
                (true, false) => notes.push("given at creation, never changed".to_owned()),
                (false, true) => notes.push("not given at creation".to_owned()),
                (true, true) => {}
            }
            notes.extend(field.required.then(|| "required".to_owned()));
            notes.extend(field.unique.then(|| "unique".to_owned()));
            notes.extend(field.max_length.map(|most| format!("{most} characters")));
            if !field.options.is_empty() {
                let shown: Vec<&str> = field.options.iter().take(8).map(String::as_str).collect();
                let more = field.options.len().saturating_sub(shown.len());
                let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
                notes.push(format!("one of {}{rest}", shown.join(", ")));
            }
            let kind = format!("{:?}", field.kind).to_lowercase();
            let line = format!("  {:<28} {kind:<10} {}", field.name, notes.join("; "));
            let _ = writeln!(out, "{}", line.trim_end());
        }
    }
    out
}

/// The connectors, with nothing remembered, and the objects that the manifest of this one names.
fn put_together(loaded: Loaded, name: &str) -> Result<(App, Vec<String>), Exit> {
    let known: Vec<&str> = loaded.config.connectors.iter().map(|connector| connector.name.as_str()).collect();
    let Some(configured) = loaded.config.connector(name) else {
        let hint = format!("there are: {}", known.join(", "));
        return Err(Exit::new(2, format!("there is no connector `{name}`"), &hint));
    };
    let types = loaded.manifests.types();
    let objects = types.get(&configured.kind).and_then(|about| about.objects.clone()).unwrap_or_default();
    let state = State::over(Arc::new(MemoryKv::new())).map_err(|error| store_exit(&error))?;
    let app = App::without_log(loaded.config, loaded.manifests, state, Arc::new(SystemClock::new()))
        .map_err(|error| wire_exit(&error))?;
    Ok((app, objects))
}

/// The objects that syncs use, with the fields that they map; without a sync all that the manifest names.
fn mapped_objects(app: &App, name: &str, all: &[String]) -> Vec<(String, Vec<String>)> {
    let systems = app.syncs.iter().flat_map(|running| [&running.sync.systems.left, &running.sync.systems.right]);
    let mapped: Vec<(String, Vec<String>)> = systems
        .filter(|system| system.name == name)
        .flat_map(|system| system.objects.iter().map(|object| (object.name.clone(), object.fields.clone())))
        .collect();
    if mapped.is_empty() { all.iter().map(|object| (object.clone(), Vec::new())).collect() } else { mapped }
}

fn failed(name: &str, what: &str, error: &hymnal_sdk::Error) -> Exit {
    Exit::new(1, format!("{name}: {what}: {error}"), error.hint.as_deref().unwrap_or(""))
}
