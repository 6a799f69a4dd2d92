#![expect(clippy::unwrap_used, reason = "tests")]

use std::{convert::Infallible, ops::Bound};

use proptest::prelude::*;

use super::*;

/// What lies below, in memory. It is never unreadable, for nothing damages it.
#[derive(Debug, Default)]
struct Map(BTreeMap<Vec<u8>, Vec<u8>>);

impl From<Unreadable> for Infallible {
    fn from(Unreadable { key, reason }: Unreadable) -> Self {
        panic!("{key:?}: {reason}")
    }
}

impl Raw for Map {
    type Error = Infallible;

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Infallible> {
        Ok(self.0.get(key).cloned())
    }

    fn at_or_before(&self, key: &[u8]) -> Result<Option<KeyValue>, Infallible> {
        let found = self.0.range::<[u8], _>((Bound::Unbounded, Bound::Included(key))).next_back();
        Ok(found.map(|(key, value)| (key.clone(), value.clone())))
    }

    fn after(&self, key: &[u8]) -> impl Iterator<Item = Result<KeyValue, Infallible>> {
        let found = self.0.range::<[u8], _>((Bound::Excluded(key), Bound::Unbounded));
        found.map(|(key, value)| Ok((key.clone(), value.clone())))
    }
}

impl Map {
    /// Commits, and checks what the changes say was there before.
    fn commit(&mut self, batches: &[Batch]) {
        let Ok(changes) = changes(self, batches);
        for (key, change) in changes {
            assert_ne!(change.old, change.new, "a change that changes nothing");
            let old = match change.new {
                Some(new) => self.0.insert(key, new),
                None => self.0.remove(&key),
            };
            assert_eq!(old, change.old);
        }
    }

    fn block_lengths(&self) -> Vec<usize> {
        self.0.iter().filter(|(key, _)| key[0] == BLOCK).map(|(_, block)| block.len()).collect()
    }
}

fn batch(changes: impl IntoIterator<Item = (Vec<u8>, Option<Vec<u8>>)>) -> Batch {
    let mut batch = Batch::default();
    for (key, value) in changes {
        match value {
            Some(value) => batch.put(key, value),
            None => batch.delete(key),
        }
    }
    batch
}

fn check_against(map: &Map, model: &BTreeMap<Vec<u8>, Vec<u8>>, keys: &[Vec<u8>]) {
    for key in keys {
        let Ok(found) = get(map, key);
        assert_eq!(found.as_ref(), model.get(key), "{key:?}");
        for prefix in [&key[..], &key[..key.len() / 2], b""] {
            for (after, limit) in [(None, 3), (Some(key.as_slice()), 2), (None, usize::MAX), (Some(key), usize::MAX)] {
                let Ok(found) = scan(map, prefix, after, limit);
                let expected = model
                    .iter()
                    .filter(|(key, _)| key.starts_with(prefix) && after.is_none_or(|after| key.as_slice() > after));
                let expected = expected.take(limit).map(|(key, value)| (key.clone(), value.clone()));
                assert_eq!(found, expected.collect::<Vec<_>>(), "prefix {prefix:?}, after {after:?}, limit {limit}");
            }
        }
    }
}

fn a_key() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop::sample::select(vec![0, 1, 2, b'a', 0xff]);
    prop_oneof![
        prop::collection::vec(byte, 0..4),
        (0_u16..400).prop_map(|number| [b"table/long prefix/", &number.to_be_bytes()[..]].concat()),
    ]
}

