//! `kill -9` at random moments: what was acknowledged is there, and no commit is there in part.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
};

use hymnal::store::{Batch, Kv, SledKv};

use super::open;

const DIR: &str = "HYMNAL_TEST_KILL_DIR";
const WORK: &str = "HYMNAL_TEST_KILL_WORK";
const KEYS: u32 = 40;
const WRITERS: u32 = 3;

/// The process that the other tests start and kill. It says `writer round` on standard output for each acknowledged
/// commit.
#[test]
fn writes_until_it_is_killed() {
    if let Some(dir) = env::var_os(DIR) {
        write(Path::new(&dir), usize::MAX);
    }
    // Nobody kills it: all that it does is there.
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path().join("store");
    write(&dir, 5);
    check(&dir, &[5; 3]);
}

fn write(dir: &Path, rounds: usize) {
    let store = open(dir).unwrap();
    thread::scope(|scope| {
        if env::var_os(WORK).is_some() {
            scope.spawn(|| {
                loop {
                    store.compact().unwrap();
                }
            });
        }
        for writer in 0..WRITERS {
            let store = &store;
            scope.spawn(move || {
                for round in (last_round(store, writer) + 1..).take(rounds) {
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
    kill_again_and_again(Work::Write, 15);
}

/// What the process does that is killed.
#[derive(Clone, Copy)]
pub(crate) enum Work {
    /// Commits.
    Write,
    /// Commits, and one compaction after the other.
    WriteAndCompact,
}

/// Kills it so often, or as often as `HYMNAL_KILLS` says, and checks the store each time.
pub(crate) fn kill_again_and_again(work: Work, usually: u32) {
    let kills = env::var("HYMNAL_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(usually);
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path().join("store");
    let mut acknowledged = vec![0; usize::try_from(WRITERS).unwrap()];
    for kill in 0..kills {
        let mut child = spawn(&dir, work);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        // So many commits later; and where in the next one it dies is up to the machine, helped by these pauses.
        let mut commits = 1 + kill * 7 % 23;
        while commits > 0 {
            commits -= u32::from(note(&lines.next().expect("it commits until it is killed"), &mut acknowledged));
        }
        (0..kill * 37 % 400).for_each(|_| thread::yield_now());
        child.kill().unwrap();
        child.wait().unwrap();
        for line in lines {
            note(&line, &mut acknowledged);
        }
        check(&dir, &acknowledged);
    }
}

#[test]
fn killed_while_it_is_made_it_is_made_again() {
    for file in ["lock", "store.json.creating", "high-water", "sled/conf", "sled/db", "store.json"] {
        let temporary = tempfile::tempdir().unwrap();
        let dir = temporary.path().join("store");
        let mut child = spawn(&dir, Work::Write);
        // One that lives for a moment only may be missed: then it was finished, which is checked as well.
        while !dir.join(file).exists() && !dir.join("store.json").exists() {
            thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        check(&dir, &[0; 3]);
    }
}

fn spawn(dir: &Path, work: Work) -> Child {
    let mut command = Command::new(env::current_exe().unwrap());
    if matches!(work, Work::WriteAndCompact) {
        command.env(WORK, "1");
    }
    command
        .args(["--exact", "kill::writes_until_it_is_killed", "--nocapture", "--test-threads=1"])
        .env(DIR, dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Whether the line acknowledges a commit.
fn note(line: &str, acknowledged: &mut [u32]) -> bool {
    // The test harness may write on the same line.
    let Some((_, said)) = line.split_once("acknowledged ") else { return false };
    let mut numbers = said.split(' ').map(|number| number.parse::<u32>().unwrap());
    let (writer, round) = (numbers.next().unwrap(), numbers.next().unwrap());
    let last = &mut acknowledged[usize::try_from(writer).unwrap()];
    *last = (*last).max(round);
    true
}
