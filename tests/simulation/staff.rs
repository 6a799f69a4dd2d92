//! Who works where: owners of records are people, under an id of each service's own.

use std::collections::{BTreeMap, BTreeSet};

use hymnal::merge::{Pair, Side};
use hymnal_sdk::{User, UserKind};

/// Whom an owner is written as on the left who does not work there.
pub(crate) const DESK: &str = "desk";
/// A queue, on the right.
const QUEUE: &str = "queue";

/// Who works where, and who ever did not.
#[derive(Clone, Debug)]
pub(crate) struct Staff {
    works: Pair<BTreeMap<String, bool>>,
    missed: Pair<BTreeSet<String>>,
    /// How often somebody came or went.
    pub(crate) moves: usize,
}

impl Staff {
    /// Kim works on the right alone, and Lee has left the left.
    pub(crate) fn new() -> Self {
        let left = [("robin", true), ("noor", true), (DESK, true), ("lee", false)];
        let right = [("robin", true), ("noor", true), (DESK, true), ("kim", true), ("lee", true), (QUEUE, true)];
        let map = |all: &[(&str, bool)]| all.iter().map(|(name, works)| ((*name).to_owned(), *works)).collect();
        let missed = Pair::new(["kim", "lee", QUEUE].map(str::to_owned).into(), BTreeSet::new());
        Self { works: Pair::new(map(&left), map(&right)), missed, moves: 0 }
    }

    /// Somebody comes, or goes; their records stay theirs.
    pub(crate) fn note(&mut self, side: Side, name: &str, works: bool) {
        self.works[side].insert(name.to_owned(), works);
        if !works {
            self.missed[side].insert(name.to_owned());
        }
        self.moves += 1;
    }

    pub(crate) fn works(&self, side: Side, name: &str) -> bool {
        name != QUEUE && self.works[side].get(name) == Some(&true)
    }

    /// There was a time at which nobody of that name worked there.
    pub(crate) fn was_missing(&self, side: Side, name: &str) -> bool {
        self.missed[side].contains(name)
    }

    /// As the service tells.
    pub(crate) fn users(&self, side: Side) -> Vec<User> {
        let user = |(name, works): (&String, &bool)| User {
            id: id(side, name),
            email: Some(format!("{name}@example.com")),
            name: name.clone(),
            active: *works,
            kind: if name == QUEUE { UserKind::Queue } else { UserKind::Person },
        };
        self.works[side].iter().map(user).collect()
    }
}

/// The id under which somebody is known on a side.
pub(crate) fn id(side: Side, name: &str) -> String {
    format!("{side:?}-{name}")
}

/// Who it is, by an id, or by Hymnal's own word for them.
pub(crate) fn name(owner: &str) -> &str {
    let owner = owner.strip_prefix("Left-").or_else(|| owner.strip_prefix("Right-")).unwrap_or(owner);
    let owner = owner.strip_prefix("queue:").unwrap_or(owner);
    owner.strip_suffix("@example.com").unwrap_or(owner)
}
