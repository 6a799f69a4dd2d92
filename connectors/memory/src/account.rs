//! The service as its own people, and a test, see it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use hymnal_sdk::{Actor, ActorKind, Address, Clock, Fields, Schema, Timestamp, User};

use crate::{
    fault::{Fault, Faults, Method},
    options::MemoryOptions,
    seed::SplitMix,
    service::{Refusal, Row, Service},
};

/// A handle on one account. Cheap to clone; all clones, and the connectors over it, see the same data. It survives the
/// connector, as a service survives a crash of Hymnal.
#[derive(Clone)]
pub struct Account {
    pub(crate) options: Arc<MemoryOptions>,
    pub(crate) clock: Arc<dyn Clock>,
    state: Arc<Mutex<State>>,
    actor: Actor,
}

/// A call that a connector made, whatever became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Called {
    /// When, by the account's clock.
    pub at: Timestamp,
    /// The method.
    pub method: Method,
    /// The object.
    pub object: String,
    /// Ids, values, drafts or patches in it.
    pub items: usize,
    /// Items that changed data.
    pub applied: usize,
}

/// Everything an account holds.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) data: Service,
    pub(crate) schemas: BTreeMap<String, Schema>,
    pub(crate) faults: Faults,
    pub(crate) hidden: BTreeSet<Address>,
    /// Validation rules: object, field, and the value that it may not hold.
    pub(crate) forbidden: BTreeSet<(String, String, String)>,
    pub(crate) calls: Vec<Called>,
    pub(crate) users: Vec<User>,
    pub(crate) random: SplitMix,
    /// The clock's deviation, in seconds.
    pub(crate) skew: i64,
    /// The part of it that stays when the faults are lifted.
    pub(crate) stepped: i64,
    /// The time of the latest change.
    latest: Timestamp,
    next_id: u64,
}

impl Account {
    /// An empty account.
    pub fn new(options: MemoryOptions, clock: Arc<dyn Clock>) -> Self {
        let mut data = Service::default();
        let mut schemas = BTreeMap::new();
        for (name, object) in &options.objects {
            let unique = object.schema.fields.iter().filter(|field| field.unique);
            data.table(name).unique = unique.map(|field| field.name.clone()).collect();
            schemas.insert(name.clone(), object.schema.clone());
        }
        let state = State {
            data,
            schemas,
            faults: Faults::default(),
            hidden: BTreeSet::new(),
            forbidden: BTreeSet::new(),
            calls: Vec::new(),
            users: Vec::new(),
            random: SplitMix::new(options.seed),
            skew: 0,
            stepped: 0,
            latest: Timestamp::MIN,
            next_id: 1000,
        };
        Self {
            options: Arc::new(options),
            clock,
            state: Arc::new(Mutex::new(state)),
            actor: Actor { name: "person".into(), kind: ActorKind::Person },
        }
    }

    /// The same account, edited by somebody else.
    #[must_use]
    pub fn acting_as(&self, actor: Actor) -> Self {
        Self { actor, ..self.clone() }
    }

    /// Whom records can belong to, from now on.
    pub fn set_users(&self, users: Vec<User>) {
        self.lock().users = users;
    }

    /// Makes a record and gives its id.
    ///
    /// # Errors
    /// `Duplicate`.
    pub fn create(&self, object: &str, fields: Fields) -> Result<String, Refusal> {
        self.edit(|state, by, now| {
            let id = state.new_id();
            state.data.create(object, &id, fields, by, now).map(|()| id)
        })
    }

    /// Changes fields of a record.
    ///
    /// # Errors
    /// `Missing`, `Duplicate`.
    pub fn update(&self, object: &str, id: &str, fields: Fields) -> Result<(), Refusal> {
        self.edit(|state, by, now| state.data.update(object, id, fields, by, now))
    }

    /// Deletes a record to the bin.
    ///
    /// # Errors
    /// `Missing`.
    pub fn delete(&self, object: &str, id: &str) -> Result<(), Refusal> {
        self.edit(|state, by, now| state.data.delete(object, id, by, now))
    }

    /// Takes a record out of the bin.
    ///
    /// # Errors
    /// `Missing`, `Duplicate` where its unique value has been taken.
    pub fn restore(&self, object: &str, id: &str) -> Result<(), Refusal> {
        self.edit(|state, by, now| state.data.restore(object, id, by, now))
    }

    /// Merges `loser` into `winner`.
    ///
    /// # Errors
    /// `Missing`.
    pub fn merge(&self, object: &str, winner: &str, loser: &str) -> Result<(), Refusal> {
        self.edit(|state, by, now| state.data.merge(object, winner, loser, by, now))
    }

