//! What a reading settles, and what it leaves open: listings that lag, answers that show little, readings that wait.

use super::*;
use crate::{
    mapping::Problem,
    merge::{
        entity::{Parked, Presence},
        event::Spared,
        removal::Removal,
        secondary::{Secondary, fold_secondary},
    },
};

const ANN: (&str, &str) = ("email", "ann@example.com");

/// A listing without times cannot tell an edit from what stood there before one; any other can.
#[test]
fn a_listing_without_times_shows_no_edit() {
    for (city, has_time, folded) in [
        ("Bonn", false, Folded::Merged),
        ("Rome", false, Folded::Stale),
        ("Bonn", true, Folded::Merged),
        ("Rome", true, Folded::Merged),
    ] {
        let mut bench = Bench::new();
        let mut entity = bench.linked(&[ANN, ("city", "Bonn")]);
        let mut shown = record(&[ANN, ("city", city)], bench.now);
        shown.modified_at = shown.modified_at.filter(|_| has_time);
        assert_eq!(bench.read_as(&mut entity, Side::Left, Source::Listed, &shown), folded, "{city}, time: {has_time}");
    }
}

#[test]
fn a_listing_that_shows_neither_what_was_nor_what_we_wrote_shows_an_edit() {
    let mut bench = Bench::new();
    let mut entity = bench.linked(&[ANN, ("city", "Bonn")]);
    bench.read(&mut entity, Side::Left, &[ANN, ("city", "Rome")]);
    bench.write(&mut entity, Side::Right);
    let shown = record(&[ANN, ("city", "Oslo")], bench.now);
    assert_eq!(bench.read_as(&mut entity, Side::Right, Source::Listed, &shown), Folded::Merged);
    let field = &entity.fields["city"];
    assert_eq!((&field.golden, &field.agreed), (&text("Oslo"), &Some(text("Rome"))), "an edit of what we wrote");
    assert_eq!((&field.sides.left.edit, bench.conflicts()), (&None, 0), "the two came one after the other");
}

/// Asked for in the very moment in which our write was answered, it sees the write.
#[test]
fn what_was_asked_for_when_our_write_was_answered_is_believed() {
    let mut bench = Bench::new();
    let mut entity = bench.linked(&[ANN, ("city", "Bonn")]);
    bench.read(&mut entity, Side::Left, &[ANN, ("city", "Rome")]);
    bench.write(&mut entity, Side::Right);
    let shown = record(&[ANN, ("city", "Rome")], bench.now);
    let requested_at = entity.members.right.as_ref().and_then(|member| member.written_at).expect("written");
    let reading = Reading { record: &shown, requested_at, source: Source::Read };
    let folded = bench.decide(|context, ledger| fold(&mut entity, Side::Right, reading, context, ledger));
    assert_eq!((folded, entity.fields["city"].sides.right.sent.as_ref()), (Folded::Merged, None));
}

/// An answer carries what we wrote and nothing else, also where a missing field means a blank one.
#[test]
fn what_an_answer_leaves_out_is_not_blank() {
    let mut bench = Bench::new();
    bench.objects.right.get_mut(OBJECT).expect("the object").omits_blanks = true;
    let mut entity = bench.linked(&[ANN, ("city", "Bonn"), ("score", "1")]);
    bench.read(&mut entity, Side::Left, &[ANN, ("city", "Rome"), ("score", "1")]);
    let patch = bench.patch(&entity, Side::Right);
    bench.decide(|context, _| mark_sending(&mut entity, Side::Right, &patch, context));
    bench.later(1);
    let now = bench.now;
    let answer = record(&[("city", "Rome")], now);
    let written = Written { id: "1".into(), record: Some(answer), created: false };
    bench.decide(|context, ledger| updated(&mut entity, Side::Right, &written, now, context, ledger));
    assert_eq!(entity.fields["score"].golden, Value::Integer(1));
    assert_eq!(entity.fields["city"].agreed, Some(text("Rome")), "what it shows is settled");
}

