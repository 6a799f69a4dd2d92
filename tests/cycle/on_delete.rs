//! What a deletion on one side does on the other, for each of the five words of `on_delete`.

use std::{sync::Arc, time::Duration};

use hymnal::{
    cycle::report::Written,
    merge::{Event, OnDelete, Side, event::Spared},
};
use hymnal_memory::{Fault, Method};
use hymnal_sdk::Gone;

use super::stage::{Fuse, Shape, Stage, object};

const ANN: &str = "ann@example.com";
const GRACE: Duration = Duration::from_mins(20);

/// A deletion seen on the left does this on the right.
fn shape(rule: OnDelete) -> Shape {
    let mut shape = Shape::default();
    shape.rules.on_delete.left = rule;
    shape
}

async fn deleted(stage: &Stage) -> hymnal::merge::Pair<String> {
    let ids = stage.linked(&[("email", ANN), ("city", "Bonn"), ("optout", "no")]).await;
    stage.people.left.delete(object(Side::Left), &ids.left).expect("a record");
    ids
}

fn live(stage: &Stage, side: Side) -> usize {
    stage.people[side].live(object(side)).len()
}

#[tokio::test]
async fn who_is_deleted_is_deleted_on_the_other_side_after_the_grace() {
    for rule in [OnDelete::Archive, OnDelete::Delete] {
        let stage = shape(rule).stage();
        let ids = deleted(&stage).await;
        stage.settle().await;
        assert_eq!(live(&stage, Side::Right), 1, "{rule:?}: in its grace");
        stage.clock.forward(GRACE);
        stage.settle().await;
        let row = stage.people.right.row(object(Side::Right), &ids.right).expect("in the bin");
        assert!(row.deleted_at.is_some(), "{rule:?}");
        stage.check().await;
        assert_eq!(live(&stage, Side::Left) + live(&stage, Side::Right), 0, "{rule:?}: nobody is made again");
    }
}

/// Both directions delete, and the deletion that we made on the other side is no reason to delete anything.
#[tokio::test]
async fn a_deletion_of_ours_does_not_travel_back() {
    let mut shape = shape(OnDelete::Archive);
    shape.rules.on_delete.right = OnDelete::Archive;
    let stage = shape.stage();
    let ids = deleted(&stage).await;
    stage.settle().await;
    stage.clock.forward(GRACE);
    stage.settle().await;
    stage.people.left.restore(object(Side::Left), &ids.left).expect("from the bin");
    stage.settle().await;
    stage.clock.forward(GRACE);
    stage.settle().await;
    assert_eq!((live(&stage, Side::Left), live(&stage, Side::Right)), (1, 0), "restored there, and not deleted again");
    stage.people.right.restore(object(Side::Right), &ids.right).expect("from the bin");
    stage.settle().await;
    let entity = stage.entity(Side::Left, &ids.left);
    assert_eq!(entity.members.right.map(|member| member.address.id), Some(ids.right), "both are linked as before");
    stage.check().await;
}

/// A plan says whom it would delete, and by which rule, before anything is deleted.
#[tokio::test]
async fn a_deletion_is_planned_before_it_is_done() {
    let stage = shape(OnDelete::Archive).stage();
    let ids = deleted(&stage).await;
    stage.settle().await;
    stage.clock.forward(GRACE);
    stage.people.right.plant(Fault::Refused, 1, Method::Delete);
    stage.cycle().await;
    let plan = stage.sync.preview().await.expect("a store in memory");
    let deletes = &plan[1].deletes;
    assert_eq!((deletes.count, plan[0].deletes.count, plan[1].updates), (1, 0, 0));
    assert_eq!(deletes.samples[0].record, format!("{}/{}", object(Side::Right), ids.right));
    assert_eq!(deletes.samples[0].rule, "on_delete = archive");
}

#[tokio::test]
async fn who_is_merely_unlinked_stays_on_the_other_side() {
    let stage = shape(OnDelete::Unlink).stage();
    deleted(&stage).await;
    stage.settle().await;
    stage.clock.forward(GRACE);
    stage.settle().await;
    assert_eq!((live(&stage, Side::Left), live(&stage, Side::Right)), (0, 1));
    stage.check().await;
}

