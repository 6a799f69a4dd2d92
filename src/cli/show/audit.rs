//! How far two systems agree, for people; and everybody, for a spreadsheet.

use std::{collections::BTreeSet, fmt::Write as _};

use serde_json::Value as Json;

use super::{
    conflicts::cell,
    words::{array, object, plain, shown, text},
};
use crate::merge::{Side, SyncRules};

/// `audit`
pub fn audit(audited: &Json) -> String {
    let mut out = String::new();
    for (name, sync) in object(&audited["syncs"]) {
        let unexplained = sync["unexplained"]["count"].as_u64().unwrap_or(0);
        let verdict =
            if unexplained == 0 { "every difference is explained" } else { "ALARM: differences that nothing explains" };
        let _ = writeln!(out, "{name}: {verdict}");
        for system in array(&sync["systems"]) {
            out.push_str(&one_system(system));
        }
        let _ = writeln!(out, "  people: {}", counts(&sync["people"]));
        for (field, meter) in object(&sync["fields"]) {
            let _ = writeln!(out, "    {field}: {}", counts(meter));
        }
        for one in array(&sync["unexplained"]["samples"]) {
            let _ = writeln!(out, "  unexplained: {} {}", text(&one["entity"]), text(&one["field"]));
        }
    }
    let end = if audited["repair"] == true {
        "What was missed is kept; the next cycle heals it like any edit."
    } else {
        "Nothing was written; `hymnal audit --repair` keeps what was missed, so that the next cycle heals it."
    };
    let _ = writeln!(out, "{end}");
    out
}

fn one_system(system: &Json) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "  {}: {} · linked {} · not linked: {} · duplicates {}",
        text(&system["connector"]),
        counts(&system["records"]),
        shown(&system["matched"]),
        counts(&system["unmatched"]),
        shown(&system["duplicate"])
    );
    let (drift, unknown) = (system["drift"]["count"].as_u64().unwrap_or(0), system["unknown"].as_u64().unwrap_or(0));
    if drift + unknown > 0 {
        let _ = writeln!(out, "    missed until now: {drift} values, {unknown} records");
        for one in array(&system["drift"]["samples"]).iter().take(3) {
            let _ = writeln!(
                out,
                "      {} {}: {} → {}",
                text(&one["record"]),
                text(&one["field"]),
                shown(&one["known"]),
                shown(&one["holds"])
            );
        }
    }
    out
}

fn counts(meter: &Json) -> String {
    let all = object(meter).map(|(name, count)| format!("{} {}", shown(count), name.replace('_', " ")));
    let all: Vec<String> = all.collect();
    if all.is_empty() { "none".to_owned() } else { all.join(", ") }
}

/// The columns of a table of everybody: fields, then systems.
pub struct Columns {
    fields: Vec<String>,
    systems: Vec<String>,
}

/// Each sync's fields and connectors, once.
pub fn columns(syncs: &[SyncRules]) -> Columns {
    let fields = syncs.iter().flat_map(|sync| sync.fields.iter().map(|rule| rule.map.name.clone()));
    let systems = syncs.iter().flat_map(|sync| Side::BOTH.map(|side| sync.systems[side].connector.clone()));
    Columns { fields: once(fields), systems: once(systems) }
}

fn once(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    names.filter(|name| seen.insert(name.clone())).collect()
}

/// The first row.
pub fn export_head(columns: &Columns) -> String {
    let names = ["sync".to_owned(), "entity".to_owned()].into_iter();
    let names = names.chain(columns.fields.iter().cloned()).chain(columns.systems.iter().cloned());
    row(names)
}

/// One person.
pub fn export_row(columns: &Columns, line: &Json) -> String {
    let several = |value: &Json| match value {
        Json::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(";"),
        other => plain(other),
    };
    let ids = [plain(&line["sync"]), plain(&line["entity"])].into_iter();
    let fields = columns.fields.iter().map(|field| several(&line["fields"][field]));
    let records = columns.systems.iter().map(|system| several(&line["records"][system]));
    row(ids.chain(fields).chain(records))
}

fn row(cells: impl Iterator<Item = String>) -> String {
    let mut row = cells.map(|text| cell(&text)).collect::<Vec<_>>().join(",");
    row.push('\n');
    row
}
