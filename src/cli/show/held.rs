//! What is held, what it would do, what was done about it.

use std::fmt::Write as _;

use serde_json::Value as Json;

use super::words::{array, moment, object, shown, text};

/// How `run --once` ended.
pub fn ended(syncs: &Json) -> String {
    let mut out = String::new();
    for (name, sync) in object(syncs) {
        let sentence = match text(&sync["outcome"]).as_str() {
            "done" => "up to date: both systems agree, and nothing waits",
            "waiting" => {
                "both systems agree but for what waits for a person; see `hymnal status` and `hymnal conflicts list --open`"
            }
            "held" => "nothing was written",
            "another_account" => {
                "a login opens another account than the state knows, and nothing was read or written; `hymnal check` says which"
            }
            _ => "work is left that waits for a system; see `hymnal status`, and run again",
        };
        let _ = writeln!(out, "{name}: {sentence}");
        out.push_str(&held(name, &sync["held"]));
    }
    out
}

/// What is held, and what it would do.
pub(super) fn held(name: &str, held: &Json) -> String {
    let mut out = String::new();
    match held["reason"].as_str() {
        Some("first_run") => {
            let moving = if held["complete"] == false { " (a cycle is running: these numbers still move)" } else { "" };
            let _ = writeln!(out, "  This is the initial sync. It would{moving}:");
            out.push_str(&would(&held["would"]));
            let _ = writeln!(out, "  To let it go:    hymnal approve {name}");
            let _ = writeln!(out, "  To plan it anew: hymnal discard {name}");
        }
        Some("paused") => {
            let until =
                if held["until"].is_null() { String::new() } else { format!(" until {}", moment(&held["until"])) };
            let because = held["because"].as_str().filter(|because| !because.is_empty());
            let because = because.map_or(String::new(), |because| format!(" ({because})"));
            let _ = writeln!(out, "  Paused{until}{because}. To go on: hymnal resume {name}");
        }
        Some("configuration") => {
            let _ = writeln!(
                out,
                "  The configuration changed, and what follows is more than a safety limit allows. It would:"
            );
            out.push_str(&would(&held["would"]));
            let _ = writeln!(out, "  To let it go: hymnal approve {name}");
            let _ = writeln!(out, "  To leave it:  hymnal discard {name}");
        }
        Some("guard") => {
            for hold in array(&held["holds"]) {
                out.push_str(&one_hold(hold));
            }
        }
        _ => {}
    }
    out
}

/// What a safety limit holds back.
fn one_hold(hold: &Json) -> String {
    let mut out = String::new();
    let origin = match text(&hold["origin"]).as_str() {
        "unknown" => "from where the service does not say".to_owned(),
        known => format!("by {known}"),
    };
    let minutes = hold["window_seconds"].as_u64().unwrap_or(0) / 60;
    let _ = writeln!(
        out,
        "  A safety limit (`{}`: {} in {minutes} min) holds {} writes back, since {}, {origin}:",
        text(&hold["guard"]),
        hold["limit"],
        hold["entries"],
        moment(&hold["since"]),
    );
    for sample in array(&hold["samples"]).iter().take(3) {
        let record = text(&sample["record"]);
        let system = text(&sample["system"]);
        if let Some(would) = sample["would"].as_str() {
            let _ = writeln!(out, "    {system}, {record}: {would}");
        }
        for (field, change) in object(&sample["fields"]) {
            if change["to"].is_null() && change["from"].is_null() {
                let _ = writeln!(out, "    {system}, {record} {field}");
                continue;
            }
            let from = change["from"].as_str().filter(|from| !from.is_empty()).unwrap_or("(blank)");
            let _ = writeln!(out, "    {system}, {record} {field}: {from} → {}", shown(&change["to"]));
        }
    }
    if hold["released_at"].is_string() {
        let _ = writeln!(out, "  Unless discarded it is released at {}.", moment(&hold["released_at"]));
    }
    let _ = writeln!(out, "  To let it go: {}", text(&hold["approve"]));
    let _ = writeln!(out, "  To drop it:   {}", text(&hold["discard"]));
    out
}

/// What a held run would do, a system after the other.
pub fn would(previews: &Json) -> String {
    let mut out = String::new();
    for preview in array(previews) {
        let _ = writeln!(out, "    in {}:", text(&preview["connector"]));
        let mut anything = false;
        for (key, verb, noun) in
            [("creates", "create", "records"), ("deletes", "delete", "records")].into_iter().chain(kinds())
        {
            let counted = &preview[key];
            let count = counted["count"].as_u64().unwrap_or(0);
            if count == 0 {
                continue;
            }
            anything = true;
            let _ = writeln!(out, "      {verb} {count} {noun}, for example:");
            for sample in array(&counted["samples"]).iter().take(3) {
                let _ = writeln!(out, "        {}", one_sample(sample));
            }
        }
        if !anything {
            let _ = writeln!(out, "      write nothing");
        }
    }
    out
}

/// The kinds of changes: key, verb, noun.
pub(super) fn kinds() -> [(&'static str, &'static str, &'static str); 5] {
    [
        ("fills", "fill", "blank fields"),
        ("overwrites", "overwrite", "values"),
        ("clears", "clear", "values"),
        ("opt_outs", "opt out", "people"),
        ("consents", "change", "consents"),
    ]
}

/// `status` gives no values: then only where something would change.
pub(super) fn one_sample(sample: &Json) -> String {
    let (record, field) = (text(&sample["record"]), text(&sample["field"]));
    if sample["from"].is_null() && sample["to"].is_null() {
        return if field.is_empty() { format!("from {record}") } else { format!("{record} {field}") };
    }
    let (from, to) = (text(&sample["from"]), text(&sample["to"]));
    if field.is_empty() {
        return format!("from {record}: {to}");
    }
    let from = if from.is_empty() { "(blank)" } else { from.as_str() };
    format!("{record} {field}: {from} → {to}")
}

/// `approve`
pub fn approved(done: &Json) -> String {
    if done["hold"].is_object() {
        let (entries, what) = (&done["hold"]["entries"], text(&done["hold"]["kind"]));
        return format!("Approved. {} will write what was held: {entries} ({what}).\n", text(&done["sync"]));
    }
    if done["approved"] == true {
        let mut out = format!("Approved. {} will:\n", text(&done["sync"]));
        out.push_str(&would(&done["released"]));
        return out;
    }
    format!("{}: {}.\n", text(&done["sync"]), text(&done["message"]))
}

/// `discard`, `pause`, `resume`
pub fn done(done: &Json) -> String {
    let sync = text(&done["sync"]);
    if let Some(message) = done["message"].as_str() {
        return format!("{sync}: {message}.\n");
    }
    if done["hold"]["id"] == "configuration" {
        return format!(
            "{sync}: what the changed configuration would write is dropped; those fields wait for their next edit.\n"
        );
    }
    if done["hold"].is_object() {
        let entries = &done["hold"]["entries"];
        return format!("{sync}: {entries} held writes are dropped; those fields wait for their next edit.\n");
    }
    if done["discarded"] == true {
        return format!("{sync}: what was decided is dropped; the next cycle plans anew.\n");
    }
    if done["paused"] == true {
        let until = if done["until"].is_null() { "`hymnal resume`".to_owned() } else { moment(&done["until"]) };
        return format!("{sync}: nothing is written until {until}; reading and deciding go on.\n");
    }
    if done["resumed"] == true { format!("{sync}: writes again.\n") } else { format!("{sync}: was not paused.\n") }
}
