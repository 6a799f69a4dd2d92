//! Guards: what they count, what they hold, what becomes of it.

use std::time::Duration;

use hymnal::{
    cycle::{guard::Hold, report::Written},
    merge::{
        Limit, Side,
        guard::{GuardKind, Provenance},
        held::Answer,
    },
    store::{
        Kv,
        tables::{Tag, Wait},
    },
};
use hymnal_sdk::{Actor, ActorKind};

use super::stage::{CONTACTS, Shape, Stage, natives};

const OFF: Limit = Limit::OFF;

fn count(count: u64) -> Limit {
    Limit { count: Some(count), share: None }
}

/// So many people, linked and settled; then the limits hold.
async fn linked(people: usize, limits: impl FnOnce(&mut Shape)) -> (Stage, Vec<String>) {
    let mut shape = Shape::default();
    let guards = &mut shape.rules.guards;
    (guards.max_creates, guards.max_updates, guards.max_deletes) = (OFF, OFF, OFF);
    (guards.max_blanked, guards.max_optout_changes) = (OFF, OFF);
    limits(&mut shape);
    let stage = shape.stage();
    let make = |number: usize| {
        let email = format!("p{number:03}@example.com");
        stage.make(Side::Left, &[("email", &email), ("name", "Ann"), ("city", "Bonn"), ("optout", "no")])
    };
    let ids: Vec<String> = (0..people).map(make).collect();
    stage.settle().await;
    (stage, ids)
}

/// The ids of the other side's records, in the same order.
fn other(stage: &Stage, people: usize) -> Vec<String> {
    (0..people).map(|number| stage.find(Side::Right, &format!("p{number:03}@example.com"))).collect()
}

async fn holds(stage: &Stage) -> Vec<Hold> {
    stage.sync.holds().await.expect("a store in memory")
}

async fn only_hold(stage: &Stage) -> Hold {
    let mut holds = holds(stage).await;
    assert_eq!(holds.len(), 1, "{holds:?}");
    holds.remove(0)
}

async fn answer(stage: &Stage, hold: &Hold, answer: Answer) {
    let answered = stage.sync.answer_hold(hold.number, hold.entries, answer, "by a person").await;
    answered.expect("a store in memory");
}

fn with(stage: &Stage, ids: &[String], field: &str, value: &str) -> usize {
    ids.iter().filter(|id| stage.value(Side::Right, id, field) == value).count()
}

#[tokio::test]
async fn it_stops_before_the_first_write_that_crosses() {
    let (stage, ids) = linked(9, |shape| shape.rules.guards.max_updates = count(4)).await;
    let right = other(&stage, 9);
    for id in &ids {
        stage.edit(Side::Left, id, &[("city", "Rome")]);
    }
    assert_eq!(stage.settle().await, Written { created: 0, updated: 4 });
    assert_eq!(with(&stage, &right, "city", "Rome"), 4);
    let hold = only_hold(&stage).await;
    assert_eq!((hold.kind, hold.cause, hold.entries, hold.most), (GuardKind::Updates, Provenance::Person, 5, 4));
    assert_eq!(stage.log(), ["guard open"]);
    stage.check_equal();
    stage.check_file();
    answer(&stage, &hold, Answer::Approved).await;
    assert_eq!(stage.settle().await, Written { created: 0, updated: 5 }, "what was approved passes");
    assert_eq!(with(&stage, &right, "city", "Rome"), 9);
    assert_eq!(stage.log(), ["guard open", "guard resolved"]);
    stage.check().await;
}

#[tokio::test]
async fn only_the_kind_that_crossed_waits() {
    let (stage, ids) = linked(6, |shape| shape.rules.guards.max_blanked = count(2)).await;
    let right = other(&stage, 6);
    for id in &ids {
        stage.edit(Side::Left, id, &[("city", ""), ("name", "Eve")]);
    }
    stage.edit(Side::Left, &ids[5], &[("optout", "yes")]);
    stage.settle().await;
    assert_eq!(with(&stage, &right, "name", "Eve"), 6, "other fields of the same records go on");
    assert_eq!(with(&stage, &right, "city", ""), 2);
    assert_eq!(stage.value(Side::Right, &right[5], "optout"), "yes");
    assert_eq!(only_hold(&stage).await.kind, GuardKind::Blanked);
    let later = stage.make(Side::Left, &[("email", "new@example.com")]);
    assert_eq!(stage.settle().await, Written { created: 1, updated: 0 }, "{later}");
    stage.check_equal();
}

