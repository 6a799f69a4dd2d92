//! What is parked, by its reason.

use std::fmt::Write as _;

use serde_json::Value as Json;

use super::words::{array, moment, text};

/// `parked list`, `parked show`
pub fn parked(found: &Json) -> String {
    let all = array(found);
    if all.is_empty() {
        return "Nothing is set aside.\n".to_owned();
    }
    let mut out = String::new();
    for reason in all {
        let what = match (reason["kind"].as_str(), reason["field"].as_str()) {
            (Some("record"), _) => "the record is refused".to_owned(),
            (Some("scope"), _) => "whether they are meant cannot be said".to_owned(),
            (Some("unreadable"), Some(field)) => format!("`{field}` cannot be understood"),
            (Some("ignored"), Some(field)) => format!("`{field}` is taken and not changed"),
            (_, field) => format!("`{}` is refused", field.unwrap_or_default()),
        };
        let count = reason["count"].as_u64().unwrap_or(0);
        let people = if count == 1 { "person" } else { "people" };
        let place = match reason["system"].as_str() {
            Some(system) => format!("{system} {}", text(&reason["object"])),
            None => text(&reason["sync"]),
        };
        let (id, code) = (text(&reason["id"]), text(&reason["reason"]));
        let _ = writeln!(out, "{id}  {count} {people} · {place}: {what} ({code})");
        let _ = writeln!(out, "    {}", text(&reason["message"]));
        if let Some(hint) = reason["hint"].as_str().filter(|hint| !hint.is_empty()) {
            let _ = writeln!(out, "    hint: {hint}");
        }
        if reason["next_try"].is_string() {
            let who = if reason["probing"] == true { "one of them is tried again" } else { "tried again" };
            let _ = writeln!(out, "    {who} at {}, and whenever something changes", moment(&reason["next_try"]));
        } else {
            out.push_str("    tried again when the value changes\n");
        }
        for person in array(&reason["people"]) {
            let _ = writeln!(out, "      {}  {}", text(&person["entity"]), text(&person["record"]));
        }
    }
    out
}

/// `parked retry`, `parked dismiss`
pub fn handled(done: &Json) -> String {
    let count = done["count"].as_u64().unwrap_or(0);
    let things = if count == 1 { "thing" } else { "things" };
    match done["handling"].as_str() {
        Some("dismiss") => format!("{count} {things} dismissed: left as they are until the value changes.\n"),
        _ => format!("{count} {things} will be tried again in the next cycle.\n"),
    }
}
