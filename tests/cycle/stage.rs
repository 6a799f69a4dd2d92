//! Two services in memory, a sync between them, and a look at everything.
//!
//! The left one answers a write with the record as it now is, as HubSpot does; the right one answers an id and nothing
//! else, and says of a record by id that it is deleted, as Salesforce does.

mod fuse;
mod look;
mod shape;
mod shuffled;
mod watched;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

pub(crate) use fuse::Fuse;
use hymnal::{
    cycle::{
        Deletions, Sync,
        commit::Committer,
        report::{Held, Report, Written},
        system::System,
    },
    journal::{ConflictLog, Mask},
    merge::{Pair, Side, SyncRules},
    store::{Kv, StoreError, memory::MemoryKv, tables::Tag},
};
use hymnal_memory::{Account, MemoryConnector, MemoryOptions, ObjectOptions};
use hymnal_sdk::{BoxFuture, Clock, Fields, Native, Timestamp};
pub(crate) use look::Scene;
pub(crate) use shape::{Shape, field};
pub(crate) use shuffled::Shuffled;
pub(crate) use watched::Seen;

/// The object on the left.
pub(crate) const CONTACTS: &str = "contacts";
/// The object on the right that people are created as.
pub(crate) const LEADS: &str = "leads";
/// The sync's number.
const TAG: Tag = Tag(1);

/// A clock that goes on by a millisecond whenever it is read, and by more when it is told to.
#[derive(Clone, Default)]
pub(crate) struct Hands(Arc<AtomicU64>);

impl Hands {
    pub(crate) fn forward(&self, by: Duration) {
        self.0.fetch_add(u64::try_from(by.as_millis()).expect("a short time"), Ordering::Relaxed);
    }
}

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        let start: Timestamp = "2026-11-23T10:00:00Z".parse().expect("a time");
        start.checked_add(self.elapsed()).expect("a time of this century")
    }

    fn elapsed(&self) -> Duration {
        Duration::from_millis(self.0.fetch_add(1, Ordering::Relaxed))
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.forward(duration);
        Box::pin(async {})
    }
}

/// Everything that survives a crash: the services, the store, the log file; and the daemon that runs on it now.
pub(crate) struct Stage {
    pub(crate) clock: Hands,
    pub(crate) people: Pair<Account>,
    pub(crate) rules: SyncRules,
    pub(crate) kv: MemoryKv,
    pub(crate) sync: Sync,
    folder: Arc<tempfile::TempDir>,
    seed: u64,
}

impl Stage {
    /// Two empty services that begin at once.
    pub(crate) fn new() -> Self {
        Shape::default().stage()
    }

    fn build(shape: Shape) -> Self {
        let clock = Hands::default();
        let people = Pair::new(
            account("left", [(CONTACTS, shape.contacts)], &clock, shape.seed),
            account("right", [(LEADS, shape.leads), ("accounts", shape.clients)], &clock, shape.seed),
        );
        let folder = Arc::new(tempfile::tempdir().expect("a folder"));
        std::fs::create_dir(folder.path().join("log")).expect("a folder");
        let kv = MemoryKv::new();
        let sync = start(&shape.rules, Arc::new(kv.clone()), &people, &clock, &folder, shape.seed);
        Self { clock, people, rules: shape.rules, kv, sync, folder, seed: shape.seed }
    }

    /// Drops the daemon, as `kill -9` does, and starts another on what it left.
    pub(crate) async fn restart(&mut self) {
        self.restart_on(Arc::new(self.kv.clone())).await.expect("a store in memory");
    }

    /// The same over a store that may fail.
    pub(crate) async fn restart_on(&mut self, kv: Arc<dyn Kv>) -> Result<(), StoreError> {
        self.seed += 1;
        self.sync = start(&self.rules, kv, &self.people, &self.clock, &self.folder, self.seed);
        self.sync.committer.complete_log().await?;
        self.sync.adopt(&digest(&self.rules)).await
    }

    /// The daemon as the rules now are, before it has looked at its state.
    pub(crate) fn rebuild(&mut self) {
        self.seed += 1;
        let kv = Arc::new(self.kv.clone());
        self.sync = start(&self.rules, kv, &self.people, &self.clock, &self.folder, self.seed);
    }

    /// One cycle.
    pub(crate) async fn cycle(&self) -> Report {
        self.clock.forward(Duration::from_mins(1));
        self.sync.cycle(Deletions::Now).await.expect("a store in memory")
    }

    /// Cycles until nothing new is read while something holds all writes. Answers what holds them.
    pub(crate) async fn settle_held(&self) -> Option<Held> {
        for _ in 0..20 {
            let report = self.cycle().await;
            assert_eq!(report.written, Written::default(), "it is held");
            if report.observed == 0 {
                return report.held;
            }
        }
        panic!("it never gets quiet");
    }