#[tokio::test]
async fn creations_wait_for_a_person_too() {
    let (stage, _) = linked(3, |shape| shape.rules.guards.max_creates = count(2)).await;
    for number in 0..7 {
        stage.make(Side::Right, &[("email", &format!("new{number}@example.com"))]);
    }
    assert_eq!(stage.settle().await, Written { created: 2, updated: 0 });
    let hold = only_hold(&stage).await;
    assert_eq!((hold.kind, hold.entries), (GuardKind::Creates, 5));
    answer(&stage, &hold, Answer::Approved).await;
    assert_eq!(stage.settle().await, Written { created: 5, updated: 0 });
    stage.check().await;
}

/// What somebody approves is what was shown to them; what was decided since is counted anew.
#[tokio::test]
async fn what_came_after_it_was_shown_is_not_approved_with_it() {
    let (stage, ids) = linked(8, |shape| shape.rules.guards.max_updates = count(2)).await;
    let right = other(&stage, 8);
    for id in &ids[..5] {
        stage.edit(Side::Left, id, &[("city", "Rome")]);
    }
    stage.settle().await;
    let seen = only_hold(&stage).await;
    assert_eq!(seen.entries, 3);
    for id in &ids[5..] {
        stage.edit(Side::Left, id, &[("city", "Rome")]);
    }
    // And one that was held changes its mind: that value was never shown.
    stage.edit(Side::Left, &ids[4], &[("city", "Oslo")]);
    stage.settle().await;
    assert_eq!(only_hold(&stage).await.entries, 7);
    answer(&stage, &seen, Answer::Approved).await;
    assert_eq!(stage.settle().await, Written { created: 0, updated: 2 });
    assert_eq!(with(&stage, &right, "city", "Rome"), 4, "two before the guard, two that were shown");
    assert_eq!(stage.value(Side::Right, &right[4], "city"), "Bonn");
    let next = only_hold(&stage).await;
    assert_eq!((next.entries, next.number > seen.number), (4, true), "the rest waits in a hold of its own");
    answer(&stage, &next, Answer::Approved).await;
    stage.settle().await;
    assert_eq!(stage.value(Side::Right, &right[4], "city"), "Oslo");
    stage.check().await;
}

#[tokio::test]
async fn who_discards_gets_the_golden_values_back_and_peace_until_the_next_edit() {
    let (stage, ids) = linked(4, |shape| shape.rules.guards.max_updates = count(1)).await;
    let right = other(&stage, 4);
    for id in &ids {
        stage.edit(Side::Left, id, &[("city", "Rome")]);
    }
    stage.settle().await;
    let hold = only_hold(&stage).await;
    answer(&stage, &hold, Answer::Discarded).await;
    assert_eq!(stage.settle().await, Written::default());
    assert_eq!(with(&stage, &right, "city", "Rome"), 1);
    let waiting = stage.kv.scan(&Tag(1).waiting(Wait::Discarded), None, usize::MAX).expect("a store in memory");
    assert_eq!(waiting.len(), 3);
    assert_eq!(stage.log().last().map(String::as_str), Some("guard dismissed"));
    let left = ids.iter().filter(|id| stage.value(Side::Left, id, "city") == "Rome").count();
    assert_eq!(left, 4, "nobody writes back what a person entered");
    let entity = stage.entity(Side::Left, &ids[3]);
    assert_eq!(entity.fields["city"].golden.to_string(), "Bonn");
    stage.check().await;
    stage.clock.forward(Duration::from_hours(2));
    stage.edit(Side::Left, &ids[3], &[("city", "Oslo")]);
    assert_eq!(stage.settle().await, Written { created: 0, updated: 1 }, "the next edit is another one");
    assert_eq!(stage.value(Side::Right, &right[3], "city"), "Oslo");
    stage.edit(Side::Right, &right[2], &[("city", "Lima")]);
    assert_eq!(stage.settle().await, Written::default(), "the guard is used up");
    stage.check_equal();
}

#[tokio::test]
async fn a_discarded_creation_waits_for_that_persons_next_edit() {
    let (stage, _) = linked(2, |shape| shape.rules.guards.max_creates = count(0)).await;
    let new = stage.make(Side::Left, &[("email", "new@example.com")]);
    stage.settle().await;
    answer(&stage, &only_hold(&stage).await, Answer::Discarded).await;
    assert_eq!(stage.settle().await, Written::default());
    assert!(holds(&stage).await.is_empty());
    stage.edit(Side::Left, &new, &[("city", "Rome")]);
    stage.settle().await;
    assert_eq!(only_hold(&stage).await.entries, 1, "it is asked again");
}

