//! A block: pairs in key order, each key without what it has in common with the one before.
//!
//! ```text
//! per pair, lengths as varints (7 bits a byte, lowest first, the high bit says that more follow):
//! shared length · own length · head length · rest of the key · head (see `pieces`)
//! ```

use std::{collections::BTreeMap, mem};

/// Pairs by key: the head of each value.
pub(super) type Block = BTreeMap<Vec<u8>, Vec<u8>>;

/// These bytes are no block.
#[derive(Debug)]
pub(super) struct Damaged;

/// A block of more bytes is split. sled writes a page of sixteen anew every ten changes, so a larger one costs more
/// on each change, and a smaller one saves less memory.
const FULL: usize = 1536;

/// What a pair takes besides its key and head: three short lengths.
const LENGTHS: usize = 3;

/// The head under a key.
pub(super) fn find<'a>(block: &'a [u8], wanted: &[u8]) -> Result<Option<&'a [u8]>, Damaged> {
    let mut reader = Reader { rest: block, key: Vec::new() };
    while let Some(head) = reader.next()? {
        if reader.key.as_slice() >= wanted {
            return Ok((reader.key == wanted).then_some(head));
        }
    }
    Ok(None)
}

/// All pairs of a block.
pub(super) fn unpack(block: &[u8]) -> Result<Block, Damaged> {
    let mut reader = Reader { rest: block, key: Vec::new() };
    let mut pairs = Block::new();
    while let Some(head) = reader.next()? {
        pairs.insert(reader.key.clone(), head.to_vec());
    }
    Ok(pairs)
}

/// The bytes of these pairs, with the first key of each part. Pairs that come in ascending order fill their blocks;
/// where one came in between, more will, so that the parts are made equal and have room.
pub(super) fn pack(pairs: Block, ascending: bool) -> Vec<(Vec<u8>, Vec<u8>)> {
    let size: usize = pairs.iter().map(|(key, head)| LENGTHS + key.len() + head.len()).sum();
    let limit = if ascending { FULL } else { size.div_ceil(size.div_ceil(FULL).max(1)) };
    let mut packed = Vec::new();
    let mut part = Writer::default();
    for (key, head) in pairs {
        if !part.bytes.is_empty() && part.bytes.len() + LENGTHS + key.len() + head.len() > limit {
            packed.push(mem::take(&mut part).finish());
        }
        part.push(key, &head);
    }
    if !part.bytes.is_empty() {
        packed.push(part.finish());
    }
    packed
}

#[derive(Default)]
struct Writer {
    first: Vec<u8>,
    last: Vec<u8>,
    bytes: Vec<u8>,
}

impl Writer {
    fn push(&mut self, key: Vec<u8>, head: &[u8]) {
        if self.bytes.is_empty() {
            self.first.clone_from(&key);
        }
        let shared = self.last.iter().zip(&key).take_while(|(left, right)| left == right).count();
        for length in [shared, key.len() - shared, head.len()] {
            write_length(&mut self.bytes, length);
        }
        self.bytes.extend_from_slice(&key[shared..]);
        self.bytes.extend_from_slice(head);
        self.last = key;
    }

    fn finish(self) -> (Vec<u8>, Vec<u8>) {
        (self.first, self.bytes)
    }
}

struct Reader<'a> {
    rest: &'a [u8],
    key: Vec<u8>,
}

impl<'a> Reader<'a> {
    /// The next pair's head; its key is then in `key`.
    fn next(&mut self) -> Result<Option<&'a [u8]>, Damaged> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let (shared, own, head) = (self.length()?, self.length()?, self.length()?);
        if shared > self.key.len() {
            return Err(Damaged);
        }
        self.key.truncate(shared);
        let own = self.take(own)?;
        self.key.extend_from_slice(own);
        self.take(head).map(Some)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Damaged> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Damaged)?;
        self.rest = rest;
        Ok(taken)
    }

    fn length(&mut self) -> Result<usize, Damaged> {
        let mut length = 0;
        for shift in (0..35).step_by(7) {
            let byte = self.take(1)?[0];
            length |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(length);
            }
        }
        Err(Damaged)
    }
}

fn write_length(bytes: &mut Vec<u8>, mut length: usize) {
    while length >= 0x80 {
        bytes.push(u8::try_from(length & 0x7f).unwrap_or_default() | 0x80);
        length >>= 7;
    }
    bytes.push(u8::try_from(length).unwrap_or_default());
}
