//! What is decided of a whole entity: by whom, in which words, and what a person may decide.

use super::*;
use crate::merge::{
    entity::{Mark, Presence},
    event::{Cause, ConflictLine, ConflictStatus},
    parked::{Handling, Parking, Signature, handle},
    person::{Decision, Loosening, Unfit, fits, rule as decided},
    reading::is_known,
    removal::Tombstone,
    scope::Standing,
    secondary::Secondary,
};

const ANN: (&str, &str) = ("email", "ann@example.com");

/// The rules by which a field was decided, as the journal has them.
fn rules_behind(bench: &Bench, name: &str) -> Vec<String> {
    let of = |event: &Event| match event {
        Event::Decided { field, rule, .. } if field == name => Some(rule.clone()),
        _ => None,
    };
    bench.events.iter().filter_map(of).collect()
}

#[test]
fn the_journal_says_by_which_rule_a_value_was_decided() {
    let rows = [
        (vec![(Side::Left, "Rome")], vec!["only edit"]),
        (vec![(Side::Left, "Rome"), (Side::Right, "Oslo")], vec!["only edit", "conflict"]),
        (vec![(Side::Left, "Rome"), (Side::Left, "Bonn")], vec!["only edit", "edited back"]),
        (vec![(Side::Left, "Rome"), (Side::Right, "Rome")], vec!["only edit"]),
    ];
    for (edits, wanted) in rows {
        let mut bench = Bench::new();
        let mut entity = bench.linked(&[ANN, ("city", "Bonn")]);
        bench.events.clear();
        for (side, city) in &edits {
            bench.read(&mut entity, *side, &[ANN, ("city", city)]);
            bench.later(60);
        }
        assert_eq!(rules_behind(&bench, "city"), wanted, "{edits:?}");
        let is_taken_back = wanted.contains(&"edited back");
        assert_eq!(entity.fields["city"].golden == text("Bonn"), is_taken_back, "{edits:?}");
        assert_eq!(entity.fields["city"].sides.left.edit.is_none(), is_taken_back || edits.len() > 1, "{edits:?}");
    }
    let mut bench = Bench::new();
    bench.rule("city").map.kind = FieldType::Set;
    bench.rule("city").policy.on_conflict = OnConflict::Union;
    let mut entity = bench.linked(&[ANN, ("city", "Bonn")]);
    for (side, cities) in [(Side::Left, "Bonn;Rome"), (Side::Right, "Bonn;Oslo")] {
        bench.read(&mut entity, side, &[ANN, ("city", cities)]);
    }
    assert_eq!(rules_behind(&bench, "city"), ["only edit", "same on both sides"], "of a union, what both are to have");
}

/// The value that lost is written over, and is nobody's edit: what comes next is the only one.
#[test]
fn an_edit_while_a_first_link_is_on_its_way_is_the_only_edit() {
    let mut bench = Bench::new();
    let mut entity = bench.entity();
    bench.read(&mut entity, Side::Left, &[ANN, ("city", "Bonn")]);
    bench.read(&mut entity, Side::Right, &[ANN, ("city", "Rome")]);
    bench.events.clear();
    bench.later(60);
    bench.read(&mut entity, Side::Right, &[ANN, ("city", "Oslo")]);
    assert_eq!(rules_behind(&bench, "city"), ["only edit"]);
    assert_eq!(bench.conflicts(), 0);
}

/// Where times decide, the histories tell them: of both values at a first link, also where one of them was linked before.
#[test]
fn histories_are_asked_where_times_decide_between_two() {
    let both = [Side::Left, Side::Right];
    for (policy, right, asked) in [
        (OnConflict::Latest, "Rome", &both[..]),
        (OnConflict::Latest, "Bonn", &[]),
        (OnConflict::Prefer(Side::Left), "Rome", &[]),
    ] {
        let mut bench = Bench::new();
        bench.rule("city").policy.first_link = policy;
        let mut entity = bench.linked(&[ANN, ("city", "Bonn")]);
        let field = entity.fields.get_mut("city").expect("read");
        (field.agreed, field.linked) = (None, false);
        field.sides.right.shadow = Some(Native::text(right));
        let needs = bench.decide(|context, ledger| {
            crate::merge::decide::decide(&mut entity, context, ledger);
            ledger.history.needs.clone()
        });
        let sides: Vec<Side> = needs.iter().map(|place| place.side).collect();
        assert_eq!(sides, asked, "{policy:?} {right}");
        assert!(needs.iter().all(|place| place.field == "city"));
    }
}

/// Whether the only record loosens a consent that is golden, where its system may not.
fn loosened_alone(change: impl FnOnce(&mut Entity, Timestamp)) -> bool {
    let mut bench = Bench::new();
    bench.rule("optout").policy.consent.as_mut().expect("a consent").may_loosen = Pair::new(false, false);
    let mut entity = bench.entity();
    bench.read(&mut entity, Side::Left, &[ANN, ("city", "Bonn"), ("optout", "yes")]);
    change(&mut entity, bench.now);
    bench.later(60);
    bench.read(&mut entity, Side::Left, &[ANN, ("city", "Rome"), ("optout", "no")]);
    assert_eq!(entity.fields["city"].golden, text("Rome"), "anything else follows the only record");
    entity.fields["optout"].golden == text("no")
}

