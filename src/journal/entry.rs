//! What the journal and the conflict log hold.

use hymnal_sdk::{Address, Timestamp};
use serde::{Deserialize, Serialize};

use crate::merge::{
    Event, Id, Pair,
    event::{ConflictEvent, ConflictLine},
};

/// A line of the conflict log, as it is stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LogLine {
    /// Its number.
    pub number: u64,
    /// The number of the line before it about the same conflict.
    pub before: Option<u64>,
    /// The person; `None`: it is about the sync.
    pub entity: Option<Id>,
    /// The cycle.
    pub cycle: Id,
    /// Each side's records of the person.
    pub records: Pair<Vec<Address>>,
    /// What happened.
    pub event: ConflictEvent,
}

/// A page of the journal.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct JournalPage {
    /// When, by our clock.
    #[serde(with = "jiff::fmt::serde::timestamp::microsecond::required")]
    pub at: Timestamp,
    /// The cycle.
    pub cycle: Id,
    /// Why, where it is not the ordinary cycle.
    pub cause: Option<Cause>,
    /// What happened, in order.
    pub events: Vec<Event>,
}

/// Why something happened, where it is not the ordinary cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cause {
    /// A person applied a plan.
    Apply,
}

impl ConflictLine {
    /// The `kind` of the conflict log.
    pub fn kind(&self) -> &'static str {
        use crate::merge::ConflictKind;
        match self {
            Self::Field(line) => match line.kind {
                ConflictKind::Conflict => "conflict",
                ConflictKind::FirstLink => "first_link",
                ConflictKind::Overruled => "overruled",
                ConflictKind::Oscillation => "oscillation",
            },
            Self::Oscillation => "oscillation",
            Self::Ambiguous(_) => "ambiguous",
            Self::Duplicate(..) => "duplicate",
            Self::Guard(..) => "guard",
            Self::Merged { .. } => "merge",
        }
    }
}
