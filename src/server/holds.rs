//! What is held, and `approve` and `discard`.

use serde_json::{Value as Json, json};

use super::{
    actions::named,
    request::{Answer, Refusal},
};
use crate::{
    cycle::{
        Sync,
        guard::Hold,
        holds::{Entry, RELEASE},
    },
    journal::line::json as shown,
    merge::{
        Entity, Side,
        guard::GuardKind,
        held::{Answer as Said, Gate, RecordGate},
    },
    store::StoreError,
    wire::{App, Running},
};

/// The name of the hold of what a changed configuration would write.
const CONFIGURATION: &str = "configuration";
/// How many entries of a hold are shown.
const SAMPLES: usize = 10;

/// What guards hold back, with samples.
pub(super) async fn list(running: &Running) -> Answer {
    let mut out = Vec::new();
    for hold in running.sync.holds().await? {
        out.push(one(running, &hold).await?);
    }
    Ok(json!(out))
}

async fn one(running: &Running, hold: &Hold) -> Answer {
    let sync = &running.sync;
    let rules = &sync.committer.rules;
    let releases = (hold.kind == GuardKind::OptOuts).then(|| hold.since.saturating_add(RELEASE).ok()).flatten();
    let mut samples = Vec::new();
    for entry in sync.entries(hold.number, SAMPLES)? {
        samples.extend(sample(sync, hold.number, entry).await?);
    }
    Ok(json!({
        "id": hold.name(),
        "kind": hold.kind.word(),
        "guard": hold.kind.key(),
        "origin": hold.cause.word(),
        "entries": sync.count(&sync.committer.tag.held(hold.number))?,
        "limit": hold.most,
        "window_seconds": rules.guards.window.as_secs(),
        "since": hold.since.to_string(),
        "released_at": releases.map(|at| at.to_string()),
        "samples": samples,
        "approve": format!("hymnal approve {} --hold {}", running.name, hold.name()),
        "discard": format!("hymnal discard {} --hold {}", running.name, hold.name()),
    }))
}

async fn sample(sync: &Sync, hold: u32, entry: Entry) -> Result<Option<Json>, StoreError> {
    let entity = sync.inspect(|world| world.entity(entry.id)).await?;
    Ok(entity.map(|entity| sample_of(sync, &entity, hold, entry.side)))
}

fn sample_of(sync: &Sync, entity: &Entity, hold: u32, side: Side) -> Json {
    let is_here = |gate: Gate| matches!(gate, Gate::Held { hold: of, .. } if of == hold);
    let shown_side = if entity.members[side].is_some() { side } else { side.other() };
    let record = entity.members[shown_side].as_ref().map(|member| member.address.to_string());
    let connector = &sync.systems[side].name;
    if let Some(RecordGate::Gate(kind, gate)) = entity.gates[side]
        && is_here(gate)
    {
        return json!({ "system": connector, "record": record, "would": kind.word() });
    }
    let held = entity.fields.iter().filter(|(_, field)| field.gate(side).is_some_and(is_here));
    let fields: serde_json::Map<String, Json> = held
        .map(|(name, field)| {
            let from = field.sides[side].shadow.as_ref().map(ToString::to_string);
            (name.clone(), json!({ "from": from, "to": shown(field.target(side)) }))
        })
        .collect();
    json!({ "system": connector, "record": record, "fields": fields })
}

/// `approve`
pub(super) async fn approve(app: &App, name: &str, hold: Option<&str>) -> Answer {
    let running = named(app, name)?;
    if !running.sync.is_approved()? {
        return approve_first_run(running, name).await;
    }
    if running.sync.is_changed_held()? && hold.is_none_or(|hold| hold == CONFIGURATION) {
        return approve_changed(running, name).await;
    }
    let Some((number, upto, hold)) = chosen(running, hold).await? else {
        return Ok(json!({ "sync": name, "approved": false, "message": "nothing is held" }));
    };
    let shown = one(running, &hold).await?;
    running.sync.answer_hold(number, upto, Said::Approved, "approved by a person").await?;
    tracing::info!(sync = name, hold = hold.name(), "What a safety limit held was approved");
    running.wake.notify_one();
    Ok(json!({ "sync": name, "approved": true, "hold": shown }))
}

