//! What people edit arrives, once; what two people edit is decided, logged, and the same on both sides.

use hymnal::{
    cycle::report::Written,
    merge::{Blanks, OnOverride, Side},
};

use super::stage::{Shape, Stage};

const ANN: &str = "ann@example.com";

#[tokio::test]
async fn a_first_sync_links_creates_and_fills_and_is_then_quiet() {
    let stage = Stage::new();
    stage.make(Side::Left, &[("email", ANN), ("name", "Ann"), ("city", "Bonn")]);
    stage.make(Side::Right, &[("email", "ANN@example.com"), ("name", "Ann"), ("phone", "1")]);
    for number in 0..7 {
        stage.make(Side::Left, &[("email", &format!("l{number}@example.com")), ("name", "L")]);
        stage.make(Side::Right, &[("email", &format!("r{number}@example.com")), ("name", "R")]);
    }
    assert_eq!(stage.settle().await, Written { created: 14, updated: 2 });
    let (left, right) = (stage.find(Side::Left, ANN), stage.find(Side::Right, ANN));
    assert_eq!(stage.value(Side::Right, &right, "city"), "Bonn");
    assert_eq!(stage.value(Side::Left, &left, "phone"), "1");
    assert_eq!(stage.log(), [""; 0]);
    stage.check().await;
}

#[tokio::test]
async fn an_edit_of_one_side_travels_in_one_write_and_is_no_conflict() {
    let stage = Stage::new();
    let ids = stage.linked(&[("email", ANN), ("name", "Ann")]).await;
    for (side, city) in [(Side::Left, "Bonn"), (Side::Right, "Cologne"), (Side::Left, "")] {
        stage.edit(side, &ids[side], &[("city", city)]);
        assert_eq!(stage.settle().await, Written { created: 0, updated: 1 }, "{city}");
        assert_eq!(stage.value(side.other(), &ids[side.other()], "city"), city);
    }
    assert_eq!(stage.log(), [""; 0]);
    stage.check().await;
}

#[tokio::test]
async fn the_same_edit_on_both_sides_is_no_conflict_and_no_write() {
    let stage = Stage::new();
    let ids = stage.linked(&[("email", ANN)]).await;
    stage.edit(Side::Left, &ids.left, &[("city", "Bonn")]);
    stage.edit(Side::Right, &ids.right, &[("city", " Bonn ")]);
    assert_eq!(stage.settle().await, Written::default());
    assert_eq!(stage.log(), [""; 0]);
    stage.check().await;
}

#[tokio::test]
async fn two_different_edits_are_one_line_and_the_later_wins_everywhere() {
    for late in Side::BOTH {
        let stage = Stage::new();
        let ids = stage.linked(&[("email", ANN), ("city", "Rome")]).await;
        stage.edit(late.other(), &ids[late.other()], &[("city", "Bonn")]);
        stage.edit(late, &ids[late], &[("city", "Cologne")]);
        stage.settle().await;
        assert_eq!(stage.log(), [format!("city conflict resolved {late:?}")]);
        for side in Side::BOTH {
            assert_eq!(stage.value(side, &ids[side], "city"), "Cologne");
        }
        stage.check().await;
    }
}

#[tokio::test]
async fn edits_of_different_fields_of_one_record_do_not_compete() {
    let stage = Stage::new();
    let ids = stage.linked(&[("email", ANN)]).await;
    stage.edit(Side::Left, &ids.left, &[("city", "Bonn")]);
    stage.edit(Side::Right, &ids.right, &[("phone", "7")]);
    assert_eq!(stage.settle().await, Written { created: 0, updated: 2 });
    assert_eq!(stage.log(), [""; 0]);
    stage.check().await;
}

/// The right side answers a write without values, so that the next reading settles it. What a person edits *after* our
/// write was answered follows the delivered value; it was once logged as competing with it.
#[tokio::test]
async fn an_edit_after_the_delivery_is_no_conflict() {
    let stage = Stage::new();
    let ids = stage.linked(&[("email", ANN), ("city", "Rome")]).await;
    stage.edit(Side::Left, &ids.left, &[("city", "Bonn")]);
    stage.cycle().await;
    assert_eq!(stage.value(Side::Right, &ids.right, "city"), "Bonn");
    stage.edit(Side::Right, &ids.right, &[("city", "Cologne")]);
    stage.settle().await;
    assert_eq!(stage.log(), [""; 0]);
    assert_eq!(stage.value(Side::Left, &ids.left, "city"), "Cologne");
    stage.check().await;
}

