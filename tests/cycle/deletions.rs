//! Who is deleted, comes back, or cannot be seen.

use std::time::Duration;

use hymnal::{
    cycle::report::Written,
    merge::{OnConflict, Side, entity::Presence},
};
use hymnal_memory::DeletedReads;
use hymnal_sdk::{Address, Deletions, Gone, ListKind};

use super::stage::{Shape, Stage, object};

const ANN: &str = "ann@example.com";
const GRACE: Duration = Duration::from_mins(20);

#[tokio::test]
async fn who_is_deleted_is_unlinked_after_the_grace_and_not_made_again() {
    for side in Side::BOTH {
        let stage = Stage::new();
        let ids = stage.linked(&[("email", ANN), ("city", "Bonn")]).await;
        stage.people[side].delete(object(side), &ids[side]).expect("a record");
        assert_eq!(stage.settle().await, Written::default());
        let member = stage.entity(side, &ids[side]).members[side].clone().expect("linked until the grace is over");
        assert!(matches!(member.presence, Presence::Deleted { .. }));
        stage.clock.forward(GRACE);
        assert_eq!(stage.settle().await, Written::default());
        let entity = stage.entity(side.other(), &ids[side.other()]);
        assert_eq!(entity.members[side], None);
        stage.edit(side.other(), &ids[side.other()], &[("city", "Rome")]);
        assert_eq!(stage.settle().await, Written::default(), "I5: {side:?}");
        assert_eq!(stage.people[side].live(object(side)).len(), 0);
        stage.check().await;
    }
}

#[tokio::test]
async fn who_is_restored_within_the_grace_was_never_away() {
    for side in Side::BOTH {
        let stage = Stage::new();
        let ids = stage.linked(&[("email", ANN), ("city", "Bonn")]).await;
        stage.people[side].delete(object(side), &ids[side]).expect("a record");
        stage.settle().await;
        stage.edit(side.other(), &ids[side.other()], &[("city", "Rome")]);
        stage.settle().await;
        stage.tick();
        stage.people[side].restore(object(side), &ids[side]).expect("from the bin");
        stage.settle().await;
        assert_eq!(stage.value(side, &ids[side], "city"), "Rome", "{side:?}");
        assert_eq!(stage.log(), [""; 0]);
        stage.check().await;
    }
}

#[tokio::test]
async fn who_is_restored_after_the_grace_is_linked_again() {
    let stage = Stage::new();
    let ids = stage.linked(&[("email", ANN), ("city", "Bonn")]).await;
    stage.people.right.delete(object(Side::Right), &ids.right).expect("a record");
    stage.settle().await;
    stage.clock.forward(GRACE);
    stage.settle().await;
    stage.people.right.restore(object(Side::Right), &ids.right).expect("from the bin");
    stage.settle().await;
    let entity = stage.entity(Side::Left, &ids.left);
    assert_eq!(entity.members.right.map(|member| member.address.id), Some(ids.right));
    assert_eq!(entity.tombstones.right, None);
    stage.check().await;
}

/// What lay in the bin was once taken for as good as what somebody entered meanwhile, and could win over it.
#[tokio::test]
async fn who_is_restored_goes_on_where_both_stood() {
    for side in Side::BOTH {
        let mut shape = Shape::default();
        shape.rule("city").policy.first_link = OnConflict::Prefer(side);
        let stage = shape.stage();
        let ids = stage.linked(&[("email", ANN), ("city", "Bonn")]).await;
        stage.people[side].delete(object(side), &ids[side]).expect("a record");
        stage.settle().await;
        stage.clock.forward(GRACE);
        stage.settle().await;
        stage.edit(side.other(), &ids[side.other()], &[("city", "Rome")]);
        stage.settle().await;
        stage.people[side].restore(object(side), &ids[side]).expect("from the bin");
        stage.settle().await;
        for side in Side::BOTH {
            assert_eq!(stage.value(side, &ids[side], "city"), "Rome");
        }
        assert_eq!(stage.log(), [""; 0], "one of them edited, and the other did not");
        stage.check().await;
    }
}

#[tokio::test]
async fn who_is_made_anew_by_a_person_is_linked_like_any_other() {
    let stage = Stage::new();
    let ids = stage.linked(&[("email", ANN), ("city", "Bonn")]).await;
    stage.people.right.delete(object(Side::Right), &ids.right).expect("a record");
    stage.settle().await;
    stage.clock.forward(GRACE);
    stage.settle().await;
    let again = stage.make(Side::Right, &[("email", ANN)]);
    assert_eq!(stage.settle().await, Written { created: 0, updated: 1 });
    assert_eq!(stage.value(Side::Right, &again, "city"), "Bonn");
    stage.check().await;
}

/// A second record on the living side was once taken for a reason to forget the deletion on the other.
#[tokio::test]
async fn a_duplicate_of_the_one_who_stayed_does_not_bring_back_who_was_deleted() {
    let mut shape = Shape::default();
    let email = shape.leads.schema.fields.iter_mut().find(|field| field.name == "email").expect("there");
    email.unique = false;
    let stage = shape.stage();
    let ids = stage.linked(&[("email", ANN), ("city", "Bonn")]).await;
    stage.people.left.delete(object(Side::Left), &ids.left).expect("a record");
    stage.settle().await;
    stage.clock.forward(GRACE);
    stage.settle().await;
    stage.make(Side::Right, &[("email", ANN)]);
    assert_eq!(stage.settle().await, Written::default(), "I5");
    assert_eq!(stage.people.left.live(object(Side::Left)).len(), 0);
    stage.check().await;
}

