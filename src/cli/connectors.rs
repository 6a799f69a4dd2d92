//! `connectors`: what there is, what it can do, whether it answers.

use std::{fmt::Write as _, path::Path, sync::Arc};

use hymnal_sdk::{Call, Lane, List};
use serde_json::{Value as Json, json};

use super::{
    Exit,
    args::ConnectorsCommand,
    out::Out,
    setup::{self, load, store_exit, wire_exit},
};
use crate::{
    config,
    store::MemoryKv,
    wire::{App, Manifests, State, SystemClock, manifests::About},
};

/// Looks at connectors.
pub async fn connectors(config: Option<&Path>, command: ConnectorsCommand) -> Result<u8, Exit> {
    match command {
        ConnectorsCommand::List { json } => {
            list(&known(config)?, json);
            Ok(0)
        }
        ConnectorsCommand::Show { kind, json } => show(&known(config)?, &kind, json),
        ConnectorsCommand::Lint { file } => lint(&file),
        ConnectorsCommand::Test { name, json } => test(config, &name, json).await,
    }
}

/// The manifests: also those of the configuration's folders, where there is a configuration.
fn known(config: Option<&Path>) -> Result<Manifests, Exit> {
    let dirs = match (config, setup::path(config)) {
        (_, Ok(path)) => {
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            config::connector_dirs(&path, &text)
        }
        (None, Err(_)) => Vec::new(),
        (Some(_), Err(exit)) => return Err(exit),
    };
    Manifests::load(&dirs).map_err(|bad| {
        let lines = bad.iter().flat_map(|bad| {
            bad.findings.iter().map(|finding| {
                format!("{}:{}:{}: {}", bad.path.display(), finding.line, finding.column, finding.message)
            })
        });
        Exit::new(78, lines.collect::<Vec<_>>().join("\n"), "`hymnal connectors lint FILE` explains")
    })
}

fn list(manifests: &Manifests, as_json: bool) {
    let all: Vec<Json> = manifests.types().iter().map(|(kind, about)| summary(kind, about)).collect();
    if as_json {
        Out::json(&Json::Array(all));
        return;
    }
    let mut out = String::new();
    for one in &all {
        let _ = writeln!(
            out,
            "{:<14} {:<24} {:<18} proven by: {:<10} {}",
            one["type"].as_str().unwrap_or_default(),
            one["title"].as_str().unwrap_or_default(),
            one["roles"].as_array().into_iter().flatten().filter_map(Json::as_str).collect::<Vec<_>>().join(", "),
            one["status"].as_str().unwrap_or_default(),
            one["file"].as_str().unwrap_or("built in"),
        );
    }
    Out::text(&out);
}

fn summary(kind: &str, about: &About) -> Json {
    json!({
        "type": kind,
        "title": about.title,
        "roles": about.roles,
        "status": about.status,
        "docs": about.docs,
        "file": about.path.as_ref().map(|path| path.display().to_string()),
        "objects": about.objects.as_deref().unwrap_or_default(),
    })
}

fn show(manifests: &Manifests, kind: &str, as_json: bool) -> Result<u8, Exit> {
    let types = manifests.types();
    let about = types.get(kind).ok_or_else(|| {
        let known: Vec<&str> = types.keys().map(String::as_str).collect();
        Exit::new(2, format!("there is no connector type `{kind}`"), &format!("there are: {}", known.join(", ")))
    })?;
    let settings: Vec<Json> = about
        .settings
        .iter()
        .map(|(name, setting)| {
            json!({
                "name": name, "kind": format!("{:?}", setting.kind).to_lowercase(), "required": setting.required,
                "with_auth": setting.with_auth, "default": setting.default, "help": setting.help,
            })
        })
        .collect();
    let mut all = summary(kind, about);
    all["settings"] = Json::Array(settings.clone());
    if as_json {
        Out::json(&all);
        return Ok(0);
    }
    let mut out = format!("{} ({kind})\n{}\n\nSettings under [connectors.NAME]\n", about.title, about.docs);
    for setting in &settings {
        let need =
            match (setting["required"] == true, setting["with_auth"].as_array().is_some_and(|ways| !ways.is_empty())) {
                (true, _) => "required".to_owned(),
                (_, true) => format!("with auth = {}", setting["with_auth"]),
                _ => setting["default"].as_str().map_or("optional".to_owned(), |default| format!("default {default}")),
            };
        let _ = writeln!(
            out,
            "  {:<16} {:<7} {need}. {}",
            setting["name"].as_str().unwrap_or_default(),
            setting["kind"].as_str().unwrap_or_default(),
            setting["help"].as_str().unwrap_or_default()
        );
    }
    let objects = about.objects.as_ref().map_or_else(|| "whatever is there".to_owned(), |objects| objects.join(", "));
    let _ = writeln!(out, "\nObjects: {objects}");
    Out::text(&out);
    Ok(0)
}

