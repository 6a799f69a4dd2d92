//! What a service allows is obeyed, what waits for it is visible, and nothing is lost by waiting.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use hymnal::wire::SystemClock;
use hymnal_sandbox::{Control, Fault};
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
    let waited = times[refused + 1].abs_diff(times[refused]);
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
    assert!(times[refused + 1].abs_diff(times[refused]) >= Duration::from_millis(2900));
    world.assert_same_people(1);
    assert_eq!(world.wrote_since(mark), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_throttle_longer_than_the_timeout_ends_the_run_and_is_shown() {
    let (world, crm) = with_an_edit().await;
    world.crm_edit(&crm, &[("LastName", "Jones")]);
    world.hub.plant(planted("POST", "/search", 1, too_many("30")));
    let clock = SystemClock::new();

    let ran = world.run(&["run", "--once", "--timeout", "2s"]).await.exits(1);

    assert!(clock.elapsed() < Duration::from_secs(20), "it does not wait longer than it was told to: {ran:?}");
    let status = world.json(&["status"]).await;
    let marketing = &status["connectors"]["marketing"];
    assert_eq!(marketing["trouble"]["kind"], "throttled", "{marketing}");
    assert!(marketing["paused_until"].is_string(), "{marketing}");
    assert_eq!(status["connectors"]["crm"]["trouble"], json!(null));
    // What sales had to say was heard, and is not lost.
    let told = world.json(&["explain", "ada@example.com", "--field", "last_name"]).await;
    assert_eq!(told["people"][0]["fields"]["last_name"]["value"], "Jones", "{told}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quota_that_others_spent_ends_the_run_and_later_it_goes_on() {
    let (world, crm) = with_an_edit().await;
    let body = r#"[{"message":"TotalRequests Limit exceeded.","errorCode":"REQUEST_LIMIT_EXCEEDED"}]"#;
    let refusal = Fault::Answer { status: 403, retry_after: String::new(), body: body.to_owned() };
    world.crm.plant(planted("", "/services/data", u32::MAX, refusal));
    let mark = world.mark();

    world.run(&["run", "--once", "--timeout", "2s"]).await.exits(1);

    assert_eq!(world.wrote_since(mark), (0, 0));
    let (_, sales) = world.traffic_since(mark);
    assert!(
        sales.by_status.get(&403).is_some_and(|refused| *refused <= 3),
        "it does not knock on: {:?}",
        sales.by_status
    );
    let status = world.json(&["status"]).await;
    assert_eq!(status["connectors"]["crm"]["trouble"]["kind"], "throttled", "{status}");
    assert_eq!(status["syncs"]["people"]["pending"], 1, "{status}");

    world.crm.clear_faults();
    world.converge().await;
    assert_eq!(world.crm_value(&crm, "Phone"), "+12125550111");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_share_of_a_daily_quota_is_never_passed_not_even_by_starting_again() {
    let mut setup = Setup::new();
    setup.options.salesforce.daily_limit = 1000;
    setup.crm = "limits = { daily_share = 0.03, reserve = 0.0 }".to_owned();
    let mut world = setup.start().await;
    let (hub, crm) = world.known_person("ada@example.com");
    world.converge().await;
    let mut ended = Vec::new();
    for turn in 0..12 {
        world.hub_edit(&hub, &[("jobtitle", &format!("Title {turn}"))]);
        ended.push(world.run(&["run", "--once", "--timeout", "1s"]).await.code);
    }

    // 30 of the 1,000 calls of a day are ours.
    let asked = world.crm.mark().asked;
    assert!(asked <= 30 + LOGINS, "{asked} requests");
    assert_eq!(ended.last(), Some(&Some(1)), "{ended:?}");
    let status = world.json(&["status"]).await;
    let sales = &status["connectors"]["crm"];
    assert_eq!((&sales["quota"]["ours"], &sales["quota"]["left"]), (&json!(30), &json!(0)), "{sales}");
    assert!(sales["paused_until"].is_string(), "{sales}");

    // A larger share: it goes on where it stood.
    world.setup.crm = String::new();
    world.write_config();
    world.converge().await;
    assert_eq!(world.crm_value(&crm, "Title"), "Title 11");
}

/// Logins are no calls of the API, and are not counted against the quota. One a run.
const LOGINS: u64 = 13;

fn too_many(retry_after: &str) -> Fault {
    let body = r#"{"status":"error","message":"You have reached your secondly limit.","errorType":"RATE_LIMIT","policyName":"SECONDLY"}"#;
    Fault::Answer { status: 429, retry_after: retry_after.to_owned(), body: body.to_owned() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_that_was_asked_for_outlives_the_program() {
    let (world, crm) = with_an_edit().await;
    world.hub.plant(planted("POST", "/search", 1, too_many("20")));
    world.run(&["run", "--once", "--timeout", "2s"]).await.exits(1);
    let mark = world.mark();

    world.run(&["run", "--once", "--timeout", "1s"]).await.exits(1);

    let (hub, _) = world.traffic_since(mark);
    assert_eq!(hub.asked, 0, "asked although twenty seconds are not over: {:?}", hub.requests);
    assert_ne!(world.crm_value(&crm, "Phone"), "+12125550111");
}
