//! What stays until its time has come, and what goes with what it was about: counts of guards, links that were broken,
//! values that are not shown, records that are made while somebody edits.

use super::*;
use crate::merge::{
    answer::{created, mark_creating},
    decide::decide,
    entity::{Mark, Parked, Want},
    guard::GuardKind,
    held::{FieldGate, Gate, RecordGate},
    patch::{draft, wants},
    reading::withheld,
    removal::{come_back, left_behind},
    scope::Standing,
    unite::unite,
};

const ANN: (&str, &str) = ("email", "ann@example.com");

/// Two fields are due on the right, and were counted by a guard. What a reading shows of what was sent?
fn counted_after(sent: bool, in_doubt: bool, city: &str, score: &str) -> usize {
    let mut bench = Bench::new();
    let mut entity = bench.linked(&[ANN, ("city", "Bonn"), ("score", "1")]);
    bench.read(&mut entity, Side::Left, &[ANN, ("city", "Rome"), ("score", "2")]);
    entity.counted.right.insert(GuardKind::Updates, bench.now);
    if sent {
        let patch = bench.patch(&entity, Side::Right);
        bench.decide(|context, _| mark_sending(&mut entity, Side::Right, &patch, context));
        for name in ["city", "score"] {
            let holding = &mut entity.fields.get_mut(name).expect("read").sides.right;
            holding.sent.as_mut().expect("sent").in_doubt = in_doubt;
        }
    }
    bench.later(60);
    bench.read(&mut entity, Side::Right, &[ANN, ("city", city), ("score", score)]);
    entity.counted.right.len()
}

/// Sent again while it is in doubt, it is the same write; once a reading shows that it arrived, the next is another.
#[test]
fn what_was_counted_stays_counted_until_it_is_seen_to_have_arrived() {
    assert_eq!(counted_after(false, false, "Bonn", "1"), 1, "nothing was sent");
    assert_eq!(counted_after(true, true, "Bonn", "1"), 1, "it has not arrived");
    assert_eq!(counted_after(true, true, "Oslo", "1"), 1, "somebody entered something else");
    assert_eq!(counted_after(true, true, "Rome", "1"), 0, "a part of it has arrived, and so has the write");
    assert_eq!(counted_after(true, true, "Bonn", "2"), 0, "another part");
}

/// Whether the city waits because it is not shown, or the consent does.
#[test]
fn what_is_not_shown_is_not_written_over_but_for_a_restriction() {
    type Change = fn(&mut Record);
    let rows: [(&str, Change, bool, [&[&str]; 2]); 5] = [
        ("all is shown", |_| (), false, [&["city", "optout"], &[]]),
        (
            "a blank is shown",
            |shown| drop(shown.fields.insert("city".into(), Native::Null)),
            false,
            [&["city", "optout"], &[]],
        ),
        (
            "masked",
            |shown| drop(shown.fields.insert("city".into(), Native::text("***"))),
            false,
            [&["optout"], &["city"]],
        ),
        ("left out", |shown| shown.fields.retain(|name, _| name == "email"), false, [&["optout"], &["city"]]),
        (
            "left out where that means blank",
            |shown| shown.fields.retain(|name, _| name == "email"),
            true,
            [&["city", "optout"], &[]],
        ),
    ];
    for (name, change, omits, [written, left]) in rows {
        let mut bench = Bench::new();
        bench.objects.right.get_mut(OBJECT).expect("the object").omits_blanks = omits;
        let mut entity = bench.linked(&[ANN, ("city", "Bonn"), ("optout", "no")]);
        bench.read(&mut entity, Side::Left, &[ANN, ("city", "Rome"), ("optout", "yes")]);
        let mut patch = bench.patch(&entity, Side::Right);
        let mut shown = record(&[ANN, ("city", "Bonn"), ("optout", "no")], bench.now);
        change(&mut shown);
        bench.decide(|context, _| patch.leave_withheld(&withheld(&shown, Side::Right, context), context));
        let changes: Vec<&str> = patch.changes.iter().map(|change| &*change.field).collect();
        let problems: Vec<&str> = patch.problems.iter().map(|(field, _)| &**field).collect();
        assert_eq!((&*changes, &*problems), (written, left), "{name}");
    }
}

