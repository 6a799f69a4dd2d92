//! What happens to a directory that is not as the store left it.

use std::{
    fs::{self, File, Permissions},
    io::{Read, Seek, SeekFrom, Write},
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    time::Duration,
};

use hymnal::store::{Batch, Kv, OpenOptions, SledKv, StoreError};

use super::{open, open_with, options};

const PAIRS: u32 = 3000;

/// A closed store of [`PAIRS`] pairs, made by several commits.
fn filled(dir: &Path) {
    let store = open(dir).unwrap();
    for commit in 0..10 {
        fill(&store, commit * PAIRS / 10, PAIRS / 10);
    }
}

fn fill(store: &SledKv, first: u32, number: u32) {
    let mut batch = Batch::default();
    for number in first..first + number {
        batch.put(number.to_be_bytes(), format!("value {number} ").repeat(9));
    }
    store.commit(batch).unwrap();
}

fn refusal(dir: &Path) -> String {
    match open(dir) {
        Err(StoreError::Refused { reason, .. }) => reason,
        Err(other) => panic!("refused for another reason: {other}"),
        Ok(_) => panic!("it opened"),
    }
}

fn with_store(case: impl Fn(&Path)) {
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path().join("state").join("store");
    filled(&dir);
    case(&dir);
}

/// The only outcomes that are allowed for a damaged file: it is refused at once, or by the count, or nothing is lost.
fn refused_or_whole(dir: &Path) -> bool {
    let patient = || OpenOptions { deadline: Duration::from_secs(20), ..options() };
    let store = match open_with(dir, patient) {
        Ok(store) => store,
        Err(StoreError::Refused { .. }) => return true,
        Err(other) => panic!("{other}"),
    };
    match store.verify() {
        Err(StoreError::Refused { .. }) => return true,
        Err(other) => panic!("{other}"),
        Ok(_) => {}
    }
    for number in 0..PAIRS {
        let expected = format!("value {number} ").repeat(9);
        assert_eq!(store.get(&number.to_be_bytes()).unwrap(), Some(expected.into_bytes()), "silently lost");
    }
    false
}

#[test]
fn an_emptied_db_is_refused() {
    with_store(|dir| {
        File::create(dir.join("sled/db")).unwrap();
        let reason = refusal(dir);
        assert!(reason.contains("lost commits"), "{reason}");
        assert!(reason.contains("`hymnal restore FILE`") && reason.contains("`hymnal rebuild`"), "{reason}");
    });
}

#[test]
fn missing_parts_are_refused() {
    for (part, word) in [("sled/db", "`sled/db` is missing"), ("high-water", "high-water` is missing")] {
        with_store(|dir| {
            fs::remove_file(dir.join(part)).unwrap();
            let reason = refusal(dir);
            assert!(reason.contains(word), "{reason}");
        });
    }
    with_store(|dir| {
        fs::remove_dir_all(dir.join("sled")).unwrap();
        assert!(refusal(dir).contains("`sled/db` is missing"));
    });
    with_store(|dir| {
        fs::remove_file(dir.join("store.json")).unwrap();
        assert!(refusal(dir).contains("no `store.json`"));
    });
}

#[test]
fn a_db_cut_off_anywhere_never_opens_with_fewer_pairs() {
    let mut refused = 0;
    for cut in 1..12 {
        let temporary = tempfile::tempdir().unwrap();
        let dir = temporary.path().join("store");
        filled(&dir);
        // Without its snapshot sled reads the whole log: the case in which it is most forgiving.
        if cut % 2 == 0 {
            remove_snapshots(&dir);
        }
        let db = fs::OpenOptions::new().write(true).open(dir.join("sled/db")).unwrap();
        db.set_len(db.metadata().unwrap().len() * cut / 12).unwrap();
        refused += u32::from(refused_or_whole(&dir));
    }
    assert!(refused > 3, "cutting a file off should do damage: {refused}");
}

fn remove_snapshots(dir: &Path) {
    for entry in fs::read_dir(dir.join("sled")).unwrap().map(Result::unwrap) {
        if entry.file_name().to_string_lossy().starts_with("snap.") {
            fs::remove_file(entry.path()).unwrap();
        }
    }
}

