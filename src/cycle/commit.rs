//! One decision, one commit: world in, batch out, the conflict log behind it.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use hymnal_sdk::{Address, Call, Clock, Schema, User};
use tokio::sync::Mutex;

use super::{
    ids::Ids,
    spread::spread,
    system::System,
    unreadable,
    world::{Decided, World},
};
use crate::{
    journal::{Blocked, ConflictLog, entry::LogLine},
    mapping::{FieldType, People},
    merge::{
        Context, Id, ObjectFacts, Pair, Side, SyncRules,
        history::{History, Place},
    },
    store::{Kv, StoreError, format, tables::Tag},
};

/// The one who commits for a sync: decisions are made one after the other, each on what the one before it committed.
pub struct Committer {
    /// The rules.
    pub rules: Arc<SyncRules>,
    /// The store.
    pub store: Arc<dyn Kv>,
    /// The sync's number in it.
    pub tag: Tag,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Where conflicts are written for people.
    pub log: Arc<ConflictLog>,
    /// Recognises who was erased.
    pub blocked: Option<Arc<Blocked>>,
    turn: Mutex<Turn>,
    /// The rules until the first load is over, where the state is being rebuilt.
    rebuilding: Option<Arc<SyncRules>>,
    rebuilt: AtomicBool,
}

struct Turn {
    ids: Ids,
    logged: u64,
    /// The file may lack lines that the store has.
    behind: bool,
    objects: Pair<BTreeMap<String, ObjectFacts>>,
    users: WithUsers,
}

/// The rules with those whom records can belong to, once they are known.
#[derive(Default)]
struct WithUsers {
    ordinary: Option<Arc<SyncRules>>,
    rebuilding: Option<Arc<SyncRules>>,
}

/// What a decision did.
pub struct Committed<T> {
    /// What it answered.
    pub answer: T,
    /// Entities that changed.
    pub changes: usize,
}

impl Committer {
    /// A committer. `seed` is where its ids come from.
    pub fn new(
        rules: Arc<SyncRules>,
        store: Arc<dyn Kv>,
        tag: Tag,
        clock: Arc<dyn Clock>,
        log: Arc<ConflictLog>,
        seed: u64,
    ) -> Self {
        let (ids, objects, users) = (Ids::new(seed), Pair::default(), WithUsers::default());
        let turn = Mutex::new(Turn { ids, logged: 0, behind: false, objects, users });
        let rebuilt = AtomicBool::new(false);
        Self { rules, store, tag, clock, log, blocked: None, turn, rebuilding: None, rebuilt }
    }

    /// The same, not meeting again who was erased.
    #[must_use]
    pub fn blocking(self, blocked: Option<Arc<Blocked>>) -> Self {
        Self { blocked, ..self }
    }

    /// The same, deciding by other rules until [`Committer::end_rebuilding`].
    #[must_use]
    pub fn rebuilding(self, rules: Option<Arc<SyncRules>>) -> Self {
        Self { rebuilding: rules, ..self }
    }

    /// The same over another store: as it decides now.
    pub(super) fn over(&self, store: Arc<dyn Kv>, log: Arc<ConflictLog>, seed: u64) -> Self {
        let rebuilding = self.rebuilding.clone().filter(|_| !self.rebuilt.load(Ordering::Acquire));
        Self::new(Arc::clone(&self.rules), store, self.tag, Arc::clone(&self.clock), log, seed)
            .rebuilding(rebuilding)
            .blocking(self.blocked.clone())
    }

    /// From now on the ordinary rules hold.
    pub fn end_rebuilding(&self) {
        self.rebuilt.store(true, Ordering::Release);
    }

    /// Completes the conflict log: lines that were committed and, because of a crash, may not be in the file.
    ///
    /// # Errors
    /// The store's, and the file's.
    pub async fn complete_log(&self) -> Result<(), StoreError> {
        let mut turn = self.turn.lock().await;
        self.complete(&mut turn)
    }

