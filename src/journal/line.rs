//! A line of the conflict log as people and programs read it: JSON with names instead of sides.

use hymnal_sdk::{Actor, Address, Native};
use serde_json::{Map, Value as Json, json};

use super::entry::LogLine;
use crate::{
    mapping::Value,
    merge::{
        Certainty, Event, Evidence, Pair, Side, SyncRules,
        entity::Edit,
        event::{Cause, ConflictLine, Ruling, Spared},
        scope::ScopeRule,
    },
};

/// Whether values are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mask {
    /// As they are.
    #[default]
    Off,
    /// Their first character and `***`.
    On,
}

/// The line as JSON, in the order of the manual.
pub fn render(line: &LogLine, rules: &SyncRules, mask: Mask) -> Json {
    let event = &line.event;
    let name = |side: Side| rules.systems[side].connector.as_str();
    let mut out = Map::new();
    out.insert("id".into(), json!(event.id.to_string()));
    out.insert("at".into(), json!(event.at.to_string()));
    out.insert("kind".into(), json!(event.verdict.kind()));
    out.insert("sync".into(), json!(rules.name));
    out.extend(line.entity.map(|entity| ("entity".to_owned(), json!(entity.to_string()))));
    if !event.field.is_empty() {
        out.insert("field".into(), json!(event.field));
    }
    out.insert("records".into(), records(&line.records, &name));
    match &event.verdict {
        ConflictLine::Field(verdict) => {
            out.insert("base".into(), masked(event.base.as_ref(), mask));
            out.insert("values".into(), values(line, &name, mask));
            out.insert("policy".into(), json!(verdict.policy));
            out.insert("certainty".into(), verdict.certainty.map_or(Json::Null, certainty));
            out.insert("winner".into(), verdict.winner.map_or(Json::Null, |side| json!(name(side))));
            out.insert("result".into(), masked(verdict.result.as_ref(), mask));
            out.insert("reason".into(), json!(named(&verdict.reason, rules)));
        }
        ConflictLine::Oscillation => {
            out.insert("base".into(), masked(event.base.as_ref(), mask));
            out.insert("values".into(), values(line, &name, mask));
            out.insert(
                "reason".into(),
                json!("the field flips between the same values; it is frozen until a person decides"),
            );
        }
        ConflictLine::Guard(held) => {
            out.insert("guard".into(), json!(held.kind.key()));
            out.insert("hold".into(), json!(held.hold));
            out.insert("origin".into(), json!(held.cause.word()));
            out.insert("entries".into(), json!(held.entries));
            out.insert("limit".into(), json!(held.most));
            out.insert("reason".into(), json!(held.reason));
        }
        ConflictLine::Ambiguous(candidates) => {
            let candidates: Vec<String> = candidates.iter().map(ToString::to_string).collect();
            out.insert("candidates".into(), json!(candidates));
            out.insert("reason".into(), json!("its key leads to several people"));
        }
        ConflictLine::Duplicate(side, address) => {
            out.insert("duplicate".into(), json!({ name(*side): address.to_string() }));
            out.insert(
                "reason".into(),
                json!(format!("a second record of the same person in {}; merge them there", name(*side))),
            );
        }
        ConflictLine::Merged { side, from, into, with, lost } => {
            out.insert("merged".into(), json!({ name(*side): { "from": from.to_string(), "into": into.to_string() } }));
            out.insert("with".into(), json!(with.to_string()));
            let lost: Map<String, Json> =
                lost.iter().map(|(field, value)| (field.clone(), masked(Some(value), mask))).collect();
            out.insert("lost".into(), Json::Object(lost));
            out.insert("reason".into(), json!(format!("{} merged two records: two people are one", name(*side))));
        }
    }
    out.insert("status".into(), serde_json::to_value(event.status).unwrap_or(Json::Null));
    out.insert("cycle".into(), json!(line.cycle.to_string()));
    out.insert("number".into(), json!(line.number));
    Json::Object(out)
}