    /// Cycles until everything is quiet, as `run --once` does. Answers what was written.
    pub(crate) async fn settle(&self) -> Written {
        self.try_settle().await.expect("a store in memory")
    }

    pub(crate) async fn try_settle(&self) -> Result<Written, StoreError> {
        let mut written = Written::default();
        for _ in 0..40 {
            self.clock.forward(Duration::from_mins(1));
            let report = self.sync.cycle(Deletions::Now).await?;
            written.created += report.written.created;
            written.updated += report.written.updated;
            if report.is_quiet() {
                return Ok(written);
            }
        }
        panic!("it never gets quiet");
    }

    /// Makes a record as people do.
    pub(crate) fn make(&self, side: Side, values: &[(&str, &str)]) -> String {
        self.tick();
        self.people[side].create(object(side), natives(values)).expect("a record that the service takes")
    }

    /// Edits a record as people do.
    pub(crate) fn edit(&self, side: Side, id: &str, values: &[(&str, &str)]) {
        self.tick();
        self.people[side].update(object(side), id, natives(values)).expect("an edit that the service takes");
    }

    /// A minute later.
    pub(crate) fn tick(&self) {
        self.clock.forward(Duration::from_mins(1));
    }

    /// What stands in a record; empty where it is blank or there is no such record.
    pub(crate) fn value(&self, side: Side, id: &str, field: &str) -> String {
        let row = self.people[side].row(object(side), id);
        let value = row.and_then(|row| row.fields.get(field).cloned()).filter(|value| !value.is_blank());
        value.map(|value| value.to_string()).unwrap_or_default()
    }

    /// The id of the one live record with this e-mail.
    pub(crate) fn find(&self, side: Side, email: &str) -> String {
        let found = self.all(side, email);
        assert_eq!(found.len(), 1, "records with `{email}` in {side:?}: {found:?}");
        found.into_iter().next().expect("one")
    }

    /// The ids of all live records with this e-mail.
    pub(crate) fn all(&self, side: Side, email: &str) -> Vec<String> {
        let rows = self.people[side].live(object(side)).into_iter();
        let same = |value: &Native| value.to_string().eq_ignore_ascii_case(email);
        rows.filter(|row| row.fields.get("email").is_some_and(same)).map(|row| row.id).collect()
    }

    /// The folder of the conflict log is gone, or is back.
    pub(crate) fn log_fails(&self, fails: bool) {
        let (folder, aside) = (self.folder.path().join("log"), self.folder.path().join("aside"));
        let (from, to) = if fails { (folder, aside) } else { (aside, folder) };
        std::fs::rename(from, to).expect("a folder");
    }

    /// One person on both sides, linked and settled. Answers the ids.
    pub(crate) async fn linked(&self, values: &[(&str, &str)]) -> Pair<String> {
        let left = self.make(Side::Left, values);
        self.settle().await;
        let email = values.iter().find(|(name, _)| *name == "email").expect("an e-mail").1;
        Pair::new(left, self.find(Side::Right, email))
    }
}

/// The object that people live in on a side.
pub(crate) fn object(side: Side) -> &'static str {
    match side {
        Side::Left => CONTACTS,
        Side::Right => LEADS,
    }
}

/// Values as a person types them; `a;b` into a field of several choices.
pub(crate) fn natives(values: &[(&str, &str)]) -> Fields {
    let native = |text: &str| if text.is_empty() { Native::Null } else { Native::text(text) };
    values.iter().map(|&(name, text)| (name.to_owned(), native(text))).collect()
}

fn account<const N: usize>(name: &str, objects: [(&str, ObjectOptions); N], clock: &Hands, seed: u64) -> Account {
    let objects: BTreeMap<String, ObjectOptions> =
        objects.into_iter().map(|(name, options)| (name.to_owned(), options)).collect();
    let options = MemoryOptions { account: name.to_owned(), objects, seed, latency: Duration::ZERO };
    Account::new(options, Arc::new(clock.clone()))
}

fn start(
    rules: &SyncRules,
    kv: Arc<dyn Kv>,
    people: &Pair<Account>,
    clock: &Hands,
    folder: &Arc<tempfile::TempDir>,
    seed: u64,
) -> Sync {
    let log = ConflictLog::open(&folder.path().join("log/conflicts.jsonl"), Mask::Off).expect("a log file");
    let rules = Arc::new(rules.clone());
    let systems = Pair::from_fn(|side| {
        let connector = MemoryConnector::over(people[side].clone());
        System::new(side, &rules.systems[side], &rules.fields, Arc::new(connector))
    });
    let committer = Committer::new(rules, kv, TAG, Arc::new(clock.clone()), Arc::new(log), seed)
        .blocking(Some(Arc::new(hymnal::journal::Blocked::new(&[7; 32]))));
    Sync::new(committer, systems, Box::new(|| Box::pin(async { Ok(()) })))
}

fn digest(rules: &SyncRules) -> String {
    hymnal::config::sync_digest(rules)
}
