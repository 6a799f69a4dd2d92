//! A reading folded into its entity: echo, edit, image, or nothing that can be relied upon.

use super::*;
use crate::merge::{
    Evidence,
    entity::{Mark, Presence},
};

const ANN: (&str, &str) = ("email", "ann@example.com");

#[test]
fn the_same_again_is_no_edit_and_changes_nothing_but_the_time_of_the_reading() {
    let mut bench = Bench::new();
    let mut entity = bench.linked(&[ANN, ("city", "Bonn")]);
    let before = entity.clone();
    for value in ["Bonn", " Bonn ", "Bonn"] {
        let same = record(&[("email", "ANN@example.com"), ("city", value)], time("10:00:00"));
        assert_eq!(bench.read_as(&mut entity, Side::Left, Source::Listed, &same), Folded::Merged);
    }
    entity.members.left.as_mut().expect("linked").read_at = before.members.left.as_ref().expect("linked").read_at;
    assert_eq!(entity, before);
}

#[test]
fn what_was_asked_for_before_our_write_was_answered_says_nothing() {
    let mut bench = Bench::new();
    let mut entity = bench.linked(&[ANN, ("city", "Bonn")]);
    bench.read(&mut entity, Side::Left, &[ANN, ("city", "Rome")]);
    let asked = bench.now;
    bench.write(&mut entity, Side::Right);
    let before = entity.clone();
    let late = record(&[ANN, ("city", "Bonn")], asked);
    let reading = Reading { record: &late, requested_at: asked, source: Source::Read };
    let folded = bench.decide(|context, ledger| fold(&mut entity, Side::Right, reading, context, ledger));
    assert_eq!((folded, &entity), (Folded::Stale, &before));
}

#[test]
fn what_is_older_than_what_was_merged_says_nothing() {
    let mut bench = Bench::new();
    let mut entity = bench.linked(&[ANN, ("city", "Bonn")]);
    let old = record(&[ANN, ("city", "Rome")], time("09:59:59"));
    for source in [Source::Listed, Source::Read] {
        assert_eq!(bench.read_as(&mut entity, Side::Left, source, &old), Folded::Stale);
    }
}

/// A write in doubt and a write that seems to be ignored are settled by a read by id alone: a listing may lag.
#[test]
fn a_listing_settles_no_write_that_seems_not_to_have_happened() {
    let mut bench = Bench::new();
    let mut entity = bench.linked(&[ANN, ("city", "Bonn")]);
    bench.read(&mut entity, Side::Left, &[ANN, ("city", "Rome")]);
    bench.write(&mut entity, Side::Right);
    let unchanged = record(&[ANN, ("city", "Bonn")], bench.now);
    assert_eq!(bench.read_as(&mut entity, Side::Right, Source::Listed, &unchanged), Folded::Stale);
    assert_eq!(bench.read_as(&mut entity, Side::Right, Source::Read, &unchanged), Folded::Merged);
    let mark = &entity.fields["city"].sides.right.mark;
    assert!(matches!(mark, Some(Mark::Ignored { golden }) if *golden == text("Rome")), "{mark:?}");
    assert!(bench.patch(&entity, Side::Right).changes.is_empty());
}

#[test]
fn a_listing_does_not_bring_back_who_was_deleted() {
    let mut bench = Bench::new();
    let mut entity = bench.linked(&[ANN]);
    let seen_at = bench.now;
    entity.members.left.as_mut().expect("linked").presence = Presence::Deleted { seen_at };
    let shown = record(&[ANN], bench.now);
    assert_eq!(bench.read_as(&mut entity, Side::Left, Source::Listed, &shown), Folded::Stale);
    assert_eq!(bench.read_as(&mut entity, Side::Left, Source::Read, &shown), Folded::Merged);
    assert_eq!(entity.members.left.expect("linked").presence, Presence::Seen);
}

#[test]
fn a_write_in_doubt_that_did_not_happen_is_due_again() {
    let mut bench = Bench::new();
    let mut entity = bench.linked(&[ANN, ("city", "Bonn")]);
    bench.read(&mut entity, Side::Left, &[ANN, ("city", "Rome")]);
    let patch = bench.patch(&entity, Side::Right);
    bench.decide(|context, _| mark_sending(&mut entity, Side::Right, &patch, context));
    bench.later(1);
    bench.read(&mut entity, Side::Right, &[ANN, ("city", "Bonn")]);
    assert_eq!(entity.fields["city"].sides.right.mark, None);
    assert_eq!(bench.patch(&entity, Side::Right), patch);
}

