//! The real engine over simulated services, a simulated disk and simulated time: what people do, what goes wrong and
//! when Hymnal is killed is written down first, from a seed, and then happens. An oracle that watched everything says
//! whether every promise was kept.
//!
//! `HYMNAL_SEEDS=1000` runs the first thousand seeds, `HYMNAL_SEEDS=123..124` one; `docs/testing.md` tells more.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot be set up has failed")]

mod asked;
mod clock;
mod crash;
mod faults;
mod generate;
mod in_memory;
mod on_the_wire;
mod oracle;
mod random;
mod remote;
mod run;
mod sabotage;
mod schedule;
mod seeds;
mod services;
mod shape;
mod shrink;
mod staff;
mod topics;
mod twins;
mod world;

use std::{collections::BTreeMap, path::PathBuf};

use hymnal_memory::Fault;
use schedule::Schedule;

/// Faults on the wire that no run has: the synced fields have no choices there. The sandbox's own tests have them.
const OFF_THE_WIRE: [&str; 1] = ["choice-removed"];

/// Where failing runs are kept.
fn kept() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/regressions")
}

#[test]
fn every_promise_is_kept() {
    let seeds = seeds::named();
    let outcomes = seeds::over(&seeds, |seed| {
        let outcome = run::run(&generate::schedule(seed));
        let mut violations = outcome.violations;
        let mut fired = vec![outcome.fired];
        if violations.is_empty() && seed % generate::CALM == 0 {
            violations = twins::twins_of(seed);
        } else if violations.is_empty() {
            let outcome = run::run(&generate::about_people(seed));
            violations = outcome.violations;
            fired.push(outcome.fired);
        }
        (violations, fired)
    });
    let mut fired: BTreeMap<String, u64> = BTreeMap::new();
    let mut failed = Vec::new();
    for (seed, (violations, counts)) in outcomes {
        if let Some(violation) = violations.first() {
            failed.push((seed, violation.clone()));
        }
        for (name, times) in counts.into_iter().flatten() {
            *fired.entry(name).or_default() += times;
        }
    }
    shrink::keep(&failed);
    let lines: Vec<String> = failed.iter().map(|(seed, violation)| seeds::line(*seed, violation)).collect();
    assert!(failed.is_empty(), "{} of {} seeds failed:\n{}", failed.len(), seeds.len(), lines.join("\n"));
    if seeds.len() as u64 >= seeds::CI {
        let wire = hymnal_sandbox::Fault::NAMES.into_iter().filter(|name| !OFF_THE_WIRE.contains(name));
        let named = Fault::NAMES.into_iter().map(str::to_owned).chain(wire.map(|name| format!("wire:{name}")));
        let idle: Vec<String> = named.filter(|name| fired.get(name).is_none_or(|times| *times == 0)).collect();
        assert!(idle.is_empty(), "faults that never fired: {idle:?}");
    }
}

#[test]
fn a_seed_repeats_itself_byte_for_byte() {
    for seed in [1, 7, 23] {
        let [one, two] = [(); 2].map(|()| run::run(&generate::schedule(seed)).trace);
        assert!(one == two, "seed {seed} gives two journals");
        assert!(one.len() > 1000, "seed {seed} does nothing");
    }
}

/// Runs that failed once never fail again.
#[test]
fn what_was_found_stays_found() {
    let mut files: Vec<PathBuf> = std::fs::read_dir(kept())
        .map(|folder| folder.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "steps"));
    files.sort();
    let mut broken = Vec::new();
    for path in files {
        let schedule = Schedule::from_text(&std::fs::read_to_string(&path).expect("a regression"));
        assert_eq!(Schedule::from_text(&schedule.to_text("a comment")), schedule);
        if let Some(violation) = shrink::first_broken(&schedule) {
            broken.push(format!("{}: {violation}", path.display()));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}