    fn complete(&self, turn: &mut Turn) -> Result<(), StoreError> {
        turn.behind = true;
        let stored = self.store.get(&self.tag.state("logged"))?;
        let logged = stored.and_then(|bytes| <[u8; 8]>::try_from(bytes).ok()).map_or(0, u64::from_be_bytes);
        let mut last = logged;
        let mut after = Some(self.tag.line(logged));
        let prefix = self.tag.table(b'c');
        loop {
            let rows = self.store.scan(&prefix, after.as_deref(), 1000)?;
            let Some((key, _)) = rows.last() else { break };
            after = Some(key.clone());
            let lines: Vec<LogLine> =
                rows.iter().filter_map(|(key, bytes)| format::open_readable(key, bytes)).collect();
            self.log.complete(&self.rules, &lines)?;
            last = lines.last().map_or(last, |line| line.number);
        }
        turn.logged = last;
        turn.behind = false;
        Ok(())
    }

    /// Learns what the objects can hold.
    pub async fn learn(&self, objects: Pair<BTreeMap<String, ObjectFacts>>) {
        self.turn.lock().await.objects = objects;
    }

    /// Learns the schema of one object.
    pub async fn learn_schema(&self, side: Side, object: &str, schema: Schema) {
        if let Some(facts) = self.turn.lock().await.objects[side].get_mut(object) {
            facts.schema = Some(schema);
        }
    }

    /// Learns whom the records of a system can belong to.
    pub async fn learn_users(&self, side: Side, users: &[User]) {
        let people = People::of(users);
        let mut turn = self.turn.lock().await;
        let ordinary = turn.users.ordinary.take().unwrap_or_else(|| Arc::clone(&self.rules));
        let rebuilding = turn.users.rebuilding.take().or_else(|| self.rebuilding.clone());
        turn.users.ordinary = Some(with_users(&ordinary, side, &people));
        turn.users.rebuilding = rebuilding.map(|rules| with_users(&rules, side, &people));
    }

    /// What the objects can hold, as far as it is known.
    pub async fn objects(&self) -> Pair<BTreeMap<String, ObjectFacts>> {
        self.turn.lock().await.objects.clone()
    }

    /// The id of a new cycle.
    pub async fn new_cycle(&self) -> Id {
        let now = self.clock.now();
        self.turn.lock().await.ids.next(now)
    }

