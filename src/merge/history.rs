//! What services tell of single fields' histories: asked for where a conflict is to be decided by time, and only there.

use std::collections::{BTreeMap, BTreeSet};

use hymnal_sdk::{Address, FieldEdit};

use super::side::Side;

/// A native field of one record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The side.
    pub side: Side,
    /// The record.
    pub address: Address,
    /// The native field.
    pub field: String,
}

/// What is known, and what a decision would have liked to know. A decision that needs more is not committed: it is
/// asked for, and decided again. What cannot be had is known to be empty.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// Newest first, by field.
    pub known: BTreeMap<Place, Vec<FieldEdit>>,
    /// What is not known.
    pub needs: BTreeSet<Place>,
}
