//! A plan applied: whole, as a pilot, and after something moved.

use std::{collections::BTreeSet, time::Duration};

use serde_json::Value as Json;

use crate::world::{Ran, Setup, World, ended, eventually, signal};

async fn planned(hubspot: usize, salesforce: usize, both: usize) -> World {
    let world = Setup { first_run: "plan", ..Setup::new() }.start().await;
    world.seed(hubspot, salesforce, both, 7);
    world.run(&["plan", "--out", "plan.jsonl"]).await.exits(0);
    world
}

fn text(world: &World) -> String {
    std::fs::read_to_string(world.dir.path().join("plan.jsonl")).expect("the plan")
}

fn people(plan: &str) -> BTreeSet<String> {
    let line = |line: &str| serde_json::from_str::<Json>(line).expect("a line of JSON");
    plan.lines().skip(1).map(|text| line(text)["entity"].to_string()).collect()
}

fn told(ran: &Ran) -> Json {
    let told: Json = serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"));
    told["syncs"]["people"].clone()
}

/// The first run is held; fifty people go ahead, and nobody else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pilot_of_fifty_goes_ahead_and_the_rest_stays_held() {
    let world = planned(70, 60, 20).await;
    let all = people(&text(&world)).len();
    assert!(all > 80, "{all}");

    let ran = world.run(&["apply", "plan.jsonl", "--limit", "50", "--json"]).await.exits(0);

    let applied = told(&ran);
    let count = |key: &str| applied[key].as_u64().unwrap_or(0);
    assert_eq!((applied["skipped"]["count"].as_u64(), applied["left"]["count"].as_u64()), (Some(0), Some(0)));
    assert!(count("created") + count("updated") >= 50, "{applied}");
    let held = world.once().await.exits(7);
    assert!(held.stdout.contains("hymnal approve people"), "{}", held.stdout);
    world.run(&["plan", "--out", "rest.jsonl", "--exit-code"]).await.exits(3);
    let rest = std::fs::read_to_string(world.dir.path().join("rest.jsonl")).expect("the rest");
    assert_eq!(people(&rest).len(), all - 50);
    let explained = world.run(&["explain", &pilot_email(&world)]).await.exits(0);
    assert!(explained.stdout.contains("applied from a plan"), "{}", explained.stdout);
    // The whole plan afterwards: what the pilot did stands there, the rest is done.
    let ran = world.run(&["apply", "plan.jsonl"]).await.exits(0);
    assert!(ran.stdout.contains("stood there already"), "{}", ran.stdout);
    world.run(&["approve", "people"]).await.exits(0);
    world.converge().await;
    world.assert_same_people(110);
}

/// The e-mail of somebody whom the pilot made.
fn pilot_email(world: &World) -> String {
    let plan = text(world);
    let lines = plan.lines().skip(1).map(|line| serde_json::from_str::<Json>(line).expect("a line of JSON"));
    let made: Vec<String> = lines
        .filter(|line| line["kind"] == "create" && line["system"] == "crm")
        .filter_map(|line| Some(line["new"]["email"].as_str()?.to_owned()))
        .collect();
    let sales = world.sales_records();
    let is_there = |email: &String| sales.iter().any(|row| row["Email"].eq_ignore_ascii_case(email));
    made.into_iter().find(is_there).expect("the pilot made somebody in sales")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_moved_since_the_plan_is_skipped_and_the_exit_code_says_so() {
    let world = Setup::new().start().await;
    let mut hub = Vec::new();
    for name in ["ada", "bob", "cid"] {
        hub.push(world.known_person(&format!("{name}@example.com")).0);
    }
    world.converge().await;
    world.run(&["pause", "people"]).await.exits(0);
    for id in &hub {
        world.hub_edit(id, &[("phone", "+12125550147")]);
    }
    world.run(&["plan", "--out", "plan.jsonl"]).await.exits(0);
    // One moves on, one line is taken out, and a pause holds a plan too.
    world.hub_edit(&hub[0], &[("phone", "+12125550100")]);
    let plan = text(&world);
    let explained = world.json(&["explain", "cid@example.com"]).await.to_string();
    let is_of_cid = |line: &str| {
        let line: Json = serde_json::from_str(line).expect("a line of JSON");
        let record = line["record"].as_str().and_then(|record| record.rsplit(':').next());
        record.is_some_and(|id| explained.contains(id))
    };
    let kept: Vec<&str> = plan.lines().filter(|line| !is_of_cid(line)).collect();
    assert_eq!(kept.len(), plan.lines().count() - 1);
    std::fs::write(world.dir.path().join("plan.jsonl"), kept.join("\n")).expect("written");
    world.run(&["apply", "plan.jsonl"]).await.exits(7).says("hymnal resume people");
    world.run(&["resume", "people"]).await.exits(0);

    let mark = world.mark();
    let ran = world.run(&["apply", "plan.jsonl", "--json"]).await.exits(4);

    let applied = told(&ran);
    assert_eq!((applied["done"].as_u64(), applied["skipped"]["count"].as_u64()), (Some(1), Some(1)), "{applied}");
    let why = applied["skipped"]["samples"][0]["why"].as_str().unwrap_or_default().to_owned();
    assert!(why.contains("+12125550100"), "{why}");
    assert_eq!(world.wrote_since(mark).1, 1, "one write, of the one line that stands");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_configurations_plan_and_a_damaged_one_are_refused() {
    let mut world = planned(6, 4, 2).await;
    let whole = text(&world);
    let mark = world.mark();
    let broken: Vec<&str> =
        whole.lines().enumerate().map(|(at, line)| if at == 2 { &line[..30] } else { line }).collect();
    std::fs::write(world.dir.path().join("broken.jsonl"), broken.join("\n")).expect("written");
    world.run(&["apply", "broken.jsonl"]).await.exits(2).says("line 3 is damaged");
    world.run(&["apply", "nowhere.jsonl"]).await.exits(2).says("nowhere.jsonl");
    world.setup.sync.push_str("priority = [\"marketing\", \"crm\"]\n");
    world.write_config();
    let digest = serde_json::from_str::<Json>(whole.lines().next().expect("a header")).expect("JSON")["config"].clone();
    let ran = world.run(&["apply", "plan.jsonl"]).await.exits(78).says(digest.as_str().expect("a digest"));
    assert!(ran.stderr.matches('`').count() >= 4, "both digests are named: {}", ran.stderr);
    assert_eq!(world.wrote_since(mark), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_daemon_applies_a_plan() {
    let world = planned(30, 20, 10).await;
    let mut daemon = world.spawn(&["run"]);
    eventually("the daemon answers", async || world.state().join("hymnal.sock").exists()).await;
    world.run(&["apply", "plan.jsonl", "--limit", "5"]).await.exits(0).says("changes written");
    let rest = world.json(&["plan"]).await;
    let all = people(&text(&world)).len() as u64;
    assert_eq!(rest["syncs"]["people"]["blast"]["people"].as_u64(), Some(all - 5));
    world.run(&["apply", "plan.jsonl"]).await.exits(0);
    assert_eq!(world.json(&["plan"]).await["changes"], 0);
    signal(&daemon, rustix::process::Signal::TERM);
    assert!(ended(&mut daemon, Duration::from_secs(30)).await.success());
}
