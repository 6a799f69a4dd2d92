//! How pairs lie in sled: many short ones under one key, a long one under several.
//!
//! sled needs some 40 bytes of memory for every key it holds, cached or not, and splits a page at sixteen keys however
//! short they are: a million people with their indexes and history, a key each, did not fit the memory a small machine
//! has. So neighbours share a key ([`blocks`]), and what is too long to share is cut ([`pieces`]). Nothing above
//! knows: the order of keys, scans and batches are as if every pair lay alone.
//!
//! ```text
//! 0x00                                        the tally
//! 0x01 fence                         block    the pairs from this fence on, up to the next block's fence
//! 0x02 length of key, key, number    piece    a part of a long value
//! ```
//!
//! The pairs before the first fence belong to a block with an empty fence, which need not exist.

mod blocks;
mod pieces;

use std::collections::BTreeMap;

use self::blocks::{Block, Damaged};
use super::{
    hardening::tally::{Change, Changes},
    kv::{Batch, KeyValue},
};

/// The tally's key.
pub(super) const TALLY: &[u8] = &[0];

/// The first byte of blocks.
const BLOCK: u8 = 1;

/// What lies below: an ordered map that may fail.
pub(super) trait Raw {
    /// Why it failed.
    type Error: From<Unreadable>;

    /// The value under a key.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Self::Error>;

    /// The last pair whose key is `key` or less.
    fn at_or_before(&self, key: &[u8]) -> Result<Option<KeyValue>, Self::Error>;

    /// The pairs behind a key, in order.
    fn after(&self, key: &[u8]) -> impl Iterator<Item = Result<KeyValue, Self::Error>>;
}

/// Pairs around this key do not read.
#[derive(Debug)]
pub(super) struct Unreadable {
    /// A key of ours: the one asked for, or the fence of its block.
    pub(super) key: Vec<u8>,
    /// What is wrong.
    pub(super) reason: &'static str,
}

/// The value under a key.
pub(super) fn get<R: Raw>(raw: &R, key: &[u8]) -> Result<Option<Vec<u8>>, R::Error> {
    let Some((stored, block)) = block_of(raw, key)? else { return Ok(None) };
    match blocks::find(&block, key).map_err(|Damaged| damaged(&stored))? {
        Some(head) => whole(raw, key, head).map(Some),
        None => Ok(None),
    }
}

/// Up to `limit` pairs whose key starts with `prefix` and is greater than `after`, in key order.
pub(super) fn scan<R: Raw>(
    raw: &R,
    prefix: &[u8],
    after: Option<&[u8]>,
    limit: usize,
) -> Result<Vec<KeyValue>, R::Error> {
    let start = after.filter(|after| *after >= prefix);
    let is_wanted = |key: &[u8]| start.map_or(key >= prefix, |start| key > start);
    let first = block_of(raw, start.unwrap_or(prefix))?;
    let behind = first.as_ref().map_or_else(|| vec![BLOCK], |(stored, _)| stored.clone());
    // Where there is no block before the place, a block with an empty fence cannot exist either, so that every block
    // lies behind `[BLOCK]`.
    let others = raw.after(&behind);
    let mut found = Vec::new();
    for block in first.into_iter().map(Ok).chain(others) {
        let (stored, block) = block?;
        if stored.first() != Some(&BLOCK) {
            break;
        }
        for (key, head) in blocks::unpack(&block).map_err(|Damaged| damaged(&stored))? {
            if !is_wanted(&key) {
                continue;
            }
            if found.len() == limit || !key.starts_with(prefix) {
                return Ok(found);
            }
            let value = whole(raw, &key, &head)?;
            found.push((key, value));
        }
    }
    Ok(found)
}

/// What the batches change below, a later one over an earlier one, less what already stands so.
pub(super) fn changes<R: Raw>(raw: &R, batches: &[Batch]) -> Result<Changes, R::Error> {
    let wanted: BTreeMap<_, _> = batches.iter().flat_map(Batch::iter).collect();
    let mut changes = Changes::new();
    let mut open: Option<OpenBlock> = None;
    for (key, value) in wanted {
        let (stored, block) = block_of(raw, key)?.unwrap_or_else(|| (vec![BLOCK], Vec::new()));
        if open.as_ref().is_none_or(|open| open.stored != stored) {
            if let Some(full) = open.take() {
                full.close(&mut changes);
            }
            let pairs = blocks::unpack(&block).map_err(|Damaged| damaged(&stored))?;
            open = Some(OpenBlock { stored, before: block, pairs, inserts_last: false });
        }
        let Some(open) = &mut open else { continue };
        let old = open.pairs.get(key);
        let (head, cut) = pieces::cut(key, value, old.map(Vec::as_slice));
        for (stored, new) in cut {
            let old = raw.get(&stored)?;
            if old != new {
                changes.insert(stored, Change { old, new });
            }
        }
        open.set(key, head);
    }
    if let Some(last) = open {
        last.close(&mut changes);
    }
    Ok(changes)
}

/// A block while a batch changes it.
struct OpenBlock {
    stored: Vec<u8>,
    /// Empty where there was none.
    before: Vec<u8>,
    pairs: Block,
    inserts_last: bool,
}

impl OpenBlock {
    fn set(&mut self, key: &[u8], head: Option<Vec<u8>>) {
        let Some(head) = head else {
            self.pairs.remove(key);
            return;
        };
        self.inserts_last |= self.pairs.last_key_value().is_none_or(|(last, _)| last.as_slice() < key);
        self.pairs.insert(key.to_vec(), head);
    }

    /// Packs it, in as many blocks as it takes. The first keeps the place, so that keys before its first pair still
    /// find it.
    fn close(self, changes: &mut Changes) {
        let Self { stored, before, pairs, inserts_last } = self;
        let mut packed = blocks::pack(pairs, inserts_last).into_iter();
        let first = packed.next().map(|(_, bytes)| bytes);
        let old = Some(before).filter(|before| !before.is_empty());
        if first != old {
            changes.insert(stored, Change { old, new: first });
        }
        for (fence, bytes) in packed {
            changes.insert([&[BLOCK], fence.as_slice()].concat(), Change { old: None, new: Some(bytes) });
        }
    }
}

/// The block that holds a key, if it is there, with the key that it is stored under.
fn block_of<R: Raw>(raw: &R, key: &[u8]) -> Result<Option<KeyValue>, R::Error> {
    let found = raw.at_or_before(&[&[BLOCK], key].concat())?;
    Ok(found.filter(|(stored, _)| stored.first() == Some(&BLOCK)))
}

fn whole<R: Raw>(raw: &R, key: &[u8], head: &[u8]) -> Result<Vec<u8>, R::Error> {
    let value = pieces::join(key, head, |piece| raw.get(piece))?;
    value.ok_or_else(|| Unreadable { key: key.to_vec(), reason: "its pieces do not fit together" }.into())
}

fn damaged(stored: &[u8]) -> Unreadable {
    Unreadable { key: stored.get(1..).unwrap_or_default().to_vec(), reason: "its block is damaged" }
}

#[cfg(test)]
mod tests;
