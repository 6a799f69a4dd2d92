//! `sync`: one cycle now. `resync`: everything, or one person, read again and repaired.

use serde_json::{Map, Value as Json, json};

use super::{
    actions::named,
    explain::find,
    request::{Answer, Refusal},
    trouble::why,
};
use crate::{
    cycle::{Deletions, report::Report},
    merge::Id,
    wire::{App, Running},
};

/// Runs one cycle of a sync, or of each, and says what it came to.
pub(super) async fn sync(app: &App, name: Option<&str>) -> Answer {
    let syncs: Vec<&Running> = match name {
        Some(name) => vec![named(app, name)?],
        None => app.syncs.iter().map(AsRef::as_ref).collect(),
    };
    let mut shown = Map::new();
    let mut exit = 0;
    for running in syncs {
        let report = cycle(running).await?;
        exit = worse(exit, code(&report));
        shown.insert(running.name.clone(), told(running, &report));
    }
    Ok(json!({ "exit": exit, "syncs": shown }))
}

/// Reads again from the services, and repairs what was missed or set aside: everybody, or one person.
pub(super) async fn resync(app: &App, name: &str, key: Option<&str>) -> Answer {
    let running = named(app, name)?;
    begin(running).await?;
    let people = match key {
        None => {
            running.sync.read_all_again().await?;
            None
        }
        Some(key) => {
            let found = find(running, key).await?;
            if found.is_empty() {
                let hint = "give an e-mail, a person's id, or `connector:object:id`";
                return Err(Refusal::new(2, format!("nobody is known by `{key}` in `{name}`"), hint));
            }
            let ids: Vec<Id> = found.iter().map(|entity| entity.id).collect();
            Some(running.sync.read_people_again(&ids).await?)
        }
    };
    let mut all = cycle(running).await?;
    // A comparison of everything goes on over several cycles, so that nobody waits behind it.
    while all.checking && all.troubles.is_empty() && !running.sync.is_stopping() {
        let next = cycle(running).await?;
        all.observed += next.observed;
        all.written.created += next.written.created;
        all.written.updated += next.written.updated;
        all.removed += next.removed;
        (all.checking, all.troubles, all.pending) = (next.checking, next.troubles, next.pending);
        (all.held, all.holds) = (next.held, next.holds);
    }
    let mut shown = told(running, &all);
    if let Json::Object(shown) = &mut shown {
        shown.insert("sync".into(), json!(name));
        shown.insert("records".into(), json!(people));
        shown.insert("exit".into(), json!(code(&all)));
    }
    Ok(shown)
}

async fn cycle(running: &Running) -> Result<Report, Refusal> {
    let _turn = running.turn.lock().await;
    begin(running).await?;
    Ok(running.sync.cycle(Deletions::Now).await?)
}

/// What a daemon has done at its start, and a command that found none has not.
async fn begin(running: &Running) -> Result<(), Refusal> {
    running.sync.committer.complete_log().await?;
    Ok(running.adopt().await?)
}

fn told(running: &Running, report: &Report) -> Json {
    let troubles: Vec<Json> = report
        .troubles
        .iter()
        .map(|(side, error)| {
            json!({
                "connector": running.sync.systems[*side].name,
                "kind": error.kind,
                "code": error.code,
                "message": why(error),
                "hint": error.hint,
            })
        })
        .collect();
    json!({
        "cycle": report.cycle.map(|id| id.to_string()),
        "observed": report.observed,
        "created": report.written.created,
        "updated": report.written.updated,
        "deleted": report.removed,
        "pending": report.pending,
        "held": report.held.map(crate::cycle::report::Held::word),
        "holds": report.holds,
        "troubles": troubles,
    })
}

/// Held, then what could not be reached: as `run --once` ends.
fn code(report: &Report) -> u8 {
    use crate::cycle::report::Held;
    if report.another_account().is_some() {
        return 78;
    }
    match report.held {
        Some(Held::FirstRun | Held::Paused | Held::Configuration) => 7,
        _ if report.holds > 0 => 7,
        _ => u8::from(!report.troubles.is_empty()),
    }
}

fn worse(one: u8, two: u8) -> u8 {
    let rank = |code: u8| match code {
        78 => 0,
        7 => 1,
        1 => 2,
        _ => 3,
    };
    if rank(two) < rank(one) { two } else { one }
}