#[test]
fn the_only_record_loosens_what_nobody_else_restricted() {
    assert!(loosened_alone(|_, _| ()));
    let address = Address::new(OBJECT, "9");
    let stone = |at| Tombstone { address: address.clone(), at, remake: false, left: None };
    assert!(!loosened_alone(|entity, now| entity.tombstones.right = Some(stone(now))), "the other record is gone");
    assert!(!loosened_alone(|entity, _| entity.fields.get_mut("optout").expect("read").imposed = true));
    let further = |entity: &mut Entity, now| entity.secondaries.left.push(Secondary::unread(address.clone(), now));
    assert!(!loosened_alone(further), "one of several");
}

#[test]
fn a_refused_record_waits_no_longer_where_nothing_is_left_to_be_written() {
    for is_dismissed in [false, true] {
        let mut bench = Bench::new();
        let mut entity = bench.linked(&[ANN, ("city", "Bonn")]);
        bench.read(&mut entity, Side::Left, &[ANN, ("city", "Rome")]);
        let patch = bench.patch(&entity, Side::Right);
        bench.decide(|context, _| mark_sending(&mut entity, Side::Right, &patch, context));
        let error = hymnal_sdk::Error::new(hymnal_sdk::Kind::RejectedRecord, "REQUIRED", "something is missing");
        bench.decide(|context, ledger| {
            crate::merge::answer::refused(&mut entity, Side::Right, &error, context, ledger);
        });
        if is_dismissed {
            let (object, code) = (OBJECT.into(), "REQUIRED".into());
            let all = [Signature { side: Side::Right, object, what: Parking::Record, field: String::new(), code }];
            bench.decide(|context, _| handle(&mut entity, &all, Handling::Dismiss, "eve", context));
        }
        assert!(entity.parked.right.is_some());
        // It stands there by now, without a reading that tells who did it.
        entity.fields.get_mut("city").expect("read").sides.right.shadow = Some(Native::text("Rome"));
        bench.decide(|context, ledger| crate::merge::decide::decide(&mut entity, context, ledger));
        assert_eq!(entity.parked.right.is_some(), is_dismissed);
    }
}

/// A mark settles a side for its golden value, not for a later one.
#[test]
fn what_is_left_where_it_stands_is_not_agreed_for_another_value() {
    for (kept_for, agreed) in [("Rome", "Rome"), ("Oslo", "Bonn")] {
        let mut bench = Bench::new();
        let mut entity = bench.linked(&[ANN, ("city", "Bonn")]);
        let field = entity.fields.get_mut("city").expect("read");
        field.sides.right.mark = Some(Mark::Kept { golden: text(kept_for) });
        bench.read(&mut entity, Side::Left, &[ANN, ("city", "Rome")]);
        assert_eq!(entity.fields["city"].agreed, Some(text(agreed)), "{kept_for}");
    }
}

/// What need not be folded in: the overlap shows most records so. Whatever else is news.
#[test]
fn a_record_is_known_only_where_nothing_of_it_is_news() {
    type Change = fn(&mut Entity, &mut Record, Timestamp);
    let rows: [(&str, Change, bool); 11] = [
        ("the same again", |_, _, _| (), true),
        ("another value", |_, record, _| set(record, "city", "Rome"), false),
        ("changed since, though no value is mapped that did", |_, record, now| record.modified_at = Some(now), false),
        ("older than what is known", |_, record, _| record.modified_at = Some(time("08:00:00")), false),
        ("it was away", |entity, _, now| member(entity).presence = Presence::NotVisible { seen_at: now }, false),
        ("we wrote its e-mail", |entity, _, _| member(entity).wrote_email = true, false),
        ("when it was made", |_, record, _| record.created_at = Some(time("07:00:00")), false),
        (
            "when it was made, known before",
            |entity, record, _| {
                member(entity).created_at = Some(time("07:00:00"));
                record.created_at = Some(time("07:00:00"));
            },
            true,
        ),
        ("another version", |_, record, _| record.version = Some("2".into()), false),
        (
            "the same version",
            |entity, record, _| {
                member(entity).version = Some("2".into());
                record.version = Some("2".into());
            },
            true,
        ),
        ("a field that was never read", |entity, _, _| drop(entity.fields.remove("city")), false),
    ];
    for (name, change, known) in rows {
        let mut bench = Bench::new();
        let mut entity = bench.entity();
        let mut shown = record(&[ANN, ("city", "Bonn"), ("score", "1"), ("optout", "no")], bench.now);
        bench.read_as(&mut entity, Side::Left, Source::Read, &shown);
        bench.later(60);
        change(&mut entity, &mut shown, bench.now);
        let reading = Reading { record: &shown, requested_at: bench.now, source: Source::Listed };
        assert_eq!(bench.decide(|context, _| is_known(&entity, Side::Left, reading, context)), known, "{name}");
    }
}