fn lint(file: &Path) -> Result<u8, Exit> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| Exit::new(1, format!("`{}` cannot be read: {error}", file.display()), ""))?;
    let findings = hymnal_rest::lint(&text);
    if findings.is_empty() {
        Out::text(&format!("{}: in order.\n", file.display()));
        return Ok(0);
    }
    for finding in &findings {
        let line = text.lines().nth(finding.line.saturating_sub(1)).unwrap_or_default();
        let caret = " ".repeat(finding.column.saturating_sub(1));
        let hint = finding.hint.as_ref().map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
        Out::error(&format!(
            "{}:{}:{}: {}\n  {line}\n  {caret}^{hint}\n",
            file.display(),
            finding.line,
            finding.column,
            finding.message
        ));
    }
    Ok(78)
}

/// Logs in, reads the schema and one page of each object that a sync uses. Nothing is written or remembered.
async fn test(config: Option<&Path>, name: &str, as_json: bool) -> Result<u8, Exit> {
    let loaded = load(config)?;
    if loaded.config.connector(name).is_none() {
        let known: Vec<&str> = loaded.config.connectors.iter().map(|connector| connector.name.as_str()).collect();
        return Err(Exit::new(
            2,
            format!("there is no connector `{name}`"),
            &format!("there are: {}", known.join(", ")),
        ));
    }
    let state = State::over(Arc::new(MemoryKv::new())).map_err(|error| store_exit(&error))?;
    let app = App::without_log(loaded.config, loaded.manifests, state, Arc::new(SystemClock::new()))
        .map_err(|error| wire_exit(&error))?;
    let Some(wired) = app.connectors.get(name) else { return Err(Exit::quiet(2)) };
    let call = Call::new(Lane::Person);
    let failed = |what: &str, error: &hymnal_sdk::Error| {
        Exit::new(1, format!("{name}: {what}: {error}"), error.hint.as_deref().unwrap_or(""))
    };
    let account = wired.connector.account(&call).await.map_err(|error| failed("the login", &error))?;
    let mut objects = Vec::new();
    for system in app.syncs.iter().flat_map(|running| [&running.sync.systems.left, &running.sync.systems.right]) {
        for object in system.objects.iter().filter(|_| system.name == name) {
            let schema =
                wired.connector.describe(&call, &object.name).await.map_err(|error| failed("the schema", &error))?;
            let list = List { object: &object.name, fields: &object.fields, cursor: None };
            let page = wired.connector.list(&call, list).await.map_err(|error| failed("one page", &error))?;
            objects.push(json!({ "object": object.name, "fields": schema.fields.len(), "records_in_first_page": page.records.len() }));
        }
    }
    let told = json!({ "connector": name, "login": "ok", "account": account, "objects": objects });
    if as_json {
        Out::json(&told);
    } else {
        let mut out = format!("{name}: logged in to account {account}\n");
        for object in &objects {
            let _ = writeln!(
                out,
                "  {}: {} fields, {} records in the first page",
                object["object"].as_str().unwrap_or_default(),
                object["fields"],
                object["records_in_first_page"]
            );
        }
        Out::text(&out);
    }
    Ok(0)
}
