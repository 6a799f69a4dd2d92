//! Not visible is not deleted: many at once raise an alarm, and each id is asked for where a service tells nothing.

use std::time::Duration;

use hymnal::merge::{Event, OnDelete, Pair, Side};
use hymnal_memory::Method;
use hymnal_sdk::{Address, Deletions, Gone};

use super::stage::{Shape, Stage, object};

async fn crowd(stage: &Stage) -> Vec<Pair<String>> {
    for number in 0..12 {
        stage.make(Side::Left, &[("email", &format!("p{number}@example.com")), ("city", "Bonn")]);
    }
    stage.settle().await;
    let both = |number| {
        let email = format!("p{number}@example.com");
        Pair::new(stage.find(Side::Left, &email), stage.find(Side::Right, &email))
    };
    (0..12).map(both).collect()
}

/// A lost "view all": nothing is deleted or unlinked, one alarm is raised, and it ends when they are seen again.
#[tokio::test]
async fn many_that_cannot_be_seen_at_once_raise_an_alarm_and_nothing_else() {
    let mut shape = Shape::default();
    shape.leads.capabilities.gone = Gone::NotVisible;
    shape.rules.on_delete.right = OnDelete::Delete;
    let stage = shape.stage();
    let all = crowd(&stage).await;
    let hidden: Vec<Address> = all[..11].iter().map(|ids| Address::new(object(Side::Right), &ids.right)).collect();
    for address in &hidden {
        stage.people.right.hide(address.clone());
    }
    for ids in &all {
        stage.edit(Side::Left, &ids.left, &[("city", "Rome")]);
    }
    stage.settle().await;
    let raised = stage.sync.blind(Side::Right).expect("a store in memory").expect("an alarm");
    assert_eq!(stage.sync.blind(Side::Left).expect("a store in memory"), None);
    for _ in 0..3 {
        stage.clock.forward(Duration::from_hours(30));
        stage.settle().await;
    }
    let still = stage.sync.blind(Side::Right).expect("a store in memory");
    assert_eq!(still, Some(raised), "raised once");
    let told = stage.events().into_iter().filter(|event| matches!(event, Event::NotVisible { .. })).count();
    assert_eq!(told, hidden.len(), "each is told once");
    assert_eq!(stage.people.left.live(object(Side::Left)).len(), 12, "nobody is deleted");
    assert_eq!(stage.value(Side::Right, &all[11].right, "city"), "Rome", "the others go on");
    for address in &hidden {
        stage.people.right.show(address);
    }
    stage.settle().await;
    assert_eq!(stage.sync.blind(Side::Right).expect("a store in memory"), None);
    assert_eq!(stage.value(Side::Right, &all[0].right, "city"), "Rome");
    stage.check().await;
}

/// A single record that somebody took out of our sight is listed, and is no alarm.
#[tokio::test]
async fn one_that_cannot_be_seen_is_no_alarm() {
    let mut shape = Shape::default();
    shape.leads.capabilities.gone = Gone::NotVisible;
    let stage = shape.stage();
    let all = crowd(&stage).await;
    stage.people.right.hide(Address::new(object(Side::Right), &all[0].right));
    stage.edit(Side::Left, &all[0].left, &[("city", "Rome")]);
    stage.settle().await;
    assert_eq!(stage.sync.blind(Side::Right).expect("a store in memory"), None);
    stage.check().await;
}

/// No feed, a list by time of change: each id is asked for every `deletions_every`, a few calls a cycle, and not more.
#[tokio::test]
async fn p10_a_service_without_a_feed_is_asked_for_each_id() {
    let mut shape = Shape::default();
    shape.contacts.capabilities.deletions = Deletions::Unknown;
    shape.contacts.capabilities.get_batch = 1;
    let stage = shape.stage();
    let all = crowd(&stage).await;
    let calm = || async {
        stage.clock.forward(Duration::from_secs(30));
        stage.sync.cycle(hymnal::cycle::Deletions::WhenDue).await.expect("a store in memory")
    };
    let gets = || stage.people.left.take_calls().iter().filter(|call| call.method == Method::Get).count();
    calm().await;
    gets();
    stage.people.left.delete(object(Side::Left), &all[7].left).expect("a record");
    calm().await;
    assert_eq!(gets(), 0, "not before its time");
    stage.clock.forward(Duration::from_mins(5));
    calm().await;
    assert_eq!(gets(), 12, "each once");
    let member = stage.entity(Side::Right, &all[7].right).members.left.expect("in its grace");
    assert!(matches!(member.presence, hymnal::merge::entity::Presence::Deleted { .. }));
    calm().await;
    assert_eq!(gets(), 0, "and not again");
}
