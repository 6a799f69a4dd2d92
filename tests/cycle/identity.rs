//! Who is who over time: ids that became others, a person's word, merges of all kinds, people made anew.

use std::time::Duration;

use hymnal::{
    cycle::{people::Unable, report::Written},
    merge::{Entity, Id, Side},
    store::{
        Kv,
        tables::{Tag, Wait},
    },
};
use hymnal_sdk::Address;

use super::stage::{CONTACTS, LEADS, Shape, Stage, object};

const ANN: &str = "ann@example.com";
const BEN: &str = "ben@example.com";

async fn known_by(stage: &Stage, id: Id) -> Option<Entity> {
    stage.sync.inspect(|world| world.known_by(id)).await.expect("a store in memory")
}

fn listed(stage: &Stage, wait: Wait) -> usize {
    stage.kv.scan(&Tag(1).waiting(wait), None, usize::MAX).expect("a store in memory").len()
}

#[tokio::test]
async fn the_older_id_goes_on_and_the_other_one_finds_it() {
    for winner_is_older in [true, false] {
        let stage = Stage::new();
        let ann = stage.linked(&[("email", ANN), ("city", "Bonn")]).await;
        let ben = stage.linked(&[("email", BEN), ("city", "Rome")]).await;
        let (older, younger) = (stage.entity(Side::Left, &ann.left).id, stage.entity(Side::Left, &ben.left).id);
        let (winner, loser) = if winner_is_older { (&ann, &ben) } else { (&ben, &ann) };
        stage.people.right.merge(LEADS, &winner.right, &loser.right).expect("both live");
        stage.settle().await;
        let entity = stage.entity(Side::Left, &winner.left);
        assert_eq!(entity.id, older);
        assert_eq!(known_by(&stage, younger).await.map(|entity| entity.id), Some(older));
        // The winner's values stand: nothing of the one that went is written over them.
        assert_eq!(stage.value(Side::Left, &winner.left, "city"), stage.value(Side::Right, &winner.right, "city"));
        assert_eq!(stage.log(), ["merge resolved", "duplicate resolved"]);
        stage.check().await;
    }
}

/// An edit on the one that a merge took away had not travelled yet: it is an edit of the one that is left.
#[tokio::test]
async fn an_edit_of_the_one_that_went_is_not_lost() {
    let stage = Stage::new();
    let ann = stage.linked(&[("email", ANN), ("city", "Bonn"), ("name", "Ann")]).await;
    let ben = stage.linked(&[("email", BEN), ("city", "Rome"), ("name", "Ann")]).await;
    stage.people.right.plant(hymnal_memory::Fault::Refused, 1000, hymnal_memory::Method::Update);
    stage.edit(Side::Left, &ben.left, &[("name", "Anna")]);
    stage.cycle().await;
    stage.people.right.merge(LEADS, &ann.right, &ben.right).expect("both live");
    stage.people.right.lift_faults();
    stage.settle().await;
    for side in Side::BOTH {
        assert_eq!(stage.value(side, &ann[side], "name"), "Anna", "{side:?}");
    }
    stage.check().await;
}

#[tokio::test]
async fn merged_differently_on_both_sides_it_is_one_person() {
    for first in Side::BOTH {
        let stage = Stage::new();
        let ann = stage.linked(&[("email", ANN), ("city", "Bonn"), ("optout", "no")]).await;
        let ben = stage.linked(&[("email", BEN), ("city", "Rome"), ("optout", "yes")]).await;
        let merge = |side: Side| match side {
            Side::Left => stage.people.left.merge(CONTACTS, &ann.left, &ben.left),
            Side::Right => stage.people.right.merge(LEADS, &ben.right, &ann.right),
        };
        merge(first).expect("both live");
        stage.settle().await;
        merge(first.other()).expect("both live");
        stage.settle().await;
        let entity = stage.entity(Side::Left, &ann.left);
        assert_eq!(entity.members.right.as_ref().map(|member| member.address.id.clone()), Some(ben.right.clone()));
        assert!(Side::BOTH.iter().all(|side| entity.secondaries[*side].is_empty()), "{entity:#?}");
        assert_eq!(stage.value(Side::Left, &ann.left, "optout"), "yes");
        assert_eq!(stage.entities().len(), 1);
        stage.check().await;
    }
}

