//! Golden minus shadow, less what bars it.

use super::*;
use crate::merge::{
    entity::{Presence, Want},
    patch::{draft, keys, wants},
};

const ANN: (&str, &str) = ("email", "ann@example.com");

fn written(patch: &Patch) -> Vec<(&str, String)> {
    patch.changes.iter().map(|change| (change.field.as_str(), change.to.to_string())).collect()
}

fn want(bench: &mut Bench, entity: &Entity, side: Side) -> Want {
    bench.decide(|context, _| wants(entity, side, context))
}

#[test]
fn nothing_is_written_that_was_not_decided() {
    let mut bench = Bench::new();
    let mut entity = bench.entity();
    bench.read(&mut entity, Side::Left, &[ANN, ("city", "Bonn")]);
    bench.read(&mut entity, Side::Right, &[ANN]);
    for side in Side::BOTH {
        assert!(bench.patch(&entity, side).changes.is_empty(), "the right's city was not read");
    }
    bench.read(&mut entity, Side::Right, &[ANN, ("city", "")]);
    assert_eq!(written(&bench.patch(&entity, Side::Right)), [("city", "Bonn".to_owned())]);
    // Another record took the place of the one whose value won, and nobody has read it yet.
    let mut entity = bench.linked(&[ANN, ("city", "Bonn")]);
    let city = entity.fields.get_mut("city").expect("read");
    (city.golden, city.agreed, city.linked, city.sides.right.shadow) = (text("Rome"), None, false, None);
    assert!(bench.patch(&entity, Side::Left).changes.is_empty(), "it is decided anew");
}

#[test]
fn nothing_is_written_to_who_cannot_be_seen_or_is_ambiguous() {
    let mut bench = Bench::new();
    let mut entity = bench.linked(&[ANN, ("city", "Bonn")]);
    bench.read(&mut entity, Side::Left, &[ANN, ("city", "Rome")]);
    assert_eq!(want(&mut bench, &entity, Side::Right), Want::Update);
    let seen_at = bench.now;
    for presence in [Presence::Deleted { seen_at }, Presence::NotVisible { seen_at }] {
        let mut hidden = entity.clone();
        hidden.members.right.as_mut().expect("linked").presence = presence;
        assert_eq!(want(&mut bench, &hidden, Side::Right), Want::Nothing);
        assert!(bench.patch(&hidden, Side::Right).changes.is_empty());
    }
    entity.ambiguous = vec![Id(Uuid::from_u128(99))];
    assert_eq!(want(&mut bench, &entity, Side::Right), Want::Nothing);
    assert!(bench.patch(&entity, Side::Right).changes.is_empty());
}

#[test]
fn a_restriction_goes_first_and_against_the_flow_and_an_open_value_does_not() {
    let mut bench = Bench::new();
    bench.rule("optout").policy.flow = Flow::From(Side::Left);
    let mut entity = bench.linked(&[ANN, ("optout", "no")]);
    bench.read(&mut entity, Side::Right, &[ANN, ("optout", "yes")]);
    assert_eq!(want(&mut bench, &entity, Side::Left), Want::Restrict);
    assert_eq!(written(&bench.patch(&entity, Side::Left)), [("optout", "yes".to_owned())]);
    bench.write(&mut entity, Side::Left);
    bench.read(&mut entity, Side::Left, &[ANN, ("optout", "yes")]);
    bench.later(60);
    bench.read(&mut entity, Side::Left, &[ANN, ("optout", "no")]);
    assert_eq!(want(&mut bench, &entity, Side::Right), Want::Update);
}

/// HubSpot lets nobody write its opt-out: an open value is then no work, but a restriction that stands there against an
/// open value must be seen.
#[test]
fn a_restriction_that_nobody_can_take_back_is_shown() {
    let mut bench = Bench::new();
    bench.describe(Side::Left, "optout", |field| (field.updateable, field.createable) = (false, false));
    let mut entity = bench.linked(&[ANN, ("optout", "")]);
    bench.read(&mut entity, Side::Right, &[ANN, ("optout", "no")]);
    assert_eq!(want(&mut bench, &entity, Side::Left), Want::Nothing);
    assert_eq!(entity.fields["optout"].agreed, Some(text("no")));
    bench.later(60);
    bench.read(&mut entity, Side::Left, &[ANN, ("optout", "yes")]);
    bench.write(&mut entity, Side::Right);
    bench.read(&mut entity, Side::Right, &[ANN, ("optout", "yes")]);
    bench.later(60);
    bench.read(&mut entity, Side::Right, &[ANN, ("optout", "no")]);
    assert_eq!(entity.fields["optout"].golden, text("no"));
    let patch = bench.patch(&entity, Side::Left);
    assert_eq!(patch.problems.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["optout"]);
}

/// A mailing list takes an address with a new member, and changes it never: what is asked of the service
/// would be nonsense to it.
#[test]
fn what_is_given_at_creation_alone_is_no_change() {
    let mut bench = Bench::new();
    bench.describe(Side::Right, "city", |field| (field.updateable, field.createable) = (false, true));
    let mut entity = bench.linked(&[ANN, ("city", "Bonn")]);
    bench.read(&mut entity, Side::Left, &[ANN, ("city", "Rome")]);
    let patch = bench.write(&mut entity, Side::Right);
    assert_eq!((patch.changes.len(), patch.problems.len()), (0, 1));
    assert!(patch.problems[0].1.message.contains("never changed"), "{:?}", patch.problems);
    bench.read(&mut entity, Side::Left, &[ANN, ("city", "Bonn")]);
    assert_eq!(want(&mut bench, &entity, Side::Right), Want::Nothing);
}

