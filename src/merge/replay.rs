//! A logged conflict decided again, under other rules: what would have come out?

use hymnal_sdk::SignedDuration;

use super::{
    entity::Edit,
    event::{ConflictEvent, ConflictLine, ConflictStatus},
    field::{Candidate, ConflictKind, Merge, SideInput, merge},
    policy::{FieldPolicy, OnConflict},
    rules::SyncRules,
    side::{Pair, Side},
};
use crate::mapping::Value;

/// What a replay says of one logged conflict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replay {
    /// The same as was decided.
    Same,
    /// This, instead of what was decided.
    Otherwise {
        /// What was decided; `None`: it waited for a person.
        was: Option<Value>,
        /// Whose value would have won.
        winner: Option<Side>,
        /// What would have been decided.
        now: Value,
    },
    /// It would have waited for a person.
    Waits,
}

/// Decides a logged conflict again: under the rules of today, or with `policy` in the place of the field's. `None` for a
/// line that is no decision between two values, and for a field that is mapped no more.
pub fn replay(event: &ConflictEvent, policy: Option<OnConflict>, rules: &SyncRules) -> Option<Replay> {
    let ConflictLine::Field(verdict) = &event.verdict else { return None };
    let first = match verdict.kind {
        ConflictKind::Conflict => false,
        ConflictKind::FirstLink => true,
        // A rule refused one of them, or it flipped: nobody chose between two values.
        ConflictKind::Overruled | ConflictKind::Oscillation => return None,
    };
    if !matches!(event.status, ConflictStatus::Open | ConflictStatus::Resolved) {
        return None;
    }
    let rule = rules.fields.iter().find(|rule| rule.map.name == event.field)?;
    let used = match policy {
        // A consent has no policy but its own, and asks for none.
        Some(policy) => FieldPolicy { on_conflict: policy, first_link: policy, ..rule.policy.clone() },
        None => rule.policy.clone(),
    };
    let (left, right) = (event.edits.left.as_ref()?, event.edits.right.as_ref()?);
    let blank = Value::Blank;
    let decided = merge(&Merge {
        policy: &used,
        agreed: if first { None } else { Some(event.base.as_ref().unwrap_or(&blank)) },
        golden: event.base.as_ref().unwrap_or(&blank),
        sides: Pair::new(SideInput::Edited(candidate(left)), SideInput::Edited(candidate(right))),
        priority: rules.priority,
        clock_uncertainty: SignedDuration::try_from(rules.clock_uncertainty).unwrap_or(SignedDuration::ZERO),
    });
    let waits = decided.conflict.as_ref().is_some_and(|conflict| conflict.result.is_none());
    Some(match (waits, &verdict.result) {
        (true, None) => Replay::Same,
        (true, Some(_)) => Replay::Waits,
        (false, Some(was)) if *was == decided.golden => Replay::Same,
        (false, was) => Replay::Otherwise {
            was: was.clone(),
            winner: decided.conflict.and_then(|conflict| conflict.winner),
            now: decided.golden,
        },
    })
}

fn candidate(edit: &Edit) -> Candidate {
    Candidate {
        value: edit.value.clone(),
        before: edit.before.clone(),
        evidence: edit.evidence,
        with_email: edit.with_email,
    }
}
