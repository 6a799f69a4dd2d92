//! Values, times and names out of JSON.

use hymnal_sdk::Timestamp;
use jiff::{RoundMode, TimestampRound, Unit};
use serde_json::Value as Json;

pub(super) fn object(json: &Json) -> impl Iterator<Item = (&str, &Json)> {
    json.as_object().into_iter().flatten().map(|(key, value)| (key.as_str(), value))
}

pub(super) fn array(json: &Json) -> &[Json] {
    json.as_array().map_or(&[], Vec::as_slice)
}

/// A string's text; other values as JSON.
pub(super) fn text(json: &Json) -> String {
    json.as_str().map_or_else(|| plain(json), str::to_owned)
}

pub(super) fn plain(json: &Json) -> String {
    match json {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A value for people.
pub(super) fn shown(json: &Json) -> String {
    match json {
        Json::Null => "(blank)".to_owned(),
        Json::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join(", "),
        other => plain(other),
    }
}

/// A time for people, to the millisecond; other text as it is.
pub fn moment(json: &Json) -> String {
    let text = text(json);
    let rounded = text.parse::<Timestamp>().ok().and_then(|at| at.round(rounding()).ok());
    rounded.map_or(text, |at| format!("{at:.3}"))
}

/// The kind of a conflict.
pub(super) fn kind(json: &Json) -> String {
    match json.as_str() {
        Some("first_link") => "initial sync".to_owned(),
        Some("overruled") => "reverted by a sync rule".to_owned(),
        Some("oscillation") => "flips".to_owned(),
        _ => text(json),
    }
}

/// How we know the time of an edit.
pub(super) fn evidence(json: &Json) -> &'static str {
    match json.as_str() {
        Some("field") => "known from the field's history",
        Some("record") => "known from the record",
        _ => "time not known",
    }
}

/// `crm Lead/00Q…, marketing contacts/501`
pub(super) fn records(json: &Json) -> String {
    let all = object(json).map(|(system, record)| format!("{system} {}", shown(record)));
    all.collect::<Vec<_>>().join(", ")
}

/// Times are cut, not rounded up into the future.
fn rounding() -> TimestampRound {
    TimestampRound::new().smallest(Unit::Millisecond).mode(RoundMode::Trunc)
}
