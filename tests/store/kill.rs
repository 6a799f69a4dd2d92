//! `kill -9` at random moments: what was acknowledged is there, and no commit is there in part.

use std::{
    env, fs,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use hymnal::store::{Batch, Kv, SledKv};

use super::open;

const DIR: &str = "HYMNAL_TEST_KILL_DIR";
const KEYS: u32 = 40;
const WRITERS: u32 = 3;

/// Not a case: the process that is killed. It says `writer round` on standard output for each acknowledged commit.
#[test]
fn writes_until_it_is_killed() {
    let Some(dir) = env::var_os(DIR) else { return };
    let store = open(Path::new(&dir)).unwrap();
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let store = &store;
            scope.spawn(move || {
                for round in last_round(store, writer) + 1.. {
                    store.commit(batch(writer, round)).unwrap();
                    let mut out = std::io::stdout().lock();
                    writeln!(out, "acknowledged {writer} {round}").unwrap();
                    out.flush().unwrap();
                }
            });
        }
    });
}

/// Every round changes every key of its writer, some of them to long values, and adds one.
fn batch(writer: u32, round: u32) -> Batch {
    let mut batch = Batch::default();
    for key in 0..KEYS {
        let length = if key == round % KEYS { 20_000 } else { 60 };
        batch.put(format!("{writer}/key {key}"), format!("{round:010}").repeat(length / 10));
    }
    batch.put(format!("{writer}/round {round:010}"), "");
    batch
}

fn last_round(store: &SledKv, writer: u32) -> u32 {
    let value = store.get(format!("{writer}/key 0").as_bytes()).unwrap();
    value.map_or(0, |value| std::str::from_utf8(&value[..10]).unwrap().parse().unwrap())
}

fn check(dir: &Path, acknowledged: &[u32]) {
    let store = open(dir).unwrap();
    store.verify().unwrap();
    for writer in 0..WRITERS {
        let round = last_round(&store, writer);
        let least = acknowledged[usize::try_from(writer).unwrap()];
        assert!(round >= least, "writer {writer}: round {least} was acknowledged, {round} is there");
        for key in 0..KEYS {
            let value = store.get(format!("{writer}/key {key}").as_bytes()).unwrap();
            let expected = (round > 0).then(|| {
                let expected = batch(writer, round);
                expected.change(format!("{writer}/key {key}").as_bytes()).unwrap().unwrap().to_vec()
            });
            assert!(value == expected, "writer {writer}, round {round}: key {key} is of another commit");
        }
        let rounds = store.scan(format!("{writer}/round ").as_bytes(), None, usize::MAX).unwrap();
        assert_eq!(rounds.len(), usize::try_from(round).unwrap(), "every round before is there");
    }
}

#[test]
fn killed_at_random_moments_it_loses_nothing_acknowledged() {
    if env::var_os(DIR).is_some() {
        return;
    }
    let kills = env::var("HYMNAL_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(15);
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path().join("store");
    let mut acknowledged = vec![0; usize::try_from(WRITERS).unwrap()];
    let mut commits = 0;
    for kill in 0..kills {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "kill::writes_until_it_is_killed", "--nocapture", "--test-threads=1"])
            .env(DIR, &dir)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let reader = thread::spawn(move || out.lines().map_while(Result::ok).collect::<Vec<_>>());
        // The moments are spread over making the store, opening it, and committing; where in a commit they fall is
        // up to the machine.
        thread::sleep(Duration::from_millis(3 + 37 * kill % 400));
        child.kill().unwrap();
        child.wait().unwrap();
        for line in reader.join().unwrap() {
            // The test harness may write on the same line.
            let Some((_, said)) = line.split_once("acknowledged ") else { continue };
            let mut numbers = said.split(' ').map(|number| number.parse::<u32>().unwrap());
            let (writer, round) = (numbers.next().unwrap(), numbers.next().unwrap());
            let last = &mut acknowledged[usize::try_from(writer).unwrap()];
            *last = (*last).max(round);
            commits += 1;
        }
        if dir.exists() {
            check(&dir, &acknowledged);
        }
    }
    assert!(commits > 0, "no child came to commit anything in {kills} kills");
    fs::remove_dir_all(dir).unwrap();
}
