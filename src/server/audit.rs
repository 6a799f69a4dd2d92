//! Everything compared; and everybody, for those who leave.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Map, Value as Json, json};
use tokio::sync::mpsc;

use super::{
    actions::named,
    plan::same_config,
    request::{Answer, Refusal},
    trouble::why,
};
use crate::{
    config::sync_digest,
    cycle::{Sync, audit::Audited},
    journal::line::json as value,
    merge::{Entity, Side, SyncRules},
    store::{
        Batch, StoreError, format,
        tables::{Tag, entity_of},
    },
    wire::{App, Running},
};

/// People read in one go.
const PAGE: usize = 500;

/// Compares everything of one sync, or of each. With `repair` what was missed is kept, so that the next cycle heals it.
pub(super) async fn audit(app: &App, sync: Option<&str>, repair: bool, config: &str) -> Answer {
    same_config(app, config)?;
    let syncs: Vec<&Running> = match sync {
        Some(sync) => vec![named(app, sync)?],
        None => app.syncs.iter().map(AsRef::as_ref).collect(),
    };
    let mut shown = Map::new();
    let mut unexplained = 0;
    for running in syncs {
        let audited = one(app, running, repair).await?;
        unexplained += audited.unexplained.count;
        remember(running, &audited, &app.clock.now().to_string())?;
        shown.insert(running.name.clone(), serde_json::to_value(&audited).unwrap_or(Json::Null));
    }
    let exit = u8::from(unexplained > 0);
    Ok(json!({ "at": app.clock.now().to_string(), "repair": repair, "exit": exit, "syncs": shown }))
}

async fn one(app: &App, running: &Running, repair: bool) -> Result<Audited, Refusal> {
    let _turn = running.turn.lock().await;
    let digest = sync_digest(&running.sync.committer.rules);
    let over: Sync;
    let sync = if repair {
        running.sync.committer.complete_log().await?;
        &running.sync
    } else {
        over = running.sync.over(Arc::new(app.overlay())).await?;
        &over
    };
    sync.adopt(&digest).await?;
    let audited = sync.audit().await?.map_err(|(side, error)| {
        let connector = &running.sync.committer.rules.systems[side].connector;
        let message = format!("`{}` cannot be audited: `{connector}` could not be read: {}", running.name, why(&error));
        Refusal::new(1, message, "see `hymnal status`, and try again")
    })?;
    if repair {
        running.wake.notify_one();
    }
    Ok(audited)
}

/// Where the last audit is kept, for `status`.
fn kept(tag: Tag) -> Vec<u8> {
    tag.state("audit")
}

fn remember(running: &Running, audited: &Audited, at: &str) -> Result<(), StoreError> {
    let committer = &running.sync.committer;
    let told = json!({ "at": at, "people": audited.people, "unexplained": audited.unexplained.count });
    let mut batch = Batch::default();
    batch.put(kept(committer.tag), told.to_string());
    committer.store.commit(batch)
}

/// What the last audit said; `null` where there was none.
pub(super) fn last(sync: &Sync) -> Result<Json, StoreError> {
    let stored = sync.committer.store.get(&kept(sync.committer.tag))?;
    Ok(stored.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or(Json::Null))
}

/// Everybody: golden values, and the ids of their records. A line each goes to `lines`.
pub(super) async fn export(app: &App, lines: Option<mpsc::Sender<Json>>) -> Answer {
    let mut people: u64 = 0;
    for running in &app.syncs {
        let committer = &running.sync.committer;
        let prefix = committer.tag.table(b'e');
        let mut after: Option<Vec<u8>> = None;
        loop {
            let rows = committer.store.scan(&prefix, after.as_deref(), PAGE)?;
            let Some((last, _)) = rows.last() else { break };
            after = Some(last.clone());
            for (key, bytes) in rows.iter().filter(|(key, _)| entity_of(key).is_some()) {
                let entity: Entity = format::open(key, bytes)?;
                people += 1;
                if let Some(lines) = &lines
                    && lines.send(line(&entity, &committer.rules)).await.is_err()
                {
                    return Ok(json!({ "people": people }));
                }
            }
        }
    }
    Ok(json!({ "people": people }))
}

fn line(entity: &Entity, rules: &SyncRules) -> Json {
    let fields: BTreeMap<&str, Json> = rules
        .fields
        .iter()
        .filter_map(|rule| Some((rule.map.name.as_str(), value(&entity.fields.get(&rule.map.name)?.golden))))
        .collect();
    let records: BTreeMap<&str, Vec<String>> = Side::BOTH
        .into_iter()
        .map(|side| {
            let addresses = entity.addresses(side).map(ToString::to_string).collect();
            (rules.systems[side].connector.as_str(), addresses)
        })
        .collect();
    json!({ "sync": rules.name, "entity": entity.id.to_string(), "fields": fields, "records": records })
}
