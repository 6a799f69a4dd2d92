//! Services that keep another form of what they are given, hide fields, ignore writes, or edit by themselves.

use std::time::Duration;

use hymnal::{
    cycle::report::Written,
    merge::{Side, entity::Mark},
};
use hymnal_memory::{Fault, Method, Normal};
use hymnal_sdk::ListKind;

use super::stage::{Shape, Stage};

const ANN: &str = "ann@example.com";

#[tokio::test]
async fn the_service_keeps_a_poorer_form_and_the_richer_value_stays() {
    for side in Side::BOTH {
        let stage = Stage::new();
        let ids = stage.linked(&[("email", ANN), ("city", "Bonn")]).await;
        let cut = Fault::Normalised { field: "city".into(), how: Normal::Truncate(5) };
        stage.people[side].plant(cut, Fault::FOREVER, Method::Any);
        stage.edit(side.other(), &ids[side.other()], &[("city", "Düsseldorf")]);
        assert_eq!(stage.settle().await, Written { created: 0, updated: 1 });
        assert_eq!(stage.value(side, &ids[side], "city"), "Düsse");
        assert_eq!(stage.value(side.other(), &ids[side.other()], "city"), "Düsseldorf");
        stage.check().await;
        // A person's edit there is an edit again.
        stage.edit(side, &ids[side], &[("city", "Trier")]);
        stage.settle().await;
        assert_eq!(stage.value(side.other(), &ids[side.other()], "city"), "Trier");
        assert_eq!(stage.log(), [""; 0]);
        stage.check().await;
    }
}

#[tokio::test]
async fn an_email_in_lower_case_is_the_same_email() {
    for side in Side::BOTH {
        let stage = Stage::new();
        let lower = Fault::Normalised { field: "email".into(), how: Normal::Lower };
        stage.people[side].plant(lower, Fault::FOREVER, Method::Any);
        let id = stage.make(side.other(), &[("email", "Ann@Example.com"), ("name", "Ann")]);
        assert_eq!(stage.settle().await, Written { created: 1, updated: 0 });
        let entity = stage.entity(side.other(), &id);
        assert_eq!(entity.fields["email"].sides[side].mark, None);
        stage.check().await;
    }
}

#[tokio::test]
async fn a_write_that_is_answered_and_ignored_is_shown_and_not_repeated() {
    for side in Side::BOTH {
        let stage = Stage::new();
        let ids = stage.linked(&[("email", ANN), ("city", "Bonn")]).await;
        stage.people[side].plant(Fault::FieldIgnored { field: "city".into() }, Fault::FOREVER, Method::Any);
        stage.edit(side.other(), &ids[side.other()], &[("city", "Rome")]);
        stage.settle().await;
        let entity = stage.entity(side, &ids[side]);
        assert!(matches!(entity.fields["city"].sides[side].mark, Some(Mark::Ignored { .. })));
        stage.check().await;
        stage.people[side].lift_faults();
        stage.edit(side.other(), &ids[side.other()], &[("city", "Trier")]);
        stage.settle().await;
        assert_eq!(stage.value(side, &ids[side], "city"), "Trier");
        stage.check().await;
    }
}

#[tokio::test]
async fn a_field_that_is_hidden_is_not_blank() {
    let hidden = [Fault::FieldWithheld { field: "city".into() }, Fault::FieldMasked { field: "city".into() }];
    for fault in hidden {
        let stage = Stage::new();
        let ids = stage.linked(&[("email", ANN), ("city", "Bonn")]).await;
        stage.people.left.plant(fault, Fault::FOREVER, Method::Any);
        stage.edit(Side::Left, &ids.left, &[("phone", "1")]);
        stage.settle().await;
        assert_eq!(stage.value(Side::Right, &ids.right, "phone"), "1");
        assert_eq!(stage.value(Side::Right, &ids.right, "city"), "Bonn");
        stage.people.left.lift_faults();
        stage.check().await;
    }
}

