//! `kill -9` at ten random moments of a first sync: the same end as without, nobody twice, the log complete.

use std::{collections::BTreeSet, time::Duration};

use rustix::process::Signal;
use serde_json::Value as Json;

use crate::world::{World, signal};

/// What is left when it is over, without what differs from one run to the next (ids of made records, times).
#[derive(Debug, PartialEq, Eq)]
struct End {
    contacts: BTreeSet<String>,
    sales: BTreeSet<String>,
    conflicts: BTreeSet<String>,
}

const CONTACT: [&str; 6] = ["email", "firstname", "lastname", "phone", "company", "jobtitle"];
const RECORD: [&str; 7] = ["object", "Email", "FirstName", "LastName", "Phone", "Company", "Title"];

fn end(world: &World) -> End {
    let told = |records: Vec<std::collections::BTreeMap<String, String>>, fields: &[&str]| {
        let one = |record: &std::collections::BTreeMap<String, String>| {
            let values: Vec<&str> = fields.iter().map(|field| record.get(*field).map_or("", String::as_str)).collect();
            values.join(" | ")
        };
        let all: BTreeSet<String> = records.iter().map(one).collect();
        assert_eq!(all.len(), records.len(), "somebody stands there twice");
        all
    };
    let conflict = |line: &Json| {
        let value = |system: &str| line["values"][system]["value"].clone();
        let (left, right) = (value("marketing"), value("crm"));
        format!("{} {} {left} {right} {} {}", line["records"], line["field"], line["winner"], line["result"])
    };
    let lines = world.conflicts();
    let ids: BTreeSet<&str> = lines.iter().filter_map(|line| line["id"].as_str()).collect();
    assert_eq!(ids.len(), lines.len(), "a line stands twice in the conflict log");
    End {
        contacts: told(world.contacts(), &CONTACT),
        sales: told(world.sales_records(), &RECORD),
        conflicts: lines.iter().map(conflict).collect(),
    }
}

async fn populated() -> World {
    let world = World::usual().await;
    world.seed(260, 230, 60, 11);
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_kills_at_random_moments_of_a_first_sync_change_nothing() {
    let (whole, killed) = tokio::join!(populated(), populated());
    whole.converge().await;
    let expected = end(&whole);
    assert_eq!(expected.contacts.len(), 430);

    // The moments: so many requests after the start, and so many milliseconds behind that.
    let seed = seed();
    println!("moments from seed {seed}; HYMNAL_KILL_SEED={seed} repeats them");
    let mut dice = seed;
    let mut kills = 0;
    for _ in 0..40 {
        if kills == 10 {
            break;
        }
        let (requests, ms) = (roll(&mut dice, 14), roll(&mut dice, 60));
        let mark = killed.mark();
        let mut child = killed.spawn(&["run", "--once"]);
        let asked = || {
            let (hub, crm) = killed.traffic_since(mark);
            hub.asked + crm.asked
        };
        while asked() < requests && child.try_wait().expect("its status").is_none() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::sleep(Duration::from_millis(ms)).await;
        if child.try_wait().expect("its status").is_some() {
            // It ended before its moment came: the sync is done.
            break;
        }
        signal(&child, Signal::KILL);
        child.wait().await.expect("its status");
        kills += 1;
    }
    assert!(kills >= 5, "only {kills} kills hit a running sync");

    killed.converge().await;

    assert_eq!(end(&killed), expected);
    killed.assert_same_people(430);
    let quiet = killed.mark();
    killed.converge().await;
    assert_eq!(killed.wrote_since(quiet), (0, 0));
}

/// From the environment, else from the process: other moments each time.
fn seed() -> u64 {
    let given = std::env::var("HYMNAL_KILL_SEED").ok().and_then(|seed| seed.parse().ok());
    given.unwrap_or_else(|| u64::from(std::process::id()))
}

fn roll(dice: &mut u64, sides: u64) -> u64 {
    *dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*dice >> 33) % sides
}
