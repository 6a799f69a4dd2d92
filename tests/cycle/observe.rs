//! `mode = "observe"`: reads and merges, never writes.

use hymnal::{
    cycle::report::{Held, Written},
    merge::{Mode, Pair, Side, SystemRules},
};

use super::stage::{Shape, Stage};

const ANN: &str = "ann@example.com";

#[tokio::test]
async fn it_reads_and_merges_and_writes_nothing_not_even_a_restriction() {
    let mut shape = Shape::default();
    shape.rules.mode = Mode::Observe;
    let stage = shape.stage();
    stage.make(Side::Left, &[("email", ANN), ("name", "Ann"), ("optout", "yes")]);
    let right = stage.make(Side::Right, &[("email", ANN), ("city", "Bonn"), ("optout", "no")]);
    assert_eq!(stage.settle().await, Written::default());
    assert_eq!(stage.cycle().await.held, Some(Held::Observing));
    assert_eq!(stage.value(Side::Right, &right, "optout"), "no");
    let entity = &stage.entities()[0];
    assert!(entity.is_linked());
    assert_eq!(entity.fields["name"].golden.to_string(), "Ann");
    assert_eq!(entity.fields["city"].golden.to_string(), "Bonn");
    for side in Side::BOTH {
        assert_eq!(stage.writes(side), 0);
    }
}

#[tokio::test]
async fn what_it_decided_is_written_once_it_syncs() {
    let mut shape = Shape::default();
    shape.rules.mode = Mode::Observe;
    let mut stage = shape.stage();
    stage.make(Side::Left, &[("email", ANN), ("name", "Ann")]);
    stage.settle().await;
    stage.rules.mode = Mode::Sync;
    stage.restart().await;
    assert_eq!(stage.settle().await, Written { created: 1, updated: 0 });
    stage.check().await;
}

#[tokio::test]
async fn it_may_look_at_one_system_alone() {
    let mut shape = Shape::default();
    shape.rules.mode = Mode::Observe;
    shape.rules.systems.left.create = None;
    shape.rules.systems.right = SystemRules {
        connector: String::new(),
        objects: Vec::new(),
        create: None,
        ..shape.rules.systems.right.clone()
    };
    for rule in &mut shape.rules.fields {
        rule.map.native.right.clear();
    }
    let stage: Stage = shape.stage();
    let left = stage.make(Side::Left, &[("email", ANN), ("name", "Ann")]);
    stage.make(Side::Right, &[("email", "ben@example.com")]);
    stage.settle().await;
    stage.edit(Side::Left, &left, &[("name", "Anna")]);
    stage.settle().await;
    let entities = stage.entities();
    assert_eq!(entities.len(), 1, "the other one is nobody's business");
    assert_eq!(entities[0].fields["name"].golden.to_string(), "Anna");
    assert_eq!(Pair::from_fn(|side| stage.writes(side)), Pair::new(0, 0));
}