/// Any other entry of the journal as JSON.
pub fn event(event: &Event, rules: &SyncRules) -> Json {
    let name = |side: &Side| rules.systems[*side].connector.clone();
    match event {
        Event::Met { side, address } => json!({ "met": { name(side): address.to_string() } }),
        Event::Linked { records, key } => json!({ "linked": {
            rules.systems.left.connector.as_str(): records.left.to_string(),
            rules.systems.right.connector.as_str(): records.right.to_string(),
        }, "by": key }),
        Event::Duplicate { side, address } => json!({ "duplicate": { name(side): address.to_string() } }),
        Event::Ambiguous { candidates } => {
            json!({ "ambiguous": candidates.iter().map(ToString::to_string).collect::<Vec<_>>() })
        }
        Event::Decided { field, from, to, side, rule, by, evidence } => json!({
            "decided": field, "from": json(from), "to": json(to),
            "system": side.as_ref().map(name), "rule": rule,
            "by": who(by.as_ref(), *evidence), "entered_at": when(*evidence).0, "evidence": when(*evidence).1,
        }),
        Event::Sending { side, address, changes } => {
            let changes: Map<String, Json> = changes
                .iter()
                .map(|sent| {
                    let from = sent.from.as_ref().map(ToString::to_string);
                    (sent.field.clone(), json!({ "from": from, "to": sent.to.to_string() }))
                })
                .collect();
            json!({ "sending": name(side), "record": address.as_ref().map(ToString::to_string), "changes": changes })
        }
        Event::Handled { side, field, code, handling, by } => json!({
            "parked": handling, "system": name(side), "field": field, "code": code, "by": by,
        }),
        Event::Ruled(ruling) => ruled(ruling),
        Event::Written { side, address, created } => {
            json!({ "written": name(side), "record": address.to_string(), "created": created })
        }
        Event::Refused { side, field, problem } => json!({
            "refused": name(side), "field": field, "code": problem.code, "message": problem.message, "hint": problem.hint,
        }),
        Event::Normalised { side, field, sent, kept } => json!({
            "normalised": field, "system": name(side), "sent": sent.to_string(), "kept": kept.to_string(),
        }),
        Event::Ignored { side, field } => json!({ "ignored": field, "system": name(side) }),
        Event::SeenDeleted { side, address } => json!({ "deleted": { name(side): address.to_string() } }),
        Event::NotVisible { side, address } => json!({ "not_visible": { name(side): address.to_string() } }),
        Event::SeenAgain { side, address } => json!({ "seen_again": { name(side): address.to_string() } }),
        Event::Removing { side, address, because } => {
            json!({ "deleting": { name(side): address.to_string() }, "because": { name(&side.other()): because.to_string() } })
        }
        Event::Removed { side, address } => json!({ "deleted_by_us": { name(side): address.to_string() } }),
        Event::Spared { side, address, why } => {
            let why = match why {
                Spared::Edited => "it was edited after the other record's last word",
                Spared::Restored => "the other record is back",
            };
            json!({ "spared": { name(side): address.to_string() }, "because": why })
        }
        Event::Unlinked { side, address } => json!({ "unlinked": { name(side): address.to_string() } }),
        Event::Discarded { side, field } => json!({ "discarded": name(side), "field": field }),
        Event::United { with, by } => json!({ "united": with.to_string(), "by": by }),
        Event::Detached { side, address, to } => {
            json!({ "detached": { name(side): address.to_string() }, "person": to.to_string() })
        }
        Event::SteppedAside { side, field } => json!({ "stepped_aside": field, "system": name(side) }),
        Event::Scope { rule, entered } => {
            let rule = match rule {
                ScopeRule::Include => "include".to_owned(),
                ScopeRule::Create(side) => format!("create_when.{}", name(side)),
            };
            json!({ if *entered { "entered_scope" } else { "left_scope" }: rule })
        }
        Event::Unreadable { reason } => json!({ "unreadable": reason }),
        Event::Moved { side, from, to } => {
            json!({ "moved": name(side), "from": from.to_string(), "to": to.to_string() })
        }
        Event::Conflict(conflict) => json!({ "conflict": conflict.id.to_string() }),
    }
}

