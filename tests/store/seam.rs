//! What every store promises: get, scan, commit. Each case runs over memory, over sled, and over sled opened anew.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use hymnal::store::{Batch, Kv, MemoryKv};

use super::open;

/// Runs a case over every store: `after` sees what `before` did at once, and again in a store opened anew.
fn over_every_store(before: impl Fn(&dyn Kv), after: impl Fn(&dyn Kv)) {
    let memory = MemoryKv::new();
    before(&memory);
    after(&memory.clone());

    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("store");
    let store = open(&dir).unwrap();
    before(&store);
    after(&store);
    store.verify().unwrap();
    drop(store);
    let store = open(&dir).unwrap();
    after(&store);
    store.verify().unwrap();
}

fn put(store: &dyn Kv, pairs: &[(&[u8], &[u8])]) {
    let mut batch = Batch::default();
    for (key, value) in pairs {
        batch.put(*key, *value);
    }
    store.commit(batch).unwrap();
}

fn keys(store: &dyn Kv, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Vec<Vec<u8>> {
    store.scan(prefix, after, limit).unwrap().into_iter().map(|(key, _)| key).collect()
}

#[test]
fn what_was_put_is_got_until_it_is_deleted() {
    over_every_store(
        |store| {
            put(store, &[(b"a", b"1"), (b"b", b""), (b"", b"the empty key")]);
            let mut batch = Batch::default();
            batch.put(*b"a", *b"2");
            batch.delete(*b"b");
            batch.delete(*b"never there");
            batch.put(*b"c", *b"first");
            batch.put(*b"c", *b"second");
            store.commit(batch).unwrap();
            store.commit(Batch::default()).unwrap();
        },
        |store| {
            assert_eq!(store.get(b"a").unwrap().as_deref(), Some(&b"2"[..]));
            assert_eq!(store.get(b"b").unwrap(), None);
            assert_eq!(store.get(b"c").unwrap().as_deref(), Some(&b"second"[..]));
            assert_eq!(store.get(b"").unwrap().as_deref(), Some(&b"the empty key"[..]));
            assert_eq!(keys(store, b"", None, 10), [&b""[..], b"a", b"c"]);
        },
    );
}

#[test]
fn a_scan_gives_its_prefix_in_order_and_goes_on_after_a_key() {
    over_every_store(
        |store| put(store, &[(b"p/2", b""), (b"p/10", b""), (b"p", b""), (b"p/1", b""), (b"o/9", b""), (b"q", b"")]),
        |store| {
            assert_eq!(keys(store, b"p/", None, 10), [&b"p/1"[..], b"p/10", b"p/2"]);
            assert_eq!(keys(store, b"p/", None, 2), [&b"p/1"[..], b"p/10"]);
            assert_eq!(keys(store, b"p/", Some(b"p/10"), 2), [b"p/2"]);
            assert_eq!(keys(store, b"p/", Some(b"p/1\0"), 1), [b"p/10"], "`after` need not exist");
            assert_eq!(keys(store, b"p/", Some(b"a"), 1), [b"p/1"], "before the prefix: from its start");
            assert!(keys(store, b"p/", Some(b"q"), 9).is_empty(), "behind the prefix: nothing");
            assert!(keys(store, b"p/", None, 0).is_empty());
            assert!(keys(store, b"absent", None, 9).is_empty());
        },
    );
}

#[test]
fn prefixes_of_the_highest_bytes_have_an_end_too() {
    over_every_store(
        |store| {
            put(store, &[(b"\xfe\xff", b""), (b"\xff", b""), (b"\xff\xff", b""), (b"\xff\xff\x01", b""), (b"\0", b"")]);
        },
        |store| {
            assert_eq!(keys(store, b"\xff", None, 9), [&b"\xff"[..], b"\xff\xff", b"\xff\xff\x01"]);
            assert_eq!(keys(store, b"\xff\xff", None, 9), [&b"\xff\xff"[..], b"\xff\xff\x01"]);
            assert_eq!(keys(store, b"\xff", Some(b"\xff\xff\x01"), 9), Vec::<Vec<u8>>::new());
            assert_eq!(keys(store, b"\xfe", None, 9), [b"\xfe\xff"]);
            assert_eq!(keys(store, b"\0", None, 9), [b"\0"]);
            assert_eq!(keys(store, b"", None, 9).len(), 5);
        },
    );
}

#[test]
fn values_of_any_length_grow_and_shrink() {
    let value = |length: usize| (0..length).map(|at| u8::try_from(at * 7 % 251).unwrap()).collect::<Vec<_>>();
    let lengths = [0, 1, 6143, 6144, 6145, 12_288, 200_000, 10 << 20];
    over_every_store(
        |store| {
            for (key, length) in (0_u8..).zip(lengths) {
                // Longer first, then shorter, then the one that stays: what is left of a longer one must not show.
                for length in [length + 20_000, length / 3, length] {
                    put(store, &[(&[key], &value(length))]);
                }
            }
            put(store, &[(b"gone", &value(50_000))]);
            let mut batch = Batch::default();
            batch.delete(*b"gone");
            store.commit(batch).unwrap();
        },
        |store| {
            for (key, length) in (0_u8..).zip(lengths) {
                assert!(store.get(&[key]).unwrap().unwrap() == value(length), "length {length}");
            }
            assert_eq!(store.get(b"gone").unwrap(), None);
            let lengths_found: Vec<_> = store.scan(b"", None, 99).unwrap().iter().map(|(_, v)| v.len()).collect();
            assert_eq!(lengths_found, lengths);
        },
    );
}

#[test]
fn a_big_batch_is_one_commit() {
    over_every_store(
        |store| {
            let mut batch = Batch::default();
            for number in 0..30_000_u32 {
                batch.put(number.to_be_bytes(), number.to_string().repeat(40));
            }
            assert_eq!(batch.len(), 30_000);
            store.commit(batch).unwrap();
        },
        |store| {
            let mut after = None;
            let mut seen = 0_u32;
            loop {
                let page = store.scan(b"", after.as_deref(), 999).unwrap();
                let Some((last, _)) = page.last() else { break };
                after = Some(last.clone());
                for (key, value) in page {
                    assert_eq!(key, seen.to_be_bytes());
                    assert_eq!(value, seen.to_string().repeat(40).into_bytes());
                    seen += 1;
                }
            }
            assert_eq!(seen, 30_000);
        },
    );
}

#[test]
fn concurrent_commits_all_arrive_and_no_reader_sees_half_of_one() {
    const WRITERS: u8 = 8;
    const ROUNDS: u32 = 40;
    over_every_store(
        |store| {
            let done = AtomicBool::new(false);
            thread::scope(|scope| {
                let reader = scope.spawn(|| {
                    while !done.load(Ordering::Relaxed) {
                        for writer in 0..WRITERS {
                            let values = store.scan(&[writer], None, 9).unwrap();
                            assert!(values.windows(2).all(|two| two[0].1 == two[1].1), "half of a batch: {values:?}");
                        }
                    }
                });
                let writers = (0..WRITERS).map(|writer| {
                    scope.spawn(move || {
                        for round in 0..ROUNDS {
                            let mut batch = Batch::default();
                            for part in 0..5 {
                                batch.put([writer, part], round.to_be_bytes());
                            }
                            batch.put([b"round"[..].to_vec(), vec![writer], round.to_be_bytes().to_vec()].concat(), "");
                            store.commit(batch).unwrap();
                            assert_eq!(store.get(&[writer, 4]).unwrap().unwrap(), round.to_be_bytes(), "its own write");
                        }
                    })
                });
                for writer in writers.collect::<Vec<_>>() {
                    writer.join().unwrap();
                }
                done.store(true, Ordering::Relaxed);
                reader.join().unwrap();
            });
        },
        |store| {
            assert_eq!(keys(store, b"round", None, 9999).len(), usize::from(WRITERS) * 40);
            for writer in 0..WRITERS {
                assert_eq!(store.get(&[writer, 0]).unwrap().unwrap(), (ROUNDS - 1).to_be_bytes());
            }
        },
    );
}