#[test]
fn a_write_in_doubt_that_happened_is_our_own_whoever_the_service_names() {
    let mut bench = Bench::new();
    let mut entity = bench.linked(&[ANN, ("city", "Bonn")]);
    bench.read(&mut entity, Side::Left, &[ANN, ("city", "Rome")]);
    let patch = bench.patch(&entity, Side::Right);
    bench.decide(|context, _| mark_sending(&mut entity, Side::Right, &patch, context));
    bench.later(1);
    bench.read(&mut entity, Side::Right, &[ANN, ("city", "Rome")]);
    let field = &entity.fields["city"];
    assert_eq!(field.agreed, Some(text("Rome")));
    assert!(field.sides.iter().all(|(_, holding)| holding.edit.is_none() && holding.sent.is_none()));
}

#[test]
fn a_poorer_form_is_kept_there_and_not_taken() {
    let mut bench = Bench::new();
    let mut entity = bench.linked(&[ANN, ("city", "Bonn")]);
    bench.read(&mut entity, Side::Left, &[ANN, ("city", "Düsseldorf")]);
    bench.write(&mut entity, Side::Right);
    bench.read(&mut entity, Side::Right, &[ANN, ("city", "Düssel")]);
    let field = &entity.fields["city"];
    assert_eq!((&field.golden, &field.agreed), (&text("Düsseldorf"), &Some(text("Düsseldorf"))));
    assert!(bench.patch(&entity, Side::Right).changes.is_empty());
    assert!(bench.patch(&entity, Side::Left).changes.is_empty());
}

#[test]
fn what_is_masked_or_left_out_is_not_blank() {
    let mut bench = Bench::new();
    let mut entity = bench.linked(&[ANN, ("city", "Bonn")]);
    for values in [&[ANN, ("city", "***")][..], &[ANN][..]] {
        bench.later(60);
        bench.read(&mut entity, Side::Left, values);
        assert_eq!(entity.fields["city"].golden, text("Bonn"));
    }
    bench.objects.left.get_mut(OBJECT).expect("the object").omits_blanks = true;
    bench.read(&mut entity, Side::Left, &[ANN]);
    assert_eq!(entity.fields["city"].golden, Value::Blank);
}

#[test]
fn an_edit_of_an_undelivered_edit_keeps_what_was_there_before_both() {
    let mut bench = Bench::new();
    let mut entity = bench.linked(&[ANN, ("city", "Bonn")]);
    for city in ["Rome", "Oslo"] {
        bench.read(&mut entity, Side::Left, &[ANN, ("city", city)]);
        bench.later(60);
    }
    let edit = entity.fields["city"].sides.left.edit.clone().expect("not delivered");
    assert_eq!((edit.value, edit.before), (text("Oslo"), Some(text("Bonn"))));
}

/// The right answered that it took `Rome`, and has not been read since: whoever goes back to `Bonn` edits `Rome`.
#[test]
fn what_the_other_side_answered_to_have_taken_was_delivered() {
    let mut bench = Bench::new();
    let mut entity = bench.linked(&[ANN, ("city", "Bonn")]);
    bench.read(&mut entity, Side::Left, &[ANN, ("city", "Rome")]);
    bench.write(&mut entity, Side::Right);
    bench.read(&mut entity, Side::Left, &[ANN, ("city", "Bonn")]);
    let field = &entity.fields["city"];
    assert_eq!(field.agreed, Some(text("Rome")));
    assert_eq!(field.sides.left.edit.as_ref().map(|edit| edit.value.clone()), Some(text("Bonn")));
    bench.later(60);
    bench.read(&mut entity, Side::Right, &[ANN, ("city", "Oslo")]);
    assert_eq!(bench.conflicts(), 1);
    assert_eq!(entity.fields["city"].golden, text("Oslo"), "the later one");
}

