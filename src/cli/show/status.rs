//! How every connector and every sync stands.

use std::fmt::Write as _;

use serde_json::Value as Json;

use super::{
    held::held,
    words::{moment, object, text},
};

/// `status`
pub fn status(status: &Json) -> String {
    let mut out = String::new();
    match status["daemon"]["pid"].as_u64() {
        Some(pid) => {
            let _ = writeln!(out, "Hymnal {} runs (pid {pid}).", text(&status["version"]));
        }
        None => {
            let _ = writeln!(out, "Hymnal {}: no daemon runs; this is what its state says.", text(&status["version"]));
        }
    }
    if let Some(error) = status["daemon"]["reload_error"].as_str() {
        let _ = writeln!(out, "The last reload was refused, and the old configuration is in force:\n{error}");
    }
    let _ = writeln!(out, "\nConnectors");
    for (name, connector) in object(&status["connectors"]) {
        let quota = &connector["quota"];
        let login = match text(&connector["login"]).as_str() {
            "ok" => "logged in",
            "needs_login" => "needs login: it refuses what the configuration gives",
            _ => "login not tried since the start",
        };
        let mut line = format!("  {name} ({}, {}): {login}", text(&connector["type"]), text(&connector["role"]));
        if let Some(ours) = quota["ours"].as_u64() {
            let by_us = quota["by_us"].as_u64().unwrap_or(0);
            let _ = write!(line, "; quota {by_us} of our {ours} calls today");
            if let (Some(used), Some(limit)) = (quota["used"].as_u64(), quota["limit"].as_u64()) {
                let _ = write!(line, " ({used} of {limit} used by all)");
            }
        }
        if connector["paused_until"].is_string() {
            let (until, because) = (moment(&connector["paused_until"]), text(&connector["paused_because"]));
            let _ = write!(line, "; paused until {until}: {because}");
        }
        if let Some(kind) = connector["trouble"]["kind"].as_str() {
            let _ = write!(line, "; last trouble: {kind} ({})", text(&connector["trouble"]["code"]));
        }
        let _ = writeln!(out, "{line}");
    }
    let _ = writeln!(out, "\nSyncs");
    for (name, sync) in object(&status["syncs"]) {
        let state = match (sync["state"].as_str(), sync["held"]["reason"].as_str()) {
            (Some("in_sync"), _) => "up to date",
            (Some("observing"), _) => "observing: nothing is written",
            (Some("held"), Some("paused")) => "paused",
            (Some("held"), _) => "paused for approval",
            _ => "at work",
        };
        let _ = writeln!(out, "  {name}: {state}");
        let counts = [
            ("people", "person", "people"),
            ("linked", "linked", "linked"),
            ("in_sync", "up to date", "up to date"),
            ("pending", "in the queue", "in the queue"),
            ("conflicts", "open conflict", "open conflicts"),
            ("frozen", "frozen field", "frozen fields"),
            ("parked", "needs attention", "need attention"),
            ("ignored", "write ignored by a service", "writes ignored by a service"),
            ("ambiguous", "ambiguous match", "ambiguous matches"),
            ("duplicate", "duplicate", "duplicates"),
            ("no_key", "without a key", "without a key"),
            ("not_visible", "not visible", "not visible"),
            ("withheld", "with a field that a service never shows", "with fields that a service never shows"),
            ("deleting", "deletion in its grace", "deletions in their grace"),
            ("blocked", "record of an erased person, not met again", "records of erased people, not met again"),
            ("out_of_scope", "out of scope", "out of scope"),
        ];
        let shown: Vec<String> = counts
            .iter()
            .filter_map(|(key, one, many)| {
                let count = sync[*key].as_u64().unwrap_or(0);
                let always = matches!(*key, "people" | "in_sync" | "pending" | "conflicts");
                let words = if count == 1 { one } else { many };
                (count > 0 || always).then(|| format!("{count} {words}"))
            })
            .collect();
        let _ = writeln!(out, "    {}", shown.join(", "));
        let reasons: Vec<String> = object(&sync["scope"])
            .filter(|(_, count)| count.as_u64().unwrap_or(0) > 0)
            .map(|(rule, count)| format!("{count} by `{rule}`"))
            .collect();
        if !reasons.is_empty() {
            let _ = writeln!(out, "    out of scope: {}", reasons.join(", "));
        }
        for alarm in sync["alarms"].as_array().into_iter().flatten() {
            let (connector, since) = (text(&alarm["connector"]), moment(&alarm["since"]));
            let _ = writeln!(out, "    ALARM: {connector}, since {since}: {}", text(&alarm["message"]));
            let _ = writeln!(out, "      hint: {}", text(&alarm["hint"]));
        }
        let last = &sync["last_cycle"];
        if last["at"].is_string() {
            let at = moment(&last["at"]);
            let _ = writeln!(
                out,
                "    last cycle that did anything: {at}, {} created, {} updated",
                last["created"], last["updated"]
            );
        }
        out.push_str(&held(name, &sync["held"]));
        out.push_str(&where_the_values_are(name, &sync["held"]));
    }
    out
}

/// Whoever has to decide about what is held sees the values elsewhere.
fn where_the_values_are(name: &str, held: &Json) -> String {
    match held["reason"].as_str() {
        Some("first_run" | "configuration") => format!("  To see the values: hymnal plan {name}\n"),
        Some("guard") => "  To see the values of a record: hymnal explain CONNECTOR:OBJECT:ID\n".to_owned(),
        _ => String::new(),
    }
}
