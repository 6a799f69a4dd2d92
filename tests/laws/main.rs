//! The laws of merging one field, over every row of a small world.
//!
//! Two worlds: ordinary fields under every policy, flow, treatment of blanks and evidence; and fields of consent under
//! every permission. In each, every value of the domain stands in every place a value can stand in.

#![expect(clippy::expect_used, reason = "a law that cannot be set up is broken")]

mod consent;
mod ordinary;

use std::collections::BTreeSet;

use hymnal::{
    mapping::Value,
    merge::{
        Back, Blanks, Candidate, Fate, FieldPolicy, Flow, Merge, OnConflict, OnOverride, Pair, Side, SideInput,
        Verdict, field::merge,
    },
};
use jiff::SignedDuration;

fn text(name: &str) -> Value {
    Value::Text(name.to_owned())
}

/// One row.
#[derive(Clone, Debug)]
struct Row {
    policy: FieldPolicy,
    agreed: Option<Value>,
    golden: Value,
    sides: Pair<SideInput>,
    priority: Side,
}

impl Row {
    fn merge(&self) -> Verdict {
        merge(&Merge {
            policy: &self.policy,
            agreed: self.agreed.as_ref(),
            golden: &self.golden,
            sides: self.sides.clone(),
            priority: self.priority,
            clock_uncertainty: SignedDuration::from_secs(5),
        })
    }

    fn swapped(&self) -> Self {
        let mut row = self.clone();
        row.sides = swap(&self.sides);
        row.priority = self.priority.other();
        row.policy.on_conflict = swap_policy(self.policy.on_conflict);
        row.policy.first_link = swap_policy(self.policy.first_link);
        row.policy.flow = match self.policy.flow {
            Flow::Both => Flow::Both,
            Flow::From(side) => Flow::From(side.other()),
        };
        if let Some(consent) = &mut row.policy.consent {
            consent.may_loosen = swap(&consent.may_loosen);
        }
        row
    }

    fn edit(&self, side: Side) -> Option<&Candidate> {
        self.sides[side].edit()
    }

    fn present(&self, side: Side) -> bool {
        self.sides[side] != SideInput::Absent
    }

    fn both_read(&self) -> bool {
        self.sides.left.value().is_some() && self.sides.right.value().is_some()
    }

    fn unread(&self) -> bool {
        Side::BOTH.into_iter().any(|side| self.sides[side] == SideInput::Unread)
    }

    /// An edit of an ordinary field to another value, which neither `flow` nor `blanks` bars.
    fn lives(&self, side: Side) -> bool {
        self.edit(side).is_some_and(|edit| {
            Some(&edit.value) != self.agreed.as_ref()
                && self.policy.flow.into_side(side.other())
                && !(self.policy.blanks == Blanks::Ignore && edit.value.is_blank())
        })
    }

    /// The edit goes back in the order of the domain, where it may not.
    fn steps_back(&self, side: Side) -> bool {
        self.policy.on_conflict == OnConflict::Furthest
            && self.policy.back == Back::Refuse
            && self.edit(side).zip(self.agreed.as_ref()).is_some_and(|(edit, agreed)| edit.value < *agreed)
    }
}

fn swap<T: Clone>(pair: &Pair<T>) -> Pair<T> {
    Pair::new(pair.right.clone(), pair.left.clone())
}

fn swap_policy(policy: OnConflict) -> OnConflict {
    match policy {
        OnConflict::Prefer(side) => OnConflict::Prefer(side.other()),
        OnConflict::Always(side) => OnConflict::Always(side.other()),
        other => other,
    }
}

/// The verdict with its sides swapped. A reason that names both sides names them in the sides' order, so that its
/// clauses are compared in alphabetical order.
fn normal(verdict: &Verdict, swapped: bool) -> Verdict {
    let mut verdict = verdict.clone();
    if swapped {
        verdict.fates = swap(&verdict.fates);
    }
    if let Some(conflict) = &mut verdict.conflict {
        if swapped {
            conflict.winner = conflict.winner.map(Side::other);
            conflict.reason = conflict.reason_with(&Pair::new("{RIGHT}", "{left}")).replace("{RIGHT}", "{right}");
        }
        let mut clauses: Vec<_> = conflict.reason.split("; ").map(str::to_owned).collect();
        clauses.sort();
        conflict.reason = clauses.join("; ");
    }
    verdict
}

