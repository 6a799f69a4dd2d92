//! Two different values, neither refused: the policy picks.

use std::collections::BTreeSet;

use super::{
    field::{Certainty, Conflict, ConflictKind, Fate, Merge, Verdict},
    policy::OnConflict,
    side::{Pair, Side},
    times,
};
use crate::mapping::Value;

/// Who a policy picks.
struct Pick {
    winner: Side,
    certainty: Option<Certainty>,
    reason: String,
}

impl Pick {
    fn new(winner: Side, reason: String) -> Self {
        Self { winner, certainty: None, reason }
    }
}

/// Decides between the two sides' values, which differ, by `policy`. `base` is what both had before: the agreed value,
/// blank at a first link. `unresolved` is the golden value while a person is waited for.
pub(super) fn decide(
    input: &Merge<'_>,
    values: &Pair<&Value>,
    policy: OnConflict,
    kind: ConflictKind,
    unresolved: &Value,
) -> Verdict {
    let base = input.agreed.unwrap_or(&Value::Blank);
    let picked = match policy {
        OnConflict::Union => match union(base, values) {
            // Both keep what they added and removed: nobody lost anything, so there is nothing to log.
            Some(golden) => return Verdict::quiet(golden, Pair::new(Fate::Won, Fate::Won)),
            None => by_priority(input.priority, "these are not sets"),
        },
        OnConflict::Manual => {
            return Verdict {
                // Each system keeps its own, so that the golden value must not lean to whichever was read first.
                golden: unresolved.clone(),
                fates: Pair::new(Fate::Waits, Fate::Waits),
                conflict: Some(Conflict {
                    kind,
                    winner: None,
                    result: None,
                    certainty: None,
                    policy: policy.name(),
                    reason: "waits for a person".to_owned(),
                }),
            };
        }
        OnConflict::Latest => {
            let (winner, certainty, reason) = times::later(input);
            Pick { winner, certainty: Some(certainty), reason }
        }
        OnConflict::Prefer(side) => prefer(side, values),
        OnConflict::Always(side) => Pick::new(side, format!("{} always wins", side.token())),
        OnConflict::Furthest => furthest(input, values),
        // A configuration gives `restrictive` its steps; without them no value is more restricted than another.
        OnConflict::Restrictive => by_priority(input.priority, "no steps are known"),
        OnConflict::Max => extreme(input.priority, values, Extreme::Largest),
        OnConflict::Min => extreme(input.priority, values, Extreme::Smallest),
    };
    let golden = values[picked.winner].clone();
    Verdict {
        fates: picked.winner.pair(Fate::Won, Fate::Lost),
        conflict: Some(Conflict {
            kind,
            winner: Some(picked.winner),
            result: Some(golden.clone()),
            certainty: picked.certainty,
            policy: policy.name(),
            reason: picked.reason,
        }),
        golden,
    }
}

impl OnConflict {
    /// The name as in the configuration, without the system.
    pub fn name(self) -> &'static str {
        match self {
            Self::Latest => "latest",
            Self::Prefer(_) => "prefer",
            Self::Always(_) => "always",
            Self::Manual => "manual",
            Self::Union => "union",
            Self::Furthest => "furthest",
            Self::Restrictive => "restrictive",
            Self::Max => "max",
            Self::Min => "min",
        }
    }
}

fn by_priority(priority: Side, why: &str) -> Pick {
    Pick::new(priority, format!("{why}; priority decides for {}", priority.token()))
}

fn prefer(side: Side, values: &Pair<&Value>) -> Pick {
    if values[side].is_blank() {
        Pick::new(side.other(), format!("{} is preferred but blank", side.token()))
    } else {
        Pick::new(side, format!("{} is preferred", side.token()))
    }
}

fn furthest(input: &Merge<'_>, values: &Pair<&Value>) -> Pick {
    let ranks = values.map(|value| rank(&input.policy.order, value));
    if ranks.left == ranks.right {
        return by_priority(input.priority, "neither is listed in `order`");
    }
    let winner = if ranks.left > ranks.right { Side::Left } else { Side::Right };
    Pick::new(winner, format!("the value of {} is further in `order`", winner.token()))
}

/// How far a value is: nothing, then anything that `order` does not list, then the listed ones in their order.
pub(super) fn rank(order: &[Value], value: &Value) -> usize {
    match order.iter().position(|listed| listed == value) {
        Some(at) => at + 2,
        None => usize::from(!value.is_blank()),
    }
}

#[derive(Clone, Copy)]
enum Extreme {
    Largest,
    Smallest,
}

fn extreme(priority: Side, values: &Pair<&Value>, wanted: Extreme) -> Pick {
    // Nothing is neither large nor small; a number beats it under `min` too.
    for side in Side::BOTH {
        if values[side].is_blank() {
            return Pick::new(side.other(), format!("the value of {} is blank", side.token()));
        }
    }
    if std::mem::discriminant(values.left) != std::mem::discriminant(values.right) {
        return by_priority(priority, "values of two types cannot be compared");
    }
    let larger = if values.left > values.right { Side::Left } else { Side::Right };
    match wanted {
        Extreme::Largest => Pick::new(larger, format!("the value of {} is larger", larger.token())),
        Extreme::Smallest => {
            let smaller = larger.other();
            Pick::new(smaller, format!("the value of {} is smaller", smaller.token()))
        }
    }
}

/// What both sides added to and removed from `base`, applied to it. `None` where something is no set.
///
/// An item that one side added and the other never had is kept; one that either removed goes: the other side's
/// holding it still is not an edit.
fn union(base: &Value, values: &Pair<&Value>) -> Option<Value> {
    let base = items(base)?;
    let (left, right) = (items(values.left)?, items(values.right)?);
    let merged: BTreeSet<String> = left
        .union(&right)
        .filter(|item| !base.contains(*item) || (left.contains(*item) && right.contains(*item)))
        .cloned()
        .collect();
    Some(if merged.is_empty() { Value::Blank } else { Value::Set(merged) })
}

fn items(value: &Value) -> Option<BTreeSet<String>> {
    match value {
        Value::Blank => Some(BTreeSet::new()),
        Value::Set(items) => Some(items.clone()),
        _ => None,
    }
}
