//! How everything is.

use std::collections::BTreeSet;

use hymnal_sdk::{Http, Kind, LoginState, SignedDuration};
use serde_json::{Map, Value as Json, json};

use super::{audit, holds, request::Answer};
use crate::{
    cycle::{counts::Counts, due::waiting_entity, report::Held, world::LANES},
    merge::{Id, Mode, Side, guard::GuardKind},
    store::{
        StoreError,
        tables::{Tag, Wait, entity_of},
    },
    wire::{App, Running},
};

/// How everything is: each connector, each sync.
pub async fn status(app: &App) -> Answer {
    let mut connectors = Map::new();
    for config in &app.config.connectors {
        if let Some(wired) = app.connectors.get(&config.name) {
            let mut shown = serde_json::to_value(wired.http.as_ref().map(|http| http.health()).unwrap_or_default())
                .unwrap_or(Json::Null);
            if let Json::Object(health) = &mut shown {
                complete(app, health, &config.name, &config.kind, &config.role.to_string());
            }
            connectors.insert(config.name.clone(), shown);
        }
    }
    let mut syncs = Map::new();
    for running in &app.syncs {
        syncs.insert(running.name.clone(), one_sync(app, running).await?);
    }
    Ok(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "config": app.config.path.display().to_string(),
        "connectors": connectors,
        "syncs": syncs,
    }))
}

fn complete(app: &App, health: &mut Map<String, Json>, name: &str, kind: &str, role: &str) {
    let used = health.get("daily_used").and_then(Json::as_u64).unwrap_or(0);
    let by_us = health.get("daily_by_us").and_then(Json::as_u64).unwrap_or(0);
    let ours = health.get("daily_ours").and_then(Json::as_u64);
    let limit = health.get("daily_limit").and_then(Json::as_u64);
    health.insert("type".into(), json!(kind));
    health.insert("role".into(), json!(role));
    let left = ours.map(|ours| ours.saturating_sub(by_us));
    health.insert("quota".into(), json!({ "used": used, "limit": limit, "ours": ours, "by_us": by_us, "left": left }));
    let troubles = app.syncs.iter().filter_map(|running| running.sync.state().last_cycle().ok().flatten());
    let trouble = troubles.flat_map(|cycle| cycle.troubles).find(|trouble| trouble.connector == name);
    let now = app.clock.now();
    if let Some(trouble) = trouble {
        if trouble.kind == Kind::Auth && health.get("login") == serde_json::to_value(LoginState::Unknown).ok().as_ref()
        {
            // Nothing was asked since this process started; the last cycle was refused.
            health.insert("login".into(), serde_json::to_value(LoginState::NeedsLogin).unwrap_or(Json::Null));
        }
        let kind = serde_json::to_value(trouble.kind).unwrap_or(Json::Null);
        let until = trouble.retry_at.filter(|at| *at > now).map(|at| at.to_string());
        if health.get("paused_until").is_none_or(Json::is_null) && until.is_some() {
            health.insert("paused_until".into(), json!(until));
            health.insert("paused_because".into(), json!(trouble.code));
        }
        health.insert("trouble".into(), json!({ "kind": kind, "code": trouble.code, "retry_at": until }));
    }
    let is_open = health.get("paused_until").is_some_and(|until| !until.is_null())
        || health.get("login") == serde_json::to_value(LoginState::NeedsLogin).ok().as_ref();
    health.insert("breaker".into(), json!(if is_open { "open" } else { "closed" }));
}

