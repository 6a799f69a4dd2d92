//! What waits on further records of a person: held by a guard, or set aside because a service refuses it.

use hymnal_sdk::{Error, Kind};

use super::*;
use crate::merge::{
    entity::{Mark, Parked},
    guard::{GuardKind, kinds_of_secondary},
    held::{Answer, Gate, answer, hold_secondary, pass_secondaries},
    parked::{Handling, Parking, Signature, handle, waiting, words},
    secondary::{Secondary, fold_secondary, mark_secondary, secondary_patch, secondary_refused},
};

const SIDE: Side = Side::Right;
const HELD: Gate = Gate::Held { hold: 3, entry: 1 };

fn elsewhere() -> Address {
    Address::new(OBJECT, "7")
}

/// A person who unsubscribed on the left, with a further record on the right on which that is still to be written.
fn with_a_duplicate(bench: &mut Bench) -> Entity {
    let mut entity = bench.linked(&[("email", "a@example.com"), ("optout", "yes")]);
    add(bench, &mut entity, elsewhere());
    entity
}

fn add(bench: &mut Bench, entity: &mut Entity, address: Address) {
    entity.secondaries[SIDE].push(Secondary::unread(address.clone(), bench.now));
    let record = Record { address, ..record(&[("email", "a@example.com"), ("optout", "no")], bench.now) };
    let reading = Reading { record: &record, requested_at: bench.now, source: Source::Read };
    bench.decide(|context, ledger| fold_secondary(entity, SIDE, reading, context, ledger));
    bench.later(60);
}

fn due(bench: &mut Bench, entity: &Entity) -> Patch {
    bench.decide(|context, _| secondary_patch(entity, SIDE, &entity.secondaries[SIDE][0], context))
}

fn hold(bench: &mut Bench, entity: &mut Entity, kind: GuardKind) -> Patch {
    let mut patch = due(bench, entity);
    bench.decide(|context, _| hold_secondary(entity, SIDE, &elsewhere(), (kind, HELD), &mut patch, context));
    patch
}

/// The service refuses what is due, in these words.
fn refuse(bench: &mut Bench, entity: &mut Entity, error: &Error) {
    let patch = due(bench, entity);
    assert_eq!(patch.changes.len(), 1);
    bench.decide(|context, _| mark_secondary(entity, SIDE, &elsewhere(), &patch, context));
    bench.decide(|context, ledger| secondary_refused(entity, SIDE, &elsewhere(), error, context, ledger));
}

fn bad_value() -> Error {
    Error::new(Kind::RejectedField, "INVALID", "no such choice").about("optout")
}

fn bad_record() -> Error {
    Error::new(Kind::RejectedRecord, "REQUIRED", "a field that is not mapped is missing")
}

fn signature(what: Parking, field: &str, code: &str) -> Signature {
    Signature { side: SIDE, object: OBJECT.into(), what, field: field.into(), code: code.into() }
}

fn parked_field(entity: &Entity, at: usize) -> &Parked {
    match &entity.secondaries[SIDE][at].fields["optout"].mark {
        Some(Mark::Parked { parked, .. }) => parked,
        other => panic!("not parked: {other:?}"),
    }
}

#[test]
fn a_guard_holds_its_kind_on_a_duplicate_and_nothing_else() {
    let mut bench = Bench::new();
    let mut entity = with_a_duplicate(&mut bench);
    assert_eq!(hold(&mut bench, &mut entity, GuardKind::OptIns).changes.len(), 1, "another kind");
    assert!(entity.held(SIDE).is_empty());
    assert!(hold(&mut bench, &mut entity, GuardKind::OptOuts).changes.is_empty());
    assert_eq!(entity.held(SIDE).into_iter().collect::<Vec<_>>(), [(3, 1)]);
}

#[test]
fn what_was_let_through_on_a_duplicate_is_not_held_again() {
    let mut bench = Bench::new();
    let mut entity = with_a_duplicate(&mut bench);
    hold(&mut bench, &mut entity, GuardKind::OptOuts);
    bench.decide(|context, _| answer(&mut entity, SIDE, 3, (1, Answer::Approved), context));
    assert_eq!(hold(&mut bench, &mut entity, GuardKind::OptOuts).changes.len(), 1);
    assert!(entity.held(SIDE).is_empty());
}

