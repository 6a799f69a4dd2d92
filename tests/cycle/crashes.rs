//! Killed before, or right after, every single commit: the end is the same, and nobody is there twice.

use std::sync::Arc;

use hymnal::{merge::Side, store::StoreError};

use super::stage::{Fuse, Shape, Stage, natives, object};

/// What everybody did before Hymnal was started for the first time.
fn crowd(stage: &Stage) {
    for number in 0..6 {
        let email = format!("both{number}@example.com");
        stage.make(Side::Left, &[("email", &email), ("name", "Bo"), ("city", "Bonn"), ("tags", "a;b")]);
        stage
            .make(Side::Right, &[("email", &email), ("phone", "1"), ("optout", if number > 3 { "yes" } else { "no" })]);
    }
    for number in 0..5 {
        stage.make(Side::Left, &[("email", &format!("left{number}@example.com")), ("city", "Rome")]);
        stage.make(Side::Right, &[("email", &format!("right{number}@example.com")), ("city", "Paris")]);
    }
    stage.make(Side::Left, &[("email", "odd@example.com"), ("city", "Bonn"), ("memo", "l"), ("tags", "a")]);
    stage.make(Side::Right, &[("email", "odd@example.com"), ("city", "Rome"), ("memo", "r"), ("tags", "b")]);
}

/// What everybody did on a day.
fn day(stage: &Stage) {
    let id = |side: Side, email: &str| stage.find(side, email);
    let edit = |side: Side, email: &str, values: &[(&str, &str)]| stage.edit(side, &id(side, email), values);
    edit(Side::Left, "both0@example.com", &[("city", "Trier"), ("name", "Bob")]);
    edit(Side::Right, "both0@example.com", &[("city", "Turin")]);
    edit(Side::Right, "both1@example.com", &[("city", ""), ("optout", "yes")]);
    edit(Side::Left, "both1@example.com", &[("tags", "b;c")]);
    edit(Side::Right, "both2@example.com", &[("tags", "a;d"), ("title", "Prof")]);
    edit(Side::Left, "both3@example.com", &[("memo", "l")]);
    edit(Side::Right, "both3@example.com", &[("memo", "r")]);
    edit(Side::Left, "left0@example.com", &[("email", "new@example.com")]);
    edit(Side::Right, "left1@example.com", &[("phone", "2")]);
    stage.make(Side::Left, &[("email", "late@example.com"), ("name", "Late")]);
    stage.make(Side::Right, &[("email", "later@example.com"), ("name", "Later")]);
    stage.people.right.delete(object(Side::Right), &id(Side::Right, "left2@example.com")).expect("a record");
    let (winner, loser) = (id(Side::Left, "both4@example.com"), id(Side::Left, "both5@example.com"));
    stage.people.left.merge(object(Side::Left), &winner, &loser).expect("both live");
}

fn shape(unique: bool) -> Shape {
    let mut shape = Shape::default();
    if !unique {
        for side in Side::BOTH {
            let fields = &mut shape.side(side).schema.fields;
            fields.iter_mut().filter(|field| field.name == "email").for_each(|field| field.unique = false);
        }
    }
    shape
}

/// Lines without their order: which of two people is decided first may change.
fn sorted_log(stage: &Stage) -> Vec<String> {
    let mut log = stage.log();
    log.sort();
    log
}

async fn first_sync(fuse: Option<&dyn Fn(&Stage) -> Fuse>) -> (Stage, bool) {
    let mut stage = shape(false).stage();
    stage.restart().await;
    crowd(&stage);
    let crashed = run(&mut stage, fuse).await;
    (stage, crashed)
}

async fn one_day(fuse: Option<&dyn Fn(&Stage) -> Fuse>) -> (Stage, bool) {
    let mut stage = shape(true).stage();
    stage.restart().await;
    crowd(&stage);
    stage.settle().await;
    day(&stage);
    let crashed = run(&mut stage, fuse).await;
    stage.clock.forward(std::time::Duration::from_mins(20));
    stage.settle().await;
    (stage, crashed)
}

/// Settles; where the store dies on the way, starts again on what it left. Answers whether it died.
async fn run(stage: &mut Stage, fuse: Option<&dyn Fn(&Stage) -> Fuse>) -> bool {
    let Some(fuse) = fuse.map(|make| make(stage)) else {
        stage.settle().await;
        return false;
    };
    let started = stage.restart_on(Arc::new(fuse.clone())).await;
    let ended: Result<_, StoreError> = match started {
        Ok(()) => stage.try_settle().await,
        Err(error) => Err(error),
    };
    assert_eq!(ended.is_err(), fuse.is_blown());
    stage.restart().await;
    stage.settle().await;
    ended.is_err()
}

