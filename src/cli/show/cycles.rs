//! What one cycle came to; what was read again; whose account it is.

use std::fmt::Write as _;

use serde_json::Value as Json;

use super::words::{array, object, text};

/// `sync`
pub fn cycles(done: &Json) -> String {
    object(&done["syncs"]).map(|(name, cycle)| one(name, cycle)).collect()
}

/// `resync`
pub fn resynced(done: &Json) -> String {
    let name = text(&done["sync"]);
    let what = match done["records"].as_u64() {
        Some(records) => format!("{name}: {records} records were read again.\n"),
        None => format!("{name}: everything was compared again.\n"),
    };
    what + &one(&name, done)
}

fn one(name: &str, cycle: &Json) -> String {
    let mut out = format!(
        "{name}: {} people changed by what was read; {} records created, {} updated, {} deleted; {} in the queue.\n",
        cycle["observed"], cycle["created"], cycle["updated"], cycle["deleted"], cycle["pending"]
    );
    for trouble in array(&cycle["troubles"]) {
        let _ = writeln!(
            out,
            "  {}: {} ({})",
            text(&trouble["connector"]),
            text(&trouble["message"]),
            text(&trouble["code"])
        );
        if let Some(hint) = trouble["hint"].as_str() {
            let _ = writeln!(out, "  hint: {hint}");
        }
    }
    if cycle["held"].is_string() || cycle["holds"].as_u64().unwrap_or(0) > 0 {
        let _ = writeln!(out, "  Paused for approval; see `hymnal status`.");
    }
    out
}

/// `rebind`
pub fn rebound(done: &Json) -> String {
    let name = text(&done["connector"]);
    if done["rebound"] != true {
        return format!("{}.\n", text(&done["message"]));
    }
    let to = text(&done["to"]);
    let Some(from) = done["from"].as_str() else {
        return format!("{name}: the state knows it as `{to}` from now on.\n");
    };
    let syncs: Vec<String> = array(&done["begins_anew"]).iter().map(text).collect();
    let syncs = syncs.join(", ");
    format!(
        "{name}: `{to}` takes the place of `{from}`.\nWhat was read from `{from}` is dropped, links included: {syncs} begins anew, people are matched by \
         their keys, and nothing is written before you approve it.\nNext: hymnal run --once (a running daemon: hymnal reload), then hymnal status\n"
    )
}
