//! What every store promises: get, scan, commit. Each case runs over memory and over sled, and over sled opened anew.

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
