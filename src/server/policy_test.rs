//! Logged conflicts decided again, under the rules of today or another policy: how many would have come out otherwise?

use std::collections::BTreeMap;

use hymnal_sdk::Timestamp;
use serde_json::{Map, Value as Json, json};

use super::{
    actions::named,
    conflicts::mask,
    request::{Answer, Refusal},
};
use crate::{
    journal::{Mask, line::json as shown, lines::youngest},
    merge::{
        OnConflict, Side, SyncRules,
        replay::{Replay, replay},
    },
    wire::{App, Running},
};

/// How many that would have come out otherwise are shown.
const SAMPLES: usize = 10;

/// How many there are of each.
#[derive(Default)]
struct Tally {
    conflicts: u64,
    same: u64,
    otherwise: u64,
    waits: u64,
}

/// Replays the conflicts logged since a time.
pub async fn policy_test(
    app: &App,
    since: Timestamp,
    policy: Option<&str>,
    field: Option<&str>,
    sync: Option<&str>,
) -> Answer {
    let running: Vec<&Running> = match sync {
        Some(sync) => vec![named(app, sync)?],
        None => app.syncs.iter().map(AsRef::as_ref).collect(),
    };
    let mut fields: BTreeMap<String, Tally> = BTreeMap::new();
    let mut samples = Vec::new();
    for running in running {
        let committer = &running.sync.committer;
        let rules = &committer.rules;
        let policy = policy.map(|text| parse(text, rules)).transpose()?;
        let last = running.sync.look_counts().await?.lines;
        // Lines are looked at one by one, from the youngest on, and none is kept.
        youngest(&*committer.store, committer.tag, last, usize::MAX, |line| {
            let event = &line.event;
            if event.at < since || field.is_some_and(|field| field != event.field) {
                return false;
            }
            let Some(replayed) = replay(event, policy, rules) else { return false };
            let tally = fields.entry(event.field.clone()).or_default();
            tally.conflicts += 1;
            match replayed {
                Replay::Same => tally.same += 1,
                Replay::Waits => tally.waits += 1,
                Replay::Otherwise { was, winner, now } => {
                    tally.otherwise += 1;
                    if samples.len() < SAMPLES {
                        let value = |value| if mask(app) == Mask::On { json!("***") } else { shown(value) };
                        samples.push(json!({
                            "id": event.id.to_string(), "field": event.field, "was": was.as_ref().map(value),
                            "would_be": value(&now),
                            "winner": winner.map(|side| rules.systems[side].connector.clone()),
                        }));
                    }
                }
            }
            false
        })?;
    }
    Ok(told(since, &fields, &samples))
}

fn told(since: Timestamp, fields: &BTreeMap<String, Tally>, samples: &[Json]) -> Json {
    let row = |tally: &Tally| {
        json!({
            "conflicts": tally.conflicts, "same": tally.same, "otherwise": tally.otherwise,
            "would_wait": tally.waits,
        })
    };
    let all = fields.values().fold(Tally::default(), |all, one| Tally {
        conflicts: all.conflicts + one.conflicts,
        same: all.same + one.same,
        otherwise: all.otherwise + one.otherwise,
        waits: all.waits + one.waits,
    });
    let mut out = row(&all);
    out["since"] = json!(since.to_string());
    out["fields"] = Json::Object(fields.iter().map(|(name, tally)| (name.clone(), row(tally))).collect::<Map<_, _>>());
    out["samples"] = json!(samples);
    out
}

/// A policy as in the configuration: `latest`, `prefer crm`.
fn parse(text: &str, rules: &SyncRules) -> Result<OnConflict, Refusal> {
    let side = |name: &str| {
        let found = Side::BOTH.into_iter().find(|side| rules.systems[*side].connector == name);
        found.ok_or_else(|| Refusal::new(2, format!("there is no system `{name}` in `{}`", rules.name), ""))
    };
    let words: Vec<&str> = text.split_whitespace().collect();
    Ok(match words.as_slice() {
        ["latest"] => OnConflict::Latest,
        ["manual"] => OnConflict::Manual,
        ["union"] => OnConflict::Union,
        ["furthest"] => OnConflict::Furthest,
        ["max"] => OnConflict::Max,
        ["min"] => OnConflict::Min,
        ["prefer", name] => OnConflict::Prefer(side(name)?),
        ["always", name] => OnConflict::Always(side(name)?),
        _ => {
            return Err(Refusal::new(
                2,
                format!("`{text}` is no policy"),
                "write `latest`, `prefer NAME`, `always NAME`, `manual`, `union`, `furthest`, `max` or `min`",
            ));
        }
    })
}