async fn one_sync(app: &App, running: &Running) -> Answer {
    let sync = &running.sync;
    let tag = sync.committer.tag;
    let now = app.clock.now();
    let counts = sync.look_counts().await?;
    let mut waiting = BTreeSet::new();
    let mut shown = Map::new();
    for (name, wait) in WAITS {
        let ids = waiting_ids(sync, tag, wait)?;
        shown.insert(name.to_owned(), json!(ids.len()));
        waiting.extend(ids);
    }
    let mut pending = BTreeSet::new();
    for side in Side::BOTH {
        for lane in LANES {
            each(sync, &tag.outbox(side, lane), |key| pending.extend(entity_of(key)))?;
        }
    }
    // Who is to be made is not linked yet.
    for hold in sync.holds().await?.iter().filter(|hold| hold.kind != GuardKind::Creates) {
        waiting.extend(sync.entries(hold.number, usize::MAX)?.into_iter().map(|entry| entry.id));
    }
    let busy = pending.union(&waiting).count() as u64;
    let held = without_values(held(app, running).await?);
    let last = sync.state().last_cycle()?;
    let next = last.as_ref().map(|last| {
        let every = SignedDuration::try_from(sync.committer.rules.every).unwrap_or(SignedDuration::ZERO);
        last.at.saturating_add(every).unwrap_or(last.at).max(now).to_string()
    });
    let state = match &held {
        Json::Null if sync.committer.rules.mode == Mode::Observe => "observing",
        Json::Null if pending.is_empty() => "in_sync",
        Json::Null => "pending",
        _ => "held",
    };
    let mut all = Map::new();
    all.insert("state".into(), json!(state));
    all.insert("held".into(), held);
    all.insert("people".into(), json!(counts.people));
    all.insert("linked".into(), json!(counts.linked));
    all.insert("in_sync".into(), json!(counts.linked.saturating_sub(busy)));
    all.insert("pending".into(), json!(pending.len()));
    all.extend(shown);
    all.insert("blocked".into(), json!(sync.count_blocked()?));
    all.insert("mode".into(), serde_json::to_value(sync.committer.rules.mode).unwrap_or(Json::Null));
    all.insert("out_of_scope".into(), json!(counts.left_out + counts.not_created.left + counts.not_created.right));
    all.insert("scope".into(), scope(sync, &counts));
    let audit = audit::last(sync)?;
    all.insert("alarms".into(), alarms(sync, &audit)?);
    all.insert("audit".into(), audit);
    let mut noticed = Map::new();
    for side in Side::BOTH {
        let within = sync.deletions_every(side).await?;
        noticed.insert(sync.systems[side].name.clone(), json!(within.as_secs()));
    }
    all.insert("deletions_noticed_within_seconds".into(), Json::Object(noticed));
    all.insert(
        "last_cycle".into(),
        last.map_or(Json::Null, |last| {
            json!({
                "id": last.id.to_string(), "at": last.at.to_string(), "observed": last.observed,
                "created": last.created, "updated": last.updated,
                "lag_seconds": now.duration_since(last.at).as_secs(),
                "troubles": last.troubles,
            })
        }),
    );
    all.insert("next_cycle".into(), json!(next));
    Ok(Json::Object(all))
}

/// How many each rule leaves out.
fn scope(sync: &crate::cycle::Sync, counts: &Counts) -> Json {
    let rules = &sync.committer.rules;
    let mut out = Map::new();
    out.extend(rules.include.as_ref().map(|_| ("include".to_owned(), json!(counts.left_out))));
    for (side, system) in rules.systems.iter().filter(|(_, system)| system.create_when.is_some()) {
        out.insert(format!("create_when.{}", system.connector), json!(counts.not_created[side]));
    }
    Json::Object(out)
}

/// What somebody must know, and only a person can put right.
fn alarms(sync: &crate::cycle::Sync, audit: &Json) -> Result<Json, StoreError> {
    let mut alarms = Vec::new();
    if audit["unexplained"].as_u64().unwrap_or(0) > 0 {
        alarms.push(json!({
            "kind": "unexplained",
            "connector": sync.committer.rules.name,
            "since": audit["at"],
            "message": "the two systems differ, and nothing says why",
            "hint": format!("see `hymnal audit {}`; `--repair` reads everything anew", sync.committer.rules.name),
        }));
    }
    for side in Side::BOTH {
        if let Some(blind) = sync.blind(side)? {
            alarms.push(json!({
                "kind": "not_visible",
                "connector": sync.systems[side].name,
                "since": blind.since.to_string(),
                "message": "many records cannot be seen any more, and nobody says that they were deleted",
                "hint": "look whether the login lost a permission; nothing is done about them until they are seen again",
            }));
        }
    }
    for side in Side::BOTH {
        for gone in sync.gone_fields(side)? {
            alarms.push(json!({
                "kind": "field_gone",
                "connector": sync.systems[side].name,
                "since": gone.since.to_string(),
                "message": format!("the field `{}` of `{}` is gone, or may not be read any more", gone.field, gone.object),
                "hint": "make it again, give the login the permission, or take it out of `fields`; the others go on",
            }));
        }
    }
    Ok(json!(alarms))
}