    /// Merges two records into a new one, as HubSpot does, and gives its id.
    ///
    /// # Errors
    /// `Missing`.
    pub fn merge_into_new(&self, object: &str, winner: &str, loser: &str) -> Result<String, Refusal> {
        self.edit(|state, by, now| {
            let id = state.new_id();
            state.data.merge_into_new(object, [winner, loser], &id, by, now).map(|()| id)
        })
    }

    /// Converts a record into one of another object.
    ///
    /// # Errors
    /// `Missing`.
    pub fn convert(&self, object: &str, id: &str, into: Address) -> Result<(), Refusal> {
        self.edit(|state, by, now| state.data.convert(object, id, into, by, now))
    }

    /// An admin changes how an object is described; records keep what they hold.
    pub fn describe_as(&self, object: &str, change: impl FnOnce(&mut Schema)) {
        if let Some(schema) = self.lock().schemas.get_mut(object) {
            change(schema);
        }
    }

    /// An admin makes a validation rule: no program may save a record whose field holds this.
    pub fn forbid(&self, object: &str, field: &str, value: &str) {
        self.lock().forbidden.insert((object.to_owned(), field.to_owned(), value.to_owned()));
    }

    /// An admin switches all validation rules off.
    pub fn forbid_nothing(&self) {
        self.lock().forbidden.clear();
    }

    /// Takes from Hymnal's login the permission to see a record.
    pub fn hide(&self, address: Address) {
        self.lock().hidden.insert(address);
    }

    /// Gives the permission back.
    pub fn show(&self, address: &Address) {
        self.lock().hidden.remove(address);
    }

    /// A record, deleted or not.
    pub fn row(&self, object: &str, id: &str) -> Option<Row> {
        self.lock().data.table(object).rows.get(id).cloned()
    }

    /// The records that are neither deleted nor merged, by id.
    pub fn live(&self, object: &str) -> Vec<Row> {
        let mut state = self.lock();
        state.data.table(object).rows.values().filter(|row| row.deleted_at.is_none()).cloned().collect()
    }

    /// Plants a fault, which hits the next `times` calls of a method that it can do something to.
    ///
    /// # Panics
    /// Where it can never fire on that method: a test that plants it proves nothing.
    pub fn plant(&self, fault: Fault, times: u32, on: Method) {
        assert!(fault.can_hit(on), "a fault `{}` never fires on {on:?}", fault.name());
        self.lock().faults.plant(fault, times, on);
    }

    /// Takes all planted faults away. A clock that was wrong goes right again, up to where its stamps already are; fields
    /// have their names, types and choices back.
    pub fn lift_faults(&self) {
        let mut state = self.lock();
        state.faults.lift();
        state.skew = state.stepped;
        for (name, object) in &self.options.objects {
            state.schemas.insert(name.clone(), object.schema.clone());
        }
    }

    /// The rows changed after the change of this number, with their objects, in the order of their changes; rows that
    /// were taken out of the bin for good are not among them.
    pub fn changed_since(&self, sequence: u64) -> Vec<(String, Row)> {
        let state = self.lock();
        let tables = state.data.tables.iter();
        let rows = tables.flat_map(|(object, table)| table.rows.values().map(move |row| (object, row)));
        let changed = rows.filter(|(_, row)| row.sequence > sequence);
        let mut changed: Vec<(String, Row)> = changed.map(|(object, row)| (object.clone(), row.clone())).collect();
        changed.sort_by_key(|(_, row)| row.sequence);
        changed
    }

    /// How often each fault fired, by name.
    pub fn fired(&self) -> BTreeMap<&'static str, u64> {
        self.lock().faults.fired().clone()
    }

    /// The calls since this was last asked, oldest first.
    pub fn take_calls(&self) -> Vec<Called> {
        std::mem::take(&mut self.lock().calls)
    }

    /// The account's time.
    pub fn now(&self) -> Timestamp {
        let skew = self.lock().skew;
        shifted(self.clock.now(), skew)
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn edit<T>(&self, change: impl FnOnce(&mut State, &Actor, Timestamp) -> T) -> T {
        let mut state = self.lock();
        let now = state.stamp(self.clock.now());
        change(&mut state, &self.actor, now)
    }
}

impl State {
    /// The time of a change made now. It never goes back, though the clock may: a service whose own stamps do loses
    /// changes to everybody who reads by time, and nothing on this side can help that.
    pub(crate) fn stamp(&mut self, now: Timestamp) -> Timestamp {
        self.latest = self.latest.max(shifted(now, self.skew));
        self.latest
    }

    pub(crate) fn new_id(&mut self) -> String {
        self.next_id += 1;
        self.next_id.to_string()
    }
}

pub(crate) fn shifted(now: Timestamp, seconds: i64) -> Timestamp {
    let by = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 { earlier(now, by) } else { now.checked_add(by).unwrap_or(Timestamp::MAX) }
}

pub(crate) fn earlier(time: Timestamp, by: Duration) -> Timestamp {
    time.checked_sub(by).unwrap_or(Timestamp::MIN)
}