fn a_value() -> impl Strategy<Value = Option<Vec<u8>>> {
    let length = prop_oneof![3 => 0_usize..40, 2 => 200_usize..900, 1 => 1000_usize..1050, 1 => 6000_usize..20_000];
    let value = (length, any::<u8>()).prop_map(|(length, byte)| vec![byte; length]);
    prop_oneof![1 => Just(None), 3 => value.prop_map(Some)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn it_is_as_if_every_pair_lay_alone(
        commits in prop::collection::vec(
            prop::collection::vec(prop::collection::vec((a_key(), a_value()), 0..30), 1..3),
            1..8,
        ),
    ) {
        let (mut map, mut model) = (Map::default(), BTreeMap::new());
        let mut keys = Vec::new();
        for commit in commits {
            let batches: Vec<_> = commit.iter().cloned().map(batch).collect();
            map.commit(&batches);
            for (key, value) in commit.into_iter().flatten() {
                match value {
                    Some(value) => model.insert(key.clone(), value),
                    None => model.remove(&key),
                };
                keys.push(key);
            }
        }
        check_against(&map, &model, &keys);
        prop_assert!(map.0.values().all(|value| value.len() <= 6 << 10), "no page of sled can grow into a blob");
        map.commit(&[batch(keys.into_iter().map(|key| (key, None)))]);
        prop_assert!(map.0.is_empty(), "nothing is left behind: {map:?}");
    }

    #[test]
    fn anything_may_be_read_as_a_block(bytes in prop::collection::vec(any::<u8>(), 0..60), key in a_key()) {
        let _ = blocks::unpack(&bytes);
        let _ = blocks::find(&bytes, &key);
    }
}

#[test]
fn ascending_keys_fill_their_blocks() {
    let mut map = Map::default();
    for page in 0..50_u32 {
        let rows = (page * 20..page * 20 + 20).map(|number| (number.to_be_bytes().to_vec(), Some(vec![7; 100])));
        map.commit(&[batch(rows)]);
    }
    let lengths = map.block_lengths();
    assert!(lengths.len() < 80, "1000 pairs of 107 bytes in {} blocks", lengths.len());
}

#[test]
fn scattered_keys_share_blocks_too() {
    let mut map = Map::default();
    for number in 0..3000_u32 {
        let key = number.wrapping_mul(2_654_435_761).to_be_bytes().to_vec();
        map.commit(&[batch([(key, Some(vec![7; 16]))])]);
    }
    let lengths = map.block_lengths();
    assert!(lengths.len() < 100, "3000 pairs of 24 bytes in {} blocks", lengths.len());
    assert!(lengths.iter().all(|length| *length <= 2048));
}

#[test]
fn a_commit_of_what_stands_already_changes_nothing() {
    let mut map = Map::default();
    let rows = || batch([(b"a".to_vec(), Some(vec![1])), (b"b".to_vec(), Some(vec![2; 9000])), (b"c".to_vec(), None)]);
    map.commit(&[rows()]);
    let Ok(changes) = changes(&map, &[rows()]);
    assert!(changes.is_empty());
}

#[test]
fn missing_pieces_and_damaged_blocks_are_said() {
    #[derive(Debug)]
    struct Broken(Map);

    impl Raw for Broken {
        type Error = Unreadable;

        fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Unreadable> {
            Ok(self.0.0.get(key).cloned())
        }

        fn at_or_before(&self, key: &[u8]) -> Result<Option<KeyValue>, Unreadable> {
            let Ok(found) = self.0.at_or_before(key);
            Ok(found)
        }

        fn after(&self, key: &[u8]) -> impl Iterator<Item = Result<KeyValue, Unreadable>> {
            self.0.after(key).map(|Ok(pair)| pair).map(Ok)
        }
    }

    let mut map = Map::default();
    map.commit(&[batch([(b"long".to_vec(), Some(vec![1; 9000])), (b"x".to_vec(), Some(vec![1]))])]);
    let pieces: Vec<_> = map.0.keys().filter(|key| key[0] == 2).cloned().collect();
    assert_eq!(pieces.len(), 2);
    map.0.remove(&pieces[1]);
    let mut broken = Broken(map);
    let error = get(&broken, b"long").unwrap_err();
    assert_eq!((error.key.as_slice(), error.reason), (&b"long"[..], "its pieces do not fit together"));
    assert_eq!(get(&broken, b"x").unwrap(), Some(vec![1]), "its neighbour reads");
    broken.0.0.get_mut(&[BLOCK][..]).unwrap().pop();
    assert_eq!(get(&broken, b"x").unwrap_err().reason, "its block is damaged");
    assert_eq!(scan(&broken, b"x", None, 1).unwrap_err().reason, "its block is damaged");
}
