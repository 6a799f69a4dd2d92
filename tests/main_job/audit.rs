//! Everything compared, and everybody taken along.

use std::time::Duration;

use serde_json::Value as Json;

use crate::world::{Setup, World, ended, eventually, signal};

async fn settled() -> World {
    let world = Setup::new().start().await;
    world.seed(12, 9, 6, 4);
    world.crm_record("Lead", &[("LastName", "Nobody"), ("Company", "No key")]);
    world.converge().await;
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_audit_counts_both_sides_and_explains_every_difference() {
    let world = settled().await;
    let mark = world.mark();

    let alone = world.json(&["audit", "people"]).await["syncs"]["people"].clone();

    assert_eq!(world.wrote_since(mark), (0, 0));
    assert_eq!(alone["unexplained"]["count"], 0, "{alone}");
    assert_eq!(alone["people"]["unexplained"], 0, "{alone}");
    assert_eq!(alone["people"]["no_key"], 1, "{alone}");
    let systems = alone["systems"].as_array().expect("two systems");
    assert_eq!((&systems[0]["matched"], &systems[1]["matched"]), (&15.into(), &15.into()), "{alone}");
    assert_eq!(systems[1]["unmatched"]["no_key"], 1, "{alone}");
    let status = world.sync_status().await;
    assert_eq!((&status["audit"]["unexplained"], &status["audit"]["people"]), (&0.into(), &alone["people"]));

    let mut daemon = world.spawn(&["run"]);
    eventually("the daemon answers", async || world.state().join("hymnal.sock").exists()).await;
    let asked = world.json(&["audit"]).await["syncs"]["people"].clone();
    assert_eq!((&asked["people"], &asked["fields"]), (&alone["people"], &alone["fields"]));
    world.run(&["audit", "--repair"]).await.exits(0).says("every difference is explained");
    signal(&daemon, rustix::process::Signal::TERM);
    assert!(ended(&mut daemon, Duration::from_secs(30)).await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_is_exported_with_values_and_ids_and_formulas_are_escaped() {
    let world = settled().await;
    let (hub, crm) = world.known_person("eve@example.com");
    world.hub_edit(&hub, &[("jobtitle", "=HYPERLINK(\"http://x\",\"y\")")]);
    world.converge().await;

    let ran = world.run(&["export"]).await.exits(0);
    let lines: Vec<Json> = ran.stdout.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    assert_eq!(lines.len(), 17);
    let eve = lines.iter().find(|line| line["fields"]["email"] == "eve@example.com").expect("Eve");
    assert_eq!(eve["records"]["marketing"][0], format!("contacts/{hub}"));
    assert_eq!(eve["records"]["crm"][0], format!("Contact/{crm}"));

    world.run(&["export", "--csv", "--out", "everybody.csv"]).await.exits(0);
    let csv = std::fs::read_to_string(world.dir.path().join("everybody.csv")).expect("the file");
    assert_eq!(
        csv.lines().next(),
        Some("sync,entity,email,first_name,last_name,phone,company,job_title,marketing,crm")
    );
    let row = csv.lines().find(|row| row.contains("eve@example.com")).expect("Eve");
    assert!(row.contains("\"'=HYPERLINK("), "{row}");
    assert!(row.ends_with(&format!("contacts/{hub},Contact/{crm}")), "{row}");
}
