//! What services answer to writes.

use hymnal_sdk::{Error, Kind};

use super::*;
use crate::{
    mapping::Problem,
    merge::{
        answer::{created, give_up, mark_creating, refused},
        entity::{Mark, Want},
        patch::{draft, wants},
    },
};

/// What a person has: e-mail, city, score.
type Values = [(&'static str, &'static str); 3];

const ANN: (&str, &str) = ("email", "ann@example.com");

/// One person on the left, being made on the right.
fn being_made(bench: &mut Bench, values: &[(&str, &str)]) -> Entity {
    let mut entity = bench.entity();
    bench.read(&mut entity, Side::Left, values);
    entity.queued = false;
    let draft = bench.decide(|context, _| draft(&entity, Side::Right, OBJECT, context));
    bench.decide(|context, _| mark_creating(&mut entity, Side::Right, OBJECT, &draft, context));
    bench.later(60);
    entity
}

fn answer_created(bench: &mut Bench, entity: &mut Entity) {
    let written = Written { id: "7".into(), record: None, created: true };
    let now = bench.now;
    bench.decide(|context, ledger| created(entity, Side::Right, &written, now, context, ledger));
    bench.later(60);
}

#[test]
fn who_was_made_holds_what_was_sent_and_is_linked_without_a_question() {
    let mut bench = Bench::new();
    let mut entity = being_made(&mut bench, &[ANN, ("city", "Bonn"), ("score", "")]);
    answer_created(&mut bench, &mut entity);
    for side in Side::BOTH {
        assert!(bench.patch(&entity, side).changes.is_empty());
    }
    bench.read(&mut entity, Side::Right, &[ANN, ("city", "Bonn"), ("score", "")]);
    for name in ["email", "city", "score"] {
        let field = &entity.fields[name];
        assert_eq!(field.sides.left.edit, None, "{name}: what was made holds it");
        assert_eq!(field.agreed.as_ref(), Some(&field.golden), "{name}");
    }
    assert_eq!(bench.conflicts(), 0);
}

/// The source was edited while the creation was under way: what was sent is the old value, and the new one is due.
#[test]
fn an_edit_while_the_creation_is_under_way_is_an_edit_of_what_was_sent() {
    let mut bench = Bench::new();
    let mut entity = being_made(&mut bench, &[ANN, ("city", "Bonn")]);
    bench.read(&mut entity, Side::Left, &[ANN, ("city", "Rome")]);
    answer_created(&mut bench, &mut entity);
    let sent = entity.fields["city"].sides.right.sent.clone().expect("not read yet");
    assert_eq!(sent.golden, text("Bonn"));
    bench.read(&mut entity, Side::Right, &[ANN, ("city", "Oslo")]);
    assert_eq!(bench.conflicts(), 1, "both edited what was made");
    bench.later(60);
    bench.read(&mut entity, Side::Left, &[ANN, ("city", "Trier")]);
    let patch = bench.patch(&entity, Side::Right);
    assert_eq!(patch.changes.iter().map(|change| change.to.to_string()).collect::<Vec<_>>(), ["Trier"]);
}

#[test]
fn nobody_knows_what_became_of_it_so_the_mark_stays() {
    let mut bench = Bench::new();
    let mut entity = being_made(&mut bench, &[ANN, ("city", "Bonn")]);
    let before = entity.clone();
    let error = Error::new(Kind::Transient, "timeout", "no answer").in_doubt();
    bench.decide(|context, ledger| refused(&mut entity, Side::Right, &error, context, ledger));
    assert_eq!(entity, before);
    assert_eq!(bench.decide(|context, _| wants(&entity, Side::Right, context)), Want::Create);
}

#[test]
fn a_refused_field_waits_alone() {
    let mut bench = Bench::new();
    let mut entity = bench.linked(&[ANN, ("city", "Bonn"), ("score", "1")]);
    bench.read(&mut entity, Side::Left, &[ANN, ("city", "Rome"), ("score", "2")]);
    let patch = bench.patch(&entity, Side::Right);
    bench.decide(|context, _| mark_sending(&mut entity, Side::Right, &patch, context));
    let error = Error::new(Kind::RejectedField, "INVALID", "no such city").about("City");
    bench.decide(|context, ledger| refused(&mut entity, Side::Right, &error, context, ledger));
    let again = bench.patch(&entity, Side::Right);
    assert_eq!(again.changes.iter().map(|change| change.field.as_str()).collect::<Vec<_>>(), ["score"]);
    assert!(matches!(entity.fields["city"].sides.right.mark, Some(Mark::Parked { golden: Some(_), .. })));
    bench.write(&mut entity, Side::Right);
    bench.read(&mut entity, Side::Right, &[ANN, ("city", "Bonn"), ("score", "2")]);
    assert_eq!(entity.fields["score"].agreed, Some(Value::Integer(2)));
    assert_eq!(entity.fields["city"].agreed, Some(text("Bonn")), "the edit waits with its field");
    assert!(entity.fields["city"].sides.left.edit.is_some());
}

