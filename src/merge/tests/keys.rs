//! Values that exist once: who holds one, who gives it away, who takes it.

use super::*;
use crate::merge::{
    emails::remember_emails,
    exchange::{Leaving, leaving, step_aside, taken},
    patch::Change,
};

const ANN: (&str, &str) = ("email", "ann@example.com");
const BEN: (&str, &str) = ("email", "ben@example.com");

fn away(bench: &mut Bench, entity: &Entity) -> Vec<(Side, String, String)> {
    let leaving = bench.decide(|context, _| leaving(entity, context));
    leaving.into_iter().map(|Leaving { side, place, key }| (side, place, key)).collect()
}

/// Only what people are matched by, and e-mails, exist once: a city that changes keeps nobody waiting.
#[test]
fn what_a_record_is_about_to_lose_are_its_keys() {
    for (matching, keys) in [
        (vec![vec![0], vec![1]], vec!["people.email", "people.city"]),
        (vec![vec![0]], vec!["people.email"]),
        (vec![vec![1]], vec!["people.email", "people.city"]),
    ] {
        let mut bench = Bench::new();
        bench.rules.matching = matching;
        let mut entity = bench.linked(&[ANN, ("city", "Bonn"), ("score", "1"), ("optout", "no")]);
        assert_eq!(away(&mut bench, &entity), []);
        let edited = [BEN, ("city", "Rome"), ("score", "2"), ("optout", "yes")];
        bench.read(&mut entity, Side::Left, &edited);
        let found = away(&mut bench, &entity);
        assert!(found.iter().all(|(side, ..)| *side == Side::Right), "{found:?}");
        assert_eq!(found.into_iter().map(|(_, place, _)| place).collect::<Vec<_>>(), keys);
    }
}

/// Until it was answered, nobody knows that a record let go of its key.
#[test]
fn a_key_is_free_once_the_service_said_that_it_took_the_next_one() {
    let mut bench = Bench::new();
    bench.rules.matching = vec![vec![0]];
    let mut entity = bench.linked(&[ANN, ("city", "Bonn")]);
    bench.read(&mut entity, Side::Left, &[BEN, ("city", "Bonn")]);
    let patch = bench.patch(&entity, Side::Right);
    bench.decide(|context, _| mark_sending(&mut entity, Side::Right, &patch, context));
    let held = [(Side::Right, "people.email".to_owned(), "ann@example.com".to_owned())];
    assert_eq!(away(&mut bench, &entity), held, "in doubt");
    bench.later(1);
    let written = Written { id: "1".into(), record: None, created: false };
    let now = bench.now;
    bench.decide(|context, ledger| updated(&mut entity, Side::Right, &written, now, context, ledger));
    assert_eq!(away(&mut bench, &entity), []);
    // What it was told is what it gives away next, though nobody has read it there.
    bench.later(60);
    bench.read(&mut entity, Side::Left, &[("email", "cid@example.com"), ("city", "Bonn")]);
    assert_eq!(away(&mut bench, &entity), [(Side::Right, "people.email".to_owned(), "ben@example.com".to_owned())]);
}

#[test]
fn a_key_is_taken_from_somebody_where_the_service_keeps_it_once() {
    type Say = fn(&mut Bench);
    let declared: Say = |bench| bench.objects.right.get_mut(OBJECT).expect("the object").unique.push("email".into());
    let rows: [(&str, Say, &str, bool); 5] = [
        ("nobody says so", |_| (), "email", false),
        ("the connector says so", declared, "email", true),
        (
            "the schema says so",
            |bench| bench.describe(Side::Right, "email", |field| field.unique = true),
            "email",
            true,
        ),
        ("of another field", declared, "city", false),
        (
            "a field that nobody is matched by",
            |bench| bench.describe(Side::Right, "score", |field| field.unique = true),
            "score",
            false,
        ),
    ];
    for (name, say, field, is_taken) in rows {
        let mut bench = Bench::new();
        say(&mut bench);
        let rule = bench.rule(field).clone();
        let value = if field == "score" { Value::Integer(1) } else { text("Bonn") };
        let taken = bench.decide(|context, _| taken(&rule, Side::Right, OBJECT, &value, context));
        assert_eq!(taken.is_some(), is_taken, "{name}");
    }
}

#[test]
fn who_makes_room_is_blanked_where_that_can_be() {
    for can_change in [true, false] {
        let mut bench = Bench::new();
        if !can_change {
            bench.describe(Side::Right, "email", |field| (field.updateable, field.createable) = (false, true));
        }
        let entity = bench.linked(&[ANN, ("city", "Bonn")]);
        let change = Change {
            field: "email".into(),
            native: "email".into(),
            from: Some(Native::text("ann@example.com")),
            to: Native::text("ben@example.com"),
            golden: text("ben@example.com"),
        };
        let aside = bench.decide(|context, _| step_aside(&entity, Side::Right, &change, context));
        let wanted = Change { to: Native::Null, golden: Value::Blank, ..change };
        assert_eq!(aside, can_change.then_some(wanted));
    }
}

/// A refusal was given for the e-mail that the person had.
#[test]
fn the_emails_that_a_person_had_are_remembered_where_something_was_refused() {
    for (optout, remembered) in [("yes", vec![("email".to_owned(), "ann@example.com".to_owned())]), ("no", vec![])] {
        let mut bench = Bench::new();
        let mut entity = bench.linked(&[ANN, ("optout", optout)]);
        let before = entity.clone();
        bench.read(&mut entity, Side::Left, &[BEN, ("optout", optout)]);
        bench.decide(|context, _| remember_emails(&mut entity, &before, context));
        assert_eq!(entity.former_emails.iter().cloned().collect::<Vec<_>>(), remembered, "{optout}");
        let again = entity.clone();
        bench.decide(|context, _| remember_emails(&mut entity, &again, context));
        assert_eq!(entity.former_emails, again.former_emails, "{optout}");
    }
}