/// The same of a consent: an open answer is given with the new record, since it can be.
#[test]
fn a_consent_that_is_given_at_creation_alone_is_given_then() {
    for (createable, given) in [(true, 1), (false, 0)] {
        let mut bench = Bench::new();
        bench.describe(Side::Right, "optout", |field| (field.updateable, field.createable) = (false, createable));
        let mut entity = bench.entity();
        bench.read(&mut entity, Side::Left, &[ANN, ("optout", "no")]);
        let draft = bench.decide(|context, _| draft(&entity, Side::Right, OBJECT, context));
        assert_eq!(draft.changes.iter().filter(|change| change.field == "optout").count(), given);
        assert_eq!(draft.problems, [], "nobody has to do anything about it");
    }
}

#[test]
fn what_a_place_cannot_hold_is_a_problem_and_waits_longer_each_time() {
    let mut bench = Bench::new();
    let mut entity = bench.linked(&[ANN, ("city", "Bonn")]);
    bench.describe(Side::Right, "city", |field| field.max_length = Some(5));
    bench.read(&mut entity, Side::Left, &[ANN, ("city", "Düsseldorf")]);
    for wait in [5, 10, 20] {
        let patch = bench.write(&mut entity, Side::Right);
        assert_eq!((patch.changes.len(), patch.problems.len()), (0, 1));
        assert_eq!(want(&mut bench, &entity, Side::Right), Want::Nothing);
        bench.later(wait * 60 - 30);
        assert_eq!(want(&mut bench, &entity, Side::Right), Want::Nothing, "before {wait} min");
        bench.later(60);
        assert_eq!(want(&mut bench, &entity, Side::Right), Want::Update, "after {wait} min");
    }
    bench.read(&mut entity, Side::Left, &[ANN, ("city", "Trier")]);
    assert_eq!(written(&bench.patch(&entity, Side::Right)), [("city", "Trier".to_owned())]);
}

#[test]
fn what_is_in_doubt_is_wanted_even_where_nothing_is_left_to_write() {
    let mut bench = Bench::new();
    let mut entity = bench.linked(&[ANN, ("city", "Bonn")]);
    bench.read(&mut entity, Side::Left, &[ANN, ("city", "Rome")]);
    let patch = bench.patch(&entity, Side::Right);
    bench.decide(|context, _| mark_sending(&mut entity, Side::Right, &patch, context));
    bench.later(60);
    bench.read(&mut entity, Side::Left, &[ANN, ("city", "Bonn")]);
    assert!(bench.patch(&entity, Side::Right).changes.is_empty());
    assert_eq!(want(&mut bench, &entity, Side::Right), Want::Update);
}

#[test]
fn what_was_answered_is_not_sent_again_and_what_was_not_answered_is_due() {
    let mut bench = Bench::new();
    let mut entity = bench.linked(&[ANN, ("city", "Bonn")]);
    bench.read(&mut entity, Side::Left, &[ANN, ("city", "Rome")]);
    let patch = bench.patch(&entity, Side::Right);
    bench.decide(|context, _| mark_sending(&mut entity, Side::Right, &patch, context));
    assert_eq!(bench.patch(&entity, Side::Right), patch, "nobody knows whether it arrived");
    bench.write(&mut entity, Side::Right);
    assert!(bench.patch(&entity, Side::Right).changes.is_empty(), "the next reading shows it");
    bench.later(60);
    bench.read(&mut entity, Side::Left, &[ANN, ("city", "Oslo")]);
    assert_eq!(written(&bench.patch(&entity, Side::Right)), [("city", "Oslo".to_owned())], "another value");
}

#[test]
fn a_draft_holds_what_is_golden_and_defaults_for_what_is_blank() {
    let mut bench = Bench::new();
    bench.rule("score").policy.flow = Flow::From(Side::Right);
    for (name, default) in [("city", "unknown"), ("score", "0")] {
        let places = &mut bench.rule(name).map.native.right;
        places.get_mut(OBJECT).expect("mapped").default = Some(default.into());
    }
    let mut entity = bench.entity();
    bench.read(&mut entity, Side::Left, &[ANN, ("city", ""), ("score", "7"), ("optout", "")]);
    let draft = bench.decide(|context, _| draft(&entity, Side::Right, OBJECT, context));
    let expected = [("email", "ann@example.com"), ("city", "unknown"), ("score", "0")];
    assert_eq!(written(&draft), expected.map(|(name, value)| (name, value.to_owned())));
}

#[test]
fn nobody_is_wanted_before_the_keys_were_read_and_matched() {
    let mut bench = Bench::new();
    let mut entity = bench.entity();
    bench.read(&mut entity, Side::Left, &[("city", "Bonn")]);
    entity.queued = false;
    assert_eq!(want(&mut bench, &entity, Side::Right), Want::Nothing, "the e-mail was not read");
    bench.read(&mut entity, Side::Left, &[ANN, ("city", "Bonn")]);
    assert_eq!(want(&mut bench, &entity, Side::Right), Want::Create);
    entity.queued = true;
    assert_eq!(want(&mut bench, &entity, Side::Right), Want::Nothing, "not matched");
}

#[test]
fn a_creation_in_doubt_is_known_by_what_was_sent_too() {
    let mut bench = Bench::new();
    let mut entity = bench.entity();
    bench.read(&mut entity, Side::Left, &[ANN]);
    entity.queued = false;
    let draft = bench.decide(|context, _| draft(&entity, Side::Right, OBJECT, context));
    bench.decide(|context, _| crate::merge::answer::mark_creating(&mut entity, Side::Right, OBJECT, &draft, context));
    bench.later(60);
    bench.read(&mut entity, Side::Left, &[("email", "ben@example.com")]);
    let known = bench.decide(|context, _| keys(&entity, &[0], context));
    assert_eq!(known.into_iter().collect::<Vec<_>>(), ["ann@example.com", "ben@example.com"]);
}
