//! What was decided and done, as it goes into the journal and the conflict log.

use hymnal_sdk::{Actor, Address, Native, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    entity::{Edit, Id},
    field::{Conflict, Evidence},
    guard::{GuardKind, Provenance},
    parked::Handling,
    scope::ScopeRule,
    side::{Pair, Side},
};
use crate::mapping::{Problem, Value};

/// One entry of the journal. The entity, the time and the cycle stand beside it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// A record was seen for the first time.
    Met {
        /// Where.
        side: Side,
        /// Which.
        address: Address,
    },
    /// Two records were linked by a key.
    Linked {
        /// The records.
        records: Pair<Address>,
        /// The key set, by canonical names.
        key: String,
    },
    /// A further record of the same person was found.
    Duplicate {
        /// Where.
        side: Side,
        /// Which.
        address: Address,
    },
    /// A key led to several people.
    Ambiguous {
        /// The others.
        candidates: Vec<Id>,
    },
    /// A golden value changed.
    Decided {
        /// The field.
        field: String,
        /// What it was.
        from: Value,
        /// What it is.
        to: Value,
        /// The side it came from.
        side: Option<Side>,
        /// The rule that decided.
        rule: String,
        /// Who entered it, as far as the service tells.
        by: Option<Actor>,
        /// How well the time is known at which it was entered.
        evidence: Evidence,
    },
    /// A difference, decided or not: a line of the conflict log.
    Conflict(Box<ConflictEvent>),
    /// A write is about to be sent: its mark, committed before it.
    Sending {
        /// Where.
        side: Side,
        /// The record; `None` for a creation.
        address: Option<Address>,
        /// What.
        changes: Vec<SentChange>,
    },
    /// A person handled something parked.
    Handled {
        /// Where.
        side: Side,
        /// The field; `None`: the record.
        field: Option<String>,
        /// Why it was parked.
        code: String,
        /// What is done about it.
        handling: Handling,
        /// Who.
        by: String,
    },
    /// A person decided a value.
    Ruled(Box<Ruling>),
    /// A write was answered with success.
    Written {
        /// Where.
        side: Side,
        /// The record.
        address: Address,
        /// It was made.
        created: bool,
    },
    /// A write, or a part of it, was refused.
    Refused {
        /// Where.
        side: Side,
        /// The field; `None`: the record.
        field: Option<String>,
        /// In the service's words.
        problem: Problem,
    },
    /// The service keeps another form of what we wrote.
    Normalised {
        /// Where.
        side: Side,
        /// The field.
        field: String,
        /// What we wrote.
        sent: Native,
        /// What it keeps.
        kept: Native,
    },
    /// The service answered success and did nothing.
    Ignored {
        /// Where.
        side: Side,
        /// The field.
        field: String,
    },
    /// The service said that a record was deleted.
    SeenDeleted {
        /// Where.
        side: Side,
        /// Which.
        address: Address,
    },
    /// A record cannot be seen any more, and nobody can say why.
    NotVisible {
        /// Where.
        side: Side,
        /// Which.
        address: Address,
    },
    /// A record that was gone is back.
    SeenAgain {
        /// Where.
        side: Side,
        /// Which.
        address: Address,
    },
    /// What is stored of the person does not read: nothing is written of them until it does.
    Unreadable {
        /// What is wrong with it.
        reason: String,
    },
    /// A deleted record was unlinked.
    Unlinked {
        /// Where.
        side: Side,
        /// Which.
        address: Address,
    },
    /// A person said no to what a guard held.
    Discarded {
        /// Where it would have been written.
        side: Side,
        /// The field; `None`: the record.
        field: Option<String>,
    },
    /// Two people were found to be one.
    United {
        /// The id of the one that is this one's alias now.
        with: Id,
        /// Why: `merged`, or `a person`.
        by: String,
    },
    /// A person took a record away: it is somebody else's.
    Detached {
        /// Where.
        side: Side,
        /// Which.
        address: Address,
        /// Whose it is now.
        to: Id,
    },
    /// A value that another record is to get was taken away for a moment: two people exchange it.
    SteppedAside {
        /// Where.
        side: Side,
        /// The field.
        field: String,
    },
    /// The person entered or left what the sync is for, or what is created.
    Scope {
        /// By which rule.
        rule: ScopeRule,
        /// Entered, or left.
        entered: bool,
    },
    /// A record is about to be deleted, because the other side's was: its mark, committed before it.
    Removing {
        /// Where.
        side: Side,
        /// Which.
        address: Address,
        /// The record that was seen deleted.
        because: Address,
    },
    /// A record was deleted by us.
    Removed {
        /// Where.
        side: Side,
        /// Which.
        address: Address,
    },
    /// A deletion does not travel to this record.
    Spared {
        /// Where.
        side: Side,
        /// Which.
        address: Address,
        /// Why.
        why: Spared,
    },
    /// A record lives on under another address: merged or converted.
    Moved {
        /// Where.
        side: Side,
        /// From.
        from: Address,
        /// To.
        to: Address,
    },
}

