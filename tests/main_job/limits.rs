//! What a service allows is obeyed, what waits for it is visible, and nothing is lost by waiting.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use hymnal::wire::SystemClock;
use hymnal_sandbox::{Control, Fault, hubspot::Rates};
use hymnal_sdk::Clock;
use serde_json::json;

use crate::world::{Setup, World, planted};

/// When requests came, as far as looking every few milliseconds tells.
struct Watch {
    times: Arc<Mutex<Vec<Duration>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Watch {
    fn start(service: Control) -> Self {
        let times = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&times);
        let task = tokio::spawn(async move {
            let clock = SystemClock::new();
            let mut last = service.mark().asked;
            loop {
                let asked = service.mark().asked;
                let now = clock.elapsed();
                seen.lock().unwrap_or_else(PoisonError::into_inner).extend((last..asked).map(|_| now));
                last = asked;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        Self { times, task }
    }

    /// The time of each request so far.
    fn end(self) -> Vec<Duration> {
        self.task.abort();
        self.times.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// One person in both systems, changed in marketing since they agreed.
async fn with_an_edit() -> (World, String) {
    let world = World::usual().await;
    let (hub, crm) = world.known_person("ada@example.com");
    world.converge().await;
    world.hub_edit(&hub, &[("phone", "+12125550111")]);
    (world, crm)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_after_is_waited_for_and_the_rest_goes_on() {
    let (world, crm) = with_an_edit().await;
    world.hub.plant(planted("POST", "/search", 1, too_many("4")));
    let mark = world.mark();
    let watch = Watch::start(world.hub.clone());

    world.converge().await;

    let (hub, sales) = world.traffic_since(mark);
    let refused = hub.requests.iter().position(|seen| seen.status == 429).expect("the throttle was met");
    let times = watch.end();
    let waited = times[refused + 1] - times[refused];
    assert!(waited >= Duration::from_millis(3900), "asked again after {waited:?}");
    assert_eq!(hub.by_status[&429], 1, "{:?}", hub.by_status);
    assert!(sales.by_status.keys().all(|status| *status == 200), "{:?}", sales.by_status);
    assert_eq!(world.crm_value(&crm, "Phone"), "+12125550111");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_throttled_write_is_written_after_its_time() {
    let (world, crm) = with_an_edit().await;
    world.crm_edit(&crm, &[("Title", "CEO")]);
    world.hub.plant(planted("POST", "/contacts/batch/update", 1, too_many("3")));
    let mark = world.mark();
    let watch = Watch::start(world.hub.clone());

    world.converge().await;

    let (hub, _) = world.traffic_since(mark);
    let refused = hub.requests.iter().position(|seen| seen.status == 429).expect("the throttle was met");
    let times = watch.end();
    assert!(times[refused + 1] - times[refused] >= Duration::from_millis(2900));
    world.assert_same_people(1);
    assert_eq!(world.wrote_since(mark), (1, 1));
}

/// Logins are no calls of the API, and are not counted against the quota. One a run.
const LOGINS: u64 = 13;

fn too_many(retry_after: &str) -> Fault {
    let body = r#"{"status":"error","message":"You have reached your secondly limit.","errorType":"RATE_LIMIT","policyName":"SECONDLY"}"#;
    Fault::Answer { status: 429, retry_after: retry_after.to_owned(), body: body.to_owned() }
}
