//! The conflict log: what waits, what was decided.

use serde_json::{Value as Json, json};

use super::request::{Answer, Refusal};
use crate::{
    journal::{
        Mask,
        line::render,
        lines::{all_of, open, youngest},
    },
    merge::Id,
    wire::App,
};

/// How many lines are shown when nobody says how many.
const SHOWN: usize = 100;

/// The latest line of each conflict, youngest first.
pub async fn list(app: &App, only_open: bool, sync: Option<&str>, limit: Option<usize>) -> Answer {
    if let Some(name) = sync
        && app.sync(name).is_none()
    {
        return Err(Refusal::new(2, format!("there is no sync `{name}`"), "`hymnal status` lists them"));
    }
    let limit = limit.unwrap_or(SHOWN);
    let mut found = Vec::new();
    for running in app.syncs.iter().filter(|running| sync.is_none_or(|name| running.name == name)) {
        let committer = &running.sync.committer;
        let lines = if only_open {
            open(&*committer.store, committer.tag, limit, |_| true)?
        } else {
            let last = running.sync.look_counts().await?.lines;
            youngest(&*committer.store, committer.tag, last, limit, |_| true)?
        };
        found.extend(lines.iter().map(|line| render(line, &committer.rules, mask(app))));
    }
    Ok(Json::Array(found))
}

/// One conflict with all that happened to it, oldest first.
pub fn show(app: &App, id: &str) -> Answer {
    let wanted = conflict_id(id)?;
    for running in &app.syncs {
        let committer = &running.sync.committer;
        let lines = all_of(&*committer.store, committer.tag, wanted)?;
        if !lines.is_empty() {
            let lines: Vec<Json> = lines.iter().map(|line| render(line, &committer.rules, mask(app))).collect();
            return Ok(json!({ "id": id, "events": lines }));
        }
    }
    Err(unknown(id))
}

/// The id that somebody gave.
///
/// # Errors
/// It is none.
pub fn conflict_id(id: &str) -> Result<Id, Refusal> {
    id.parse().map_err(|_| Refusal::new(2, format!("`{id}` is no conflict's id"), "`hymnal conflicts list` shows them"))
}

/// There is no such conflict.
pub fn unknown(id: &str) -> Refusal {
    Refusal::new(2, format!("there is no conflict `{id}`"), "`hymnal conflicts list` shows them")
}

/// Whether values are shown.
pub fn mask(app: &App) -> Mask {
    if app.config.daemon.mask_values { Mask::On } else { Mask::Off }
}