#[tokio::test]
async fn a_first_sync_that_is_killed_anywhere_ends_the_same() {
    let (calm, _) = first_sync(None).await;
    calm.check().await;
    let mut deaths = 0;
    for commits in 0.. {
        let mut crashed = false;
        for after in [false, true] {
            let make =
                |stage: &Stage| if after { Fuse::after(&stage.kv, commits) } else { Fuse::before(&stage.kv, commits) };
            let (stage, died) = first_sync(Some(&make)).await;
            crashed |= died;
            let when = format!("killed {} commit {commits}", if after { "after" } else { "before" });
            assert_eq!(stage.scene(), calm.scene(), "{when}");
            assert_eq!(sorted_log(&stage), sorted_log(&calm), "{when}");
            stage.check().await;
        }
        deaths += usize::from(crashed);
        if !crashed {
            break;
        }
    }
    assert!(deaths > 20, "it was killed at {deaths} commits only");
}

#[tokio::test]
async fn a_day_that_is_killed_anywhere_ends_the_same() {
    let (calm, _) = one_day(None).await;
    calm.check().await;
    let mut deaths = 0;
    for commits in 0.. {
        let mut crashed = false;
        for after in [false, true] {
            let make =
                |stage: &Stage| if after { Fuse::after(&stage.kv, commits) } else { Fuse::before(&stage.kv, commits) };
            let (stage, died) = one_day(Some(&make)).await;
            crashed |= died;
            let when = format!("killed {} commit {commits}", if after { "after" } else { "before" });
            assert_eq!(stage.scene(), calm.scene(), "{when}");
            assert_eq!(sorted_log(&stage), sorted_log(&calm), "{when}");
            stage.check().await;
        }
        deaths += usize::from(crashed);
        if !crashed {
            break;
        }
    }
    assert!(deaths > 20, "it was killed at {deaths} commits only");
}

/// The rules have changed, and everything that follows from them is made anew: killed in the middle, it is made again.
#[tokio::test]
async fn new_rules_that_are_killed_while_they_are_adopted_are_adopted() {
    for commits in 0.. {
        let mut stage = Stage::new();
        let phone = stage.rules.fields.pop().expect("phone is the last");
        stage.restart().await;
        for number in 0..4 {
            let email = format!("both{number}@example.com");
            stage.make(Side::Left, &[("email", &email), ("phone", "1")]);
            stage.make(Side::Right, &[("email", &email)]);
        }
        stage.settle().await;
        stage.rules.fields.push(phone);
        let fuse = Fuse::before(&stage.kv, commits);
        let died = match stage.restart_on(Arc::new(fuse)).await {
            Ok(()) => stage.try_settle().await.is_err(),
            Err(_) => true,
        };
        stage.restart().await;
        stage.settle().await;
        for number in 0..4 {
            let right = stage.find(Side::Right, &format!("both{number}@example.com"));
            assert_eq!(stage.value(Side::Right, &right, "phone"), "1", "killed before commit {commits}");
        }
        stage.check().await;
        if !died {
            break;
        }
    }
}

/// Half a discard would leave people of whom nobody knows and whom no listing brings again.
#[tokio::test]
async fn a_discard_that_is_killed_is_completed() {
    for commits in 0.. {
        let mut shape = Shape::default();
        shape.rules.first_run = hymnal::merge::FirstRun::Plan;
        let mut stage = shape.stage();
        stage.restart().await;
        crowd(&stage);
        stage.cycle().await;
        let fuse = Fuse::before(&stage.kv, commits);
        stage.restart_on(Arc::new(fuse)).await.expect("nothing to adopt");
        let died = stage.sync.discard().await.is_err();
        stage.restart().await;
        stage.cycle().await;
        stage.sync.state().approve().expect("a store in memory");
        stage.settle().await;
        let (calm, _) = first_sync(None).await;
        assert_eq!(stage.scene(), calm.scene(), "killed before commit {commits}");
        stage.check().await;
        if !died {
            break;
        }
    }
}

/// The file could not be written for a while: what was decided meanwhile stands in it before anything is sent.
#[tokio::test]
async fn the_log_file_is_completed_before_anything_is_sent() {
    let stage = Stage::new();
    let ids = stage.linked(&[("email", "ann@example.com"), ("city", "Rome")]).await;
    stage.edit(Side::Left, &ids.left, &[("city", "Bonn")]);
    stage.people.right.update(object(Side::Right), &ids.right, natives(&[("city", "Paris")])).expect("a record");
    stage.log_fails(true);
    for side in Side::BOTH {
        stage.writes(side);
    }
    for _ in 0..3 {
        assert!(stage.try_settle().await.is_err());
    }
    assert_eq!(stage.writes(Side::Left) + stage.writes(Side::Right), 0);
    stage.log_fails(false);
    stage.settle().await;
    assert_eq!(stage.log().len(), 1);
    stage.check().await;
}
