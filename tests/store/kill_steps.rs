//! `kill -9` at each single operation: strace ends the process on its way into its first, second, … write, sync, rename
//! or removal.

use std::{
    env, fs,
    io::Write,
    path::Path,
    process::{Command, ExitStatus},
};

use hymnal::store::{Batch, Kv, SledKv};

use super::{not_run, open};

const DIR: &str = "HYMNAL_TEST_STEPS_DIR";
const KEYS: u32 = 60;
const LAST: u32 = 6;

/// What changes something on a disk. Each kind is counted by itself, and by thread.
const OPERATIONS: [&str; 8] = [
    "pwrite64",
    "fdatasync",
    "fsync",
    "sync_file_range",
    "rename,renameat,renameat2",
    "mkdir,mkdirat",
    "unlink,unlinkat,rmdir",
    "ftruncate",
];

/// The process that the other test starts and kills: it ends as well as it began where nobody does.
#[test]
fn works_until_it_is_killed() {
    if let Some(dir) = env::var_os(DIR) {
        return work(Path::new(&dir));
    }
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path().join("store");
    work(&dir);
    assert_eq!(fs::read(dir.with_extension("acknowledged")).unwrap().len(), usize::try_from(LAST).unwrap());
    check(&dir, "not killed");
}

/// Makes a store, commits, compacts, and commits again.
fn work(dir: &Path) {
    let store = open(dir).unwrap();
    for round in 1..=LAST {
        store.commit(batch(round)).unwrap();
        fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(dir.with_extension("acknowledged"))
            .and_then(|mut file| file.write_all(&[1]))
            .unwrap();
        if round.is_multiple_of(3) {
            store.compact().unwrap();
        }
    }
}

fn batch(round: u32) -> Batch {
    let mut batch = Batch::default();
    for key in 0..KEYS {
        batch.put(
            format!("key {key:03}"),
            format!("round {round} ").repeat(if key.is_multiple_of(20) { 900 } else { 20 }),
        );
    }
    batch.put(format!("round {round}"), "");
    batch
}

fn killed_at(operation: &str, number: u32, dir: &Path) -> Option<ExitStatus> {
    let mut strace = Command::new("strace");
    let inject = format!("inject={operation}:signal=KILL:when={number}");
    strace.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={operation}"), "-e", &inject]);
    strace.arg(env::current_exe().unwrap()).args(["--exact", "kill_steps::works_until_it_is_killed"]);
    strace.env(DIR, dir).output().ok().map(|output| output.status)
}

fn check(dir: &Path, case: &str) {
    let acknowledged = fs::read(dir.with_extension("acknowledged")).map_or(0, |bytes| bytes.len());
    let store: SledKv = open(dir).unwrap_or_else(|error| panic!("{case}: {error}"));
    store.verify().unwrap_or_else(|error| panic!("{case}: {error}"));
    let rounds = store.scan(b"round ", None, usize::MAX).unwrap().len();
    assert!(rounds >= acknowledged, "{case}: {rounds} of {acknowledged} acknowledged commits");
    let Ok(round) = u32::try_from(rounds) else { return };
    for key in 0..KEYS {
        let key = format!("key {key:03}");
        let expected = (round > 0).then(|| batch(round).change(key.as_bytes()).unwrap().unwrap().to_vec());
        assert!(store.get(key.as_bytes()).unwrap() == expected, "{case}: {key} is of another commit");
    }
    // It goes on from there.
    store.commit(batch(round + 1)).unwrap();
    store.compact().unwrap();
    store.verify().unwrap();
}

#[test]
fn killed_at_each_operation_it_opens_with_all_that_was_acknowledged() {
    // By hand, at each one; else at the first few of each kind.
    let most = env::var("HYMNAL_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(6);
    let mut kills = 0;
    for operation in OPERATIONS {
        for number in 1..=most {
            let temporary = tempfile::tempdir().unwrap();
            let dir = temporary.path().join("store");
            let Some(status) = killed_at(operation, number, &dir) else {
                return not_run("kills at each operation", "there is no strace here");
            };
            if status.success() {
                // It has no so many of them.
                break;
            }
            if !dir.exists() && number == 1 && !operation.starts_with("mkdir") {
                return not_run("kills at each operation", "strace may not trace here");
            }
            kills += 1;
            check(&dir, &format!("{operation} {number}"));
        }
    }
    println!("{kills} kills");
    assert!(kills > 15, "{kills}");
}
