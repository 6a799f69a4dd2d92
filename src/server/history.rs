//! What happened to a person, as the journal tells it.

use serde_json::{Value as Json, json};

use super::{
    conflicts::mask,
    explain::{find, nobody, records},
    request::Answer,
};
use crate::{
    cycle::undo::ChangeId,
    journal::{
        entry::{JournalPage, LogLine},
        line::{event as told, render},
    },
    merge::{Entity, Event, Pair},
    store::{StoreError, format, tables::page_of},
    wire::{App, Running},
};

/// The history of everybody whom `key` leads to.
pub async fn history(app: &App, key: &str) -> Answer {
    let mut people = Vec::new();
    for running in &app.syncs {
        for entity in find(running, key).await? {
            people.push(json!({
                "sync": running.name,
                "entity": entity.id.to_string(),
                "records": records(&entity, &running.sync.committer.rules),
                "history": entries(app, running, &entity, None)?,
            }));
        }
    }
    if people.is_empty() { Err(nobody(key)) } else { Ok(json!({ "people": people })) }
}

/// What happened to one person, oldest first: decisions, writes with the id to undo them by, and the lines of the
/// conflict log.
pub(super) fn entries(
    app: &App,
    running: &Running,
    entity: &Entity,
    field: Option<&str>,
) -> Result<Vec<Json>, StoreError> {
    let committer = &running.sync.committer;
    let mut entries = Vec::new();
    let mut broken = None;
    for id in [entity.id].into_iter().chain(entity.aliases.iter().copied()) {
        running.sync.each(&committer.tag.journal(id), |key, value| {
            let Some((entity, page)) = page_of(key) else { return };
            match format::open::<JournalPage>(key, value) {
                Ok(told) => {
                    let change = ChangeId { entity, page };
                    let about = told.events.iter().filter(|event| about(event, field));
                    entries.extend(about.map(|event| (page, one(app, running, change, &told, event))));
                }
                Err(error) => broken = Some(error),
            }
        })?;
    }
    match broken {
        Some(error) => Err(error),
        None => Ok(in_order(entries)),
    }
}

/// Pages are counted over all people: that is the order in which things happened, before two people became one too.
fn in_order(mut entries: Vec<(u64, Json)>) -> Vec<Json> {
    entries.sort_by_key(|(page, _)| *page);
    entries.into_iter().map(|(_, entry)| entry).collect()
}

fn one(app: &App, running: &Running, change: ChangeId, page: &JournalPage, event: &Event) -> Json {
    let rules = &running.sync.committer.rules;
    let what = match event {
        Event::Conflict(conflict) => {
            let line = LogLine {
                number: 0,
                before: None,
                entity: Some(change.entity),
                cycle: page.cycle,
                records: Pair::default(),
                event: (**conflict).clone(),
            };
            render(&line, rules, mask(app))
        }
        other => told(other, rules),
    };
    let is_change = matches!(event, Event::Sending { address: Some(_), .. });
    json!({
        "at": page.at.to_string(), "cycle": page.cycle.to_string(), "cause": page.cause,
        "change": is_change.then(|| change.to_string()), "what": what,
    })
}

fn about(event: &Event, field: Option<&str>) -> bool {
    let Some(wanted) = field else { return true };
    match event {
        Event::Decided { field, .. } | Event::Normalised { field, .. } | Event::Ignored { field, .. } => {
            field == wanted
        }
        Event::Conflict(conflict) => conflict.field == wanted,
        Event::Ruled(ruling) => ruling.field == wanted,
        // What was written is what was sent just before.
        Event::Written { .. } => true,
        Event::Sending { changes, .. } => changes.iter().any(|sent| sent.field == wanted),
        Event::Refused { field, .. } | Event::Handled { field, .. } => field.as_deref() == Some(wanted),
        _ => false,
    }
}
