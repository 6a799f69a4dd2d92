//! A plan is applied exactly: nothing but its lines, none that is no longer what was planned.

use std::{collections::BTreeSet, time::Duration};

use hymnal::{
    cycle::{
        apply::{Barred, outcome::Applied, pilot::Pilot},
        plan::line::Line,
        report::Held,
        state::Pause,
    },
    journal::entry::{Cause, JournalPage},
    merge::{Event, FirstRun, OnDelete, Side, planned::ChangeKind},
    store::{Kv, format},
};
use hymnal_memory::{Fault, Method};
use hymnal_sdk::Clock;

use super::{
    plan::plan,
    stage::{Shape, Stage},
};

const ANN: &str = "ann@example.com";

async fn apply(stage: &Stage, lines: Vec<Line>, limit: Option<usize>) -> Applied {
    let cycle = stage.sync.before_apply().await.expect("a store in memory").expect("nothing bars it");
    let mut applied = Applied::default();
    let trouble = stage.sync.apply(cycle, lines, &mut pilot(stage, limit, None), &mut applied).await;
    assert_eq!(trouble.expect("a store in memory"), None);
    applied
}

fn pilot(stage: &Stage, limit: Option<usize>, filter: Option<&str>) -> Pilot {
    Pilot::new(limit, filter, &stage.rules).expect("an expression")
}

/// A held first run with people on both sides: two known to both, each with a difference, and three to be made.
fn held() -> Stage {
    let mut shape = Shape::default();
    shape.rules.first_run = FirstRun::Plan;
    let stage = shape.stage();
    for name in ["ann", "bob"] {
        let email = format!("{name}@example.com");
        stage.make(Side::Left, &[("email", &email), ("name", name), ("city", "Bonn"), ("phone", "1")]);
        stage.make(Side::Right, &[("email", &email), ("city", "Rome")]);
    }
    for name in ["cid", "dan", "eve"] {
        stage.make(Side::Left, &[("email", &format!("{name}@example.com")), ("name", name)]);
    }
    stage
}

#[tokio::test]
async fn a_whole_plan_does_what_the_run_would_have_done() {
    let mut stage = held();
    let (_, lines) = plan(&stage).await;
    let writes = stage.watch();
    let applied = apply(&stage, lines.clone(), None).await;
    assert_eq!(applied.done, lines.len() as u64);
    assert_eq!((applied.created, applied.updated), (3, 4));
    assert_eq!((applied.skipped.count, applied.refused.count, applied.left.count), (0, 0, 0));
    let (_, rest) = plan(&stage).await;
    assert_eq!(rest, []);
    writes.take();
    assert_eq!(
        apply(&stage, lines.clone(), None).await.already,
        lines.len() as u64,
        "a second time it all stands there"
    );
    assert_eq!(writes.take(), []);
}

/// What a pilot is for: a few people, and the rest stays held.
#[tokio::test]
async fn a_pilot_writes_the_first_people_and_leaves_the_rest_held() {
    let mut stage = held();
    stage.cycle().await;
    let (_, lines) = plan(&stage).await;
    let pilot: BTreeSet<&str> = lines.iter().map(|line| line.entity.as_str()).take(1).collect();
    let of_pilot = lines.iter().filter(|line| pilot.contains(line.entity.as_str())).count();
    let writes = stage.watch();

    let applied = apply(&stage, lines.clone(), Some(1)).await;

    assert_eq!(applied.done, of_pilot as u64);
    assert!(of_pilot >= 2, "both sides of the person: {lines:#?}");
    assert_eq!((applied.skipped.count, applied.passed_over), (0, (lines.len() - of_pilot) as u64));
    let seen = writes.take();
    assert_eq!(seen.len(), 2);
    let report = stage.cycle().await;
    assert_eq!(report.held, Some(Held::FirstRun));
    assert_eq!(writes.take(), [], "the rest stays held");
    let (_, rest) = plan(&stage).await;
    assert_eq!(rest.len(), lines.len() - of_pilot);
}

