//! One cycle of one sync: what was read is reconciled and committed page by page, what is due is verified, marked,
//! written and confirmed.
//!
//! ```text
//! pull ─▶ reconcile ─▶ commit          (both systems side by side, a page a commit)
//!   └─▶ deletions ─▶ matching           (once every object was read)
//!         └─▶ push: verify ─▶ mark ─▶ write ─▶ confirm   (both systems side by side, several batches in flight)
//! ```
//!
//! | file | what |
//! |---|---|
//! | [`system`] | one system of a running sync |
//! | [`commit`] | one decision, one commit |
//! | [`world`] | the store as one decision sees it |
//! | [`counts`] | how many there are |
//! | [`pull`] | what changed in one system |
//! | [`reconcile`] | what was observed, folded into what is known |
//! | [`forget`] | the erasure of a person |
//! | [`moves`] | records that live on under another address |
//! | `converted` | who was converted out of the sync, or before anybody here knew of them |
//! | [`spread`] | restrictions that reach everybody with the same e-mail |
//! | [`mod@derive`] | what follows from an entity: what waits, whom it is related to |
//! | `full_check` | everything compared, once a day |
//! | [`guard`], [`holds`] | how much may be written; what waits beyond it |
//! | [`matching`] | records that nobody knows yet |
//! | [`deletions`] | who was deleted |
//! | [`due`] | what waited for its time |
//! | [`outbox`] | lanes and jobs |
//! | [`parked`] | what is set aside, by its reason |
//! | [`push`] | the outbox of one side |
//! | [`update`], [`create`], [`remove`], [`secondary`] | one batch |
//! | [`exchange`] | writes that wait for each other |
//! | [`people`] | who is who, by a person's word |
//! | [`apply`] | a plan done, or a pilot of it |
//! | [`discard`] | everything that was decided, dropped |
//! | [`adopt`], [`changed`] | rules that have changed, and what follows from that |
//! | [`account`] | whose account a login opens |
//! | `resync` | read again, by a person's wish |
//! | [`sight`] | the alarm when many cannot be seen |
//! | [`state`] | what a sync remembers of itself |
//! | [`resolve`] | a person answers a conflict |
//! | [`audit`] | everything compared |
//! | [`plan`] | what a cycle would do, written nowhere |
//! | `users` | whom records can belong to |
//! | [`sweep`] | what is older than it is kept |
//! | [`undo`] | what was written is taken back |
//! | [`report`] | what a cycle came to |
//! | `unreadable` | whose state does not read |
//! | [`ids`] | the one source of ids |

pub mod account;
pub mod adopt;
pub mod apply;
pub mod audit;
pub mod changed;
pub mod commit;
mod converted;
pub mod counts;
pub mod create;
pub mod deletions;
pub mod derive;
pub mod discard;
pub mod due;
pub mod exchange;
pub mod forget;
mod full_check;
pub mod gone_fields;
pub mod guard;
pub mod holds;
pub mod ids;
pub mod matching;
pub mod moves;
pub mod outbox;
pub mod parked;
pub mod people;
pub mod plan;
pub mod pull;
pub mod push;
pub mod reconcile;
pub mod remove;
pub mod report;
pub mod resolve;
mod resync;
mod schema;
pub mod secondary;
pub mod sight;
pub mod spread;
pub mod state;
pub mod sweep;
pub mod system;
pub mod undo;
mod unreadable;
pub mod update;
mod users;
pub mod world;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use hymnal_sdk::{BoxFuture, SignedDuration};
use tracing::Instrument;

use self::{
    apply::selection::Selection,
    commit::{Committed, Committer},
    report::{Failure, Held, Report},
    system::System,
    world::World,
};
use crate::{
    merge::{Id, Mode, Pair, Side},
    store::{StoreError, tables::entity_of},
};

/// A running sync.
pub struct Sync {
    /// Decides and commits.
    pub committer: Committer,
    /// The two systems.
    pub systems: Pair<System>,
    /// Nothing is written to a remote before this is over.
    gate: Gate,
    history: SignedDuration,
    stopping: AtomicBool,
    failures: Mutex<BTreeMap<(Id, Side), u32>>,
    learnt: Mutex<Pair<Option<Duration>>>,
    /// Which systems were read to their end in the cycle under way.
    read: Mutex<Pair<bool>>,
    /// While a plan is applied: nothing else is written.
    only: Mutex<Option<Arc<Selection>>>,
    /// Whose account each login opens was asked, and is right.
    accounts: Mutex<Pair<bool>>,
    /// What a held run would do, with the edition of the state that it was computed for.
    previewed: Mutex<Option<(u64, serde_json::Value)>>,
    /// Comparisons of everything that go on in the next cycle.
    checking: Mutex<Pair<Option<full_check::Progress>>>,
    /// When the systems were last asked who their users are.
    asked: Mutex<Pair<Option<Duration>>>,
}

/// What must be over before anything is written: the count of the store's keys.
pub type Gate = Box<dyn Fn() -> BoxFuture<'static, Result<(), StoreError>> + Send + std::marker::Sync>;

