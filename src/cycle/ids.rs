//! The one place that makes ids: version 7 UUIDs from the clock's time and one seed.

use hymnal_sdk::Timestamp;
use uuid::{Builder, Uuid};

use crate::merge::Id;

/// Makes ids. With the same seed and the same times they are the same.
#[derive(Clone, Debug)]
pub struct Ids {
    state: u64,
    last: u64,
    count: u16,
}

impl Ids {
    /// Ids from this seed.
    pub fn new(seed: u64) -> Self {
        Self { state: seed, last: 0, count: 0 }
    }

    /// The next id: greater than all before it, even where the clock stands still or steps back.
    pub fn next(&mut self, now: Timestamp) -> Id {
        let millis = u64::try_from(now.as_millisecond()).unwrap_or(0);
        if millis > self.last {
            (self.last, self.count) = (millis, 0);
        } else if self.count < 0x0fff {
            self.count += 1;
        } else {
            (self.last, self.count) = (self.last + 1, 0);
        }
        let mut bytes = [0; 10];
        bytes[..2].copy_from_slice(&self.count.to_be_bytes());
        bytes[2..].copy_from_slice(&self.random().to_be_bytes());
        let id: Uuid = Builder::from_unix_timestamp_millis(self.last, &bytes).into_uuid();
        Id(id)
    }

    /// A number, for jitter and seeds.
    ///
    /// splitmix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
    pub fn random(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
