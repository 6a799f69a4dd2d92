//! `docs/tried.md` names tests that exist, and says why where it names none.

use std::{collections::BTreeSet, fs};

use super::{none, root, source::files};

/// Every name of a function.
pub(crate) fn names() -> BTreeSet<String> {
    let all = files(&root(), &[".rs"]);
    let lines = all.iter().flat_map(|source| source.text.lines());
    let named = lines.filter_map(|line| line.split_once("fn ")?.1.split('(').next());
    named.map(|name| name.trim().to_owned()).collect()
}

#[test]
fn what_is_said_to_be_tried_is_tried() {
    let page = fs::read_to_string(root().join("docs/tried.md")).expect("the page");
    let cases = fs::read_to_string(root().join("tests/cases/cases.toml")).expect("the cases");
    let names = names();
    let mut breaches = Vec::new();
    let mut rows = 0;
    let is_row = |line: &&str| line.starts_with("| ") && !line.starts_with("| what |");
    for row in page.lines().filter(is_row) {
        rows += 1;
        let mut cells = row.trim_matches('|').splitn(2, " | ").map(str::trim);
        let (what, by) = (cells.next().unwrap_or_default(), cells.next().unwrap_or_default());
        let tests: Vec<&str> = by.split('`').skip(1).step_by(2).collect();
        let quoted: Vec<&str> = by.split('“').skip(1).filter_map(|rest| rest.split('”').next()).collect();
        let is_name = |name: &&&str| name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        for test in tests.iter().filter(is_name).filter(|name| !names.contains(**name)) {
            breaches.push(format!("docs/tried.md: {what}: there is no test `{test}`"));
        }
        for case in quoted.iter().filter(|case| !cases.contains(&format!("what = \"{case}\""))) {
            breaches.push(format!("docs/tried.md: {what}: there is no case “{case}”"));
        }
        let has_reason = by.strip_prefix("Not tried").is_some_and(|reason| reason.len() > 30);
        if tests.is_empty() && quoted.is_empty() && !has_reason {
            breaches.push(format!("docs/tried.md: {what}: neither a test nor a reason"));
        }
    }
    assert!(rows > 70, "{rows} rows");
    none(&breaches);
}
