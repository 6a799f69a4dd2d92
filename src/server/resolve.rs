//! A person answers conflicts.

use serde_json::{Map, Value as Json, json};

use super::{
    actions::named as sync_named,
    conflicts::{conflict_id, mask, unknown},
    request::{Answer as Said, Refusal, ResolveRequest},
};
use crate::{
    cycle::resolve::{Act, Answer, Resolved, Take, Unresolved},
    journal::{
        entry::LogLine,
        line::{json as shown, named, render},
        lines::latest,
    },
    mapping::{Expression, FieldType, Value, flaws::Hint},
    merge::{Id, Side, SyncRules, event::ConflictStatus, person::Loosening},
    wire::{App, Running},
};

/// Answers one conflict.
pub async fn resolve(app: &App, request: &ResolveRequest) -> Said {
    let id = conflict_id(&request.id)?;
    let running = running_of(app, id)?.ok_or_else(|| unknown(&request.id))?;
    let rules = &running.sync.committer.rules;
    let answer = Answer {
        take: take(rules, request.take.as_deref(), request.value.as_deref())?,
        by: request.by.clone(),
        seen: request.seen,
        loosening: if request.have_consent { Loosening::Allowed } else { Loosening::Refused },
    };
    let act = if request.dry_run { Act::Try } else { Act::Do };
    match running.sync.resolve(id, &answer, act).await? {
        Ok(resolved) => {
            if act == Act::Do {
                tracing::info!(sync = running.name, conflict = %id, "A person resolved a conflict");
                running.wake.notify_one();
            }
            Ok(told(&resolved, rules, id, act))
        }
        Err(unresolved) => Err(refusal(app, running, id, &unresolved)),
    }
}

/// Answers all conflicts that an expression holds for.
pub async fn resolve_where(app: &App, expression: &str, sync: Option<&str>, request: &ResolveRequest) -> Said {
    let running: Vec<&Running> = match sync {
        Some(sync) => vec![sync_named(app, sync)?],
        None => app.syncs.iter().map(AsRef::as_ref).collect(),
    };
    let act = if request.dry_run { Act::Try } else { Act::Do };
    let (mut resolved, mut left) = (Vec::new(), Vec::new());
    for running in running {
        let rules = &running.sync.committer.rules;
        let answer = Answer {
            take: take(rules, request.take.as_deref(), request.value.as_deref())?,
            by: request.by.clone(),
            seen: None,
            loosening: if request.have_consent { Loosening::Allowed } else { Loosening::Refused },
        };
        let expression = compile(expression, rules)?;
        for (id, outcome) in running.sync.resolve_where(&expression, &answer, act).await? {
            match outcome {
                Ok(done) => resolved.push(told(&done, rules, id, act)),
                Err(unresolved) => {
                    let Refusal { message, hint, .. } = refusal(app, running, id, &unresolved);
                    left.push(json!({ "id": id.to_string(), "reason": message, "hint": hint }));
                }
            }
        }
        if act == Act::Do && !resolved.is_empty() {
            tracing::info!(sync = running.name, count = resolved.len(), "A person resolved conflicts");
            running.wake.notify_one();
        }
    }
    Ok(json!({ "dry_run": act == Act::Try, "count": resolved.len(), "resolved": resolved, "left": left }))
}

/// The canonical fields, and of the conflict `field`, `kind` and what each system says, where no field has that name.
fn compile(expression: &str, rules: &SyncRules) -> Result<Expression, Refusal> {
    let mut names: Vec<(&str, FieldType)> =
        rules.fields.iter().map(|rule| (rule.map.name.as_str(), rule.map.kind)).collect();
    let (left, right) = (rules.systems.left.connector.as_str(), rules.systems.right.connector.as_str());
    for name in ["field", "kind", left, right] {
        if names.iter().all(|(known, _)| *known != name) {
            names.push((name, FieldType::Text));
        }
    }
    Expression::compile(expression, &names).map_err(|flaws| {
        let said: Vec<&str> = flaws.iter().map(|flaw| flaw.message.as_str()).collect();
        let hint = match flaws.first().map(|flaw| &flaw.hint) {
            Some(Hint::Say(hint)) => hint.clone(),
            Some(Hint::Nearest { valid, .. }) => format!("there are: {}", valid.join(", ")),
            None => String::new(),
        };
        Refusal::new(2, format!("`--where`: {}", said.join("; ")), hint)
    })
}

