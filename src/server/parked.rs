//! What is parked, by its reason; retried and dismissed by people.

use serde_json::{Value as Json, json};

use super::request::{Answer, ParkedRequest, Refusal};
use crate::{
    cycle::parked::{MANY, Reason},
    merge::{Id, parked::Parking},
    wire::{App, Running},
};

/// How many people of a reason `show` names.
const SHOWN: usize = 100;

/// Every reason, that with most people first.
pub async fn list(app: &App) -> Answer {
    let mut found = Vec::new();
    for running in &app.syncs {
        for reason in running.sync.parked()? {
            found.push(one(running, &reason).await?);
        }
    }
    Ok(Json::Array(found))
}

/// One reason, or one person, with the people it is about.
pub async fn show(app: &App, id: &str) -> Answer {
    let mut found = Vec::new();
    for running in &app.syncs {
        let (reasons, only) = chosen(running, &Chosen::Id(id.to_owned()))?;
        for reason in reasons {
            let mut shown = one(running, &reason).await?;
            let people: Vec<&(Id, _)> = reason.people.iter().filter(|(id, _)| only.is_none_or(|o| o == *id)).collect();
            let mut named = Vec::new();
            for (id, due) in people.iter().take(SHOWN) {
                let record = record(running, *id, &reason).await?;
                named.push(json!({
                    "entity": id.to_string(), "record": record, "next_try": due.map(|at| at.to_string()),
                }));
            }
            shown["people"] = json!(named);
            found.push(shown);
        }
    }
    if found.is_empty() { Err(unknown(id)) } else { Ok(Json::Array(found)) }
}

/// Retries or dismisses.
pub async fn handle(app: &App, request: &ParkedRequest) -> Answer {
    let chosen_by = match (&request.id, &request.reason, request.all) {
        (Some(id), None, false) => Chosen::Id(id.clone()),
        (None, Some(code), false) => Chosen::Code(code.clone()),
        (None, None, true) => Chosen::All,
        _ => {
            return Err(Refusal::new(2, "say what, once", "give an id of `hymnal parked list`, `--reason` or `--all`"));
        }
    };
    let mut handled = 0;
    for running in &app.syncs {
        let (reasons, only) = chosen(running, &chosen_by)?;
        if reasons.is_empty() {
            continue;
        }
        handled += running.sync.handle_parked(&reasons, only, request.handling, &request.by).await?;
        tracing::info!(sync = running.name, count = handled, "A person handled what is parked");
        running.wake.notify_one();
    }
    match chosen_by {
        Chosen::Id(id) | Chosen::Code(id) if handled == 0 => Err(unknown(&id)),
        _ => Ok(json!({ "handling": request.handling, "count": handled })),
    }
}

/// What somebody chose.
enum Chosen {
    /// A reason's id, or a person's.
    Id(String),
    /// A reason's word.
    Code(String),
    /// Everything.
    All,
}

fn chosen(running: &Running, by: &Chosen) -> Result<(Vec<Reason>, Option<Id>), Refusal> {
    let reasons = running.sync.parked()?.into_iter();
    Ok(match by {
        Chosen::All => (reasons.collect(), None),
        Chosen::Code(code) => (reasons.filter(|reason| reason.signature.code == *code).collect(), None),
        Chosen::Id(id) => match id.parse::<Id>() {
            Ok(person) => {
                let concerned = |reason: &Reason| reason.people.iter().any(|(id, _)| *id == person);
                (reasons.filter(concerned).collect(), Some(person))
            }
            Err(_) => (reasons.filter(|reason| reason.id() == *id).collect(), None),
        },
    })
}

async fn one(running: &Running, reason: &Reason) -> Answer {
    let parked = running.sync.words_of(reason).await?;
    let signature = &reason.signature;
    let (message, hint, since) = match &parked {
        Some((problem, since)) => (problem.message.clone(), problem.hint.clone(), since.map(|since| since.to_string())),
        None if signature.what == Parking::State => (
            "what is stored of the person does not read; nothing is written of them, and nobody is made in their place"
                .to_owned(),
            "run the Hymnal that wrote it, or `hymnal restore` a backup".to_owned(),
            None,
        ),
        None => (
            "the service answered success and kept its value".to_owned(),
            "a rule there may not let it change; change it there, or map another field".to_owned(),
            None,
        ),
    };
    let system = &running.sync.committer.rules.systems[signature.side].connector;
    Ok(json!({
        "id": reason.id(), "sync": running.name,
        "system": Some(system).filter(|_| signature.what != Parking::Scope), "object": signature.object,
        "field": Some(&signature.field).filter(|field| !field.is_empty()), "kind": signature.what,
        "reason": signature.code, "count": reason.people.len(), "message": message, "hint": hint, "since": since,
        "next_try": reason.next_try().map(|at| at.to_string()),
        "probing": reason.people.len() >= MANY && matches!(signature.what, Parking::Field | Parking::Record),
    }))
}

/// The record of a person on the side in question, or the one that it would be made of.
async fn record(running: &Running, id: Id, reason: &Reason) -> Result<Option<String>, Refusal> {
    let rules = &running.sync.committer.rules;
    let side = reason.signature.side;
    let shown = running
        .sync
        .inspect(|world| {
            let Some(entity) = world.shared(id)? else { return Ok(None) };
            let member = |side| entity.members[side].as_ref().map(|member| (side, member.address.clone()));
            Ok(member(side).or_else(|| member(side.other())))
        })
        .await?;
    Ok(shown.map(|(side, address)| format!("{} {address}", rules.systems[side].connector)))
}

fn unknown(id: &str) -> Refusal {
    Refusal::new(2, format!("nothing is parked as `{id}`"), "`hymnal parked list` shows what is")
}