/// As above, but the left edits again meanwhile, back to the value of old: both edited since the delivery.
#[tokio::test]
async fn going_back_after_the_delivery_competes_with_the_other_sides_edit() {
    let stage = Stage::new();
    let ids = stage.linked(&[("email", ANN), ("city", "Rome")]).await;
    stage.edit(Side::Left, &ids.left, &[("city", "Bonn")]);
    stage.cycle().await;
    stage.edit(Side::Right, &ids.right, &[("city", "Cologne")]);
    stage.edit(Side::Left, &ids.left, &[("city", "Rome")]);
    stage.settle().await;
    assert_eq!(stage.log(), ["city conflict resolved Left"]);
    assert_eq!(stage.value(Side::Right, &ids.right, "city"), "Rome");
    stage.check().await;
}

#[tokio::test]
async fn who_edits_back_before_anybody_saw_it_changed_nothing() {
    let stage = Stage::new();
    let ids = stage.linked(&[("email", ANN), ("city", "Rome")]).await;
    stage.edit(Side::Left, &ids.left, &[("city", "Bonn")]);
    stage.edit(Side::Left, &ids.left, &[("city", "Rome")]);
    stage.edit(Side::Right, &ids.right, &[("city", "Cologne")]);
    stage.settle().await;
    assert_eq!(stage.log(), [""; 0]);
    assert_eq!(stage.value(Side::Left, &ids.left, "city"), "Cologne");
    stage.check().await;
}

#[tokio::test]
async fn additions_and_removals_of_both_sides_are_united_in_silence() {
    let stage = Stage::new();
    let ids = stage.linked(&[("email", ANN), ("tags", "a;b")]).await;
    stage.edit(Side::Left, &ids.left, &[("tags", "a;b;c")]);
    stage.edit(Side::Right, &ids.right, &[("tags", "b;d")]);
    stage.settle().await;
    assert_eq!(stage.log(), [""; 0]);
    for side in Side::BOTH {
        assert_eq!(stage.value(side, &ids[side], "tags"), "b;c;d");
    }
    stage.check().await;
}

#[tokio::test]
async fn a_value_against_the_flow_is_overruled_logged_and_restored() {
    let stage = Stage::new();
    let ids = stage.linked(&[("email", ANN), ("title", "Dr")]).await;
    stage.edit(Side::Right, &ids.right, &[("title", "Prof")]);
    stage.settle().await;
    assert_eq!(stage.log(), ["title overruled resolved"]);
    assert_eq!(stage.value(Side::Right, &ids.right, "title"), "Dr");
    stage.check().await;
}

#[tokio::test]
async fn a_value_against_the_flow_is_left_where_the_rules_say_so() {
    let mut shape = Shape::default();
    shape.rule("title").policy.on_override = OnOverride::Keep;
    let stage = shape.stage();
    let ids = stage.linked(&[("email", ANN), ("title", "Dr")]).await;
    stage.edit(Side::Right, &ids.right, &[("title", "Prof")]);
    stage.settle().await;
    assert_eq!(stage.value(Side::Right, &ids.right, "title"), "Prof");
    stage.check().await;
    stage.edit(Side::Left, &ids.left, &[("title", "Sir")]);
    stage.settle().await;
    assert_eq!(stage.value(Side::Right, &ids.right, "title"), "Sir");
    stage.check().await;
}

#[tokio::test]
async fn a_blank_that_may_not_overwrite_is_filled_again() {
    let mut shape = Shape::default();
    shape.rule("city").policy.blanks = Blanks::Ignore;
    let stage = shape.stage();
    let ids = stage.linked(&[("email", ANN), ("city", "Rome")]).await;
    stage.edit(Side::Left, &ids.left, &[("city", "")]);
    stage.settle().await;
    assert_eq!(stage.value(Side::Left, &ids.left, "city"), "Rome");
    assert_eq!(stage.value(Side::Right, &ids.right, "city"), "Rome");
    stage.check().await;
}

