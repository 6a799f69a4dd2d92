//! What reads bytes from outside, fed with bytes that nobody meant: no panic, no endless reading, errors with a place.
//!
//! Each case is made from a seed, so that a failure repeats; `HYMNAL_FUZZ=100000` is the long run.
//!
//! | file | what is fed |
//! |---|---|
//! | [`files`] | configurations, manifests, backups, the conflict log, stored values |
//! | [`answers`] | answers of services: bodies of all exchanges, `Retry-After` |
//! | [`values`] | values of people in filters and queries: none of them breaks out |
//! | [`mangle`] | how good bytes are made bad |
#![expect(clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "tests")]

mod answers;
mod files;
mod mangle;
mod values;

/// Runs a case for each seed, and says which one failed.
pub(crate) fn each_seed(name: &str, usually: u64, mut case: impl FnMut(u64)) {
    let cases = std::env::var("HYMNAL_FUZZ").ok().and_then(|text| text.parse().ok()).unwrap_or(usually);
    for seed in 0..cases {
        let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| case(seed)));
        if let Err(panic) = ran {
            println!("{name}: seed {seed} fails");
            std::panic::resume_unwind(panic);
        }
    }
}
