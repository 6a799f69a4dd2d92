//! A field of consent. Restriction comes before everything else: before `flow`, before times, before what the other
//! side has to say.
//!
//! Three laws. What restricts is taken, from whoever says it. What loosens is taken only as an edit by a person on a
//! system in `may_loosen` who had the restriction before their eyes (the shadow held it: that is cause and effect, and
//! needs no clock). A blank is "unknown": it is filled, and says nothing.

use super::{
    field::{Candidate, Conflict, ConflictKind, Fate, Merge, SideInput, Verdict},
    policy::{Consent, OnOverride},
    side::{Pair, Side},
};
use crate::{
    mapping::Value,
    planted::{self, Planted},
};

/// Decides a field of consent.
pub(super) fn merge(input: &Merge<'_>, rules: &Consent) -> Verdict {
    match input.agreed {
        None => first_link(input, rules),
        Some(agreed) => edits(input, rules, agreed),
    }
}

/// How restricted a value is: unknown, then what `consent` does not list, then the steps.
///
/// An unlisted value is a statement, so that it beats a blank, but it restricts nothing, so that it never replaces a
/// step unless a person who may loosen enters it.
pub(super) fn restriction(rules: &Consent, value: &Value) -> usize {
    super::conflict::rank(&rules.steps, value)
}

/// The most restricted of all that is known. The golden value takes part: a link to a new record, a conversion or a
/// created member loosens nothing.
fn first_link(input: &Merge<'_>, rules: &Consent) -> Verdict {
    let values = input.sides.as_ref().map(SideInput::value);
    let strongest = Side::BOTH
        .into_iter()
        .filter_map(|side| values[side].map(|value| (side, value)))
        .max_by_key(|(side, value)| (restriction(rules, value), *side == input.priority));
    let unread = input.sides.iter().any(|(_, side)| matches!(side, SideInput::Unread));
    // A restriction waits for nobody; anything else does, since the unread side may hold one.
    let heard = |value: &Value| !unread || rules.restricts(value);
    let golden = match strongest {
        Some((_, value)) if heard(value) && restriction(rules, value) >= restriction(rules, input.golden) => value,
        _ => input.golden,
    };
    if unread {
        // What else there is to say is said when the other side has been read.
        let mut verdict = input.wait_for_reading();
        for side in Side::BOTH {
            if verdict.fates[side] == Fate::Unread && values[side] == Some(golden) && rules.restricts(golden) {
                verdict.fates[side] = Fate::Won;
            }
        }
        verdict.golden = golden.clone();
        return verdict;
    }
    let fates = Pair::from_fn(|side| match values[side] {
        None => Fate::None,
        Some(value) if value == golden => Fate::Won,
        Some(Value::Blank) => Fate::Refilled,
        // Not `Kept`, whatever `on_override` says: it keeps what a person enters against a rule, and nobody entered this.
        Some(_) => Fate::Lost,
    });
    let lost = |side| fates[side] == Fate::Lost;
    let conflict = (lost(Side::Left) || lost(Side::Right)).then(|| {
        let winner = Side::BOTH.into_iter().find(|side| fates[*side] == Fate::Won);
        let both = values.left.is_some_and(|value| !value.is_blank())
            && values.right.is_some_and(|value| !value.is_blank() && Some(value) != values.left);
        let reason = match winner {
            Some(side) => stricter(rules, side, golden, values[side.other()]),
            None => "it was restricted before".to_owned(),
        };
        let kind = if both { ConflictKind::FirstLink } else { ConflictKind::Overruled };
        logged(kind, winner, golden, reason)
    });
    Verdict { golden: golden.clone(), fates, conflict }
}

fn edits(input: &Merge<'_>, rules: &Consent, agreed: &Value) -> Verdict {
    let unread = input.sides.iter().any(|(_, side)| matches!(side, SideInput::Unread));
    let statements = Pair::from_fn(|side| input.sides[side].edit().filter(|edit| states(rules, agreed, edit)));
    let held = restriction(rules, input.golden);
    let level = |edit: &Candidate| restriction(rules, &edit.value);
    let stands = |side: Side, edit: &Candidate| level(edit) >= held || loosens_rightly(input, rules, side, edit);

    // The most restricted statement wins over the other one, whether or not that one might have loosened: two people
    // spoke, and taking the stricter can be put right later; mail that was sent cannot.
    let strictest = Side::BOTH
        .into_iter()
        .filter_map(|side| statements[side].map(|edit| (side, edit)))
        .max_by_key(|(side, edit)| (level(edit), *side == input.priority));
    let any_stands = Side::BOTH.into_iter().any(|side| statements[side].is_some_and(|edit| stands(side, edit)));
    let golden = match strictest {
        // A restriction waits for nobody; anything else does, since the unread side may hold one.
        Some((_, edit)) if unread && !(level(edit) >= held && rules.restricts(&edit.value)) => {
            return input.wait_for_reading();
        }
        Some((_, edit)) if any_stands => &edit.value,
        // Nobody said anything, or whoever wants to loosen may not: it stays as it is, everywhere.
        _ => input.golden,
    };
    let won = |side: Side| statements[side].is_some_and(|edit| edit.value == *golden);
    let winner = Side::BOTH.into_iter().find(|side| won(*side));
    let fates = Pair::from_fn(|side| match (statements[side], input.sides[side].edit()) {
        (_, Some(edit)) if edit.value == *golden => Fate::Won,
        (Some(edit), _) if winner.is_some() && !loosens_wrongly(input, rules, side, agreed, edit) => Fate::Lost,
        (Some(_), _) => match input.policy.on_override {
            OnOverride::Restore => Fate::Overruled,
            OnOverride::Keep => Fate::Kept,
        },
        (None, Some(edit)) if edit.value.is_blank() => Fate::Refilled,
        (None, _) => Fate::None,
    });
    let conflict = disagreement(rules, agreed, golden, &statements, winner);
    Verdict { golden: golden.clone(), fates, conflict }
}

