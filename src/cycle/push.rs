//! The outbox of one side, emptied: lanes in order, batches as large as the service takes, several in flight.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, stream::FuturesUnordered};
use hymnal_sdk::{Error, Kind, Lane};

use super::{
    Sync,
    report::{Failure, Written},
    state::LOADED,
    world::{CONSENT, Job, LANES, PERSON, SECONDARY},
};
use crate::{
    merge::{Id, Side},
    store::tables::entity_of,
};

/// Batches in flight at once on one side: one slow answer does not idle the limiter.
const IN_FLIGHT: usize = 6;
/// How often a record that is in conflict with something is read and written again before it waits for the next cycle.
const ROUNDS: usize = 3;
/// Rows of the outbox read at once.
const PAGE: usize = 1000;

/// What pushing one side came to.
#[derive(Debug, Default)]
pub struct Pushed {
    /// Records written.
    pub written: Written,
    /// Records deleted.
    pub removed: usize,
    /// Why it stopped early.
    pub trouble: Option<Error>,
    /// When the rest is due, where it waits for a time.
    pub due: Option<hymnal_sdk::Timestamp>,
}

/// What one batch came to.
#[derive(Debug, Default)]
pub struct Sent {
    /// Records written.
    pub written: Written,
    /// Records deleted.
    pub removed: usize,
    /// The service cannot be written to now: a throttle, a lost login, an outage.
    pub trouble: Option<Error>,
    /// When a creation in doubt may be looked for again.
    pub due: Option<hymnal_sdk::Timestamp>,
}

impl Sync {
    /// Writes what is due on one side.
    ///
    /// # Errors
    /// The store's; what a service refuses is in the answer.
    pub async fn push(&self, cycle: Id, side: Side) -> Result<Pushed, Failure> {
        let mut pushed = Pushed::default();
        // Where nobody knows yet whose account it is, nothing is written to it.
        if !self.lock_accounts()[side] {
            return Ok(pushed);
        }
        for _ in 0..ROUNDS {
            let mut anything = false;
            for lane in LANES {
                anything |= self.push_lane(cycle, side, lane, &mut pushed).await?;
                if pushed.trouble.is_some() {
                    return Ok(pushed);
                }
            }
            if !anything {
                break;
            }
        }
        Ok(pushed)
    }

    /// One pass over one lane. Answers whether anything stood in it.
    async fn push_lane(&self, cycle: Id, side: Side, lane: u8, pushed: &mut Pushed) -> Result<bool, Failure> {
        let prefix = self.committer.tag.outbox(side, lane);
        let urgency = self.urgency(lane)?;
        let mut waiting: BTreeMap<Job, BTreeSet<Id>> = BTreeMap::new();
        let mut flying = FuturesUnordered::new();
        let mut after: Option<Vec<u8>> = None;
        let mut anything = false;
        let mut exhausted = false;
        loop {
            while flying.len() < IN_FLIGHT && pushed.trouble.is_none() && self.goes_on()? {
                if let Some((job, ids)) = self.next_batch(&mut waiting, side, exhausted)? {
                    flying.push(self.send(cycle, side, urgency, job, ids));
                } else if exhausted {
                    break;
                } else {
                    let rows = self.committer.store.scan(&prefix, after.as_deref(), PAGE).map_err(Failure::Store)?;
                    exhausted = rows.len() < PAGE;
                    after = rows.last().map(|(key, _)| key.clone()).or(after);
                    anything |= !rows.is_empty();
                    let jobs = rows.iter().filter_map(|(key, value)| Some((entity_of(key)?, Job::from_bytes(value)?)));
                    let jobs = self.without_held(cycle, side, jobs.collect()).await.map_err(Failure::Store)?;
                    for (id, job) in jobs {
                        waiting.entry(job).or_default().insert(id);
                    }
                }
            }
            let Some(sent) = flying.next().await else { break };
            let batch = sent?;
            pushed.written.created += batch.written.created;
            pushed.written.updated += batch.written.updated;
            pushed.removed += batch.removed;
            pushed.trouble = pushed.trouble.take().or(batch.trouble);
            pushed.due = [pushed.due, batch.due].into_iter().flatten().min();
        }
        Ok(anything)
    }

    /// Nobody has asked it to end, or to pause: a first load takes hours, and a person who pauses it means now.
    fn goes_on(&self) -> Result<bool, Failure> {
        Ok(!self.is_stopping() && self.pause(self.committer.clock.now())?.is_none())
    }

    /// A full batch, or the rest where the lane has no more.
    fn next_batch(
        &self,
        waiting: &mut BTreeMap<Job, BTreeSet<Id>>,
        side: Side,
        exhausted: bool,
    ) -> Result<Option<(Job, Vec<Id>)>, Failure> {
        for (job, ids) in waiting.iter_mut() {
            let most = self.batch_size(side, job)?;
            if ids.len() >= most || (exhausted && !ids.is_empty()) {
                let full = std::iter::from_fn(|| ids.pop_first()).take(most).collect();
                return Ok(Some((job.clone(), full)));
            }
        }
        Ok(None)
    }

    /// As many as the service takes in one write, and reads in one go before it.
    pub(super) fn batch_size(&self, side: Side, job: &Job) -> Result<usize, Failure> {
        let system = &self.systems[side];
        let (Job::Update(object) | Job::Create(object) | Job::Remove(object) | Job::Secondary(object)) = job;
        let capable = system.connector.capable(object).map_err(Failure::at(side))?;
        let most = match job {
            Job::Update(_) | Job::Secondary(_) => capable.update_batch.min(capable.get_batch),
            Job::Remove(_) => capable.delete_batch.min(capable.get_batch),
            Job::Create(_) => capable.create_batch.min(capable.find_batch.max(1)),
        };
        Ok(most.max(1))
    }

    /// Until the outbox was empty once, it is the first load: bulk, which leaves the reserve alone and re-routes nobody.
    pub(super) fn urgency(&self, lane: u8) -> Result<Lane, Failure> {
        match lane {
            CONSENT | SECONDARY => return Ok(Lane::Consent),
            PERSON => return Ok(Lane::Person),
            _ => {}
        }
        let is_loaded = self.flag(LOADED).map_err(Failure::Store)?;
        Ok(if is_loaded { Lane::Ordinary } else { Lane::Bulk })
    }

    pub(super) async fn send(
        &self,
        cycle: Id,
        side: Side,
        lane: Lane,
        job: Job,
        ids: Vec<Id>,
    ) -> Result<Sent, Failure> {
        match job {
            Job::Update(object) => self.update(cycle, side, lane, &object, &ids).await,
            Job::Create(object) => self.create(cycle, side, lane, &object, &ids).await,
            Job::Secondary(object) => self.update_secondaries(cycle, side, lane, &object, &ids).await,
            Job::Remove(object) => self.remove(cycle, side, lane, &object, &ids).await,
        }
    }
}

impl Sent {
    /// Nothing was written, because of this. A failure of one call is no failure of the cycle.
    pub fn trouble(error: Error) -> Self {
        Self { trouble: Some(error), ..Self::default() }
    }

    /// Notes what an item's failure means for those after it.
    pub fn note(&mut self, error: &Error) {
        if matches!(error.kind, Kind::Throttled | Kind::Auth | Kind::Transient | Kind::Cancelled) {
            self.trouble.get_or_insert_with(|| error.clone());
        }
    }
}
