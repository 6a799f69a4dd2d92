//! One simulated account: its data, its clock, the faults planted in it, and what was asked of it.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use hymnal_memory::service::Service;
use hymnal_sdk::{Clock, Timestamp};

/// A face's handle on its account. Cheap to clone.
#[derive(Clone)]
pub struct Account {
    clock: Arc<dyn Clock>,
    inner: Arc<Mutex<Inner>>,
}

/// What an account holds.
#[derive(Debug, Default)]
pub struct Inner {
    /// The data.
    pub data: Service,
    /// Added to the clock: a service whose clock is wrong, or a test that moves time.
    pub skew: jiff::SignedDuration,
    /// Faults that wait for a request to hit, oldest first.
    pub faults: VecDeque<Planted>,
    /// Requests so far, oldest first: method, path with query, status. Capped at the last 100,000.
    pub requests: VecDeque<Seen>,
    /// Numbers the ids.
    pub next_id: u64,
}

/// A request that was answered.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The status answered; 0 where the connection was cut.
    pub status: u16,
    /// It changed data.
    pub wrote: bool,
}

/// A fault on the wire, for requests whose method and path match.
#[derive(Clone, Debug)]
pub struct Planted {
    /// The method, or empty for any.
    pub method: String,
    /// A part of the path, or empty for any.
    pub path: String,
    /// How many requests it still hits.
    pub times: u32,
    /// What happens.
    pub fault: Fault,
}

/// What happens to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// This status, this `Retry-After` (verbatim, empty for none), this body; nothing is applied.
    Answer {
        /// The status.
        status: u16,
        /// The header's text.
        retry_after: String,
        /// The body.
        body: String,
    },
    /// It is applied and the connection is cut before an answer.
    AppliedAnswerLost,
    /// The connection is cut before anything is applied.
    RefusedConnection,
    /// It is applied and answered with 500.
    AppliedThen500,
    /// HTML with status 200; nothing is applied.
    Html,
    /// Half of the right answer, then the connection is cut; it is applied.
    Truncated,
    /// The access token is no longer valid.
    ExpiredToken,
}

impl Account {
    /// An empty account on this clock.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, inner: Arc::default() }
    }

    /// The account's time.
    pub fn now(&self) -> Timestamp {
        let skew = self.lock().skew;
        self.clock.now().saturating_add(skew).unwrap_or(Timestamp::MAX)
    }

    /// The data, locked. Hold it for one operation only.
    pub fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
