//! `docs/pains.md` has every pain, with tests that exist; and every test named after a pain stands there.

use std::{collections::BTreeSet, fs};

use super::{none, root, tried::names};

/// How many there are.
const PAINS: usize = 38;

/// The number of the pain that a test is named after: 7 of `p07_…`.
fn pain_of(test: &str) -> Option<usize> {
    let (number, _) = test.strip_prefix('p')?.split_once('_')?;
    (number.len() == 2).then(|| number.parse().ok())?
}

#[test]
fn each_pain_has_its_tests_or_a_reason() {
    let page = fs::read_to_string(root().join("docs/pains.md")).expect("the page");
    let names = names();
    let mut breaches = Vec::new();
    let mut told = BTreeSet::new();
    let mut seen = Vec::new();
    for row in page.lines().filter_map(|line| line.strip_prefix("| P")) {
        let number: usize = row.split(':').next().and_then(|number| number.parse().ok()).expect("`| P7: …`");
        let tests: Vec<&str> = row.rsplit(" | ").next().unwrap_or_default().split('`').skip(1).step_by(2).collect();
        for test in tests.iter().filter(|test| !names.contains(**test)) {
            breaches.push(format!("docs/pains.md: P{number}: there is no test `{test}`"));
        }
        let has_reason = row.contains("Does not apply: ");
        if !has_reason && !tests.iter().any(|test| pain_of(test) == Some(number)) {
            breaches.push(format!("docs/pains.md: P{number}: no test is named after it, and there is no reason"));
        }
        told.extend(tests.into_iter().map(str::to_owned));
        seen.push(number);
    }
    for test in names.iter().filter(|test| pain_of(test).is_some() && !told.contains(*test)) {
        breaches.push(format!("docs/pains.md: `{test}` is named after a pain and does not stand there"));
    }
    assert_eq!(seen, (1..=PAINS).collect::<Vec<_>>(), "every pain once, in order");
    none(&breaches);
}
