//! The one source of time.

use std::time::Duration;

use jiff::Timestamp;

use crate::BoxFuture;

/// Time and waiting. The daemon hands in the system's clock, tests one that they move; nothing else reads a clock.
pub trait Clock: Send + Sync + 'static {
    /// The time of day, in UTC. It may step.
    fn now(&self) -> Timestamp;

    /// Time since some start. It never goes back.
    fn elapsed(&self) -> Duration;

    /// Waits for `duration` of [`Clock::elapsed`].
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;
}
