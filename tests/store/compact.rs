//! Compaction: smaller, the same, and crash-safe.

use std::{
    fs,
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
};

use hymnal::store::{Batch, Kv, Room, SledKv, StoreError};

use super::{kill, open};

fn value(key: u32, round: u32) -> Vec<u8> {
    format!("{key} in round {round} ").repeat(if key.is_multiple_of(50) { 500 } else { 20 }).into_bytes()
}

fn write(store: &SledKv, keys: impl Iterator<Item = u32>, round: u32) {
    let mut batch = Batch::default();
    keys.for_each(|key| batch.put(key.to_be_bytes(), value(key, round)));
    store.commit(batch).unwrap();
}

fn check(store: &SledKv, keys: u32, round: u32) {
    let pairs = store.scan(b"", None, usize::MAX).unwrap();
    assert_eq!(pairs.len(), keys as usize);
    for (number, (key, found)) in (0..keys).zip(pairs) {
        assert_eq!((key, found), (number.to_be_bytes().to_vec(), value(number, round)));
    }
    store.verify().unwrap();
}

#[test]
fn it_gives_room_back_and_keeps_everything() {
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path().join("store");
    let store = open(&dir).unwrap();
    for round in 0..30 {
        write(&store, 0..1500, round);
    }
    let room = store.room().unwrap();
    let compacted = store.compact().unwrap();
    println!("{room:?}, {compacted:?}");
    assert!(compacted.after * 2 < compacted.before, "{compacted:?}");
    check(&store, 1500, 29);
    // It goes on with it, through a second one and a start.
    write(&store, 0..1500, 30);
    store.compact().unwrap();
    write(&store, 0..1500, 31);
    drop(store);
    let names: Vec<String> =
        fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    assert!(names.contains(&"sled-2".to_owned()) && !names.contains(&"sled".to_owned()), "{names:?}");
    let store = open(&dir).unwrap();
    check(&store, 1500, 31);
    let room = store.room().unwrap();
    assert!(room.stored > 500_000 && room.files > room.stored, "{room:?}");
}

/// However the test ends, the writer does too.
struct Ends<'a>(&'a AtomicBool);
impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn reading_and_committing_go_on_meanwhile() {
    const KEYS: u32 = 1500;
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path().join("store");
    let store = open(&dir).unwrap();
    write(&store, 0..KEYS, 0);
    let over = AtomicBool::new(false);
    let acknowledged = AtomicU32::new(0);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for round in 1.. {
                write(&store, (0..KEYS).filter(|key| key % 17 == round % 17), round);
                let mut batch = Batch::default();
                batch.delete((KEYS + round - 1).to_be_bytes());
                batch.put((KEYS + round).to_be_bytes(), "the last one");
                store.commit(batch).unwrap();
                acknowledged.store(round, Ordering::Relaxed);
                if over.load(Ordering::Relaxed) && round > 17 {
                    break;
                }
            }
        });
        let ends = Ends(&over);
        for _ in 0..2 {
            store.compact().unwrap();
            assert!(store.get(&0_u32.to_be_bytes()).unwrap().is_some());
            store.verify().unwrap();
        }
        drop(ends);
        writer.join().unwrap();
    });
    let last = acknowledged.into_inner();
    assert!(last > 17, "commits went on: {last}");
    let expect = |store: &SledKv| {
        for key in 0..KEYS {
            // The last round that it took part in; 0 where there was none.
            let round = (0..=last).rev().take(17).find(|round| key % 17 == round % 17).unwrap_or(0);
            assert_eq!(store.get(&key.to_be_bytes()).unwrap(), Some(value(key, round)), "key {key}");
        }
        let pairs = store.scan(b"", None, usize::MAX).unwrap();
        assert_eq!(pairs.len(), KEYS as usize + 1, "what was removed stays removed");
    };
    expect(&store);
    drop(store);
    let store = open(&dir).unwrap();
    expect(&store);
    store.verify().unwrap();
}

#[test]
fn it_is_worth_its_time_where_files_have_grown() {
    let room = |stored: u64, files: u64| Room { stored: stored << 20, files: files << 20 };
    assert!(room(100, 640).has_grown());
    assert!(!room(100, 270).has_grown(), "as they are when they are fresh");
    assert!(!room(1, 60).has_grown(), "nobody misses that");
    assert!(!room(0, 640).has_grown(), "nobody has counted yet");
}

#[test]
fn killed_at_random_moments_of_compactions_it_loses_nothing_acknowledged() {
    kill::kill_again_and_again(kill::Work::WriteAndCompact, 25);
}

#[test]
fn what_an_interrupted_one_left_is_removed_and_never_taken_for_the_store() {
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path().join("store");
    let store = open(&dir).unwrap();
    write(&store, 0..300, 0);
    drop(store);
    // Before it counts: a half-made copy beside the store.
    fs::create_dir(dir.join("sled-1")).unwrap();
    fs::write(dir.join("sled-1/db"), b"half").unwrap();
    fs::write(dir.join("store.json.new"), b"{").unwrap();
    check(&open(&dir).unwrap(), 300, 0);
    assert!(!dir.join("sled-1").exists());
    // After it counts: the old files are still there.
    let store = open(&dir).unwrap();
    store.compact().unwrap();
    drop(store);
    fs::create_dir(dir.join("sled")).unwrap();
    check(&open(&dir).unwrap(), 300, 0);
    assert!(!dir.join("sled").exists());
}

#[test]
fn a_store_json_that_names_other_files_costs_none() {
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path().join("store");
    let store = open(&dir).unwrap();
    write(&store, 0..300, 0);
    drop(store);
    let card = fs::read_to_string(dir.join("store.json")).unwrap();
    fs::write(dir.join("store.json"), card.replace("\"generation\": 0", "\"generation\": 4")).unwrap();
    let Err(StoreError::Refused { reason, .. }) = open(&dir) else { panic!("it opened") };
    assert!(reason.contains("`sled-4/db` is missing"), "{reason}");
    fs::write(dir.join("store.json"), card).unwrap();
    check(&open(&dir).unwrap(), 300, 0);
}