#[test]
fn nobody_is_made_who_is_not_meant_or_whom_a_person_does_not_want() {
    type Change = fn(&mut Entity);
    let rows: [(&str, Change, Want); 4] = [
        ("meant", |_| (), Want::Create),
        ("not meant", |one| one.scope.include = Standing::Out, Want::Nothing),
        ("not to be made there", |one| one.scope.create.right = Standing::Out, Want::Nothing),
        ("a person said no", |one| one.gates.right = Some(RecordGate::Discarded), Want::Nothing),
    ];
    for (name, change, wanted) in rows {
        let mut bench = Bench::new();
        let mut entity = bench.entity();
        bench.read(&mut entity, Side::Left, &[ANN, ("city", "Bonn")]);
        entity.queued = false;
        change(&mut entity);
        assert_eq!(bench.decide(|context, _| wants(&entity, Side::Right, context)), wanted, "{name}");
    }
}

/// The record is made of what was entered first. What was entered since is an edit of that; a consent is judged as what
/// it would be between two records.
#[test]
fn what_is_entered_while_a_record_is_made_is_an_edit_of_what_it_was_made_with() {
    for (sent, since, may, at_once, golden) in [
        ("yes", "no", false, "yes", "yes"),
        ("yes", "no", true, "yes", "no"),
        ("no", "yes", false, "yes", "yes"),
        ("no", "no", false, "no", "no"),
    ] {
        let mut bench = Bench::new();
        bench.rule("optout").policy.consent.as_mut().expect("a consent").may_loosen = Pair::new(may, may);
        let mut entity = bench.entity();
        bench.read(&mut entity, Side::Left, &[ANN, ("city", "Bonn"), ("score", "1"), ("optout", sent)]);
        entity.queued = false;
        let draft = bench.decide(|context, _| draft(&entity, Side::Right, OBJECT, context));
        bench.decide(|context, _| mark_creating(&mut entity, Side::Right, OBJECT, &draft, context));
        bench.later(60);
        bench.read(&mut entity, Side::Left, &[ANN, ("city", "Rome"), ("score", "1"), ("optout", since)]);
        let written = Written { id: "7".into(), record: None, created: true };
        let now = bench.now;
        bench.decide(|context, ledger| created(&mut entity, Side::Right, &written, now, context, ledger));
        let name = format!("{sent}, then {since}, may loosen: {may}");
        assert_eq!(entity.fields["optout"].golden, text(at_once), "{name}");
        let city = &entity.fields["city"];
        assert_eq!(city.golden, text("Rome"), "{name}");
        assert_eq!(city.sides.left.edit.as_ref().and_then(|edit| edit.before.clone()), Some(text("Bonn")), "{name}");
        assert_eq!(entity.fields["score"].sides.left.edit, None, "{name}: as it was made");
        bench.later(60);
        bench.read(&mut entity, Side::Right, &[ANN, ("city", "Bonn"), ("score", "1"), ("optout", sent)]);
        assert_eq!(entity.fields["optout"].golden, text(golden), "{name}, once it was read");
    }
}

/// What was refused stands there by now: nothing waits. What a person dismissed stays dismissed.
#[test]
fn a_refused_value_waits_no_longer_where_it_stands() {
    for (holds, dismissed_by, stays) in [("Rome", None, false), ("Bonn", None, true), ("Rome", Some("eve"), true)] {
        let mut bench = Bench::new();
        let mut entity = bench.linked(&[ANN, ("city", "Bonn")]);
        bench.read(&mut entity, Side::Left, &[ANN, ("city", "Rome")]);
        let problem = crate::mapping::Problem { code: "X".into(), message: "no".into(), hint: String::new() };
        let dismissed_by = dismissed_by.map(str::to_owned);
        let parked = Parked { problem, since: bench.now, tries: 1, next_try: None, dismissed_by };
        let name = format!("{holds}, dismissed by {:?}", parked.dismissed_by);
        let holding = &mut entity.fields.get_mut("city").expect("read").sides.right;
        holding.mark = Some(Mark::Parked { golden: Some(text("Rome")), parked });
        holding.shadow = Some(Native::text(holds));
        bench.decide(|context, ledger| decide(&mut entity, context, ledger));
        assert_eq!(entity.fields["city"].sides.right.mark.is_some(), stays, "{name}");
    }
}

/// The left had a value that may not travel, and the right was blank: both stayed. Now somebody enters one on the right.
#[test]
fn a_value_that_could_not_travel_is_overruled_aloud() {
    for (left, conflicts) in [("Bonn", 1), ("", 0)] {
        let mut bench = Bench::new();
        bench.rule("city").policy.flow = Flow::From(Side::Right);
        let mut entity = bench.entity();
        bench.read(&mut entity, Side::Left, &[ANN, ("city", left)]);
        bench.read(&mut entity, Side::Right, &[ANN, ("city", "")]);
        assert_eq!(bench.conflicts(), 0);
        bench.later(60);
        bench.read(&mut entity, Side::Right, &[ANN, ("city", "Rome")]);
        assert_eq!((bench.conflicts(), &entity.fields["city"].golden), (conflicts, &text("Rome")), "{left}");
    }
}

