//! Two members that never agreed on the field: a link just made, a newly mapped field, the new record after a merge
//! or conversion. Both have been read. Each side's value counts as its candidate, whether or not somebody was seen to
//! edit it: there is no base to tell an edit from what was always there.

use super::{
    conflict,
    field::{Conflict, ConflictKind, Fate, Merge, Verdict},
    policy::{Blanks, Flow, OnOverride},
    side::{Pair, Side},
};
use crate::mapping::Value;

/// Decides the first value.
pub(super) fn merge(input: &Merge<'_>) -> Verdict {
    let (Some(left), Some(right)) = (input.sides.left.value(), input.sides.right.value()) else {
        return input.wait_for_reading(); // the caller looked; both are there
    };
    let values = Pair::new(left, right);
    if left == right {
        return Verdict::quiet(left.clone(), Pair::new(Fate::Won, Fate::Won));
    }
    for side in Side::BOTH {
        if values[side].is_blank() {
            return fill(input, side, values[side.other()]);
        }
    }
    match input.policy.flow {
        // Two stated values and a one-way street: not a question of who wins. Asking `first_link` could pick a value
        // that may not travel, and leave the sides apart for ever.
        Flow::From(source) => follow(input, source, values[source]),
        // Nothing was agreed; while a person is waited for, the golden record stays as it is.
        Flow::Both => conflict::decide(input, &values, input.policy.first_link, ConflictKind::FirstLink, input.golden),
    }
}

/// One is blank: it is filled, whatever the policy. Even under `always`, since a blank that was never agreed on is more
/// likely "never asked" than "cleared by a person", and filling destroys nothing.
fn fill(input: &Merge<'_>, blank: Side, stated: &Value) -> Verdict {
    // Where `flow` bars the fill the blank stays blank, and the stated value stays too: clearing it for the sake of
    // equality would destroy the only one there is.
    let fate = if input.policy.flow.into_side(blank) { Fate::Refilled } else { Fate::Kept };
    let cleared = input.sides[blank].edit().and_then(|edit| edit.before.as_ref()).is_some_and(|it| !it.is_blank());
    let is_lost = cleared && fate == Fate::Refilled && input.policy.blanks == Blanks::Clear;
    Verdict {
        golden: stated.clone(),
        fates: blank.pair(fate, Fate::Won),
        conflict: is_lost.then(|| lost_clearing(blank, stated)),
    }
}

/// Somebody was seen to clear it before the two were linked, which had not arrived anywhere: it is filled all the same,
/// and the log says so.
fn lost_clearing(blank: Side, stated: &Value) -> Conflict {
    let other = blank.other();
    Conflict {
        kind: ConflictKind::FirstLink,
        winner: Some(other),
        result: Some(stated.clone()),
        certainty: None,
        policy: "first_link",
        reason: format!("cleared in {}, and a blank does not win when two are linked", blank.token()),
    }
}

fn follow(input: &Merge<'_>, source: Side, golden: &Value) -> Verdict {
    let refused = match input.policy.on_override {
        OnOverride::Restore => Fate::Overruled,
        OnOverride::Keep => Fate::Kept,
    };
    Verdict {
        golden: golden.clone(),
        fates: source.pair(Fate::Won, refused),
        conflict: Some(Conflict {
            kind: ConflictKind::Overruled,
            winner: Some(source),
            result: Some(golden.clone()),
            certainty: None,
            policy: "flow",
            reason: format!("values flow from {} only", source.token()),
        }),
    }
}