#[test]
fn a_refused_record_waits_until_somebody_changes_it() {
    let mut bench = Bench::new();
    let mut entity = bench.linked(&[ANN, ("city", "Bonn")]);
    bench.read(&mut entity, Side::Left, &[ANN, ("city", "Rome")]);
    let patch = bench.patch(&entity, Side::Right);
    bench.decide(|context, _| mark_sending(&mut entity, Side::Right, &patch, context));
    let error = Error::new(Kind::RejectedRecord, "REQUIRED", "a field that is not mapped is missing");
    bench.decide(|context, ledger| refused(&mut entity, Side::Right, &error, context, ledger));
    assert_eq!(entity.wants.right, Want::Nothing);
    bench.later(60);
    // No mapped field has changed; somebody filled the one that was missing.
    bench.read(&mut entity, Side::Right, &[ANN, ("city", "Bonn")]);
    assert_eq!(entity.wants.right, Want::Update);
}

/// Another value than the one that was refused: its count and its age say nothing about this one.
#[test]
fn another_value_that_is_refused_begins_anew() {
    let mut bench = Bench::new();
    let mut entity = bench.linked(&[ANN, ("city", "Bonn")]);
    let error = Error::new(Kind::RejectedField, "INVALID", "no such city").about("city");
    for (city, tries) in [("Rome", 1), ("Rome", 2), ("Oslo", 1)] {
        bench.later(3600);
        bench.read(&mut entity, Side::Left, &[ANN, ("city", city)]);
        let patch = bench.patch(&entity, Side::Right);
        assert_eq!(patch.changes.len(), 1, "{city}");
        bench.decide(|context, _| mark_sending(&mut entity, Side::Right, &patch, context));
        bench.decide(|context, ledger| refused(&mut entity, Side::Right, &error, context, ledger));
        let mark = &entity.fields["city"].sides.right.mark;
        assert!(matches!(mark, Some(Mark::Parked { parked, .. }) if parked.tries == tries), "{city}: {mark:?}");
    }
}

/// Sends an edit of these fields to the right, where it is in conflict with another record.
fn given_up(bench: &mut Bench, edit: &[(&str, &str)], error: &Error) -> Entity {
    let mut entity = bench.linked(&[ANN, ("city", "Bonn"), ("score", "1")]);
    bench.read(&mut entity, Side::Left, edit);
    let patch = bench.patch(&entity, Side::Right);
    bench.decide(|context, _| mark_sending(&mut entity, Side::Right, &patch, context));
    let problem = Problem { code: "DUPLICATE".into(), message: "somebody has it".into(), hint: String::new() };
    bench.decide(|context, ledger| give_up(&mut entity, Side::Right, error, &problem, context, ledger));
    entity
}

/// The matching keys are the e-mail and the city.
#[test]
fn a_duplicate_that_names_no_field_is_about_the_one_key_that_was_sent() {
    let mut other = Error::new(Kind::Conflict, "DUPLICATE", "somebody has it");
    other.other = Some("9".into());
    let rows: [(Values, bool, Option<&str>); 4] = [
        ([ANN, ("city", "Rome"), ("score", "2")], true, Some("city")),
        ([ANN, ("city", "Rome"), ("score", "2")], false, None),
        ([("email", "ben@example.com"), ("city", "Rome"), ("score", "1")], true, None),
        ([ANN, ("city", "Bonn"), ("score", "2")], true, None),
    ];
    for (edit, names_another, aside) in rows {
        let mut bench = Bench::new();
        let error = if names_another { other.clone() } else { Error::new(Kind::Conflict, "DUPLICATE", "busy") };
        let entity = given_up(&mut bench, &edit, &error);
        let is_parked = |name: &&str| matches!(entity.fields[*name].sides.right.mark, Some(Mark::Parked { .. }));
        let parked: Vec<&str> = ["email", "city", "score"].into_iter().filter(is_parked).collect();
        assert_eq!(parked, aside.into_iter().collect::<Vec<_>>(), "{edit:?}");
        assert_eq!(entity.parked.right.is_some(), aside.is_none(), "{edit:?}");
    }
}

/// Opt-outs follow the address in some services: what a reading shows right after we wrote an e-mail loosens nothing.
#[test]
fn a_loosening_after_our_email_arrived_came_with_it_and_after_anything_else_did_not() {
    for (edit, golden) in [(("email", "ben@example.com"), "yes"), (("city", "Rome"), "no")] {
        let mut bench = Bench::new();
        let mut values = BTreeMap::from([ANN, ("city", "Bonn"), ("optout", "yes")]);
        let mut entity = bench.linked(&values.clone().into_iter().collect::<Vec<_>>());
        values.insert(edit.0, edit.1);
        bench.read(&mut entity, Side::Left, &values.clone().into_iter().collect::<Vec<_>>());
        bench.write(&mut entity, Side::Right);
        values.insert("optout", "no");
        bench.read(&mut entity, Side::Right, &values.into_iter().collect::<Vec<_>>());
        assert_eq!(entity.fields["optout"].golden, text(golden), "{edit:?}");
    }
}