/// What to take, by the systems' names.
///
/// # Errors
/// Neither or both were said, or there is no such system.
pub fn take(rules: &SyncRules, take: Option<&str>, value: Option<&str>) -> Result<Take, Refusal> {
    let names = || Side::BOTH.map(|side| format!("`{}`", rules.systems[side].connector)).join(", ");
    match (take, value) {
        (None, Some(value)) => Ok(Take::Value(value.to_owned())),
        (Some(name), None) => {
            let side = Side::BOTH.into_iter().find(|side| rules.systems[*side].connector == name);
            match side {
                Some(side) => Ok(Take::Side(side)),
                None if name == "base" => Ok(Take::Base),
                None => Err(Refusal::new(
                    2,
                    format!("there is no system `{name}` in `{}`", rules.name),
                    format!("take {} or `base`", names()),
                )),
            }
        }
        _ => Err(Refusal::new(
            2,
            "say what to take, once",
            format!("`--take {}` or `--take base`, or `--value` and the value", names().replace(", ", "`, `--take ")),
        )),
    }
}

/// The sync that a conflict belongs to.
fn running_of(app: &App, id: Id) -> Result<Option<&Running>, Refusal> {
    for running in &app.syncs {
        let committer = &running.sync.committer;
        if latest(&*committer.store, committer.tag, id)?.is_some() {
            return Ok(Some(running));
        }
    }
    Ok(None)
}

/// What was decided, and what is written for it.
pub fn told(resolved: &Resolved, rules: &SyncRules, id: Id, act: Act) -> Json {
    let mut writes = Map::new();
    for side in Side::BOTH {
        if let Some(held) = resolved.holds[side].as_ref().filter(|held| **held != resolved.value) {
            let change = json!({ "from": shown(held), "to": shown(&resolved.value) });
            writes.insert(rules.systems[side].connector.clone(), change);
        }
    }
    json!({
        "sync": rules.name, "id": id.to_string(), "entity": resolved.entity.to_string(),
        "field": resolved.line.event.field, "value": shown(&resolved.value), "writes": writes,
        "resolved": act == Act::Do, "dry_run": act == Act::Try,
    })
}

fn refusal(app: &App, running: &Running, id: Id, unresolved: &Unresolved) -> Refusal {
    let rules = &running.sync.committer.rules;
    match unresolved {
        Unresolved::Unknown => unknown(&id.to_string()),
        Unresolved::NotAField(line) => Refusal::new(
            2,
            format!("`{id}` is no question about a value: it is `{}`", line.event.verdict.kind()),
            "who is who is decided with `hymnal matches`",
        ),
        Unresolved::Over(line) => over(app, line, rules, id),
        Unresolved::Moved(line) => Refusal::new(
            4,
            format!("`{}` was edited again since it was shown: {} now", line.event.field, values(line, rules)),
            format!("if you still want it, say that you saw this: `--seen {}`", line.number),
        ),
        Unresolved::NoBase => Refusal::new(
            2,
            "the two systems never agreed on this field, so that there is no last synced value",
            "take one of the systems, or give a value with `--value`",
        ),
        Unresolved::Bad(problem) => Refusal::new(2, problem.message.clone(), problem.hint.clone()),
        Unresolved::Unfit(unfit) => {
            let (message, hint) = unfit.words();
            Refusal::new(1, named(&message, rules), named(&hint, rules))
        }
    }
}

fn over(app: &App, line: &LogLine, rules: &SyncRules, id: Id) -> Refusal {
    let what = match line.event.status {
        ConflictStatus::Superseded => "is superseded",
        ConflictStatus::Dismissed => "is dismissed",
        ConflictStatus::Open | ConflictStatus::Resolved => "is resolved",
    };
    let shown = render(line, rules, mask(app));
    let reason = shown["reason"].as_str().unwrap_or_default();
    Refusal::new(
        1,
        format!("conflict `{id}` {what} already, since {}: {reason}", line.event.at),
        format!("`hymnal conflicts show {id}` tells all that happened to it"),
    )
}

/// `marketing says Bonn, crm says Rome`
fn values(line: &LogLine, rules: &SyncRules) -> String {
    let said = |side: Side| {
        let value = line.event.edits[side].as_ref().map_or(Value::Blank, |edit| edit.value.clone());
        format!("{} says {value}", rules.systems[side].connector)
    };
    Side::BOTH.map(said).join(", ")
}
