//! Answers for people: the words that admins know.

use std::fmt::Write as _;

use serde_json::Value as Json;

/// How `run --once` ended.
pub fn ended(syncs: &Json) -> String {
    let mut out = String::new();
    for (name, sync) in object(syncs) {
        let sentence = match text(&sync["outcome"]).as_str() {
            "done" => "both systems agree; nothing waits",
            "waiting" => {
                "both systems agree but for what waits for a person; see `hymnal status` and `hymnal conflicts list --open`"
            }
            "held" => "held: nothing was written",
            _ => "work is left that waits for a system; see `hymnal status`, and run again",
        };
        let _ = writeln!(out, "{name}: {sentence}");
        out.push_str(&held(name, &sync["held"]));
    }
    out
}

/// What is held, and what it would do.
fn held(name: &str, held: &Json) -> String {
    let mut out = String::new();
    match held["reason"].as_str() {
        Some("first_run") => {
            let _ = writeln!(out, "  This is the initial sync. It would:");
            out.push_str(&would(&held["would"]));
            let _ = writeln!(out, "  To let it go:    hymnal approve {name}");
            let _ = writeln!(out, "  To plan it anew: hymnal discard {name}");
        }
        Some("paused") => {
            let until = held["until"].as_str().map_or(String::new(), |until| format!(" until {until}"));
            let because = held["because"].as_str().filter(|because| !because.is_empty());
            let because = because.map_or(String::new(), |because| format!(" ({because})"));
            let _ = writeln!(out, "  Paused{until}{because}. To go on: hymnal resume {name}");
        }
        _ => {}
    }
    out
}

