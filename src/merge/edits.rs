//! Two members that once agreed; each brings at most one edit. The agreed value is the base.
//!
//! First each edit is judged alone: is it one at all, and does a rule refuse it? Only what is left can compete. So a
//! value that may not travel never beats one that may, and is never the reason for a conflict.

use super::{
    conflict,
    field::{Candidate, Conflict, ConflictKind, Fate, Merge, Verdict},
    policy::{Back, Blanks, OnConflict, OnOverride},
    side::{Pair, Side},
};
use crate::mapping::Value;

/// What an edit amounts to, before it meets the other side's.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Nobody edited.
    Quiet,
    /// Edited, and edited back to the agreed value.
    Back,
    /// It cannot leave its side: `flow`.
    Barred,
    /// Cleared, where blanks do not travel.
    Cleared,
    /// It steps back, where a `furthest` field may not.
    StepsBack,
    /// Nothing speaks against it.
    Live,
}

/// Decides from the agreed value on.
pub(super) fn merge(input: &Merge<'_>, agreed: &Value) -> Verdict {
    let mut standing = Pair::from_fn(|side| standing_of(input, agreed, side));
    if let (Some(left), Some(right)) = (input.sides.left.edit(), input.sides.right.edit()) {
        let stepping = |standing| matches!(standing, Standing::Live | Standing::StepsBack);
        if stepping(standing.left) && stepping(standing.right) {
            if left.value == right.value {
                // Two people did the same; even a step back that neither could take alone is then no longer one
                // system's whim, and both stand there already.
                return Verdict::quiet(left.value.clone(), Pair::new(Fate::Won, Fate::Won));
            }
            return match (standing.left, standing.right) {
                (Standing::Live, Standing::Live) => {
                    let values = Pair::new(&left.value, &right.value);
                    conflict::decide(input, &values, input.policy.on_conflict, ConflictKind::Conflict, agreed)
                }
                (Standing::Live, _) => against_a_step_back(input, Side::Left, left),
                (_, Standing::Live) => against_a_step_back(input, Side::Right, right),
                _ => both_step_back(input, standing),
            };
        }
    }
    let golden = match Side::BOTH.into_iter().find(|side| standing[*side] == Standing::Live) {
        Some(side) => {
            // The other side stands at the agreed value, or was refused: nothing competes with this edit. An edit that
            // was taken back competes as little: its side would agree with the base if nobody told it otherwise.
            let other = side.other();
            if standing[other] == Standing::Back {
                standing[other] = Standing::Quiet;
            }
            value_at(input, side).clone()
        }
        None => unedited(input, agreed, &mut standing),
    };
    finish(input, golden, standing)
}

fn standing_of(input: &Merge<'_>, agreed: &Value, side: Side) -> Standing {
    let policy = input.policy;
    match input.sides[side].edit() {
        None => Standing::Quiet,
        Some(edit) if edit.value == *agreed => Standing::Back,
        Some(_) if !policy.flow.into_side(side.other()) => Standing::Barred,
        Some(edit) if policy.blanks == Blanks::Ignore && edit.value.is_blank() => Standing::Cleared,
        Some(edit) if refuses_step(input, agreed, &edit.value) => Standing::StepsBack,
        Some(_) => Standing::Live,
    }
}

/// A step back is measured from the agreed value, not from the golden one: a person may correct an edit of their own
/// that has not travelled yet, and the answer does not depend on how often it was merged meanwhile.
fn refuses_step(input: &Merge<'_>, agreed: &Value, value: &Value) -> bool {
    let policy = input.policy;
    let listed = |value: &Value| policy.order.contains(value);
    policy.on_conflict == OnConflict::Furthest
        && policy.back == Back::Refuse
        // A value that `order` does not list is neither before nor behind; it is an edit like any other. Blank is before
        // everything: clearing a stage loses it altogether.
        && listed(agreed)
        && (value.is_blank() || listed(value))
        && conflict::rank(&policy.order, value) < conflict::rank(&policy.order, agreed)
}

