//! Fields of consent: every permission, and everything that can have been seen before an edit.

use hymnal::{
    mapping::Value,
    merge::{
        Back, Blanks, Candidate, ConflictKind, Consent, Evidence, FieldPolicy, Flow, OnConflict, OnOverride, Pair,
        Side, SideInput, Verdict,
    },
};

use crate::{Row, check_all, stated, text};

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
