//! Consent, rules that change, and people who hold everything.

use std::time::Duration;

use hymnal::{
    cycle::{
        report::Held,
        state::{Pause, SyncState},
    },
    mapping::NativeField,
    merge::{FirstRun, Flow, Side},
};
use hymnal_memory::Method;
use hymnal_sdk::Clock;

use super::stage::{CONTACTS, LEADS, Shape, Shuffled, Stage, field};

const ANN: &str = "ann@example.com";
const BEN: &str = "ben@example.com";

#[tokio::test]
async fn a_restriction_travels_from_either_side_and_only_one_side_may_take_it_back() {
    let stage = Stage::new();
    let ids = stage.linked(&[("email", ANN), ("optout", "no")]).await;
    for side in Side::BOTH {
        stage.edit(side, &ids[side], &[("optout", "yes")]);
        stage.settle().await;
        assert_eq!(stage.value(side.other(), &ids[side.other()], "optout"), "yes");
        stage.edit(Side::Right, &ids.right, &[("optout", "no")]);
        stage.settle().await;
        assert_eq!(stage.value(Side::Right, &ids.right, "optout"), "yes", "the right may not loosen");
        stage.edit(Side::Left, &ids.left, &[("optout", "no")]);
        stage.settle().await;
        assert_eq!(stage.value(Side::Right, &ids.right, "optout"), "no", "the left may");
        stage.clock.forward(Duration::from_hours(2));
    }
    stage.check().await;
}

#[tokio::test]
async fn restrictions_are_the_first_thing_written() {
    let stage = Stage::new();
    let ids = stage.linked(&[("email", ANN), ("optout", "no")]).await;
    for number in 0..9 {
        stage.make(Side::Left, &[("email", &format!("p{number}@example.com"))]);
    }
    stage.edit(Side::Left, &ids.left, &[("optout", "yes")]);
    stage.people.right.take_calls();
    stage.cycle().await;
    let calls = stage.people.right.take_calls();
    let first = calls.iter().find(|call| call.method.writes()).expect("something is written");
    assert_eq!((first.method, first.items), (Method::Update, 1));
    stage.settle().await;
    stage.check().await;
}

/// The service refuses the record for another field: the restriction goes alone, and does not wait with it.
#[tokio::test]
async fn a_restriction_does_not_wait_for_what_is_refused_beside_it() {
    let stage = Stage::new();
    let ids = stage.linked(&[("email", ANN), ("optout", "no")]).await;
    stage.make(Side::Right, &[("email", BEN)]);
    // Hymnal has not made Ben on the left yet: the e-mail is free there, and taken on the right.
    stage.edit(Side::Left, &ids.left, &[("email", BEN), ("optout", "yes")]);
    stage.settle().await;
    assert_eq!(stage.value(Side::Right, &ids.right, "email"), ANN);
    assert_eq!(stage.value(Side::Right, &ids.right, "optout"), "yes");
}

/// Opt-outs follow the address in some services: what changes together with the e-mail loosens nothing.
#[tokio::test]
async fn an_opt_in_that_came_with_another_address_is_none() {
    let stage = Stage::new();
    let ids = stage.linked(&[("email", ANN), ("optout", "yes")]).await;
    stage.edit(Side::Left, &ids.left, &[("email", BEN), ("optout", "no")]);
    stage.settle().await;
    assert_eq!(stage.value(Side::Right, &ids.right, "optout"), "yes");
    assert_eq!(stage.value(Side::Left, &ids.left, "optout"), "yes");
    stage.check().await;
}

/// As above, where we wrote the e-mail ourselves, and the answer was lost: the reading that shows the new address is the
/// first after we wrote it.
#[tokio::test]
async fn an_opt_in_that_came_with_an_address_we_wrote_is_none() {
    for lost in [false, true] {
        let stage = Stage::new();
        let ids = stage.linked(&[("email", ANN), ("optout", "yes")]).await;
        stage.edit(Side::Right, &ids.right, &[("email", BEN)]);
        let rule = hymnal_memory::Fault::Automation { field: "optout".into(), value: "no".into() };
        stage.people.left.plant(rule, 1, Method::Update);
        if lost {
            stage.people.left.plant(hymnal_memory::Fault::AnswerLost, 1, Method::Update);
        }
        stage.settle().await;
        assert_eq!(stage.value(Side::Left, &ids.left, "email"), BEN);
        assert_eq!(stage.value(Side::Right, &ids.right, "optout"), "yes", "I7, answer lost: {lost}");
        assert_eq!(stage.value(Side::Left, &ids.left, "optout"), "yes", "I7, answer lost: {lost}");
        stage.check().await;
    }
}

/// A person who opted out would be written to again because a mapping points the other way.
#[tokio::test]
async fn a_restriction_travels_against_the_flow() {
    let mut shape = Shape::default();
    shape.rule("optout").policy.flow = Flow::From(Side::Left);
    let stage = shape.stage();
    let ids = stage.linked(&[("email", ANN), ("optout", "no")]).await;
    stage.edit(Side::Right, &ids.right, &[("optout", "yes")]);
    stage.settle().await;
    assert_eq!(stage.value(Side::Left, &ids.left, "optout"), "yes");
    stage.check().await;
}

