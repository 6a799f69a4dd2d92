//! One field: the agreed value and at most one candidate a side in, a verdict out.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    policy::FieldPolicy,
    side::{Pair, Side},
};
use crate::mapping::Value;

/// What is known of one field of one entity when it is merged.
#[derive(Clone, Debug)]
pub struct Merge<'a> {
    /// The field's rules.
    pub policy: &'a FieldPolicy,
    /// The value at which all members last stood. `None`: they never did (first link).
    pub agreed: Option<&'a Value>,
    /// The golden value decided so far; restored where a candidate is refused.
    pub golden: &'a Value,
    /// What each side brings.
    pub sides: Pair<SideInput>,
    /// Who wins a tie.
    pub priority: Side,
    /// Edits whose times are closer than this are simultaneous.
    pub clock_uncertainty: SignedDuration,
}

/// What one side brings to a merge.
#[derive(Clone, Debug, PartialEq)]
pub enum SideInput {
    /// No member there, or the field is not mapped on its object: the side has no say.
    Absent,
    /// A member whose field has not been read yet (first link), or cannot be read: nothing is decided before it is.
    Unread,
    /// The value it stands at; nobody edited it.
    Stands(Value),
    /// An edit: newly read, or still undelivered.
    Edited(Candidate),
}

/// An edit by somebody else than us.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// What it became.
    pub value: Value,
    /// What it was on that side before the edit: the shadow's value. `None` at the first reading.
    pub before: Option<Value>,
    /// When, as far as it is known.
    pub evidence: Evidence,
    /// The value changed in the same reading as the e-mail, or in the first after we wrote the e-mail: opt-outs
    /// follow the address in some services, so it loosens nothing.
    pub with_email: bool,
}

/// How well an edit's time is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Evidence {
    /// From the field's history: a point.
    Field {
        /// When.
        at: Timestamp,
    },
    /// From the record's time of change: after our last reading of it, up to that time.
    Record {
        /// Our last reading; `None` where there was none.
        after: Option<Timestamp>,
        /// The record's time of change.
        until: Timestamp,
    },
    /// Nothing is known.
    None,
}

/// What a merge decided.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The golden value from now on.
    pub golden: Value,
    /// What became of each side's candidate.
    pub fates: Pair<Fate>,
    /// What to log, if both sides edited to different values, or a rule refused one.
    pub conflict: Option<Conflict>,
}

/// What became of a side's candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Fate {
    /// There was none.
    None,
    /// It is the golden value (or part of it, for `union`), or equal to it: the edit stands until it is delivered.
    Won,
    /// Another won: its edit is over, the golden value is written there.
    Lost,
    /// A rule refused it: the golden value is written there.
    Overruled,
    /// A rule refused it and it is left where it stands (`on_override = "keep"`).
    Kept,
    /// A blank that may not overwrite: that side is filled again. No conflict.
    Refilled,
    /// It waits for a person: nothing is written there.
    Waits,
    /// It waits for the other side to be read.
    Unread,
}

/// A difference worth a line in the conflict log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Conflict {
    /// What kind of difference.
    pub kind: ConflictKind,
    /// Who won; `None` while nobody did, and for a `union`.
    pub winner: Option<Side>,
    /// The golden value that follows; `None` while it waits for a person.
    pub result: Option<Value>,
    /// How sure the times made it; only where times decided or were asked.
    pub certainty: Option<Certainty>,
    /// The policy's name as in the configuration, without the system: `latest`, `prefer`, `manual`, `priority`.
    pub policy: &'static str,
    /// Why, in words: `edited 4 min later`, `no times known; priority decides`.
    pub reason: String,
}

/// What kind of difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConflictKind {
    /// Both sides edited since they last agreed.
    Conflict,
    /// Both sides had a value when they were linked.
    FirstLink,
    /// A rule refused an edit.
    Overruled,
}

/// How sure the times made a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Certainty {
    /// The intervals do not meet.
    Certain,
    /// They overlap, and one ends later.
    Likely,
    /// No evidence, or too close: `priority` decided.
    Priority,
}

/// Decides one field.
pub fn merge(input: &Merge<'_>) -> Verdict {
    // Filled in by `merge`'s own commit.
    Verdict { golden: input.golden.clone(), fates: Pair::new(Fate::None, Fate::None), conflict: None }
}