fn member(entity: &mut Entity) -> &mut crate::merge::entity::Member {
    entity.members.left.as_mut().expect("a member")
}

fn set(record: &mut Record, name: &str, value: &str) {
    record.fields.insert(name.to_owned(), Native::text(value));
}

fn decision(field: &str, value: &str, loosening: Loosening) -> Decision {
    Decision { field: field.into(), value: text(value), cause: Cause::Undone, by: "eve".into(), loosening }
}

#[test]
fn a_person_decides_what_can_be_and_loosens_only_with_consent() {
    let mut bench = Bench::new();
    let mut entity = bench.linked(&[ANN, ("city", "Bonn"), ("optout", "yes")]);
    let mut check = |entity: &Entity, field: &str, value: &str, loosening, wanted: Result<(), Unfit>| {
        let got = bench.decide(|context, _| fits(entity, &decision(field, value, loosening), context));
        assert_eq!(got, wanted, "{field} {value} {loosening:?}");
    };
    check(&entity, "city", "Rome", Loosening::Refused, Ok(()));
    check(&entity, "country", "Rome", Loosening::Refused, Err(Unfit::Unknown));
    check(&entity, "optout", "no", Loosening::Refused, Err(Unfit::Loosens));
    check(&entity, "optout", "no", Loosening::Allowed, Ok(()));
    check(&entity, "optout", "yes", Loosening::Refused, Ok(()));
    let mut away = entity.clone();
    away.members.right.as_mut().expect("linked").presence = Presence::NotVisible { seen_at: time("09:00:00") };
    check(&away, "city", "Rome", Loosening::Refused, Err(Unfit::Alone));
    away.members.right = None;
    check(&away, "city", "Rome", Loosening::Refused, Err(Unfit::Alone));
    // Who is out of the sync is written nothing but what they refuse.
    entity.scope.include = Standing::Out;
    check(&entity, "city", "Rome", Loosening::Refused, Err(Unfit::OutOfScope));
    check(&entity, "optout", "yes", Loosening::Refused, Ok(()));
}

/// What one system does not have is decided for the other; what a system cannot hold is not decided.
#[test]
fn a_person_decides_what_the_systems_can_hold() {
    for (is_mapped, length, wanted) in [(false, 3, true), (true, 3, false), (true, 9, true)] {
        let mut bench = Bench::new();
        if !is_mapped {
            bench.rule("city").map.native.right.clear();
        }
        bench.describe(Side::Right, "city", |field| field.max_length = Some(length));
        let entity = bench.linked(&[ANN, ("city", "Ulm")]);
        let rome = decision("city", "Rome", Loosening::Refused);
        let got = bench.decide(|context, _| fits(&entity, &rome, context));
        assert_eq!(got.is_ok(), wanted, "mapped: {is_mapped}, {length} letters");
        assert!(got.is_ok() || matches!(got, Err(Unfit::CannotHold(Side::Right, _))));
    }
}

#[test]
fn a_question_that_a_person_answers_is_closed_with_whose_value_it_is() {
    for (value, winner) in [("Rome", Some(Side::Left)), ("Oslo", Some(Side::Right)), ("Kiel", None)] {
        let mut bench = Bench::new();
        bench.rule("city").policy.on_conflict = OnConflict::Manual;
        let mut entity = bench.linked(&[ANN, ("city", "Bonn")]);
        bench.read(&mut entity, Side::Left, &[ANN, ("city", "Rome")]);
        bench.read(&mut entity, Side::Right, &[ANN, ("city", "Oslo")]);
        let open = entity.fields["city"].conflict.clone().expect("a question");
        for side in Side::BOTH {
            assert!(bench.patch(&entity, side).changes.is_empty(), "it waits");
        }
        bench.events.clear();
        let taken = Decision { cause: Cause::Resolved(open.id), ..decision("city", value, Loosening::Refused) };
        bench.decide(|context, ledger| decided(&mut entity, &taken, context, ledger)).expect("it can be taken");
        assert_eq!((&entity.fields["city"].golden, &entity.fields["city"].conflict), (&text(value), &None));
        let closed = bench.events.iter().find_map(|event| match event {
            Event::Conflict(line) if line.id == open.id => Some(line.clone()),
            _ => None,
        });
        let closed = closed.expect("its line");
        assert_eq!(closed.status, ConflictStatus::Resolved);
        assert!(matches!(&closed.verdict, ConflictLine::Field(line) if line.winner == winner), "{value}: {closed:?}");
        assert_eq!(entity.fields["city"].origin.as_ref().and_then(|origin| origin.side), winner, "{value}");
        for side in Side::BOTH {
            assert_eq!(bench.patch(&entity, side).changes.len(), usize::from(winner != Some(side)), "{value}");
        }
    }
}
