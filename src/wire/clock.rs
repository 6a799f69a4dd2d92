//! The system's clock: the one place that reads it.

use std::time::{Duration, Instant};

use hymnal_sdk::{BoxFuture, Clock, Timestamp};

/// The system's clock.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// A clock whose [`Clock::elapsed`] starts now.
    #[expect(clippy::disallowed_methods, reason = "this is the one clock that all others stand for")]
    pub fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one clock that all others stand for")]
    fn now(&self) -> Timestamp {
        // Times are kept to the microsecond: what was just decided must equal what is read back.
        let micros = Timestamp::now().as_microsecond();
        Timestamp::from_microsecond(micros).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// A seed that no two processes share: the time of day and the process's number.
pub fn seed(clock: &dyn Clock) -> u64 {
    let nanos = clock.now().as_nanosecond();
    let nanos = u64::try_from(nanos & i128::from(u64::MAX)).unwrap_or_default();
    nanos ^ (u64::from(std::process::id()) << 32)
}
