//! `hymnal demo --once`: the real binary, its promises read off its output.

use std::{
    path::Path,
    process::{Command, Output},
};

/// Runs the demo with a temporary directory of its own, and answers what it said.
fn play(temporary: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_hymnal"))
        .args(["demo", "--once"])
        .env("TMPDIR", temporary)
        .env_remove("HYMNAL_LOG")
        .output()
        .expect("the binary runs")
}

/// The number in front of the first of `words` that stands behind `anchor`.
fn number(text: &str, anchor: &str, words: &str) -> u64 {
    let behind = text.split_once(anchor).unwrap_or_else(|| panic!("no `{anchor}` in:\n{text}")).1;
    let front = behind.split_once(words).unwrap_or_else(|| panic!("no `{words}` behind `{anchor}`")).0;
    let digits: String =
        front.chars().rev().skip_while(|sign| !sign.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    digits.chars().rev().collect::<String>().parse().unwrap_or_else(|_| panic!("no number before `{words}`: {front}"))
}

/// One line: the story is wrapped for a terminal.
fn unwrapped(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_day_is_played_and_leaves_nothing_behind() {
    let temporary = tempfile::tempdir().expect("a temporary directory");
    let output = play(temporary.path());
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{errors}\n{shown}");
    assert_eq!(errors, "", "nothing goes wrong, and the engine's log is quiet");
    let left: Vec<_> = std::fs::read_dir(temporary.path()).expect("the directory").flatten().collect();
    assert!(left.is_empty(), "left behind: {left:?}");

    assert!(!shown.contains('\u{1b}'), "no colours in a pipe");
    let wide: Vec<&str> = shown.lines().filter(|line| line.chars().count() > 100).collect();
    assert!(wide.is_empty(), "wider than 100 columns: {wide:#?}");

    let text = unwrapped(&output.stdout);
    numbers_agree(&text);
    scenes_hold(&text);
}

fn numbers_agree(text: &str) {
    let (marketing, sales) = (number(text, "Like HubSpot", "people at"), number(text, "Like Salesforce", "people at"));
    let both = number(text, "Like Salesforce", "people are in both services");
    let planned = text.split_once("in marketing:").expect("what would be done").1;
    let (in_marketing, in_crm) = planned.split_once("in crm:").expect("what would be done in sales");
    let would = [in_marketing, in_crm].map(|plan| number(plan, "create", "records, for example"));

    let approved = text.split_once("`hymnal approve people` lets it go").expect("the approval").1;
    assert_eq!(number(approved, "Done in", "people were in both services"), both);
    assert_eq!(number(approved, "HubSpot: created", "record"), would[0], "what was shown is what was done");
    assert_eq!(number(approved, "Salesforce: created", "record"), would[1]);
    assert_eq!(would, [sales - both, marketing - both], "each missing person is made once");
    assert_eq!(number(approved, "with those created,", "people are linked now"), marketing + sales - both);

    let summary = text.split_once("The day in numbers").expect("the summary").1;
    assert_eq!(number(summary, "linked:", "by e-mail"), both);
    assert_eq!(number(summary, "HubSpot: created", "record"), would[0], "nobody is made later");
    assert_eq!(number(summary, "Salesforce: created", "record"), would[1]);
    assert_eq!(number(summary, "linked:", "open conflicts"), 0);
    let conflicts = number(summary, "conflicts:", ", of which");
    assert_eq!(number(summary, ", of which", "were decided by a rule"), conflicts);
    let listed = summary.split_once("decided by a rule:").expect("the conflicts").1;
    let listed = listed.split_once("HubSpot:").expect("their end").0;
    let counts = listed.split(" × ").map(|part| part.rsplit(' ').next().unwrap_or_default().parse::<u64>());
    assert_eq!(counts.flatten().sum::<u64>(), conflicts, "every conflict is among those told: {listed}");
    assert_eq!(number(approved, "HubSpot:", "records now"), marketing + sales - both);
    assert_eq!(number(summary, "records now", "twice"), 0);
    assert!(summary.contains("A further cycle wrote 0 records"), "{summary}");
    assert!(summary.contains("0 that change data"), "{summary}");
}

fn scenes_hold(text: &str) {
    let scene = |title: &str| {
        let behind = text.split_once(title).unwrap_or_else(|| panic!("no scene `{title}`")).1;
        behind.split_once(" ── ").map_or(behind, |(scene, _)| scene).to_owned()
    };
    let travels = scene("One side edits");
    assert!(travels.contains("Salesforce has the phone of") && travels.contains("HubSpot has the job_title of"));
    assert!(travels.contains("later: blank"), "a cleared field travels: {travels}");

    let conflict = scene("Both sides edit the same fields");
    assert_eq!(number(&conflict, "no conflict", "new lines in the conflict log"), 2, "{conflict}");
    for told in [
        "last synced value",
        "sync rule latest",
        "sync rule prefer",
        "winner marketing",
        "winner crm",
        "known from the",
    ] {
        assert!(conflict.contains(told), "`{told}` is missing: {conflict}");
    }

    let unsubscribe = scene("An unsubscribe goes first");
    assert!(unsubscribe.contains("is opted out in Salesforce"), "{unsubscribe}");
    assert!(unsubscribe.contains("in this order: opted_out of"), "before every ordinary edit: {unsubscribe}");

    let deleted = scene("A deleted contact is not made again");
    assert!(deleted.contains("Salesforce has 0 records of this person, HubSpot 1 record"), "{deleted}");

    let refused = scene("A service that has had enough");
    assert!(number(&refused, "After", "refused with 429") > 0, "{refused}");
    let silence = refused.split_once("asked HubSpot nothing for ").expect("the silence").1;
    let seconds: f64 = silence.split(' ').next().unwrap_or_default().parse().expect("seconds");
    assert!(seconds > 2.5, "`Retry-After: 3` is obeyed: {silence}");
}
