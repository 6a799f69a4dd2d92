//! Calls in any 24 hours.
//!
//! Salesforce Developer Limits and Allocations Quick Reference, "API Request Limits and Allocations": calls are counted
//! over a rolling day; past the limit they are refused with 403 `REQUEST_LIMIT_EXCEEDED`, without `Retry-After`. A
//! composite call counts as one.

use serde_json::{Value, json};

use super::{
    answer::Refused,
    org::{Config, Org},
};

const MINUTES_A_DAY: i64 = 24 * 60;

/// Counts one call.
///
/// # Errors
/// `REQUEST_LIMIT_EXCEEDED`; such a call does not count.
pub(super) fn count(org: &Org, config: &Config) -> Result<(), Refused> {
    let minute = org.account.now().as_second() / 60;
    if used(org) >= config.options.daily_limit {
        let message = "TotalRequests Limit exceeded.";
        return Err(Refused::request("REQUEST_LIMIT_EXCEEDED", message).with_status(403));
    }
    let mut state = org.state();
    match state.calls.back_mut() {
        Some((last, calls)) if *last == minute => *calls += 1,
        _ => state.calls.push_back((minute, 1)),
    }
    Ok(())
}

/// The text of `Sforce-Limit-Info`. REST guide, "Limit Info Header".
pub(super) fn header(org: &Org, config: &Config) -> String {
    format!("api-usage={}/{}", used(org), config.options.daily_limit)
}

/// `/limits`.
pub(super) fn limits(org: &Org, config: &Config) -> Value {
    let limit = config.options.daily_limit;
    json!({ "DailyApiRequests": { "Max": limit, "Remaining": limit.saturating_sub(used(org)) } })
}

fn used(org: &Org) -> u64 {
    let oldest = org.account.now().as_second() / 60 - MINUTES_A_DAY;
    let mut state = org.state();
    while state.calls.front().is_some_and(|(minute, _)| *minute <= oldest) {
        state.calls.pop_front();
    }
    state.calls.iter().map(|(_, calls)| calls).sum()
}
