//! Sales has one placeholder in every title, and the first run would carry it into marketing. A pilot shows it, and is
//! taken back.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::telling::Telling;
use crate::world::{Setup, World};

/// In both systems; the rest of the pilot's fifty are only in sales.
const KNOWN: usize = 44;
const ONLY_IN_SALES: usize = 6;
const ONLY_IN_MARKETING: usize = 30;

async fn dirty() -> World {
    let world = Setup { first_run: "plan", ..Setup::new() }.start().await;
    for number in 0..KNOWN {
        let email = format!("p{number:02}@example.com");
        world.hub_contact(&[("email", &email), ("firstname", "Ada"), ("lastname", "Smith"), ("jobtitle", "Buyer")]);
        let mut fields = vec![("Email", email.as_str()), ("FirstName", "Ada"), ("LastName", "Smith")];
        fields.extend([("Title", "see notes"), ("Phone", "+12125550100")]);
        world.crm_record("Contact", &fields);
    }
    for number in 0..ONLY_IN_SALES {
        world.crm_record("Contact", &[("Email", &format!("s{number}@example.com")), ("LastName", "Jones")]);
    }
    for number in 0..ONLY_IN_MARKETING {
        world.hub_contact(&[("email", &format!("m{number:02}@example.com")), ("lastname", "Ng")]);
    }
    world
}

/// What every record holds, by its id.
fn scene(world: &World) -> BTreeMap<String, BTreeMap<String, String>> {
    let mapped = ["email", "firstname", "lastname", "phone", "company", "jobtitle"];
    let sales = ["Email", "FirstName", "LastName", "Phone", "Company", "Title"];
    let all = world.contacts().into_iter().chain(world.sales_records());
    let shown = |record: BTreeMap<String, String>| {
        let is_ours = |name: &String| mapped.contains(&name.as_str()) || sales.contains(&name.as_str());
        let filled = record.iter().filter(|(name, value)| is_ours(name) && !value.is_empty());
        (record["id"].clone(), filled.map(|(name, value)| (name.clone(), value.clone())).collect())
    };
    all.map(shown).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pilot_of_a_dirty_first_run_is_taken_back_on_both_sides() {
    let mut telling = Telling::of("1. A dirty first run");
    let world = dirty().await;
    let before = scene(&world);

    let plan = world.run(&["plan", "--out", "plan.jsonl"]).await.exits(0);
    let is_told = |line: &str| !line.contains("create from") && !line.starts_with("    marketing contacts");
    telling.shows_some(&plan, is_told);
    let pilot = world.run(&["apply", "plan.jsonl", "--limit", "50"]).await.exits(0);
    telling.shows(&pilot);
    let titles = |world: &World| {
        world.contacts().iter().filter(|it| it.get("jobtitle").is_some_and(|is| is == "see notes")).count()
    };
    assert_eq!(titles(&world), KNOWN, "the placeholder is in marketing");

    let undone = world.run(&["undo", "--since", "1h", "--sync", "people"]).await.exits(4);
    let rows = std::cell::Cell::new(0);
    let is_told = |line: &str| {
        let is_row = line.starts_with("  marketing contacts") && !line.contains("was created");
        rows.set(rows.get() + usize::from(is_row));
        !is_row || rows.get() <= 2
    };
    telling.shows_some(&undone, is_told);
    world.once().await.exits(7);

    let mut after = scene(&world);
    let created: Vec<String> = after.keys().filter(|id| !before.contains_key(*id)).cloned().collect();
    assert_eq!(created.len(), ONLY_IN_SALES, "creations are not taken back");
    for id in &created {
        assert!(undone.stdout.contains(id), "and every one is listed: {id} not in {}", undone.stdout);
        after.remove(id);
    }
    assert_eq!(after, before, "every value is as it was, on both sides");
    // It stays so, also when the rest goes: what was taken back is not written again.
    world.run(&["approve", "people"]).await.exits(0);
    world.converge().await;
    assert_eq!(titles(&world), 0);
    let status: Json = world.sync_status().await;
    assert_eq!(status["linked"], KNOWN + ONLY_IN_SALES + ONLY_IN_MARKETING, "{status}");
    telling.ends();
}
