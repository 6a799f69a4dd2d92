//! Backups: what they hold, what happens to them, and that they are of one moment.

use std::sync::atomic::{AtomicBool, Ordering};

use hymnal::store::{
    Batch, Kv, StoreError,
    backup::{BackupError, Origin, Reader, Summary, Writer},
};

use super::open;

type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

fn origin() -> Origin {
    Origin { store: uuid::Uuid::from_u128(9), made_at: "2026-11-23T10:11:12Z".parse().unwrap() }
}

fn some_pairs() -> Pairs {
    let mut pairs: Pairs = (0..20_u8).map(|n| (vec![1, b'e', n], vec![n; usize::from(n) * 7])).collect();
    pairs.push((b"text".to_vec(), "Ü\u{0}\n\"".as_bytes().to_vec()));
    pairs
}

fn written(pairs: &Pairs) -> (Vec<u8>, Summary) {
    let mut out = Vec::new();
    let mut writer = Writer::begin(&mut out, &origin()).unwrap();
    for (key, value) in pairs {
        writer.pair(key, value).unwrap();
    }
    let summary = writer.end().unwrap();
    (out, summary)
}

fn read(bytes: &[u8]) -> Result<(Origin, Pairs), BackupError> {
    let mut reader = Reader::open(bytes)?;
    let mut pairs = Vec::new();
    while let Some(pair) = reader.next_pair()? {
        pairs.push(pair);
    }
    Ok((reader.origin, pairs))
}

#[test]
fn what_is_written_is_read() {
    let pairs = some_pairs();
    let (bytes, summary) = written(&pairs);
    assert_eq!(read(&bytes).unwrap(), (origin(), pairs.clone()));
    assert_eq!(Reader::open(&*bytes).unwrap().check().unwrap(), summary);
    for line in std::str::from_utf8(&bytes).unwrap().lines() {
        serde_json::from_str::<serde_json::Value>(line).expect("every line is JSON");
    }
    assert_eq!(read(&written(&Vec::new()).0).unwrap().1, Pairs::new());
}

#[test]
fn every_damaged_byte_is_noticed_and_its_line_named() {
    let (bytes, _) = written(&some_pairs());
    let mut line = 1;
    for at in 0..bytes.len() {
        for flip in [0x01, 0x20, 0x80] {
            let mut damaged = bytes.clone();
            damaged[at] ^= flip;
            match read(&damaged) {
                Err(BackupError::Damaged { line: named, .. }) => assert_eq!(named, line, "byte {at}"),
                // Of the first line it may no longer be known that it is a backup's.
                Err(BackupError::Foreign(_)) => assert_eq!(line, 1, "byte {at}"),
                other => panic!("byte {at} ^ {flip}: {other:?}"),
            }
        }
        line += u64::from(bytes[at] == b'\n');
    }
}

#[test]
fn what_is_missing_doubled_or_out_of_place_is_noticed() {
    let (bytes, _) = written(&some_pairs());
    let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    let refused = |case: &str, lines: Vec<&[u8]>, named: u64| match read(&lines.concat()) {
        Err(BackupError::Damaged { line, .. }) => assert_eq!(line, named, "{case}"),
        other => panic!("{case}: {other:?}"),
    };
    let without = |at: usize| lines.iter().enumerate().filter(|(n, _)| *n != at).map(|(_, line)| *line).collect();
    refused("a line is missing", without(5), 6);
    refused("the end is missing", without(lines.len() - 1), lines.len() as u64);
    let mut doubled = lines.clone();
    doubled.insert(5, lines[5]);
    refused("a line is there twice", doubled, 7);
    let mut swapped = lines.clone();
    swapped.swap(5, 6);
    refused("two lines are swapped", swapped, 6);
    let mut longer = lines.clone();
    longer.push(b"{}\n");
    refused("there is more", longer, lines.len() as u64 + 1);
    for cut in 0..bytes.len() {
        assert!(read(&bytes[..cut]).is_err(), "cut off after {cut} bytes");
    }
}

#[test]
fn what_is_no_backup_or_newer_is_said_to_be_so() {
    for foreign in [&b""[..], b"\n", b"{}", b"{\"version\":1}\n", &vec![0; 70_000]] {
        assert!(matches!(read(foreign), Err(BackupError::Foreign(_))), "{}", foreign.len());
    }
    let (bytes, _) = written(&some_pairs());
    let newer = String::from_utf8(bytes).unwrap().replacen("\"format\":1", "\"format\":2", 1);
    let error = read(newer.as_bytes()).unwrap_err().to_string();
    assert!(error.contains("a later Hymnal wrote it"), "{error}");
}

/// Every commit writes its number to every key of a round and moves a key that stands nowhere twice: so what was read
/// at two moments shows.
#[test]
fn it_is_of_one_moment_while_commits_go_on() {
    const KEYS: u32 = 3000;
    let temporary = tempfile::tempdir().unwrap();
    let store = open(&temporary.path().join("store")).unwrap();
    let round = |round: u32| {
        let mut batch = Batch::default();
        for key in 0..KEYS {
            batch.put(format!("key {key:05}"), round.to_be_bytes());
        }
        for at in 0..40_u32 {
            let place = |round: u32| format!("moving {:05}", (round * 7919 + at * 613) % 20_011);
            batch.delete(place(round.wrapping_sub(1)));
            batch.put(place(round), round.to_be_bytes());
        }
        batch
    };
    store.commit(round(1)).unwrap();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut number = 1;
            while !over.load(Ordering::Relaxed) || number < 13 {
                number += 1;
                store.commit(round(number)).unwrap();
            }
            number
        });
        let mut moments = std::collections::BTreeSet::new();
        for _ in 0..12 {
            let mut keys: Vec<Vec<u8>> = Vec::new();
            let mut rounds = std::collections::BTreeSet::new();
            store
                .each_pair::<StoreError>(|key, value| {
                    keys.push(key.to_vec());
                    rounds.insert(value.to_vec());
                    Ok(())
                })
                .unwrap();
            assert_eq!(rounds.len(), 1, "values of several commits");
            assert!(keys.is_sorted(), "in key order");
            assert_eq!(keys.iter().filter(|key| key.starts_with(b"key")).count(), KEYS as usize);
            assert_eq!(keys.iter().filter(|key| key.starts_with(b"moving")).count(), 40);
            moments.extend(rounds);
        }
        over.store(true, Ordering::Relaxed);
        let last = writer.join().unwrap();
        assert!(moments.len() > 3 && last > 12, "commits went on: {} of {last}", moments.len());
    });
    store.verify().unwrap();
}

#[test]
fn a_visitor_that_gives_up_leaves_the_store_as_it_was() {
    let temporary = tempfile::tempdir().unwrap();
    let store = open(&temporary.path().join("store")).unwrap();
    let mut batch = Batch::default();
    (0..2000_u32).for_each(|number| batch.put(number.to_be_bytes(), "x"));
    store.commit(batch).unwrap();
    let given_up = store.each_pair(|_, _| Err(StoreError::Full { path: "nowhere".into() }));
    assert!(matches!(given_up, Err(StoreError::Full { .. })));
    let mut seen = 0;
    store
        .each_pair::<StoreError>(|_, _| {
            seen += 1;
            Ok(())
        })
        .unwrap();
    assert_eq!(seen, 2000);
}