#[test]
fn a_db_with_flipped_bits_never_opens_with_fewer_pairs() {
    let mut refused = 0;
    for place in 0..24_u64 {
        let temporary = tempfile::tempdir().unwrap();
        let dir = temporary.path().join("store");
        filled(&dir);
        if place % 2 == 0 {
            remove_snapshots(&dir);
        }
        let mut db = fs::OpenOptions::new().read(true).write(true).open(dir.join("sled/db")).unwrap();
        let at = db.metadata().unwrap().len() * (2 * place + 1) / 48;
        let mut byte = [0];
        db.seek(SeekFrom::Start(at)).unwrap();
        db.read_exact(&mut byte).unwrap();
        db.seek(SeekFrom::Start(at)).unwrap();
        db.write_all(&[byte[0] ^ 0x10]).unwrap();
        refused += u32::from(refused_or_whole(&dir));
    }
    assert!(refused > 3, "flipping bits should do damage: {refused}");
}

#[test]
fn an_older_copy_of_sleds_files_is_refused() {
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path().join("store");
    filled(&dir);
    fs::copy(dir.join("sled/db"), temporary.path().join("db")).unwrap();
    fill(&open(&dir).unwrap(), 9000, 10);
    remove_snapshots(&dir);
    fs::copy(temporary.path().join("db"), dir.join("sled/db")).unwrap();
    assert!(refusal(&dir).contains("lost commits"));
}

#[test]
fn a_high_water_file_is_checked_itself() {
    with_store(|dir| {
        fs::write(dir.join("high-water"), [0xab; 9000]).unwrap();
        assert!(refusal(dir).contains("high-water` is damaged"));
    });
    with_store(|dir| {
        // One torn slot is what a power cut leaves: the other one is enough.
        let mut file = fs::OpenOptions::new().write(true).open(dir.join("high-water")).unwrap();
        file.write_all(&[0xab; 30]).unwrap();
        open(dir).unwrap().verify().unwrap();
    });
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path().join("store");
    let other = temporary.path().join("other");
    filled(&dir);
    drop(SledKv::open(&other, OpenOptions::new(uuid::Uuid::from_u128(8))).unwrap());
    fs::copy(other.join("high-water"), dir.join("high-water")).unwrap();
    assert!(refusal(&dir).contains("belongs to another store"));
}

#[test]
fn leftovers_of_a_killed_snapshot_do_not_keep_it_shut() {
    with_store(|dir| {
        fs::write(dir.join("sled/snap.FFFFFFFFFFFFFFFF.generating"), b"half").unwrap();
        fs::write(dir.join("sled/snap.00000000000000FF.generating"), b"").unwrap();
        assert!(!refused_or_whole(dir));
        let left = fs::read_dir(dir.join("sled")).unwrap().map(Result::unwrap);
        assert_eq!(left.filter(|entry| entry.file_name().to_string_lossy().ends_with("generating")).count(), 0);
    });
}

#[test]
fn an_unfinished_creation_starts_over() {
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path().join("store");
    fs::create_dir_all(dir.join("sled")).unwrap();
    fs::write(dir.join("sled/db"), b"").unwrap();
    fs::write(dir.join("lock"), b"1").unwrap();
    fs::write(dir.join("store.json.creating"), b"{").unwrap();
    let store = open(&dir).unwrap();
    fill(&store, 0, 3);
    drop(store);
    let store = open(&dir).unwrap();
    assert_eq!(store.scan(b"", None, 9).unwrap().len(), 3);
    store.verify().unwrap();
    assert!(!dir.join("store.json.creating").exists());
}

#[test]
fn a_newer_store_and_a_foreign_directory_are_refused_and_left_alone() {
    with_store(|dir| {
        let card = fs::read_to_string(dir.join("store.json")).unwrap();
        let check = |from: &str, to: &str, expected: &str| {
            fs::write(dir.join("store.json"), card.replace(from, to)).unwrap();
            let reason = refusal(dir);
            assert!(reason.contains(expected), "{reason}");
        };
        check("\"schema\": 1", "\"schema\": 2, \"more\": 3", "it is newer: its format is 2");
        check("hymnal store", "somebody's", "is not Hymnal's");
        check("{", "", "is damaged");
    });
    let temporary = tempfile::tempdir().unwrap();
    fs::write(temporary.path().join("thesis.tex"), b"").unwrap();
    fs::set_permissions(temporary.path(), Permissions::from_mode(0o755)).unwrap();
    assert!(refusal(temporary.path()).contains("it holds `thesis.tex`"));
    assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 1, "nothing was made there");
    let mode = fs::metadata(temporary.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o755, "its mode was left alone");
}

