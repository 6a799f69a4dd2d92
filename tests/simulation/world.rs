//! Two services, a disk and a clock, and one life of Hymnal after the other on them.

use std::{any::Any, collections::BTreeMap, panic::AssertUnwindSafe, pin::Pin, sync::Arc, time::Duration};

use futures_util::FutureExt;
use hymnal::{
    cycle::{Deletions, Sync, commit::Committer, report::Report, system::System},
    journal::{ConflictLog, Mask},
    merge::{Pair, Side, SyncRules},
    store::{Kv, StoreError, tables::Tag},
};
use hymnal_sdk::Clock;

use crate::{
    clock::Virtual,
    crash::{CrashKv, Death, Killed},
    in_memory::InMemory,
    on_the_wire::OnTheWire,
    oracle::{Logs, Means, Oracle, Shared},
    random::Random,
    remote::Road,
    schedule::{On, Schedule, Step, Wrong},
    services::Services,
    shape,
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
    services: Box<dyn Services>,
    pub(crate) kv: CrashKv,
    pub(crate) road: Road,
    pub(crate) oracle: Shared,
    pub(crate) logs: Logs,
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
        let services: Box<dyn Services> = if shape.on_the_wire {
            Box::new(OnTheWire::new(shape, &clock))
        } else {
            Box::new(InMemory::new(shape, &clock))
        };
        let kv = CrashKv::default();
        let folder = folder();
        let rules = services.rules();
        let means = Means {
            shape: shape.clone(),
            rules: rules.clone(),
            clock: clock.clone(),
            kv: kv.clone(),
            log: folder.path().join("conflicts.jsonl"),
            sources: Pair::from_fn(|side| services.source(side)),
            bent: Pair::from_fn(|side| services.bent(side)),
        };
        let oracle = Oracle::new(means);
        for side in Side::BOTH {
            services.employ(side, oracle.staff.users(side));
        }
        let oracle = Shared::new(oracle);
        let road = Road::new(shape.seed);
        let logs = Logs::default();
        Self { clock, logs, services, kv, road, oracle, folder, rules, life: None, lives: 0, seed: shape.seed }
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

    /// The life that is.
    pub(crate) fn life(&self) -> Option<Arc<Sync>> {
        self.life.clone()
    }

    /// Nothing of it runs on.
    pub(crate) fn kill(&mut self) {
        self.life = None;
        self.oracle.lock().forgets();
        self.kv.recover();
        self.road.recover();
    }

    /// All that was planted is over.
    pub(crate) fn heal(&mut self) {
        self.services.lift();
        self.kill();
    }

    /// Death comes somewhere in the next cycle.
    pub(crate) fn expect_death(&self, random: &mut Random) {
        let few = u32::try_from(random.below(8)).expect("small");
        match random.below(5) {
            0 => self.road.arm(few, random.chance(1, 2)),
            1 => self.kv.arm(few * 5, Death::Reading),
            2 => self.kv.arm(few, Death::Before),
            3 => self.kv.arm(few, Death::Torn),
            _ => self.kv.arm(few, Death::After),
        }
    }

    /// The next lists come in any order, with records in them twice.
    pub(crate) fn disorder(&self) {
        for side in Side::BOTH {
            self.services.plant(side, On::List, 30, &Wrong::ItemsReordered);
        }
    }

    /// What people see: every live record without its id, and the conflict log without ids and times.
    pub(crate) fn scene(&self) -> Vec<String> {
        let mut scene = Vec::new();
        for side in Side::BOTH {
            for row in self.services.live(side) {
                let shown = row.fields.iter().filter(|(name, value)| !value.is_blank() && *name != shape::EXTERNAL_ID);
                let shown: Vec<String> = shown.map(|(name, value)| format!("{name}={value}")).collect();
                scene.push(format!("{side:?} {}", shown.join(" ")));
            }
        }
        scene.extend(self.oracle.lock().log_in_short());
        scene.sort();
        scene
    }

    /// How often each fault fired, by name.
    pub(crate) fn fired(&self) -> BTreeMap<String, u64> {
        self.services.fired()
    }

    /// What somebody does to a service. Answers whether anything could be done.
    pub(crate) fn act(&mut self, step: &Step) -> bool {
        let mut oracle = self.oracle.lock();
        let (side, who) = match step {
            Step::Make { side, who, .. }
            | Step::Second { side, who, .. }
            | Step::Edit { side, who, .. }
            | Step::Trim { side, who, .. }
            | Step::Delete { side, who }
            | Step::Restore { side, who }
            | Step::Hide { side, who }
            | Step::Show { side, who } => (*side, *who),
            Step::Merge { side, winner, .. } => (*side, *winner),
            Step::Client { who, .. } | Step::Convert { who, .. } => (Side::Right, *who),
            _ => return false,
        };
        let services = &self.services;
        let record = oracle.record_of(side, who);
        let done = match (step, &record) {
            (Step::Make { values, .. }, None) | (Step::Second { values, .. }, Some(_)) => services.make(side, values),
            (Step::Edit { field, value, .. }, Some(record)) => {
                // Somebody who types what stands there changes nothing.
                let changes = oracle.holds(side, record, field).is_some_and(|held| held != *value);
                changes && services.edit(side, record, &[(field.clone(), value.clone())].into())
            }
            (Step::Trim { field, .. }, Some(record)) => {
                let trimmed = oracle.holds(side, record, field).filter(|held| !held.is_empty());
                trimmed.is_some_and(|held| services.edit(side, record, &[(field.clone(), held)].into()))
            }
            (Step::Delete { .. }, Some(record)) => services.delete(side, record),
            (Step::Restore { .. }, None) => {
                oracle.taken_away(side, who).is_some_and(|record| services.restore(side, &record))
            }
            (Step::Merge { loser, .. }, Some(winner)) => match oracle.record_of(side, *loser) {
                Some(record) if record != *winner => {
                    let done = services.merge(side, winner, &record);
                    if done {
                        oracle.join(who, *loser);
                    }
                    done
                }
                _ => false,
            },
            (Step::Client { values, .. }, _) => {
                let is_there = oracle.record_in(shape::CLIENTS, who).is_some();
                !is_there && services.make_client(values)
            }
            (Step::Convert { into, .. }, Some(_)) => {
                let client = into.map(|into| oracle.record_in(shape::CLIENTS, into));
                let lead = oracle.record_in(shape::object(side), who);
                let Some(lead) = lead.filter(|_| client != Some(None)) else { return false };
                services.convert(&lead, client.flatten().as_ref())
            }
            (Step::Hide { .. }, Some(record)) => {
                services.hide(side, record, true);
                oracle.hid(side, record, true);
                true
            }
            (Step::Show { .. }, Some(record)) => {
                services.hide(side, record, false);
                oracle.hid(side, record, false);
                true
            }
            _ => false,
        };
        oracle.people_acted(side, who);
        done
    }

    /// Somebody comes or goes.
    pub(crate) fn staff(&self, side: Side, name: &str, works: bool) {
        let mut oracle = self.oracle.lock();
        oracle.staff.note(side, name, works);
        self.services.employ(side, oracle.staff.users(side));
    }

    /// A fault is planted.
    pub(crate) fn plant(&self, step: &Step) {
        if let Step::Fault { side, on, times, fault } = step {
            self.services.plant(*side, *on, *times, fault);
        }
    }

    /// Every record may be seen again.
    pub(crate) fn show_everything(&self) {
        let mut oracle = self.oracle.lock();
        for (side, address) in oracle.hidden() {
            self.services.hide(side, &address, false);
            oracle.hid(side, &address, false);
        }
    }

    fn start(&mut self) -> Arc<Sync> {
        self.lives += 1;
        let seed = self.seed.wrapping_mul(1000) + self.lives;
        let log = ConflictLog::open(&self.folder.path().join("conflicts.jsonl"), Mask::Off).expect("a log file");
        let rules = Arc::new(self.rules.clone());
        let systems = Pair::from_fn(|side| {
            let connector = self.services.connector(side, self.lives, &self.road, &self.oracle);
            System::new(side, &rules.systems[side], &rules.fields, connector)
        });
        let clock: Arc<dyn Clock> = Arc::new(self.clock.clone());
        let store: Arc<dyn Kv> = Arc::new(self.kv.clone());
        let committer = Committer::new(rules, store, TAG, clock, Arc::new(log), seed);
        Arc::new(Sync::new(committer, systems, Box::new(|| Box::pin(async { Ok(()) }))))
    }
}

/// A folder for the log: in memory where there is one, since each line is synced.
fn folder() -> tempfile::TempDir {
    let shared = std::path::Path::new("/dev/shm");
    let made = if shared.is_dir() { tempfile::tempdir_in(shared) } else { tempfile::tempdir() };
    made.or_else(|_| tempfile::tempdir()).expect("a folder")
}
