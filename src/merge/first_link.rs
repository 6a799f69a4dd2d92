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
    if !input.policy.flow.into_side(blank) {
        return Verdict::quiet(stated.clone(), blank.pair(Fate::Kept, Fate::Won));
    }
    let conflict = was_cleared(input, blank).then(|| Conflict {
        kind: ConflictKind::FirstLink,
        winner: Some(blank.other()),
        result: Some(stated.clone()),
        certainty: None,
        policy: "blanks",
        reason: format!("cleared in {} before the two were linked; what is blank is filled then", blank.token()),
    });
    Verdict { golden: stated.clone(), fates: blank.pair(Fate::Refilled, Fate::Won), conflict }
}

/// Somebody was seen to clear it: while its partner was being made, or since it lost an earlier one.
fn was_cleared(input: &Merge<'_>, blank: Side) -> bool {
    let before = input.sides[blank].edit().and_then(|edit| edit.before.as_ref());
    before.is_some_and(|before| !before.is_blank()) && input.policy.blanks == Blanks::Clear
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