/// Something writes the same refused value again and again: the first time is none of that.
#[test]
fn the_same_refused_again_is_counted() {
    let mut bench = Bench::new();
    bench.rule("city").policy.flow = Flow::From(Side::Left);
    let mut entity = bench.linked(&[ANN, ("city", "Bonn")]);
    let mut flips = Vec::new();
    for city in ["Rome", "Rome", "Oslo"] {
        bench.read(&mut entity, Side::Right, &[ANN, ("city", city)]);
        bench.write(&mut entity, Side::Right);
        bench.read(&mut entity, Side::Right, &[ANN, ("city", "Bonn")]);
        bench.later(60);
        flips.push(entity.fields["city"].flips.len());
    }
    assert_eq!(flips, [0, 1, 1]);
}

/// The right was deleted and comes back.
#[test]
fn who_comes_back_goes_on_where_somebody_entered_a_value_meanwhile() {
    type Change = fn(&mut Bench, &mut Entity);
    let enter: Change = |bench, one| {
        bench.read(one, Side::Left, &[ANN, ("city", "Rome")]);
    };
    let rows: [(&str, Change, Option<Value>); 5] = [
        ("entered", enter, Some(text("Bonn"))),
        ("not entered", |_, _| (), None),
        (
            "cleared",
            |bench, one| {
                bench.read(one, Side::Left, &[ANN, ("city", "")]);
            },
            None,
        ),
        (
            "entered, and it may not travel",
            |bench, one| {
                bench.rule("city").policy.flow = Flow::From(Side::Right);
                bench.read(one, Side::Left, &[ANN, ("city", "Rome")]);
            },
            None,
        ),
        (
            "entered, and the other record is another one",
            |bench, one| {
                bench.read(one, Side::Left, &[ANN, ("city", "Rome")]);
                one.members.left.as_mut().expect("there").address = Address::new(OBJECT, "8");
            },
            None,
        ),
    ];
    for (name, change, agreed) in rows {
        let mut bench = Bench::new();
        let mut entity = bench.linked(&[ANN, ("city", "Bonn")]);
        entity.fields.get_mut("city").expect("read").sides.right.gate =
            Some(FieldGate { golden: text("Bonn"), gate: Gate::Passed });
        let left = bench.decide(|context, _| left_behind(&entity, Side::Right, context)).expect("linked");
        let kept = |name: &str| left.fields.get(name).map(|(_, _, holding)| holding.gate.clone());
        assert_eq!(
            (kept("city"), kept("optout")),
            (Some(None), None),
            "no consent, and nothing that a guard let through"
        );
        let member = entity.members.right.take();
        for field in entity.fields.values_mut() {
            (field.agreed, field.linked, field.sides.right) = (None, false, crate::merge::entity::Holding::default());
        }
        bench.later(60);
        change(&mut bench, &mut entity);
        entity.members.right = member;
        bench.decide(|context, _| come_back(&mut entity, Side::Right, &left, context));
        assert_eq!(entity.fields["city"].agreed, agreed, "{name}");
        let shadow = entity.fields["city"].sides.right.shadow.is_some();
        assert_eq!(shadow, agreed.is_some(), "{name}");
    }
}

/// Who was met first decides nothing: what is kept is the primary's, and a linked one goes before one that is not.
#[test]
fn of_several_who_are_united_the_values_of_the_primary_go_on() {
    for is_linked in [false, true] {
        let mut bench = Bench::new();
        let mut other = bench.entity();
        bench.read(&mut other, Side::Left, &[ANN, ("city", "Rome")]);
        let mut first = bench.entity();
        bench.read(&mut first, Side::Left, &[ANN, ("city", "Bonn")]);
        other.members.left.as_mut().expect("met").address = Address::new(OBJECT, "2");
        if is_linked {
            bench.read(&mut first, Side::Right, &[ANN, ("city", "Bonn")]);
        }
        let primaries =
            if is_linked { Pair::new(Some(other.id), Some(first.id)) } else { Pair::new(Some(first.id), None) };
        let oldest = other.id;
        let united =
            bench.decide(|context, ledger| unite(vec![other, first], &primaries, context, ledger)).expect("a group");
        assert_eq!((united.id, &united.fields["city"].golden), (oldest, &text("Bonn")), "linked: {is_linked}");
    }
}

#[test]
fn an_id_is_read_back_as_it_is_shown() {
    let id = Id(Uuid::from_u128(0x0193_0000_0000_7000_8000_0000_0000_0001));
    assert_eq!(id.to_string().parse(), Ok(id));
}
