//! What must be true of each request that goes out.

use std::time::Duration;

use super::{Oracle, Promise, Side};

/// Pauses come in whole seconds, and their dates too.
const ROUNDED: Duration = Duration::from_secs(2);

impl Oracle {
    /// I10: a service that asked to be left alone is.
    pub(crate) fn asks(&mut self, side: Side) {
        let now = self.clock.glance();
        if self.quiet_until[side].is_some_and(|until| now < until) {
            let text =
                format!("{side:?} is asked at {now:?} and wanted to be left alone until {:?}", self.quiet_until[side]);
            self.breaks(Promise::Quota, text);
        }
    }

    /// A service asks to be left alone for so long.
    pub(crate) fn is_asked_to_wait(&mut self, side: Side, pause: Duration) {
        let until = self.clock.glance() + pause.saturating_sub(ROUNDED);
        self.quiet_until[side] = self.quiet_until[side].max(Some(until));
    }

    /// How long services still want to be left alone.
    pub(crate) fn pause_left(&self) -> Duration {
        let now = self.clock.glance();
        let asked = self.quiet_until.iter().filter_map(|(_, until)| *until).max();
        asked.map_or(Duration::ZERO, |until| (until + ROUNDED).saturating_sub(now))
    }

    /// I10: no window of a quota is exceeded. The service throttled, and nobody had planted that.
    pub(crate) fn was_throttled(&mut self, side: Side) {
        self.breaks(Promise::Quota, format!("{side:?} was asked more often than it allows"));
    }
}
