//! The laws of merging one field, over every row of a small world.
//!
//! Two worlds: ordinary fields under every policy, flow, treatment of blanks and evidence; and fields of consent under
//! every permission. In each, every value of the domain stands in every place a value can stand in.

#![expect(clippy::expect_used, reason = "a law that cannot be set up is broken")]

use std::collections::BTreeSet;

use hymnal::{
    mapping::{FieldMap, FieldType, NativeField, Value, read},
    merge::{
        Back, Blanks, Candidate, ConflictKind, Consent, Evidence, Fate, FieldPolicy, Flow, Merge, OnConflict,
        OnOverride, Pair, Side, SideInput, Verdict, field::merge,
    },
};
use hymnal_sdk::Native;
use jiff::{SignedDuration, Timestamp};

/// Missing and empty are two natives and one value.
fn domain(kind: FieldType) -> Vec<Value> {
    let natives: [Native; 5] = match kind {
        FieldType::Set => [Native::Null, "".into(), "a".into(), "b".into(), "a;c".into()],
        _ => [Native::Null, "".into(), "a".into(), "b".into(), "c".into()],
    };
    let map = FieldMap {
        name: "field".to_owned(),
        kind,
        region: None,
        native: Pair::new(std::collections::BTreeMap::new(), std::collections::BTreeMap::new()),
    };
    natives.iter().map(|native| read(&map, &NativeField::default(), native).expect("readable")).collect()
}

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

/// The laws of fields that are no consent.
fn check_ordinary(row: &Row, verdict: &Verdict) {
    if row.unread() {
        assert_eq!(verdict.golden, row.golden, "decided before it was read: {row:#?}");
        assert_eq!(verdict.conflict, None);
        return;
    }
    let values = row.sides.as_ref().map(SideInput::value);
    let differ = values.left != values.right;
    let both_ways = row.policy.flow == Flow::Both;
    let competing = row.both_read() && row.agreed.is_some() && row.lives(Side::Left) && row.lives(Side::Right);
    let met = row.both_read() && row.agreed.is_none() && values.iter().all(|(_, value)| value.is_some_and(stated));

    // I3, honest conflicts.
    let kind = verdict.conflict.as_ref().map(|conflict| conflict.kind);
    let counts = differ && row.policy.on_conflict != OnConflict::Union;
    assert_eq!(kind == Some(ConflictKind::Conflict), competing && counts, "{row:#?}\n{verdict:#?}");
    assert_eq!(kind == Some(ConflictKind::FirstLink), met && both_ways && counts, "{row:#?}\n{verdict:#?}");

    // `manual` overwrites nothing.
    let decided_by = if row.agreed.is_some() { row.policy.on_conflict } else { row.policy.first_link };
    if decided_by == OnConflict::Manual && differ && (competing || (met && both_ways)) {
        assert_eq!(verdict.fates, Pair::new(Fate::Waits, Fate::Waits), "{row:#?}\n{verdict:#?}");
    }

    for side in Side::BOTH {
        check_lone_edit(row, verdict, side);
    }
    check_blanks(row, verdict);

    // What may not travel is nowhere but where it is.
    if let (Flow::From(source), Some(agreed), true) = (row.policy.flow, &row.agreed, row.both_read()) {
        let known = [Some(&row.golden), Some(agreed), values[source]];
        assert!(known.contains(&Some(&verdict.golden)), "against the flow: {row:#?}\n{verdict:#?}");
    }
}

fn stated(value: &Value) -> bool {
    !value.is_blank()
}

/// A lone edit is never beaten by a side that nobody touched, nor by one whose edit may not travel.
fn check_lone_edit(row: &Row, verdict: &Verdict, side: Side) {
    let value = row.sides[side].value();
    let alone = row.both_read() && row.agreed.is_some() && row.lives(side) && !row.lives(side.other());
    if alone && row.steps_back(side) {
        let stays = verdict.golden == row.golden || Some(&verdict.golden) == row.agreed.as_ref();
        assert!(stays, "a step back was taken: {row:#?}\n{verdict:#?}");
    } else if alone {
        assert_eq!(Some(&verdict.golden), value, "a lone edit lost: {row:#?}\n{verdict:#?}");
        assert_eq!(verdict.fates[side], Fate::Won);
    }
    if row.edit(side).is_some() && !row.present(side.other()) {
        assert_eq!(Some(&verdict.golden), value, "a member that is alone was overruled: {row:#?}");
    }
}

