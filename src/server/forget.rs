//! Erasing a person: who is meant, what is done, and the receipt.

use std::{collections::BTreeSet, path::Path};

use serde_json::{Map, Value as Json, json};

use super::{
    explain::find,
    request::{Answer, Refusal},
    upkeep,
};
use crate::{
    cycle::forget::NotNow,
    journal::erasure::{Done, Erased, Erasure},
    merge::{Id, Side},
    wire::{App, Running},
};

/// Erases the person whom `key` leads to: an e-mail, a person's id, or `connector:object:id`. Where that was begun before
/// and interrupted, it is gone on with; where it is done, its receipt is answered again.
///
/// # Errors
/// Nobody, or several people, are known by the key.
pub async fn forget(app: &App, wanted: &str, everywhere: bool) -> Answer {
    app.state.verification.wait().await?;
    let mut erased = Vec::new();
    for running in &app.syncs {
        // Not in the middle of a cycle: what is on its way could bring the person back.
        let _turn = running.turn.lock().await;
        erased.extend(forget_in(app, running, wanted, everywhere).await?);
    }
    if erased.is_empty() {
        return Err(Refusal::new(
            2,
            "nobody is known by this key",
            "give an e-mail, a person's id, or `connector:object:id`; what is not known here is not touched",
        ));
    }
    // What was overwritten still lies in sled's files until they are written anew.
    let compacted = match upkeep::compact(app).await {
        Ok(_) => json!(true),
        Err(refusal) => json!({ "error": refusal.message, "do": "hymnal compact" }),
    };
    let aside = kept_aside(&app.config.daemon.state_dir);
    let is_done = erased.iter().all(|receipt| receipt["state"] == "done");
    let needs = erased.iter().any(|receipt| receipt["state"] == "refused");
    Ok(json!({
        "forgotten": is_done, "needs_a_person": needs, "people": erased, "compacted": compacted, "kept_aside": aside,
    }))
}

/// Stores that were replaced and kept beside the one that runs: they hold the person still.
fn kept_aside(state_dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(state_dir).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|name| name.starts_with("store.before-")).collect();
    names.sort();
    names
}

async fn forget_in(app: &App, running: &Running, wanted: &str, everywhere: bool) -> Result<Vec<Json>, Refusal> {
    let sync = &running.sync;
    let found = find(running, wanted).await?;
    if found.len() > 1 {
        let ids: Vec<String> = found.iter().map(|entity| format!("`{}`", entity.id)).collect();
        let message = format!("{} people are known by this key in `{}`", found.len(), running.name);
        return Err(Refusal::new(2, message, format!("forget them one by one, by their ids: {}", ids.join(", "))));
    }
    let mut erasures = match found.first() {
        Some(entity) => match sync.forget(entity.id, everywhere).await? {
            Ok(erasure) => vec![erasure],
            Err(NotNow::Unknown) => Vec::new(),
            Err(NotNow::Creating) => {
                let message = format!("a record of the person is being made in `{}` just now", running.name);
                return Err(Refusal::new(1, message, "try again when the next cycle has ended"));
            }
        },
        None => known(app, running, wanted, everywhere).await?,
    };
    let mut receipts = Vec::new();
    for erasure in erasures.drain(..) {
        let (erasure, troubles) = sync.finish_erasure(erasure).await?;
        tracing::info!(sync = running.name, entity = %erasure.entity, everywhere, done = !erasure.is_open(), "A person was erased");
        let troubles: Vec<Json> = troubles
            .iter()
            .map(|(side, error)| json!({ "connector": sync.systems[*side].name, "kind": error.kind, "code": error.code }))
            .collect();
        receipts.push(receipt(running, &erasure, &troubles));
    }
    Ok(receipts)
}

/// Erasures of before that the key leads to. Who was only forgotten here is now erased in the systems too, if that is
/// what is asked for.
async fn known(app: &App, running: &Running, wanted: &str, everywhere: bool) -> Result<Vec<Erasure>, Refusal> {
    let sync = &running.sync;
    let traces: BTreeSet<_> = sync.traces_of(wanted).await?.into_iter().collect();
    let id = wanted.parse::<Id>().ok();
    let _ = app;
    let mut found: Vec<Erasure> = sync
        .erasures()?
        .into_iter()
        .filter(|erasure| {
            id.is_some_and(|id| erasure.is_of(id)) || erasure.keys.iter().any(|trace| traces.contains(trace))
        })
        .collect();
    if everywhere {
        for erasure in &mut found {
            erasure.everywhere = true;
            for side in Side::BOTH {
                let kept = erasure.records[side].iter_mut().filter(|record| record.done == Done::Kept);
                kept.for_each(|record| record.done = Done::Waits);
            }
        }
    }
    Ok(found)
}

fn receipt(running: &Running, erasure: &Erasure, troubles: &[Json]) -> Json {
    let name = |side: Side| running.sync.systems[side].name.clone();
    let systems: Vec<Json> = Side::BOTH
        .iter()
        .map(|side| json!({ "connector": name(*side), "records": erasure.records[*side].iter().map(shown).collect::<Vec<_>>() }))
        .collect();
    let state = match (erasure.is_open(), erasure.needs_a_person()) {
        (true, _) => "open",
        (false, true) => "refused",
        (false, false) => "done",
    };
    json!({
        "sync": running.name,
        "entity": erasure.entity.to_string(),
        "state": state,
        "asked_at": erasure.at.to_string(),
        "done_at": erasure.done_at.map(|at| at.to_string()),
        "everywhere": erasure.everywhere,
        "here": { "fields": erasure.here.fields, "history_entries": erasure.here.pages, "conflict_lines": erasure.here.lines, "conflict_log_file": !erasure.file_waits },
        "blocked": { "keys": erasure.keys.len(), "records": erasure.records.left.len() + erasure.records.right.len() },
        "systems": systems,
        "troubles": troubles,
    })
}

fn shown(record: &Erased) -> Json {
    let mut shown = Map::new();
    shown.insert("record".into(), json!(record.address.to_string()));
    shown.insert("done".into(), json!(record.done.word()));
    let read_back = matches!(record.done, Done::Erased | Done::Deleted | Done::GoneBefore);
    shown.insert("read_back_as_gone".into(), json!(read_back));
    if let Done::Refused { code } = &record.done {
        shown.insert("code".into(), json!(code));
    }
    Json::Object(shown)
}
