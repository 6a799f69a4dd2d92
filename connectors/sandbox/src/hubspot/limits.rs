//! How much may be asked: a rolling ten seconds, searches a second, requests a day.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response};
use jiff::civil::Date;
use serde_json::json;

use super::{Rates, answer::response, portal::Portal};

const TEN_SECONDS: Duration = Duration::from_secs(10);
const SECOND: Duration = Duration::from_secs(1);

/// What was asked lately.
#[derive(Debug, Default)]
pub(super) struct Windows {
    calls: VecDeque<Duration>,
    searches: VecDeque<Duration>,
    day: Option<Date>,
    today: u64,
}

/// Which limit a request ran into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Policy {
    TenSecondly,
    Secondly,
    Daily,
}

/// Whether a request is a search, which has a limit of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    Ordinary,
    Search,
}

impl Windows {
    /// Counts a request, or says which limit it ran into. What is refused is not counted.
    pub(super) fn admit(&mut self, rates: Rates, lane: Lane, elapsed: Duration, today: Date) -> Result<(), Policy> {
        if self.day != Some(today) {
            self.day = Some(today);
            self.today = 0;
        }
        if rates.daily.is_some_and(|daily| self.today >= daily) {
            return Err(Policy::Daily);
        }
        let (window, length, most, policy) = match lane {
            Lane::Ordinary => (&mut self.calls, TEN_SECONDS, rates.per_ten_seconds, Policy::TenSecondly),
            Lane::Search => (&mut self.searches, SECOND, rates.searches_per_second, Policy::Secondly),
        };
        while window.front().is_some_and(|at| *at + length <= elapsed) {
            window.pop_front();
        }
        if most.is_some_and(|most| window.len() >= most as usize) {
            return Err(policy);
        }
        window.push_back(elapsed);
        self.today += 1;
        Ok(())
    }

    /// Requests since midnight.
    pub(super) fn today(&self) -> u64 {
        self.today
    }
}

impl Policy {
    // Usage guidelines: `policyName` and `message` say which limit was reached. Changelog, "Upcoming: Changes to error
    // responses": the category of such errors is RATE_LIMITS.
    pub(super) fn refusal(self, portal: &Portal) -> Response<Bytes> {
        let (name, message) = match self {
            Self::TenSecondly => ("TEN_SECONDLY_ROLLING", "You have reached your ten_secondly_rolling limit."),
            Self::Secondly => ("SECONDLY", "You have reached your secondly limit."),
            Self::Daily => ("DAILY", "You have reached your daily limit."),
        };
        let body = json!({
            "status": "error",
            "message": message,
            "errorType": "RATE_LIMIT",
            "correlationId": portal.correlation(),
            "policyName": name,
            "category": "RATE_LIMITS",
        });
        response(429, Some(&body))
    }
}

impl Portal {
    /// Today, in the account's zone.
    pub(super) fn today(&self) -> Date {
        let now = self.account().now();
        now.to_zoned(self.options().time_zone.clone()).date()
    }

    // Usage guidelines: each answer tells the limits and what is left, search answers do not.
    pub(super) fn tell_limits(&self, response: &mut Response<Bytes>) {
        let rates = self.options().rates;
        let live = self.live();
        let mut tell = |name: &'static str, value: u64| {
            response.headers_mut().insert(HeaderName::from_static(name), HeaderValue::from(value));
        };
        if let Some(most) = rates.per_ten_seconds {
            let used = live.windows.calls.len() as u64;
            tell("x-hubspot-ratelimit-max", u64::from(most));
            tell("x-hubspot-ratelimit-remaining", u64::from(most).saturating_sub(used));
            tell("x-hubspot-ratelimit-interval-milliseconds", 10_000);
        }
        if let Some(daily) = rates.daily {
            tell("x-hubspot-ratelimit-daily", daily);
            tell("x-hubspot-ratelimit-daily-remaining", daily.saturating_sub(live.windows.today));
        }
    }
}
