//! What was taken back, and what was left.

use std::fmt::Write as _;

use serde_json::Value as Json;

use super::words::{array, object, records, shown, text};

/// So many of each are shown.
const SHOWN: usize = 20;

/// `undo`
pub fn undone(done: &Json) -> String {
    let mut out = String::new();
    let (fields, people) = (done["fields"].as_u64().unwrap_or(0), done["people"].as_u64().unwrap_or(0));
    let (values, persons) =
        (if fields == 1 { "value" } else { "values" }, if people == 1 { "person" } else { "people" });
    let verb = match (done["dry_run"] == true, fields) {
        (true, _) => "would be taken back",
        (false, 1) => "is taken back",
        (false, _) => "are taken back",
    };
    let _ = writeln!(out, "{fields} {values} of {people} {persons} {verb}.");
    for row in array(&done["undone"]).iter().take(SHOWN) {
        let changes: Vec<String> = object(&row["to"])
            .filter(|(system, to)| row["now"][*system] != **to)
            .map(|(system, to)| format!("{system}: {} → {}", shown(&row["now"][system]), shown(to)))
            .collect();
        let apart = if row["apart"] == true { "; the two differed before, and differ again" } else { "" };
        let _ =
            writeln!(out, "  {} · {}: {}{apart}", records(&row["records"]), text(&row["field"]), changes.join(", "));
    }
    more(&mut out, array(&done["undone"]).len());
    let left = array(&done["left"]);
    if !left.is_empty() {
        out.push_str("\nLeft as it is:\n");
        for row in left.iter().take(SHOWN) {
            let field = row["field"].as_str().map_or(String::new(), |field| format!(" · {field}"));
            let now: Vec<String> =
                object(&row["now"]).map(|(system, value)| format!("{system}: {}", shown(value))).collect();
            let now = if now.is_empty() { String::new() } else { format!(" (now {})", now.join(", ")) };
            let _ = writeln!(out, "  {}{field}: {}{now}", records(&row["records"]), text(&row["reason"]));
            if let Some(hint) = row["hint"].as_str().filter(|hint| !hint.is_empty()) {
                let _ = writeln!(out, "    hint: {hint}");
            }
        }
        more(&mut out, left.len());
    }
    for sync in array(&done["held"]) {
        let sync = text(sync);
        let _ = writeln!(
            out,
            "\n{sync} is held, so that not all of it is written yet; see `hymnal status`, and `hymnal plan {sync}`."
        );
    }
    out
}

fn more(out: &mut String, all: usize) {
    if all > SHOWN {
        let _ = writeln!(out, "  and {} more; `--json` lists all", all - SHOWN);
    }
}