/// An answer carries what we wrote and nothing else: what a person did to other fields before it lies before it.
#[test]
fn an_answer_counts_as_no_reading_of_the_record() {
    let mut bench = Bench::new();
    let mut entity = bench.linked(&[ANN, ("city", "Bonn"), ("score", "1")]);
    bench.read(&mut entity, Side::Left, &[ANN, ("city", "Rome"), ("score", "1")]);
    let read_at = entity.members.right.as_ref().expect("linked").read_at;
    let patch = bench.patch(&entity, Side::Right);
    bench.decide(|context, _| mark_sending(&mut entity, Side::Right, &patch, context));
    bench.later(5);
    let unknown = |record: Record| Record { modified_by: None, ..record };
    let answer = unknown(record(&[("city", "Rome")], bench.now));
    let written = Written { id: "1".into(), record: Some(answer), created: false };
    let now = bench.now;
    bench.decide(|context, ledger| updated(&mut entity, Side::Right, &written, now, context, ledger));
    bench.later(5);
    let shown = unknown(record(&[ANN, ("city", "Rome"), ("score", "2")], now));
    bench.read_as(&mut entity, Side::Right, Source::Read, &shown);
    let edit = entity.fields["score"].sides.right.edit.as_ref().expect("a person's");
    assert_eq!(edit.evidence, Evidence::Record { after: Some(read_at), until: now });
}

#[test]
fn our_own_login_proves_nothing_of_a_persons_time() {
    let mut bench = Bench::new();
    let mut entity = bench.linked(&[ANN, ("city", "Bonn")]);
    let by = Some(Actor { name: "hymnal".into(), kind: ActorKind::Us });
    let shown = Record { modified_by: by, ..record(&[ANN, ("city", "Rome")], bench.now) };
    bench.read_as(&mut entity, Side::Left, Source::Read, &shown);
    let edit = entity.fields["city"].sides.left.edit.as_ref().expect("a person's");
    assert_eq!(edit.evidence, Evidence::None);
}

#[test]
fn what_changes_with_the_email_came_with_it() {
    let mut bench = Bench::new();
    let mut entity = bench.linked(&[ANN, ("optout", "yes")]);
    bench.read(&mut entity, Side::Left, &[("email", "ben@example.com"), ("optout", "no")]);
    assert_eq!(entity.fields["optout"].golden, text("yes"));
    bench.later(60);
    bench.read(&mut entity, Side::Left, &[("email", "ben@example.com"), ("optout", "yes")]);
    bench.later(60);
    bench.read(&mut entity, Side::Left, &[("email", "ben@example.com"), ("optout", "no")]);
    assert_eq!(entity.fields["optout"].golden, text("no"), "by itself, it is a person's");
}

/// The same reading that shows our e-mail, whose answer was lost, shows what the service did with it.
#[test]
fn what_changes_with_an_email_in_doubt_came_with_it() {
    let mut bench = Bench::new();
    let mut entity = bench.linked(&[ANN, ("optout", "yes")]);
    bench.read(&mut entity, Side::Left, &[("email", "ben@example.com"), ("optout", "yes")]);
    let patch = bench.patch(&entity, Side::Right);
    bench.decide(|context, _| mark_sending(&mut entity, Side::Right, &patch, context));
    bench.later(5);
    bench.read(&mut entity, Side::Right, &[("email", "ben@example.com"), ("optout", "no")]);
    assert_eq!(entity.fields["optout"].golden, text("yes"));
}

#[test]
fn what_cannot_be_understood_is_neither_taken_nor_overwritten() {
    let mut bench = Bench::new();
    let mut entity = bench.linked(&[ANN, ("score", "1")]);
    bench.read(&mut entity, Side::Left, &[ANN, ("score", "many")]);
    assert_eq!(entity.fields["score"].golden, Value::Integer(1));
    bench.later(60);
    bench.read(&mut entity, Side::Right, &[ANN, ("score", "2")]);
    for side in Side::BOTH {
        assert!(bench.patch(&entity, side).changes.is_empty(), "{side:?}: the edit waits");
    }
    let before = entity.clone();
    bench.read(&mut entity, Side::Left, &[ANN, ("score", "many")]);
    assert_eq!(entity.fields, before.fields, "read again, nothing changes");
}