/// The first reading after we wrote an e-mail shows what the service did with it; the answer to the write does not.
#[test]
fn our_email_is_remembered_until_the_record_was_read() {
    let mut bench = Bench::new();
    let mut entity = bench.linked(&[ANN, ("city", "Bonn"), ("optout", "yes")]);
    bench.read(&mut entity, Side::Left, &[("email", "ben@example.com"), ("city", "Bonn")]);
    let patch = bench.patch(&entity, Side::Right);
    bench.decide(|context, _| mark_sending(&mut entity, Side::Right, &patch, context));
    bench.later(1);
    let now = bench.now;
    let answer = record(&[("email", "ben@example.com")], now);
    let written = Written { id: "1".into(), record: Some(answer), created: false };
    bench.decide(|context, ledger| updated(&mut entity, Side::Right, &written, now, context, ledger));
    let remembers = |entity: &Entity| entity.members.right.as_ref().expect("linked").wrote_email;
    assert!(remembers(&entity));
    bench.later(1);
    bench.read(&mut entity, Side::Right, &[("email", "ben@example.com"), ("city", "Bonn"), ("optout", "no")]);
    assert!(!remembers(&entity));
    assert_eq!(entity.fields["optout"].golden, text("yes"), "what came with our e-mail loosens nothing");
    bench.later(60);
    bench.read(&mut entity, Side::Left, &[("email", "ben@example.com"), ("city", "Rome")]);
    bench.write(&mut entity, Side::Right);
    assert!(!remembers(&entity), "it wrote another field");
}

/// Somebody changed the record, mapped or not: what was refused may be taken now. Read again as it was, or changed by
/// us, it waits on.
#[test]
fn a_refused_record_is_tried_again_when_somebody_changed_it() {
    let ours = Some(Actor { name: "hymnal".into(), kind: ActorKind::Us });
    let eve = Some(Actor { name: "eve".into(), kind: ActorKind::Person });
    for (name, source, is_later, by, retried) in [
        ("changed by somebody", Source::Read, true, eve.clone(), true),
        ("as it was", Source::Read, false, eve.clone(), false),
        ("changed by us", Source::Read, true, ours, false),
        ("in the answer to our write", Source::Answer, true, eve, false),
    ] {
        let mut bench = Bench::new();
        let mut entity = bench.linked(&[ANN, ("city", "Bonn")]);
        bench.read(&mut entity, Side::Right, &[ANN, ("city", "Rome")]);
        let since = bench.now;
        let problem = Problem { code: "X".into(), message: "no".into(), hint: String::new() };
        let next_try = since.checked_add(SignedDuration::from_hours(9)).ok();
        entity.parked.left = Some(Parked { problem, since, tries: 1, next_try, dismissed_by: None });
        bench.later(60);
        let modified_at = if is_later { bench.now } else { since };
        let shown = Record { modified_by: by, ..record(&[ANN, ("city", "Rome")], modified_at) };
        assert_eq!(bench.read_as(&mut entity, Side::Right, source, &shown), Folded::Merged, "{name}");
        let parked = entity.parked.left.as_ref().expect("not written yet");
        assert_eq!(parked.next_try, if retried { Some(bench.now) } else { next_try }, "{name}");
    }
}

/// The rules have changed, and can read now what they could not.
#[test]
fn what_the_new_rules_understand_is_a_value() {
    let mut bench = Bench::new();
    let mut entity = bench.linked(&[ANN, ("score", "1")]);
    bench.read(&mut entity, Side::Left, &[ANN, ("score", "many")]);
    assert_eq!(entity.fields["score"].golden, Value::Integer(1));
    bench.rule("score").map.kind = FieldType::Text;
    bench.later(60);
    bench.read(&mut entity, Side::Left, &[ANN, ("score", "many")]);
    assert_eq!(entity.fields["score"].sides.left.mark, None);
    assert_eq!(entity.fields["score"].golden, text("many"));
}

/// Two values wait for a person. Who goes back to what was agreed, and then enters another one, has not seen the other
/// side's: that one still waits.
#[test]
fn an_edit_that_waits_for_a_person_is_not_delivered_by_who_went_back() {
    let mut bench = Bench::new();
    bench.rule("city").policy.on_conflict = OnConflict::Manual;
    let mut entity = bench.linked(&[ANN, ("city", "Bonn")]);
    bench.read(&mut entity, Side::Left, &[ANN, ("city", "Rome")]);
    for city in ["Oslo", "Bonn", "Kiel"] {
        bench.read(&mut entity, Side::Right, &[ANN, ("city", city)]);
        bench.later(60);
    }
    let field = &entity.fields["city"];
    assert_eq!(field.sides.left.edit.as_ref().map(|edit| &edit.value), Some(&text("Rome")));
    assert!(field.conflict.is_some());
}

