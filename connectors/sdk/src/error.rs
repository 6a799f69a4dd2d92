//! What went wrong: what it was, whether to try again, and whether the remote may have changed.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A result of a connector.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure, of a whole call or of one item of a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Error {
    /// What it was; from this follows what happens (see [`Kind`]).
    pub kind: Kind,
    /// Whether the remote may have changed. `Unknown` forbids a blind retry.
    pub effect: Effect,
    /// The service's own code: `DUPLICATE_VALUE`, `429`.
    pub code: String,
    /// The service's own words, or ours. Never a secret; it may hold customers' values, so it is shown to people
    /// and never logged at `info`.
    pub message: String,
    /// The native field it is about, for `RejectedField` and `Fatal`.
    pub field: Option<String>,
    /// Not before this time.
    pub retry_at: Option<Timestamp>,
    /// What a person can do.
    pub hint: Option<String>,
    /// The id of the record that is in the way, for `Conflict` where the service names it.
    pub other: Option<String>,
}

/// What a failure was. The comment says what the engine does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Connect error, timeout, 5xx, unreadable body: backoff, then the next cycle.
    Transient,
    /// 429, spent quota: the limiter pauses; no attempt is counted.
    Throttled,
    /// 401, expired, revoked: log in again once, then wait for a person.
    Auth,
    /// 409, 412, duplicate value, row lock: read, reconcile, write again.
    Conflict,
    /// The record is not there.
    Gone,
    /// One field's value is refused: the others are written, this one is parked.
    RejectedField,
    /// The record is refused: parked.
    RejectedRecord,
    /// The request itself is impossible (a mapped field is gone from the schema, no permission on the object).
    Fatal,
    /// The body of the request was too large: split it.
    TooLarge,
    /// The call's deadline passed, or the daemon stops, before anything was sent.
    Cancelled,
}

/// Whether the remote may have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// Certainly not.
    None,
    /// Nobody can tell without reading.
    Unknown,
}

impl Error {
    /// A failure without effect.
    pub fn new(kind: Kind, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            kind,
            effect: Effect::None,
            code: code.into(),
            message: message.into(),
            field: None,
            retry_at: None,
            hint: None,
            other: None,
        }
    }

    /// The same, where the remote may have changed.
    #[must_use]
    pub fn in_doubt(mut self) -> Self {
        self.effect = Effect::Unknown;
        self
    }

    /// The same, about this native field.
    #[must_use]
    pub fn about(mut self, field: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// The same, with advice.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same, not to be tried again before `at`.
    #[must_use]
    pub fn not_before(mut self, at: Timestamp) -> Self {
        self.retry_at = Some(at);
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.message)?;
        if !self.code.is_empty() && !self.message.contains(&self.code) {
            write!(f, " ({})", self.code)?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}
