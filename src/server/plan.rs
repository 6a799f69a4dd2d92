//! What a cycle would do.

use std::{sync::Arc, time::Duration};

use serde_json::{Map, Value as Json, json};
use tokio::sync::{MutexGuard, mpsc};

use super::{
    actions::named,
    request::{Answer, Refusal},
    status::name,
    trouble::why,
};
use crate::{
    config::sync_digest,
    cycle::plan::{
        Outcome, Plan,
        line::{Header, Line, VERSION},
    },
    journal::{Mask, line::render},
    merge::SyncRules,
    wire::{App, Running},
};

/// A cycle that is running is given so long to end.
const PATIENCE: Duration = Duration::from_mins(1);
/// So many lines wait for their reader.
const LINES: usize = 64;

/// What a cycle of one sync, or of each, would do. The header and each change go to `lines`, if somebody listens.
pub(super) async fn plan(app: &App, sync: Option<&str>, config: &str, lines: Option<mpsc::Sender<Json>>) -> Answer {
    same_config(app, config)?;
    let syncs: Vec<&Running> = match sync {
        Some(sync) => vec![named(app, sync)?],
        None => app.syncs.iter().map(AsRef::as_ref).collect(),
    };
    let header = Header {
        plan: VERSION,
        config: app.config.digest.clone(),
        at: app.clock.now().to_string(),
        syncs: syncs.iter().map(|running| running.name.clone()).collect(),
    };
    if let Some(lines) = &lines {
        tell(lines, &header).await;
    }
    let mut shown = Map::new();
    let mut changes = 0;
    for running in syncs {
        let plan = one(app, running, lines.as_ref()).await?;
        changes += plan.changes;
        shown.insert(running.name.clone(), render_plan(&plan, &running.sync.committer.rules));
    }
    Ok(json!({ "config": header.config, "at": header.at, "changes": changes, "syncs": shown }))
}

/// What is asked for is a plan by the file as it stands; a daemon that runs on an older one would answer another
/// question.
pub(super) fn same_config(app: &App, config: &str) -> Result<(), Refusal> {
    if app.config.digest == config {
        return Ok(());
    }
    let message = format!(
        "the configuration file was changed since the running daemon read it (its digest is `{config}`, the daemon's `{}`)",
        app.config.digest
    );
    Err(Refusal::new(1, message, "let the daemon read it with `hymnal reload`, or take the change back"))
}

/// Waits for the end of the cycle that is running, for a while.
///
/// # Errors
/// It goes on: a first load takes hours.
pub async fn turn(running: &Running) -> Result<MutexGuard<'_, ()>, Refusal> {
    tokio::time::timeout(PATIENCE, running.turn.lock()).await.map_err(|_| {
        let message =
            format!("a cycle of `{}` is running, and what it will have done cannot be told before", running.name);
        Refusal::new(1, message, format!("ask again later, or end it with `hymnal pause {}`", running.name))
    })
}

async fn one(app: &App, running: &Running, lines: Option<&mpsc::Sender<Json>>) -> Result<Plan, Refusal> {
    // What lies below must not move meanwhile.
    let _turn = turn(running).await?;
    let sync = running.sync.over(Arc::new(app.overlay())).await?;
    let digest = sync_digest(&running.sync.committer.rules);
    let outcome = match lines {
        None => sync.plan(&digest, None).await?,
        Some(lines) => {
            let (tell_line, mut told) = mpsc::channel::<Line>(LINES);
            let pass_on = async {
                while let Some(line) = told.recv().await {
                    tell(lines, &line).await;
                }
            };
            let plan = async {
                let outcome = sync.plan(&digest, Some(&tell_line)).await;
                drop(tell_line);
                outcome
            };
            tokio::join!(plan, pass_on).0?
        }
    };
    match outcome {
        Outcome::Made(plan) => Ok(*plan),
        Outcome::Unread(troubles) => {
            let words = troubles.iter().map(|(side, error)| {
                let connector = &running.sync.committer.rules.systems[*side].connector;
                format!("`{connector}` could not be read: {}", why(error))
            });
            let message = format!("`{}` cannot be planned: {}", running.name, words.collect::<Vec<_>>().join("; "));
            Err(Refusal::new(1, message, "see `hymnal status`, and plan again"))
        }
    }
}

async fn tell(lines: &mpsc::Sender<Json>, line: &impl serde::Serialize) {
    // Who listens no more still gets the sum.
    let _ = lines.send(serde_json::to_value(line).unwrap_or(Json::Null)).await;
}

fn render_plan(plan: &Plan, rules: &SyncRules) -> Json {
    let systems: Map<String, Json> = plan
        .systems
        .iter()
        .map(|system| (system.preview.connector.clone(), serde_json::to_value(system).unwrap_or(Json::Null)))
        .collect();
    let samples: Vec<Json> = plan.conflicts.samples.iter().map(|line| render(line, rules, Mask::Off)).collect();
    let waiting: Map<String, Json> =
        plan.waiting.iter().map(|(wait, count)| (name(*wait).to_owned(), json!(count))).collect();
    let parts = (plan.blast.people * 10_000).checked_div(plan.blast.of).and_then(|parts| u32::try_from(parts).ok());
    let share = f64::from(parts.unwrap_or(0)) / 10_000.0;
    json!({
        "changes": plan.changes,
        "systems": systems,
        "blast": { "people": plan.blast.people, "of": plan.blast.of, "share": share, "records": plan.blast.records },
        "conflicts": { "decided": plan.conflicts.decided, "open": plan.conflicts.open, "samples": samples },
        "unwritable": plan.unwritable,
        "waiting": waiting,
    })
}