#[tokio::test]
async fn a_newly_mapped_field_reaches_everybody_who_exists() {
    let mut shape = Shape::default();
    let phone = shape.rules.fields.pop().expect("phone is the last");
    let mut stage = shape.stage();
    stage.restart().await;
    let ann = stage.linked(&[("email", ANN), ("phone", "1")]).await;
    let ben = stage.linked(&[("email", BEN)]).await;
    stage.edit(Side::Left, &ben.left, &[("phone", "left")]);
    stage.edit(Side::Right, &ben.right, &[("phone", "right")]);
    stage.settle().await;
    stage.rules.fields.push(phone);
    stage.restart().await;
    stage.settle().await;
    assert_eq!(stage.value(Side::Right, &ann.right, "phone"), "1");
    assert_eq!(stage.value(Side::Left, &ben.left, "phone"), "right");
    assert_eq!(stage.log(), ["phone first_link resolved Right"]);
    stage.check().await;
}

/// A field that was mapped on one side alone agreed with itself; mapped on the other too, it is a first link, not an
/// edit by the side that is read for the first time.
#[tokio::test]
async fn a_field_newly_mapped_on_one_side_is_linked_for_the_first_time() {
    let mut shape = Shape::default();
    let places = std::mem::take(&mut shape.rule("city").map.native.left);
    let mut stage = shape.stage();
    stage.restart().await;
    let ids = stage.linked(&[("email", ANN), ("city", "Bonn")]).await;
    stage.edit(Side::Right, &ids.right, &[("city", "Rome")]);
    stage.settle().await;
    field(&mut stage.rules, "city").map.native.left = places;
    stage.restart().await;
    stage.settle().await;
    assert_eq!(stage.log(), ["city first_link resolved Right"]);
    assert_eq!(stage.value(Side::Left, &ids.left, "city"), "Rome");
    assert_eq!(stage.value(Side::Right, &ids.right, "city"), "Rome");
    stage.check().await;
}

/// The field's place has changed: what stands in the new one is no edit of what stood in the old one.
#[tokio::test]
async fn a_field_that_moved_to_another_place_is_linked_for_the_first_time() {
    let mut stage = Stage::new();
    stage.restart().await;
    let ids = stage.linked(&[("email", ANN), ("city", "Bonn"), ("name", "Ann")]).await;
    stage.edit(Side::Left, &ids.left, &[("memo", "")]);
    let town = NativeField { name: "phone".into(), ..NativeField::default() };
    stage.rules.fields.retain(|rule| rule.map.name != "phone");
    stage.restart().await;
    stage.edit(Side::Left, &ids.left, &[("phone", "Rome")]);
    stage.settle().await;
    field(&mut stage.rules, "city").map.native.left.insert(CONTACTS.into(), town);
    stage.restart().await;
    stage.settle().await;
    assert_eq!(stage.log(), ["city first_link resolved Right"]);
    assert_eq!(stage.value(Side::Left, &ids.left, "phone"), "Bonn");
    assert_eq!(stage.value(Side::Right, &ids.right, "city"), "Bonn");
    stage.check().await;
}

/// `values` now lists what could not be read: it is read again.
#[tokio::test]
async fn what_the_new_rules_can_read_is_read_again() {
    let mut shape = Shape::default();
    let park = |place: &mut NativeField| {
        place.values = vec![("north".into(), vec!["N".into()])];
        place.unmapped = hymnal::mapping::Unmapped::Park;
    };
    shape.rule("city").map.native.left.values_mut().for_each(park);
    let mut stage = shape.stage();
    stage.restart().await;
    let ids = stage.linked(&[("email", ANN), ("city", "N")]).await;
    assert_eq!(stage.value(Side::Right, &ids.right, "city"), "north");
    stage.edit(Side::Left, &ids.left, &[("city", "S")]);
    stage.settle().await;
    assert_eq!(stage.value(Side::Right, &ids.right, "city"), "north");
    let place = field(&mut stage.rules, "city").map.native.left.get_mut(CONTACTS).expect("mapped");
    place.values.push(("south".into(), vec!["S".into()]));
    stage.restart().await;
    stage.settle().await;
    assert_eq!(stage.value(Side::Right, &ids.right, "city"), "south");
    assert_eq!(stage.log(), [""; 0]);
    stage.check().await;
}

/// New names for the same choices change nothing in either service.
#[tokio::test]
async fn other_names_for_the_same_choices_write_nothing() {
    let mut stage = Stage::new();
    stage.restart().await;
    let ids = stage.linked(&[("email", ANN), ("city", "N")]).await;
    for places in [Side::Left, Side::Right] {
        for place in field(&mut stage.rules, "city").map.native[places].values_mut() {
            place.values = vec![("north".into(), vec!["N".into()])];
        }
    }
    stage.restart().await;
    let written = stage.settle().await;
    assert_eq!((written.created, written.updated), (0, 0));
    assert_eq!(stage.log(), [""; 0]);
    stage.edit(Side::Left, &ids.left, &[("city", "S")]);
    stage.settle().await;
    assert_eq!(stage.value(Side::Right, &ids.right, "city"), "S");
    stage.check().await;
}