/// An edit that says something about consent. A blank says nothing; nor does an open value that was agreed on and is
/// there again, unless what it replaced was a restriction. A restriction always says something: were it passed over
/// for being the agreed value, the other side's loosening would win over a person who has just refused again.
fn states(rules: &Consent, agreed: &Value, edit: &Candidate) -> bool {
    let taken_back = || edit.value == *agreed && !rules.restricts(agreed) && !lowers(rules, agreed, edit);
    !edit.value.is_blank() && !taken_back()
}

/// The person who made the edit went from more to less restricted.
fn lowers(rules: &Consent, agreed: &Value, edit: &Candidate) -> bool {
    restriction(rules, &edit.value) < restriction(rules, edit.before.as_ref().unwrap_or(agreed))
}

/// A loosening by a person who may, and who saw the restriction that holds now.
fn loosens_rightly(input: &Merge<'_>, rules: &Consent, side: Side, edit: &Candidate) -> bool {
    if planted::is(Planted::OptInWins) {
        return true;
    }
    let saw = edit.before.as_ref().map(|before| restriction(rules, before));
    may_loosen(input, rules, side, edit) && saw >= Some(restriction(rules, input.golden))
}

/// A loosening that would be refused even without another side's restriction.
fn loosens_wrongly(input: &Merge<'_>, rules: &Consent, side: Side, agreed: &Value, edit: &Candidate) -> bool {
    lowers(rules, agreed, edit) && !may_loosen(input, rules, side, edit)
}

/// A system where a person may loosen, and an edit that did not merely come with another address.
fn may_loosen(input: &Merge<'_>, rules: &Consent, side: Side, edit: &Candidate) -> bool {
    rules.may_loosen[side]
        && !edit.with_email
        // Values that do not travel loosen nothing elsewhere. Whether `flow` bars a *restriction* is never asked: a
        // person who opted out would be written to again because a mapping points the other way.
        && input.policy.flow.into_side(side.other())
}

fn disagreement(
    rules: &Consent,
    agreed: &Value,
    golden: &Value,
    statements: &Pair<Option<&Candidate>>,
    winner: Option<Side>,
) -> Option<Conflict> {
    let beaten = |side: Side| statements[side].is_some_and(|edit| edit.value != *golden);
    let refused = Side::BOTH.into_iter().find(|side| beaten(*side))?;
    let moved = |side: Side| statements[side].is_some_and(|edit| edit.value != *agreed);
    let differ = || statements.left.map(|edit| &edit.value) != statements.right.map(|edit| &edit.value);
    // Two people moved it to two places since it was agreed: that is a conflict, even where one of them might not.
    let kind = if moved(Side::Left) && moved(Side::Right) && differ() {
        ConflictKind::Conflict
    } else {
        ConflictKind::Overruled
    };
    let reason = match winner {
        Some(side) => stricter(rules, side, golden, statements[side.other()].map(|edit| &edit.value)),
        None if statements.left.is_some() && statements.right.is_some() => "neither may loosen it".to_owned(),
        None if statements[refused].is_some_and(|edit| edit.with_email) => {
            format!("{} loosened it together with the e-mail", refused.token())
        }
        None => format!("{} may not loosen it", refused.token()),
    };
    Some(logged(kind, winner, golden, reason))
}

/// Why a side's answer holds against the other's: of two that are among no steps, neither restricts more.
fn stricter(rules: &Consent, winner: Side, golden: &Value, other: Option<&Value>) -> String {
    let winner = winner.token();
    if other.is_some_and(|other| other != golden && restriction(rules, other) == restriction(rules, golden)) {
        return format!("neither is among the steps; priority decides for {winner}");
    }
    format!("the value of {winner} is more restricted")
}

fn logged(kind: ConflictKind, winner: Option<Side>, golden: &Value, reason: String) -> Conflict {
    Conflict { kind, winner, result: Some(golden.clone()), certainty: None, policy: "restrictive", reason }
}
