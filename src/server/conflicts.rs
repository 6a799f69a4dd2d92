//! The conflict log: what waits, what was decided.

use serde_json::{Value as Json, json};

use super::request::{Answer, Refusal};
use crate::{
    journal::{Mask, entry::LogLine, line::render},
    merge::{Id, event::ConflictStatus},
    store::{StoreError, format},
    wire::{App, Running},
};

/// How many lines are shown when nobody says how many.
const SHOWN: usize = 100;

/// The latest line of each conflict, youngest first.
pub fn list(app: &App, open: bool, sync: Option<&str>, limit: Option<usize>) -> Answer {
    if let Some(name) = sync
        && app.sync(name).is_none()
    {
        return Err(Refusal::new(2, format!("there is no sync `{name}`"), "`hymnal status` lists them"));
    }
    let mut found = Vec::new();
    for running in app.syncs.iter().filter(|running| sync.is_none_or(|name| running.name == name)) {
        for line in latest(running, limit.unwrap_or(SHOWN), |line| !open || line.event.status == ConflictStatus::Open)?
        {
            found.push(render(&line, &running.sync.committer.rules, mask(app)));
        }
    }
    Ok(Json::Array(found))
}

/// One conflict with all that happened to it, oldest first.
pub fn show(app: &App, id: &str) -> Answer {
    let wanted: Id = id
        .parse()
        .map_err(|_| Refusal::new(2, format!("`{id}` is no conflict's id"), "`hymnal conflicts list` shows them"))?;
    for running in &app.syncs {
        let lines = all_lines(running)?;
        let lines: Vec<Json> = lines
            .iter()
            .filter(|line| line.event.id == wanted)
            .map(|line| render(line, &running.sync.committer.rules, mask(app)))
            .collect();
        if !lines.is_empty() {
            return Ok(json!({ "id": id, "events": lines }));
        }
    }
    Err(Refusal::new(2, format!("there is no conflict `{id}`"), "`hymnal conflicts list` shows them"))
}

/// All lines of a sync, oldest first.
pub fn all_lines(running: &Running) -> Result<Vec<LogLine>, StoreError> {
    let committer = &running.sync.committer;
    let prefix = committer.tag.table(b'c');
    let mut lines = Vec::new();
    let mut after: Option<Vec<u8>> = None;
    loop {
        let rows = committer.store.scan(&prefix, after.as_deref(), 1000)?;
        let Some((last, _)) = rows.last() else { return Ok(lines) };
        after = Some(last.clone());
        for (key, value) in &rows {
            lines.push(format::open(key, value)?);
        }
    }
}

fn latest(running: &Running, limit: usize, wanted: impl Fn(&LogLine) -> bool) -> Result<Vec<LogLine>, StoreError> {
    let mut seen = std::collections::BTreeSet::new();
    let lines = all_lines(running)?.into_iter().rev();
    Ok(lines.filter(|line| seen.insert(line.event.id)).filter(|line| wanted(line)).take(limit).collect())
}

fn mask(app: &App) -> Mask {
    if app.config.daemon.mask_values { Mask::On } else { Mask::Off }
}
