//! The gate before the first write.

use serde_json::json;

use crate::world::{Setup, World};

async fn held() -> World {
    let world = Setup { first_run: "plan", ..Setup::new() }.start().await;
    world.seed(20, 15, 10, 3);
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_run_writes_nothing_says_what_it_would_do_and_goes_once_approved() {
    let world = held().await;
    let start = world.mark();

    let ran = world.once().await.exits(7).says("hymnal approve people").says("hymnal discard people");

    assert_eq!(world.wrote_since(start), (0, 0));
    assert!(ran.stdout.contains("create 10 records") && ran.stdout.contains("create 5 records"), "{}", ran.stdout);
    let held = world.sync_status().await["held"].clone();
    assert_eq!((&held["reason"], &held["do"]), (&json!("first_run"), &json!("hymnal approve people")));
    let previews = held["would"].as_array().expect("a preview of each side");
    let creates: Vec<u64> = previews.iter().filter_map(|side| side["creates"]["count"].as_u64()).collect();
    assert_eq!(creates.iter().sum::<u64>(), 15, "{held}");
    assert!(
        previews.iter().all(|side| side["creates"]["samples"].as_array().is_some_and(|samples| samples.len() <= 10))
    );
    // Asking again changes nothing.
    world.once().await.exits(7);
    assert_eq!(world.wrote_since(start), (0, 0));

    world.run(&["approve", "people"]).await.exits(0);
    world.converge().await;

    world.assert_same_people(25);
    assert_eq!(world.sync_status().await["held"], json!(null));
    let quiet = world.mark();
    world.converge().await;
    assert_eq!(world.wrote_since(quiet), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_discarded_first_run_stays_held_and_plans_anew() {
    let world = held().await;
    world.once().await.exits(7).says("create 10 records");
    world.run(&["discard", "people"]).await.exits(0);
    world.hub_contact(&[("email", "new@example.com"), ("lastname", "New")]);

    world.once().await.exits(7).says("create 11 records");
    world.run(&["approve", "people"]).await.exits(0);
    world.converge().await;

    world.assert_same_people(26);
    let ids: std::collections::BTreeSet<String> =
        world.conflicts().iter().map(|line| format!("{} {}", line["entity"], line["field"])).collect();
    assert_eq!(ids.len(), world.conflicts().len(), "no difference is told twice: {:?}", world.conflicts());
}
