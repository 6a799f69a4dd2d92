//! The service in memory, in several shapes.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use hymnal_memory::{Account, Fault, MemoryConnector, MemoryOptions, Method, ObjectOptions, options};
use hymnal_sdk::{
    Address, BoxFuture, Clock, Deletions, Fields, ListKind, Native, NativeKind, Timestamp, User, UserKind,
    kit::{Interruption, Sight, Subject},
};

pub(crate) const OBJECT: &str = "people";

/// How late rows come, and how far look-ups lag, where they do.
const LAG: Duration = Duration::from_mins(2);

/// A clock that goes on by its step, in milliseconds, whenever it is read, and by more when it is told to.
#[derive(Clone)]
pub(crate) struct Ticking {
    passed: Arc<AtomicU64>,
    step: u64,
}

impl Ticking {
    /// By a millisecond.
    pub(crate) fn new() -> Self {
        Self { passed: Arc::default(), step: 1 }
    }

    /// Not at all: everything happens at one time until it is told to go on.
    pub(crate) fn still() -> Self {
        Self { step: 0, ..Self::new() }
    }

    fn forward(&self, by: Duration) {
        self.passed.fetch_add(u64::try_from(by.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        let start: Timestamp = "2026-11-23T10:00:00Z".parse().expect("a time");
        start.checked_add(self.elapsed()).expect("a time of this century")
    }

    fn elapsed(&self) -> Duration {
        Duration::from_millis(self.passed.fetch_add(self.step, Ordering::Relaxed))
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.forward(duration);
        Box::pin(async {})
    }
}

/// A service whose object was changed by `shape`, and a subject that offers all there is.
pub(crate) fn service(shape: impl FnOnce(&mut ObjectOptions)) -> (MemoryConnector, Subject) {
    let (connector, subject, _) = service_with_clock(shape);
    (connector, subject)
}

/// Rows come late and look-ups lag; the kit waits until they have come.
pub(crate) fn lagging() -> (MemoryConnector, Subject) {
    let (connector, mut subject, clock) = service_with_clock(|object| {
        object.capabilities.overlap = LAG;
        object.find_lag = LAG;
    });
    connector.people().plant(Fault::LateRows(LAG), Fault::FOREVER, Method::List);
    subject.settle = Some(Box::new(move || clock.sleep(LAG)));
    (connector, subject)
}

/// The whole list each time, no times, no word of deletions, blanks left out.
pub(crate) fn scanned() -> (MemoryConnector, Subject) {
    service(|object| {
        object.capabilities.list = ListKind::Scan;
        object.capabilities.deletions = Deletions::Unknown;
        object.capabilities.omits_blanks = true;
    })
}

/// No field is unique, so nothing can be upserted.
pub(crate) fn without_key() -> (MemoryConnector, Subject) {
    let (connector, mut subject) = service(|object| {
        object.schema.fields[0].unique = false;
        object.capabilities.unique.clear();
        object.capabilities.upsert_batch = 0;
    });
    subject.unique = None;
    (connector, subject)
}

fn service_with_clock(shape: impl FnOnce(&mut ObjectOptions)) -> (MemoryConnector, Subject, Ticking) {
    let mut object = ObjectOptions::new(vec![
        options::unique("email"),
        options::field("name", NativeKind::Text),
        options::choice("stage", &["lead", "customer"]),
    ]);
    let capabilities = &mut object.capabilities;
    capabilities.list_page = 10;
    capabilities.erase_batch = 12;
    for batch in [&mut capabilities.create_batch, &mut capabilities.update_batch, &mut capabilities.get_batch] {
        *batch = 12;
    }
    shape(&mut object);
    let clock = Ticking::new();
    let connector = MemoryConnector::new(MemoryOptions::new(OBJECT, object), Arc::new(clock.clone()));
    connector.people().set_users(["1", "2"].map(user).to_vec());
    let subject = subject(connector.people().clone());
    (connector, subject, clock)
}

fn user(id: &str) -> User {
    let email = Some(format!("user{id}@example.com"));
    User { id: id.to_owned(), email, name: format!("User {id}"), active: true, kind: UserKind::Person }
}

fn subject(people: Account) -> Subject {
    let draft = |number: u64| {
        Fields::from([
            ("email".to_owned(), Native::text(format!("kit{number}@example.com"))),
            ("name".to_owned(), Native::text(format!("Kit {number}"))),
            ("stage".to_owned(), Native::text("lead")),
        ])
    };
    let hidden = people.clone();
    let mut subject = Subject::new(OBJECT, draft, "name", "1");
    subject.unique = Some("email".into());
    subject.shared = Some("name".into());
    subject.refused = Some(Fields::from([("stage".to_owned(), Native::text("no such stage"))]));
    subject.crowd = 35;
    subject.hide = Some(Box::new(move |id, sight| match sight {
        Sight::Hidden => hidden.hide(Address::new(OBJECT, id)),
        Sight::Shown => hidden.show(&Address::new(OBJECT, id)),
    }));
    subject.fail_next = Some(Box::new(move |interruption| {
        let fault = match interruption {
            Interruption::ReadFails => Fault::ServerError,
            Interruption::AnswerLost => Fault::AnswerLost,
        };
        people.plant(fault, 1, Method::Any);
    }));
    subject
}