/// `discard`
pub(super) async fn discard(app: &App, name: &str, hold: Option<&str>) -> Answer {
    let running = named(app, name)?;
    if !running.sync.is_approved()? {
        let _turn = running.turn.lock().await;
        running.sync.discard().await?;
        tracing::info!(sync = name, "The decisions of the first run were dropped; it is planned anew");
        running.wake.notify_one();
        return Ok(json!({ "sync": name, "discarded": true }));
    }
    if running.sync.is_changed_held()? && hold.is_none_or(|hold| hold == CONFIGURATION) {
        let _turn = running.turn.lock().await;
        running.sync.discard_changed().await?;
        tracing::info!(sync = name, "What the changed configuration would write was discarded");
        running.wake.notify_one();
        return Ok(json!({ "sync": name, "discarded": true, "hold": { "id": CONFIGURATION } }));
    }
    let Some((number, upto, hold)) = chosen(running, hold).await? else {
        return Ok(json!({ "sync": name, "discarded": false, "message": "nothing is held" }));
    };
    let shown = one(running, &hold).await?;
    running.sync.answer_hold(number, upto, Said::Discarded, "discarded by a person").await?;
    tracing::info!(sync = name, hold = hold.name(), "What a safety limit held was discarded");
    running.wake.notify_one();
    Ok(json!({ "sync": name, "discarded": true, "hold": shown }))
}

async fn approve_first_run(running: &Running, name: &str) -> Answer {
    if !running.sync.was_read()? {
        return Err(Refusal::new(
            1,
            format!("`{name}` has nothing to approve yet: not both systems were read"),
            "let `hymnal run` or `hymnal run --once` read them first, then look at `hymnal status`",
        ));
    }
    // Not in the middle of a cycle: what is shown as released is all that was decided.
    let turn = running.turn.lock().await;
    let preview = running.sync.shown_preview().await?;
    // The first load is not under the limits of creations and updates; the others let pass what was shown.
    running.sync.pass_all(&[GuardKind::Blanked, GuardKind::OptOuts, GuardKind::OptIns]).await?;
    running.sync.forget_changed()?;
    running.sync.state().approve()?;
    drop(turn);
    tracing::info!(sync = name, "The first run was approved");
    running.wake.notify_one();
    Ok(json!({ "sync": name, "approved": true, "released": preview }))
}

async fn approve_changed(running: &Running, name: &str) -> Answer {
    // Not in the middle of a cycle: what is shown as released is all that was decided.
    let turn = running.turn.lock().await;
    let preview = running.sync.shown_preview().await?;
    running.sync.approve_changed().await?;
    drop(turn);
    tracing::info!(sync = name, "What the changed configuration would write was approved");
    running.wake.notify_one();
    Ok(json!({ "sync": name, "approved": true, "released": preview }))
}

/// The hold that is meant, and up to which entry: the only one, or the one that is named. A name says up to which entry
/// somebody has seen it.
async fn chosen(running: &Running, wanted: Option<&str>) -> Result<Option<(u32, u32, Hold)>, Refusal> {
    let mut holds = running.sync.holds().await?;
    let named = |hold: &Hold| format!("`{}` ({}, by {})", hold.name(), hold.kind.key(), hold.cause.word());
    let names = |holds: &[Hold]| holds.iter().map(named).collect::<Vec<_>>().join(", ");
    let Some(wanted) = wanted else {
        return match holds.len() {
            0 => Ok(None),
            1 => Ok(holds.pop().map(|hold| (hold.number, hold.entries, hold))),
            _ => {
                let message = format!("`{}` has several holds: {}", running.name, names(&holds));
                Err(Refusal::new(2, message, "say which one with `--hold ID`"))
            }
        };
    };
    let (name, upto) = match wanted.split_once('.') {
        Some((name, upto)) => (name, upto.parse().ok()),
        None => (wanted, Some(u32::MAX)),
    };
    let is_meant = |hold: &Hold| format!("{}-{}", hold.kind.word(), hold.number) == name;
    let found = holds.iter().find(|hold| is_meant(hold)).cloned();
    if let (Some(hold), Some(upto)) = (found, upto) {
        return Ok(Some((hold.number, upto.min(hold.entries), hold)));
    }
    let hint = if holds.is_empty() { "nothing is held".to_owned() } else { format!("there are: {}", names(&holds)) };
    Err(Refusal::new(2, format!("`{}` has no hold `{wanted}`", running.name), hint))
}