#[tokio::test]
async fn a_pilot_may_be_those_for_whom_something_holds() {
    for (filter, limit, done) in [
        ("kind == 'create'", None, 3),
        ("kind == 'create' and system == 'crm' and name == 'cid'", None, 1),
        ("field == 'phone' and new == '1'", None, 2),
        ("field == 'phone'", Some(1), 1),
        ("system == 'marketing' and old == 'Bonn'", None, 2),
        ("email is startingwith('nobody')", None, 0),
    ] {
        let stage = held();
        let (_, lines) = plan(&stage).await;
        let cycle = stage.sync.before_apply().await.expect("a store in memory").expect("nothing bars it");
        let mut applied = Applied::default();
        let all = lines.len() as u64;
        let mut pilot = pilot(&stage, limit, Some(filter));
        stage.sync.apply(cycle, lines, &mut pilot, &mut applied).await.expect("a store in memory");
        assert_eq!((applied.done, applied.passed_over), (done, all - done), "{filter}: {applied:#?}");
    }
    let stage = held();
    assert!(Pilot::new(None, Some("kinds == 'create'"), &stage.rules).is_err());
}

#[tokio::test]
async fn lines_taken_out_are_not_done() {
    let stage = held();
    let (_, lines) = plan(&stage).await;
    let fills: Vec<Line> = lines.iter().filter(|line| line.field == "phone").cloned().collect();
    assert_eq!(fills.len(), 2);
    let applied = apply(&stage, fills, None).await;
    assert_eq!((applied.done, applied.updated, applied.created), (2, 2, 0));
    let right = stage.find(Side::Right, ANN);
    assert_eq!(stage.value(Side::Right, &right, "phone"), "1");
    assert_eq!(stage.value(Side::Right, &right, "name"), "", "planned, and taken out");
}

#[tokio::test]
async fn what_moved_since_is_skipped_and_told() {
    let stage = held();
    let (_, lines) = plan(&stage).await;
    let left = stage.find(Side::Left, ANN);
    stage.edit(Side::Left, &left, &[("phone", "2")]);
    stage.edit(Side::Left, &stage.find(Side::Left, "cid@example.com"), &[("name", "Cecil")]);
    let dan = stage.find(Side::Left, "dan@example.com");
    stage.people.left.delete("contacts", &dan).expect("a record");

    let applied = apply(&stage, lines.clone(), None).await;

    assert_eq!(applied.done, lines.len() as u64 - 3);
    let mut told: Vec<String> =
        applied.skipped.samples.iter().map(|why| format!("{}: {}", why.field, why.why)).collect();
    told.sort();
    assert_eq!(
        told,
        [
            r#": it would be made with other values now: {"email":"cid@example.com","name":"Cecil"}"#,
            ": the record is not known any more",
            "phone: it holds `(blank)` now, and would become `2`",
        ]
    );
    let right = stage.find(Side::Right, ANN);
    assert_eq!(stage.value(Side::Right, &right, "phone"), "", "neither the old value nor the new one");
    assert_eq!(stage.value(Side::Right, &right, "name"), "ann", "the rest of the record was written");
    assert!(stage.all(Side::Right, "cid@example.com").is_empty());
}

/// An edit between the reading and the write is found by the verifying read.
#[tokio::test]
async fn what_moves_at_the_last_moment_is_found_by_the_verifying_read() {
    let stage = held();
    let (_, lines) = plan(&stage).await;
    let cycle = stage.sync.before_apply().await.expect("a store in memory").expect("nothing bars it");
    let right = stage.find(Side::Right, ANN);
    stage.edit(Side::Right, &right, &[("phone", "9")]);
    let mut applied = Applied::default();
    stage.sync.apply(cycle, lines, &mut pilot(&stage, None, None), &mut applied).await.expect("a store in memory");
    assert_eq!(applied.skipped.samples.iter().map(|why| why.field.as_str()).collect::<Vec<_>>(), ["phone"]);
    assert_eq!(stage.value(Side::Right, &right, "phone"), "9");
}

