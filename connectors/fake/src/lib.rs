//! Small stateful stand-ins for services, for tests: one store of records, one clock, one way to plant faults; and for
//! each service a *dialect*, written after that service's own documents and after nothing else.
//!
//! ```text
//! http::Request ──▶ Fake ── faults, limits ──▶ Dialect ── routes, spelling, strictness ──▶ World (records, times)
//! ```
//!
//! A dialect knows nothing of Hymnal: neither its manifest language nor the manifest of its service. What it is strict
//! about it cites. It shows what a service does by its documents; what the service does beyond them only an account of
//! its own shows.

mod asked;
mod dialect;
mod world;

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use asked::{Answer, Asked};
use bytes::Bytes;
use hymnal_sdk::Clock;
use serde_json::{Map, Value};

pub use dialect::Service;
pub use world::{Row, World};

/// Something that a request meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The request is refused with a status that nobody repeats a request for.
    Refused,
    /// What the next write asks for is done, and the answer is lost.
    AnswerLost,
    /// The service has had too many requests.
    Throttled,
}

/// What came of a request.
#[derive(Debug)]
pub enum Reply {
    /// A whole answer.
    Answered(http::Response<Bytes>),
    /// The connection broke before the answer.
    Lost,
}

/// A service.
#[derive(Clone)]
pub struct Fake {
    service: Service,
    state: Arc<Mutex<State>>,
}

struct State {
    world: World,
    faults: VecDeque<Fault>,
    /// Requests so far, and of those the ones that may change something.
    requests: usize,
    writes: usize,
}

impl Fake {
    /// The service, with nothing in it.
    pub fn new(service: Service, clock: Arc<dyn Clock>) -> Self {
        let state = State { world: World::new(clock), faults: VecDeque::new(), requests: 0, writes: 0 };
        Self { service, state: Arc::new(Mutex::new(state)) }
    }

    /// Answers a request.
    pub fn answer(&self, request: &http::Request<Bytes>) -> Reply {
        let mut state = self.lock();
        state.requests += 1;
        let asked = Asked::read(request);
        let is_write = asked.method != "GET" && self.service.is_write(&asked);
        if is_write {
            state.writes += 1;
        }
        // An answer that is lost is that of a write: a look before it is not meant.
        let is_met = |fault: &Fault| !self.service.is_login(&asked) && (*fault != Fault::AnswerLost || is_write);
        let fault = state.faults.pop_front_if(|fault| is_met(fault));
        let answer = match fault {
            Some(Fault::Refused) => Answer::json(400, &serde_json::json!({ "message": "no" })),
            Some(Fault::Throttled) => self.service.throttled(),
            Some(Fault::AnswerLost) | None => self.service.answer(&mut state.world, &asked),
        };
        let date = state.world.now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        if fault == Some(Fault::AnswerLost) { Reply::Lost } else { Reply::Answered(answer.into_response(&date)) }
    }

    /// Makes the next requests meet these, one each.
    pub fn plant(&self, faults: &[Fault]) {
        self.lock().faults.extend(faults);
    }

    /// Makes a record as a person does in the service's own screens. Answers its id.
    pub fn make(&self, object: &str, fields: &[(&str, Value)]) -> String {
        let mut state = self.lock();
        let id = self.service.new_id(&mut state.world, object);
        state.world.insert(object, &id, entries(fields));
        id
    }

    /// Edits a record as a person does.
    pub fn edit(&self, object: &str, id: &str, fields: &[(&str, Value)]) {
        self.lock().world.change(object, id, entries(fields));
    }

    /// Deletes a record as a person does.
    pub fn delete(&self, object: &str, id: &str) {
        let mut state = self.lock();
        state.world.delete(object, id);
    }

    /// Takes from the login the permission to see a record, or gives it back.
    pub fn hide(&self, object: &str, id: &str, is_hidden: bool) {
        self.lock().world.hide(object, id, is_hidden);
    }

    /// The records that are not deleted.
    pub fn live(&self, object: &str) -> Vec<Row> {
        self.lock().world.live(object)
    }

    /// A record, deleted or not.
    pub fn row(&self, object: &str, id: &str) -> Option<Row> {
        self.lock().world.row(object, id).cloned()
    }

    /// Requests so far that may change something.
    pub fn writes(&self) -> usize {
        self.lock().writes
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn entries(fields: &[(&str, Value)]) -> Map<String, Value> {
    fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}
