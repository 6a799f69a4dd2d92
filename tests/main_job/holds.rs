//! Safety limits, one cycle by hand, and accounts, by the real program: what is typed, what is said, how it ends.

use serde_json::Value as Json;

use crate::world::{Setup, World};

/// People in both systems, the same; then each is edited in marketing.
async fn edited(people: usize, limits: &str) -> (World, Vec<(String, String)>) {
    let world = Setup::new().sync(&format!("guards = {{ {limits} }}")).start().await;
    let ids: Vec<_> = (0..people).map(|number| world.known_person(&format!("p{number}@example.com"))).collect();
    world.converge().await;
    edit(&world, &ids, "CTO");
    (world, ids)
}

fn edit(world: &World, ids: &[(String, String)], title: &str) {
    for (hub, _) in ids {
        world.hub_edit(hub, &[("jobtitle", title)]);
    }
}

fn with(world: &World, ids: &[(String, String)], title: &str) -> usize {
    ids.iter().filter(|(_, crm)| world.crm_value(crm, "Title") == title).count()
}

async fn holds(world: &World) -> Vec<Json> {
    let held = world.sync_status().await["held"].clone();
    held["holds"].as_array().cloned().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_stops_what_goes_beyond_it_until_it_is_approved() {
    let (world, ids) = edited(5, "max_updates = { count = 2 }").await;
    world.once().await.exits(7).says("max_updates").says("hymnal approve people --hold");
    assert_eq!(with(&world, &ids, "CTO"), 2);
    let status = world.sync_status().await;
    assert_eq!((&status["state"], &status["held"]["reason"]), (&"held".into(), &"guard".into()));
    let hold = holds(&world).await.remove(0);
    assert_eq!((&hold["kind"], &hold["entries"], &hold["limit"]), (&"updates".into(), &3.into(), &2.into()));
    assert_eq!(hold["samples"].as_array().map(Vec::len), Some(3), "{hold}");
    let told = world.conflicts_of("guard");
    assert_eq!((&told[0]["status"], &told[0]["entries"]), (&"open".into(), &3.into()), "{told:?}");

    // What comes after it was shown is not approved with it.
    let seen = hold["id"].as_str().expect("an id").to_owned();
    let late = world.known_person("late@example.com");
    world.once().await.exits(7);
    edit(&world, std::slice::from_ref(&late), "CTO");
    world.once().await.exits(7);
    world.run(&["approve", "people", "--hold", &seen]).await.exits(0);
    world.once().await.exits(7);
    assert_eq!(with(&world, &ids, "CTO"), 5);
    assert_eq!(with(&world, std::slice::from_ref(&late), "CTO"), 0);
    world.run(&["discard", "people"]).await.exits(0).says("1 held write");
    world.converge().await;
    assert_eq!(world.crm_value(&late.1, "Title"), "");
    assert_eq!(world.hub_value(&late.0, "jobtitle"), "CTO", "what a person entered stays");
    world.run(&["approve", "people"]).await.exits(0).says("nothing is held");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_holds_one_must_be_named() {
    let (world, ids) = edited(3, "max_updates = { count = 0 }, max_creates = { count = 0 }").await;
    world.hub_contact(&[("email", "new@example.com"), ("lastname", "New")]);
    world.once().await.exits(7);
    let names: Vec<String> =
        holds(&world).await.iter().map(|hold| hold["id"].as_str().expect("an id").to_owned()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    let refused = world.run(&["approve", "people"]).await.exits(2).says("--hold");
    assert!(names.iter().all(|name| refused.stderr.contains(name)), "{refused:?}");
    world.run(&["discard", "people", "--hold", "updates-99"]).await.exits(2).says("has no hold");
    let creates = names.iter().find(|name| name.starts_with("creates")).expect("one of creations");
    world.run(&["approve", "people", "--hold", creates]).await.exits(0);
    world.once().await.exits(7);
    assert_eq!(world.sales_records().len(), 4, "what was approved was made");
    assert_eq!(with(&world, &ids, "CTO"), 0, "what was not still waits");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_cycle_by_hand_and_one_person_read_again() {
    let world = World::usual().await;
    let ids = world.known_person("ada@example.com");
    let done = world.json(&["sync", "people"]).await;
    assert_eq!(done["exit"], 0, "{done}");
    world.converge().await;
    world.hub_edit(&ids.0, &[("jobtitle", "CTO")]);
    let done = world.json(&["sync"]).await;
    assert_eq!(done["syncs"]["people"]["updated"], 1, "{done}");
    assert_eq!(world.crm_value(&ids.1, "Title"), "CTO");
    let done = world.json(&["resync", "people", "ada@example.com"]).await;
    assert_eq!((&done["records"], &done["updated"]), (&2.into(), &0.into()), "{done}");
    let done = world.json(&["resync", "people"]).await;
    assert_eq!((&done["exit"], &done["updated"]), (&0.into(), &0.into()), "{done}");
    world.run(&["resync", "people", "nobody@example.com"]).await.exits(2).says("nobody is known");
    world.run(&["sync", "nobody"]).await.exits(2);
}

/// A login of another account under the state of this one: refused, naming both, until somebody accepts it. Then
/// nothing that was read from the first one counts any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_account_is_refused_until_it_is_accepted() {
    let mut world = World::usual().await;
    let ids = world.known_person("ada@example.com");
    world.converge().await;
    let production = world.running.hubspot_url.clone();
    let mut setup = Setup::new();
    setup.options.hubspot.portal_id = 987_654;
    let other = setup.start().await;
    let clone = other.hub_contact(&[("email", "ada@example.com"), ("firstname", "Sandbox")]);
    world.running.hubspot_url.clone_from(&other.running.hubspot_url);
    world.write_config();
    let start = (world.mark(), other.mark());
    let refused = world.once().await.exits(78).says("987654").says("hymnal rebind marketing");
    assert!(!refused.stderr.contains("ada@example.com"), "{refused:?}");
    world.run(&["check"]).await.exits(78).says("987654");
    assert_eq!((world.wrote_since(start.0), other.wrote_since(start.1)), ((0, 0), (0, 0)));

    world.run(&["rebind", "marketing"]).await.exits(0).says("987654").says("people");
    world.once().await.exits(7).says("hymnal approve people");
    assert_eq!(world.crm_value(&ids.1, "FirstName"), "Ada", "nothing is written before it is approved");
    world.run(&["approve", "people"]).await.exits(0);
    world.once().await;
    assert_eq!(other.hub_value(&clone, "email"), "ada@example.com");
    // And back again is another account again.
    world.running.hubspot_url = production;
    world.write_config();
    world.once().await.exits(78);
    world.run(&["rebind", "nobody"]).await.exits(2);
}
