//! Chance from one seed: the same numbers on every machine.

use hymnal::cycle::ids::Ids;

/// A source of chance.
#[derive(Clone, Debug)]
pub(crate) struct Random(Ids);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Ids::new(seed))
    }

    /// A number below `end`; 0 where `end` is 0.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        if end == 0 { 0 } else { self.0.random() % end }
    }

    /// `part` times out of `whole`.
    pub(crate) fn chance(&mut self, part: u64, whole: u64) -> bool {
        self.below(whole) < part
    }

    /// One of several.
    pub(crate) fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[usize::try_from(self.below(of.len() as u64)).expect("a small number")]
    }
}