/// What stands there might be an edit that nobody has seen.
#[tokio::test]
async fn a_field_that_is_hidden_just_now_is_not_written_over() {
    let hidden = [Fault::FieldWithheld { field: "city".into() }, Fault::FieldMasked { field: "city".into() }];
    for fault in hidden {
        let stage = Stage::new();
        let ids = stage.linked(&[("email", ANN), ("city", "Bonn")]).await;
        stage.people.left.plant(fault, Fault::FOREVER, Method::Any);
        stage.edit(Side::Right, &ids.right, &[("city", "Rome"), ("phone", "1")]);
        stage.settle().await;
        assert_eq!(stage.value(Side::Left, &ids.left, "phone"), "1", "the rest goes on");
        assert_eq!(stage.value(Side::Left, &ids.left, "city"), "Bonn");
        let entity = stage.entity(Side::Left, &ids.left);
        let Some(Mark::Parked { parked, .. }) = &entity.fields["city"].sides.left.mark else { panic!("{entity:?}") };
        assert_eq!(parked.problem.code, "withheld");
        stage.people.left.lift_faults();
        stage.clock.forward(Duration::from_hours(1));
        stage.settle().await;
        assert_eq!(stage.value(Side::Left, &ids.left, "city"), "Rome");
        stage.check().await;
    }
}

#[tokio::test]
async fn a_field_that_was_never_readable_is_not_decided() {
    let stage = Stage::new();
    stage.people.left.plant(Fault::FieldMasked { field: "city".into() }, Fault::FOREVER, Method::Any);
    let left = stage.make(Side::Left, &[("email", ANN), ("city", "Bonn")]);
    let right = stage.make(Side::Right, &[("email", ANN), ("city", "Rome")]);
    stage.settle().await;
    assert_eq!(stage.value(Side::Left, &left, "city"), "Bonn");
    assert_eq!(stage.value(Side::Right, &right, "city"), "Rome");
    stage.people.left.lift_faults();
    stage.edit(Side::Left, &left, &[("phone", "1")]);
    stage.settle().await;
    assert_eq!(stage.value(Side::Left, &left, "city"), "Rome");
    assert_eq!(stage.log(), ["city first_link resolved Right"]);
    stage.check().await;
}

#[tokio::test]
async fn p30_what_a_rule_inside_the_service_writes_is_an_edit_like_any_other() {
    for side in Side::BOTH {
        let stage = Stage::new();
        let ids = stage.linked(&[("email", ANN), ("city", "Bonn")]).await;
        let rule = Fault::Automation { field: "phone".into(), value: "by rule".into() };
        stage.people[side].plant(rule, 1, Method::Update);
        stage.edit(side.other(), &ids[side.other()], &[("city", "Rome")]);
        stage.settle().await;
        assert_eq!(stage.value(side.other(), &ids[side.other()], "phone"), "by rule");
        stage.check().await;
    }
}

/// A rule rewrites the very field, whenever we write: its value wins, once, and there is an end.
#[tokio::test]
async fn a_rule_that_rewrites_what_we_wrote_has_the_last_word() {
    let stage = Stage::new();
    let ids = stage.linked(&[("email", ANN), ("city", "Bonn")]).await;
    let rule = Fault::Automation { field: "city".into(), value: "HQ".into() };
    stage.people.right.plant(rule, Fault::FOREVER, Method::Update);
    stage.edit(Side::Left, &ids.left, &[("city", "Rome")]);
    stage.settle().await;
    assert_eq!(stage.value(Side::Left, &ids.left, "city"), "HQ");
    stage.check().await;
}

/// Rules on both sides that never agree: the field is frozen and says so, instead of being written for ever.
#[tokio::test]
async fn rules_that_fight_each_other_freeze_the_field() {
    let mut shape = Shape::default();
    shape.leads.capabilities.write_returns_record = true;
    let stage = shape.stage();
    let ids = stage.linked(&[("email", ANN), ("city", "Bonn")]).await;
    for (side, value) in [(Side::Left, "L"), (Side::Right, "R")] {
        let rule = Fault::Automation { field: "city".into(), value: value.into() };
        stage.people[side].plant(rule, Fault::FOREVER, Method::Update);
    }
    stage.edit(Side::Left, &ids.left, &[("city", "Rome")]);
    stage.settle().await;
    assert_eq!(stage.log().last().map(String::as_str), Some("city oscillation open"));
    stage.check().await;
}

/// A rule that rewrites what may not flow back: golden never changes, so that no flip was counted, and it was restored
/// for ever.
#[tokio::test]
async fn a_rule_against_the_flow_freezes_the_field() {
    let mut shape = Shape::default();
    shape.leads.capabilities.write_returns_record = true;
    let stage = shape.stage();
    let ids = stage.linked(&[("email", ANN), ("title", "Dr")]).await;
    let rule = Fault::Automation { field: "title".into(), value: "N/A".into() };
    stage.people.right.plant(rule, Fault::FOREVER, Method::Update);
    stage.edit(Side::Left, &ids.left, &[("title", "Sir")]);
    stage.settle().await;
    assert_eq!(stage.log().last().map(String::as_str), Some("title oscillation open"));
    assert_eq!(stage.value(Side::Left, &ids.left, "title"), "Sir");
    stage.check().await;
}