/// Whoever deleted the left record had not seen what was entered on the right.
#[tokio::test]
async fn who_was_edited_on_the_other_side_is_not_deleted_there() {
    for edited_first in [true, false] {
        let stage = shape(OnDelete::Delete).stage();
        let ids = stage.linked(&[("email", ANN), ("city", "Bonn")]).await;
        if edited_first {
            stage.people.left.plant(Fault::Refused, 1000, Method::Update);
            stage.edit(Side::Right, &ids.right, &[("city", "Rome")]);
            stage.cycle().await;
            stage.people.left.delete(object(Side::Left), &ids.left).expect("a record");
            stage.cycle().await;
            stage.people.left.lift_faults();
        } else {
            stage.people.left.delete(object(Side::Left), &ids.left).expect("a record");
            stage.cycle().await;
            stage.edit(Side::Right, &ids.right, &[("city", "Rome")]);
        }
        stage.settle().await;
        stage.clock.forward(GRACE);
        stage.settle().await;
        assert_eq!(stage.value(Side::Right, &ids.right, "city"), "Rome");
        assert_eq!((live(&stage, Side::Left), live(&stage, Side::Right)), (0, 1), "edited first: {edited_first}");
        assert_eq!(stage.spared(), [Spared::Edited]);
        stage.check().await;
    }
}

/// The edit comes after the grace, while the deletion waits for a service that is down.
#[tokio::test]
async fn the_reading_before_a_deletion_sees_the_last_edit() {
    let stage = shape(OnDelete::Delete).stage();
    let ids = deleted(&stage).await;
    stage.settle().await;
    stage.clock.forward(GRACE);
    stage.people.right.plant(Fault::Refused, 1000, Method::Delete);
    stage.cycle().await;
    stage.people.right.plant(Fault::Refused, 1000, Method::List);
    stage.edit(Side::Right, &ids.right, &[("city", "Rome")]);
    stage.cycle().await;
    stage.people.right.lift_faults();
    stage.settle().await;
    assert_eq!(live(&stage, Side::Right), 1);
    stage.check().await;
}

/// Restored after the grace, before the other side could be deleted, and the list does not say so yet.
#[tokio::test]
async fn who_is_back_is_not_deleted_on_the_other_side() {
    let stage = shape(OnDelete::Delete).stage();
    let ids = deleted(&stage).await;
    stage.settle().await;
    stage.clock.forward(GRACE);
    stage.people.right.plant(Fault::Refused, 1000, Method::Delete);
    stage.cycle().await;
    stage.people.right.lift_faults();
    stage.people.left.restore(object(Side::Left), &ids.left).expect("from the bin");
    stage.people.left.plant(Fault::ServerError, 3, Method::List);
    stage.cycle().await;
    assert_eq!(live(&stage, Side::Right), 1);
    stage.people.left.lift_faults();
    stage.settle().await;
    let entity = stage.entity(Side::Left, &ids.left);
    assert_eq!(entity.members.right.map(|member| member.address.id), Some(ids.right));
    stage.check().await;
}

#[tokio::test]
async fn who_is_deleted_is_made_again_where_the_rules_say_so() {
    let stage = shape(OnDelete::Recreate).stage();
    let ids = deleted(&stage).await;
    stage.edit(Side::Right, &ids.right, &[("optout", "yes")]);
    stage.settle().await;
    assert_eq!(live(&stage, Side::Left), 0, "in its grace");
    stage.clock.forward(GRACE);
    assert_eq!(stage.settle().await, Written { created: 1, updated: 0 });
    let again = stage.find(Side::Left, ANN);
    assert_ne!(again, ids.left);
    assert_eq!(stage.value(Side::Left, &again, "city"), "Bonn");
    assert_eq!(stage.value(Side::Left, &again, "optout"), "yes");
    stage.check().await;
}

/// The refusal was entered on the record that was deleted, and had not arrived yet.
#[tokio::test]
async fn who_is_made_again_is_as_restricted_as_before() {
    let stage = shape(OnDelete::Recreate).stage();
    let ids = stage.linked(&[("email", ANN), ("optout", "no")]).await;
    stage.people.right.plant(Fault::Refused, 1000, Method::Update);
    stage.edit(Side::Left, &ids.left, &[("optout", "yes")]);
    stage.cycle().await;
    stage.people.left.delete(object(Side::Left), &ids.left).expect("a record");
    stage.cycle().await;
    stage.clock.forward(GRACE);
    stage.cycle().await;
    stage.people.right.lift_faults();
    stage.settle().await;
    assert_eq!(stage.value(Side::Left, &stage.find(Side::Left, ANN), "optout"), "yes", "I7");
    assert_eq!(stage.value(Side::Right, &ids.right, "optout"), "yes", "I7");
    stage.check().await;
}

