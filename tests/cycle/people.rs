//! Who is who: links, duplicates, ambiguity, merges, conversions, keys that move.

use hymnal::{
    cycle::report::Written,
    merge::{Keyless, Side},
    store::{
        Kv,
        tables::{Tag, Wait},
    },
};
use hymnal_sdk::Address;

use super::stage::{CONTACTS, LEADS, Shape, Stage};

const ANN: &str = "ann@example.com";
const BEN: &str = "ben@example.com";

fn waiting(stage: &Stage, wait: Wait) -> usize {
    stage.kv.scan(&Tag(1).waiting(wait), None, usize::MAX).expect("a store in memory").len()
}

fn not_unique() -> Shape {
    Shape::not_unique()
}

#[tokio::test]
async fn a_new_email_is_the_same_person() {
    let stage = Stage::new();
    let ids = stage.linked(&[("email", ANN), ("name", "Ann")]).await;
    stage.edit(Side::Left, &ids.left, &[("email", BEN)]);
    assert_eq!(stage.settle().await, Written { created: 0, updated: 1 });
    assert_eq!(stage.value(Side::Right, &ids.right, "email"), BEN);
    stage.check().await;
}

#[tokio::test]
async fn a_second_record_of_a_person_is_listed_and_neither_gives_nor_takes() {
    let stage = not_unique().stage();
    let ids = stage.linked(&[("email", ANN), ("city", "Bonn")]).await;
    let second = stage.make(Side::Right, &[("email", ANN), ("city", "Rome")]);
    assert_eq!(stage.settle().await, Written::default());
    assert_eq!(stage.log(), ["duplicate resolved"]);
    stage.edit(Side::Right, &second, &[("city", "Paris")]);
    stage.edit(Side::Left, &ids.left, &[("city", "Cologne")]);
    assert_eq!(stage.settle().await, Written { created: 0, updated: 1 });
    assert_eq!(stage.value(Side::Right, &second, "city"), "Paris");
    assert_eq!(stage.value(Side::Right, &ids.right, "city"), "Cologne");
    assert_eq!(waiting(&stage, Wait::Duplicate), 1);
    stage.check().await;
}

#[tokio::test]
async fn two_unlinked_records_of_one_person_are_one_person() {
    let stage = not_unique().stage();
    let older = stage.make(Side::Right, &[("email", ANN), ("name", "Ann")]);
    let younger = stage.make(Side::Right, &[("email", ANN), ("name", "Anna")]);
    assert_eq!(stage.settle().await, Written { created: 1, updated: 0 });
    assert_eq!(stage.value(Side::Left, &stage.find(Side::Left, ANN), "name"), "Ann");
    let entity = stage.entity(Side::Right, &older);
    assert_eq!(entity.secondary_addresses(Side::Right).collect::<Vec<_>>(), [&Address::new(LEADS, younger)]);
    stage.check().await;
}

#[tokio::test]
async fn a_key_that_leads_to_two_people_waits_for_a_person() {
    let mut shape = not_unique();
    shape.rules.matching = vec![vec![0], vec![1]];
    let stage = shape.stage();
    stage.linked(&[("email", ANN), ("name", "Smith")]).await;
    stage.linked(&[("email", BEN), ("name", "Smith")]).await;
    let third = stage.make(Side::Right, &[("name", "Smith")]);
    assert_eq!(stage.settle().await, Written::default());
    assert_eq!(stage.log(), ["ambiguous open"]);
    assert_eq!(waiting(&stage, Wait::Ambiguous), 1);
    stage.check().await;
    // An e-mail of its own says who it is.
    stage.edit(Side::Right, &third, &[("email", "cy@example.com")]);
    assert_eq!(stage.settle().await, Written { created: 1, updated: 0 });
    assert_eq!(stage.log(), ["ambiguous open", "ambiguous superseded"]);
    stage.check().await;
}

#[tokio::test]
async fn who_has_no_key_is_listed_and_not_copied() {
    let stage = Stage::new();
    let id = stage.make(Side::Left, &[("name", "Nobody")]);
    assert_eq!(stage.settle().await, Written::default());
    assert_eq!(waiting(&stage, Wait::NoKey), 1);
    stage.check().await;
    stage.edit(Side::Left, &id, &[("email", ANN)]);
    assert_eq!(stage.settle().await, Written { created: 1, updated: 0 });
    assert_eq!(waiting(&stage, Wait::NoKey), 0);
    stage.check().await;
}

/// Who has a key by now is matched by it before anything is made: it may be somebody whom we know.
#[tokio::test]
async fn who_gets_a_key_later_is_matched_by_it() {
    let stage = Shape::not_unique().stage();
    let ann = stage.linked(&[("email", ANN), ("name", "Ann")]).await;
    let late = stage.make(Side::Left, &[("name", "Nobody")]);
    assert_eq!(stage.settle().await, Written::default());
    stage.edit(Side::Left, &late, &[("email", ANN)]);
    assert_eq!(stage.settle().await.created, 0);
    let entity = stage.entity(Side::Left, &ann.left);
    let further: Vec<&str> = entity.secondary_addresses(Side::Left).map(|address| &*address.id).collect();
    assert_eq!(further, [&late]);
    stage.check().await;
}

