//! What an answer means, and whether the remote may have changed. Pure.

use std::time::Duration;

use hymnal_sdk::{
    Classify, Effect, Error, Kind, Request, Response, Result, Timestamp,
    http::{Access, TransportError},
};

use super::{address, retry::Finality};
use crate::planted::{self, Planted};

/// A longer pause than this is a mistake of the service, or a day's quota, which is better asked about again.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);

/// Pauses where the service does not say how long: doubled with each throttle in a row.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_GUESS: Duration = Duration::from_mins(1);

/// `Ok` where the connector should read the answer.
///
/// # Errors
/// What the answer is, with the effect that it may have had.
pub(super) fn interpret(classify: &dyn Classify, request: &Request, answer: &Response, now: Timestamp) -> Result<()> {
    let read = match redirect(answer) {
        Some(error) => Err(error),
        None => classify.classify(request, answer, now),
    };
    read.map_err(|mut error| {
        if request.access == Access::Write && may_have_acted(&error, answer.status) {
            error.effect = Effect::Unknown;
        }
        error
    })
}

/// A failure of the transport.
pub(super) fn lost(error: TransportError, access: Access) -> (Error, Finality) {
    let (kind, finality) =
        if error.is_final { (Kind::Fatal, Finality::Final) } else { (Kind::Transient, Finality::MayPass) };
    let mut lost = Error::new(kind, "no-answer", error.message);
    if access == Access::Write {
        lost.effect = error.effect;
    }
    (lost, finality)
}

/// How long nothing is to be sent after a throttle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PauseLength {
    /// So long.
    For(Duration),
    /// The service asked for more than is believed.
    Capped(Duration),
}

impl PauseLength {
    pub(super) fn length(self) -> Duration {
        match self {
            Self::For(length) | Self::Capped(length) => length,
        }
    }
}

/// How long to pause after the `nth` throttle in a row, 0 for the first; `now` by the clock that the time given is by.
pub(super) fn pause(error: &Error, nth: u32, now: Timestamp) -> PauseLength {
    let told = error.retry_at.filter(|_| !planted::is(Planted::IgnoreRetryAfter));
    let told = told.and_then(|at| Duration::try_from(at.duration_since(now)).ok());
    match told {
        Some(told) if told > LONGEST_PAUSE => PauseLength::Capped(LONGEST_PAUSE),
        Some(told) if !told.is_zero() => PauseLength::For(told),
        // "Now" cannot be meant by a service that has just refused.
        _ => PauseLength::For((FIRST_PAUSE * 2_u32.saturating_pow(nth.min(16))).min(LONGEST_GUESS)),
    }
}

/// A redirect is never followed: neither the token nor a write goes where nobody configured it.
pub(super) fn redirect(answer: &Response) -> Option<Error> {
    if !(300..400).contains(&answer.status) || answer.status == 304 {
        return None;
    }
    let target = answer.header("location").map_or_else(|| "nowhere".to_owned(), address::shown);
    let message = format!("the service answered with a redirect to `{target}`, which is not followed");
    Some(
        Error::new(Kind::Fatal, answer.status.to_string(), message)
            .hint("if that is the right address, write it as `base_url` (or `login_url`)"),
    )
}

/// A refusal with a status below 500 did nothing. What failed inside the service, or on the way, may have been done;
/// so may what answers with a redirect (a form that was taken often does).
fn may_have_acted(error: &Error, status: u16) -> bool {
    match error.kind {
        Kind::Transient => true,
        _ => status >= 500 || (300..400).contains(&status),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn throttle(at: Option<&str>) -> Error {
        Error { retry_at: at.map(|at| at.parse().unwrap()), ..Error::new(Kind::Throttled, "429", "slow down") }
    }

    #[test]
    fn pauses() {
        let now: Timestamp = "2026-11-23T10:00:00Z".parse().unwrap();
        let secs = Duration::from_secs;
        for (at, nth, expected) in [
            (Some("2026-11-23T10:00:17Z"), 0, PauseLength::For(secs(17))),
            (Some("2026-11-23T11:00:00Z"), 0, PauseLength::For(secs(3600))),
            (Some("2026-11-23T11:00:01Z"), 0, PauseLength::Capped(secs(3600))),
            (Some("2027-11-23T10:00:00Z"), 0, PauseLength::Capped(secs(3600))),
            (Some("2026-11-23T10:00:00Z"), 0, PauseLength::For(secs(1))),
            (Some("1999-01-01T00:00:00Z"), 2, PauseLength::For(secs(4))),
            (None, 0, PauseLength::For(secs(1))),
            (None, 3, PauseLength::For(secs(8))),
            (None, 1000, PauseLength::For(secs(60))),
        ] {
            assert_eq!(pause(&throttle(at), nth, now), expected, "{at:?}, {nth}");
        }
    }
}