    /// Decides on the store as it is, and commits all of it or nothing. The conflict log has its lines, durably,
    /// before this returns: no write that a conflict permits is sent earlier.
    pub async fn decide<T>(
        &self,
        cycle: Id,
        systems: &Pair<System>,
        act: impl FnOnce(&mut World<'_>) -> Result<T, StoreError> + Send,
    ) -> Result<Committed<T>, StoreError>
    where
        T: Send,
    {
        let mut turn = self.turn.lock().await;
        self.catch_up(&mut turn)?;
        let Turn { ids, objects, users, .. } = &mut *turn;
        let context = self.context(users, objects, systems);
        let mut world = World::new(&*self.store, self.tag, &context, cycle, ids)?;
        world.blocked = self.blocked.as_deref();
        let answer = act(&mut world)?;
        spread(&mut world)?;
        unreadable::set_aside(&mut world)?;
        let decided = world.finish();
        let changes = self.commit(decided, &mut turn)?;
        Ok(Committed { answer, changes })
    }

    /// The same for decisions that field histories may inform. Where one would, nothing is committed: the services are
    /// asked, and it is decided again. What they do not tell is decided without.
    pub async fn decide_informed<T>(
        &self,
        cycle: Id,
        systems: &Pair<System>,
        act: impl Fn(&mut World<'_>) -> Result<T, StoreError> + Send + Sync,
    ) -> Result<Committed<T>, StoreError>
    where
        T: Send,
    {
        let mut history = History::default();
        loop {
            {
                let mut turn = self.turn.lock().await;
                self.catch_up(&mut turn)?;
                let Turn { ids, objects, users, .. } = &mut *turn;
                let context = self.context(users, objects, systems);
                let mut world = World::new(&*self.store, self.tag, &context, cycle, ids)?;
                world.blocked = self.blocked.as_deref();
                world.history = std::mem::take(&mut history);
                let answer = act(&mut world)?;
                spread(&mut world)?;
                if world.history.needs.is_empty() {
                    unreadable::set_aside(&mut world)?;
                    let decided = world.finish();
                    let changes = self.commit(decided, &mut turn)?;
                    return Ok(Committed { answer, changes });
                }
                history = world.history;
            }
            ask(systems, &mut history).await;
        }
    }

    /// The file could not be written when something was committed: its lines come first, before anything that they
    /// permit is done.
    fn catch_up(&self, turn: &mut Turn) -> Result<(), StoreError> {
        if turn.behind { self.complete(turn) } else { Ok(()) }
    }

    fn commit(&self, mut decided: Decided, turn: &mut Turn) -> Result<usize, StoreError> {
        let changes = decided.changed;
        let Some(last) = decided.lines.last().map(|line| line.number) else {
            if !decided.batch.is_empty() {
                self.store.commit(decided.batch)?;
            }
            return Ok(changes);
        };
        // What is certainly in the file by now: only the lines behind it can be missing after a crash.
        decided.batch.put(self.tag.state("logged"), turn.logged.to_be_bytes());
        turn.behind = true;
        self.store.commit(decided.batch)?;
        self.log.append(&self.rules, &decided.lines)?;
        turn.logged = last;
        turn.behind = false;
        Ok(changes)
    }

    fn context<'a>(
        &'a self,
        users: &'a WithUsers,
        objects: &'a Pair<BTreeMap<String, ObjectFacts>>,
        systems: &Pair<System>,
    ) -> Context<'a> {
        let rules = match self.rebuilding.as_ref().filter(|_| !self.rebuilt.load(Ordering::Acquire)) {
            Some(rebuilding) => users.rebuilding.as_ref().unwrap_or(rebuilding),
            None => users.ordinary.as_ref().unwrap_or(&self.rules),
        };
        Context {
            rules,
            objects,
            offset: Pair::new(systems.left.offset(), systems.right.offset()),
            now: self.clock.now(),
        }
    }

    /// Decides on the store as it is, and commits nothing: for plans and previews.
    pub async fn look<T>(
        &self,
        systems: &Pair<System>,
        act: impl FnOnce(&mut World<'_>) -> Result<T, StoreError> + Send,
    ) -> Result<T, StoreError>
    where
        T: Send,
    {
        let mut turn = self.turn.lock().await;
        let Turn { ids, objects, users, .. } = &mut *turn;
        let context = self.context(users, objects, systems);
        let mut scratch = ids.clone();
        let cycle = scratch.next(context.now);
        let mut world = World::new(&*self.store, self.tag, &context, cycle, &mut scratch)?;
        world.blocked = self.blocked.as_deref();
        act(&mut world)
    }
}

fn with_users(rules: &SyncRules, side: Side, people: &People) -> Arc<SyncRules> {
    let mut rules = rules.clone();
    for rule in rules.fields.iter_mut().filter(|rule| rule.map.kind == FieldType::User) {
        rule.map.native[side].values_mut().for_each(|place| place.people = people.clone());
    }
    Arc::new(rules)
}

/// Asks for every history that a decision would have liked to know. What cannot be had is known to be empty, so that
/// it is not asked for again.
async fn ask(systems: &Pair<System>, history: &mut History) {
    let mut records: BTreeMap<(Side, Address), Vec<String>> = BTreeMap::new();
    for place in std::mem::take(&mut history.needs) {
        history.known.insert(place.clone(), Vec::new());
        records.entry((place.side, place.address)).or_default().push(place.field);
    }
    for ((side, address), fields) in records {
        let connector = &systems[side].connector;
        if !connector.capabilities(&address.object).is_some_and(|capable| capable.history) {
            continue;
        }
        // A history that cannot be had now costs certainty, not correctness.
        let edits = connector.history(&Call::default(), &address, &fields).await.unwrap_or_default();
        for edit in edits {
            let place = Place { side, address: address.clone(), field: edit.field.clone() };
            history.known.entry(place).or_default().push(edit);
        }
    }
}