/// One field of a write, with all that is needed to take it back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SentChange {
    /// The canonical field.
    pub field: String,
    /// What stood there; `None` for a creation.
    pub from: Option<Native>,
    /// What was to stand there.
    pub to: Native,
    /// The golden value it stood for.
    pub golden: Value,
    /// The value at which both sides last stood; `None`: they never had.
    pub agreed: Option<Value>,
}

/// A value that a person decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ruling {
    /// The field.
    pub field: String,
    /// The one side that it is for, where the two had different values before.
    pub side: Option<Side>,
    /// What was golden, or what that side held.
    pub from: Value,
    /// What is.
    pub to: Value,
    /// Why.
    pub cause: Cause,
    /// Who.
    pub by: String,
}

/// Why a person decided a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    /// It answered this conflict.
    Resolved(Id),
    /// It took back what was written.
    Undone,
}

/// Why a record is not deleted although the other side's was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Spared {
    /// Somebody worked on it, and whoever deleted the other record had not seen that.
    Edited,
    /// The other record is back.
    Restored,
}

/// A line of the conflict log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConflictEvent {
    /// Its id; a later event with the same id updates it.
    pub id: Id,
    /// The canonical field; empty for `duplicate` and `ambiguous`.
    pub field: String,
    /// What was decided.
    pub verdict: ConflictLine,
    /// The agreed value.
    pub base: Option<Value>,
    /// Each side's edit.
    pub edits: Pair<Option<Edit>>,
    /// Each side's value as the service gives it.
    pub natives: Pair<Option<Native>>,
    /// Where it stands.
    pub status: ConflictStatus,
    /// When it was decided.
    #[serde(with = "jiff::fmt::serde::timestamp::microsecond::required")]
    pub at: Timestamp,
}

/// What a line of the conflict log is about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ConflictLine {
    /// A field.
    Field(StoredConflict),
    /// A field that flips.
    Oscillation,
    /// A key that led to several people.
    Ambiguous(Vec<Id>),
    /// A further record of the same person.
    Duplicate(Side, Address),
    /// Writes that a guard holds back.
    Guard(HeldBack),
    /// Two people whom a service merged.
    Merged {
        /// Where.
        side: Side,
        /// The record that is gone.
        from: Address,
        /// The record that is left.
        into: Address,
        /// The one whose id is an alias now.
        with: Id,
        /// Values of the one that is gone which the other does not have, by field.
        lost: Vec<(String, Value)>,
    },
}

/// Writes that a guard holds back, for the conflict log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldBack {
    /// What they are.
    pub kind: GuardKind,
    /// Where they come from.
    pub cause: Provenance,
    /// What the hold is named by.
    pub hold: String,
    /// How many.
    pub entries: u32,
    /// How many were allowed.
    pub most: u64,
    /// What happened.
    pub reason: String,
}

/// [`Conflict`], with a policy that can be stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredConflict {
    /// What kind.
    pub kind: super::field::ConflictKind,
    /// Who won.
    pub winner: Option<Side>,
    /// The golden value that follows.
    pub result: Option<Value>,
    /// How sure.
    pub certainty: Option<super::field::Certainty>,
    /// The policy.
    pub policy: String,
    /// Why.
    pub reason: String,
}

impl From<Conflict> for StoredConflict {
    fn from(conflict: Conflict) -> Self {
        Self {
            kind: conflict.kind,
            winner: conflict.winner,
            result: conflict.result,
            certainty: conflict.certainty,
            policy: conflict.policy.to_owned(),
            reason: conflict.reason,
        }
    }
}

/// Where a conflict stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConflictStatus {
    /// It waits for a person.
    Open,
    /// It was decided.
    Resolved,
    /// The values met, or a member went.
    Superseded,
    /// A person set it aside.
    Dismissed,
}
