//! A disk that is full: nothing acknowledged is lost, and it goes on when there is space.

use std::{fs, path::Path, process::Command};

use hymnal::store::{Batch, Kv, OpenOptions, SledKv, StoreError};

use super::{not_run, options};

/// A file system of its own, in memory.
struct Small(tempfile::TempDir);

impl Small {
    fn new(size: &str) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mount = ["-t", "tmpfs", "-o", &format!("size={size}"), "hymnal-test"];
        let mounted = Command::new("mount").args(mount).arg(dir.path()).output();
        mounted.is_ok_and(|output| output.status.success()).then(|| Self(dir))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}

fn batch(number: u32) -> Batch {
    let mut batch = Batch::default();
    for part in 0..20_u32 {
        batch.put([number.to_be_bytes(), part.to_be_bytes()].concat(), vec![u8::try_from(number % 251).unwrap(); 3000]);
    }
    batch
}

/// Commits until it is full; how many were acknowledged.
fn commit_until_full(store: &SledKv, first: u32) -> u32 {
    for number in first.. {
        match store.commit(batch(number)) {
            Ok(()) => {}
            Err(StoreError::Full { .. }) => return number,
            Err(other) => panic!("{other}"),
        }
    }
    unreachable!("it is small")
}

fn check(store: &SledKv, acknowledged: u32) {
    for number in 0..acknowledged {
        for part in 0..20_u32 {
            let key = [number.to_be_bytes(), part.to_be_bytes()].concat();
            let expected = vec![u8::try_from(number % 251).unwrap(); 3000];
            assert!(store.get(&key).unwrap() == Some(expected), "{number} was acknowledged and is lost");
        }
    }
}

#[test]
fn below_the_space_kept_free_nothing_is_committed_and_everything_is_read() {
    let Some(small) = Small::new("100m") else {
        return not_run("a disk that fills up", "no tmpfs can be mounted here");
    };
    let store = SledKv::open(&small.path().join("store"), options()).unwrap();
    let acknowledged = commit_until_full(&store, 0);
    assert!(acknowledged > 10, "{acknowledged}");
    check(&store, acknowledged);
    let error = store.commit(batch(acknowledged)).unwrap_err().to_string();
    assert_eq!(error, format!("the disk that holds `{}` is full", small.path().join("store").display()));
    // A disk to which somebody adds space.
    let more = Command::new("mount").args(["-o", "remount,size=200m"]).arg(small.path()).status().unwrap();
    assert!(more.success());
    store.commit(batch(acknowledged)).unwrap();
    check(&store, acknowledged + 1);
    store.verify().unwrap();
}

#[test]
fn when_sled_itself_meets_a_full_disk_it_resumes_by_itself() {
    let Some(small) = Small::new("40m") else { return not_run("a disk that is full", "no tmpfs can be mounted here") };
    let ballast = small.path().join("ballast");
    fs::write(&ballast, vec![0; 12 << 20]).unwrap();
    let dir = small.path().join("store");
    let brave = OpenOptions { keep_free: 0, ..options() };
    let store = SledKv::open(&dir, brave.clone()).unwrap();
    let acknowledged = commit_until_full(&store, 0);
    assert!(acknowledged > 10, "{acknowledged}");
    for _ in 0..3 {
        assert!(matches!(store.commit(batch(acknowledged)), Err(StoreError::Full { .. })), "still full");
    }
    fs::remove_file(&ballast).unwrap();
    store.commit(batch(acknowledged)).unwrap();
    check(&store, acknowledged + 1);
    store.verify().unwrap();
    drop(store);
    let store = SledKv::open(&dir, brave).unwrap();
    check(&store, acknowledged + 1);
    store.verify().unwrap();
}
