//! What a cycle would do, seen before it is done.

use std::collections::BTreeSet;

use hymnal_sandbox::Fault;
use serde_json::{Value as Json, json};

use crate::world::{Marks, Setup, World, ended, eventually, planted, signal};

async fn two_populated_systems() -> World {
    let world = Setup { first_run: "plan", ..Setup::new() }.start().await;
    world.seed(40, 30, 20, 5);
    world
}

/// The lines of a plan file: the header, and the changes.
fn lines(world: &World, file: &str) -> (Json, Vec<Json>) {
    let text = std::fs::read_to_string(world.dir.path().join(file)).expect("the plan");
    let mut lines = text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON"));
    (lines.next().expect("a header"), lines.collect())
}

fn wrote(world: &World, since: Marks) -> (u64, u64) {
    world.wrote_since(since)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_before_the_first_run_says_what_the_run_then_does() {
    let world = two_populated_systems().await;
    let start = world.mark();

    let ran = world.run(&["plan", "--out", "plan.jsonl", "--exit-code"]).await.exits(3);
    assert_eq!(wrote(&world, start), (0, 0));
    assert!(ran.stdout.contains("create 20 records") && ran.stdout.contains("create 10 records"), "{}", ran.stdout);
    let (header, changes) = lines(&world, "plan.jsonl");
    assert!(header["config"].as_str().is_some_and(|digest| digest.len() == 32), "{header}");
    let creates = changes.iter().filter(|line| line["kind"] == "create").count();
    assert_eq!(creates, 30);
    for key in ["entity", "record", "field", "old", "new", "rule", "kind", "system"] {
        assert!(changes.iter().all(|line| line.get(key).is_some()), "`{key}` in every line");
    }
    // Nothing of it was kept: the state knows nobody.
    assert_eq!(world.sync_status().await["people"], 0);
    let entries: BTreeSet<String> = std::fs::read_dir(world.state())
        .expect("a state directory")
        .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
        .collect();
    assert!(entries.iter().all(|name| !name.starts_with("plan-")), "{entries:?}");

    world.once().await.exits(7);
    let plan = world.json(&["plan", "people"]).await;
    assert_eq!(plan["changes"].as_u64(), Some(changes.len() as u64), "the held run planned the same");
    world.run(&["approve", "people"]).await.exits(0);
    world.converge().await;
    world.assert_same_people(50);
    world.run(&["plan", "--exit-code"]).await.exits(0).says("nothing would be written");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_is_the_same_with_a_daemon_and_without() {
    let mut world = Setup::new().start().await;
    world.seed(12, 9, 6, 2);
    world.converge().await;
    world.run(&["pause", "people"]).await.exits(0);
    let (hub, crm) = world.known_person("ada@example.com");
    world.hub_edit(&hub, &[("phone", "+12125550147")]);
    world.crm_edit(&crm, &[("Title", "Dr")]);

    world.run(&["plan", "--out", "alone.jsonl"]).await.exits(0);
    let mut daemon = world.spawn(&["run"]);
    eventually("the daemon answers", async || world.state().join("hymnal.sock").exists()).await;
    world.run(&["plan", "--out", "asked.jsonl", "--exit-code"]).await.exits(3);

    // A person whom only the plan has met has another id in the other plan.
    let told = |world: &World, file: &str| {
        let (_, mut lines) = lines(world, file);
        for line in &mut lines {
            line["entity"] = Json::Null;
        }
        lines
    };
    assert_eq!(told(&world, "alone.jsonl"), told(&world, "asked.jsonl"));
    assert!(told(&world, "asked.jsonl").iter().any(|line| line["field"] == "phone" && line["new"] == "+12125550147"));
    world.run(&["plan", "nobody"]).await.exits(2).says("there is no sync `nobody`");

    // The file has changed, and the daemon has not read it yet: the plan is of what would be after a reload.
    world.setup.sync.push_str("priority = [\"marketing\", \"crm\"]\n");
    world.setup.fields = world.setup.fields.replace("jobtitle", "city").replace("\"Title\"", "\"MobilePhone\"");
    world.write_config();
    world.hub_edit(&hub, &[("city", "Bonn")]);
    world.run(&["plan", "--out", "new.jsonl"]).await.exits(0);
    assert!(
        told(&world, "new.jsonl").iter().any(|line| line["sends"]["MobilePhone"] == "Bonn"),
        "{:?}",
        told(&world, "new.jsonl")
    );
    world.run(&["audit"]).await.exits(1).says("hymnal reload");
    world.run(&["reload"]).await.exits(0);
    world.run(&["plan", "--out", "reloaded.jsonl"]).await.exits(0);
    let (new, reloaded) = (lines(&world, "new.jsonl").0, lines(&world, "reloaded.jsonl").0);
    assert_eq!(new["config"], reloaded["config"]);
    signal(&daemon, rustix::process::Signal::TERM);
    assert!(ended(&mut daemon, std::time::Duration::from_secs(30)).await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_of_a_system_that_is_down_is_refused() {
    let world = two_populated_systems().await;
    let refused = Fault::Answer { status: 401, retry_after: String::new(), body: String::new() };
    world.hub.plant(planted("POST", "search", 50, refused));
    let ran =
        world.run(&["plan", "--json", "--out", "plan.jsonl"]).await.exits(1).says("`marketing` could not be read");
    assert_eq!(ran.stdout, "");
    assert!(!world.dir.path().join("plan.jsonl").exists(), "half a plan is no plan");
    assert!(!world.dir.path().join("plan.jsonl.part").exists());
    assert_eq!(json!(world.conflicts()), json!([]));
}