#[tokio::test]
async fn who_has_no_key_is_copied_once_where_the_rules_say_so() {
    let mut shape = Shape::default();
    shape.rules.keyless = Keyless::Create;
    let stage = shape.stage();
    stage.make(Side::Left, &[("name", "Nobody")]);
    assert_eq!(stage.settle().await, Written { created: 1, updated: 0 });
    stage.check().await;
}

#[tokio::test]
async fn a_merge_moves_the_link_to_the_winner() {
    let stage = Stage::new();
    let ann = stage.linked(&[("email", ANN), ("city", "Bonn")]).await;
    let winner = stage.make(Side::Right, &[("name", "Ann B")]);
    stage.settle().await;
    stage.people.right.merge(LEADS, &winner, &ann.right).expect("both live");
    stage.settle().await;
    let entity = stage.entity(Side::Left, &ann.left);
    assert_eq!(entity.members.right.as_ref().map(|member| member.address.id.clone()), Some(winner.clone()));
    assert_eq!(stage.value(Side::Left, &ann.left, "name"), "Ann B");
    assert_eq!(stage.people.right.live(LEADS).len(), 1);
    stage.check().await;
}

#[tokio::test]
async fn a_merge_of_two_linked_people_leaves_one_and_a_duplicate_on_the_other_side() {
    let stage = Stage::new();
    let ann = stage.linked(&[("email", ANN), ("city", "Bonn")]).await;
    let ben = stage.linked(&[("email", BEN), ("city", "Rome")]).await;
    stage.people.right.merge(LEADS, &ann.right, &ben.right).expect("both live");
    assert_eq!(stage.settle().await, Written::default());
    let entity = stage.entity(Side::Left, &ann.left);
    assert_eq!(entity.secondary_addresses(Side::Left).collect::<Vec<_>>(), [&Address::new(CONTACTS, ben.left)]);
    assert_eq!(stage.log(), ["merge resolved", "duplicate resolved"]);
    stage.check().await;
}

/// A merge must not loosen what one of the two people had restricted.
#[tokio::test]
async fn a_merge_keeps_the_restriction_of_either() {
    let stage = Stage::new();
    let ann = stage.linked(&[("email", ANN), ("optout", "no")]).await;
    let ben = stage.linked(&[("email", BEN), ("optout", "yes")]).await;
    stage.people.right.merge(LEADS, &ann.right, &ben.right).expect("both live");
    stage.settle().await;
    assert_eq!(stage.value(Side::Right, &ann.right, "optout"), "yes");
    assert_eq!(stage.value(Side::Left, &ann.left, "optout"), "yes");
    stage.check().await;
}

#[tokio::test]
async fn a_lead_that_was_converted_is_the_same_person() {
    let mut shape = Shape::default();
    shape.rules.systems.right.objects = vec!["accounts".into(), LEADS.into()];
    let stage = shape.stage();
    let ids = stage.linked(&[("email", ANN), ("city", "Bonn")]).await;
    let fields = super::stage::natives(&[("email", ANN), ("city", "Bonn"), ("name", "Ann")]);
    let account = stage.people.right.create("accounts", fields).expect("another object");
    let into = Address::new("accounts", &account);
    stage.people.right.convert(LEADS, &ids.right, into.clone()).expect("a lead");
    assert_eq!(stage.settle().await, Written { created: 0, updated: 1 });
    let entity = stage.entity(Side::Left, &ids.left);
    assert_eq!(entity.members.right.map(|member| member.address), Some(into));
    assert_eq!(stage.value(Side::Left, &ids.left, "name"), "Ann");
    stage.edit(Side::Left, &ids.left, &[("city", "Rome")]);
    stage.settle().await;
    let row = stage.people.right.row("accounts", &account).expect("the account");
    assert_eq!(row.fields["city"], "Rome".into());
    assert_eq!(stage.people.right.live(LEADS).len(), 1, "nobody is made anew");
}

/// Somebody made the person on the other side after it was last read: it is found, linked, and not made twice.
#[tokio::test]
async fn somebody_made_the_person_meanwhile() {
    let stage = not_unique().stage();
    stage.make(Side::Left, &[("email", ANN), ("city", "Bonn")]);
    stage.people.right.plant(
        hymnal_memory::Fault::LateRows(std::time::Duration::from_mins(10)),
        1,
        hymnal_memory::Method::List,
    );
    stage.make(Side::Right, &[("email", ANN), ("phone", "1")]);
    stage.settle().await;
    assert_eq!(stage.all(Side::Right, ANN).len(), 1);
    stage.check().await;
}
