//! One system is down, or refuses us: the other goes on, and nothing is made before both have been read.

use std::time::Duration;

use hymnal::wire::SystemClock;
use hymnal_sandbox::Fault;
use hymnal_sdk::Clock;

use crate::world::{World, planted};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_made_before_both_systems_have_been_read() {
    let world = World::usual().await;
    world.seed(12, 10, 5, 4);
    world.crm.plant(planted("", "", u32::MAX, Fault::RefusedConnection));

    world.run(&["run", "--once", "--timeout", "5s"]).await.exits(1);

    assert_eq!((world.hub.mark().wrote, world.contacts().len()), (0, 12));
    assert_eq!(world.sync_status().await["people"], 12, "marketing was read");
    world.crm.clear_faults();
    world.converge().await;
    world.assert_same_people(17);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_one_system_is_down_the_others_changes_are_taken_in() {
    let world = World::usual().await;
    let (hub, crm) = world.known_person("ada@example.com");
    world.converge().await;
    world.hub_edit(&hub, &[("phone", "+12125550111")]);
    world.crm.plant(planted("", "", u32::MAX, Fault::RefusedConnection));

    world.run(&["run", "--once", "--timeout", "5s"]).await.exits(1).says("work is left");

    let told = world.json(&["explain", "ada@example.com", "--field", "phone"]).await;
    assert_eq!(told["people"][0]["fields"]["phone"]["value"], "+12125550111");
    let status = world.json(&["status"]).await;
    assert_eq!(status["connectors"]["crm"]["trouble"]["kind"], "transient", "{status}");
    assert_eq!(status["syncs"]["people"]["pending"], 1);
    world.crm.clear_faults();
    world.converge().await;
    assert_eq!(world.crm_value(&crm, "Phone"), "+12125550111");
    assert!(world.conflicts().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_minutes_pass_by_themselves() {
    let world = World::usual().await;
    let (hub, crm) = world.known_person("ada@example.com");
    world.converge().await;
    world.hub_edit(&hub, &[("phone", "+12125550111")]);
    let broken = |status| Fault::Answer { status, retry_after: String::new(), body: "down".to_owned() };
    world.hub.plant(planted("POST", "/search", 1, Fault::Html));
    world.hub.plant(planted("POST", "/search", 1, broken(503)));
    world.crm.plant(planted("GET", "/query", 1, broken(502)));
    world.crm.plant(planted("GET", "/query", 1, Fault::Truncated));
    world.crm.plant(planted("PATCH", "", 1, broken(503)));

    world.converge().await;

    assert_eq!(world.crm_value(&crm, "Phone"), "+12125550111");
    assert!(world.hub.account().lock().faults.is_empty() && world.crm.account().lock().faults.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_token_ends_the_run_quickly_and_says_so() {
    let world = World::usual().await;
    let (_, crm) = world.known_person("ada@example.com");
    world.converge().await;
    world.crm_edit(&crm, &[("Phone", "+12125550111")]);
    let wrong = world.config_text().replace("pat-na1-sandbox", "pat-na1-revoked");
    std::fs::write(world.config(), wrong).expect("the configuration is written");
    let clock = SystemClock::new();

    let ran = world.once().await.exits(1);

    assert!(clock.elapsed() < Duration::from_secs(20), "waiting helps nobody here");
    assert!(!ran.stdout.contains("pat-na1") && !ran.stderr.contains("pat-na1"), "no secret is told");
    let status = world.json(&["status"]).await;
    assert_eq!(status["connectors"]["marketing"]["trouble"]["kind"], "auth", "{status}");
    world.run(&["status"]).await.exits(0).says("needs login");
    // Sales was read all the same.
    let told = world.json(&["explain", "ada@example.com", "--field", "phone"]).await;
    assert_eq!(told["people"][0]["fields"]["phone"]["value"], "+12125550111");

    world.write_config();
    world.converge().await;
    world.assert_same_people(1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_ends_in_the_middle_is_renewed_once() {
    let world = World::usual().await;
    world.seed(12, 10, 5, 4);
    world.crm.plant(planted("POST", "/composite/sobjects", 1, Fault::ExpiredToken));
    let mark = world.mark();

    world.converge().await;

    let (_, sales) = world.traffic_since(mark);
    let logins = sales.requests.iter().filter(|seen| seen.path.contains("/oauth2/token")).count();
    assert_eq!(logins, 2, "one at the start, one again");
    assert_eq!(sales.by_status.get(&401), Some(&1));
    world.assert_same_people(17);
}
