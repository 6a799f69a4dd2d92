//! What a cycle came to.

use hymnal_sdk::{Error, Kind, Timestamp};

use crate::{
    merge::{Id, Side},
    store::StoreError,
};

/// Why a step could not go on.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The store: nothing can be decided.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A service: the other one goes on.
    #[error("{error}")]
    Service {
        /// Which.
        side: Side,
        /// What it was.
        error: Error,
    },
}

impl Failure {
    /// For `map_err`.
    pub fn at(side: Side) -> impl Fn(Error) -> Self {
        move |error| Self::Service { side, error }
    }
}

/// What a cycle came to.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Which.
    pub cycle: Option<Id>,
    /// Entities that changed by what was read.
    pub observed: usize,
    /// Records written.
    pub written: Written,
    /// Records deleted, because the other side's were.
    pub removed: usize,
    /// A comparison of everything is under way and goes on in the next cycle.
    pub checking: bool,
    /// What could not be done, by side.
    pub troubles: Vec<(Side, Error)>,
    /// The outbox is not empty, for reasons that time or a service removes.
    pub pending: u64,
    /// Holds of guards that wait for an answer.
    pub holds: u64,
    /// Why nothing was written, if it is so.
    pub held: Option<Held>,
    /// The earliest time at which waiting work is due.
    pub next_due: Option<Timestamp>,
}

/// Records written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Made.
    pub created: usize,
    /// Changed.
    pub updated: usize,
}

/// Why nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// The first run waits for a person.
    FirstRun,
    /// A person paused it.
    Paused,
    /// It only observes.
    Observing,
    /// The configuration changed, and what follows would cross a guard.
    Configuration,
    /// A login opens another account than the state knows.
    Account,
    /// A system has not been read once.
    FirstPull,
}

impl Report {
    /// The outbox is empty and this pull of each system brought nothing new.
    pub fn is_quiet(&self) -> bool {
        let is_still = self.observed == 0 && self.written == Written::default() && self.removed == 0;
        // Who only observes leaves everything pending.
        let is_done = self.pending == 0 || self.held == Some(Held::Observing);
        is_still && !self.checking && is_done && self.troubles.is_empty()
    }

    /// Notes a failure of a service; a failure of the store ends the cycle.
    pub fn note(&mut self, failure: Failure) -> Result<(), StoreError> {
        match failure {
            Failure::Store(error) => Err(error),
            Failure::Service { side, error } => {
                self.due(error.retry_at);
                self.troubles.push((side, error));
                Ok(())
            }
        }
    }

    /// Notes when something is due.
    pub fn due(&mut self, at: Option<Timestamp>) {
        self.next_due = match (self.next_due, at) {
            (Some(known), Some(at)) => Some(known.min(at)),
            (known, at) => known.or(at),
        };
    }

    /// A person is needed before one of the systems answers again.
    pub fn needs_login(&self) -> bool {
        self.troubles.iter().any(|(_, error)| error.kind == Kind::Auth)
    }
}
