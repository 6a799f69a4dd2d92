//! Who is erased is nowhere any more, and does not come back.

use std::sync::Arc;

use hymnal::{
    cycle::{forget::NotNow, report::Written},
    journal::erasure::{Done, Erasure},
    merge::{Pair, Side},
};
use hymnal_memory::{Fault, Method};

use super::stage::{Fuse, Shape, Stage, object};

const ANN: &str = "canary-ann@example.com";
const CANARY: &str = "Canaryville";

/// One person with a past: linked, edited, in conflict, with a further record on the right.
async fn person(stage: &Stage) -> Pair<String> {
    let ids = stage.linked(&[("email", ANN), ("city", CANARY), ("optout", "no")]).await;
    stage.edit(Side::Left, &ids.left, &[("memo", "canary-l"), ("city", "Canarytown")]);
    stage.edit(Side::Right, &ids.right, &[("memo", "canary-r"), ("city", "Canaryburg")]);
    stage.settle().await;
    assert!(stage.log().iter().any(|line| line.contains("memo")), "there is something to erase: {:?}", stage.log());
    ids
}

fn shape() -> Shape {
    let mut shape = Shape::default();
    let email = shape.leads.schema.fields.iter_mut().find(|field| field.name == "email").expect("there");
    email.unique = false;
    shape
}

async fn forget(stage: &Stage, id: &str, everywhere: bool) -> Erasure {
    let entity = stage.entity(Side::Left, id).id;
    let erasure = stage.sync.forget(entity, everywhere).await.expect("a store in memory").expect("known");
    let (erasure, troubles) = stage.sync.finish_erasure(erasure).await.expect("a store in memory");
    assert_eq!(troubles, []);
    erasure
}

/// Nothing of the person is in the store or in the conflict log file.
fn assert_nowhere(stage: &Stage) {
    let text = stage.log_file();
    assert!(!text.contains("anary"), "in the conflict log file: {text}");
    let dump = stage.dump();
    let found = dump.lines().find(|line| line.contains("anary"));
    assert_eq!(found, None, "in the store");
}

fn live(stage: &Stage, side: Side) -> usize {
    stage.people[side].live(object(side)).len()
}

#[tokio::test]
async fn who_is_forgotten_here_stays_in_the_systems_and_is_not_met_again() {
    let stage = shape().stage();
    let ids = person(&stage).await;
    let other = stage.linked(&[("email", "bob@example.com"), ("city", "Bonn")]).await;
    let erasure = forget(&stage, &ids.left, false).await;
    assert_nowhere(&stage);
    assert!(!erasure.is_open() && erasure.done_at.is_some());
    assert_eq!(erasure.records.left[0].done, Done::Kept);
    assert!(erasure.here.fields > 3 && erasure.here.pages > 2 && erasure.here.lines >= 2, "{:?}", erasure.here);
    stage.edit(Side::Left, &ids.left, &[("city", "Canary Wharf")]);
    assert_eq!(stage.settle().await, Written::default());
    stage.clock.forward(std::time::Duration::from_hours(30));
    assert_eq!(stage.settle().await, Written::default(), "a full check meets nobody either");
    assert_nowhere(&stage);
    assert_eq!((live(&stage, Side::Left), live(&stage, Side::Right)), (2, 2));
    assert!(stage.sync.count_blocked().expect("a store in memory") > 0);
    stage.edit(Side::Left, &other.left, &[("city", "Rome")]);
    stage.settle().await;
    assert_eq!(stage.value(Side::Right, &other.right, "city"), "Rome", "the others go on");
    stage.check_file();
}

/// P26: a person erased under privacy law is added again through the API, here by an import on the other side.
#[tokio::test]
async fn p26_who_was_erased_is_not_added_again_through_an_import() {
    let stage = shape().stage();
    let ids = person(&stage).await;
    let erasure = forget(&stage, &ids.left, true).await;
    assert_eq!((live(&stage, Side::Left), live(&stage, Side::Right)), (0, 0));
    assert!(
        erasure.records.iter().all(|(_, all)| all.iter().all(|record| record.done == Done::Deleted)),
        "{erasure:?}"
    );
    stage.make(Side::Right, &[("email", &ANN.to_uppercase()), ("city", CANARY)]);
    stage.make(Side::Left, &[("email", "new@example.com")]);
    assert_eq!(stage.settle().await, Written { created: 1, updated: 0 });
    assert_eq!(stage.all(Side::Left, ANN), [""; 0]);
    assert_eq!(stage.sync.count_blocked().expect("a store in memory"), 1);
    assert_nowhere(&stage);
    stage.people.right.delete(object(Side::Right), &stage.find(Side::Right, ANN)).expect("a record");
    stage.settle().await;
    assert_eq!(stage.sync.count_blocked().expect("a store in memory"), 0, "and is no longer counted when it is gone");
}

