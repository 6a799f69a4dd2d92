//! A failing run, cut down to the steps that matter, and kept.

use std::collections::BTreeMap;

use crate::{
    generate, kept,
    oracle::{Promise, Violation},
    run::{self, Nuisance, run_with},
    schedule::Schedule,
    seeds,
    twins::{resized, twins},
};

/// So many runs are spent on one failure.
const RUNS: u32 = 600;

/// Without a story, so many failures are cut down; with one, all.
const ENOUGH: usize = 3;

/// Cuts the runs of failing seeds down, and keeps them in `tests/regressions/`. What happened in them is told where
/// somebody wants to know: `HYMNAL_STORY=1`.
#[expect(clippy::print_stderr, reason = "it is shown where the test fails")]
pub(crate) fn keep(failed: &[(u64, Violation)]) {
    let is_told = std::env::var_os("HYMNAL_STORY").is_some();
    let failed: BTreeMap<u64, Promise> = failed.iter().map(|(seed, broken)| (*seed, broken.promise)).collect();
    let most = if is_told { failed.len() } else { ENOUGH };
    let seeds: Vec<u64> = failed.keys().copied().take(most).collect();
    for (seed, small) in seeds::over(&seeds, |seed| shrink(whole(seed, failed[&seed]), failed[&seed])) {
        let found = first_broken(&small).map(|violation| violation.to_string()).unwrap_or_default();
        let found: String = found.chars().take(300).collect();
        let text = small.to_text(&format!("Seed {seed} broke {found}"));
        let path = kept().join(format!("seed-{seed}-{}.steps", failed[&seed].number().to_lowercase()));
        let written = std::fs::create_dir_all(kept()).and_then(|()| std::fs::write(&path, &text));
        match written {
            Ok(()) => eprintln!("kept in {}", path.display()),
            Err(error) => eprintln!("cannot keep it in {}: {error}", path.display()),
        }
        eprintln!("{text}");
        if is_told {
            eprintln!("{}", story(&small, failed[&seed]).join("\n"));
        }
    }
}

/// What happened in the run that broke it: of twins that differ, in the one that something was in the way of.
fn story(schedule: &Schedule, promise: Promise) -> Vec<String> {
    let nuisance = match promise {
        Promise::CrashSafe => Nuisance::Kills,
        Promise::OrderFree => return run_with(&resized(schedule), Nuisance::Disorder).story,
        _ => Nuisance::None,
    };
    run_with(schedule, nuisance).story
}

/// The schedule in which a seed failed.
fn whole(seed: u64, promise: Promise) -> Schedule {
    let [ordinary, other] = generate::runs(seed);
    if breaks(&ordinary, promise) { ordinary } else { other }
}

/// The fewest steps found that break the same promise: whole parts are left out, then smaller ones (ddmin: Zeller,
/// Hildebrandt: Simplifying and Isolating Failure-Inducing Input, 2002).
pub(crate) fn shrink(schedule: Schedule, promise: Promise) -> Schedule {
    let mut best = schedule;
    let mut runs = 0;
    let mut part = (best.steps.len() / 2).max(1);
    loop {
        let mut from = 0;
        let mut shorter = false;
        while from < best.steps.len() && runs < RUNS {
            let mut tried = best.clone();
            let to = (from + part).min(tried.steps.len());
            let left_out: u64 = tried.steps.drain(from..to).map(|step| step.after_ms).sum();
            if let Some(next) = tried.steps.get_mut(from) {
                next.after_ms += left_out;
            }
            runs += 1;
            if breaks(&tried, promise) {
                best = tried;
                shorter = true;
            } else {
                from = to;
            }
        }
        if runs >= RUNS || (part == 1 && !shorter) {
            return best;
        }
        part = if shorter { part.min(best.steps.len().max(1)) } else { (part / 2).max(1) };
    }
}

fn breaks(schedule: &Schedule, promise: Promise) -> bool {
    first_broken(schedule).is_some_and(|violation| violation.promise == promise)
}

/// What a run breaks, with its twins where it is calm.
pub(crate) fn first_broken(schedule: &Schedule) -> Option<Violation> {
    let broken = if schedule.is_calm() { twins(schedule) } else { run::run(schedule).violations };
    broken.into_iter().next()
}