#[tokio::test]
async fn what_a_service_refuses_is_told_with_its_words() {
    let stage = held();
    let (_, lines) = plan(&stage).await;
    let right = lines.iter().filter(|line| line.system == "crm" && line.kind != ChangeKind::Create).count();
    stage.people.right.plant(Fault::RowLocked, 3, Method::Update);
    let applied = apply(&stage, lines.clone(), None).await;
    assert_eq!((applied.refused.count, applied.done), (right as u64, (lines.len() - right) as u64));
    assert!(applied.refused.samples[0].why.contains("exclusive access"), "{:?}", applied.refused.samples);
    // Locked once, it is read and written again.
    let stage = held();
    let (_, lines) = plan(&stage).await;
    stage.people.right.plant(Fault::RowLocked, 1, Method::Update);
    assert_eq!(apply(&stage, lines.clone(), None).await.done, lines.len() as u64);
}

#[tokio::test]
async fn what_is_not_answered_is_left() {
    let stage = held();
    let (_, lines) = plan(&stage).await;
    stage.people.right.plant(Fault::AnswerLost, 1, Method::Create);
    let cycle = stage.sync.before_apply().await.expect("a store in memory").expect("nothing bars it");
    let mut applied = Applied::default();
    let trouble = stage.sync.apply(cycle, lines.clone(), &mut pilot(&stage, None, None), &mut applied).await;
    assert!(trouble.expect("a store in memory").is_some());
    assert_eq!((applied.left.count, applied.done), (3, lines.len() as u64 - 3));
    // They are looked for, not made twice.
    let _ = stage.sync.state().approve();
    stage.settle().await;
    assert_eq!(apply(&stage, lines.clone(), None).await.already, lines.len() as u64);
    stage.check().await;
}

/// A deletion that a rule carries over is a line of the plan like any other.
#[tokio::test]
async fn a_deletion_is_planned_and_applied() {
    let mut shape = Shape::default();
    shape.rules.on_delete.left = OnDelete::Delete;
    let stage = shape.stage();
    let ids = stage.linked(&[("email", ANN)]).await;
    stage.people.left.delete("contacts", &ids.left).expect("a record");
    stage.cycle().await;
    stage.clock.forward(Duration::from_mins(20));
    let (_, lines) = plan(&stage).await;
    let told: Vec<_> = lines.iter().map(|line| (line.kind, line.rule.as_str(), line.record.clone())).collect();
    assert_eq!(told, [(ChangeKind::Delete, "on_delete = delete", format!("crm:leads:{}", ids.right))]);
    let applied = apply(&stage, lines.clone(), None).await;
    assert_eq!((applied.done, applied.deleted), (1, 1));
    assert!(stage.all(Side::Right, ANN).is_empty());
    assert_eq!(apply(&stage, lines, None).await.already, 1);
}

#[tokio::test]
async fn a_pause_holds_a_plan_too() {
    let stage = held();
    let pause = Pause { until: None, reason: String::new(), since: stage.clock.now() };
    stage.sync.state().set_pause(Some(&pause)).expect("a store in memory");
    let barred = stage.sync.before_apply().await.expect("a store in memory");
    assert!(matches!(barred, Err(Barred::Held(Held::Paused))));
}

/// I13: each write is in the journal before it is sent, and it says that a person applied a plan.
#[tokio::test]
async fn writes_are_journalled_with_their_cause() {
    let stage = held();
    let (_, lines) = plan(&stage).await;
    let creates: Vec<Line> = lines.into_iter().filter(|line| line.kind == ChangeKind::Create).collect();
    apply(&stage, creates, None).await;
    let rows = stage.kv.scan(&stage.sync.committer.tag.table(b'j'), None, usize::MAX).expect("a store in memory");
    let pages: Vec<JournalPage> = rows.iter().map(|(key, bytes)| format::open(key, bytes).expect("a page")).collect();
    let sending = |page: &&JournalPage| page.events.iter().any(|event| matches!(event, Event::Sending { .. }));
    let sent: Vec<_> = pages.iter().filter(sending).map(|page| page.cause).collect();
    assert_eq!(sent, [Some(Cause::Apply); 3]);
}
