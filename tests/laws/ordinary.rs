//! Fields that are no consent: every policy, flow, treatment of blanks and evidence.

use std::collections::BTreeMap;

use hymnal::{
    mapping::{FieldMap, FieldType, NativeField, Value, read},
    merge::{
        Back, Blanks, Candidate, ConflictKind, Evidence, Fate, FieldPolicy, Flow, OnConflict, OnOverride, Pair, Side,
        SideInput, Verdict,
    },
};
use hymnal_sdk::Native;
use jiff::Timestamp;

use crate::{Row, check_all, stated, text};

/// Missing and empty are two natives and one value.
fn domain(kind: FieldType) -> Vec<Value> {
    let natives: [Native; 5] = match kind {
        FieldType::Set => [Native::Null, "".into(), "a".into(), "b".into(), "a;c".into()],
        _ => [Native::Null, "".into(), "a".into(), "b".into(), "c".into()],
    };
    let map =
        FieldMap { name: "field".to_owned(), kind, region: None, native: Pair::new(BTreeMap::new(), BTreeMap::new()) };
    natives.iter().map(|native| read(&map, &NativeField::default(), native).expect("readable")).collect()
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