/// What one cycle is asked to do besides the ordinary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Deletions {
    /// Look for deletions when their time has come.
    #[default]
    WhenDue,
    /// Look for them now.
    Now,
}

impl Sync {
    /// A sync that is ready to run. It writes nothing to a remote before `gate` lets it.
    pub fn new(committer: Committer, systems: Pair<System>, gate: Gate) -> Self {
        let systems = Pair::new(systems.left.needing(&committer.rules), systems.right.needing(&committer.rules));
        Self {
            committer,
            systems,
            gate,
            history: SignedDuration::from_hours(800 * 24),
            stopping: AtomicBool::new(false),
            failures: Mutex::default(),
            learnt: Mutex::default(),
            read: Mutex::default(),
            only: Mutex::default(),
            accounts: Mutex::default(),
            previewed: Mutex::default(),
            checking: Mutex::default(),
            asked: Mutex::default(),
        }
    }

    /// The same, keeping history for so long; 800 days if nobody says.
    #[must_use]
    pub fn keeping(self, history: SignedDuration) -> Self {
        Self { history, ..self }
    }

    /// Asks a running cycle to end after the pages and batches in flight.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    /// Whether it was asked to end.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Runs one cycle.
    ///
    /// A system that cannot be reached stops nothing but itself: its troubles are in the report.
    ///
    /// # Errors
    /// The store's: nothing can be decided without it.
    pub async fn cycle(&self, deletions: Deletions) -> Result<Report, StoreError> {
        let cycle = self.committer.new_cycle().await;
        let span = tracing::info_span!("cycle", sync = self.committer.rules.name, cycle = %cycle);
        self.steps(cycle, deletions).instrument(span).await
    }

    async fn steps(&self, cycle: Id, deletions: Deletions) -> Result<Report, StoreError> {
        let mut report = Report { cycle: Some(cycle), ..Report::default() };
        self.lock_failures().clear();
        self.complete_discard().await?;
        self.complete_answers(cycle).await?;
        self.release_opt_outs().await?;
        for (side, error) in self.finish_erasures().await? {
            report.note(Failure::Service { side, error })?;
        }
        self.observe_all(cycle, deletions, &mut report).await?;
        self.watch_sight().await?;
        self.watch_fields()?;
        report.held = self.held(&report).await?;
        if report.held.is_none() && !self.is_stopping() {
            (self.gate)().await?;
            self.push_both(cycle, &mut report).await?;
        }
        report.holds = self.tell_holds(cycle).await?;
        report.pending = self.outbox()?;
        report.checking = self.is_checking();
        if report.held.is_none() && report.pending == 0 {
            self.set_flag(cycle, state::LOADED, true).await?;
            self.set_flag(cycle, state::REBUILDING, false).await?;
            self.committer.end_rebuilding();
        }
        self.sweep().await?;
        self.note_cycle(cycle, &report)?;
        Ok(report)
    }

    /// Reads both systems and decides: all of a cycle but its writes.
    async fn observe_all(&self, cycle: Id, deletions: Deletions, report: &mut Report) -> Result<(), StoreError> {
        *self.lock_read() = Pair::default();
        self.declare(report).await?;
        self.pull_both(cycle, deletions, report).await?;
        report.observed += self.match_queued(cycle).await?;
        report.observed += self.wake(cycle).await?;
        Ok(())
    }

    async fn pull_both(&self, cycle: Id, deletions: Deletions, report: &mut Report) -> Result<(), StoreError> {
        let left = self.pull_one(cycle, Side::Left, deletions);
        let right = self.pull_one(cycle, Side::Right, deletions);
        let (left, right) = tokio::join!(left, right);
        for outcome in [left, right] {
            match outcome {
                Ok(changed) => report.observed += changed,
                Err(failure) => report.note(failure)?,
            }
        }
        Ok(())
    }

    async fn pull_one(&self, cycle: Id, side: Side, deletions: Deletions) -> Result<usize, Failure> {
        self.know_account(side).await?;
        self.know_users(cycle, side).await?;
        let mut changed = self.pull(cycle, side).await?;
        self.learn(cycle, side).await?;
        changed += self.look_for_deletions(cycle, side, deletions).await?;
        self.lock_read()[side] = true;
        changed += self.check_all(cycle, side).await?;
        Ok(changed)
    }

    async fn match_queued(&self, cycle: Id) -> Result<usize, StoreError> {
        // Nobody is told apart from another before everybody was read.
        if !self.was_read()? {
            return Ok(0);
        }
        let prefix = self.committer.tag.table(b'q');
        let mut after: Option<Vec<u8>> = None;
        let mut changed = 0;
        loop {
            let rows = self.committer.store.scan(&prefix, after.as_deref(), 200)?;
            let Some((last, _)) = rows.last() else { return Ok(changed) };
            after = Some(last.clone());
            let committed = self
                .decide_informed(cycle, |world| {
                    for id in rows.iter().filter_map(|(key, _)| entity_of(key)) {
                        matching::match_one(world, id)?;
                    }
                    Ok(())
                })
                .await?;
            changed += committed.changes;
        }
    }

