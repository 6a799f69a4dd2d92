//! Two services, a disk and a clock, and one life of Hymnal after the other on them.

use std::{any::Any, collections::BTreeMap, panic::AssertUnwindSafe, pin::Pin, sync::Arc, time::Duration};

use futures_util::FutureExt;
use hymnal::{
    cycle::{Deletions, Sync, commit::Committer, report::Report, system::System},
    journal::{ConflictLog, Mask},
    merge::{Pair, Side, SyncRules},
    store::{Kv, StoreError, tables::Tag},
};
use hymnal_memory::{Account, MemoryConnector, MemoryOptions};
use hymnal_sdk::{Address, Clock, Fields, Native};

use crate::{
    clock::Virtual,
    crash::{CrashKv, Killed},
    faults,
    oracle::{Means, Oracle, Shared},
    remote::{Road, Watched},
    schedule::{Schedule, Shape, Step},
    shape::{self, object},
};

/// The sync's number in the store.
pub(crate) const TAG: Tag = Tag(1);
/// How long a process takes to start: what was sent before has arrived by then.
const START: Duration = Duration::from_secs(2);

/// How a cycle ended.
pub(crate) enum Ended {
    /// It came to its end.
    Over(Box<Report>),
    /// The store could not be used: the process ends.
    Failed,
    /// It was killed.
    Killed,
}

/// A cycle under way.
pub(crate) type Cycle = Pin<Box<dyn Future<Output = Result<Result<Report, StoreError>, Box<dyn Any + Send>>> + Send>>;

/// Everything.
pub(crate) struct World {
    pub(crate) clock: Virtual,
    pub(crate) people: Pair<Account>,
    pub(crate) kv: CrashKv,
    pub(crate) road: Road,
    pub(crate) oracle: Shared,
    pub(crate) folder: tempfile::TempDir,
    rules: SyncRules,
    life: Option<Arc<Sync>>,
    lives: u64,
    seed: u64,
}

impl World {
    /// Two empty services, an empty disk, and nothing that runs.
    pub(crate) fn new(schedule: &Schedule) -> Self {
        let shape = &schedule.shape;
        let clock = Virtual::new();
        let people = Pair::from_fn(|side| account(shape, side, &clock));
        let kv = CrashKv::default();
        let folder = folder();
        let rules = shape::rules(shape);
        let means = Means {
            shape: shape.clone(),
            rules: rules.clone(),
            clock: clock.clone(),
            kv: kv.clone(),
            log: folder.path().join("conflicts.jsonl"),
            sources: Pair::from_fn(|side| {
                let account = people[side].clone();
                Box::new(move |after| account.changed_since(after)) as crate::oracle::Source
            }),
            bent: Pair::from_fn(|side| {
                let account = people[side].clone();
                Box::new(move || bent(&account)) as crate::oracle::Bent
            }),
        };
        let oracle = Shared::new(Oracle::new(means));
        Self {
            clock,
            people,
            kv,
            road: Road::new(shape.seed),
            oracle,
            folder,
            rules,
            life: None,
            lives: 0,
            seed: shape.seed,
        }
    }

    /// One cycle of the life that is, or of the next one.
    pub(crate) fn begin_cycle(&mut self, deletions: Deletions) -> Cycle {
        let known = self.life.clone();
        let sync = known.unwrap_or_else(|| self.start());
        let started = self.life.is_some();
        self.life = Some(Arc::clone(&sync));
        let digest = hymnal::config::sync_digest(&self.rules);
        let run = async move {
            if !started {
                tokio::time::sleep(START).await;
                sync.committer.complete_log().await?;
                sync.adopt(&digest).await?;
            }
            sync.cycle(deletions).await
        };
        Box::pin(AssertUnwindSafe(run).catch_unwind())
    }