/// Nobody knows whether `Rome` arrived: whoever goes on to `Oslo` edits what both stood at.
#[test]
fn what_nobody_answered_was_not_delivered() {
    let mut bench = Bench::new();
    let mut entity = bench.linked(&[ANN, ("city", "Bonn")]);
    bench.read(&mut entity, Side::Left, &[ANN, ("city", "Rome")]);
    let patch = bench.patch(&entity, Side::Right);
    bench.decide(|context, _| mark_sending(&mut entity, Side::Right, &patch, context));
    bench.later(60);
    bench.read(&mut entity, Side::Left, &[ANN, ("city", "Oslo")]);
    let field = &entity.fields["city"];
    assert_eq!(field.agreed, Some(text("Bonn")));
    assert_eq!(field.sides.left.edit.as_ref().and_then(|edit| edit.before.clone()), Some(text("Bonn")));
}

/// The same for a further record: what a listing shows of one that was away, or what is older than our write, is a hint.
#[test]
fn a_further_record_that_was_away_is_back_when_it_is_read_by_its_id() {
    let away = |now| Presence::NotVisible { seen_at: now };
    for (name, source, is_away, is_old, folded, again) in [
        ("listed", Source::Listed, false, false, Folded::Merged, 0),
        ("listed, and it was away", Source::Listed, true, false, Folded::Stale, 0),
        ("read, and it was away", Source::Read, true, false, Folded::Merged, 1),
        ("read before our write", Source::Read, false, true, Folded::Stale, 0),
        ("listed before our write", Source::Listed, false, true, Folded::Stale, 0),
        ("the answer to our write", Source::Answer, false, true, Folded::Merged, 0),
    ] {
        let mut bench = Bench::new();
        let mut entity = bench.linked(&[ANN, ("optout", "no")]);
        let address = Address::new(OBJECT, "7");
        entity.secondaries.right.push(Secondary::unread(address.clone(), bench.now));
        let shown = Record { address, ..record(&[ANN, ("optout", "no")], bench.now) };
        let member = &mut entity.secondaries.right[0].member;
        if is_away {
            member.presence = away(bench.now);
        }
        if is_old {
            member.written_at = bench.now.checked_add(SignedDuration::from_secs(1)).ok();
        }
        bench.events.clear();
        let reading = Reading { record: &shown, requested_at: bench.now, source };
        let got = bench.decide(|context, ledger| fold_secondary(&mut entity, Side::Right, reading, context, ledger));
        assert_eq!(got, folded, "{name}");
        let seen = bench.events.iter().filter(|event| matches!(event, Event::SeenAgain { .. })).count();
        assert_eq!(seen, again, "{name}");
    }
}

/// The left was deleted, and the right is to follow, unless somebody worked on it since.
#[test]
fn who_was_worked_on_after_the_deletion_was_seen_is_spared() {
    for (seconds, spared) in [(-60, false), (0, false), (1, true)] {
        let mut bench = Bench::new();
        let mut entity = bench.linked(&[ANN, ("city", "Bonn")]);
        let seen_at = bench.now;
        entity.members.left = None;
        entity.removing.right = Some(Removal { of: Address::new(OBJECT, "1"), seen_at, in_doubt: false });
        let changed = seen_at.checked_add(SignedDuration::from_secs(seconds)).expect("the same day");
        entity.members.right.as_mut().expect("linked").modified_at = Some(changed);
        bench.decide(|context, ledger| crate::merge::decide::decide(&mut entity, context, ledger));
        assert_eq!(entity.removing.right.is_none(), spared, "{seconds}");
        let told = bench.events.iter().any(|event| matches!(event, Event::Spared { why: Spared::Edited, .. }));
        assert_eq!(told, spared, "{seconds}");
    }
}
