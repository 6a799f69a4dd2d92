//! The conflict log.

use std::fmt::Write as _;

use serde_json::Value as Json;

use super::words::{array, evidence, kind, moment, object, plain, shown, text};

/// `conflicts list`
pub fn conflicts(found: &Json) -> String {
    let all = array(found);
    if all.is_empty() {
        return "No conflicts.\n".to_owned();
    }
    let mut out = String::new();
    for line in all {
        let (at, kind, status) = (moment(&line["at"]), kind(&line["kind"]), text(&line["status"]));
        let _ = writeln!(out, "{}  {at}  {kind} · {status}\n    {}", text(&line["id"]), sentence(line));
    }
    out
}

/// One line of the conflict log as a sentence.
pub fn sentence(line: &Json) -> String {
    let reason = text(&line["reason"]);
    let Some(field) = line["field"].as_str().filter(|_| line["values"].is_object()) else { return reason };
    let values = object(&line["values"]).map(|(name, value)| format!("{name} says {}", shown(&value["value"])));
    let mut out = format!("{field}: {}", values.collect::<Vec<_>>().join(", "));
    if !line["base"].is_null() {
        let _ = write!(out, " (was {})", shown(&line["base"]));
    }
    match line["winner"].as_str() {
        Some(winner) => {
            let _ = write!(out, " → {winner} wins");
        }
        None if line["status"] == "open" => out.push_str(" → waits for a person"),
        None => {}
    }
    let why = [text(&line["policy"]), reason];
    let why: Vec<&str> = why.iter().map(String::as_str).filter(|why| !why.is_empty()).collect();
    if !why.is_empty() {
        let _ = write!(out, " ({})", why.join(": "));
    }
    out
}

/// `conflicts show`
pub fn conflict(found: &Json) -> String {
    let mut out = String::new();
    for line in array(&found["events"]) {
        let _ = writeln!(out, "{} · {} · {}", moment(&line["at"]), kind(&line["kind"]), text(&line["status"]));
        let mut row = |name: &str, value: &str| {
            let _ = writeln!(out, "  {name:<17} {value}");
        };
        row("person", &text(&line["entity"]));
        for (name, record) in object(&line["records"]) {
            row(&format!("record in {name}"), &shown(record));
        }
        if let Some(field) = line["field"].as_str() {
            row("field", field);
            row("last synced value", &shown(&line["base"]));
        }
        for (name, value) in object(&line["values"]) {
            row(&format!("{name} says"), &shown(&value["value"]));
            let at = moment(&value["modified_at"]);
            let at = if at.is_empty() { at } else { format!("at {at}, ") };
            let by = value["by"].as_str().map_or(String::new(), |by| format!("by {by}, "));
            row("", &format!("{at}{by}{}", evidence(&value["evidence"])));
        }
        if let Some(policy) = line["policy"].as_str() {
            let sure = line["certainty"].as_str().map_or(String::new(), |sure| format!(" ({sure})"));
            row("sync rule", &format!("{policy}{sure}"));
        }
        if let Some(winner) = line["winner"].as_str() {
            row("winner", &format!("{winner}: {}", shown(&line["result"])));
        }
        row("reason", &text(&line["reason"]));
    }
    out
}

/// `conflicts export --csv`. A cell that a spreadsheet would take for a formula gets an apostrophe in front.
pub fn csv(found: &Json) -> String {
    let columns = [
        "id",
        "at",
        "kind",
        "status",
        "sync",
        "entity",
        "field",
        "base",
        "winner",
        "result",
        "policy",
        "certainty",
        "reason",
    ];
    let mut systems: Vec<String> =
        array(found).iter().flat_map(|line| object(&line["values"]).map(|(name, _)| name.to_owned())).collect();
    systems.sort();
    systems.dedup();
    let mut out = columns
        .map(str::to_owned)
        .into_iter()
        .chain(systems.iter().map(|name| cell(name)))
        .collect::<Vec<_>>()
        .join(",");
    out.push('\n');
    for line in array(found) {
        let values = columns.iter().map(|column| cell(&plain(&line[*column])));
        let sides = systems.iter().map(|name| cell(&plain(&line["values"][name.as_str()]["value"])));
        out.push_str(&values.chain(sides).collect::<Vec<_>>().join(","));
        out.push('\n');
    }
    out
}

/// A cell of a table; formulas are escaped.
pub(super) fn cell(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if is_formula { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::csv;

    #[test]
    fn a_formula_is_text_in_a_spreadsheet() {
        let line = |value: &str| json!({ "id": "1", "reason": value, "values": { "crm": { "value": value } } });
        for (value, cell) in [
            ("=HYPERLINK(\"http://x\")", "\"'=HYPERLINK(\"\"http://x\"\")\""),
            ("+1", "'+1"),
            ("-1+2", "'-1+2"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("a,b", "\"a,b\""),
            ("two\nlines", "\"two\nlines\""),
            ("plain", "plain"),
        ] {
            let out = csv(&json!([line(value)]));
            assert!(out.ends_with(&format!(",{cell},{cell}\n")), "{value}: {out}");
        }
    }
}
