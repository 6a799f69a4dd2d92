//! A plan done, or a pilot of it.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json, json};
use tokio::sync::mpsc;

use super::{
    actions::named,
    request::{Answer, Refusal},
    trouble::why,
};
use crate::{
    config::sync_digest,
    cycle::{
        apply::{Barred, outcome::Applied, pilot::Pilot},
        plan::line::Line,
        report::Failure,
    },
    mapping::flaws::Flaw,
    merge::{Id, Side},
    wire::{App, Running},
};

/// What of a plan is meant: only so many people's lines, only those for which an expression holds.
type Meant<'a> = (Option<usize>, Option<&'a str>);

/// Lines that are worked on at once; a record's are never parted.
const CHUNK: usize = 1000;

/// Writes the lines of a plan that are still what would be done. They come sync by sync, and record by record.
pub(super) async fn apply(app: &App, config: &str, meant: Meant<'_>, mut lines: mpsc::Receiver<Line>) -> Answer {
    if app.config.digest != config {
        return Err(other_config(config, &app.config.digest));
    }
    let mut shown = Map::new();
    let mut exit = 0;
    let mut next = lines.recv().await;
    while let Some(first) = next.take() {
        let running = named(app, &first.sync)?;
        let (outcome, behind) = one(running, first, meant, &mut lines).await?;
        next = behind;
        exit = worse(exit, code(&outcome));
        shown.insert(running.name.clone(), outcome);
    }
    Ok(json!({ "exit": exit, "syncs": shown }))
}

/// A plan of another configuration.
pub fn other_config(plan: &str, ours: &str) -> Refusal {
    let message =
        format!("the plan was made by another configuration: its digest is `{plan}`, that of this one is `{ours}`");
    Refusal::new(78, message, "plan anew: `hymnal plan --out FILE`")
}

fn no_filter(flaws: &[Flaw]) -> Refusal {
    let words: Vec<String> =
        flaws.iter().map(|flaw| format!("at character {}: {}", flaw.range.start + 1, flaw.message)).collect();
    let hint = "ask for fields of the person, or for `system`, `object`, `field`, `kind`, `old`, `new`, `rule`, `from`";
    Refusal::new(2, format!("`--where` cannot be asked: {}", words.join("; ")), hint)
}

/// All lines of one sync, and the first of the next one.
async fn one(
    running: &Running,
    first: Line,
    (limit, filter): Meant<'_>,
    lines: &mut mpsc::Receiver<Line>,
) -> Result<(Json, Option<Line>), Refusal> {
    let mut pilot = Pilot::new(limit, filter, &running.sync.committer.rules).map_err(|flaws| no_filter(&flaws))?;
    let _turn = running.turn.lock().await;
    let cycle = begin(running).await?;
    let mut applied = Applied::default();
    let mut trouble = None;
    let mut chunk = Vec::new();
    let mut next = Some(first);
    while let Some(line) = next.take_if(|line| line.sync == running.name) {
        let ends_record = chunk.last().is_some_and(|last: &Line| last.record != line.record);
        if chunk.len() >= CHUNK && ends_record {
            work(running, cycle, std::mem::take(&mut chunk), &mut pilot, (&mut applied, &mut trouble)).await?;
        }
        chunk.push(line);
        next = lines.recv().await;
    }
    work(running, cycle, chunk, &mut pilot, (&mut applied, &mut trouble)).await?;
    tracing::info!(sync = running.name, cycle = %cycle, done = applied.done, skipped = applied.skipped.count, "A plan was applied");
    let mut shown = json!(applied);
    shown["cycle"] = json!(cycle.to_string());
    shown["trouble"] = json!(trouble);
    Ok((shown, next))
}

/// Writes what is now decided of these fields of these people, and nothing else. Answers whether all of it is written.
pub(super) async fn at_once(running: &Running, fields: &BTreeSet<(Id, String)>) -> Result<bool, Refusal> {
    let _turn = running.turn.lock().await;
    let cycle = begin(running).await?;
    let lines = running.sync.lines_of(fields).await?;
    let (mut applied, mut trouble) = (Applied::default(), None);
    work(running, cycle, lines, &mut Pilot::default(), (&mut applied, &mut trouble)).await?;
    Ok(trouble.is_none() && applied.left.count + applied.refused.count + applied.skipped.count == 0)
}

/// What was asked for is compared with what is there now.
async fn begin(running: &Running) -> Result<Id, Refusal> {
    let sync = &running.sync;
    sync.committer.complete_log().await?;
    sync.adopt(&sync_digest(&sync.committer.rules)).await?;
    let name = |side: Side| sync.committer.rules.systems[side].connector.clone();
    sync.before_apply().await?.map_err(|barred| match barred {
        Barred::Unread(troubles) => {
            let words =
                troubles.iter().map(|(side, error)| format!("`{}` could not be read: {}", name(*side), why(error)));
            let message =
                format!("nothing of `{}` was applied: {}", running.name, words.collect::<Vec<_>>().join("; "));
            Refusal::new(1, message, "see `hymnal status`, and try again")
        }
        Barred::Held(held) => {
            let message = format!("nothing of `{}` was applied: it is held ({})", running.name, held.word());
            Refusal::new(7, message, format!("see `hymnal status`; a pause ends with `hymnal resume {}`", running.name))
        }
    })
}

/// Once a system could not be written to, the rest is left.
async fn work(
    running: &Running,
    cycle: Id,
    chunk: Vec<Line>,
    pilot: &mut Pilot,
    (applied, trouble): (&mut Applied, &mut Option<String>),
) -> Result<(), Refusal> {
    if trouble.is_some() {
        for line in &chunk {
            applied.leave(line);
        }
        return Ok(());
    }
    match running.sync.apply(cycle, chunk, pilot, applied).await {
        Ok(error) => {
            *trouble = error.map(|error| why(&error));
            Ok(())
        }
        Err(Failure::Store(error)) => Err(error.into()),
        Err(Failure::Service { error, .. }) => {
            *trouble = Some(why(&error));
            Ok(())
        }
    }
}

fn code(outcome: &Json) -> u8 {
    let count = |key: &str| outcome[key]["count"].as_u64().unwrap_or(0);
    match (count("left"), count("skipped") + count("refused")) {
        (0, 0) => 0,
        (0, _) => 4,
        _ => 1,
    }
}

/// Work that is left comes before what a person has to look at.
fn worse(one: u8, other: u8) -> u8 {
    match (one, other) {
        (1, _) | (_, 1) => 1,
        (one, other) => one.max(other),
    }
}
