//! `connectors`: what types there are, what one of them is, what is wrong with a manifest.

use std::{fmt::Write as _, path::Path};

use serde_json::{Value as Json, json};

use super::{Exit, args::ConnectorsCommand, new_connector::new_connector, out::Out, probe, setup};
use crate::{
    config,
    wire::{Manifests, manifests::About},
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
        ConnectorsCommand::Test { name, live: false, json, .. } => probe::test(config, &name, json).await,
        ConnectorsCommand::Test { name, object, json, .. } => probe::try_live(config, (&name, object), json).await,
        ConnectorsCommand::Schema { name, object, json } => {
            probe::schema(config, (&name, object.as_deref()), json).await
        }
        ConnectorsCommand::New(args) => new_connector(&args),
    }
}

/// The manifests: also those of the configuration's folders, where there is a configuration.
pub(super) fn known(config: Option<&Path>) -> Result<Manifests, Exit> {
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
            "{:<14} {:<36} {:<18} {:<52} {}",
            one["type"].as_str().unwrap_or_default(),
            one["title"].as_str().unwrap_or_default(),
            one["roles"].as_array().into_iter().flatten().filter_map(Json::as_str).collect::<Vec<_>>().join(", "),
            proof(one["status"].as_str().unwrap_or_default()),
            one["file"].as_str().unwrap_or("built in"),
        );
    }
    Out::text(&out);
}

/// What a status is evidence of, for people.
fn proof(status: &str) -> &'static str {
    match status {
        "live" => "live: the conformance kit ran on an account",
        "recorded" => "recorded: its exchanges are from an account",
        "tests" => "tests: the conformance kit runs on the real thing",
        _ => "documents: written after them, no account met yet",
    }
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
        let gutter = " ".repeat(finding.line.to_string().len());
        let caret = " ".repeat(finding.column.saturating_sub(1));
        let hint = finding.hint.as_ref().map(|hint| format!("\n{gutter} = hint: {hint}")).unwrap_or_default();
        Out::error(&format!(
            "error: {message}\n{gutter}--> {file}:{at}:{column}\n{gutter} |\n{at} | {line}\n{gutter} | {caret}^{hint}\n",
            message = finding.message,
            file = file.display(),
            at = finding.line,
            column = finding.column,
        ));
    }
    let count = if findings.len() == 1 { "1 error".to_owned() } else { format!("{} errors", findings.len()) };
    Out::error(&format!("{count} in `{}`", file.display()));
    Ok(78)
}