/// Two people who toggle a field now and then are no oscillation.
#[tokio::test]
async fn three_changes_of_mind_a_day_freeze_nothing() {
    let stage = Stage::new();
    let ids = stage.linked(&[("email", ANN), ("city", "Bonn")]).await;
    for _ in 0..6 {
        for city in ["Rome", "Bonn"] {
            stage.clock.forward(Duration::from_hours(2));
            stage.edit(Side::Left, &ids.left, &[("city", city)]);
            stage.settle().await;
            assert_eq!(stage.value(Side::Right, &ids.right, "city"), city);
        }
    }
    assert_eq!(stage.log(), [""; 0]);
    stage.check().await;
}

/// What cannot be understood waits and is overwritten by nobody; once it can be, it travels.
#[tokio::test]
async fn a_value_that_cannot_be_read_waits() {
    let mut shape = Shape::default();
    shape.rule("phone").map.kind = hymnal::mapping::FieldType::Integer;
    let stage = shape.stage();
    let ids = stage.linked(&[("email", ANN), ("phone", "1"), ("city", "Bonn")]).await;
    stage.edit(Side::Left, &ids.left, &[("phone", "one"), ("city", "Rome")]);
    stage.settle().await;
    assert_eq!(stage.value(Side::Right, &ids.right, "phone"), "1");
    assert_eq!(stage.value(Side::Right, &ids.right, "city"), "Rome");
    stage.check().await;
    stage.edit(Side::Right, &ids.right, &[("phone", "3")]);
    stage.settle().await;
    assert_eq!(stage.value(Side::Left, &ids.left, "phone"), "one");
    stage.edit(Side::Left, &ids.left, &[("phone", "2")]);
    stage.settle().await;
    assert_eq!(stage.log(), ["phone conflict resolved Left"]);
    assert_eq!(stage.value(Side::Right, &ids.right, "phone"), "2");
    stage.check().await;
}

/// A default that the service wanted at creation is blank when read back, and fills nothing on the other side.
#[tokio::test]
async fn a_default_reads_back_as_blank_until_a_person_changes_it() {
    let mut shape = Shape::default();
    let city = shape.leads.schema.fields.iter_mut().find(|field| field.name == "city").expect("there");
    city.required = true;
    let places = &mut shape.rule("city").map.native.right;
    for place in places.values_mut() {
        place.default = Some("unknown".into());
    }
    let stage = shape.stage();
    let left = stage.make(Side::Left, &[("email", ANN)]);
    assert_eq!(stage.settle().await, Written { created: 1, updated: 0 });
    let right = stage.find(Side::Right, ANN);
    assert_eq!(stage.value(Side::Right, &right, "city"), "unknown");
    assert_eq!(stage.value(Side::Left, &left, "city"), "");
    stage.check().await;
    stage.edit(Side::Right, &right, &[("city", "Bonn")]);
    stage.settle().await;
    assert_eq!(stage.value(Side::Left, &left, "city"), "Bonn");
    stage.check().await;
}

/// A list that gives no times cannot tell an edit from what stood there before one.
#[tokio::test]
async fn a_list_without_times_that_lags_brings_nothing_back() {
    let mut shape = Shape::default();
    shape.contacts.capabilities.list = ListKind::Scan;
    let stage = shape.stage();
    let ids = stage.linked(&[("email", ANN), ("city", "Bonn")]).await;
    stage.clock.forward(Duration::from_mins(10));
    stage.edit(Side::Right, &ids.right, &[("city", "Rome")]);
    stage.settle().await;
    stage.people.left.plant(Fault::StaleList(Duration::from_mins(5)), 2, Method::List);
    assert_eq!(stage.settle().await, Written::default());
    assert_eq!(stage.people.left.fired()["stale-list"], 1);
    assert_eq!(stage.value(Side::Left, &ids.left, "city"), "Rome");
    assert_eq!(stage.value(Side::Right, &ids.right, "city"), "Rome");
    stage.check().await;
}
