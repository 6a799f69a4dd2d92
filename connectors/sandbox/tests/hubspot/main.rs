//! Each strictness of the HubSpot-like face, asked over HTTP, with the document it comes from.

#![expect(clippy::unwrap_used, reason = "tests")]

mod batches;
mod client;
mod consent;
mod control;
mod faults;
mod limits;
mod merges;
mod reading;
mod schema;
mod searches;
mod seeding;
mod writing;

use std::{
    ops::RangeInclusive,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use hymnal_sandbox::{Control, Running, Sandbox, SandboxOptions, Side, hubspot::HubSpotOptions};
use hymnal_sdk::{Actor, ActorKind, BoxFuture, Clock, Fields, Native, Timestamp};
use serde_json::{Value, json};

use crate::client::{Client, Reply};

/// A clock that moves when it is told to, and by a millisecond whenever it is read, so that two writes differ in time.
#[derive(Default)]
struct Hands(AtomicU64);

impl Hands {
    fn turn(&self, by: Duration) {
        self.0.fetch_add(u64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        let start: Timestamp = "2026-03-02T09:00:00Z".parse().unwrap();
        start + Duration::from_millis(self.0.load(Ordering::SeqCst))
    }

    fn elapsed(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::SeqCst))
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.turn(duration);
        Box::pin(async {})
    }
}

/// A running sandbox, its clock, and a client of its HubSpot-like service.
struct World {
    running: Running,
    clock: Arc<Hands>,
    client: Client,
}

/// What the index shows at once.
const NO_LAG: RangeInclusive<Duration> = Duration::ZERO..=Duration::ZERO;

impl World {
    async fn new() -> Self {
        Self::with(HubSpotOptions { search_lag: NO_LAG, ..HubSpotOptions::default() }).await
    }

    async fn with(hubspot: HubSpotOptions) -> Self {
        let clock = Arc::new(Hands::default());
        let token = hubspot.token.clone();
        let options = SandboxOptions { hubspot, ..SandboxOptions::new(clock.clone()) };
        let running = Sandbox::start(options).await.unwrap();
        let client = Client::new(&running.hubspot_url, &token);
        Self { running, clock, client }
    }

    fn control(&self) -> Control {
        self.running.sandbox.control(Side::Hubspot)
    }

    /// Makes a contact as a program does; answers its id.
    async fn contact(&self, properties: Value) -> String {
        let made = self.client.post("/crm/v3/objects/contacts", &json!({ "properties": properties })).await;
        assert_eq!(made.status, 201, "{}", made.body);
        self.tick();
        made.text("id")
    }

    async fn get(&self, id: &str, properties: &str) -> Reply {
        self.client.get(&format!("/crm/v3/objects/contacts/{id}?properties={properties}")).await
    }

    async fn patch(&self, id: &str, properties: Value) -> Reply {
        self.tick();
        self.client.patch(&format!("/crm/v3/objects/contacts/{id}"), &json!({ "properties": properties })).await
    }

    fn tick(&self) {
        self.clock.turn(Duration::from_millis(7));
    }
}

fn person() -> Actor {
    Actor { name: "1001".to_owned(), kind: ActorKind::Person }
}

fn fields(pairs: &[(&str, &str)]) -> Fields {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), Native::text(*value))).collect()
}