fn would(previews: &Json) -> String {
    let mut out = String::new();
    for preview in array(previews) {
        let _ = writeln!(out, "    in {}:", text(&preview["connector"]));
        let kinds = [
            ("creates", "create", "records"),
            ("fills", "fill", "blank fields"),
            ("overwrites", "overwrite", "values"),
            ("clears", "clear", "values"),
            ("opt_outs", "opt out", "people"),
        ];
        let mut anything = false;
        for (key, verb, noun) in kinds {
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

fn one_sample(sample: &Json) -> String {
    let (record, field) = (text(&sample["record"]), text(&sample["field"]));
    let (from, to) = (text(&sample["from"]), text(&sample["to"]));
    if field.is_empty() {
        return format!("from {record}: {to}");
    }
    let from = if from.is_empty() { "(blank)" } else { from.as_str() };
    format!("{record} {field}: {from} → {to}")
}

/// `status`
pub fn status(status: &Json) -> String {
    let mut out = String::new();
    match status["daemon"]["pid"].as_u64() {
        Some(pid) => {
            let _ = writeln!(out, "Hymnal {} runs (pid {pid}).", text(&status["version"]));
        }
        None => {
            let _ = writeln!(out, "Hymnal {}: no daemon runs; this is what its state says.", text(&status["version"]));
        }
    }
    if let Some(error) = status["daemon"]["reload_error"].as_str() {
        let _ = writeln!(out, "The last reload was refused, and the old configuration is in force:\n{error}");
    }
    let _ = writeln!(out, "\nConnectors");
    for (name, connector) in object(&status["connectors"]) {
        let quota = &connector["quota"];
        let mut line = format!(
            "  {name} ({}, {}): login: {}",
            text(&connector["type"]),
            text(&connector["role"]),
            text(&connector["login"]).replace('_', " ")
        );
        if let Some(ours) = quota["ours"].as_u64() {
            let by_us = quota["by_us"].as_u64().unwrap_or(0);
            let _ = write!(line, "; quota {by_us} of our {ours} calls today");
            if let (Some(used), Some(limit)) = (quota["used"].as_u64(), quota["limit"].as_u64()) {
                let _ = write!(line, " ({used} of {limit} used by all)");
            }
        }
        if let Some(until) = connector["paused_until"].as_str() {
            let _ = write!(line, "; paused until {until}: {}", text(&connector["paused_because"]));
        }
        if let Some(kind) = connector["trouble"]["kind"].as_str() {
            let _ = write!(line, "; last trouble: {kind} ({})", text(&connector["trouble"]["code"]));
        }
        let _ = writeln!(out, "{line}");
    }
    let _ = writeln!(out, "\nSyncs");
    for (name, sync) in object(&status["syncs"]) {
        let state = match text(&sync["state"]).as_str() {
            "in_sync" => "up to date".to_owned(),
            "pending" => "at work".to_owned(),
            "held" => "paused for approval".to_owned(),
            other => other.to_owned(),
        };
        let _ = writeln!(out, "  {name}: {state}");
        let counts = [
            ("people", "people"),
            ("linked", "linked"),
            ("in_sync", "in sync"),
            ("pending", "queued"),
            ("conflicts", "open conflicts"),
            ("frozen", "frozen"),
            ("parked", "need attention (parked)"),
            ("ignored", "ignored by a service"),
            ("ambiguous", "ambiguous"),
            ("duplicate", "duplicates"),
            ("no_key", "without a key"),
            ("not_visible", "not visible"),
            ("deleting", "deletions in their grace"),
            ("out_of_scope", "out of scope"),
        ];
        let shown: Vec<String> = counts
            .iter()
            .filter_map(|(key, words)| {
                let count = sync[*key].as_u64().unwrap_or(0);
                (count > 0 || matches!(*key, "people" | "in_sync" | "pending" | "conflicts"))
                    .then(|| format!("{count} {words}"))
            })
            .collect();
        let _ = writeln!(out, "    {}", shown.join(", "));
        if let Some(at) = sync["last_cycle"]["at"].as_str() {
            let last = &sync["last_cycle"];
            let _ = writeln!(out, "    last cycle {at}: {} created, {} updated", last["created"], last["updated"]);
        }
        out.push_str(&held(name, &sync["held"]));
    }
    out
}

/// `conflicts list`
pub fn conflicts(found: &Json) -> String {
    let all = array(found);
    if all.is_empty() {
        return "No conflicts.\n".to_owned();
    }
    let mut out = String::new();
    for line in all {
        let _ = writeln!(
            out,
            "{}  {}  {:<11} {:<10} {}",
            text(&line["id"]),
            text(&line["at"]),
            text(&line["kind"]),
            text(&line["status"]),
            sentence(line)
        );
    }
    out
}

/// One line of the conflict log as a sentence.
pub fn sentence(line: &Json) -> String {
    let mut out = String::new();
    if let Some(field) = line["field"].as_str() {
        let values = object(&line["values"]).map(|(name, value)| format!("{name} says {}", shown(&value["value"])));
        let _ = write!(out, "{field}: {}", values.collect::<Vec<_>>().join(", "));
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
        let _ = write!(out, "; {}", text(&line["policy"]));
    }
    if let Some(reason) = line["reason"].as_str() {
        let separator = if out.is_empty() { "" } else { ": " };
        let _ = write!(out, "{separator}{reason}");
    }
    out
}

/// `conflicts show`
pub fn conflict(found: &Json) -> String {
    let mut out = String::new();
    for line in array(&found["events"]) {
        let _ = writeln!(out, "{} · {} · {}", text(&line["at"]), text(&line["kind"]), text(&line["status"]));
        let _ = writeln!(out, "  person   {}", text(&line["entity"]));
        for (name, record) in object(&line["records"]) {
            let _ = writeln!(out, "  record   {name} {}", shown(record));
        }
        if let Some(field) = line["field"].as_str() {
            let _ = writeln!(out, "  field    {field}");
            let _ = writeln!(out, "  base     {}", shown(&line["base"]));
        }
        for (name, value) in object(&line["values"]) {
            let at = value["modified_at"].as_str().unwrap_or("at an unknown time");
            let by = value["by"].as_str().map_or(String::new(), |by| format!(", by {by}"));
            let _ = writeln!(
                out,
                "  {name:<8} {} ({at}{by}; known from: {})",
                shown(&value["value"]),
                text(&value["evidence"])
            );
        }
        if let Some(policy) = line["policy"].as_str() {
            let sure = line["certainty"].as_str().map_or(String::new(), |sure| format!(" ({sure})"));
            let _ = writeln!(out, "  rule     {policy}{sure}");
        }
        if let Some(winner) = line["winner"].as_str() {
            let _ = writeln!(out, "  winner   {winner}: {}", shown(&line["result"]));
        }
        let _ = writeln!(out, "  reason   {}", text(&line["reason"]));
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

fn cell(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if is_formula { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

/// `explain`
pub fn explain(found: &Json) -> String {
    let mut out = String::new();
    for person in array(&found["people"]) {
        let _ = writeln!(
            out,
            "Person {} in sync {}: {}",
            text(&person["entity"]),
            text(&person["sync"]),
            text(&person["state"])
        );
        for (name, record) in object(&person["records"]) {
            out.push_str(&record_of(name, record));
        }
        for (name, field) in object(&person["fields"]) {
            let _ = writeln!(out, "\n  {name} = {}", shown(&field["value"]));
            let origin = &field["set_by"];
            if let Some(rule) = origin["rule"].as_str() {
                let system = origin["system"].as_str().unwrap_or("both");
                let who = origin["who"].as_str().map_or(String::new(), |who| format!(", by {who}"));
                let at = origin["at"].as_str().map_or(String::new(), |at| format!(", {at}"));
                let _ = writeln!(
                    out,
                    "    set by {system}{who}{at}; rule: {rule}; known from: {}",
                    text(&origin["evidence"])
                );
            }
            if !field["last_synced"].is_null() {
                let _ = writeln!(out, "    last synced value: {}", shown(&field["last_synced"]));
            }
            for (system, side) in object(field).filter(|(_, side)| side["state"].is_string()) {
                let _ = writeln!(
                    out,
                    "    {system} · {}: {} ({})",
                    text(&side["field"]),
                    shown(&side["holds"]),
                    text(&side["state"])
                );
            }
        }
        let _ = writeln!(out, "\n  Sync history");
        for entry in array(&person["history"]) {
            let _ = writeln!(out, "    {}  {}", text(&entry["at"]), what(&entry["what"]));
        }
    }
    out
}

fn record_of(name: &str, record: &Json) -> String {
    if let Some(address) = record["record"].as_str() {
        let mut out = format!("  {name}: {address} ({})\n", text(&record["presence"]));
        if let Some(message) = record["parked"]["message"].as_str() {
            let _ = writeln!(
                out,
                "    sync error: {message} ({}); next try {}",
                text(&record["parked"]["code"]),
                text(&record["parked"]["next_try"])
            );
            if let Some(hint) = record["parked"]["hint"].as_str().filter(|hint| !hint.is_empty()) {
                let _ = writeln!(out, "    hint: {hint}");
            }
        }
        for duplicate in array(&record["duplicates"]) {
            let _ = writeln!(out, "    duplicate: {}; merge it there", text(duplicate));
        }
        return out;
    }
    match record["deleted"].as_str() {
        Some(address) => format!("  {name}: {address} was deleted ({})\n", text(&record["at"])),
        None => format!("  {name}: no record\n"),
    }
}

fn what(event: &Json) -> String {
    if event["kind"].is_string() {
        return format!("{}: {}", text(&event["kind"]), sentence(event));
    }
    if let Some(field) = event["decided"].as_str() {
        let system = event["system"].as_str().unwrap_or("both");
        return format!(
            "{field}: {} → {} ({}, {system})",
            shown(&event["from"]),
            shown(&event["to"]),
            text(&event["rule"])
        );
    }
    if let Some(system) = event["sending"].as_str() {
        let changes = object(&event["changes"]).map(|(field, change)| format!("{field} = {}", shown(&change["to"])));
        return format!("sending to {system}: {}", changes.collect::<Vec<_>>().join(", "));
    }
    if let Some(system) = event["written"].as_str() {
        let verb = if event["created"] == true { "created" } else { "written" };
        return format!("{verb} in {system}: {}", text(&event["record"]));
    }
    if let Some(system) = event["refused"].as_str() {
        return format!("refused by {system}: {} ({})", text(&event["message"]), text(&event["code"]));
    }
    let mut out = String::new();
    for (key, value) in object(event) {
        let _ = write!(out, "{}{key}: {}", if out.is_empty() { "" } else { ", " }, shown(value));
    }
    out
}

/// `approve`
pub fn approved(done: &Json) -> String {
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
    if done["discarded"] == true {
        return format!("{sync}: what was decided is dropped; the next cycle plans anew.\n");
    }
    if done["paused"] == true {
        let until =
            done["until"].as_str().map_or(" until `hymnal resume`".to_owned(), |until| format!(" until {until}"));
        return format!("{sync}: nothing is written{until}; reading and deciding go on.\n");
    }
    if done["resumed"] == true { format!("{sync}: writes again.\n") } else { format!("{sync}: was not paused.\n") }
}

fn object(json: &Json) -> impl Iterator<Item = (&str, &Json)> {
    json.as_object().into_iter().flatten().map(|(key, value)| (key.as_str(), value))
}

fn array(json: &Json) -> &[Json] {
    json.as_array().map_or(&[], Vec::as_slice)
}

/// A string's text; other values as JSON.
fn text(json: &Json) -> String {
    json.as_str().map_or_else(|| plain(json), str::to_owned)
}

fn plain(json: &Json) -> String {
    match json {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A value for people.
fn shown(json: &Json) -> String {
    match json {
        Json::Null => "(blank)".to_owned(),
        Json::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join(", "),
        other => plain(other),
    }
}
