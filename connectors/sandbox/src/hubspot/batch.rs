//! What all batch operations share: their size, their answers, and which of their inputs may fail alone.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::answer::{Answer, Answered, Refused};

/// The most inputs of a batch.
// Contacts guide, "Limits": batch operations are limited to 100 records at a time.
pub(super) const MOST_INPUTS: usize = 100;

/// The inputs of a batch that writes.
#[derive(Deserialize)]
pub(super) struct Inputs {
    pub(super) inputs: Vec<Input>,
}

/// One input.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Input {
    pub(super) id: Option<String>,
    pub(super) id_property: Option<String>,
    #[serde(default)]
    pub(super) properties: Map<String, Value>,
    pub(super) object_write_trace_id: Option<String>,
}

/// Whether inputs succeed and fail one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Statuses {
    /// One refused input refuses the whole batch.
    Single,
    /// Refused inputs are listed beside what succeeded.
    Multi,
}

// Error handling, "Multi-status errors": to enable partial failures, include a unique `objectWriteTraceId` value for
// each input. Without, one bad input fails the batch (HubSpot/hubspot-api-python issue 51). The page says so of
// creates; updates and upserts behave alike.
pub(super) fn statuses(inputs: &[Input]) -> Statuses {
    let traces: BTreeSet<&str> = inputs.iter().filter_map(|input| input.object_write_trace_id.as_deref()).collect();
    if traces.len() == inputs.len() { Statuses::Multi } else { Statuses::Single }
}

pub(super) fn check_size(inputs: usize, most: usize) -> Answered<()> {
    if inputs <= most {
        return Ok(());
    }
    Err(Refused::invalid(format!("The maximum number of inputs supported in a batch request is {most}")))
}

// Seen in recorded answers: 400, VALIDATION_ERROR, with or without trace ids.
pub(super) fn check_duplicates<'a>(ids: impl IntoIterator<Item = &'a str>) -> Answered<()> {
    let mut seen = BTreeSet::new();
    let twice: BTreeSet<&str> = ids.into_iter().filter(|id| !seen.insert(*id)).collect();
    if twice.is_empty() {
        return Ok(());
    }
    let ids: Vec<String> = twice.into_iter().map(str::to_owned).collect();
    let message = format!("Duplicate IDs found in batch input: [{}]. IDs must be unique", ids.join(", "));
    Err(Refused { context: vec![("ids", ids)], ..Refused::invalid(message) })
}

/// A batch's answer; 207 where something failed.
// HubSpot/hubspot-api-nodejs issue 190: results come in no promised order. Here they never come in the order of the
// inputs, so that nobody relies on it.
pub(super) fn answer(status: u16, mut results: Vec<Value>, errors: Vec<Value>, now: &str) -> Answer {
    results.reverse();
    let mut body = json!({ "status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now });
    if errors.is_empty() {
        return Answer { status, body: Some(body) };
    }
    body["numErrors"] = json!(errors.len());
    body["errors"] = Value::Array(errors);
    Answer { status: 207, body: Some(body) }
}
