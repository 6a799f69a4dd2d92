//! Calls, by what they were for.

use std::{
    collections::BTreeMap,
    ops::{AddAssign, Index},
};

use hymnal::merge::Side;

/// What a call was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Purpose {
    /// A page of changes.
    List,
    /// A look for deletions.
    Deletions,
    /// Records read by id, to verify.
    Read,
    /// Records looked for by key.
    Find,
    /// A write.
    Write,
    /// Logins, schemas.
    Other,
}

/// How many calls each service got.
#[derive(Clone, Debug, Default)]
pub(crate) struct Calls {
    by: BTreeMap<(bool, Purpose), usize>,
    throttled: usize,
}

impl Calls {
    pub(crate) fn add(&mut self, side: Side, method: &str, path: &str, status: u64) {
        *self.by.entry((side == Side::Left, purpose(side, method, path))).or_default() += 1;
        self.throttled += usize::from(status == 429);
    }

    /// Those answered with 429.
    pub(crate) fn throttled(&self) -> usize {
        self.throttled
    }

    /// All but logins, schemas, and looks for deletions, which go by the clock and not by what changes.
    pub(crate) fn of_changes(&self) -> usize {
        let by_clock = [Purpose::Deletions, Purpose::Other];
        self.by.iter().filter(|((_, purpose), _)| !by_clock.contains(purpose)).map(|(_, count)| count).sum()
    }
}

impl Index<(Side, Purpose)> for Calls {
    type Output = usize;

    fn index(&self, (side, purpose): (Side, Purpose)) -> &usize {
        self.by.get(&(side == Side::Left, purpose)).unwrap_or(&0)
    }
}

impl AddAssign<&Self> for Calls {
    fn add_assign(&mut self, other: &Self) {
        for (what, count) in &other.by {
            *self.by.entry(*what).or_default() += count;
        }
        self.throttled += other.throttled;
    }
}

fn purpose(side: Side, method: &str, path: &str) -> Purpose {
    let (place, query) = path.split_once('?').unwrap_or((path, ""));
    match side {
        Side::Left if place.ends_with("/search") => Purpose::List,
        Side::Left if place.ends_with("/batch/read") => Purpose::Read,
        Side::Left if place.contains("/batch/") => Purpose::Write,
        Side::Left if query.contains("archived=true") => Purpose::Deletions,
        Side::Right if method != "GET" && place.contains("/composite/") => Purpose::Write,
        Side::Right if query.contains("IsDeleted") && query.contains("true") => Purpose::Deletions,
        Side::Right if place.ends_with("/queryAll") => Purpose::Read,
        Side::Right if query.contains("IN") && !query.contains("ORDER") => Purpose::Find,
        Side::Right if place.contains("/query") => Purpose::List,
        _ => Purpose::Other,
    }
}
