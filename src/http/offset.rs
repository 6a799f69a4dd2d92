//! How far the service's clock is from ours, from the `Date` headers of its answers.

use std::{collections::VecDeque, time::Duration};

use hymnal_sdk::{Response, Timestamp};

/// The median of so many answers stands: one that was held up somewhere does not count.
const ANSWERS: usize = 9;

/// An answer that took longer says too little about when it was made.
const LONGEST_TRIP: Duration = Duration::from_secs(2);

/// Learns the offset of one service's clock.
#[derive(Default)]
pub(super) struct ClockOffset(VecDeque<i64>);

impl ClockOffset {
    /// Learns from an answer that came at `now` and took `trip`.
    pub(super) fn learn(&mut self, answer: &Response, now: Timestamp, trip: Duration) {
        if trip > LONGEST_TRIP {
            return;
        }
        let Some(date) = answer.header("date").and_then(|date| httpdate::parse_http_date(date).ok()) else { return };
        let Ok(date) = Timestamp::try_from(date) else { return };
        // The header is cut to whole seconds, so half a second is missing on average; it was made about half a trip
        // ago.
        let half_trip = i64::try_from(trip.as_millis() / 2).unwrap_or(0);
        if self.0.len() == ANSWERS {
            self.0.pop_front();
        }
        self.0.push_back(date.as_millisecond() + 500 - (now.as_millisecond() - half_trip));
    }

    /// The service's clock minus ours, in milliseconds.
    pub(super) fn millis(&self) -> Option<i64> {
        let mut sorted: Vec<i64> = self.0.iter().copied().collect();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).copied()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use bytes::Bytes;
    use http::HeaderMap;

    use super::*;

    fn dated(date: &str) -> Response {
        let mut headers = HeaderMap::new();
        headers.insert("date", date.parse().unwrap());
        Response { status: 200, headers, body: Bytes::new() }
    }

    #[test]
    fn the_median_of_quick_answers_stands() {
        let now: Timestamp = "2026-11-23T10:00:00Z".parse().unwrap();
        let mut offset = ClockOffset::default();
        assert_eq!(offset.millis(), None);
        offset.learn(&dated("Mon, 23 Nov 2026 10:00:10 GMT"), now, Duration::from_millis(200));
        assert_eq!(offset.millis(), Some(10_600));
        // One odd answer, one slow, one without sense.
        offset.learn(&dated("Mon, 23 Nov 2026 10:00:10 GMT"), now, Duration::from_millis(200));
        offset.learn(&dated("Mon, 23 Nov 2026 12:00:00 GMT"), now, Duration::ZERO);
        offset.learn(&dated("Mon, 23 Nov 2026 09:00:00 GMT"), now, Duration::from_secs(3));
        offset.learn(&dated("yesterday"), now, Duration::ZERO);
        assert_eq!(offset.millis(), Some(10_600));
        // A clock that was set is believed after a few answers.
        for _ in 0..5 {
            offset.learn(&dated("Mon, 23 Nov 2026 09:59:59 GMT"), now, Duration::ZERO);
        }
        assert_eq!(offset.millis(), Some(-500));
    }
}
