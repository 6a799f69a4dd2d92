//! A person's answer to a conflict.

use std::fmt::Write as _;

use serde_json::Value as Json;

use super::words::{array, moment, object, shown, text};

/// So many of each are shown.
const SHOWN: usize = 20;

/// `conflicts resolve`
pub fn resolved(done: &Json) -> String {
    let verb = if done["dry_run"] == true { "would be" } else { "is" };
    let mut out = format!("{} {verb} {} in both systems.\n", text(&done["field"]), shown(&done["value"]));
    let mut writes = object(&done["writes"]).peekable();
    if writes.peek().is_none() {
        out.push_str("  Nothing has to be written.\n");
    }
    for (system, change) in writes {
        let _ = writeln!(out, "  {system}: {} → {}", shown(&change["from"]), shown(&change["to"]));
    }
    out
}

/// `conflicts resolve --where`
pub fn resolved_all(done: &Json) -> String {
    let count = done["count"].as_u64().unwrap_or(0);
    let things = if count == 1 { "conflict" } else { "conflicts" };
    let verb = if done["dry_run"] == true { "would be resolved" } else { "resolved" };
    let mut out = format!("{count} {things} {verb}.\n");
    for one in array(&done["resolved"]).iter().take(SHOWN) {
        let writes = object(&one["writes"]);
        let writes: Vec<String> = writes
            .map(|(system, change)| format!("{system}: {} → {}", shown(&change["from"]), shown(&change["to"])))
            .collect();
        let _ = writeln!(
            out,
            "  {} · {} = {} ({})",
            text(&one["id"]),
            text(&one["field"]),
            shown(&one["value"]),
            writes.join(", ")
        );
    }
    let all = array(&done["resolved"]).len();
    if all > SHOWN {
        let _ = writeln!(out, "  and {} more; `--json` lists all", all - SHOWN);
    }
    for one in array(&done["left"]) {
        let _ = writeln!(out, "  {} · left: {}", text(&one["id"]), text(&one["reason"]));
    }
    out
}

/// `conflicts policy-test`
pub fn policy_test(done: &Json) -> String {
    let mut out = format!(
        "{} conflicts since {}: {} come out the same, {} otherwise, {} would wait for a person.\n",
        done["conflicts"],
        moment(&done["since"]),
        done["same"],
        done["otherwise"],
        done["would_wait"]
    );
    for (field, row) in object(&done["fields"]) {
        let _ = writeln!(
            out,
            "  {field}: {} of {} otherwise, {} would wait",
            row["otherwise"], row["conflicts"], row["would_wait"]
        );
    }
    for one in array(&done["samples"]) {
        let was = if one["was"].is_null() { "waited for a person".to_owned() } else { shown(&one["was"]) };
        let _ = writeln!(out, "  {} · {}: {was} → {}", text(&one["id"]), text(&one["field"]), shown(&one["would_be"]));
    }
    out
}