/// Both were deleted by people: nobody still has the person.
#[tokio::test]
async fn who_is_deleted_on_both_sides_is_not_made_again() {
    let mut shape = shape(OnDelete::Recreate);
    shape.rules.on_delete.right = OnDelete::Recreate;
    let stage = shape.stage();
    let ids = deleted(&stage).await;
    stage.people.right.delete(object(Side::Right), &ids.right).expect("a record");
    stage.settle().await;
    stage.clock.forward(GRACE);
    assert_eq!(stage.settle().await, Written::default(), "I5");
    stage.check().await;
}

/// A mailing list has no box to tick, and leaving it is the opt-out all the same.
#[tokio::test]
async fn who_leaves_a_list_that_has_no_place_for_a_consent_is_opted_out() {
    let mut shape = shape(OnDelete::Restrict);
    let consent = shape.rules.fields.iter_mut().find(|rule| rule.policy.consent.is_some()).expect("a consent field");
    consent.map.native.left.clear();
    let stage = shape.stage();
    let left = stage.make(Side::Left, &[("email", ANN), ("city", "Bonn")]);
    stage.settle().await;
    let right = stage.find(Side::Right, ANN);
    stage.edit(Side::Right, &right, &[("optout", "no")]);
    stage.settle().await;
    stage.people.left.delete(object(Side::Left), &left).expect("a record");
    stage.cycle().await;
    assert_eq!(stage.value(Side::Right, &right, "optout"), "yes", "without grace");
    stage.settle().await;
    stage.check().await;
    assert_eq!((live(&stage, Side::Left), live(&stage, Side::Right)), (0, 1), "nobody is made again");
}

/// Leaving the list is the opt-out: at once, without grace; the record stays.
#[tokio::test]
async fn who_leaves_the_list_is_opted_out_at_once() {
    let stage = shape(OnDelete::Restrict).stage();
    let ids = deleted(&stage).await;
    stage.cycle().await;
    assert_eq!(stage.value(Side::Right, &ids.right, "optout"), "yes", "without grace");
    stage.settle().await;
    stage.clock.forward(GRACE);
    stage.settle().await;
    assert_eq!((live(&stage, Side::Left), live(&stage, Side::Right)), (0, 1));
    stage.check().await;
    let again = stage.make(Side::Left, &[("email", ANN), ("optout", "no")]);
    stage.settle().await;
    assert_eq!(stage.value(Side::Left, &again, "optout"), "yes", "and stays so when a person is made anew");
    stage.check().await;
}

/// P9, P10, P11: deleted on both sides by people, or by one of them and us, then made anew by a person.
#[tokio::test]
async fn p11_who_was_deleted_everywhere_and_is_made_anew_is_a_new_person() {
    for rule in [OnDelete::Unlink, OnDelete::Archive] {
        let stage = shape(rule).stage();
        let ids = deleted(&stage).await;
        if rule == OnDelete::Unlink {
            stage.people.right.delete(object(Side::Right), &ids.right).expect("a record");
        }
        stage.settle().await;
        stage.clock.forward(GRACE);
        stage.settle().await;
        assert_eq!((live(&stage, Side::Left), live(&stage, Side::Right)), (0, 0));
        stage.make(Side::Left, &[("email", ANN), ("city", "Rome")]);
        assert_eq!(stage.settle().await, Written { created: 1, updated: 0 }, "{rule:?}");
        assert_eq!(stage.value(Side::Right, &stage.find(Side::Right, ANN), "city"), "Rome");
        stage.check().await;
    }
}

