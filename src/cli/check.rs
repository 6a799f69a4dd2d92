//! `check`: syntax and meaning, then every login, schema and mapping.

use std::path::Path;

use hymnal_sdk::{Call, Lane};
use serde_json::json;

use super::{
    Exit, args,
    out::Out,
    setup::{self, path, wire_exit},
};
use crate::{
    config::{self, ProcessEnvironment},
    wire::{App, Manifests, State, check},
};

/// Checks.
pub async fn check(typed: Option<&Path>, args: &args::Check) -> Result<u8, Exit> {
    let path = path(typed)?;
    if args.json {
        return check_json(&path, args.offline).await;
    }
    let loaded = setup::load(Some(&path))?;
    let names: Vec<&str> = loaded.config.connectors.iter().map(|connector| connector.name.as_str()).collect();
    let names = names.join(", ");
    Out::text(&format!("{}: the file is in order.\n", path.display()));
    if args.offline {
        return Ok(0);
    }
    let findings = online(loaded.config, loaded.manifests).await?;
    for finding in &findings {
        Out::error(&format!("{finding}"));
    }
    let code = verdict(&findings)?;
    Out::text(&format!("Logged in and schemas compared with the mapping: {names}.\n"));
    Ok(code)
}

async fn check_json(path: &Path, offline: bool) -> Result<u8, Exit> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Exit::new(78, format!("`{}` cannot be read: {error}", path.display()), ""))?;
    let manifests = Manifests::load(&config::connector_dirs(path, &text))
        .map_err(|_| setup::read(path).err().map_or(Exit::quiet(78), |message| Exit { code: 78, message }))?;
    match config::load(path, &text, &manifests.catalog(), &ProcessEnvironment) {
        Err(diagnostics) => {
            Out::json(&json!({ "ok": false, "errors": diagnostics.to_json() }));
            Ok(78)
        }
        Ok(config) => {
            let warnings = json!(config.warnings.to_json());
            let findings = if offline { Vec::new() } else { online(config, manifests).await? };
            let code = verdict(&findings).unwrap_or_else(|exit| exit.code);
            Out::json(&json!({ "ok": code == 0, "errors": [], "warnings": warnings, "systems": findings }));
            Ok(code)
        }
    }
}

async fn online(config: config::Config, manifests: Manifests) -> Result<Vec<check::Finding>, Exit> {
    // Nothing of a check is remembered: the state of a running daemon is left alone.
    let store = std::sync::Arc::new(crate::store::MemoryKv::new());
    let state = State::over(store).map_err(|error| setup::store_exit(&error))?;
    let clock = std::sync::Arc::new(crate::wire::SystemClock::new());
    check::remember_accounts(&config, &*state.store, &*clock).map_err(|error| setup::store_exit(&error))?;
    let app = App::without_log(config, manifests, state, clock).map_err(|error| wire_exit(&error))?;
    Ok(check::systems(&app, &Call::new(Lane::Person)).await)
}

/// A mapping that cannot work is bad configuration; a system that does not answer may answer later.
fn verdict(findings: &[check::Finding]) -> Result<u8, Exit> {
    let mapping = findings.iter().filter(|finding| finding.severity == check::Severity::Mapping).count();
    let system = findings.iter().filter(|finding| finding.severity == check::Severity::System).count();
    match (mapping, system) {
        (0, 0) => Ok(0),
        (0, system) => {
            Err(Exit::new(1, format!("{system} things could not be asked of a system"), "try again when it answers"))
        }
        (mapping, _) => Err(Exit::new(78, format!("{mapping} things in the mapping cannot work"), "")),
    }
}