/// The laws that hold for every field.
fn check_all(row: &Row, verdict: &Verdict) {
    let mirrored = row.swapped().merge();
    assert_eq!(normal(&mirrored, true), normal(verdict, false), "not symmetric: {row:#?}");

    let again = Row { golden: verdict.golden.clone(), ..row.clone() }.merge();
    assert_eq!(again.golden, verdict.golden, "not idempotent: {row:#?}\n{verdict:#?}");
    assert_eq!(again.fates, verdict.fates, "fates not stable: {row:#?}\n{verdict:#?}");
    assert_eq!(
        again.conflict.as_ref().map(|conflict| (conflict.kind, conflict.winner, &conflict.result)),
        verdict.conflict.as_ref().map(|conflict| (conflict.kind, conflict.winner, &conflict.result)),
        "conflict not stable: {row:#?}\n{verdict:#?}"
    );

    assert!(is_made_of_inputs(row, &verdict.golden), "invented: {row:#?}\n{verdict:#?}");
    for side in Side::BOTH {
        check_fate(row, verdict, side);
    }
    if let Some(conflict) = &verdict.conflict {
        match conflict.winner {
            Some(winner) => assert_eq!(row.sides[winner].value(), conflict.result.as_ref(), "{row:#?}\n{verdict:#?}"),
            None => assert!(verdict.fates.iter().all(|(_, fate)| *fate != Fate::Won), "{row:#?}\n{verdict:#?}"),
        }
        assert!(conflict.result.is_none() || conflict.result.as_ref() == Some(&verdict.golden));
    }
}

fn is_made_of_inputs(row: &Row, golden: &Value) -> bool {
    let sides = row.sides.as_ref().map(SideInput::value);
    let inputs: Vec<&Value> =
        [Some(&row.golden), row.agreed.as_ref(), sides.left, sides.right].into_iter().flatten().collect();
    let items = |value: &Value| match value {
        Value::Set(items) => items.clone(),
        _ => BTreeSet::new(),
    };
    let union = || {
        let all: BTreeSet<String> = inputs.iter().flat_map(|value| items(value)).collect();
        row.policy.on_conflict == OnConflict::Union && items(golden).is_subset(&all)
    };
    inputs.contains(&golden) || union()
}

fn check_fate(row: &Row, verdict: &Verdict, side: Side) {
    let value = row.sides[side].value();
    let at_golden = value == Some(&verdict.golden);
    let union = row.policy.on_conflict == OnConflict::Union && row.both_read();
    let sound = match verdict.fates[side] {
        Fate::Won => at_golden || union,
        Fate::Lost | Fate::Overruled | Fate::Kept => !at_golden && value.is_some(),
        Fate::Refilled => value.is_some_and(Value::is_blank) && !verdict.golden.is_blank(),
        Fate::Waits => verdict.conflict.as_ref().is_some_and(|conflict| conflict.result.is_none()),
        Fate::Unread => row.unread() && row.edit(side).is_some(),
        // An edit without a fate is one that was taken back.
        Fate::None => row.edit(side).is_none() || row.edit(side).map(|edit| &edit.value) == row.agreed.as_ref(),
    };
    assert!(sound, "{side:?} cannot have this fate: {row:#?}\n{verdict:#?}");
    if row.agreed.is_some() && row.edit(side).is_none() {
        assert_eq!(verdict.fates[side], Fate::None, "nobody edited: {row:#?}\n{verdict:#?}");
    }
    if row.policy.on_override == OnOverride::Restore && row.agreed.is_some() {
        assert_ne!(verdict.fates[side], Fate::Kept, "{row:#?}\n{verdict:#?}");
    }
}

fn stated(value: &Value) -> bool {
    !value.is_blank()
}