/// The listing lags behind the deletion and still shows the record: it is not back.
#[tokio::test]
async fn a_lagging_list_does_not_bring_back_who_was_deleted() {
    let mut shape = Shape::default();
    for side in Side::BOTH {
        shape.side(side).capabilities.overlap = Duration::from_mins(10);
    }
    let stage = shape.stage();
    let ids = stage.linked(&[("email", ANN), ("city", "Bonn")]).await;
    stage.edit(Side::Left, &ids.left, &[("city", "Rome")]);
    stage.settle().await;
    stage.people.left.delete(object(Side::Left), &ids.left).expect("a record");
    stage.cycle().await;
    let stale = hymnal_memory::Fault::StaleList(Duration::from_mins(3));
    stage.people.left.plant(stale, 1, hymnal_memory::Method::List);
    stage.cycle().await;
    assert_eq!(stage.people.left.fired()["stale-list"], 1);
    let member = stage.entity(Side::Left, &ids.left).members.left.expect("linked until the grace is over");
    assert!(matches!(member.presence, Presence::Deleted { .. }));
    stage.clock.forward(GRACE);
    stage.settle().await;
    assert_eq!(stage.entity(Side::Right, &ids.right).members.left, None);
    stage.check().await;
}

#[tokio::test]
async fn who_cannot_be_seen_is_not_unlinked_and_goes_on_when_seen_again() {
    let mut shape = Shape::default();
    shape.leads.capabilities.gone = Gone::NotVisible;
    let stage = shape.stage();
    let ids = stage.linked(&[("email", ANN), ("city", "Bonn")]).await;
    let address = Address::new(object(Side::Right), &ids.right);
    stage.people.right.hide(address.clone());
    stage.edit(Side::Left, &ids.left, &[("city", "Rome")]);
    stage.settle().await;
    stage.clock.forward(GRACE);
    stage.settle().await;
    let member = stage.entity(Side::Left, &ids.left).members.right.expect("still linked");
    assert!(matches!(member.presence, Presence::NotVisible { .. }));
    assert_eq!(stage.people.right.live(object(Side::Right)).len(), 1);
    stage.people.right.show(&address);
    stage.settle().await;
    assert_eq!(stage.value(Side::Right, &ids.right, "city"), "Rome");
    stage.check().await;
}

/// No feed, no times: who is missing in a whole list is asked for by id, and only that answer counts.
#[tokio::test]
async fn who_is_missing_in_a_whole_list_is_asked_for_by_id() {
    let mut shape = Shape::default();
    shape.contacts.capabilities.list = ListKind::Scan;
    shape.contacts.capabilities.deletions = Deletions::Unknown;
    let stage = shape.stage();
    let mut all = Vec::new();
    for number in 0..8 {
        all.push(stage.linked(&[("email", &format!("p{number}@example.com")), ("city", "Bonn")]).await);
    }
    stage.people.left.delete(object(Side::Left), &all[4].left).expect("a record");
    stage.settle().await;
    stage.clock.forward(GRACE);
    assert_eq!(stage.settle().await, Written::default());
    for (number, ids) in all.iter().enumerate() {
        let is_linked = stage.entity(Side::Right, &ids.right).members.left.is_some();
        assert_eq!(is_linked, number != 4);
    }
    stage.check().await;
}

/// A person refused on one side and the record there was deleted before the refusal had arrived: it still holds.
#[tokio::test]
async fn a_restriction_outlives_the_record_that_it_was_entered_on() {
    let stage = Stage::new();
    let ids = stage.linked(&[("email", ANN), ("optout", "no")]).await;
    stage.people.right.plant(hymnal_memory::Fault::Refused, 1000, hymnal_memory::Method::Update);
    stage.edit(Side::Left, &ids.left, &[("optout", "yes")]);
    stage.cycle().await;
    stage.people.left.delete(object(Side::Left), &ids.left).expect("a record");
    stage.cycle().await;
    stage.clock.forward(GRACE);
    stage.cycle().await;
    assert_eq!(stage.entity(Side::Right, &ids.right).members.left, None);
    stage.people.right.lift_faults();
    stage.settle().await;
    assert_eq!(stage.value(Side::Right, &ids.right, "optout"), "yes");
    stage.check().await;
}

/// No feed, and the service answers a read with the record as it was, marked as deleted: that is its word for it.
#[tokio::test]
async fn who_is_read_as_deleted_is_deleted() {
    let mut shape = Shape::default();
    shape.leads.capabilities.deletions = Deletions::Unknown;
    shape.leads.deleted_reads = DeletedReads::Flagged;
    let stage = shape.stage();
    let ids = stage.linked(&[("email", ANN), ("city", "Bonn")]).await;
    stage.people.right.delete(object(Side::Right), &ids.right).expect("a record");
    stage.edit(Side::Left, &ids.left, &[("city", "Rome")]);
    stage.settle().await;
    let member = stage.entity(Side::Left, &ids.left).members.right.expect("linked until the grace is over");
    assert!(matches!(member.presence, Presence::Deleted { .. }));
    stage.clock.forward(GRACE);
    stage.settle().await;
    assert_eq!(stage.entity(Side::Left, &ids.left).members.right, None);
    stage.check().await;
}
