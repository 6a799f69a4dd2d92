//! How many pairs the store holds, and their digest.
//!
//! Kept up to date with every commit at the price of reading what is overwritten (which sled does anyway to find the
//! place), so that one scan after the start shows whether anything was lost, changed or brought back.

use std::collections::BTreeMap;

/// A count of pairs after a commit. Equal tallies mean equal contents, but for a chance of 1 in 2^64.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::store) struct Tally {
    /// How many commits were made.
    pub(in crate::store) sequence: u64,
    /// How many pairs there are.
    pub(in crate::store) pairs: u64,
    /// The sum of the pairs' digests: the order in which they came does not matter.
    digest: u64,
}

impl Tally {
    /// How many bytes it is written in.
    pub(in crate::store) const BYTES: usize = 28;

    /// Of the next commit, before its changes are counted.
    pub(in crate::store) fn next(self) -> Self {
        Self { sequence: self.sequence + 1, ..self }
    }

    /// Counts a change of one key. Adding what is there, one by one, makes the same tally.
    pub(in crate::store) fn replace(&mut self, key: &[u8], old: Option<&[u8]>, new: Option<&[u8]>) {
        if let Some(old) = old {
            self.pairs = self.pairs.wrapping_sub(1);
            self.digest = self.digest.wrapping_sub(digest(key, old));
        }
        if let Some(new) = new {
            self.pairs = self.pairs.wrapping_add(1);
            self.digest = self.digest.wrapping_add(digest(key, new));
        }
    }

    /// The same contents, whatever the number of commits.
    pub(in crate::store) fn counts_as(&self, other: &Self) -> bool {
        (self.pairs, self.digest) == (other.pairs, other.digest)
    }

    pub(in crate::store) fn to_bytes(self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        for (place, number) in bytes.chunks_exact_mut(8).zip([self.sequence, self.pairs, self.digest]) {
            place.copy_from_slice(&number.to_le_bytes());
        }
        let crc = crc32fast::hash(&bytes[..24]);
        bytes[24..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// `None` where the bytes are damaged.
    pub(in crate::store) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (numbers, crc) = bytes.split_at_checked(24)?;
        if crc != crc32fast::hash(numbers).to_le_bytes() {
            return None;
        }
        let mut numbers =
            numbers.chunks_exact(8).map(|eight| eight.iter().rev().fold(0, |n, b| n << 8 | u64::from(*b)));
        Some(Self { sequence: numbers.next()?, pairs: numbers.next()?, digest: numbers.next()? })
    }
}

/// A count in progress, in key order, while commits go on. What lies behind it is kept up to date by the commits
/// themselves; what lies before it, it will meet.
#[derive(Debug, Default)]
pub(in crate::store) struct Recount {
    /// The last key counted; `None` before the first.
    pub(in crate::store) after: Option<Vec<u8>>,
    /// What was counted.
    pub(in crate::store) seen: Tally,
    /// How many bytes keys and values have that were met.
    pub(in crate::store) bytes: u64,
}

impl Recount {
    /// Counts the changes of a commit that lie behind.
    pub(in crate::store) fn follow(&mut self, changes: &Changes) {
        let Some(after) = &self.after else { return };
        for (key, change) in changes.range::<Vec<u8>, _>(..=after) {
            self.seen.replace(key, change.old.as_deref(), change.new.as_deref());
        }
    }
}

/// What a commit changes, by stored key.
pub(in crate::store) type Changes = BTreeMap<Vec<u8>, Change>;

/// What becomes of one stored key.
#[derive(Debug)]
pub(in crate::store) struct Change {
    /// What it held.
    pub(in crate::store) old: Option<Vec<u8>>,
    /// What it holds from now on; `None` removes it.
    pub(in crate::store) new: Option<Vec<u8>>,
}

/// Two checksums and a mixer (the finalizer of SplitMix64): accidents, not attackers, are what it has to notice.
fn digest(key: &[u8], value: &[u8]) -> u64 {
    let mut mixed = u64::from(crc32fast::hash(key)) << 32 | u64::from(crc32fast::hash(value));
    mixed = (mixed ^ value.len() as u64).wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}
