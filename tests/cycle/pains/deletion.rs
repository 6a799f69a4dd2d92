//! P9, P33: deleted people who come back, and people who are deleted because a rule changed.

use std::time::Duration;

use hymnal::{
    cycle::report::Written,
    mapping::{Expression, FieldType},
    merge::{OnDelete, Pair, Side},
};

use crate::stage::{Shape, Stage, field, object};

fn live(stage: &Stage) -> Pair<usize> {
    Pair::from_fn(|side| stage.people[side].live(object(side)).len())
}

/// The other side goes on writing to whom somebody deleted: before anybody noticed, within the grace, and for days.
#[tokio::test]
async fn p09_whom_a_person_deleted_no_edit_of_the_other_side_brings_back() {
    for side in Side::BOTH {
        let mut stage = Stage::new();
        stage.restart().await;
        let ids = stage.linked(&[("email", "ann@example.com"), ("city", "Bonn")]).await;
        let other = side.other();
        stage.people[side].delete(object(side), &ids[side]).expect("a record");
        let mut edits = 0;
        let mut edit = |stage: &Stage| {
            edits += 1;
            stage.edit(other, &ids[other], &[("city", &format!("City {edits}")), ("optout", "yes")]);
        };
        edit(&stage);
        assert_eq!(stage.settle().await, Written::default());
        edit(&stage);
        stage.clock.forward(Duration::from_mins(20));
        assert_eq!(stage.settle().await, Written::default());
        for _ in 0..3 {
            stage.restart().await;
            edit(&stage);
            stage.clock.forward(Duration::from_hours(25));
            assert_eq!(stage.settle().await, Written::default(), "nor does the daily comparison");
        }
        field(&mut stage.rules, "city").policy.on_conflict = hymnal::merge::OnConflict::Always(other);
        stage.restart().await;
        assert_eq!(stage.settle().await, Written::default(), "nor do other rules");
        assert_eq!((live(&stage)[side], live(&stage)[other]), (0, 1));
        assert!(stage.entity(other, &ids[other]).tombstones[side].is_some(), "it is remembered why");
        stage.check().await;
    }
}

/// A new filter leaves most people out, on a sync that hands deletions on: they are left alone, and are as before when
/// the filter is taken back.
#[tokio::test]
async fn p33_a_changed_filter_deletes_nobody() {
    let mut shape = Shape::default();
    shape.rules.on_delete = Pair::new(OnDelete::Delete, OnDelete::Delete);
    let mut stage = shape.stage();
    stage.restart().await;
    let mut all = Vec::new();
    for number in 0..6 {
        let city = if number == 0 { "Rome" } else { "Bonn" };
        all.push(stage.linked(&[("email", &format!("p{number}@example.com")), ("city", city)]).await);
    }
    let filter = Expression::compile("city == 'Rome'", &[("city", FieldType::Text)]).expect("a right expression");
    stage.rules.include = Some(filter);
    stage.restart().await;
    stage.edit(Side::Left, &all[1].left, &[("phone", "1")]);
    stage.edit(Side::Left, &all[0].left, &[("phone", "1")]);
    stage.settle().await;
    for _ in 0..3 {
        stage.clock.forward(Duration::from_hours(25));
        assert_eq!(stage.settle().await, Written::default());
    }
    assert_eq!(live(&stage), Pair::new(6, 6));
    assert_eq!([0, 1].map(|index: usize| stage.value(Side::Right, &all[index].right, "phone")), ["1", ""]);
    assert_eq!(stage.sync.look_counts().await.expect("a store in memory").left_out, 5, "they are counted");
    stage.check().await;

    stage.rules.include = None;
    stage.restart().await;
    stage.settle().await;
    assert_eq!(live(&stage), Pair::new(6, 6));
    assert_eq!(stage.value(Side::Right, &all[1].right, "phone"), "1", "what was edited meanwhile was not lost");
    stage.check().await;
}
