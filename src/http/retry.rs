//! Whether and when a failed request is sent again. The one file that names `backoff`.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use backoff::{ExponentialBackoff, ExponentialBackoffBuilder, backoff::Backoff as _};
use hymnal_sdk::{Error, Kind, http::Access};

/// A read is sent at most so often, throttled answers not counted.
const ATTEMPTS: u32 = 4;

/// A throttled read is repeated at most so often: a service that throttles for ever must not keep a call for ever.
const THROTTLED: u32 = 5;

/// A pause that is waited for; a longer one is the caller's to plan around.
pub(super) const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// What to do about a failed answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Hand the error to the caller.
    GiveUp,
    /// Open a new session and send again.
    LogInAgain,
    /// Wait so long and send again.
    After(Duration),
    /// Send again once the pause, which is in force for all, is over.
    AfterPause,
}

/// One request's history, from which follows what is next. Pure but for the jitter, which comes from the one seed.
pub(super) struct Retry<'a> {
    access: Access,
    delays: ExponentialBackoff,
    jitter: &'a Jitter,
    attempts: u32,
    throttled: u32,
    logged_in_again: bool,
}

impl<'a> Retry<'a> {
    pub(super) fn new(access: Access, jitter: &'a Jitter) -> Self {
        // `backoff`'s own jitter is not seeded and its own time limit reads the system's clock: both are off.
        let delays = ExponentialBackoffBuilder::new()
            .with_initial_interval(Duration::from_millis(500))
            .with_multiplier(2.0)
            .with_max_interval(Duration::from_secs(8))
            .with_randomization_factor(0.0)
            .with_max_elapsed_time(None)
            .build();
        Self { access, delays, jitter, attempts: 0, throttled: 0, logged_in_again: false }
    }

    /// What to do after this failure; `pause` is the time that nothing may be sent, if the answer was a throttle.
    pub(super) fn next(&mut self, error: &Error, is_final: Finality, pause: Option<Duration>) -> Next {
        match (error.kind, self.access) {
            // A request that was refused for its login did nothing, also a write.
            (Kind::Auth, _) if !self.logged_in_again => {
                self.logged_in_again = true;
                Next::LogInAgain
            }
            (Kind::Throttled, Access::Read)
                if self.throttled < THROTTLED && pause.is_some_and(|pause| pause <= LONGEST_WAIT) =>
            {
                self.throttled += 1;
                Next::AfterPause
            }
            (Kind::Transient, Access::Read) if is_final == Finality::MayPass => {
                self.attempts += 1;
                if self.attempts < ATTEMPTS { self.delay().map_or(Next::GiveUp, Next::After) } else { Next::GiveUp }
            }
            // A write goes back to its caller, who reads before anything is written again.
            _ => Next::GiveUp,
        }
    }

    /// Between one half and one and a half of the current step.
    fn delay(&mut self) -> Option<Duration> {
        let step = self.delays.next_backoff()?;
        // Whole milliseconds: with factor 0 `backoff` still adds up to a nanosecond of its own randomness.
        let step = u64::try_from(step.as_millis()).unwrap_or(u64::MAX);
        Some(Duration::from_millis(step / 2 + self.jitter.below(step + 1)))
    }
}

/// Whether trying again can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finality {
    /// It may pass.
    MayPass,
    /// It cannot (a certificate, a body over the cap).
    Final,
}

/// A seeded stream of numbers (splitmix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators").
pub(super) struct Jitter(AtomicU64);

impl Jitter {
    pub(super) fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// A number below `bound`; 0 for a bound of 0.
    fn below(&self, bound: u64) -> u64 {
        const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut z = self.0.fetch_add(GAMMA, Ordering::Relaxed).wrapping_add(GAMMA);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)).checked_rem(bound).unwrap_or(0)
    }
}

#[cfg(test)]
#[expect(clippy::expect_used, reason = "tests")]
mod tests {
    use hymnal_sdk::{Error, Kind, http::Access};

    use super::*;

    fn error(kind: Kind) -> Error {
        Error::new(kind, "", "it failed")
    }

    #[test]
    fn a_read_is_sent_four_times_with_growing_delays() {
        let jitter = Jitter::new(7);
        let mut retry = Retry::new(Access::Read, &jitter);
        for step in [500, 1000, 2000] {
            let Next::After(delay) = retry.next(&error(Kind::Transient), Finality::MayPass, None) else {
                panic!("gave up at step {step}");
            };
            let delay = u64::try_from(delay.as_millis()).expect("a short delay");
            assert!((step / 2..=step * 3 / 2).contains(&delay), "{delay} ms at step {step}");
        }
        assert_eq!(retry.next(&error(Kind::Transient), Finality::MayPass, None), Next::GiveUp);
    }

    #[test]
    fn the_seed_alone_decides_the_delays() {
        let delays = |seed| {
            let jitter = Jitter::new(seed);
            let mut retry = Retry::new(Access::Read, &jitter);
            [(); 3].map(|()| retry.next(&error(Kind::Transient), Finality::MayPass, None))
        };
        assert_eq!(delays(1), delays(1));
        assert_ne!(delays(1), delays(2));
    }

    #[test]
    fn a_write_is_sent_again_after_a_refused_login_alone() {
        let jitter = Jitter::new(7);
        for kind in [Kind::Transient, Kind::Throttled, Kind::Conflict, Kind::Fatal] {
            let next = Retry::new(Access::Write, &jitter).next(&error(kind), Finality::MayPass, Some(Duration::ZERO));
            assert_eq!(next, Next::GiveUp, "{kind:?}");
        }
        let mut retry = Retry::new(Access::Write, &jitter);
        assert_eq!(retry.next(&error(Kind::Auth), Finality::MayPass, None), Next::LogInAgain);
        assert_eq!(retry.next(&error(Kind::Auth), Finality::MayPass, None), Next::GiveUp);
    }

    #[test]
    fn a_final_failure_and_a_long_pause_are_not_waited_for() {
        let jitter = Jitter::new(7);
        let mut retry = Retry::new(Access::Read, &jitter);
        assert_eq!(retry.next(&error(Kind::Transient), Finality::Final, None), Next::GiveUp);
        assert_eq!(retry.next(&error(Kind::Throttled), Finality::MayPass, Some(LONGEST_WAIT)), Next::AfterPause);
        let longer = LONGEST_WAIT + Duration::from_secs(1);
        assert_eq!(retry.next(&error(Kind::Throttled), Finality::MayPass, Some(longer)), Next::GiveUp);
    }
}