#[tokio::test]
async fn what_waits_for_a_person_stays_as_it_is_until_the_values_are_equal() {
    let stage = Stage::new();
    let ids = stage.linked(&[("email", ANN), ("memo", "old")]).await;
    stage.edit(Side::Left, &ids.left, &[("memo", "left")]);
    stage.edit(Side::Right, &ids.right, &[("memo", "right")]);
    stage.settle().await;
    assert_eq!(stage.log(), ["memo conflict open"]);
    stage.check().await;
    stage.edit(Side::Left, &ids.left, &[("memo", "left, again")]);
    stage.settle().await;
    assert_eq!(stage.value(Side::Left, &ids.left, "memo"), "left, again");
    assert_eq!(stage.value(Side::Right, &ids.right, "memo"), "right");
    stage.edit(Side::Right, &ids.right, &[("memo", "left, again")]);
    stage.settle().await;
    assert_eq!(stage.log(), ["memo conflict open", "memo conflict open", "memo conflict superseded"]);
    let conflicts: std::collections::BTreeSet<_> = stage.lines().iter().map(|line| line.event.id).collect();
    assert_eq!(conflicts.len(), 1, "a later line updates the first");
    stage.check().await;
}

/// Both went back to the agreed value: no edit is left, and the conflict was once left open for ever.
#[tokio::test]
async fn what_waits_for_a_person_is_superseded_when_both_go_back() {
    let stage = Stage::new();
    let ids = stage.linked(&[("email", ANN), ("memo", "old")]).await;
    for side in Side::BOTH {
        stage.edit(side, &ids[side], &[("memo", &format!("{side:?}"))]);
    }
    stage.settle().await;
    for side in Side::BOTH {
        stage.edit(side, &ids[side], &[("memo", "old")]);
    }
    stage.settle().await;
    assert_eq!(stage.log().last().map(String::as_str), Some("memo conflict superseded"));
    let entity = stage.entity(Side::Left, &ids.left);
    assert_eq!(entity.fields["memo"].conflict, None);
    stage.edit(Side::Left, &ids.left, &[("memo", "new")]);
    stage.settle().await;
    assert_eq!(stage.value(Side::Right, &ids.right, "memo"), "new");
    stage.check().await;
}

#[tokio::test]
async fn at_the_first_link_the_rule_decides_and_the_log_says_so() {
    let stage = Stage::new();
    let left = stage.make(Side::Left, &[("email", ANN), ("city", "Bonn"), ("title", "Dr"), ("tags", "a")]);
    let right = stage.make(Side::Right, &[("email", ANN), ("city", "Rome"), ("title", "Sir"), ("tags", "b")]);
    stage.settle().await;
    let mut log = stage.log();
    log.sort();
    assert_eq!(log, ["city first_link resolved Right", "title overruled resolved Left"]);
    for (side, id) in [(Side::Left, &left), (Side::Right, &right)] {
        let shown = ["city", "title", "tags"].map(|field| stage.value(side, id, field));
        assert_eq!(shown, ["Rome", "Dr", "a;b"], "{side:?}");
    }
    stage.check().await;
}

#[tokio::test]
async fn an_edit_while_the_first_link_is_on_its_way_is_not_lost() {
    let stage = Stage::new();
    let left = stage.make(Side::Left, &[("email", ANN), ("city", "Bonn")]);
    let right = stage.make(Side::Right, &[("email", ANN), ("city", "Rome"), ("phone", "1")]);
    stage.cycle().await;
    stage.edit(Side::Left, &left, &[("city", "Paris"), ("phone", "2")]);
    stage.settle().await;
    for (side, id) in [(Side::Left, &left), (Side::Right, &right)] {
        assert_eq!(stage.value(side, id, "city"), "Paris", "{side:?}");
        assert_eq!(stage.value(side, id, "phone"), "2", "{side:?}");
    }
    assert_eq!(stage.log(), ["city first_link resolved Right"]);
    stage.check().await;
}

#[tokio::test]
async fn an_edit_of_a_record_that_was_just_created_travels_back() {
    let stage = Stage::new();
    let left = stage.make(Side::Left, &[("email", ANN), ("city", "Bonn"), ("name", "Ann")]);
    stage.cycle().await;
    let right = stage.find(Side::Right, ANN);
    stage.edit(Side::Right, &right, &[("city", "Rome")]);
    stage.edit(Side::Left, &left, &[("name", "Anna")]);
    stage.settle().await;
    assert_eq!(stage.value(Side::Left, &left, "city"), "Rome");
    assert_eq!(stage.value(Side::Right, &right, "name"), "Anna");
    assert_eq!(stage.log(), [""; 0]);
    stage.check().await;
}
