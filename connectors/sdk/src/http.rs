//! The seams below a connector.
//!
//! ```text
//! connector ──Request──▶ Http (limiter · login · read retries · no redirects) ──▶ Transport (a socket, or a
//!                          ▲ Limits  ▲ Login  ▲ Classify  ▲ Ledger  ▲ Vault         sandbox in process)
//! ```
//! The manifest fills in [`Limits`], [`Login`] and [`Classify`]; the daemon's `http` enforces them; its store keeps
//! the [`Ledger`] and the [`Vault`].

use std::{
    any::Any,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Method};
use jiff::Timestamp;
use secrecy::SecretString;
use serde::Serialize;

use crate::{BoxFuture, Call, Effect, Error, Lane, Result};

/// One request of a connector, before login and base URL are added.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// A path with query that starts with `/`, joined to the base URL; or an absolute URL, which must have the base
    /// URL's origin (a `next` link) and is refused otherwise.
    pub url: String,
    /// Headers, without authorisation.
    pub headers: HeaderMap,
    /// The body; empty for none.
    pub body: Bytes,
    /// Which of the limits with `only` apply: `search`, `bulk`, … Empty for none.
    pub tag: &'static str,
    /// What it costs, where calls cost differently; ordinarily 1.
    pub cost: u32,
    /// Reads are repeated inside the HTTP layer, writes never.
    pub access: Access,
}

/// Whether a request can change the remote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It changes nothing: it may be sent again.
    Read,
    /// It may change something: it is sent once.
    Write,
}

/// A complete answer, whatever its status.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, decompressed, capped in size.
    pub body: Bytes,
}

impl Response {
    /// A header's text, if it is there and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// The layers around a transport, as a connector sees them.
pub trait Http: Send + Sync + 'static {
    /// Sends a request when the limits allow, logged in. A status that is an error by [`Classify`] comes back as
    /// `Err`; every other answer as `Ok`.
    fn send<'a>(&'a self, call: &'a Call, request: Request) -> BoxFuture<'a, Result<Response>>;

    /// Waits until requests with these tags (`""` for an ordinary one) may all be sent at once, and keeps them for
    /// the call that carries the permit.
    fn reserve<'a>(&'a self, lane: Lane, tags: &'a [&'static str]) -> BoxFuture<'a, Result<Permit>>;

    /// How this connector is.
    fn health(&self) -> Health;

    /// What the service allows, for plans; nothing is known of layers that do not say.
    fn limits(&self) -> Limits {
        Limits::default()
    }
}

/// Requests that were paid for beforehand. What was not used is given back when the permit is dropped.
#[derive(Debug)]
pub struct Permit {
    left: AtomicU32,
    ticket: Option<Arc<dyn Any + Send + Sync>>,
}

impl Permit {
    /// A permit for so many requests.
    pub fn new(requests: u32) -> Self {
        Self { left: AtomicU32::new(requests), ticket: None }
    }

    /// The same, with what the issuing [`Http`] needs to recognise it; dropped with the permit.
    #[must_use]
    pub fn with_ticket(mut self, ticket: Arc<dyn Any + Send + Sync>) -> Self {
        self.ticket = Some(ticket);
        self
    }

    /// Takes one; `false` when none is left.
    pub fn take(&self) -> bool {
        self.left.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1)).is_ok()
    }

    /// What the issuer attached.
    pub fn ticket(&self) -> Option<&(dyn Any + Send + Sync)> {
        self.ticket.as_deref()
    }
}

/// How a connector is, for `status`, metrics and the engine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Health {
    /// The state of the login.
    pub login: LoginState,
    /// Calls counted against the daily quota in the current window: the service's own word where it tells, else ours.
    pub daily_used: u64,
    /// The daily quota, if there is one.
    pub daily_limit: Option<u64>,
    /// The part of the daily quota that is ours (`daily_share`).
    pub daily_ours: Option<u64>,
    /// Calls that Hymnal itself made in the current window.
    pub daily_by_us: u64,
    /// Nothing is sent before this time, because the service said so or our share is spent.
    pub paused_until: Option<Timestamp>,
    /// Why it is paused, in words.
    pub paused_because: Option<String>,
    /// The service's clock minus ours, in milliseconds, from `Date` headers.
    pub clock_offset_ms: Option<i64>,
    /// Requests sent since start.
    pub requests: u64,
    /// Answers that were a throttle, since start.
    pub throttled: u64,
    /// The last failure, in words without personal data: kind, status and code.
    pub last_error: Option<String>,
}

/// The state of a login.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LoginState {
    /// Nothing was asked yet.
    #[default]
    Unknown,
    /// The last answer accepted our token.
    Ok,
    /// The service refuses it: a person is needed.
    NeedsLogin,
}