/// The answer is lost, and by the time it is read nobody can tell whose deletion it was: it was ours.
#[tokio::test]
async fn a_deletion_whose_answer_was_lost_is_read_back() {
    for gone in [Gone::Deleted, Gone::NotVisible] {
        for fault in [Fault::AnswerLost, Fault::TimeoutBefore, Fault::CutMidBatch] {
            let mut shape = shape(OnDelete::Delete);
            shape.rules.on_delete.right = OnDelete::Delete;
            shape.leads.capabilities.gone = gone;
            let stage = shape.stage();
            let ids = deleted(&stage).await;
            stage.settle().await;
            stage.clock.forward(GRACE);
            let name = format!("{fault:?}, {gone:?}");
            stage.people.right.plant(fault, 1, Method::Delete);
            stage.settle().await;
            assert_eq!(live(&stage, Side::Right), 0, "{name}");
            let row = stage.people.right.row(object(Side::Right), &ids.right).expect("in the bin");
            assert!(row.deleted_at.is_some(), "{name}");
            stage.people.left.restore(object(Side::Left), &ids.left).expect("from the bin");
            stage.settle().await;
            stage.clock.forward(GRACE);
            stage.settle().await;
            assert_eq!(live(&stage, Side::Left), 1, "{name}: our deletion does not travel back");
            let ours = stage.events().into_iter().filter(|event| matches!(event, Event::Removed { .. })).count();
            let theirs = stage.events().into_iter().filter(|event| matches!(event, Event::SeenDeleted { .. })).count();
            assert_eq!((ours, theirs), (1, 1), "{name}: the journal says whose deletion was whose");
            stage.check().await;
        }
    }
}

/// Killed before, or right after, every single commit: whoever is to go goes once, and nobody else.
#[tokio::test]
async fn a_deletion_that_is_killed_anywhere_ends_the_same() {
    for commits in 0.. {
        let mut blown = false;
        for after in [false, true] {
            let mut shape = shape(OnDelete::Archive);
            shape.rules.on_delete.right = OnDelete::Archive;
            let mut stage = shape.stage();
            stage.restart().await;
            let mut all = Vec::new();
            for number in 0..6 {
                all.push(stage.linked(&[("email", &format!("p{number}@example.com")), ("city", "Bonn")]).await);
            }
            for ids in &all[..4] {
                stage.people.left.delete(object(Side::Left), &ids.left).expect("a record");
            }
            stage.settle().await;
            stage.edit(Side::Right, &all[0].right, &[("city", "Rome")]);
            stage.clock.forward(GRACE);
            let fuse = if after { Fuse::after(&stage.kv, commits) } else { Fuse::before(&stage.kv, commits) };
            if stage.restart_on(Arc::new(fuse.clone())).await.is_ok() {
                stage.try_settle().await.err();
            }
            blown |= fuse.is_blown();
            stage.restart().await;
            stage.settle().await;
            assert_eq!(
                (live(&stage, Side::Left), live(&stage, Side::Right)),
                (2, 3),
                "commit {commits}, after: {after}"
            );
            stage.check().await;
        }
        if !blown {
            assert!(commits > 2, "it never died");
            return;
        }
    }
}

/// Refused by the service: parked with its words, counted, and tried again.
#[tokio::test]
async fn a_deletion_that_is_refused_waits_and_is_shown() {
    let stage = shape(OnDelete::Delete).stage();
    let ids = deleted(&stage).await;
    stage.settle().await;
    stage.clock.forward(GRACE);
    stage.people.right.plant(Fault::RowLocked, 30, Method::Delete);
    stage.cycle().await;
    let parked = stage.entity(Side::Right, &ids.right).parked.right.expect("parked after three tries");
    assert!(!parked.problem.message.is_empty());
    stage.people.right.lift_faults();
    stage.settle().await;
    assert_eq!(live(&stage, Side::Right), 1, "it waits for its delay");
    stage.clock.forward(GRACE);
    stage.settle().await;
    assert_eq!(live(&stage, Side::Right), 0);
    stage.check().await;
}

/// What looked like a deletion was a merge that was named too late: the person lives on, and nothing is deleted.
#[tokio::test]
async fn a_merge_that_looked_like_a_deletion_deletes_nobody() {
    let stage = shape(OnDelete::Delete).stage();
    let ids = stage.linked(&[("email", ANN), ("city", "Bonn")]).await;
    let winner = stage.make(Side::Left, &[("email", "winner@example.com")]);
    stage.settle().await;
    stage.people.left.delete(object(Side::Left), &ids.left).expect("a record");
    stage.settle().await;
    stage.clock.forward(GRACE);
    stage.people.right.plant(Fault::Refused, 1000, Method::Delete);
    stage.cycle().await;
    stage.people.right.lift_faults();
    stage.people.left.restore(object(Side::Left), &ids.left).expect("from the bin");
    stage.people.left.merge(object(Side::Left), &winner, &ids.left).expect("both live");
    stage.people.left.plant(Fault::ServerError, 2, Method::List);
    stage.settle().await;
    assert_eq!(live(&stage, Side::Right), 2, "the merged one's record, and the winner's");
    stage.check().await;
}
