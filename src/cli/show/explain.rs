//! One person: every value, who set it, by which rule, what lost.

use std::fmt::Write as _;

use serde_json::Value as Json;

use super::{
    conflicts::sentence,
    words::{array, evidence, kind, moment, object, records, shown, text},
};

/// `explain`
pub fn explain(found: &Json) -> String {
    let mut out = String::new();
    for person in array(&found["people"]) {
        let _ = writeln!(
            out,
            "Person {} in sync {}: {}",
            text(&person["entity"]),
            text(&person["sync"]),
            text(&person["state"])
        );
        for (name, record) in object(&person["records"]) {
            out.push_str(&record_of(name, record));
        }
        for (name, rule) in object(&person["scope"]).filter(|(_, rule)| rule["rule"].is_string()) {
            let said = match rule["holds"].as_bool() {
                Some(true) => "holds",
                Some(false) => "does not hold",
                None => "had no answer yet",
            };
            let asked: Vec<String> =
                object(&rule["values"]).map(|(field, value)| format!("{field} = {}", shown(value))).collect();
            let _ = writeln!(out, "  inclusion `{name}`: `{}` {said} ({})", text(&rule["rule"]), asked.join(", "));
        }
        if let Some(problem) = person["scope"]["parked"]["message"].as_str() {
            let _ = writeln!(out, "  needs attention: {problem}; {}", text(&person["scope"]["parked"]["hint"]));
        }
        for (name, field) in object(&person["fields"]) {
            out.push_str(&field_of(name, field));
        }
        out.push_str("\n  Sync history\n");
        out.push_str(&entries(&person["history"]));
    }
    out
}

/// `history`
pub fn history(found: &Json) -> String {
    let mut out = String::new();
    for person in array(&found["people"]) {
        let _ = writeln!(out, "Person {} in sync {}", text(&person["entity"]), text(&person["sync"]));
        for (name, record) in object(&person["records"]) {
            out.push_str(&record_of(name, record));
        }
        out.push_str("\n  Sync history\n");
        out.push_str(&entries(&person["history"]));
    }
    out
}

fn entries(history: &Json) -> String {
    let mut out = String::new();
    for entry in array(history) {
        let cause = if entry["cause"] == "apply" { " (applied from a plan)" } else { "" };
        let _ = writeln!(out, "    {}  {}{cause}", moment(&entry["at"]), what(&entry["what"]));
        if let Some(change) = entry["change"].as_str() {
            let _ = writeln!(out, "      change {change}");
        }
    }
    out
}

fn field_of(name: &str, field: &Json) -> String {
    let mut out = String::new();
    if let Some(conflict) = field["conflict"].as_str() {
        let _ = writeln!(out, "\n  {name}: the systems say two things, and a person decides");
        let _ = writeln!(out, "    hymnal conflicts resolve {conflict} --take SYSTEM");
    } else {
        let _ = writeln!(out, "\n  {name} = {}", shown(&field["value"]));
        out.push_str(&origin_of(&field["set_by"]));
    }
    if !field["last_synced"].is_null() {
        let _ = writeln!(out, "    last synced value: {}", shown(&field["last_synced"]));
    }
    for lost in array(&field["lost"]["values"]) {
        let sure = field["lost"]["certainty"].as_str().map_or(String::new(), |sure| format!(", {sure}"));
        let why = format!("{}{sure}: {}", text(&field["lost"]["policy"]), text(&field["lost"]["reason"]));
        let (value, system, at) = (shown(&lost["value"]), text(&lost["system"]), moment(&field["lost"]["at"]));
        let _ = writeln!(out, "    what lost: {value}, said {system} ({why}; {at})");
    }
    for (system, side) in object(field).filter(|(_, side)| side["state"].is_string()) {
        out.push_str(&side_of(system, side));
    }
    out
}

fn origin_of(origin: &Json) -> String {
    let Some(rule) = origin["rule"].as_str() else { return String::new() };
    let system = origin["system"].as_str().unwrap_or("both");
    let at = if origin["at"].is_null() { String::new() } else { format!(", {}", moment(&origin["at"])) };
    let (who, known) = (by(&origin["by"]), evidence(&origin["evidence"]));
    format!("    set by {system}{who}{at} ({known}); sync rule: {rule}\n")
}

/// `, by kim (a person, certain)`
fn by(actor: &Json) -> String {
    let Some(name) = actor["name"].as_str() else { return String::new() };
    let kind = match actor["kind"].as_str() {
        Some("person") => "a person, ",
        Some("workflow") => "a workflow, ",
        Some("import") => "an import, ",
        Some("integration") => "an integration, ",
        _ => "",
    };
    let sure = if actor["certain"] == true { "certain" } else { "who edited the record last" };
    format!(", by {name} ({kind}{sure})")
}