/// P27: HubSpot merges two records into a third.
#[tokio::test]
async fn merged_into_a_new_record_it_is_one_person() {
    let stage = Stage::new();
    let ann = stage.linked(&[("email", ANN), ("city", "Bonn")]).await;
    let ben = stage.linked(&[("email", BEN), ("city", "Rome")]).await;
    stage.tick();
    let new = stage.people.left.merge_into_new(CONTACTS, &ann.left, &ben.left).expect("both live");
    stage.settle().await;
    let entity = stage.entity(Side::Left, &new);
    let mut right: Vec<String> = entity.addresses(Side::Right).map(|address| address.id.clone()).collect();
    right.sort();
    assert_eq!(right, [ann.right.clone(), ben.right.clone()]);
    assert_eq!((stage.people.left.live(CONTACTS).len(), stage.people.right.live(LEADS).len()), (1, 2));
    stage.check().await;
}

/// P27: the merge was taken for a deletion first.
#[tokio::test]
async fn a_merge_that_is_known_late_explains_what_looked_like_a_deletion() {
    let stage = Stage::new();
    let ann = stage.linked(&[("email", ANN), ("city", "Bonn")]).await;
    let other = stage.make(Side::Right, &[("name", "Ann")]);
    stage.settle().await;
    stage.people.right.delete(LEADS, &ann.right).expect("a record");
    stage.settle().await;
    stage.clock.forward(Duration::from_mins(16));
    stage.settle().await;
    assert_eq!(stage.entity(Side::Left, &ann.left).members.right, None);
    stage.people.right.restore(LEADS, &ann.right).expect("in the bin");
    stage.people.right.merge(LEADS, &other, &ann.right).expect("both live");
    stage.settle().await;
    let entity = stage.entity(Side::Left, &ann.left);
    assert_eq!(entity.members.right.map(|member| member.address.id), Some(other));
    stage.check().await;
}

/// A duplicate is merged into the record of somebody else: they are one person.
#[tokio::test]
async fn a_duplicate_that_goes_into_somebody_elses_record_unites_the_two() {
    let stage = Shape::not_unique().stage();
    let ann = stage.linked(&[("email", ANN), ("optout", "no")]).await;
    let second = stage.make(Side::Right, &[("email", ANN)]);
    stage.settle().await;
    let ben = stage.linked(&[("email", BEN), ("optout", "yes")]).await;
    stage.people.right.merge(LEADS, &ben.right, &second).expect("both live");
    stage.settle().await;
    let entity = stage.entity(Side::Left, &ann.left);
    assert_eq!(entity.secondary_addresses(Side::Right).map(|address| &address.id).collect::<Vec<_>>(), [&ben.right]);
    assert_eq!(entity.secondary_addresses(Side::Left).map(|address| &address.id).collect::<Vec<_>>(), [&ben.left]);
    for (side, id) in
        [(Side::Left, &ann.left), (Side::Right, &ann.right), (Side::Left, &ben.left), (Side::Right, &ben.right)]
    {
        assert_eq!(stage.value(side, id, "optout"), "yes");
    }
    stage.check().await;
}

#[tokio::test]
async fn what_a_person_takes_apart_stays_apart_and_can_be_put_together_again() {
    let mut stage = Stage::new();
    stage.restart().await;
    let ids = stage.linked(&[("email", ANN), ("city", "Bonn")]).await;
    let known = stage.entity(Side::Left, &ids.left);
    let new = stage.sync.unlink(known.id).await.expect("a store").expect("linked");
    assert_eq!(stage.settle().await, Written::default(), "nobody is made because of it");
    assert_eq!(stage.entity(Side::Right, &ids.right).id, new);
    assert_eq!(listed(&stage, Wait::Apart), 2);
    stage.edit(Side::Left, &ids.left, &[("city", "Rome")]);
    assert_eq!(stage.settle().await, Written::default());
    assert_eq!(stage.value(Side::Right, &ids.right, "city"), "Bonn");
    // Nor does a changed rule match them again.
    super::stage::field(&mut stage.rules, "city").policy.flow = hymnal::merge::Flow::From(Side::Left);
    stage.restart().await;
    assert_eq!(stage.settle().await, Written::default());
    stage.check().await;
    // Taken back.
    let id = stage.sync.link(known.id, new).await.expect("a store").expect("two people");
    assert_eq!(id, known.id);
    stage.settle().await;
    assert!(stage.entity(Side::Left, &ids.left).is_linked());
    assert_eq!(listed(&stage, Wait::Apart), 0);
    assert_eq!(stage.value(Side::Left, &ids.left, "city"), stage.value(Side::Right, &ids.right, "city"));
    stage.check().await;
    let again = stage.sync.link(known.id, new).await.expect("a store");
    assert_eq!(again, Err(Unable::Nobody), "an alias is nobody of its own");
}

