//! What people decide and take back, at the command line: conflicts resolved, parked things retried, changes undone.

use serde_json::{Value as Json, json};

use crate::world::{Setup, World};

/// Notes wait for a person.
fn asking() -> Setup {
    Setup::new()
        .field("title", r#"{ marketing = "jobtitle", crm = "Title", on_conflict = "manual" }"#)
        .field("job_title", r#"{ marketing = "website", crm = "Description", on_conflict = "manual" }"#)
}

async fn open(world: &World) -> Vec<Json> {
    world.json(&["conflicts", "list", "--open"]).await.as_array().expect("a list").clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_conflict_is_resolved_at_the_command_line() {
    let world = asking().start().await;
    let (hub, crm) = world.known_person("ada@example.com");
    world.converge().await;
    world.hub_edit(&hub, &[("jobtitle", "CEO")]);
    world.crm_edit(&crm, &[("Title", "CTO")]);
    world.once().await.exits(4);
    let id = open(&world).await[0]["id"].as_str().expect("an id").to_owned();

    world.run(&["conflicts", "resolve", &id]).await.exits(2);
    world.run(&["conflicts", "resolve", &id, "--take", "sales"]).await.exits(2).says("`marketing`, `crm`");
    let looked = world.run(&["conflicts", "resolve", &id, "--take", "crm", "--dry-run"]).await.exits(0);
    assert_eq!(looked.stdout, "title would be CTO in both systems.\n  marketing: CEO → CTO\n");
    // Somebody edits it before the answer comes.
    world.crm_edit(&crm, &[("Title", "COO")]);
    world.once().await.exits(4);
    let refused = world.run(&["conflicts", "resolve", &id, "--take", "crm"]).await.exits(4);
    assert!(refused.stderr.contains("marketing says CEO, crm says COO now"), "{}", refused.stderr);
    let seen = open(&world).await[0]["number"].to_string();
    world.run(&["conflicts", "resolve", &id, "--take", "crm", "--seen", &seen]).await.exits(0);
    world.converge().await;

    assert_eq!(world.hub_value(&hub, "jobtitle"), "COO");
    world.run(&["conflicts", "resolve", &id, "--take", "marketing"]).await.exits(1).says("is resolved already");
    assert_eq!(open(&world).await, Vec::<Json>::new());
    let lines = world.conflicts();
    assert_eq!(lines.iter().filter(|line| line["id"] == json!(id)).count(), 3);
    assert_eq!(lines[2]["status"], "resolved");
    assert_eq!((&lines[2]["winner"], &lines[2]["result"]), (&json!("crm"), &json!("COO")));
    world.run(&["conflicts", "resolve", "nobody", "--take", "crm"]).await.exits(2);
    let tested = world.json(&["conflicts", "policy-test", "--since", "90d", "--policy", "prefer marketing"]).await;
    assert_eq!((&tested["conflicts"], &tested["otherwise"]), (&json!(1), &json!(1)), "{tested}");
}

/// P36: a thousand are not answered one by one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p36_conflicts_are_resolved_by_an_expression() {
    let world = asking().start().await;
    let mut people = Vec::new();
    for number in 0..4 {
        people.push(world.known_person(&format!("p{number}@example.com")));
    }
    world.converge().await;
    for (index, (hub, crm)) in people.iter().enumerate() {
        world.hub_edit(hub, &[("jobtitle", "CEO"), ("firstname", if index == 0 { "Bea" } else { "Ada" })]);
        world.crm_edit(crm, &[("Title", "CTO")]);
    }
    world.once().await.exits(4);

    let ask = ["conflicts", "resolve", "--where", "first_name == 'Ada' and crm == 'CTO'", "--take", "marketing"];
    let looked = world.json(&[&ask[..], &["--dry-run"]].concat()).await;
    assert_eq!((&looked["count"], &looked["dry_run"]), (&json!(3), &json!(true)));
    assert_eq!(open(&world).await.len(), 4, "a look changes nothing");
    assert_eq!(world.json(&ask).await["count"], 3);
    world.once().await.exits(4);
    for (index, (_, crm)) in people.iter().enumerate() {
        assert_eq!(world.crm_value(crm, "Title"), if index == 0 { "CTO" } else { "CEO" });
    }
    let wrong = ["conflicts", "resolve", "--where", "frist_name == 'Ada'", "--take", "crm"];
    world.run(&wrong).await.exits(2).says("first_name");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_is_undone_by_the_id_that_history_shows() {
    let world = World::usual().await;
    let (hub, crm) = world.known_person("ada@example.com");
    world.hub_edit(&hub, &[("jobtitle", "CEO")]);
    world.converge().await;
    world.hub_edit(&hub, &[("jobtitle", "CTO"), ("phone", "+12125550111")]);
    world.converge().await;
    let history = world.json(&["history", "ada@example.com"]).await["people"][0]["history"].clone();
    let changes: Vec<&Json> = history.as_array().expect("entries").iter().filter(|e| e["change"].is_string()).collect();
    let change = changes.last().expect("a change")["change"].as_str().expect("an id").to_owned();
    world.crm_edit(&crm, &[("Phone", "+12125550122")]);

    let looked = world.run(&["undo", &change, "--dry-run"]).await.exits(4);
    assert!(looked.stdout.contains("marketing: CTO → CEO, crm: CTO → CEO"), "{}", looked.stdout);
    assert!(
        looked.stdout.contains("phone: it was changed since (now marketing: +12125550111, crm: +12125550122)"),
        "{}",
        looked.stdout
    );
    world.run(&["undo", &change]).await.exits(4);
    world.converge().await;

    assert_eq!((world.hub_value(&hub, "jobtitle"), world.crm_value(&crm, "Title")), ("CEO".into(), "CEO".into()));
    assert_eq!(world.hub_value(&hub, "phone"), "+12125550122", "what somebody edited since stays");
    world.converge().await;
    assert_eq!(world.crm_value(&crm, "Title"), "CEO", "it does not come back");
    let history = world.run(&["history", &format!("marketing:contacts:{hub}")]).await.exits(0).stdout;
    assert!(history.contains("job_title: CTO → CEO (undone by "), "{history}");
    world.run(&["undo", "--since", "1h"]).await.exits(2);
    world.run(&["undo"]).await.exits(2);
    world.run(&["undo", "x"]).await.exits(2);
    world.run(&["history", "nobody@example.com"]).await.exits(2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_parked_is_listed_by_reason_retried_and_dismissed() {
    let world = World::usual().await;
    let long = "A first name that is longer than the forty characters of sales";
    let mut people = Vec::new();
    for number in 0..3 {
        people.push(world.known_person(&format!("p{number}@example.com")));
    }
    world.converge().await;
    for (hub, _) in &people {
        world.hub_edit(hub, &[("firstname", long)]);
    }
    world.once().await.exits(4);

    let list = world.json(&["parked", "list"]).await;
    assert_eq!(list.as_array().map(Vec::len), Some(1), "one reason: {list}");
    assert_eq!(
        (&list[0]["count"], &list[0]["field"], &list[0]["system"]),
        (&json!(3), &json!("first_name"), &json!("crm"))
    );
    let (id, reason) = (list[0]["id"].as_str().expect("an id"), list[0]["reason"].as_str().expect("a reason"));
    let shown = world.run(&["parked", "show", id]).await.exits(0).stdout;
    assert!(shown.contains("hint: "), "{shown}");
    assert_eq!(world.json(&["parked", "retry", "--reason", reason]).await["count"], 3);
    world.once().await.exits(4);
    let person =
        world.json(&["parked", "show", id]).await[0]["people"][0]["entity"].as_str().expect("an id").to_owned();
    assert_eq!(world.json(&["parked", "dismiss", &person]).await["count"], 1);
    assert_eq!(world.json(&["parked", "list"]).await[0]["count"], 2);
    assert_eq!(world.json(&["parked", "dismiss", "--all"]).await["count"], 2);
    world.once().await.exits(0);
    world.run(&["parked", "list"]).await.exits(0).says("Nothing is set aside.");
    world.run(&["parked", "retry", "0000000000"]).await.exits(2);
    world.run(&["parked", "retry"]).await.exits(2);
}
