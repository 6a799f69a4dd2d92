//! The connector and its faults, told as short stories.

mod faults;
mod reading;
mod writing;

use std::{
    future::Future,
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use hymnal_sdk::{
    BoxFuture, Call, Clock, Connector, Cursor, Draft, Effect, Error, Fields, Got, Kind, List, Native, NativeKind, Next,
    Page, Patch, Record, Result, Timestamp, Written,
};

use crate::{Account, MemoryConnector, MemoryOptions, ObjectOptions, options};

/// A clock that tests move; `sleep` ends at once and moves it.
#[derive(Clone, Default)]
struct Hands(Arc<Mutex<Duration>>);

impl Hands {
    fn forward(&self, by: Duration) {
        *self.0.lock().expect("no test panics while it holds the clock") += by;
    }
}

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        at("2026-11-23T10:00:00Z").checked_add(self.elapsed()).expect("tests stay in this century")
    }

    fn elapsed(&self) -> Duration {
        *self.0.lock().expect("no test panics while it holds the clock")
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.forward(duration);
        Box::pin(async {})
    }
}

/// A service with one object `people`, and all that a test needs to talk to it.
struct Stage {
    connector: MemoryConnector,
    people: Account,
    clock: Hands,
    call: Call,
    wanted: Vec<String>,
    names: AtomicUsize,
}

const OBJECT: &str = "people";

fn stage() -> Stage {
    stage_with(|_| ())
}

fn stage_with(change: impl FnOnce(&mut ObjectOptions)) -> Stage {
    let mut object = ObjectOptions::new(vec![
        options::unique("email"),
        options::field("name", NativeKind::Text),
        options::choice("stage", &["lead", "customer"]),
        options::field("score", NativeKind::Number),
    ]);
    object.capabilities.list_page = 3;
    change(&mut object);
    let clock = Hands::default();
    let connector = MemoryConnector::new(MemoryOptions::new(OBJECT, object), Arc::new(clock.clone()));
    let wanted = ["email", "name", "stage", "score"].map(str::to_owned).to_vec();
    let people = connector.people().clone();
    Stage { connector, people, clock, call: Call::default(), wanted, names: AtomicUsize::new(0) }
}

impl Stage {
    fn tick(&self) {
        self.clock.forward(Duration::from_secs(1));
    }

    /// Makes people as people do, and gives their ids.
    fn crowd(&self, count: usize) -> Vec<String> {
        (0..count).map(|_| self.people.create(OBJECT, self.person()).expect("new e-mails")).collect()
    }

    fn person(&self) -> Fields {
        let number = self.names.fetch_add(1, Ordering::Relaxed);
        fields(&[("email", &format!("p{number}@example.com")), ("name", &format!("Person {number}"))])
    }

    fn draft(&self) -> Draft {
        let fields = self.person();
        let trace = fields["email"].to_string();
        Draft { fields, trace }
    }

    fn page(&self, cursor: Option<&Cursor>) -> Result<Page> {
        now(self.connector.list(&self.call, List { object: OBJECT, fields: &self.wanted, cursor }))
    }

    /// All pages from a cursor; the ids in order, and the cursor to go on from.
    fn drain(&self, mut cursor: Option<Cursor>) -> (Vec<String>, Cursor) {
        let mut ids = Vec::new();
        for _ in 0..100 {
            let page = self.page(cursor.as_ref()).expect("no fault is planted on lists");
            ids.extend(page.records.into_iter().map(|record| record.address.id));
            match page.next {
                Next::More(next) => cursor = Some(next),
                Next::Done(next) => return (ids, next),
            }
        }
        panic!("a listing that never ends: {ids:?}");
    }

    fn get(&self, id: &str) -> Option<Record> {
        let ids = [id.to_owned()];
        match now(self.connector.get(&self.call, OBJECT, &ids, &self.wanted)).expect("no fault").remove(0) {
            Got::Record(record) => Some(*record),
            Got::Gone => None,
        }
    }

    fn create(&self, drafts: &[Draft]) -> Result<Vec<Result<Written>>> {
        now(self.connector.create(&self.call, OBJECT, drafts))
    }

    fn update(&self, id: &str, values: &[(&str, &str)]) -> Result<Written> {
        let patch = Patch { id: id.into(), fields: fields(values), version: None, trace: "1".into() };
        now(self.connector.update(&self.call, OBJECT, &[patch]))?.remove(0)
    }

    fn value(&self, id: &str, field: &str) -> Native {
        self.people.row(OBJECT, id).and_then(|row| row.fields.get(field).cloned()).unwrap_or(Native::Null)
    }

    fn fired(&self, fault: &str) -> u64 {
        self.people.fired().get(fault).copied().unwrap_or(0)
    }
}

fn fields(values: &[(&str, &str)]) -> Fields {
    values.iter().map(|&(name, value)| (name.to_owned(), Native::text(value))).collect()
}

fn at(time: &str) -> Timestamp {
    time.parse().expect("a valid time in a test")
}

/// Runs a future that never really waits.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("a service in memory does not wait"),
    }
}

fn is(error: &Error, kind: Kind, effect: Effect) -> bool {
    error.kind == kind && error.effect == effect
}
