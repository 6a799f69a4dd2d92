//! A store over another: reads as if everything were in one, writes nothing below.

use std::{collections::BTreeMap, sync::Arc};

use hymnal::{
    cycle::ids::Ids,
    store::{Batch, Kv, MemoryKv, OverlayKv},
};

/// Keys of few letters, so that prefixes, removals and neighbours meet often.
fn key(random: &mut Ids) -> Vec<u8> {
    let number = random.random();
    let length = usize::try_from(number % 4).expect("small");
    number.to_be_bytes()[..length].iter().map(|byte| b'a' + byte % 3).collect()
}

fn all(store: &dyn Kv) -> Vec<(Vec<u8>, Vec<u8>)> {
    store.scan(b"", None, usize::MAX).expect("a store in memory")
}

/// An overlay that holds `most` bytes in memory answers every question as a plain map does.
fn walk(seed: u64, most: usize) {
    let mut random = Ids::new(seed);
    let below = MemoryKv::new();
    let mut known: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    let mut batch = Batch::default();
    for number in 0..30_u8 {
        let key = key(&mut random);
        batch.put(key.clone(), vec![number]);
        known.insert(key, vec![number]);
    }
    below.commit(batch).expect("a store in memory");
    let untouched = all(&below);
    let overlay = OverlayKv::new(Arc::new(below.clone()), Box::new(|| Ok(Arc::new(MemoryKv::new())))).holding(most);
    for number in 0..60_u8 {
        let key = key(&mut random);
        let mut batch = Batch::default();
        if random.random().is_multiple_of(2) {
            batch.put(key.clone(), vec![number, number]);
            known.insert(key, vec![number, number]);
        } else {
            batch.delete(key.clone());
            known.remove(&key);
        }
        overlay.commit(batch).expect("a store in memory");
        let (prefix, after) = (self::key(&mut random), self::key(&mut random));
        let after = random.random().is_multiple_of(2).then_some(after);
        let limit = usize::try_from(random.random() % 5).expect("small");
        let wanted = known.iter().filter(|(key, _)| {
            key.starts_with(&prefix) && after.as_ref().is_none_or(|after| *after < prefix || *key > after)
        });
        let wanted: Vec<_> = wanted.take(limit).map(|(key, value)| (key.clone(), value.clone())).collect();
        let found = overlay.scan(&prefix, after.as_deref(), limit).expect("a store in memory");
        assert_eq!(found, wanted, "seed {seed}, {most} bytes: {prefix:?} after {after:?}, {limit}");
        assert_eq!(overlay.get(&prefix).expect("a store in memory"), known.get(&prefix).cloned());
    }
    assert_eq!(all(&overlay), known.into_iter().collect::<Vec<_>>());
    assert_eq!(all(&below), untouched, "nothing was written below");
}

#[test]
fn an_overlay_answers_as_one_store_and_leaves_the_one_below_alone() {
    for seed in 0..200 {
        for most in [usize::MAX, 40, 0] {
            walk(seed, most);
        }
    }
}
