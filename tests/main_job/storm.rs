//! `kill -9` again and again while people go on working: it always opens again, nothing acknowledged is missing, nobody
//! stands there twice, and the ends agree.
//!
//! `HYMNAL_KILLS=2000 cargo test --test main_job storm` is the long run; each world takes [`KILLS_A_WORLD`] of them.

use std::{collections::BTreeSet, time::Duration};

use rustix::process::Signal;
use serde_json::Value as Json;

use crate::world::{World, signal};

const USUALLY: u32 = 40;
const KILLS_A_WORLD: u32 = 25;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_in_mid_sync_lose_nothing_and_double_nobody() {
    let kills = number("HYMNAL_KILLS").and_then(|kills| u32::try_from(kills).ok()).unwrap_or(USUALLY);
    let seed = number("HYMNAL_KILL_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    println!("moments from seed {seed}; HYMNAL_KILL_SEED={seed} repeats them");
    let mut dice = Dice(seed);
    let mut done = 0;
    while done < kills {
        done += one_world(&mut dice, KILLS_A_WORLD.min(kills - done)).await;
        println!("{done} of {kills} kills");
    }
}

/// Kills so often in one world, and checks it; answers how many kills hit a process that ran.
async fn one_world(dice: &mut Dice, kills: u32) -> u32 {
    let world = World::usual().await;
    world.seed(40, 30, 15, dice.roll(1000));
    let (hub, crm) = world.known_person("ada@example.com");
    let mut people = 56;
    let mut hit = 0;
    let mut tries = 0;
    while hit < kills {
        tries += 1;
        assert!(tries < 10 * kills, "only {hit} of {tries} kills hit a process that ran");
        people += work(&world, (&hub, &crm), tries, dice);
        hit += u32::from(run_and_kill(&world, dice).await);
    }
    world.converge().await;
    world.assert_same_people(people);
    check_log(&world).await;
    let quiet = world.mark();
    world.converge().await;
    assert_eq!(world.wrote_since(quiet), (0, 0), "it is at rest");
    hit
}

/// What people do between two kills; answers how many of them are new.
fn work(world: &World, (hub, crm): (&str, &str), turn: u32, dice: &mut Dice) -> usize {
    let phone = format!("+1212555{:04}", dice.roll(10_000));
    world.hub_edit(hub, &[("phone", &phone)]);
    world.crm_edit(crm, &[("FirstName", &format!("Ada {turn}"))]);
    if turn.is_multiple_of(3) {
        // Both sides at once: a line of the conflict log that has to be in the store as well.
        world.hub_edit(hub, &[("jobtitle", &format!("left {turn}"))]);
        world.crm_edit(crm, &[("Title", &format!("right {turn}"))]);
    }
    match dice.roll(3) {
        0 => {
            world.hub_contact(&[("email", &format!("hub{turn}@example.com")), ("lastname", "Hub")]);
            1
        }
        1 => {
            let email = format!("crm{turn}@example.com");
            world.crm_record("Lead", &[("Email", &email), ("LastName", "Crm"), ("Company", "Acme")]);
            1
        }
        _ => 0,
    }
}

/// Starts it, and kills it so many requests after its start, and so many milliseconds behind that. `false` where it
/// ended before.
async fn run_and_kill(world: &World, dice: &mut Dice) -> bool {
    let (requests, ms) = (dice.roll(12), dice.roll(40));
    let mark = world.mark();
    let mut child = world.spawn(if dice.roll(2) == 0 { &["run"] } else { &["run", "--once"] });
    let asked = || {
        let (hub, crm) = world.traffic_since(mark);
        hub.asked + crm.asked
    };
    let mut ended = None;
    while ended.is_none() && asked() < requests {
        tokio::time::sleep(Duration::from_millis(1)).await;
        ended = child.try_wait().expect("its status");
    }
    tokio::time::sleep(Duration::from_millis(ms)).await;
    ended = ended.or(child.try_wait().expect("its status"));
    if let Some(status) = ended {
        assert!(matches!(status.code(), Some(0 | 1 | 4)), "it does not open, or does not go on: {status}");
        return false;
    }
    signal(&child, Signal::KILL);
    child.wait().await.expect("its status");
    true
}

/// A line stands in the file once, and only if the decision was committed before.
async fn check_log(world: &World) {
    let lines = world.conflicts();
    let numbers: BTreeSet<u64> = lines.iter().filter_map(|line| line["number"].as_u64()).collect();
    assert_eq!(numbers.len(), lines.len(), "a line stands twice in the conflict log");
    assert_eq!(numbers.last().copied().unwrap_or(0), numbers.len() as u64, "a line is missing");
    let stored = world.json(&["conflicts", "list", "--limit", "100000"]).await;
    let ids = |lines: &[Json]| -> BTreeSet<String> {
        lines.iter().filter_map(|line| line["id"].as_str()).map(str::to_owned).collect()
    };
    assert_eq!(ids(&lines), ids(stored.as_array().expect("lines")), "the file and the state tell the same");
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}
