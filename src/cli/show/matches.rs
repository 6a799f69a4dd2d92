//! Who is who.

use std::fmt::Write as _;

use serde_json::Value as Json;

use super::words::{array, object, shown, text};

/// `matches list`
pub fn matches(found: &Json) -> String {
    let mut out = String::new();
    for one in array(&found["ambiguous"]) {
        let _ = writeln!(out, "Ambiguous: {} could be several people", text(&one["entity"]));
        out.push_str(&person(one, "  "));
        for (number, candidate) in array(&one["candidates"]).iter().enumerate() {
            let _ = writeln!(out, "  {}. {}", number + 1, text(&candidate["entity"]));
            out.push_str(&person(candidate, "     "));
        }
        let _ = writeln!(out, "  decide: hymnal matches link {} CANDIDATE\n", text(&one["entity"]));
    }
    for one in array(&found["contested"]) {
        let _ = writeln!(out, "Waits for another match: {}", text(&one["entity"]));
        let _ = writeln!(out, "{}", person(one, "  "));
    }
    for one in array(&found["duplicates"]) {
        let _ =
            writeln!(out, "Duplicate: {} has several records in one system; merge them there", text(&one["entity"]));
        let _ = writeln!(out, "{}", person(one, "  "));
    }
    for one in array(&found["no_key"]) {
        let _ = writeln!(out, "No key: {} cannot be matched, and is not copied", text(&one["entity"]));
        let _ = writeln!(out, "{}", person(one, "  "));
    }
    for one in array(&found["apart"]) {
        let from: Vec<String> = array(&one["apart_from"]).iter().map(text).collect();
        let _ = writeln!(out, "Taken apart by a person: {} is not {}", text(&one["entity"]), from.join(", "));
        let _ = writeln!(out, "{}", person(one, "  "));
    }
    if out.is_empty() { "Nothing to decide.\n".to_owned() } else { out }
}

fn person(one: &Json, indent: &str) -> String {
    let mut out = String::new();
    for (name, record) in object(&one["records"]) {
        let _ = writeln!(out, "{indent}{name}: {}", text(record));
    }
    for (name, records) in object(&one["duplicates"]) {
        let all: Vec<String> = array(records).iter().map(text).collect();
        let _ = writeln!(out, "{indent}{name}, duplicate: {}", all.join(", "));
    }
    let values: Vec<String> =
        object(&one["fields"]).map(|(name, value)| format!("{name} = {}", shown(value))).collect();
    if !values.is_empty() {
        let _ = writeln!(out, "{indent}{}", values.join(", "));
    }
    out
}

/// `matches link`, `unlink`, `split`
pub fn told_apart(done: &Json) -> String {
    match done["linked"].as_str() {
        Some(id) => format!("They are one person now: {id}.\n"),
        None => format!(
            "They are two people now: {} and {}. They are not matched again; `hymnal matches link` takes it back.\n",
            text(&done["kept"]),
            text(&done["parted"])
        ),
    }
}