/// They were two after all, and one of them gets an e-mail of its own: both are copied.
#[tokio::test]
async fn who_was_taken_apart_is_made_once_the_key_says_so() {
    let stage = Stage::new();
    let ids = stage.linked(&[("email", ANN), ("name", "Ann")]).await;
    stage.sync.unlink(stage.entity(Side::Left, &ids.left).id).await.expect("a store").expect("linked");
    stage.settle().await;
    stage.edit(Side::Right, &ids.right, &[("email", BEN)]);
    assert_eq!(stage.settle().await, Written { created: 1, updated: 0 });
    assert_eq!(stage.all(Side::Left, BEN).len(), 1);
    stage.check().await;
}

/// Its first reading shows the key that we wrote: nothing has changed.
#[tokio::test]
async fn who_is_taken_apart_before_it_was_read_is_not_made_again() {
    for made in Side::BOTH {
        let stage = Shape::not_unique().stage();
        stage.make(made.other(), &[("email", ANN), ("name", "Ann")]);
        assert_eq!(stage.cycle().await.written, Written { created: 1, updated: 0 });
        let id = stage.find(made, ANN);
        stage.sync.unlink(stage.entity(made, &id).id).await.expect("a store").expect("linked");
        assert_eq!(stage.settle().await, Written::default());
        stage.check().await;
        // An e-mail of its own makes it somebody.
        stage.edit(made, &id, &[("email", BEN)]);
        assert_eq!(stage.settle().await, Written { created: 1, updated: 0 });
        stage.check().await;
    }
}

/// Nor is anybody whose key we wrote and have not read since.
#[tokio::test]
async fn who_is_taken_apart_after_we_wrote_the_key_is_not_made_again() {
    for written in Side::BOTH {
        let stage = Shape::not_unique().stage();
        let ids = stage.linked(&[("email", ANN), ("name", "Ann")]).await;
        stage.edit(written.other(), &ids[written.other()], &[("email", BEN)]);
        assert_eq!(stage.cycle().await.written, Written { created: 0, updated: 1 });
        stage.sync.unlink(stage.entity(written, &ids[written]).id).await.expect("a store").expect("linked");
        assert_eq!(stage.settle().await, Written::default());
        stage.check().await;
    }
}

/// It was one of the person's when they were told apart from somebody: so it is when it is taken away, too.
#[tokio::test]
async fn a_duplicate_that_is_taken_away_stays_apart_from_whom_it_was_told_apart() {
    let stage = Shape::not_unique().stage();
    let ids = stage.linked(&[("email", ANN)]).await;
    let second = stage.make(Side::Left, &[("email", ANN), ("name", "Anna")]);
    stage.settle().await;
    let known = stage.entity(Side::Left, &ids.left).id;
    stage.sync.split(known, Side::Right, &Address::new(LEADS, &ids.right)).await.expect("a store").expect("a member");
    stage.sync.split(known, Side::Left, &Address::new(CONTACTS, &second)).await.expect("a store").expect("a duplicate");
    assert_eq!(stage.settle().await, Written::default(), "nobody is made where the other was told apart");
    assert_eq!(stage.people.right.live(LEADS).len(), 1);
    stage.check().await;
}