#[test]
fn what_is_held_on_a_duplicate_is_held_for_that_value_only() {
    let mut bench = Bench::new();
    let mut entity = with_a_duplicate(&mut bench);
    hold(&mut bench, &mut entity, GuardKind::OptOuts);
    bench.read(&mut entity, Side::Left, &[("email", "a@example.com"), ("optout", "yes")]);
    assert_eq!(entity.held(SIDE).len(), 1, "read again, it still waits");
    bench.later(60);
    bench.read(&mut entity, Side::Left, &[("email", "a@example.com"), ("optout", "no")]);
    assert_eq!(entity.fields["optout"].golden, text("no"));
    assert_eq!(entity.secondaries[SIDE][0].fields["optout"].gate, None);
}

#[test]
fn a_value_refused_on_a_duplicate_waits_longer_each_time() {
    let mut bench = Bench::new();
    let mut entity = with_a_duplicate(&mut bench);
    refuse(&mut bench, &mut entity, &bad_value());
    let first = parked_field(&entity, 0).clone();
    assert_eq!((first.tries, first.since), (1, bench.now));
    assert!(due(&mut bench, &entity).changes.is_empty(), "its time has not come");
    bench.later(600);
    refuse(&mut bench, &mut entity, &bad_value());
    let second = parked_field(&entity, 0);
    assert_eq!((second.tries, second.since), (2, first.since));
    assert!(second.next_try > first.next_try);
}

/// A person decided that it may be written before a guard had looked at it: what they did not speak of is still counted.
#[test]
fn what_is_let_go_beforehand_is_not_held_on_a_duplicate() {
    let mut bench = Bench::new();
    let mut entity = with_a_duplicate(&mut bench);
    let counted = |bench: &mut Bench, entity: &Entity| -> Vec<GuardKind> {
        let patch = due(bench, entity);
        let kinds = bench.decide(|context, _| kinds_of_secondary(entity, SIDE, &elsewhere(), &patch, context));
        kinds.into_iter().map(|(kind, _)| kind).collect()
    };
    assert!(!bench.decide(|context, _| pass_secondaries(&mut entity, SIDE, &[GuardKind::Updates], context)));
    assert_eq!(counted(&mut bench, &entity), [GuardKind::OptOuts]);
    assert!(bench.decide(|context, _| pass_secondaries(&mut entity, SIDE, &[GuardKind::OptOuts], context)));
    assert_eq!(counted(&mut bench, &entity), []);
    assert_eq!(hold(&mut bench, &mut entity, GuardKind::OptOuts).changes.len(), 1);
}

/// What was refused was another value: its count and its age say nothing about this one.
#[test]
fn another_value_refused_on_a_duplicate_begins_anew() {
    let mut bench = Bench::new();
    let mut entity = with_a_duplicate(&mut bench);
    refuse(&mut bench, &mut entity, &bad_value());
    bench.later(600);
    let holding = entity.secondaries[SIDE][0].fields.get_mut("optout").expect("read");
    let Some(Mark::Parked { golden, .. }) = &mut holding.mark else { panic!("not parked") };
    *golden = Some(text("no"));
    refuse(&mut bench, &mut entity, &bad_value());
    assert_eq!((parked_field(&entity, 0).tries, parked_field(&entity, 0).since), (1, bench.now));
}

#[test]
fn what_is_set_aside_on_a_duplicate_is_shown_with_its_words() {
    let both = [(bad_value(), Parking::Field, "optout", "INVALID"), (bad_record(), Parking::Record, "", "REQUIRED")];
    for (error, what, field, code) in both {
        let mut bench = Bench::new();
        let mut entity = with_a_duplicate(&mut bench);
        refuse(&mut bench, &mut entity, &error);
        let shown = bench.decide(|context, _| waiting(&entity, context));
        let signature = signature(what, field, code);
        assert_eq!(shown.iter().map(|one| &one.signature).collect::<Vec<_>>(), [&signature]);
        assert_eq!(shown[0].secondary, Some(elsewhere()));
        let (problem, since) = words(&entity, &signature).expect("its words");
        assert_eq!((problem.message.as_str(), since), (error.message.as_str(), Some(bench.now)));
    }
}