#[test]
fn the_directory_is_private_ours_and_no_link() {
    with_store(|dir| {
        assert_eq!(fs::metadata(dir).unwrap().permissions().mode() & 0o777, 0o700);
        fs::set_permissions(dir, Permissions::from_mode(0o755)).unwrap();
        drop(open(dir).unwrap());
        assert_eq!(fs::metadata(dir).unwrap().permissions().mode() & 0o777, 0o700);
        let link = dir.with_file_name("link");
        symlink(dir, &link).unwrap();
        assert!(refusal(&link).contains("symbolic link"));
        assert!(refusal(&dir.join("store.json")).contains("not a directory"));
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(dir, Some(12_345), None).unwrap();
            assert!(refusal(dir).contains("it belongs to user 12345"));
        } else {
            super::not_run("a directory of another user", "only root can make one");
        }
    });
}

#[test]
fn a_second_opener_is_told_who_holds_it() {
    with_store(|dir| {
        let first = open(dir).unwrap();
        let error = open(dir).unwrap_err().to_string();
        assert_eq!(error, format!("another hymnal (pid {}) holds `{}`", std::process::id(), dir.display()));
        drop(first);
        drop(open(dir).unwrap());
    });
}

#[test]
fn no_value_becomes_a_blob() {
    // sled never syncs those files, so a power cut would lose what was acknowledged.
    with_store(|dir| {
        let store = open(dir).unwrap();
        for round in 0..30_u8 {
            let mut batch = Batch::default();
            for number in 0..40_u8 {
                batch.put([b'x', number], vec![round; 5900 + usize::from(number) * 10]);
            }
            batch.put(*b"long", vec![round; 1 << 20]);
            store.commit(batch).unwrap();
        }
        assert_eq!(fs::read_dir(dir.join("sled/blobs")).unwrap().count(), 0);
    });
}

#[test]
fn what_was_lost_or_came_back_without_a_trace_is_found_by_the_count() {
    type Damage = fn(&sled::Db);
    let some_block = |db: &sled::Db| db.iter().nth(40).unwrap().unwrap();
    let cases: [(&str, Damage); 3] = [
        ("a block is gone", |db| _ = db.remove(db.iter().nth(40).unwrap().unwrap().0).unwrap()),
        ("a block is as it was before", |db| {
            let (key, mut value) = db.iter().nth(40).unwrap().unwrap();
            value[500] ^= 1;
            db.insert(key, value).unwrap();
        }),
        ("a block that was removed is back", |db| _ = db.insert(b"\x01\xff", b"\0\x01\x01\xff\0").unwrap()),
    ];
    for (case, damage) in cases {
        with_store(|dir| {
            let db = sled::open(dir.join("sled")).unwrap();
            let before = some_block(&db);
            damage(&db);
            assert!(case.contains("back") || some_block(&db) != before);
            drop(db);
            let store = open(dir).expect("its sequence is the recorded one");
            let error = store.verify().unwrap_err().to_string();
            assert!(error.contains("some of them have changed. Nothing was written to any system"), "{case}: {error}");
        });
    }
}

#[test]
fn the_count_goes_on_while_commits_are_made() {
    let temporary = tempfile::tempdir().unwrap();
    let store = open(&temporary.path().join("store")).unwrap();
    // Several times what is counted without a pause, so that commits fall in the middle of a count.
    fill(&store, 0, 10 * PAIRS);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for round in 0..40 {
                let mut batch = Batch::default();
                for number in (0..10 * PAIRS).step_by(997) {
                    batch.put((number + round).to_be_bytes(), format!("round {round}"));
                    batch.put((number + 1_000_000 * round).to_be_bytes(), "new");
                    batch.delete((number + round + 1).to_be_bytes());
                }
                store.commit(batch).unwrap();
            }
        });
        while !writer.is_finished() {
            store.verify().unwrap();
        }
        writer.join().unwrap();
    });
    store.verify().unwrap();
}