/// I8: a golden value is cleared only by somebody who cleared it, and never at a first link.
fn check_blanks(row: &Row, verdict: &Verdict) {
    let values = row.sides.as_ref().map(SideInput::value);
    if row.agreed.is_none() && row.both_read() {
        let any = values.iter().any(|(_, value)| value.is_some_and(stated));
        let waits = verdict.fates.left == Fate::Waits;
        assert!(stated(&verdict.golden) || !any || waits, "a blank won: {row:#?}\n{verdict:#?}");
    }
    let Some(agreed) = &row.agreed else { return };
    // Going back to an agreed blank is one too; and a union empties what two people took apart.
    let exempt = agreed.is_blank() || row.policy.on_conflict == OnConflict::Union;
    if stated(&row.golden) && verdict.golden.is_blank() && !exempt {
        let cleared = |side| row.edit(side).is_some_and(|edit| edit.value.is_blank());
        assert!(Side::BOTH.into_iter().any(cleared), "cleared by nobody: {row:#?}\n{verdict:#?}");
        let alone = Side::BOTH.into_iter().any(|side| !row.present(side));
        let travels = row.policy.blanks == Blanks::Clear || alone;
        assert!(travels, "a blank that may not travel did: {row:#?}\n{verdict:#?}");
    }
}

#[test]
fn ordinary_fields() {
    use OnConflict::{Always, Furthest, Latest, Manual, Max, Min, Prefer, Restrictive, Union};
    let policies = [
        Latest,
        Prefer(Side::Left),
        Prefer(Side::Right),
        Always(Side::Left),
        Always(Side::Right),
        Manual,
        Union,
        Furthest,
        Restrictive,
        Max,
        Min,
    ];
    let mut rows = 0_u64;
    for on_conflict in policies {
        let kind = if on_conflict == Union { FieldType::Set } else { FieldType::Text };
        let domain = domain(kind);
        let evidence = if on_conflict == Latest { evidence() } else { vec![Pair::new(Evidence::None, Evidence::None)] };
        let backs: &[Back] = if on_conflict == Furthest { &[Back::Allow, Back::Refuse] } else { &[Back::Allow] };
        for flow in [Flow::Both, Flow::From(Side::Left), Flow::From(Side::Right)] {
            for blanks in [Blanks::Clear, Blanks::Ignore] {
                for on_override in [OnOverride::Restore, OnOverride::Keep] {
                    for back in backs {
                        let policy = FieldPolicy {
                            on_conflict,
                            flow,
                            blanks,
                            first_link: on_conflict,
                            on_override,
                            order: vec![text("a"), text("b"), text("c")],
                            back: *back,
                            consent: None,
                        };
                        for times in &evidence {
                            rows += ordinary_rows(&policy, &domain, times);
                        }
                    }
                }
            }
        }
    }
    // 6 agreed × 4 golden × 12 × 12 sides × 2 priorities, under 12 rules and 11 policies, of which one counts for its
    // six evidences and one for its two ways back.
    assert_eq!(rows, 6 * 4 * 144 * 2 * 12 * (9 + 6 + 2));
}

/// Every agreed value, golden value and pair of sides under one policy.
fn ordinary_rows(policy: &FieldPolicy, domain: &[Value], times: &Pair<Evidence>) -> u64 {
    let mut rows = 0;
    let agreed = std::iter::once(None).chain(domain.iter().cloned().map(Some));
    for agreed in agreed {
        let inputs = |side: Side| {
            let mut inputs = vec![SideInput::Absent, SideInput::Unread];
            for value in domain {
                inputs.push(SideInput::Stands(value.clone()));
                inputs.push(SideInput::Edited(Candidate {
                    value: value.clone(),
                    before: agreed.clone(),
                    evidence: times[side],
                    with_email: false,
                }));
            }
            inputs
        };
        let (lefts, rights) = (inputs(Side::Left), inputs(Side::Right));
        for golden in &domain[1..] {
            for left in &lefts {
                for right in &rights {
                    for priority in Side::BOTH {
                        let row = Row {
                            policy: policy.clone(),
                            agreed: agreed.clone(),
                            golden: golden.clone(),
                            sides: Pair::new(left.clone(), right.clone()),
                            priority,
                        };
                        let verdict = row.merge();
                        check_all(&row, &verdict);
                        check_ordinary(&row, &verdict);
                        rows += 1;
                    }
                }
            }
        }
    }
    rows
}

/// Nothing known; the left later for certain; likely; too close; one unknown; one without a start.
fn evidence() -> Vec<Pair<Evidence>> {
    let at = |second: i64| Timestamp::from_second(1_800_000_000 + second).expect("in range");
    let point = |second| Evidence::Field { at: at(second) };
    let span = |after, until| Evidence::Record { after: Some(at(after)), until: at(until) };
    vec![
        Pair::new(Evidence::None, Evidence::None),
        Pair::new(point(100), point(0)),
        Pair::new(span(0, 100), span(50, 60)),
        Pair::new(point(3), point(0)),
        Pair::new(point(3), Evidence::None),
        Pair::new(Evidence::Record { after: None, until: at(90) }, point(0)),
    ]
}

/// How restricted a value is in the world of consent.
fn level(value: &Value) -> usize {
    ["a", "b", "c"].iter().position(|step| text(step) == *value).map_or(0, |at| at + 1)
}