    /// What a cycle that ended came to. A life that failed or was killed is over.
    pub(crate) fn ended(&mut self, outcome: Result<Result<Report, StoreError>, Box<dyn Any + Send>>) -> Ended {
        let ended = match outcome {
            Ok(Ok(report)) => Ended::Over(Box::new(report)),
            Ok(Err(StoreError::Full { .. })) => Ended::Failed,
            Ok(Err(error)) => panic!("the store: {error}"),
            Err(death) if death.is::<Killed>() => Ended::Killed,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        let what = match &ended {
            Ended::Over(report) => format!("cycle over: {report:?}"),
            Ended::Failed => "the store failed".to_owned(),
            Ended::Killed => "killed".to_owned(),
        };
        self.oracle.lock().tell(&what);
        if !matches!(ended, Ended::Over(_)) {
            self.kill();
        }
        ended
    }

    /// Nothing of it runs on.
    pub(crate) fn kill(&mut self) {
        self.life = None;
        self.kv.recover();
        self.road.recover();
    }

    /// All that was planted is over.
    pub(crate) fn heal(&mut self) {
        for side in Side::BOTH {
            self.people[side].lift_faults();
        }
        self.kill();
    }

    /// How often each fault fired, by name.
    pub(crate) fn fired(&self) -> BTreeMap<String, u64> {
        let mut all = BTreeMap::new();
        for (_, account) in self.people.iter() {
            for (name, times) in account.fired() {
                *all.entry(name.to_owned()).or_default() += times;
            }
        }
        all
    }

    /// What somebody does to a service. Answers whether anything could be done.
    pub(crate) fn act(&mut self, step: &Step) -> bool {
        let mut oracle = self.oracle.lock();
        let (side, who) = match step {
            Step::Make { side, who, .. }
            | Step::Edit { side, who, .. }
            | Step::Delete { side, who }
            | Step::Restore { side, who }
            | Step::Hide { side, who }
            | Step::Show { side, who } => (*side, *who),
            Step::Merge { side, winner, .. } => (*side, *winner),
            _ => return false,
        };
        let account = &self.people[side];
        let object = object(side);
        let record = oracle.record_of(side, who);
        let done = match (step, &record) {
            (Step::Make { values, .. }, None) => account.create(object, natives(values)).is_ok(),
            (Step::Edit { field, value, .. }, Some(record)) => {
                // Somebody who types what stands there changes nothing.
                let changes = oracle.holds(side, record, field).is_some_and(|held| held != *value);
                let values = BTreeMap::from([(field.clone(), value.clone())]);
                changes && account.update(object, &record.id, natives(&values)).is_ok()
            }
            (Step::Delete { .. }, Some(record)) => account.delete(object, &record.id).is_ok(),
            (Step::Restore { .. }, None) => {
                oracle.taken_away(side, who).is_some_and(|record| account.restore(object, &record.id).is_ok())
            }
            (Step::Merge { loser, .. }, Some(winner)) => match oracle.record_of(side, *loser) {
                Some(loser) if loser != *winner => account.merge(object, &winner.id, &loser.id).is_ok(),
                _ => false,
            },
            (Step::Hide { .. }, Some(record)) => {
                account.hide(record.clone());
                oracle.hid(side, record, true);
                true
            }
            (Step::Show { .. }, _) => {
                show_all(account, &mut oracle, side, record.as_ref());
                true
            }
            _ => false,
        };
        oracle.people_acted(side, who);
        done
    }

    /// A fault is planted.
    pub(crate) fn plant(&self, step: &Step) {
        if let Step::Fault { side, on, times, fault } = step {
            let (fault, method) = (faults::fault(fault, *side), faults::method(*on));
            if fault.can_hit(method) {
                self.people[*side].plant(fault, *times, method);
            }
        }
    }

    /// Every record may be seen again.
    pub(crate) fn show_everything(&self) {
        let mut oracle = self.oracle.lock();
        for (side, address) in oracle.hidden() {
            self.people[side].show(&address);
            oracle.hid(side, &address, false);
        }
    }

    fn start(&mut self) -> Arc<Sync> {
        self.lives += 1;
        let seed = self.seed.wrapping_mul(1000) + self.lives;
        let log = ConflictLog::open(&self.folder.path().join("conflicts.jsonl"), Mask::Off).expect("a log file");
        let rules = Arc::new(self.rules.clone());
        let systems = Pair::from_fn(|side| {
            let inner = MemoryConnector::over(self.people[side].clone());
            let watched = Watched::over(inner, side, self.road.clone(), self.oracle.clone());
            System::new(side, &rules.systems[side], &rules.fields, Arc::new(watched))
        });
        let clock: Arc<dyn Clock> = Arc::new(self.clock.clone());
        let store: Arc<dyn Kv> = Arc::new(self.kv.clone());
        let committer = Committer::new(rules, store, TAG, clock, Arc::new(log), seed);
        Arc::new(Sync::new(committer, systems, Box::new(|| Box::pin(async { Ok(()) }))))
    }
}

fn show_all(account: &Account, oracle: &mut Oracle, side: Side, record: Option<&Address>) {
    if let Some(record) = record {
        account.show(record);
        oracle.hid(side, record, false);
    }
}

/// How often a service bent what was written, or did more with it than it was asked.
fn bent(account: &Account) -> u64 {
    let bending = ["field-ignored", "normalised", "automation", "duplicate-delivery"];
    account.fired().iter().filter(|(name, _)| bending.contains(*name)).map(|(_, times)| times).sum()
}

fn account(shape: &Shape, side: Side, clock: &Virtual) -> Account {
    let options = MemoryOptions {
        account: format!("{side:?}"),
        objects: [(object(side).to_owned(), shape::options(&shape.sides[side], side))].into(),
        seed: shape.seed,
        latency: Duration::ZERO,
    };
    Account::new(options, Arc::new(clock.clone()))
}

/// Values as a person types them; an empty one is none.
fn natives(values: &BTreeMap<String, String>) -> Fields {
    let native = |text: &String| if text.is_empty() { Native::Null } else { Native::text(text.clone()) };
    values.iter().map(|(name, text)| (name.clone(), native(text))).collect()
}

/// A folder for the log: in memory where there is one, since each line is synced.
fn folder() -> tempfile::TempDir {
    let shared = std::path::Path::new("/dev/shm");
    let made = if shared.is_dir() { tempfile::tempdir_in(shared) } else { tempfile::tempdir() };
    made.or_else(|_| tempfile::tempdir()).expect("a folder")
}
