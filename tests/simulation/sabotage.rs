//! Every checker is shown to notice what it is there for: a fault is planted in Hymnal itself, and the seeds find it.

use std::sync::atomic::{AtomicBool, Ordering};

use hymnal::planted::{Planted, plant};

use crate::{
    generate,
    oracle::{Promise, Violation},
    run, seeds, twins,
};

/// Each fault, and the promise whose checker must notice it.
const FAULTS: &[(Planted, Promise)] = &[
    (Planted::SkipEcho, Promise::HonestConflicts),
    (Planted::ForgetOutbox, Promise::Convergence),
    (Planted::TakeForEcho, Promise::NoLostEdit),
    (Planted::RetryCreation, Promise::AtMostOne),
    (Planted::ShadowFromRequest, Promise::NoEcho),
    (Planted::OptInWins, Promise::Consent),
    (Planted::CursorBeforeCommit, Promise::CrashSafe),
    (Planted::PrimaryByArrival, Promise::OrderFree),
    (Planted::IgnoreRetryAfter, Promise::Quota),
    (Planted::ForgetConflict, Promise::NoLostEdit),
    (Planted::UnlinkOnEmptyPage, Promise::Convergence),
    (Planted::ForgetTombstone, Promise::NoResurrection),
    (Planted::WriteAgain, Promise::NoEcho),
    (Planted::WithheldIsBlank, Promise::Blanks),
    (Planted::WriteUnmapped, Promise::Scope),
    (Planted::RefuseBatch, Promise::Isolation),
    (Planted::ForgetJournal, Promise::CompleteLog),
    (Planted::SkipVerify, Promise::NoLostEdit),
    (Planted::KeepDelivered, Promise::HonestConflicts),
    (Planted::IgnoreScope, Promise::Scope),
    (Planted::IgnoreGuards, Promise::Guarded),
    (Planted::LogValues, Promise::Private),
    (Planted::ForgetUndo, Promise::Reversible),
    (Planted::RemoveAnyway, Promise::NoLostEdit),
];

/// The same for what only the runs about people can show.
const ABOUT_PEOPLE: &[(Planted, Promise)] = &[
    (Planted::StayWithLead, Promise::Convergence),
    (Planted::RemakeConverted, Promise::NoResurrection),
    (Planted::ForgetLastWord, Promise::Consent),
    (Planted::FirstFound, Promise::AtMostOne),
    (Planted::MatchAgain, Promise::AtMostOne),
    (Planted::FallbackIsEdit, Promise::NoEcho),
    (Planted::NobodyIsBlank, Promise::Convergence),
    (Planted::KeepSpaces, Promise::NoEcho),
];

/// Runs a seed with a fault planted in Hymnal.
fn sabotaged(seed: u64, fault: Planted, promise: Promise) -> Vec<Violation> {
    plant(Some(fault));
    let violations = match promise {
        _ if ABOUT_PEOPLE.contains(&(fault, promise)) => run::run(&generate::about_people(seed)).violations,
        Promise::CrashSafe | Promise::OrderFree => twins::twins_of(seed),
        _ => run::run(&generate::schedule(seed)).violations,
    };
    plant(None);
    violations
}

#[test]
fn every_planted_fault_is_noticed() {
    let faults = [FAULTS, ABOUT_PEOPLE].concat();
    let planted = |index: u64| faults[usize::try_from(index).expect("few")];
    let notice = |index: u64| {
        let (fault, promise) = planted(index);
        let mut others = Vec::new();
        for seed in 0..seeds::CI {
            let violations = sabotaged(seed, fault, promise);
            if violations.iter().any(|violation| violation.promise == promise) {
                return Ok(seed);
            }
            others.extend(violations.into_iter().map(|violation| violation.promise));
        }
        others.sort_unstable();
        others.dedup();
        Err(format!("{fault:?} breaks {promise:?}, and no seed shows it; what they show: {others:?}"))
    };
    let noticed = seeds::over(&(0..faults.len() as u64).collect::<Vec<_>>(), notice);
    let told = |(index, found): (&u64, &Result<u64, String>)| {
        let fault = planted(*index).0;
        found.as_ref().map_or_else(Clone::clone, |seed| format!("{fault:?}: seed {seed}"))
    };
    let told: Vec<String> = noticed.iter().map(told).collect();
    assert!(noticed.values().all(Result::is_ok), "{}", told.join("\n"));
}

/// What was planted on one thread is planted there alone, and is gone afterwards.
#[test]
fn nothing_stays_planted() {
    let schedule = generate::schedule(3);
    let calm = run::run(&schedule).trace;
    let other = AtomicBool::new(false);
    std::thread::scope(|scope| {
        plant(Some(Planted::WriteUnmapped));
        scope.spawn(|| other.store(run::run(&schedule).trace == calm, Ordering::Relaxed));
        plant(None);
    });
    assert!(other.load(Ordering::Relaxed));
    assert!(run::run(&schedule).trace == calm);
}
