//! The two systems of a sync.

use std::ops::{Index, IndexMut};

use serde::{Deserialize, Serialize};

/// One of the two systems, in the order of `between`. Nothing in a merge depends on which is which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Side {
    /// The first that `between` names.
    Left,
    /// The second.
    Right,
}

impl Side {
    /// Both, in order.
    pub const BOTH: [Self; 2] = [Self::Left, Self::Right];

    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Left => Self::Right,
            Self::Right => Self::Left,
        }
    }

    /// What stands for this side's system in a sentence of a merge, which knows no names: `{left}`, `{right}`.
    pub fn token(self) -> &'static str {
        match self {
            Self::Left => "{left}",
            Self::Right => "{right}",
        }
    }

    /// A pair of what this side gets and what the other gets.
    pub fn pair<T>(self, this: T, other: T) -> Pair<T> {
        match self {
            Self::Left => Pair::new(this, other),
            Self::Right => Pair::new(other, this),
        }
    }
}

/// One of each, by side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Pair<T> {
    /// Of the first system.
    pub left: T,
    /// Of the second.
    pub right: T,
}

impl<T> Pair<T> {
    /// A pair from its parts.
    pub fn new(left: T, right: T) -> Self {
        Self { left, right }
    }

    /// A pair from what `make` gives for each side, left first.
    pub fn from_fn(mut make: impl FnMut(Side) -> T) -> Self {
        Self { left: make(Side::Left), right: make(Side::Right) }
    }

    /// Both with their sides, left first.
    pub fn iter(&self) -> impl Iterator<Item = (Side, &T)> {
        [(Side::Left, &self.left), (Side::Right, &self.right)].into_iter()
    }

    /// A pair of what `f` makes of each.
    pub fn map<U>(self, mut f: impl FnMut(T) -> U) -> Pair<U> {
        Pair { left: f(self.left), right: f(self.right) }
    }

    /// A pair of references.
    pub fn as_ref(&self) -> Pair<&T> {
        Pair { left: &self.left, right: &self.right }
    }
}

impl<T> Index<Side> for Pair<T> {
    type Output = T;

    fn index(&self, side: Side) -> &T {
        match side {
            Side::Left => &self.left,
            Side::Right => &self.right,
        }
    }
}

impl<T> IndexMut<Side> for Pair<T> {
    fn index_mut(&mut self, side: Side) -> &mut T {
        match side {
            Side::Left => &mut self.left,
            Side::Right => &mut self.right,
        }
    }
}
