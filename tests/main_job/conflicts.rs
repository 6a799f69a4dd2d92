//! Two people change one field: one line in the log, one winner on both sides. One person does, or both to the same:
//! no line.

use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::world::{SALES_PERSON, Setup, World, eventually, planted};

/// Longer than `clock_uncertainty` and than the second to which sales cuts its times.
pub(crate) const LATER: Duration = Duration::from_millis(3500);

/// A world whose clocks are trusted to two seconds, with one person in both systems, in agreement.
async fn agreed(setup: Setup) -> (World, String, String) {
    let world = setup.sync(r#"clock_uncertainty = "2s""#).start().await;
    let (hub, crm) = world.known_person("ada@example.com");
    world.hub_edit(&hub, &[("phone", "(212) 555-0100")]);
    world.converge().await;
    assert_eq!(world.crm_value(&crm, "Phone"), "+12125550100");
    assert!(world.conflicts().is_empty());
    (world, hub, crm)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_edit_one_field_and_the_later_wins_on_both_sides_with_one_line() {
    let (world, hub, crm) = agreed(Setup::new()).await;
    world.hub_edit(&hub, &[("phone", "212 555 0111")]);
    tokio::time::sleep(LATER).await;
    world.crm_edit(&crm, &[("Phone", "+1 212 555 0122")]);

    world.converge().await;

    assert_eq!(world.hub_value(&hub, "phone"), "+12125550122");
    assert_eq!(
        world.crm_value(&crm, "Phone"),
        "+1 212 555 0122",
        "a phone that is equal is not rewritten for its form"
    );
    let lines = world.conflicts();
    assert_eq!(lines.len(), 1, "{lines:?}");
    let line = &lines[0];
    assert_eq!(line["kind"], "conflict");
    assert_eq!(line["status"], "resolved");
    assert_eq!((&line["sync"], &line["field"]), (&json!("people"), &json!("phone")));
    assert_eq!(line["base"], "+12125550100");
    assert_eq!(line["values"]["marketing"]["value"], "+12125550111");
    assert_eq!(line["values"]["marketing"]["native"], "212 555 0111");
    assert_eq!(line["values"]["crm"]["value"], "+12125550122");
    // Both keep a history of the phone: that of a field is better evidence than the record's time.
    for system in ["marketing", "crm"] {
        assert_eq!(line["values"][system]["evidence"], "field", "{line}");
        assert!(line["values"][system]["by"].is_string(), "{line}");
        assert!(line["values"][system]["modified_at"].is_string(), "{line}");
    }
    assert_eq!(line["values"]["crm"]["by"], SALES_PERSON, "{line}");
    assert_eq!((&line["policy"], &line["winner"]), (&json!("latest"), &json!("crm")));
    assert_eq!(line["certainty"], "certain", "both are known as points: {line}");
    assert_eq!(line["result"], "+12125550122");
    assert_eq!(line["records"], json!({ "marketing": format!("contacts/{hub}"), "crm": format!("Contact/{crm}") }));
    for key in ["id", "at", "entity", "cycle", "reason"] {
        assert!(line[key].as_str().is_some_and(|text| !text.is_empty()), "{key}: {line}");
    }

    // It is decided once: further runs say and write nothing.
    let quiet = world.mark();
    world.converge().await;
    assert_eq!((world.conflicts().len(), world.wrote_since(quiet)), (1, (0, 0)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_that_began_after_the_other_was_seen_is_certainly_later() {
    let (world, hub, crm) = agreed(Setup::new()).await;
    world.run(&["pause", "people", "--reason", "an audit"]).await.exits(0);
    world.crm_edit(&crm, &[("Phone", "+12125550122"), ("Title", "CEO")]);
    world.hub_edit(&hub, &[("jobtitle", "Owner")]);
    world.once().await.exits(7).says("an audit");
    tokio::time::sleep(LATER).await;
    world.hub_edit(&hub, &[("phone", "+12125550111")]);
    world.run(&["resume", "people"]).await.exits(0);

    world.converge().await;

    let lines = world.conflicts();
    let phone: Vec<&Json> = lines.iter().filter(|line| line["field"] == "phone").collect();
    assert_eq!(phone.len(), 1, "{lines:?}");
    assert_eq!((&phone[0]["winner"], &phone[0]["certainty"]), (&json!("marketing"), &json!("certain")), "{}", phone[0]);
    // The titles were changed within a second of each other: as far as the clocks tell, at once.
    let title: Vec<&Json> = lines.iter().filter(|line| line["field"] == "job_title").collect();
    assert_eq!((&title[0]["winner"], &title[0]["certainty"]), (&json!("crm"), &json!("priority")), "{}", title[0]);
    assert_eq!(lines.len(), 2, "{lines:?}");
    world.assert_same_people(1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_whose_clock_is_an_hour_ahead_wins_nothing_by_it() {
    let world = Setup::new().sync(r#"clock_uncertainty = "2s""#).start().await;
    world.hub.skew(jiff::SignedDuration::from_hours(1));
    let (hub, crm) = world.known_person("ada@example.com");
    world.converge().await;
    world.hub_edit(&hub, &[("phone", "+12125550111")]);
    tokio::time::sleep(LATER).await;
    world.crm_edit(&crm, &[("Phone", "+12125550122")]);

    world.converge().await;

    let lines = world.conflicts();
    assert_eq!(lines.len(), 1);
    assert_eq!((&lines[0]["winner"], &lines[0]["policy"]), (&json!("crm"), &json!("latest")), "{}", lines[0]);
    assert_eq!(world.hub_value(&hub, "phone"), "+12125550122");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_edit_travels_and_equal_edits_are_no_conflict() {
    let (world, hub, crm) = agreed(Setup::new()).await;

    // One side edits: the value travels. Another field of the same person, edited on the other side: both travel.
    world.hub_edit(&hub, &[("phone", "212-555-0133"), ("firstname", "Adah")]);
    world.crm_edit(&crm, &[("LastName", "Smith-Jones")]);
    let before = world.mark();
    world.converge().await;
    assert_eq!(world.crm_value(&crm, "Phone"), "+12125550133");
    assert_eq!(world.crm_value(&crm, "FirstName"), "Adah");
    assert_eq!(world.hub_value(&hub, "lastname"), "Smith-Jones");
    assert_eq!(world.wrote_since(before), (1, 1), "edits to a record cause one write on the other side");

    // Both to the same value, in two spellings: nothing to say, nothing to write.
    world.hub_edit(&hub, &[("phone", "(212) 555-0144")]);
    world.crm_edit(&crm, &[("Phone", "+1 212 555 0144")]);
    let before = world.mark();
    world.converge().await;
    assert_eq!(world.wrote_since(before), (0, 0));

    // Clearing a filled field is an edit, and travels.
    world.crm_edit(&crm, &[("Phone", "")]);
    world.converge().await;
    assert_eq!(world.hub_value(&hub, "phone"), "");

    // Edited and edited back before anybody saw it: nothing.
    world.hub_edit(&hub, &[("firstname", "Eve")]);
    world.hub_edit(&hub, &[("firstname", "Adah")]);
    let before = world.mark();
    world.converge().await;
    assert_eq!(world.wrote_since(before), (0, 0));
    assert!(world.conflicts().is_empty(), "{:?}", world.conflicts());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn manual_overwrites_nothing_waits_for_a_person_and_ends_when_they_agree() {
    let rule = r#"{ marketing = "phone", crm = "Phone", type = "phone", region = "US", on_conflict = "manual" }"#;
    let (world, hub, crm) = agreed(Setup::new().field("phone", rule)).await;
    world.hub_edit(&hub, &[("phone", "+12125550111"), ("firstname", "Adah")]);
    world.crm_edit(&crm, &[("Phone", "+12125550122")]);

    world.once().await.exits(4);

    assert_eq!(world.hub_value(&hub, "phone"), "+12125550111");
    assert_eq!(world.crm_value(&crm, "Phone"), "+12125550122");
    assert_eq!(world.crm_value(&crm, "FirstName"), "Adah", "the other fields go on");
    let open = world.json(&["conflicts", "list", "--open"]).await;
    assert_eq!(open.as_array().map(Vec::len), Some(1), "{open}");
    let id = open[0]["id"].as_str().expect("an id").to_owned();
    assert_eq!((&open[0]["policy"], &open[0]["winner"]), (&json!("manual"), &Json::Null));
    assert_eq!(world.sync_status().await["conflicts"], 1);

    // Later edits update the open conflict, under the same id.
    world.hub_edit(&hub, &[("phone", "+12125550133")]);
    world.once().await.exits(4);
    let shown = world.json(&["conflicts", "show", &id]).await;
    assert_eq!(shown["events"].as_array().map(Vec::len), Some(2), "{shown}");
    assert_eq!(world.crm_value(&crm, "Phone"), "+12125550122");

    // The person decides by making them equal: the conflict is superseded.
    world.crm_edit(&crm, &[("Phone", "(212) 555-0133")]);
    world.converge().await;
    let lines = world.conflicts();
    assert!(lines.iter().all(|line| line["id"] == id.as_str()), "one conflict: {lines:?}");
    assert_eq!(lines.last().map(|line| &line["status"]), Some(&json!("superseded")));
    assert_eq!(world.json(&["conflicts", "list", "--open"]).await, json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn edits_made_while_a_cycle_runs_are_seen_by_the_read_before_the_write() {
    let (world, hub, crm) = agreed(Setup::new()).await;
    world.hub_edit(&hub, &[("phone", "+12125550111"), ("firstname", "Adah")]);
    tokio::time::sleep(LATER).await;
    // Marketing's listing is held up; sales has been read by then and is edited before anything is written there.
    world.hub.plant(planted("POST", "/search", 1, hymnal_sandbox::Fault::Delay { ms: 4000 }));
    let mark = world.mark();
    let mut running = world.spawn(&["run", "--once"]);
    let reads = ["queryAll"; 2];
    eventually("sales was read", async || {
        let (_, crm) = world.traffic_since(mark);
        crm.requests.iter().filter(|seen| reads.iter().any(|read| seen.path.contains(read))).count() >= reads.len()
    })
    .await;
    world.crm_edit(&crm, &[("Phone", "+12125550122"), ("LastName", "Jones")]);
    assert!(world.wrote_since(mark) == (0, 0), "nothing was written before");
    assert!(running.wait().await.expect("its status").success());
    world.converge().await;

    assert_eq!(world.hub_value(&hub, "phone"), "+12125550122");
    assert_eq!(world.crm_value(&crm, "Phone"), "+12125550122");
    assert_eq!(world.crm_value(&crm, "FirstName"), "Adah");
    assert_eq!(world.hub_value(&hub, "lastname"), "Jones");
    let lines = world.conflicts();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!((&lines[0]["field"], &lines[0]["winner"]), (&json!("phone"), &json!("crm")));
}
