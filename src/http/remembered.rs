//! A pause that a service asked for, over restarts: whoever starts the program every minute would else ask again every
//! minute.

use std::time::Duration;

use hymnal_sdk::{Ledger, SignedDuration, Timestamp};

/// No pause that was asked for is longer; what says so is no pause of ours.
const LONGEST: SignedDuration = SignedDuration::from_hours(1);

/// Saves a pause. A store that cannot write now costs one request too early after a restart, no more.
pub(super) fn save(ledger: &dyn Ledger, connector: &str, until: Timestamp, because: &str) {
    let text = format!("{} {because}", until.as_millisecond());
    if let Err(error) = ledger.save(&name(connector), text.as_bytes()) {
        tracing::debug!(connector, error = %error, "A pause could not be remembered");
    }
}

/// The pause that is still in force, and why.
pub(super) fn load(ledger: &dyn Ledger, connector: &str, now: Timestamp) -> Option<(Duration, String)> {
    let saved = ledger.load(&name(connector))?;
    parse(&saved, now)
}

fn parse(saved: &[u8], now: Timestamp) -> Option<(Duration, String)> {
    let (until, because) = std::str::from_utf8(saved).ok()?.split_once(' ')?;
    let until = Timestamp::from_millisecond(until.parse().ok()?).ok()?;
    let left = until.duration_since(now);
    let is_in_force = left > SignedDuration::ZERO && left <= LONGEST;
    is_in_force.then(|| (left.unsigned_abs(), because.to_owned()))
}

fn name(connector: &str) -> String {
    format!("pause/{connector}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap_or(Timestamp::MAX)
    }

    #[test]
    fn what_is_left_is_in_force() {
        let saved = format!("{} the service asked", at(30).as_millisecond());
        assert_eq!(parse(saved.as_bytes(), at(10)), Some((Duration::from_secs(20), "the service asked".to_owned())));
    }

    #[test]
    fn what_is_over_or_absurd_or_torn_is_not() {
        let saved = format!("{} x", at(30).as_millisecond());
        assert_eq!(parse(saved.as_bytes(), at(30)), None);
        assert_eq!(parse(saved.as_bytes(), at(-4000)), None, "a clock that stepped back by an hour");
        assert_eq!(parse(b"", at(0)), None);
        assert_eq!(parse(&[0xff, 0x20], at(0)), None);
    }
}