#[tokio::test]
async fn a_first_run_writes_nothing_until_a_person_lets_it() {
    let mut shape = Shape::default();
    shape.rules.first_run = FirstRun::Plan;
    let mut stage = shape.stage();
    stage.restart().await;
    stage.make(Side::Left, &[("email", ANN)]);
    stage.make(Side::Right, &[("email", BEN)]);
    for _ in 0..3 {
        assert_eq!(stage.cycle().await.held, Some(Held::FirstRun));
    }
    assert_eq!(stage.writes(Side::Left) + stage.writes(Side::Right), 0);
    let preview = stage.sync.preview().await.expect("a store in memory");
    assert_eq!(preview.iter().map(|side| side.creates.count).collect::<Vec<_>>(), [1, 1]);
    stage.sync.state().approve().expect("a store in memory");
    assert_eq!(stage.settle().await.created, 2);
    stage.check().await;
}

/// What was dropped is planned anew, and the conflict log goes on where it was: its lines are not written over.
#[tokio::test]
async fn a_discarded_first_run_is_planned_anew() {
    let mut shape = Shape::default();
    shape.rules.first_run = FirstRun::Plan;
    let mut stage = shape.stage();
    stage.restart().await;
    let left = stage.make(Side::Left, &[("email", ANN), ("city", "Bonn"), ("memo", "left")]);
    stage.make(Side::Right, &[("email", ANN), ("city", "Rome"), ("memo", "right")]);
    stage.cycle().await;
    let before = stage.log();
    assert_eq!(before.len(), 2);
    stage.sync.discard().await.expect("a store in memory");
    stage.edit(Side::Left, &left, &[("city", "Rome")]);
    assert_eq!(stage.cycle().await.held, Some(Held::FirstRun));
    let after = stage.log();
    assert_eq!(after[..2], before);
    assert_eq!(after.len(), 4, "the open one was superseded, and is decided anew: {after:?}");
    assert_eq!(after.iter().filter(|line| line.contains("superseded")).count(), 1);
    stage.sync.state().approve().expect("a store in memory");
    stage.settle().await;
    stage.check().await;
    stage.restart().await;
    stage.check().await;
}

#[tokio::test]
async fn while_it_is_paused_everything_is_read_and_nothing_written() {
    let stage = Stage::new();
    let ids = stage.linked(&[("email", ANN), ("city", "Bonn"), ("optout", "no")]).await;
    let now = stage.clock.now();
    let until = now.checked_add(Duration::from_hours(1)).expect("soon");
    let pause = Pause { until: Some(until), reason: String::new(), since: now };
    stage.sync.state().set_pause(Some(&pause)).expect("a store in memory");
    stage.writes(Side::Right);
    stage.edit(Side::Left, &ids.left, &[("city", "Rome"), ("optout", "yes")]);
    assert_eq!(stage.cycle().await.held, Some(Held::Paused));
    assert_eq!(stage.writes(Side::Right), 0);
    stage.clock.forward(Duration::from_hours(1));
    stage.settle().await;
    assert_eq!(stage.value(Side::Right, &ids.right, "city"), "Rome");
    assert_eq!(stage.value(Side::Right, &ids.right, "optout"), "yes");
    stage.check().await;
}

/// A first load takes hours: who pauses it in the middle does not wait for its end.
#[tokio::test]
async fn a_pause_holds_what_has_not_been_sent() {
    let mut stage = Stage::new();
    for number in 0..60 {
        stage.make(Side::Left, &[("email", &format!("p{number}@example.com"))]);
    }
    let (kv, since) = (stage.kv.clone(), stage.clock.now());
    let pause = Pause { until: None, reason: String::new(), since };
    let inner = std::sync::Arc::clone(&stage.sync.systems.right.connector);
    let tag = stage.sync.committer.tag;
    let connector = Shuffled::over(inner, 1).telling(move || {
        SyncState { store: &kv, tag }.set_pause(Some(&pause)).expect("a store in memory");
    });
    stage.sync.systems.right.connector = std::sync::Arc::new(connector);
    stage.cycle().await;
    let made = stage.people.right.live(LEADS).len();
    assert!((1..=28).contains(&made), "seven batches of four at most: {made}");
    stage.sync.state().set_pause(None).expect("a store in memory");
    stage.restart().await;
    stage.settle().await;
    assert_eq!(stage.people.right.live(LEADS).len(), 60);
    stage.check().await;
}

/// Nothing is made anywhere before both systems have been read once.
#[tokio::test]
async fn nothing_is_made_before_the_first_pull_of_both() {
    let stage = Stage::new();
    stage.make(Side::Left, &[("email", ANN)]);
    stage.make(Side::Right, &[("email", ANN)]);
    stage.people.right.plant(hymnal_memory::Fault::Refused, 1, Method::List);
    assert_eq!(stage.cycle().await.held, Some(Held::FirstPull));
    assert_eq!(stage.settle().await.created, 0);
    assert_eq!(stage.people.right.live(LEADS).len(), 1);
    stage.check().await;
}
