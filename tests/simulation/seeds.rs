//! Which seeds, and many at once.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use crate::oracle::Violation;

/// So many seeds are run by an ordinary test.
pub(crate) const CI: u64 = 300;

/// The seeds that `HYMNAL_SEEDS` names: `n` for the first n, `a..b`, or some with commas between.
pub(crate) fn named() -> Vec<u64> {
    let Ok(named) = std::env::var("HYMNAL_SEEDS") else { return (0..CI).collect() };
    let number = |text: &str| text.trim().parse::<u64>().expect("`HYMNAL_SEEDS` is `n`, `a..b` or `a,b,c`");
    match named.split_once("..") {
        Some((from, to)) => (number(from)..number(to)).collect(),
        None if named.contains(',') => named.split(',').map(number).collect(),
        None => (0..number(&named)).collect(),
    }
}

/// Runs something on each seed, one thread a seed, as many threads as there are processors.
pub(crate) fn over<T: Send>(seeds: &[u64], act: impl Fn(u64) -> T + Sync) -> BTreeMap<u64, T> {
    let next = AtomicUsize::new(0);
    let outcomes = Mutex::new(BTreeMap::new());
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(&seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let outcome = act(seed);
                    outcomes.lock().unwrap_or_else(PoisonError::into_inner).insert(seed, outcome);
                }
            });
        }
    });
    outcomes.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// The line that says what failed, and repeats it.
pub(crate) fn line(seed: u64, violation: &Violation) -> String {
    let mut text = violation.to_string();
    text.truncate(text.char_indices().map(|(at, _)| at).nth(400).unwrap_or(text.len()));
    format!("{text}  |  HYMNAL_SEEDS={seed}..{} cargo test --test simulation every_promise", seed + 1)
}
