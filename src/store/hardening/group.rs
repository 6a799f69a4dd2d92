//! Concurrent commits share one sync: whoever comes while a commit is under way waits, and is part of the next.

use std::{
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError},
};

use crate::store::kv::{Batch, StoreError};

/// The outcome of a group, for each of its members.
type Outcome = Arc<OnceLock<Result<(), Arc<StoreError>>>>;

/// Those who wait for the commit under way.
#[derive(Debug, Default)]
pub(in crate::store) struct Group {
    state: Mutex<State>,
    done: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<(Batch, Outcome)>,
    busy: bool,
}

impl Group {
    /// Commits a batch together with all that wait, by `commit`, which gets them in the order in which they came, and
    /// never runs twice at once. The error of a group is every member's.
    pub(in crate::store) fn run(
        &self,
        batch: Batch,
        commit: impl Fn(&[Batch]) -> Result<(), StoreError>,
        panicked: impl Fn() -> StoreError,
    ) -> Result<(), Arc<StoreError>> {
        let outcome = Outcome::default();
        let mut state = self.lock();
        state.waiting.push((batch, Arc::clone(&outcome)));
        loop {
            if let Some(outcome) = outcome.get() {
                return outcome.clone();
            }
            if state.busy {
                state = self.done.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            // The first to find nothing under way leads one group, which its own batch is part of.
            state.busy = true;
            let (batches, outcomes): (Vec<_>, Vec<_>) = mem::take(&mut state.waiting).into_iter().unzip();
            drop(state);
            let result = catch_unwind(AssertUnwindSafe(|| commit(&batches))).unwrap_or_else(|_| Err(panicked()));
            let result = result.map_err(Arc::new);
            for outcome in outcomes {
                let _ = outcome.set(result.clone());
            }
            state = self.lock();
            state.busy = false;
            self.done.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The same error once more: [`StoreError`] cannot be cloned, since a system's error cannot.
pub(in crate::store) fn again(error: &StoreError) -> StoreError {
    match error {
        StoreError::Held { path, pid } => StoreError::Held { path: path.clone(), pid: pid.clone() },
        StoreError::Copied { path, store } => StoreError::Copied { path: path.clone(), store: *store },
        StoreError::Refused { path, reason } => StoreError::Refused { path: path.clone(), reason: reason.clone() },
        StoreError::Full { path } => StoreError::Full { path: path.clone() },
        StoreError::BadValue { key, reason } => StoreError::BadValue { key: key.clone(), reason: reason.clone() },
        StoreError::Io { path, source } => {
            let source = std::io::Error::new(source.kind(), source.to_string());
            StoreError::Io { path: path.clone(), source }
        }
    }
}
