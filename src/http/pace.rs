//! Spacing of requests. The one file that names `governor`.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use governor::{
    Quota, RateLimiter,
    clock::Clock as GovernorClock,
    middleware::NoOpMiddleware,
    state::{InMemoryState, NotKeyed},
};
use hymnal_sdk::Clock;

/// The longest interval that is waited for at the start, see [`Pacer::new`].
const LONGEST_FIRST_WAIT: Duration = Duration::from_secs(1);

/// Hands out cells, one an interval on average, with a small burst (the generic cell rate algorithm).
///
/// `governor` cannot take a cell back and cannot be asked without taking. So cells are first *drawn* (they lie
/// ready here) and then *taken*, once every other limit agrees too; what is drawn is not lost by a refusal
/// elsewhere.
pub(super) struct Pacer {
    limiter: RateLimiter<NotKeyed, InMemoryState, Elapsed, NoOpMiddleware<Duration>>,
    clock: Elapsed,
    burst: u32,
    ready: u32,
}

impl Pacer {
    /// A pacer that starts without cells where the interval is short, so that a restart is no fresh burst. With a
    /// long interval a first wait would only annoy, and a burst of one or two weighs nothing.
    pub(super) fn new(interval: Duration, burst: NonZeroU32, clock: Arc<dyn Clock>) -> Self {
        let clock = Elapsed(clock);
        // `with_period` refuses zero alone.
        let quota = Quota::with_period(interval.max(Duration::from_nanos(1)))
            .unwrap_or_else(|| Quota::per_second(burst))
            .allow_burst(burst);
        let limiter = RateLimiter::direct_with_clock(quota, clock.clone());
        if interval <= LONGEST_FIRST_WAIT {
            for _ in 0..burst.get() {
                let _ = limiter.check();
            }
        }
        Self { limiter, clock, burst: burst.get(), ready: 0 }
    }

    /// Draws until so many cells lie ready.
    ///
    /// # Errors
    /// How long to wait for the next cell.
    pub(super) fn draw(&mut self, cells: u32) -> Result<(), Duration> {
        while self.ready < cells {
            match self.limiter.check() {
                Ok(()) => self.ready += 1,
                Err(refusal) => return Err(refusal.wait_time_from(self.clock.now())),
            }
        }
        Ok(())
    }

    /// Takes cells that lie ready.
    pub(super) fn take(&mut self, cells: u32) {
        self.ready = self.ready.saturating_sub(cells);
    }

    /// Puts back cells that were taken and not used. No more than a burst is kept: the rest is lost, which only
    /// slows.
    pub(super) fn give_back(&mut self, cells: u32) {
        self.ready = self.ready.max((self.ready + cells).min(self.burst));
    }
}

/// `governor`'s time: ours, so that virtual time works.
#[derive(Clone)]
struct Elapsed(Arc<dyn Clock>);

impl GovernorClock for Elapsed {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}
