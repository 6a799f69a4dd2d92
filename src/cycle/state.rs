//! What a sync remembers of itself: flags, times, its pause, its last cycle.

use hymnal_sdk::{Error, Kind, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    Sync,
    report::{Failure, Held, Report},
};
use crate::{
    merge::{FirstRun, Id, Side},
    store::{Batch, Kv, StoreError, format, tables::Tag},
};

/// A person's pause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// Until when; `None`: until `resume`.
    pub until: Option<Timestamp>,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
}

/// What is remembered of the last cycle, for `status`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastCycle {
    /// Its id.
    pub id: Id,
    /// When it ended.
    pub at: Timestamp,
    /// Entities that changed by what was read.
    pub observed: u64,
    /// Records made.
    pub created: u64,
    /// Records changed.
    pub updated: u64,
    /// What could not be done.
    pub troubles: Vec<Trouble>,
    /// Held by the first run, or paused.
    pub held: Option<String>,
}

/// Why a system could not be worked with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// The connector's name.
    pub connector: String,
    /// What kind of failure: `throttled`, `auth`, `transient`, …
    pub kind: Kind,
    /// The service's code.
    pub code: String,
    /// Not before this time.
    pub retry_at: Option<Timestamp>,
}

/// What the store keeps of syncs, for those who have a store and no running sync too.
pub struct SyncState<'a> {
    /// The store.
    pub store: &'a dyn Kv,
    /// The sync's number.
    pub tag: Tag,
}

impl SyncState<'_> {
    /// A person saw what the first run would do.
    pub fn is_approved(&self) -> Result<bool, StoreError> {
        Ok(self.store.get(&self.tag.state("approved"))?.is_some())
    }

    /// Lets the first run go.
    pub fn approve(&self) -> Result<(), StoreError> {
        self.set("approved", Some(vec![1]))
    }

    /// The pause in force at `now`.
    pub fn pause(&self, now: Timestamp) -> Result<Option<Pause>, StoreError> {
        let key = self.tag.state("pause");
        let Some(bytes) = self.store.get(&key)? else { return Ok(None) };
        let Some(pause) = format::open_readable::<Pause>(&key, &bytes) else {
            // Somebody paused it. Until when is not known, so until somebody resumes it.
            let reason = "the stored pause does not read; `hymnal resume` ends it".to_owned();
            return Ok(Some(Pause { until: None, reason, since: now }));
        };
        Ok((pause.until.is_none_or(|until| now < until)).then_some(pause))
    }

    /// Pauses, or resumes.
    pub fn set_pause(&self, pause: Option<&Pause>) -> Result<(), StoreError> {
        self.set("pause", pause.map(format::seal))
    }

    /// The last cycle.
    pub fn last_cycle(&self) -> Result<Option<LastCycle>, StoreError> {
        let key = self.tag.state("cycle");
        Ok(self.store.get(&key)?.and_then(|bytes| format::open_readable(&key, &bytes)))
    }

    pub(super) fn drop_tables(&self, letters: &[u8]) -> Result<(), StoreError> {
        letters.iter().try_for_each(|letter| self.drop_rows(*letter, |_| true))
    }

    /// Drops the rows of a table that are `meant`.
    pub(super) fn drop_rows(&self, letter: u8, meant: impl Fn(&[u8]) -> bool) -> Result<(), StoreError> {
        let prefix = self.tag.table(letter);
        let mut after: Option<Vec<u8>> = None;
        loop {
            let rows = self.store.scan(&prefix, after.as_deref(), 1000)?;
            let Some((last, _)) = rows.last() else { return Ok(()) };
            after = Some(last.clone());
            let mut batch = Batch::default();
            for (key, _) in rows {
                if meant(&key) {
                    batch.delete(key);
                }
            }
            self.store.commit(batch)?;
        }
    }

    pub(super) fn set(&self, name: &str, value: Option<Vec<u8>>) -> Result<(), StoreError> {
        let mut batch = Batch::default();
        match value {
            Some(value) => batch.put(self.tag.state(name), value),
            None => batch.delete(self.tag.state(name)),
        }
        self.store.commit(batch)
    }
}

