//! What a plan costs: calls of the services, and the time that their limits make of them.

use std::time::Duration;

use hymnal_sdk::http::Limits;
use serde::Serialize;

use super::preview::{Preview, Records};
use crate::cycle::system::System;

/// A day, as quotas count it.
const DAY: Duration = Duration::from_hours(24);

/// What writing a plan costs in one system: at least this, since answers take time too.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Cost {
    /// Calls: each batch is read, and looked for, before it is written.
    pub calls: u64,
    /// Calls of ours that are left of the daily quota, where there is one.
    pub daily_left: Option<u64>,
    /// How long the limits make it last.
    pub seconds: u64,
}

/// What the writes of a preview cost.
pub(super) fn cost(preview: &Preview, system: &System, verify: bool) -> Cost {
    let calls = preview.records.iter().map(|(object, records)| calls(system, object, *records, verify)).sum();
    let Some(http) = system.connector.http() else { return Cost { calls, ..Cost::default() } };
    let health = http.health();
    let ours = health.daily_ours;
    let left = ours.map(|ours| ours.saturating_sub(health.daily_by_us));
    Cost { calls, daily_left: left, seconds: duration(calls, &http.limits(), ours.zip(left)).as_secs() }
}

fn calls(system: &System, object: &str, records: Records, verify: bool) -> u64 {
    let Some(capable) = system.connector.capabilities(object) else { return 0 };
    let batches = |count: u64, most: usize| count.div_ceil(most.max(1) as u64);
    let updates = batches(records.updates, capable.update_batch.min(capable.get_batch));
    let creates = batches(records.creates, capable.create_batch.min(capable.find_batch.max(1)));
    let deletes = batches(records.deletes, capable.delete_batch.min(capable.get_batch));
    updates * (1 + u64::from(verify)) + creates * (1 + system.objects.len() as u64) + deletes * 2
}

/// How long so many calls take at the limits. `daily`: ours of a day, and what is left of it today.
fn duration(calls: u64, limits: &Limits, daily: Option<(u64, u64)>) -> Duration {
    // What holds for searches alone does not hold for all calls.
    let rates = limits.rates.iter().filter(|rate| rate.only.is_empty() && rate.requests > 0);
    let windows = |requests: u32| u32::try_from(calls / u64::from(requests)).unwrap_or(u32::MAX);
    let paced = rates.map(|rate| rate.per.saturating_mul(windows(rate.requests))).max().unwrap_or_default();
    let days = match daily {
        Some((ours, left)) if calls > left => (calls - left).div_ceil(ours.max(1)),
        _ => 0,
    };
    paced.max(DAY.saturating_mul(u32::try_from(days).unwrap_or(u32::MAX)))
}

#[cfg(test)]
mod tests {
    use hymnal_sdk::http::Rate;

    use super::{DAY, Duration, Limits, duration};

    #[test]
    fn the_slowest_limit_says_how_long_it_takes() {
        let rate = |requests, seconds, only: &[&str]| Rate {
            requests,
            per: Duration::from_secs(seconds),
            only: only.iter().map(|&tag| tag.to_owned()).collect(),
        };
        let limits = Limits { rates: vec![rate(190, 10, &[]), rate(5, 1, &["search"])], ..Limits::default() };
        assert_eq!(duration(1900, &limits, None), Duration::from_secs(100));
        assert_eq!(duration(1900, &limits, Some((50_000, 2000))), Duration::from_secs(100));
        assert_eq!(duration(1900, &limits, Some((1000, 100))), 2 * DAY);
        assert_eq!(duration(1900, &Limits::default(), None), Duration::ZERO);
    }
}
