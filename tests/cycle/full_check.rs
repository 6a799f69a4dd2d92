//! Everything compared once a day: what nobody told us of is found, and absence deletes nobody.

use std::time::Duration;

use hymnal::{
    cycle::report::Written,
    merge::{OnDelete, Side, entity::Presence},
};
use hymnal_memory::{Fault, Method};
use hymnal_sdk::{Address, Deletions, Gone};

use super::stage::{Shape, Stage, object};

const DAY: Duration = Duration::from_hours(25);

async fn crowd(stage: &Stage) -> Vec<hymnal::merge::Pair<String>> {
    let mut all = Vec::new();
    for number in 0..8 {
        all.push(stage.linked(&[("email", &format!("p{number}@example.com")), ("city", "Bonn")]).await);
    }
    all
}

fn lists(stage: &Stage, side: Side) -> usize {
    stage.people[side].take_calls().iter().filter(|call| call.method == Method::List).count()
}

#[tokio::test]
async fn p30_a_change_that_the_service_never_listed_is_found_within_a_day() {
    let stage = Shape::default().stage();
    let all = crowd(&stage).await;
    // It becomes visible later than the service's overlap says.
    stage.people.left.plant(Fault::LateRows(Duration::from_mins(30)), 1000, Method::List);
    for ids in &all {
        stage.edit(Side::Left, &ids.left, &[("city", "Rome")]);
    }
    for _ in 0..4 {
        stage.cycle().await;
    }
    stage.make(Side::Left, &[("email", "newer@example.com")]);
    stage.people.left.lift_faults();
    stage.settle().await;
    let healed =
        |stage: &Stage| all.iter().filter(|ids| stage.value(Side::Right, &ids.right, "city") == "Rome").count();
    assert!(healed(&stage) < all.len(), "some were missed, else this proves nothing");
    stage.clock.forward(DAY);
    stage.settle().await;
    assert_eq!(healed(&stage), all.len());
    stage.check().await;
}

/// No feed of deletions, and a list by time of change shows nobody who left.
#[tokio::test]
async fn p10_who_left_without_a_word_is_asked_for_by_id() {
    let mut shape = Shape::default();
    shape.contacts.capabilities.deletions = Deletions::Unknown;
    shape.rules.on_delete.left = OnDelete::Archive;
    let stage = shape.stage();
    let all = crowd(&stage).await;
    stage.people.left.delete(object(Side::Left), &all[3].left).expect("a record");
    stage.clock.forward(DAY);
    stage.settle().await;
    let member = stage.entity(Side::Right, &all[3].right).members.left.expect("in its grace");
    assert!(matches!(member.presence, Presence::Deleted { .. }));
    stage.clock.forward(Duration::from_mins(20));
    stage.settle().await;
    assert_eq!(stage.people.right.live(object(Side::Right)).len(), 7);
    stage.check().await;
}

/// The login may not see some of them any more: they are not in the list, and nobody says that they are gone.
#[tokio::test]
async fn absence_in_a_whole_list_deletes_nobody() {
    let mut shape = Shape::default();
    shape.contacts.capabilities.deletions = Deletions::Unknown;
    shape.contacts.capabilities.gone = Gone::NotVisible;
    shape.rules.on_delete.left = OnDelete::Delete;
    let stage = shape.stage();
    let all = crowd(&stage).await;
    for ids in &all[..5] {
        stage.people.left.hide(Address::new(object(Side::Left), &ids.left));
    }
    for _ in 0..3 {
        stage.clock.forward(DAY);
        assert_eq!(stage.settle().await, Written::default());
    }
    assert_eq!(stage.people.right.live(object(Side::Right)).len(), 8);
    for (number, ids) in all.iter().enumerate() {
        let member = stage.entity(Side::Right, &ids.right).members.left.expect("still linked");
        assert_eq!(matches!(member.presence, Presence::NotVisible { .. }), number < 5);
    }
    stage.check().await;
}

/// P18: a day of nothing is not a day of full lists.
#[tokio::test]
async fn it_is_done_once_a_day_and_not_with_the_first_pull() {
    let stage = Shape::default().stage();
    crowd(&stage).await;
    lists(&stage, Side::Left);
    stage.cycle().await;
    let quiet = lists(&stage, Side::Left);
    stage.cycle().await;
    assert_eq!(lists(&stage, Side::Left), quiet);
    stage.clock.forward(DAY);
    stage.cycle().await;
    assert!(lists(&stage, Side::Left) > quiet, "due");
    stage.settle().await;
    lists(&stage, Side::Left);
    stage.cycle().await;
    assert_eq!(lists(&stage, Side::Left), quiet);
}

/// It goes on over several cycles, fails in the middle, and still asks for nobody who was in its list.
#[tokio::test]
async fn one_that_is_interrupted_goes_on() {
    let mut shape = Shape::default();
    shape.contacts.capabilities.list_page = 1;
    let stage = shape.stage();
    for number in 0..50 {
        stage.make(Side::Left, &[("email", &format!("p{number}@example.com"))]);
    }
    stage.settle().await;
    stage.clock.forward(DAY);
    let report = stage.cycle().await;
    assert!(report.checking && !report.is_quiet(), "fifty pages are more than one cycle takes");
    stage.people.left.take_calls();
    stage.people.left.plant(Fault::ServerError, 1, Method::List);
    stage.settle().await;
    let calls = stage.people.left.take_calls();
    assert!(calls.iter().all(|call| call.method != Method::Get), "nobody was missing");
    stage.check().await;
}