/// The name of what waits, or is listed.
pub(super) fn name(wait: Wait) -> &'static str {
    WAITS.into_iter().find(|(_, known)| *known == wait).map_or("", |(name, _)| name)
}

const WAITS: [(&str, Wait); 15] = [
    ("conflicts", Wait::Conflict),
    ("frozen", Wait::Frozen),
    ("parked", Wait::Parked),
    ("ignored", Wait::Ignored),
    ("ambiguous", Wait::Ambiguous),
    ("duplicate", Wait::Duplicate),
    ("no_key", Wait::NoKey),
    ("normalised", Wait::Normalised),
    ("kept", Wait::Kept),
    ("discarded", Wait::Discarded),
    ("not_visible", Wait::NotVisible),
    ("withheld", Wait::Withheld),
    ("deleting", Wait::Deleting),
    ("converted_out", Wait::ConvertedOut),
    ("apart", Wait::Apart),
];

/// Why nothing is written, and what would be: `null` where nothing is held.
pub async fn held(app: &App, running: &Running) -> Answer {
    let sync = &running.sync;
    if sync.committer.rules.mode == Mode::Observe {
        return Ok(Json::Null);
    }
    if let Some(pause) = sync.pause(app.clock.now())? {
        return Ok(json!({
            "reason": Held::Paused.word(),
            "since": pause.since.to_string(),
            "until": pause.until.map(|at| at.to_string()),
            "because": pause.reason,
            "do": format!("hymnal resume {}", running.name),
        }));
    }
    if sync.is_approved()? && sync.is_changed_held()? {
        return Ok(json!({
            "reason": Held::Configuration.word(),
            "id": Held::Configuration.word(),
            "complete": running.turn.try_lock().is_ok(),
            "would": sync.shown_preview().await?,
            "holds": holds::list(running).await?,
            "do": format!("hymnal approve {}", running.name),
        }));
    }
    if sync.is_approved()? {
        let holds = holds::list(running).await?;
        let is_free = holds.as_array().is_none_or(Vec::is_empty);
        return Ok(if is_free { Json::Null } else { json!({ "reason": "guard", "holds": holds }) });
    }
    // In the middle of a cycle not everything is matched yet, and the numbers still move.
    let is_complete = sync.was_read()? && running.turn.try_lock().is_ok();
    Ok(json!({
        "reason": Held::FirstRun.word(),
        "complete": is_complete,
        "would": sync.shown_preview().await?,
        "do": format!("hymnal approve {}", running.name),
    }))
}

/// The same without what people entered: `status` is what monitors and everybody may read. Whoever has to decide sees
/// the values in `plan`.
fn without_values(held: Json) -> Json {
    match held {
        Json::Object(all) => {
            let named = all.into_iter().filter(|(key, _)| !matches!(key.as_str(), "from" | "to"));
            named.map(|(key, value)| (key, without_values(value))).collect::<Map<_, _>>().into()
        }
        Json::Array(all) => all.into_iter().map(without_values).collect(),
        plain => plain,
    }
}

fn waiting_ids(sync: &crate::cycle::Sync, tag: Tag, wait: Wait) -> Result<BTreeSet<Id>, StoreError> {
    let prefix = tag.waiting(wait);
    let mut ids = BTreeSet::new();
    each(sync, &prefix, |key| ids.extend(waiting_entity(key, prefix.len())))?;
    Ok(ids)
}

fn each(sync: &crate::cycle::Sync, prefix: &[u8], mut act: impl FnMut(&[u8])) -> Result<(), StoreError> {
    let mut after: Option<Vec<u8>> = None;
    loop {
        let rows = sync.committer.store.scan(prefix, after.as_deref(), 2000)?;
        for (key, _) in &rows {
            act(key);
        }
        match rows.last() {
            Some((last, _)) if rows.len() == 2000 => after = Some(last.clone()),
            _ => return Ok(()),
        }
    }
}