#[tokio::test]
async fn opt_outs_have_a_hold_of_their_own_that_ends_after_a_day() {
    let (stage, ids) = linked(6, |shape| shape.rules.guards.max_optout_changes = count(2)).await;
    let right = other(&stage, 6);
    for id in &ids {
        stage.edit(Side::Left, id, &[("optout", "yes"), ("city", "Rome")]);
    }
    stage.settle().await;
    assert_eq!((with(&stage, &right, "optout", "yes"), with(&stage, &right, "city", "Rome")), (2, 6));
    assert_eq!(only_hold(&stage).await.kind, GuardKind::OptOuts);
    stage.clock.forward(Duration::from_hours(23));
    stage.settle().await;
    assert_eq!(with(&stage, &right, "optout", "yes"), 2, "the window is over, the hold is not");
    stage.clock.forward(Duration::from_hours(1));
    stage.settle().await;
    assert_eq!(with(&stage, &right, "optout", "yes"), 6);
    stage.check().await;
}

#[tokio::test]
async fn loosened_consents_wait_for_a_person_however_long() {
    let (stage, ids) = linked(4, |_| {}).await;
    for id in &ids {
        stage.edit(Side::Left, id, &[("optout", "yes")]);
    }
    stage.settle().await;
    let right = other(&stage, 4);
    let mut stage = stage;
    stage.rules.guards.max_optout_changes = count(1);
    stage.restart().await;
    for id in &ids {
        stage.edit(Side::Left, id, &[("optout", "no")]);
    }
    stage.settle().await;
    stage.clock.forward(Duration::from_hours(48));
    stage.settle().await;
    assert_eq!(with(&stage, &right, "optout", "no"), 1);
    assert_eq!(only_hold(&stage).await.kind, GuardKind::OptIns);
}

/// A discarded opt-out is not written; nor is the side that has it loosened.
#[tokio::test]
async fn discarded_opt_outs_stay_where_they_are() {
    let (stage, ids) = linked(2, |shape| shape.rules.guards.max_optout_changes = count(0)).await;
    let right = other(&stage, 2);
    stage.edit(Side::Left, &ids[0], &[("optout", "yes")]);
    stage.settle().await;
    answer(&stage, &only_hold(&stage).await, Answer::Discarded).await;
    stage.clock.forward(Duration::from_hours(30));
    assert_eq!(stage.settle().await, Written::default());
    assert_eq!(stage.value(Side::Left, &ids[0], "optout"), "yes");
    assert_eq!(stage.value(Side::Right, &right[0], "optout"), "no");
}

/// A permission is lost, or somebody empties a list: many deletions at once are unlinked no further than the limit.
#[tokio::test]
async fn many_deletions_at_once_unlink_nobody_beyond_the_limit() {
    let (stage, ids) = linked(6, |shape| shape.rules.guards.max_deletes = count(2)).await;
    for id in &ids {
        stage.people.left.delete(CONTACTS, id).expect("a record that is there");
    }
    stage.settle().await;
    stage.clock.forward(Duration::from_mins(20));
    stage.settle().await;
    let linked = stage.entities().iter().filter(|entity| entity.is_linked()).count();
    assert_eq!(linked, 4);
    let hold = only_hold(&stage).await;
    assert_eq!((hold.kind, hold.entries), (GuardKind::Deletes, 4));
    answer(&stage, &hold, Answer::Approved).await;
    stage.settle().await;
    assert!(stage.entities().iter().all(|entity| !entity.is_linked()));
}

/// A workflow changes many records a minute, for long: the window rolls, and the guard trips.
#[tokio::test]
async fn a_workflow_that_goes_on_and_on_trips_the_guard() {
    let (mut stage, ids) = linked(40, |shape| shape.rules.guards.max_updates = count(12)).await;
    let by = Actor { kind: ActorKind::Workflow, name: "Nightly enrichment".into() };
    let workflow = stage.people.left.acting_as(by);
    let mut written = 0;
    for minute in ids.chunks(4) {
        for id in minute {
            stage.tick();
            workflow.update(CONTACTS, id, natives(&[("city", "Rome")])).expect("an edit that the service takes");
        }
        written += stage.settle().await.updated;
        // The count survives whatever happens to the process.
        stage.restart().await;
    }
    assert_eq!(written, 12);
    let hold = only_hold(&stage).await;
    assert_eq!((hold.cause, hold.entries), (Provenance::Workflow, 28));
    let outbox = stage.kv.scan(&Tag(1).table(b'o'), None, usize::MAX).expect("a store in memory");
    assert_eq!(outbox.len(), 0, "what is held is looked at no more");
    stage.clock.forward(Duration::from_hours(3));
    assert_eq!(stage.settle().await, Written::default(), "time alone releases nothing");
    stage.check().await;
}