#[tokio::test]
async fn a_duplicate_that_a_person_takes_away_is_a_person() {
    let stage = Shape::not_unique().stage();
    let ids = stage.linked(&[("email", ANN), ("optout", "yes")]).await;
    let second = stage.make(Side::Right, &[("email", ANN), ("city", "Rome")]);
    stage.settle().await;
    let known = stage.entity(Side::Left, &ids.left).id;
    let address = Address::new(LEADS, &second);
    let new = stage.sync.split(known, Side::Right, &address).await.expect("a store").expect("a duplicate");
    stage.settle().await;
    let entity = stage.entity(Side::Right, &second);
    assert_eq!((entity.id, entity.fields["city"].golden.to_string()), (new, "Rome".into()));
    assert_eq!(stage.value(Side::Right, &second, "optout"), "yes");
    assert_eq!(stage.people.left.live(CONTACTS).len(), 1);
    assert_eq!(listed(&stage, Wait::Duplicate), 0);
    stage.check().await;
    let whole = stage.sync.split(new, Side::Right, &address).await.expect("a store");
    assert_eq!(whole, Err(Unable::NotTheirs), "it is the only record");
    stage.sync.link(known, new).await.expect("a store").expect("two people");
    stage.settle().await;
    assert_eq!(stage.entity(Side::Left, &ids.left).secondary_addresses(Side::Right).collect::<Vec<_>>(), [&address]);
    stage.check().await;
}

/// The primary is somebody else's: a duplicate takes its place.
#[tokio::test]
async fn a_primary_that_a_person_takes_away_is_followed_by_the_duplicate() {
    let stage = Shape::not_unique().stage();
    let ids = stage.linked(&[("email", ANN), ("city", "Bonn")]).await;
    let second = stage.make(Side::Right, &[("email", ANN), ("city", "Rome")]);
    stage.settle().await;
    let known = stage.entity(Side::Left, &ids.left).id;
    stage.sync.split(known, Side::Right, &Address::new(LEADS, &ids.right)).await.expect("a store").expect("a member");
    stage.settle().await;
    assert_eq!(stage.entity(Side::Right, &second).id, known);
    assert_eq!(stage.value(Side::Left, &ids.left, "city"), stage.value(Side::Right, &second, "city"));
    assert_eq!(stage.value(Side::Right, &ids.right, "city"), "Bonn");
    stage.check().await;
}

#[tokio::test]
async fn a_person_decides_who_an_ambiguous_record_is() {
    let mut shape = Shape::not_unique();
    shape.rules.matching = vec![vec![0], vec![1]];
    let stage = shape.stage();
    let ann = stage.linked(&[("email", ANN), ("name", "Smith")]).await;
    stage.linked(&[("email", BEN), ("name", "Smith")]).await;
    let third = stage.make(Side::Right, &[("name", "Smith"), ("city", "Rome")]);
    stage.settle().await;
    assert_eq!(stage.log(), ["ambiguous open"]);
    let (asked, chosen) = (stage.entity(Side::Right, &third).id, stage.entity(Side::Left, &ann.left).id);
    stage.sync.link(asked, chosen).await.expect("a store").expect("two people");
    stage.settle().await;
    assert_eq!(stage.log(), ["ambiguous open", "ambiguous resolved", "duplicate resolved"]);
    let entity = stage.entity(Side::Left, &ann.left);
    assert_eq!(
        entity.members.right.as_ref().map(|member| &member.address.id),
        Some(&ann.right),
        "the linked one stays"
    );
    assert_eq!(entity.secondary_addresses(Side::Right).collect::<Vec<_>>(), [&Address::new(LEADS, &third)]);
    assert_eq!(listed(&stage, Wait::Ambiguous), 0);
    stage.check().await;
}

/// P11.
#[tokio::test]
async fn who_is_made_anew_by_a_person_is_linked_again() {
    let stage = Stage::new();
    let ids = stage.linked(&[("email", ANN), ("city", "Bonn"), ("optout", "yes")]).await;
    stage.people.right.delete(object(Side::Right), &ids.right).expect("a record");
    stage.settle().await;
    stage.clock.forward(Duration::from_mins(16));
    stage.settle().await;
    assert_eq!(stage.people.right.live(LEADS).len(), 0, "it is not made again by us");
    let anew = stage.make(Side::Right, &[("email", ANN), ("optout", "no")]);
    stage.settle().await;
    let entity = stage.entity(Side::Left, &ids.left);
    assert_eq!(entity.members.right.map(|member| member.address.id), Some(anew.clone()));
    assert_eq!(entity.tombstones.right, None);
    assert_eq!(stage.value(Side::Right, &anew, "city"), "Bonn");
    assert_eq!(stage.value(Side::Right, &anew, "optout"), "yes");
    stage.check().await;
}