/// Secondaries are records of the person too; one that a person has deleted before is told as that.
#[tokio::test]
async fn every_record_of_the_person_is_erased() {
    let mut shape = shape();
    shape.contacts.capabilities.erase_batch = 1;
    let stage = shape.stage();
    let ids = person(&stage).await;
    let second = stage.make(Side::Right, &[("email", ANN)]);
    stage.settle().await;
    assert_eq!(stage.entity(Side::Left, &ids.left).secondaries.right.len(), 1);
    let erasure = forget(&stage, &ids.left, true).await;
    assert_eq!(erasure.records.left.iter().map(|record| &record.done).collect::<Vec<_>>(), [&Done::Erased]);
    assert_eq!(erasure.records.right.len(), 2);
    assert!(stage.people.left.row(object(Side::Left), &ids.left).is_none(), "out of the bin too");
    for id in [&ids.right, &second] {
        assert!(stage.people.right.row(object(Side::Right), id).expect("in the bin").deleted_at.is_some());
    }
    assert_nowhere(&stage);
    stage.check().await;
}

/// A service that is down, or loses the answer, holds up its own part: a later cycle ends it.
#[tokio::test]
async fn what_a_service_holds_up_is_ended_by_a_later_cycle() {
    for fault in [Fault::Refused, Fault::AnswerLost, Fault::TimeoutBefore] {
        let stage = shape().stage();
        let ids = person(&stage).await;
        let entity = stage.entity(Side::Left, &ids.left).id;
        let name = format!("{fault:?}");
        stage.people.right.plant(fault, 1, Method::Delete);
        let erasure = stage.sync.forget(entity, true).await.expect("a store in memory").expect("known");
        let (erasure, troubles) = stage.sync.finish_erasure(erasure).await.expect("a store in memory");
        assert!(erasure.is_open() && troubles.len() == 1, "{name}");
        assert_eq!(live(&stage, Side::Left), 0, "{name}: the other one is done");
        stage.settle().await;
        assert!(stage.sync.erasures().expect("a store in memory").iter().all(|erasure| !erasure.is_open()));
        assert_eq!(live(&stage, Side::Right), 0, "{name}");
        assert_nowhere(&stage);
        stage.check().await;
    }
}

#[tokio::test]
async fn an_erasure_that_is_killed_anywhere_is_ended_by_the_next_cycle() {
    for commits in 0.. {
        let mut blown = false;
        for after in [false, true] {
            let mut stage = shape().stage();
            stage.restart().await;
            let ids = person(&stage).await;
            let entity = stage.entity(Side::Left, &ids.left).id;
            let fuse = if after { Fuse::after(&stage.kv, commits) } else { Fuse::before(&stage.kv, commits) };
            stage.restart_on(Arc::new(fuse.clone())).await.expect("nothing is committed at start");
            if let Ok(Ok(erasure)) = stage.sync.forget(entity, true).await {
                stage.sync.finish_erasure(erasure).await.err();
            }
            blown |= fuse.is_blown();
            stage.restart().await;
            if let Ok(erasure) = stage.sync.forget(entity, true).await.expect("a store in memory") {
                assert!(commits == 0, "all of it is one commit");
                stage.sync.finish_erasure(erasure).await.expect("a store in memory");
            }
            stage.settle().await;
            assert_eq!((live(&stage, Side::Left), live(&stage, Side::Right)), (0, 0), "{commits} {after}");
            assert_nowhere(&stage);
            stage.check().await;
        }
        if !blown {
            assert!(commits > 3, "it never died");
            return;
        }
    }
}

/// Nobody knows the id of a record that is being made: it could not be erased, and would come back.
#[tokio::test]
async fn who_is_being_made_is_not_erased_before_it_is_known() {
    let stage = shape().stage();
    let left = stage.make(Side::Left, &[("email", ANN)]);
    stage.people.right.plant(Fault::AnswerLost, 1, Method::Create);
    stage.cycle().await;
    let entity = stage.entity(Side::Left, &left).id;
    let answer = stage.sync.forget(entity, true).await.expect("a store in memory");
    assert_eq!(answer.expect_err("not now"), NotNow::Creating);
    stage.settle().await;
    forget(&stage, &left, true).await;
    assert_eq!((live(&stage, Side::Left), live(&stage, Side::Right)), (0, 0));
}

/// The history of a person who was united with another one lies under an id that nobody has any more.
#[tokio::test]
async fn the_past_of_two_who_became_one_is_erased_too() {
    let stage = shape().stage();
    let ids = person(&stage).await;
    let loser = stage.make(Side::Left, &[("email", "canary-old@example.com"), ("city", "Canary Islands")]);
    stage.settle().await;
    stage.edit(Side::Left, &loser, &[("city", "Canary Rock")]);
    stage.settle().await;
    stage.people.left.merge(object(Side::Left), &ids.left, &loser).expect("both live");
    stage.settle().await;
    let erasure = forget(&stage, &ids.left, true).await;
    assert_nowhere(&stage);
    assert!(!erasure.former.is_empty(), "{erasure:?}");
    stage.check().await;
}