fn value_at<'a>(input: &'a Merge<'_>, side: Side) -> &'a Value {
    input.sides[side].value().unwrap_or(input.golden)
}

/// No edit is live. What is left: edits taken back, and refused ones.
fn unedited(input: &Merge<'_>, agreed: &Value, standing: &mut Pair<Standing>) -> Value {
    if input.golden != agreed {
        // Something decided before has not settled: it was, say, delivered and taken back before the reading that
        // would have made it agreed. Then going back *is* an edit, and the rules for edits hold for it.
        for side in Side::BOTH {
            if standing[side] == Standing::Back {
                standing[side] = if !input.policy.flow.into_side(side.other()) {
                    Standing::Barred
                } else if input.policy.blanks == Blanks::Ignore && agreed.is_blank() {
                    Standing::Cleared
                } else {
                    Standing::Back
                };
            }
        }
    }
    if standing.left == Standing::Back || standing.right == Standing::Back {
        // Leaving the golden value at the edit that was taken back would push to both sides what nobody wants any more.
        agreed.clone()
    } else {
        input.golden.clone()
    }
}

/// The other side steps back. It loses, but two people edited, and the log says so. Not left to `furthest`, where a
/// listed value beats one that `order` does not list, so that the refused one could win.
fn against_a_step_back(input: &Merge<'_>, winner: Side, edit: &Candidate) -> Verdict {
    Verdict {
        golden: edit.value.clone(),
        fates: winner.pair(Fate::Won, Fate::Lost),
        conflict: Some(Conflict {
            kind: ConflictKind::Conflict,
            winner: Some(winner),
            result: Some(edit.value.clone()),
            certainty: None,
            policy: input.policy.on_conflict.name(),
            reason: format!("{} steps back in `order`, which `back` refuses", winner.other().token()),
        }),
    }
}

/// Both went back, to different values. Each alone would be refused, so together they are too; but two people edited,
/// and the log says so.
fn both_step_back(input: &Merge<'_>, standing: Pair<Standing>) -> Verdict {
    let mut verdict = finish(input, input.golden.clone(), standing);
    if let Some(conflict) = &mut verdict.conflict {
        conflict.kind = ConflictKind::Conflict;
    }
    verdict
}

fn refusal(input: &Merge<'_>) -> Fate {
    match input.policy.on_override {
        OnOverride::Restore => Fate::Overruled,
        OnOverride::Keep => Fate::Kept,
    }
}

fn finish(input: &Merge<'_>, golden: Value, standing: Pair<Standing>) -> Verdict {
    let fates = Pair::from_fn(|side| match standing[side] {
        Standing::Quiet => Fate::None,
        // Refused or not, it says what the golden record says: nothing has to be written there.
        _ if *value_at(input, side) == golden => Fate::Won,
        Standing::Back | Standing::Live => Fate::Won,
        Standing::Cleared => Fate::Refilled,
        Standing::Barred | Standing::StepsBack => refusal(input),
    });
    let conflict = overruled(&golden, standing, fates);
    Verdict { golden, fates, conflict }
}

/// The line in the log for what a rule refused.
fn overruled(golden: &Value, standing: Pair<Standing>, fates: Pair<Fate>) -> Option<Conflict> {
    let mut policy = None;
    let mut reasons = Vec::new();
    for side in Side::BOTH {
        if !matches!(fates[side], Fate::Overruled | Fate::Kept) {
            continue;
        }
        if standing[side] == Standing::StepsBack {
            policy = Some("back");
            reasons.push(format!("{} steps back in `order`", side.token()));
        } else {
            policy = policy.or(Some("flow"));
            reasons.push(format!("values do not flow from {}", side.token()));
        }
    }
    let winner = Side::BOTH.into_iter().find(|side| fates[*side] == Fate::Won);
    policy.map(|policy| Conflict {
        kind: ConflictKind::Overruled,
        winner,
        result: Some(golden.clone()),
        certainty: None,
        policy,
        reason: reasons.join("; "),
    })
}
