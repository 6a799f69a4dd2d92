//! The receipt of an erasure.

use std::fmt::Write as _;

use serde_json::Value as Json;

use super::words::{moment, text};

/// `forget`
pub fn forgotten(answer: &Json) -> String {
    let mut out = String::new();
    for person in answer["people"].as_array().into_iter().flatten() {
        let here = &person["here"];
        let verdict = match person["state"].as_str() {
            Some("done") => "erased",
            Some("refused") => "erased here, and not in every system",
            _ => "erased here; the rest goes on with the next cycle",
        };
        let _ = writeln!(out, "{}: person {} is {verdict}.", text(&person["sync"]), text(&person["entity"]));
        let _ = writeln!(
            out,
            "  here: {} fields, {} history entries, {} lines of the conflict log{}",
            here["fields"],
            here["history_entries"],
            here["conflict_lines"],
            if here["conflict_log_file"] == true { " and of its file" } else { "; its file waits" },
        );
        for system in person["systems"].as_array().into_iter().flatten() {
            for record in system["records"].as_array().into_iter().flatten() {
                let checked = if record["read_back_as_gone"] == true { ", read back as gone" } else { "" };
                let code = record["code"].as_str().map(|code| format!(" ({code})")).unwrap_or_default();
                let (name, done) = (text(&system["connector"]), text(&record["done"]));
                let _ = writeln!(out, "  {name}: {} {done}{code}{checked}", text(&record["record"]));
            }
        }
        let (keys, records) = (&person["blocked"]["keys"], &person["blocked"]["records"]);
        let _ = writeln!(out, "  not met again: {keys} keys and {records} records, kept as hashes alone");
        for trouble in person["troubles"].as_array().into_iter().flatten() {
            let (name, kind) = (text(&trouble["connector"]), text(&trouble["kind"]));
            let _ = writeln!(out, "  {name} could not be worked with: {kind} ({})", text(&trouble["code"]));
        }
        if person["done_at"].is_string() {
            let _ = writeln!(out, "  asked {}, done {}", moment(&person["asked_at"]), moment(&person["done_at"]));
        }
    }
    if answer["compacted"] != true {
        let why = text(&answer["compacted"]["error"]);
        let _ = writeln!(
            out,
            "The state's files were not written anew ({why}): they hold old values until `hymnal compact`."
        );
    }
    for folder in answer["kept_aside"].as_array().into_iter().flatten() {
        let _ = writeln!(
            out,
            "`{}` in the state directory was kept aside and holds the person still: remove it.",
            text(folder)
        );
    }
    out
}