    async fn push_both(&self, cycle: Id, report: &mut Report) -> Result<(), StoreError> {
        let (left, right) = tokio::join!(self.push(cycle, Side::Left), self.push(cycle, Side::Right));
        for (side, outcome) in [(Side::Left, left), (Side::Right, right)] {
            match outcome {
                Ok(pushed) => {
                    report.written.created += pushed.written.created;
                    report.written.updated += pushed.written.updated;
                    report.removed += pushed.removed;
                    report.due(pushed.due);
                    if let Some(error) = pushed.trouble {
                        report.note(Failure::Service { side, error })?;
                    }
                }
                Err(failure) => report.note(failure)?,
            }
        }
        Ok(())
    }

    fn was_read_to_its_end(&self, side: Side) -> bool {
        self.lock_read()[side]
    }

    fn lock_read(&self) -> std::sync::MutexGuard<'_, Pair<bool>> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_previewed(&self) -> std::sync::MutexGuard<'_, Option<(u64, serde_json::Value)>> {
        self.previewed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_accounts(&self) -> std::sync::MutexGuard<'_, Pair<bool>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_learnt(&self) -> std::sync::MutexGuard<'_, Pair<Option<Duration>>> {
        self.learnt.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn decide<T: Send>(
        &self,
        cycle: Id,
        act: impl FnOnce(&mut World<'_>) -> Result<T, StoreError> + Send,
    ) -> Result<Committed<T>, StoreError> {
        self.committer.decide(cycle, &self.systems, act).await
    }

    /// Looks at what is known, and changes nothing.
    ///
    /// # Errors
    /// The store's.
    pub async fn inspect<T: Send>(
        &self,
        act: impl FnOnce(&mut World<'_>) -> Result<T, StoreError> + Send,
    ) -> Result<T, StoreError> {
        self.look(act).await
    }

    /// How many people there are.
    ///
    /// # Errors
    /// The store's.
    pub async fn look_counts(&self) -> Result<counts::Counts, StoreError> {
        self.look(|world| Ok(world.counts())).await
    }

    /// As [`Sync::decide`], where field histories may inform it.
    async fn decide_informed<T: Send>(
        &self,
        cycle: Id,
        act: impl Fn(&mut World<'_>) -> Result<T, StoreError> + Send + std::marker::Sync,
    ) -> Result<Committed<T>, StoreError> {
        self.committer.decide_informed(cycle, &self.systems, act).await
    }

    async fn look<T: Send>(
        &self,
        act: impl FnOnce(&mut World<'_>) -> Result<T, StoreError> + Send,
    ) -> Result<T, StoreError> {
        self.committer.look(&self.systems, act).await
    }

    /// Counts a failure of a record in this cycle. `true` from the third on.
    fn failed_again(&self, id: Id, side: Side) -> bool {
        let mut failures = self.lock_failures();
        let count = failures.entry((id, side)).or_default();
        *count += 1;
        *count >= 3
    }

    /// Who failed on a side in this cycle.
    fn failed(&self, side: Side) -> BTreeSet<Id> {
        self.lock_failures().keys().filter(|(_, failed)| *failed == side).map(|(id, _)| *id).collect()
    }

    fn lock_failures(&self) -> std::sync::MutexGuard<'_, BTreeMap<(Id, Side), u32>> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn held(&self, report: &Report) -> Result<Option<Held>, StoreError> {
        if report.another_account().is_some() {
            return Ok(Some(Held::Account));
        }
        let now = self.committer.clock.now();
        if !self.was_read()? {
            return Ok(Some(Held::FirstPull));
        }
        if self.committer.rules.mode == Mode::Observe {
            return Ok(Some(Held::Observing));
        }
        if self.pause(now)?.is_some() {
            return Ok(Some(Held::Paused));
        }
        if !self.is_approved()? {
            return Ok(Some(Held::FirstRun));
        }
        Ok(self.check_changed().await?.then_some(Held::Configuration))
    }

    /// Both systems have been read once.
    ///
    /// # Errors
    /// The store's.
    pub fn was_read(&self) -> Result<bool, StoreError> {
        Ok(self.flag(&pull::pulled_flag(Side::Left))? && self.flag(&pull::pulled_flag(Side::Right))?)
    }

    /// How many members have something to be written.
    fn outbox(&self) -> Result<u64, StoreError> {
        let mut count = 0;
        for side in Side::BOTH {
            for lane in world::LANES {
                count += self.count(&self.committer.tag.outbox(side, lane))?;
            }
        }
        Ok(count)
    }

    /// How many keys stand under a prefix.
    pub fn count(&self, prefix: &[u8]) -> Result<u64, StoreError> {
        let mut count = 0;
        let mut after: Option<Vec<u8>> = None;
        loop {
            let rows = self.committer.store.scan(prefix, after.as_deref(), 2000)?;
            count += rows.len() as u64;
            match rows.last() {
                Some((last, _)) if rows.len() == 2000 => after = Some(last.clone()),
                _ => return Ok(count),
            }
        }
    }
}