impl Sync {
    /// What the store keeps of this sync.
    pub fn state(&self) -> SyncState<'_> {
        SyncState { store: &*self.committer.store, tag: self.committer.tag }
    }

    /// The first run may write. A state that is being rebuilt waits for a person, whatever the configuration says.
    pub fn is_approved(&self) -> Result<bool, StoreError> {
        let goes_at_once = self.committer.rules.first_run == FirstRun::Go && !self.flag(REBUILDING)?;
        Ok(goes_at_once || self.state().is_approved()?)
    }

    /// The pause in force.
    pub fn pause(&self, now: Timestamp) -> Result<Option<Pause>, StoreError> {
        self.state().pause(now)
    }

    pub(super) fn flag(&self, name: &str) -> Result<bool, StoreError> {
        Ok(self.committer.store.get(&self.committer.tag.state(name))?.is_some())
    }

    pub(super) async fn set_flag(&self, cycle: Id, name: &str, on: bool) -> Result<(), StoreError> {
        if self.flag(name)? == on {
            return Ok(());
        }
        let key = self.committer.tag.state(name);
        self.decide(cycle, |world| {
            world.set(key, on.then(|| vec![1]));
            Ok(())
        })
        .await?;
        Ok(())
    }

    pub(super) fn time(&self, name: &str) -> Result<Option<Timestamp>, StoreError> {
        let Some(bytes) = self.committer.store.get(&self.committer.tag.state(name))? else { return Ok(None) };
        let millis = <[u8; 8]>::try_from(bytes.as_slice()).map(i64::from_be_bytes).unwrap_or_default();
        Ok(Timestamp::from_millisecond(millis).ok())
    }

    pub(super) fn set_time(&self, name: &str, at: Timestamp) -> Result<(), StoreError> {
        self.state().set(name, Some(at.as_millisecond().to_be_bytes().to_vec()))
    }

    /// Remembers which systems made a cycle wait whose time was over before its end.
    ///
    /// # Errors
    /// The store's.
    pub async fn note_interrupted(&self) -> Result<(), StoreError> {
        let cycle = self.committer.new_cycle().await;
        let mut report = Report { cycle: Some(cycle), ..Report::default() };
        for side in Side::BOTH {
            let health = self.systems[side].connector.http().map(hymnal_sdk::Http::health);
            let paused = health.and_then(|health| Some((health.paused_until?, health.paused_because?)));
            let error = match paused {
                Some((until, because)) => {
                    Error { retry_at: Some(until), ..Error::new(Kind::Throttled, "paused", because) }
                }
                None if self.lock_read()[side] => continue,
                None => Error::new(Kind::Transient, "timeout", "the system was not read before the time was over"),
            };
            report.note(Failure::Service { side, error })?;
        }
        report.pending = self.outbox()?;
        self.note_cycle(cycle, &report)
    }

    /// Remembers the cycle, unless it was as quiet as the one before: an idle cycle writes nothing.
    pub(super) fn note_cycle(&self, cycle: Id, report: &Report) -> Result<(), StoreError> {
        let troubles = report.troubles.iter();
        let troubles: Vec<_> = troubles
            .map(|(side, error)| Trouble {
                connector: self.systems[*side].name.clone(),
                kind: error.kind,
                code: error.code.clone(),
                retry_at: error.retry_at,
            })
            .collect();
        let last = LastCycle {
            id: cycle,
            at: self.committer.clock.now(),
            observed: report.observed as u64,
            created: report.written.created as u64,
            updated: report.written.updated as u64,
            troubles,
            held: report.held.map(|held| held.word().to_owned()),
        };
        let before = self.state().last_cycle()?;
        let same = before.is_some_and(|before| LastCycle { id: last.id, at: last.at, ..before } == last);
        if same && report.is_quiet() {
            return Ok(());
        }
        self.state().set("cycle", Some(format::seal(&last)))
    }
}

impl Held {
    /// The word in `status`.
    pub fn word(self) -> &'static str {
        match self {
            Self::FirstRun => "first_run",
            Self::Paused => "paused",
            Self::FirstPull => "first_pull",
            Self::Observing => "observe",
            Self::Configuration => "configuration",
            Self::Account => "account",
        }
    }
}

/// The name of the flag that the state was lost and is being rebuilt, until the first load is over.
pub const REBUILDING: &str = "rebuilding";

/// The name of the flag that the first load is over.
pub const LOADED: &str = "loaded";