fn check_consent(row: &Row, verdict: &Verdict, consent: &Consent) {
    let (before, after) = (level(&row.golden), level(&verdict.golden));
    // I7: what was restricted is loosened only by an edit of the one kind that may.
    if after < before {
        let loosens = |side: Side| {
            row.edit(side).is_some_and(|edit| {
                consent.may_loosen[side]
                    && !edit.with_email
                    && row.policy.flow.into_side(side.other())
                    && edit.before.as_ref().is_some_and(|seen| level(seen) >= before)
                    && (1..=after).contains(&level(&edit.value))
            })
        };
        assert!(row.agreed.is_some() && Side::BOTH.into_iter().any(loosens), "loosened: {row:#?}\n{verdict:#?}");
        assert!(!row.unread(), "loosened without knowing the other side: {row:#?}\n{verdict:#?}");
    }
    for side in Side::BOTH {
        let said = if row.agreed.is_some() { row.edit(side).map(|edit| &edit.value) } else { row.sides[side].value() };
        // Whoever restricts is heard, whatever the flow, the clocks, and what is still unread.
        let restricts = said.map(level).filter(|level| *level > 1.max(before));
        assert!(restricts.is_none_or(|level| after >= level), "a restriction was lost: {row:#?}\n{verdict:#?}");
        check_permission(row, verdict, consent, side);
    }
    // Unknown never replaces what is known.
    assert!(before == 0 || after > 0, "a blank won: {row:#?}\n{verdict:#?}");
    // I3: two people moved it to two places.
    let moved =
        |side: Side| row.edit(side).is_some_and(|edit| stated(&edit.value) && Some(&edit.value) != row.agreed.as_ref());
    let differ = row.sides.left.value() != row.sides.right.value();
    let competing = row.agreed.is_some() && row.both_read() && moved(Side::Left) && moved(Side::Right) && differ;
    let kind = verdict.conflict.as_ref().map(|conflict| conflict.kind);
    assert_eq!(kind == Some(ConflictKind::Conflict), competing, "{row:#?}\n{verdict:#?}");
}

/// A lone edit by somebody who may, and saw what it loosens, is taken.
fn check_permission(row: &Row, verdict: &Verdict, consent: &Consent, side: Side) {
    let lone = row.edit(side).filter(|_| row.edit(side.other()).is_none() && !row.unread());
    let (Some(edit), Some(agreed)) = (lone, &row.agreed) else { return };
    let free = consent.may_loosen[side] && !edit.with_email && row.policy.flow.into_side(side.other());
    let saw = edit.before.as_ref().is_some_and(|seen| level(seen) >= level(&row.golden));
    if *agreed == row.golden && stated(&edit.value) && free && saw {
        assert_eq!(verdict.golden, edit.value, "a permitted edit was refused: {row:#?}\n{verdict:#?}");
        assert_eq!(verdict.conflict, None, "{row:#?}\n{verdict:#?}");
    }
}

#[test]
fn fields_of_consent() {
    let domain: Vec<Value> = [Value::Blank, text("a"), text("b"), text("c")].into();
    let mut rows = 0_u64;
    for may_loosen in [Pair::new(false, false), Pair::new(true, false), Pair::new(true, true)] {
        for flow in [Flow::Both, Flow::From(Side::Left), Flow::From(Side::Right)] {
            for on_override in [OnOverride::Restore, OnOverride::Keep] {
                let consent = Consent { steps: domain[1..].to_vec(), may_loosen };
                let policy = FieldPolicy {
                    on_conflict: OnConflict::Restrictive,
                    flow,
                    blanks: Blanks::Clear,
                    first_link: OnConflict::Restrictive,
                    on_override,
                    order: Vec::new(),
                    back: Back::Allow,
                    consent: Some(consent.clone()),
                };
                rows += consent_rows(&policy, &domain, &consent);
            }
        }
    }
    // 5 agreed × 4 golden × 46 × 46 sides (4 standing, 4 × 5 × 2 edited, absent, unread), under 18 rules.
    assert_eq!(rows, 5 * 4 * 46 * 46 * 18);
}

fn consent_rows(policy: &FieldPolicy, domain: &[Value], consent: &Consent) -> u64 {
    let mut inputs = vec![SideInput::Absent, SideInput::Unread];
    let optional = || std::iter::once(None).chain(domain.iter().cloned().map(Some));
    for value in domain {
        inputs.push(SideInput::Stands(value.clone()));
        for before in optional() {
            for with_email in [false, true] {
                inputs.push(SideInput::Edited(Candidate {
                    value: value.clone(),
                    before: before.clone(),
                    evidence: Evidence::None,
                    with_email,
                }));
            }
        }
    }
    let mut rows = 0;
    for agreed in optional() {
        for golden in domain {
            for left in &inputs {
                for right in &inputs {
                    let row = Row {
                        policy: policy.clone(),
                        agreed: agreed.clone(),
                        golden: golden.clone(),
                        sides: Pair::new(left.clone(), right.clone()),
                        priority: Side::Left,
                    };
                    let verdict = row.merge();
                    check_all(&row, &verdict);
                    check_consent(&row, &verdict, consent);
                    rows += 1;
                }
            }
        }
    }
    rows
}
