//! Time that stands still while something can be done, and leaps to the next thing to do.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use hymnal_sdk::{BoxFuture, Clock, Timestamp};

/// The paused time of the runtime. Each reading is a microsecond later than the one before it: no two things happen at
/// one time, as on a real machine, and still everything is repeatable.
#[derive(Clone)]
pub(crate) struct Virtual {
    start: tokio::time::Instant,
    readings: Arc<AtomicU64>,
}

impl Virtual {
    /// The time of the runtime that this is called in.
    pub(crate) fn new() -> Self {
        Self { start: tokio::time::Instant::now(), readings: Arc::default() }
    }

    /// The time without reading it.
    pub(crate) fn glance(&self) -> Duration {
        self.start.elapsed() + Duration::from_micros(self.readings.load(Ordering::Relaxed))
    }
}

impl Clock for Virtual {
    fn now(&self) -> Timestamp {
        let start: Timestamp = "2026-11-23T10:00:00Z".parse().expect("a time");
        start.checked_add(self.elapsed()).expect("a time of this century")
    }

    fn elapsed(&self) -> Duration {
        self.readings.fetch_add(1, Ordering::Relaxed);
        self.glance()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}
