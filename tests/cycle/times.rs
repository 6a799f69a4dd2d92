//! What is known of the time of an edit, and what follows from it.

use std::time::Duration;

use hymnal::merge::{Certainty, Side, event::ConflictLine};

use super::stage::{Shape, Stage};

const ANN: &str = "ann@example.com";

/// Services that tell neither a field's history nor who changed a record.
fn tells_little() -> Stage {
    let mut shape = Shape::default();
    for side in Side::BOTH {
        shape.side(side).capabilities.history = false;
        shape.side(side).tells_actor = false;
    }
    shape.stage()
}

fn certainty(stage: &Stage) -> Option<Certainty> {
    match stage.lines().last().map(|line| line.event.verdict.clone()) {
        Some(ConflictLine::Field(verdict)) => verdict.certainty,
        other => panic!("no line about a field: {other:?}"),
    }
}

#[tokio::test]
async fn a_history_makes_it_certain() {
    let stage = Stage::new();
    let ids = stage.linked(&[("email", ANN), ("city", "Rome")]).await;
    stage.edit(Side::Right, &ids.right, &[("city", "Bonn")]);
    stage.edit(Side::Left, &ids.left, &[("city", "Cologne")]);
    // The record's own time misleads: it was touched again, elsewhere.
    stage.edit(Side::Right, &ids.right, &[("phone", "1")]);
    stage.settle().await;
    assert_eq!(stage.log(), ["city conflict resolved Left"]);
    assert_eq!(certainty(&stage), Some(Certainty::Certain));
    stage.check().await;
}

#[tokio::test]
async fn without_a_history_the_records_times_make_it_likely() {
    let stage = tells_little();
    let ids = stage.linked(&[("email", ANN), ("city", "Rome")]).await;
    stage.edit(Side::Right, &ids.right, &[("city", "Bonn")]);
    stage.edit(Side::Left, &ids.left, &[("city", "Cologne")]);
    stage.settle().await;
    assert_eq!(stage.log(), ["city conflict resolved Left"]);
    assert_eq!(certainty(&stage), Some(Certainty::Likely));
    stage.check().await;
}

#[tokio::test]
async fn edits_within_the_uncertainty_of_clocks_go_by_priority() {
    let stage = Stage::new();
    let ids = stage.linked(&[("email", ANN), ("city", "Rome")]).await;
    stage.edit(Side::Right, &ids.right, &[("city", "Bonn")]);
    stage.clock.forward(Duration::from_secs(2));
    stage.people.left.update("contacts", &ids.left, super::stage::natives(&[("city", "Cologne")])).expect("a record");
    stage.settle().await;
    assert_eq!(stage.log(), ["city conflict resolved Right"]);
    assert_eq!(certainty(&stage), Some(Certainty::Priority));
    stage.check().await;
}