/// What a system holds: as it was last read, and as it is now where that differs.
fn side_of(system: &str, side: &Json) -> String {
    let (field, held) = (text(&side["field"]), written(&side["holds"]));
    let mut out = format!("    {system} · {field}: {held} ({})\n", text(&side["state"]));
    let now = written(&side["now"]);
    if side["now"].is_string() && now != held {
        let _ = writeln!(out, "      it holds {now} now; the next cycle reads it");
    }
    if let Some(hint) = side["hint"].as_str() {
        let _ = writeln!(out, "      hint: {hint}");
    }
    out
}

fn record_of(name: &str, record: &Json) -> String {
    if let Some(address) = record["record"].as_str() {
        let mut out = format!("  {name}: {address} ({})\n", text(&record["presence"]));
        if let Some(why) = record["not_read"].as_str() {
            let _ = writeln!(out, "    {why}; shown as last read, {}", moment(&record["read_at"]));
        }
        if let Some(message) = record["parked"]["message"].as_str() {
            let _ = writeln!(
                out,
                "    sync error: {message} ({}); next try {}",
                text(&record["parked"]["code"]),
                moment(&record["parked"]["next_try"])
            );
            if let Some(hint) = record["parked"]["hint"].as_str().filter(|hint| !hint.is_empty()) {
                let _ = writeln!(out, "    hint: {hint}");
            }
        }
        for duplicate in array(&record["duplicates"]) {
            let _ = writeln!(out, "    duplicate: {}; merge it there", text(duplicate));
        }
        return out;
    }
    match record["deleted"].as_str() {
        Some(address) => format!("  {name}: {address} was deleted ({})\n", moment(&record["at"])),
        None => format!("  {name}: no record\n"),
    }
}

fn what(event: &Json) -> String {
    if event["kind"].is_string() {
        return format!("{}: {}", kind(&event["kind"]), sentence(event));
    }
    if let Some(field) = event["decided"].as_str() {
        let system = event["system"].as_str().unwrap_or("both");
        let (from, to, rule) = (shown(&event["from"]), shown(&event["to"]), text(&event["rule"]));
        return format!("{field}: {from} → {to} ({rule}, {system}{})", by(&event["by"]));
    }
    if let Some(field) = event["ruled"].as_str() {
        let (from, to, who) = (shown(&event["from"]), shown(&event["to"]), text(&event["by"]));
        return format!("{field}: {from} → {to} ({} by {who})", text(&event["how"]));
    }
    if let Some(handling) = event["parked"].as_str() {
        let (what, who) = (event["field"].as_str().unwrap_or("the record"), text(&event["by"]));
        let verb = if handling == "dismiss" { "dismissed" } else { "to be tried again" };
        return format!("{what} in {}: {verb} by {who} ({})", text(&event["system"]), text(&event["code"]));
    }
    if let Some(system) = event["sending"].as_str() {
        let changes = object(&event["changes"]).map(|(field, change)| format!("{field} = {}", written(&change["to"])));
        let verb = if event["record"].is_null() { "creating in" } else { "sending to" };
        return format!("{verb} {system}: {}", changes.collect::<Vec<_>>().join(", "));
    }
    if let Some(system) = event["written"].as_str() {
        let verb = if event["created"] == true { "created" } else { "written" };
        return format!("{verb} in {system}: {}", text(&event["record"]));
    }
    if let Some(system) = event["refused"].as_str() {
        return format!("refused by {system}: {} ({})", text(&event["message"]), text(&event["code"]));
    }
    if let Some(field) = event["normalised"].as_str() {
        let (sent, kept) = (text(&event["sent"]), text(&event["kept"]));
        return format!("{field}: {} keeps {kept} for {sent}", text(&event["system"]));
    }
    if let Some(field) = event["ignored"].as_str() {
        return format!("{field}: {} answered success and changed nothing", text(&event["system"]));
    }
    if let Some(system) = event["moved"].as_str() {
        return format!("{system} {} lives on as {}", text(&event["from"]), text(&event["to"]));
    }
    if let Some(with) = event["united"].as_str() {
        return format!("became one with {with} ({})", text(&event["by"]));
    }
    if event["detached"].is_object() {
        return format!("taken away by a person: {}", records(&event["detached"]));
    }
    if let Some(field) = event["stepped_aside"].as_str() {
        return format!("{field}: blanked for a moment in {}; two people exchange it", text(&event["system"]));
    }
    if event["linked"].is_object() {
        return format!("linked by {}: {}", text(&event["by"]), records(&event["linked"]));
    }
    for (key, verb) in [
        ("met", "first seen"),
        ("duplicate", "a duplicate"),
        ("deleted", "deleted"),
        ("not_visible", "not visible any more"),
        ("seen_again", "there again"),
        ("unlinked", "unlinked"),
    ] {
        if event[key].is_object() {
            return format!("{verb}: {}", records(&event[key]));
        }
    }
    format!("ambiguous: its key also leads to {}", shown(&event["ambiguous"]))
}

/// A native value; blank is said.
fn written(value: &Json) -> String {
    match value.as_str() {
        None | Some("" | "null") => "(blank)".to_owned(),
        Some(text) => text.to_owned(),
    }
}
