//! A workflow in marketing rewrites everybody, some hundred a minute, all night. (90,000 records at 400 a minute in the
//! story; 300 at 40 a cycle here, under a limit scaled with them.)

use hymnal_sdk::{Actor, ActorKind};

use super::telling::Telling;
use crate::{
    conflicts::LATER,
    world::{Setup, texts},
};

const PEOPLE: usize = 300;
const A_MINUTE: usize = 40;
const LIMIT: usize = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_workflow_that_runs_away_is_stopped_by_the_guard() {
    let mut telling = Telling::of("4. A runaway workflow");
    let world = Setup::new().sync(&format!("guards = {{ max_updates = {{ count = {LIMIT} }} }}")).start().await;
    let people: Vec<_> = (0..PEOPLE).map(|number| world.known_person(&format!("p{number:03}@example.com"))).collect();
    for (hub, _) in &people {
        world.hub_edit(hub, &[("jobtitle", "Buyer")]);
    }
    world.converge().await;
    tokio::time::sleep(LATER).await;
    let night = world.hub.account().now().to_string();
    let workflow = Actor { name: "4242".to_owned(), kind: ActorKind::Workflow };
    let written = || people.iter().filter(|(_, crm)| world.crm_value(crm, "Title") == "Prospect").count();

    for minute in people.chunks(A_MINUTE) {
        for (hub, _) in minute {
            world.hub.edit(&workflow, hub, texts(&[("jobtitle", "Prospect")])).expect("an edit");
        }
        world.run(&["sync", "people"]).await;
        assert!(written() <= LIMIT, "never more than the limit: {}", written());
    }
    assert_eq!(written(), LIMIT);
    let held = world.sync_status().await["held"].clone();
    let holds = held["holds"].as_array().expect("holds").clone();
    assert_eq!(holds.len(), 1, "{holds:?}");
    assert_eq!((&holds[0]["kind"], &holds[0]["entries"]), (&"updates".into(), &(PEOPLE - LIMIT).into()));
    let left_out = ["  marketing (", "  crm (", "    crm, ", "    last cycle"];
    let is_told = |line: &str| !left_out.iter().any(|start| line.starts_with(start));
    telling.shows_some(&world.run(&["status"]).await.exits(0), is_told);

    // The admin turns it off, and drops what waits; what got through is taken back.
    telling.shows(&world.run(&["discard", "people"]).await.exits(0));
    world.once().await;
    let undone = world.run(&["undo", "--since", &night, "--sync", "people"]).await;
    telling.shows_some(&undone, |line| !line.starts_with("  "));
    // Which is as many writes again, within the same hour.
    world.once().await.exits(7);
    telling.shows(&world.run(&["approve", "people"]).await.exits(0));
    world.converge().await;
    assert_eq!(written(), 0);
    assert_eq!(people.iter().filter(|(_, crm)| world.crm_value(crm, "Title") == "Buyer").count(), PEOPLE);
    telling.ends();
}
