//! What was written is taken back, and what is not is listed with the reason.

use serde_json::{Map, Value as Json, json};

use super::{
    actions::named as sync_named,
    apply,
    request::{Answer, Refusal, UndoRequest},
    trouble::why,
};
use crate::{
    cycle::{
        report::Failure,
        resolve::Act,
        undo::{Never, Undone, Which, people, taken},
    },
    journal::line::{json as shown, named},
    mapping::Value,
    merge::{Pair, Side, SyncRules, person::Loosening, undo::Step},
    wire::{App, Running},
};

/// Takes back, or says what that would do.
pub async fn undo(app: &App, request: &UndoRequest) -> Answer {
    let which = which(request)?;
    let loosening = if request.have_consent { Loosening::Allowed } else { Loosening::Refused };
    let act = if request.dry_run { Act::Try } else { Act::Do };
    let running: Vec<&Running> = match &request.sync {
        Some(sync) => vec![sync_named(app, sync)?],
        None => app.syncs.iter().map(AsRef::as_ref).collect(),
    };
    let (mut undone, mut left) = (Vec::new(), Vec::new());
    let (mut fields, mut persons) = (0, 0);
    let mut held: Vec<String> = Vec::new();
    for running in running {
        let done =
            running.sync.undo(&which, &request.by, loosening, act).await.map_err(|error| failed(running, &error))?;
        let rules = &running.sync.committer.rules;
        for person in &done {
            tell(person, rules, &mut undone, &mut left);
        }
        fields += taken(&done);
        persons += people(&done);
        if act == Act::Do && taken(&done) > 0 {
            tracing::info!(sync = running.name, fields = taken(&done), "A person took back what was written");
            held.extend(write_back(running, &done).await?.then(|| running.name.clone()));
            running.wake.notify_one();
        }
    }
    if undone.is_empty() && left.is_empty() {
        return Err(Refusal::new(2, "nothing was written there", "`hymnal history KEY` shows the changes of a person"));
    }
    Ok(json!({
        "dry_run": act == Act::Try, "fields": fields, "people": persons, "undone": undone, "left": left, "held": held,
    }))
}

/// Before the first run is approved cycles write nothing, so what a pilot wrote is taken back here and now. Answers
/// whether something holds it back.
async fn write_back(running: &Running, done: &[Undone]) -> Result<bool, Refusal> {
    if running.sync.is_approved()? {
        return Ok(false);
    }
    let taken = |undone: &Undone| {
        let taken: Vec<_> = undone.steps.iter().filter(|step| step.outcome.is_ok()).collect();
        taken.into_iter().map(|step| (undone.entity, step.field.clone())).collect::<Vec<_>>()
    };
    match apply::at_once(running, &done.iter().flat_map(taken).collect()).await {
        Ok(is_written) => Ok(!is_written),
        // Decided it is: it is written when the pause ends, or the system answers, and the run goes ahead.
        Err(_) => Ok(true),
    }
}

fn which(request: &UndoRequest) -> Result<Which, Refusal> {
    match (&request.change, &request.cycle, request.since) {
        (Some(change), None, None) => change.parse().map(Which::Change).map_err(|()| {
            Refusal::new(2, format!("`{change}` is no change's id"), "`hymnal history KEY` shows the ids of changes")
        }),
        (None, Some(cycle), None) => cycle.parse().map(Which::Cycle).map_err(|_| {
            Refusal::new(2, format!("`{cycle}` is no cycle's id"), "`hymnal history KEY` shows the cycle of a change")
        }),
        (None, None, Some(since)) => Ok(Which::Since(since)),
        _ => {
            Err(Refusal::new(2, "say what to undo, once", "give a change's id, `--cycle`, or `--since` with `--sync`"))
        }
    }
}

fn failed(running: &Running, failure: &Failure) -> Refusal {
    match failure {
        Failure::Store(error) => Refusal::new(1, error.to_string(), ""),
        Failure::Service { side, error } => Refusal::new(
            1,
            format!(
                "`{}` could not be read ({}), and without reading nobody knows what was edited since",
                running.sync.committer.rules.systems[*side].connector,
                why(error)
            ),
            "what was taken back before stays so; run it again when the system answers",
        ),
    }
}

fn tell(person: &Undone, rules: &SyncRules, undone: &mut Vec<Json>, left: &mut Vec<Json>) {
    let name = |side: Side| rules.systems[side].connector.as_str();
    let mut records = Map::new();
    for (side, address) in &person.records {
        records.insert(name(*side).to_owned(), json!(address.to_string()));
    }
    let about = |field: Option<&str>| json!({ "sync": rules.name, "entity": person.entity.to_string(), "records": records, "field": field });
    for Step { field, holds, outcome } in &person.steps {
        let mut row = about(Some(field));
        row["now"] = sides(holds, name);
        match outcome {
            Ok(back) => {
                row["to"] = sides(&Pair::new(Some(back.left.clone()), Some(back.right.clone())), name);
                row["apart"] = json!(back.left != back.right);
                undone.push(row);
            }
            Err(why) => {
                let (reason, hint) = why.words();
                row["reason"] = json!(named(&reason, rules));
                row["hint"] = json!(named(&hint, rules));
                left.push(row);
            }
        }
    }
    for never in &person.never {
        let mut row = about(None);
        let (reason, hint) = match never {
            Never::Created(side, address) => (
                format!("{address} was created in {}: a creation is not taken back", name(*side)),
                format!("delete it in {} if it should not be there", name(*side)),
            ),
            Never::Deleted(side, address) => (
                format!("{address} was deleted in {}: a deletion is not taken back", name(*side)),
                format!("restore it in {} from its recycle bin; its link is restored with it", name(*side)),
            ),
            Never::Moved(side, from, to) => (
                format!("{from} was merged into {to} in {}: a merge is not taken back", name(*side)),
                format!("split them in {}, or tell them apart with `hymnal matches`", name(*side)),
            ),
        };
        row["reason"] = json!(reason);
        row["hint"] = json!(hint);
        left.push(row);
    }
}

fn sides<'a>(values: &Pair<Option<Value>>, name: impl Fn(Side) -> &'a str) -> Json {
    let mut out = Map::new();
    for (side, value) in values.iter() {
        out.insert(name(side).to_owned(), value.as_ref().map_or(Json::Null, shown));
    }
    Json::Object(out)
}
