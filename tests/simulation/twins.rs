//! One run twice: however Hymnal gets there, it must come to the same end.

use crate::{
    generate,
    oracle::{Promise, Violation},
    run::{Nuisance, run, run_with},
    schedule::Schedule,
};

/// I11 and I14 for the calm run of a seed.
pub(crate) fn twins_of(seed: u64) -> Vec<Violation> {
    twins(&generate::calm(seed))
}

/// I11: killed anywhere, the end is the same. I14: with pages and batches of other sizes, and lists in any order, too.
pub(crate) fn twins(schedule: &Schedule) -> Vec<Violation> {
    let plain = run(schedule);
    if !plain.violations.is_empty() {
        return plain.violations;
    }
    let killed = run_with(schedule, Nuisance::Kills);
    let disordered = run_with(&resized(schedule), Nuisance::Disorder);
    let mut violations = [killed.violations.as_slice(), &disordered.violations].concat();
    for (promise, other) in [(Promise::CrashSafe, &killed), (Promise::OrderFree, &disordered)] {
        let overtaken = [plain.overtaken.as_slice(), &other.overtaken].concat();
        let says = |line: &&String| !overtaken.iter().any(|start| line.starts_with(start));
        let [one, two] = [&plain, other].map(|outcome| outcome.scene.iter().filter(says).cloned().collect::<Vec<_>>());
        violations.extend(differs(promise, &one, &two));
    }
    violations
}

/// The same with other sizes.
pub(crate) fn resized(schedule: &Schedule) -> Schedule {
    let mut resized = schedule.clone();
    let sides = &mut resized.shape.sides;
    for side in [&mut sides.left, &mut sides.right] {
        side.page = if side.page > 2 { 1 } else { 50 };
        side.batch = if side.batch > 2 { 1 } else { 50 };
    }
    resized
}

fn differs(promise: Promise, one: &[String], two: &[String]) -> Option<Violation> {
    if one == two {
        return None;
    }
    let only = |here: &[String], there: &[String]| {
        let only: Vec<&String> = here.iter().filter(|line| !there.contains(line)).collect();
        format!("{only:#?}")
    };
    let text = format!("one end has {}\nthe other {}", only(one, two), only(two, one));
    Some(Violation { promise, text })
}
