//! What a cycle would do, for people.

use std::fmt::Write as _;

use serde_json::Value as Json;

use super::{
    held::{kinds, one_sample},
    words::{array, object, records, shown, text},
};

/// `plan`
pub fn plan(plan: &Json) -> String {
    let mut out = String::new();
    for (name, sync) in object(&plan["syncs"]) {
        let _ = writeln!(out, "{name}: {}", headline(sync));
        for (connector, system) in object(&sync["systems"]) {
            out.push_str(&one_system(connector, system));
        }
        out.push_str(&conflicts(&sync["conflicts"]));
        out.push_str(&waiting(sync));
    }
    let _ = writeln!(out, "Nothing was written. The configuration's digest is {}.", text(&plan["config"]));
    out
}

fn headline(sync: &Json) -> String {
    let blast = &sync["blast"];
    if blast["records"] == 0 {
        return "nothing would be written".to_owned();
    }
    let share = blast["share"].as_f64().unwrap_or(0.0) * 100.0;
    format!(
        "would change {} of {} people ({share:.0} %), writing {} records",
        shown(&blast["people"]),
        shown(&blast["of"]),
        shown(&blast["records"])
    )
}

fn one_system(connector: &str, system: &Json) -> String {
    let mut out = String::new();
    let count = |key: &str| system[key]["count"].as_u64().unwrap_or(0);
    let (creates, updates, deletes) = (count("creates"), system["updates"].as_u64().unwrap_or(0), count("deletes"));
    if creates + updates + deletes == 0 {
        let _ = writeln!(out, "  in {connector}: write nothing");
        return out;
    }
    let _ = writeln!(
        out,
        "  in {connector}: create {creates} records, change {updates}, delete {deletes}{}",
        cost(&system["cost"])
    );
    for sample in array(&system["creates"]["samples"]).iter().take(3) {
        let _ = writeln!(out, "    create {}", one_sample(sample));
    }
    for (object, automations) in object(&system["automations"]) {
        for does in array(automations) {
            let _ = writeln!(out, "    each new {object} sets off: {}", text(does));
        }
    }
    for sample in array(&system["deletes"]["samples"]).iter().take(3) {
        let _ = writeln!(out, "    delete {} ({})", text(&sample["record"]), text(&sample["rule"]));
    }
    for (field, changes) in object(&system["fields"]) {
        for (key, verb, noun) in kinds() {
            let count = changes[key]["count"].as_u64().unwrap_or(0);
            if count == 0 {
                continue;
            }
            let _ = writeln!(out, "    {field}: {verb} {count} {noun}, for example:");
            for sample in array(&changes[key]["samples"]).iter().take(3) {
                let _ = writeln!(out, "      {} ({})", one_sample(sample), text(&sample["rule"]));
            }
        }
    }
    out
}

fn cost(cost: &Json) -> String {
    let calls = cost["calls"].as_u64().unwrap_or(0);
    let left = cost["daily_left"].as_u64().map_or(String::new(), |left| format!(" of {left} left today"));
    let time = match cost["seconds"].as_u64().unwrap_or(0) {
        0 => String::new(),
        seconds @ 1..120 => format!(", at least {seconds} s"),
        seconds @ 120..7200 => format!(", at least {} min", seconds / 60),
        seconds @ 7200..172_800 => format!(", at least {} h", seconds / 3600),
        seconds => format!(", at least {} days", seconds / 86_400),
    };
    format!(" ({calls} calls{left}{time})")
}

fn conflicts(conflicts: &Json) -> String {
    let (decided, open) = (conflicts["decided"].as_u64().unwrap_or(0), conflicts["open"].as_u64().unwrap_or(0));
    let mut out = String::new();
    if decided + open == 0 {
        return out;
    }
    let _ = writeln!(out, "  differences found now: {decided} decided by a rule, {open} wait for a person");
    for line in array(&conflicts["samples"]).iter().take(3) {
        let reason = text(&line["reason"]);
        let _ = writeln!(out, "    {} {}: {reason}", records(&line["records"]), text(&line["field"]));
    }
    out
}

fn waiting(sync: &Json) -> String {
    let mut parts: Vec<String> = object(&sync["waiting"])
        .filter(|(_, count)| count.as_u64().unwrap_or(0) > 0)
        .map(|(name, count)| format!("{} {}", shown(count), name.replace('_', " ")))
        .collect();
    if let Some(count) = sync["unwritable"].as_u64().filter(|count| *count > 0) {
        parts.push(format!("{count} values that cannot be written"));
    }
    if parts.is_empty() { String::new() } else { format!("  not written: {}\n", parts.join(", ")) }
}

/// `apply`
pub fn applied(done: &Json) -> String {
    let mut out = String::new();
    for (name, sync) in object(&done["syncs"]) {
        let _ = writeln!(
            out,
            "{name}: {} changes written ({} records created, {} changed, {} deleted), {} stood there already",
            shown(&sync["done"]),
            shown(&sync["created"]),
            shown(&sync["updated"]),
            shown(&sync["deleted"]),
            shown(&sync["already"])
        );
        for (key, words) in [
            ("skipped", "skipped, since something moved"),
            ("refused", "refused by the service"),
            ("left", "left to be done"),
        ] {
            let count = sync[key]["count"].as_u64().unwrap_or(0);
            if count == 0 {
                continue;
            }
            let _ = writeln!(out, "  {count} {words}:");
            for line in array(&sync[key]["samples"]) {
                let field = line["field"].as_str().filter(|field| !field.is_empty()).unwrap_or("(new record)");
                let _ = writeln!(out, "    {} {field}: {}", text(&line["record"]), text(&line["why"]));
            }
        }
        if let Some(trouble) = sync["trouble"].as_str() {
            let _ = writeln!(out, "  it stopped early: {trouble}");
        }
    }
    if out.is_empty() { "The plan has no changes.\n".to_owned() } else { out }
}