#[test]
fn a_consent_on_a_duplicate_that_cannot_be_understood_is_shown() {
    let mut bench = Bench::new();
    bench.rule("optout").map.kind = FieldType::Bool;
    bench.rule("optout").policy.consent =
        Some(Consent { steps: vec![Value::Bool(false), Value::Bool(true)], may_loosen: Pair::new(true, true) });
    let mut entity = bench.linked(&[("email", "a@example.com"), ("optout", "true")]);
    entity.secondaries[SIDE].push(Secondary::unread(elsewhere(), bench.now));
    let record = Record { address: elsewhere(), ..record(&[("optout", "perhaps")], bench.now) };
    let reading = Reading { record: &record, requested_at: bench.now, source: Source::Read };
    bench.decide(|context, ledger| fold_secondary(&mut entity, SIDE, reading, context, ledger));
    let shown = bench.decide(|context, _| waiting(&entity, context));
    let whats: Vec<(Parking, &str)> = shown.iter().map(|one| (one.signature.what, &*one.signature.field)).collect();
    assert_eq!(whats, [(Parking::Unreadable, "optout")]);
    assert!(words(&entity, &shown[0].signature).is_some());
}

#[test]
fn what_is_set_aside_on_a_duplicate_is_retried_or_dismissed_by_a_person() {
    let both = [(bad_value(), Parking::Field, "optout", "INVALID"), (bad_record(), Parking::Record, "", "REQUIRED")];
    for (error, what, field, code) in both {
        let mut bench = Bench::new();
        let mut entity = with_a_duplicate(&mut bench);
        refuse(&mut bench, &mut entity, &error);
        let signatures = [signature(what, field, code)];
        let mut retried = entity.clone();
        let events = bench.decide(|context, _| handle(&mut retried, &signatures, Handling::Retry, "eve", context));
        assert_eq!(events.len(), 1);
        assert_eq!(due(&mut bench, &retried).changes.len(), 1, "it is due at once");

        bench.decide(|context, _| handle(&mut entity, &signatures, Handling::Dismiss, "eve", context));
        assert!(bench.decide(|context, _| waiting(&entity, context)).is_empty());
        bench.later(100_000);
        assert!(due(&mut bench, &entity).changes.is_empty(), "left as it is");
    }
}

/// A duplicate of another object may have been refused for another reason: the person answered for this one.
#[test]
fn what_is_set_aside_on_a_duplicate_of_another_object_is_another_matter() {
    let mut bench = Bench::new();
    let mut entity = with_a_duplicate(&mut bench);
    refuse(&mut bench, &mut entity, &bad_value());
    let mut other = entity.secondaries[SIDE][0].clone();
    other.member.address.object = "leads".into();
    entity.secondaries[SIDE].push(other);
    let signatures = [signature(Parking::Field, "optout", "INVALID")];
    bench.decide(|context, _| handle(&mut entity, &signatures, Handling::Dismiss, "eve", context));
    assert_eq!(parked_field(&entity, 0).dismissed_by.as_deref(), Some("eve"));
    assert_eq!(parked_field(&entity, 1).dismissed_by, None);
}

/// The service answered success and did nothing: tried again it is written, dismissed it stays as it stands.
#[test]
fn what_a_service_ignores_is_retried_or_dismissed_by_a_person() {
    let mut bench = Bench::new();
    let mut entity = bench.linked(&[("email", "a@example.com"), ("city", "Bonn")]);
    bench.read(&mut entity, Side::Left, &[("email", "a@example.com"), ("city", "Rome")]);
    bench.write(&mut entity, SIDE);
    bench.later(600);
    bench.read(&mut entity, SIDE, &[("email", "a@example.com"), ("city", "Bonn")]);
    assert!(matches!(entity.fields["city"].sides[SIDE].mark, Some(Mark::Ignored { .. })));
    let signatures = [signature(Parking::Ignored, "city", "ignored")];
    let mut retried = entity.clone();
    bench.decide(|context, _| handle(&mut retried, &signatures, Handling::Retry, "eve", context));
    assert_eq!(bench.patch(&retried, SIDE).changes.len(), 1);

    bench.decide(|context, _| handle(&mut entity, &signatures, Handling::Dismiss, "eve", context));
    assert!(matches!(entity.fields["city"].sides[SIDE].mark, Some(Mark::Kept { .. })));
    assert!(bench.patch(&entity, SIDE).changes.is_empty());
    assert!(bench.decide(|context, _| waiting(&entity, context)).is_empty());
}