#[tokio::test]
async fn a_window_that_rolled_on_has_room_again() {
    let (stage, ids) = linked(6, |shape| shape.rules.guards.max_updates = count(3)).await;
    for id in &ids[..3] {
        stage.edit(Side::Left, id, &[("city", "Rome")]);
    }
    assert_eq!(stage.settle().await.updated, 3);
    stage.clock.forward(Duration::from_mins(62));
    for id in &ids[3..] {
        stage.edit(Side::Left, id, &[("city", "Rome")]);
    }
    assert_eq!(stage.settle().await.updated, 3);
    assert!(holds(&stage).await.is_empty());
}

#[tokio::test]
async fn the_lower_of_count_and_share_holds_and_a_share_from_a_hundred_on() {
    let guards = hymnal::merge::Guards {
        max_updates: Limit { count: Some(50), share: Some(0.1) },
        max_blanked: Limit { count: None, share: Some(0.02) },
        max_creates: OFF,
        ..hymnal::merge::Guards::default()
    };
    assert_eq!(guards.most(GuardKind::Updates, 99), Some(50));
    assert_eq!(guards.most(GuardKind::Updates, 100), Some(10));
    assert_eq!(guards.most(GuardKind::Updates, 10_000), Some(50));
    assert_eq!(guards.most(GuardKind::Blanked, 99), None);
    assert_eq!(guards.most(GuardKind::Blanked, 149), Some(2));
    assert_eq!(guards.most(GuardKind::Creates, 1_000_000), None);
    assert_eq!(guards.most(GuardKind::OptIns, 99), guards.most(GuardKind::OptOuts, 99));
}

/// A write whose answer is lost is counted when it is sent, and not again when it is sent again.
#[tokio::test]
async fn a_write_that_is_sent_again_is_one_write() {
    use hymnal_memory::{Fault, Method};
    let (stage, ids) = linked(4, |shape| shape.rules.guards.max_updates = count(4)).await;
    for fault in [Fault::TimeoutBefore, Fault::ServerError, Fault::TimeoutBefore] {
        stage.people.right.plant(fault, 1, Method::Update);
    }
    for id in &ids {
        stage.edit(Side::Left, id, &[("city", "Rome")]);
    }
    assert_eq!(stage.settle().await.updated, 4);
    assert!(holds(&stage).await.is_empty());
    stage.check().await;
}

/// Crashes anywhere while a hold is opened, filled and answered change nothing of what is written.
#[tokio::test]
async fn a_hold_that_is_killed_anywhere_ends_the_same() {
    use super::stage::Fuse;
    for commits in 0..400 {
        let (mut stage, ids) = linked(6, |shape| shape.rules.guards.max_updates = count(2)).await;
        stage.restart().await;
        let right = other(&stage, 6);
        for id in &ids {
            stage.edit(Side::Left, id, &[("city", "Rome")]);
        }
        let fuse =
            if commits % 2 == 0 { Fuse::before(&stage.kv, commits / 2) } else { Fuse::after(&stage.kv, commits / 2) };
        let survived = async {
            stage.restart_on(std::sync::Arc::new(fuse.clone())).await?;
            stage.try_settle().await?;
            for hold in stage.sync.holds().await? {
                stage.sync.answer_hold(hold.number, hold.entries, Answer::Approved, "by a person").await?;
            }
            stage.try_settle().await
        }
        .await
        .is_ok();
        assert!(with(&stage, &right, "city", "Rome") <= 6);
        stage.restart().await;
        stage.settle().await;
        if let Some(hold) = holds(&stage).await.first() {
            assert_eq!(with(&stage, &right, "city", "Rome"), 2, "after {commits}: not beyond the guard");
            answer(&stage, hold, Answer::Approved).await;
            stage.settle().await;
        }
        assert_eq!(with(&stage, &right, "city", "Rome"), 6, "after {commits}");
        stage.check().await;
        if survived && !fuse.is_blown() {
            return;
        }
    }
    panic!("it never gets through");
}