/// Who entered a value: the name, what kind of actor, and whether that is certain. A record's last editor need not be
/// who edited this field: only a field's history says so.
pub fn who(by: Option<&Actor>, evidence: Evidence) -> Json {
    let certain = matches!(evidence, Evidence::Field { .. });
    by.map_or(Json::Null, |by| json!({ "name": by.name, "kind": by.kind, "certain": certain }))
}

/// When a value was entered, and how that is known.
pub fn when(evidence: Evidence) -> (Option<String>, &'static str) {
    match evidence {
        Evidence::Field { at } => (Some(at.to_string()), "field"),
        Evidence::Record { until, .. } => (Some(until.to_string()), "record"),
        Evidence::None => (None, "none"),
    }
}

fn ruled(ruling: &Ruling) -> Json {
    let answers = match &ruling.cause {
        Cause::Resolved(conflict) => Some(conflict.to_string()),
        Cause::Undone => None,
    };
    let how = if answers.is_some() { "resolved" } else { "undone" };
    json!({
        "ruled": ruling.field, "apart": ruling.side.is_some(), "from": json(&ruling.from), "to": json(&ruling.to), "by": ruling.by,
        "how": how, "conflict": answers,
    })
}

/// A canonical value as JSON; blank is null.
pub fn json(value: &Value) -> Json {
    match value {
        Value::Blank => Json::Null,
        Value::Bool(value) => json!(value),
        Value::Integer(value) => json!(value),
        Value::Set(items) => json!(items),
        other => json!(other.to_string()),
    }
}

/// A reason with the systems' names.
pub fn named(reason: &str, rules: &SyncRules) -> String {
    reason.replace("{left}", &rules.systems.left.connector).replace("{right}", &rules.systems.right.connector)
}

fn records<'a>(records: &Pair<Vec<Address>>, name: &impl Fn(Side) -> &'a str) -> Json {
    let mut out = Map::new();
    for (side, addresses) in records.iter() {
        let shown = match addresses.as_slice() {
            [] => continue,
            [one] => json!(one.to_string()),
            several => json!(several.iter().map(ToString::to_string).collect::<Vec<_>>()),
        };
        out.insert(name(side).to_owned(), shown);
    }
    Json::Object(out)
}

fn values<'a>(line: &LogLine, name: &impl Fn(Side) -> &'a str, mask: Mask) -> Json {
    let mut out = Map::new();
    for side in Side::BOTH {
        if let Some(edit) = &line.event.edits[side] {
            out.insert(name(side).to_owned(), one_value(edit, line.event.natives[side].as_ref(), mask));
        }
    }
    Json::Object(out)
}

fn one_value(edit: &Edit, native: Option<&Native>, mask: Mask) -> Json {
    let mut out = Map::new();
    out.insert("value".into(), masked(Some(&edit.value), mask));
    let native = native.filter(|native| !native.is_blank()).map(ToString::to_string);
    if let Some(native) = native.filter(|native| *native != edit.value.to_string()) {
        out.insert("native".into(), mask_text(&native, mask));
    }
    let (at, evidence) = when(edit.evidence);
    out.insert("modified_at".into(), json!(at));
    out.insert("by".into(), edit.by.as_ref().map_or(Json::Null, |by| json!(by.name)));
    out.insert("evidence".into(), json!(evidence));
    Json::Object(out)
}

fn masked(value: Option<&Value>, mask: Mask) -> Json {
    match (value, mask) {
        (None | Some(Value::Blank), _) => Json::Null,
        (Some(value), Mask::Off) => json(value),
        (Some(value), Mask::On) => mask_text(&value.to_string(), mask),
    }
}

fn mask_text(text: &str, mask: Mask) -> Json {
    match mask {
        Mask::Off => json!(text),
        Mask::On => json!(format!("{}***", text.chars().next().map(String::from).unwrap_or_default())),
    }
}

fn certainty(certainty: Certainty) -> Json {
    serde_json::to_value(certainty).unwrap_or(Json::Null)
}
