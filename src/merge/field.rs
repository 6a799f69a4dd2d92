//! One field: the agreed value and at most one candidate a side in, a verdict out.
//!
//! [`merge`] is a three-way merge whose base is the *agreed* value. It cannot fail and cannot wait; what it lacks it
//! says ([`Fate::Unread`]). It is symmetric: swapping the sides, with `priority` and the sides in the policy, swaps
//! the verdict. It is idempotent: fed with its own golden value and the same sides, it says the same again.
//!
//! | file | what is known when it is asked |
//! |---|---|
//! | this one | nothing: it finds out which of the others to ask |
//! | `edits` | the members once agreed; at most one edit a side |
//! | `first_link` | they never agreed; each side's value counts as its candidate |
//! | `consent` | the field is a consent: restriction before everything else |
//! | `conflict` | two different values, neither refused: the policy picks |
//! | `times` | two edits with what is known of their times |

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    consent, edits, first_link,
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
        #[serde(with = "jiff::fmt::serde::timestamp::microsecond::required")]
        at: Timestamp,
    },
    /// From the record's time of change: after our last reading of it, up to that time.
    Record {
        /// Our last reading; `None` where there was none.
        #[serde(with = "jiff::fmt::serde::timestamp::microsecond::optional")]
        after: Option<Timestamp>,
        /// The record's time of change.
        #[serde(with = "jiff::fmt::serde::timestamp::microsecond::required")]
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
    /// Why, in words, with `{left}` and `{right}` where a system is named, since a merge knows no names: `edited 4 min
    /// later in {right}`. [`Conflict::reason_with`] puts them in. It never holds a value.
    pub reason: String,
}

impl Conflict {
    /// The reason with the systems' names in the place of `{left}` and `{right}`.
    pub fn reason_with(&self, systems: &Pair<&str>) -> String {
        self.reason.replace(Side::Left.token(), systems.left).replace(Side::Right.token(), systems.right)
    }
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
    /// A field that went back and forth too often.
    Oscillation,
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
///
/// - Nothing is decided while a side is [`SideInput::Unread`], but for a consent: a restriction waits for nobody.
/// - A member that is alone decides for itself, again but for a consent: what a person restricted once is not
///   loosened because the other record is gone.
/// - At a first link (`agreed` is `None`) each side's value is its candidate, `Stands` and `Edited` alike, and each
///   side gets a fate: `Lost` says that its value is overwritten, `Waits` that nothing is written there.
/// - Afterwards a side that `Stands` has no say, at whatever value it stands: it may be one that we shall overwrite.
pub fn merge(input: &Merge<'_>) -> Verdict {
    if let Some(rules) = &input.policy.consent {
        return consent::merge(input, rules);
    }
    match (&input.sides.left, &input.sides.right) {
        // What the other holds may make this a conflict. Taking the edit now and being wrong would overwrite it.
        (SideInput::Unread, _) | (_, SideInput::Unread) => input.wait_for_reading(),
        (SideInput::Absent, alone) => alone_at(input, Side::Right, alone),
        (alone, SideInput::Absent) => alone_at(input, Side::Left, alone),
        _ => match input.agreed {
            None => first_link::merge(input),
            Some(agreed) => edits::merge(input, agreed),
        },
    }
}

/// The other system has no member, or does not know the field.
fn alone_at(input: &Merge<'_>, side: Side, alone: &SideInput) -> Verdict {
    match alone {
        // Nothing travels anywhere, so that neither `flow` nor `blanks` nor `back` has anything to say.
        SideInput::Edited(candidate) => Verdict::quiet(candidate.value.clone(), side.pair(Fate::Won, Fate::None)),
        SideInput::Stands(value) if input.agreed.is_none() => {
            Verdict::quiet(value.clone(), Pair::new(Fate::None, Fate::None))
        }
        // Its value was agreed once; where it differs from the golden one, that one is still to be written there
        // (the other side won, and went since). Taking the value would undo what was decided and logged.
        SideInput::Stands(_) | SideInput::Absent | SideInput::Unread => {
            Verdict::quiet(input.golden.clone(), Pair::new(Fate::None, Fate::None))
        }
    }
}

impl Merge<'_> {
    /// Everything stays; edits wait for the other side's reading.
    pub(super) fn wait_for_reading(&self) -> Verdict {
        let fates = self.sides.as_ref().map(|side| match side {
            SideInput::Edited(_) => Fate::Unread,
            SideInput::Absent | SideInput::Unread | SideInput::Stands(_) => Fate::None,
        });
        Verdict::quiet(self.golden.clone(), fates)
    }
}

impl SideInput {
    /// The value that side is known to hold.
    pub fn value(&self) -> Option<&Value> {
        match self {
            Self::Absent | Self::Unread => None,
            Self::Stands(value) => Some(value),
            Self::Edited(candidate) => Some(&candidate.value),
        }
    }

    /// The edit, where there is one.
    pub fn edit(&self) -> Option<&Candidate> {
        match self {
            Self::Edited(candidate) => Some(candidate),
            Self::Absent | Self::Unread | Self::Stands(_) => None,
        }
    }

    /// What is known of the time its value was entered.
    pub(super) fn evidence(&self) -> Evidence {
        self.edit().map_or(Evidence::None, |candidate| candidate.evidence)
    }
}

impl Verdict {
    /// Nothing to log.
    pub(super) fn quiet(golden: Value, fates: Pair<Fate>) -> Self {
        Self { golden, fates, conflict: None }
    }
}