/// A socket, or something that behaves like one: sends exactly one request to an absolute URL, follows nothing.
pub trait Transport: Send + Sync + 'static {
    /// Sends a request whose URL is absolute and complete.
    ///
    /// # Errors
    /// [`TransportError`] when no complete answer came.
    fn send(&self, request: Request, timeout: Duration) -> BoxFuture<'_, Result<Response, TransportError>>;
}

/// No complete answer.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct TransportError {
    /// What happened, without secrets.
    pub message: String,
    /// `None` if the request certainly never reached the service (name not resolved, connection refused).
    pub effect: Effect,
    /// Trying again cannot help (a certificate, a refused redirect, a body over the cap).
    pub is_final: bool,
}

/// What a service allows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Requests per window; several hold at once.
    pub rates: Vec<Rate>,
    /// The daily quota.
    pub daily: Option<Daily>,
    /// Requests in flight at once.
    pub concurrency: Option<u32>,
    /// Our part of the daily quota, 0 to 1.
    pub daily_share: Share,
    /// The part of ours that is kept for lanes up to `Hinted`, 0 to 1.
    pub reserve: Share,
}

/// A share, in parts per ten thousand: exact, comparable, no floating point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u32);

impl Share {
    /// From a number between 0 and 1; clamped.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=10_000 before")]
    pub fn new(share: f64) -> Self {
        Self((share.clamp(0.0, 1.0) * 10_000.0).round() as u32)
    }

    /// This share of `whole`, rounded down.
    pub fn of(self, whole: u64) -> u64 {
        whole / 10_000 * u64::from(self.0) + whole % 10_000 * u64::from(self.0) / 10_000
    }
}

/// So many requests in any window of this length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Requests (or cost) in the window.
    pub requests: u32,
    /// The window.
    pub per: Duration,
    /// Only for requests with one of these tags; empty: for all.
    pub only: Vec<String>,
}

/// A daily quota.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Daily {
    /// Requests a day, until the service tells otherwise.
    pub requests: u64,
    /// When it starts anew.
    pub resets: Resets,
}

/// When a daily quota starts anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resets {
    /// It never does at once: each call counts for 24 hours.
    Rolling,
    /// At midnight in this IANA time zone.
    Midnight(String),
}

/// How to log in. Static tokens never ask for a request.
pub trait Login: Send + Sync + 'static {
    /// The request that opens a session, complete with its absolute URL; `None` where the token is in the settings
    /// and `start` makes the session.
    ///
    /// # Errors
    /// A setting that cannot be used (a key that is no key).
    fn request(&self, now: Timestamp, refresh: Option<&SecretString>) -> Result<Option<Request>>;

    /// The session from the answer (or, without one, from the settings).
    ///
    /// # Errors
    /// `Auth` where the service refuses, in its own words.
    fn session(&self, answer: Option<&Response>, now: Timestamp) -> Result<Session>;

    /// Puts the session's token on a request.
    fn sign(&self, session: &Session, request: &mut Request);
}

/// An open session.
#[derive(Clone, Debug)]
pub struct Session {
    /// The token.
    pub token: SecretString,
    /// Where this account's API is; no trailing slash.
    pub base_url: String,
    /// Log in again after this time.
    pub expires_at: Option<Timestamp>,
    /// A refresh token that replaces the stored one: stored durably before the session is used.
    pub refresh: Option<SecretString>,
}

/// What an answer means, before a connector looks into it.
pub trait Classify: Send + Sync + 'static {
    /// `Ok` where the connector should read it; else the error it is. `now` is for `Retry-After`.
    ///
    /// # Errors
    /// The error that the answer is, with `effect` as for a read: the layer corrects it for writes.
    fn classify(&self, request: &Request, answer: &Response, now: Timestamp) -> Result<()>;

    /// What the answer tells of the daily quota: (used, limit).
    fn daily(&self, answer: &Response) -> Option<(u64, u64)>;
}

/// Keeps what must survive a restart about calls made. Small values under names, durable when `save` returns.
pub trait Ledger: Send + Sync + 'static {
    /// What was saved under this name.
    fn load(&self, name: &str) -> Option<Vec<u8>>;

    /// Saves durably.
    ///
    /// # Errors
    /// The store cannot write now: nothing may be sent that would need it.
    fn save(&self, name: &str, value: &[u8]) -> Result<()>;
}

/// Keeps rotated refresh tokens.
pub trait Vault: Send + Sync + 'static {
    /// The stored token of this connector.
    fn load(&self, connector: &str) -> Option<SecretString>;

    /// Stores durably.
    ///
    /// # Errors
    /// The store cannot write now: the new token must not be used yet.
    fn save(&self, connector: &str, token: &SecretString) -> Result<()>;
}

/// An error for an answer that cannot be read: in doubt for writes.
pub fn unreadable(access: Access, message: impl Into<String>) -> Error {
    let error = Error::new(crate::Kind::Transient, "unreadable", message);
    match access {
        Access::Read => error,
        Access::Write => error.in_doubt(),
    }
}
