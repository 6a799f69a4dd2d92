//! A person's answer to a conflict.

use std::fmt::Write as _;

use serde_json::Value as Json;

use super::words::{object, shown, text};

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
