//! Answers that are lost, calls that fail half-way, services that say no.

use std::time::Duration;

use hymnal::{
    cycle::report::Written,
    merge::Side,
    store::{
        Kv,
        tables::{Tag, Wait},
    },
};
use hymnal_memory::{Fault, Method};

use super::stage::{Shape, Stage, object};

const ANN: &str = "ann@example.com";
const BEN: &str = "ben@example.com";

/// E-mails that are not unique: nothing but Hymnal itself keeps a person from being made twice.
fn not_unique() -> Shape {
    let mut shape = Shape::default();
    for side in Side::BOTH {
        let fields = &mut shape.side(side).schema.fields;
        fields.iter_mut().filter(|field| field.name == "email").for_each(|field| field.unique = false);
    }
    shape
}

#[tokio::test]
async fn nobody_is_made_twice_when_the_answer_to_a_creation_is_lost() {
    for fault in [Fault::AnswerLost, Fault::AppliedThenError, Fault::CutMidBatch, Fault::PartialBatch] {
        for side in Side::BOTH {
            let stage = not_unique().stage();
            for number in 0..6 {
                stage.make(side.other(), &[("email", &format!("p{number}@example.com")), ("city", "Bonn")]);
            }
            stage.people[side].plant(fault.clone(), 2, Method::Create);
            stage.settle().await;
            assert_eq!(stage.people[side].fired()[fault.name()], 2);
            assert_eq!(stage.people[side].live(object(side)).len(), 6, "{fault:?} on {side:?}");
            assert_eq!(stage.log(), [""; 0], "{fault:?} on {side:?}");
            stage.check().await;
        }
    }
}

#[tokio::test]
async fn a_creation_that_never_happened_is_made() {
    for fault in [Fault::TimeoutBefore, Fault::ServerError, Fault::Refused] {
        let stage = not_unique().stage();
        stage.make(Side::Left, &[("email", ANN), ("city", "Bonn")]);
        stage.people.right.plant(fault, 2, Method::Create);
        stage.settle().await;
        assert_eq!(stage.all(Side::Right, ANN).len(), 1);
        stage.check().await;
    }
}

/// The person changes the e-mail while nobody knows whether the creation under the old one happened. Looked for under
/// the new one alone it was not found, and made again.
#[tokio::test]
async fn nobody_is_made_twice_when_the_email_changes_while_a_creation_is_in_doubt() {
    for late in [false, true] {
        let stage = not_unique().stage();
        let left = stage.make(Side::Left, &[("email", ANN), ("city", "Bonn")]);
        stage.people.right.plant(Fault::AnswerLost, 1, Method::Create);
        stage.cycle().await;
        assert_eq!(stage.all(Side::Right, ANN).len(), 1, "it was applied");
        stage.edit(Side::Left, &left, &[("email", BEN)]);
        if late {
            stage.people.right.plant(Fault::LateRows(Duration::from_hours(1)), 30, Method::List);
        }
        stage.settle().await;
        let rows = stage.people.right.live(object(Side::Right));
        assert_eq!(rows.len(), 1, "I4: {rows:?}");
        assert_eq!(stage.value(Side::Right, &rows[0].id, "email"), BEN);
        assert_eq!(stage.value(Side::Left, &left, "email"), BEN);
        assert_eq!(stage.log(), [""; 0]);
        stage.people.right.lift_faults();
        stage.check().await;
    }
}

/// People without the first key are looked for by the next before they are made, and after an answer was lost.
#[tokio::test]
async fn nobody_is_made_twice_who_has_only_a_later_key() {
    let mut shape = not_unique();
    shape.rules.matching = vec![vec![0], vec![7, 1]];
    let stage = shape.stage();
    stage.make(Side::Left, &[("name", "Ann"), ("phone", "1")]);
    stage.people.right.plant(Fault::AnswerLost, 1, Method::Create);
    stage.people.right.plant(Fault::LateRows(Duration::from_hours(1)), 30, Method::List);
    stage.settle().await;
    assert_eq!(stage.people.right.live(object(Side::Right)).len(), 1, "I4");
    stage.people.right.lift_faults();
    stage.check().await;
}

#[tokio::test]
async fn with_an_id_of_ours_a_creation_is_safe_to_repeat() {
    for fault in [Fault::AnswerLost, Fault::TimeoutBefore, Fault::CutMidBatch] {
        let mut shape = not_unique();
        shape.rules.systems.right.external_id = Some("hymnal_id".into());
        shape.leads.find_lag = Duration::from_hours(1);
        let stage = shape.stage();
        for number in 0..6 {
            stage.make(Side::Left, &[("email", &format!("p{number}@example.com"))]);
        }
        stage.people.right.plant(fault.clone(), 2, Method::Upsert);
        stage.people.right.plant(Fault::LateRows(Duration::from_hours(1)), 30, Method::List);
        stage.settle().await;
        assert_eq!(stage.people.right.live(object(Side::Right)).len(), 6, "{fault:?}");
        stage.people.right.lift_faults();
        stage.check().await;
    }
}

#[tokio::test]
async fn an_update_whose_answer_is_lost_is_read_back_and_is_nobodys_edit() {
    for fault in [Fault::AnswerLost, Fault::AppliedThenError, Fault::TimeoutBefore, Fault::ServerError] {
        for side in Side::BOTH {
            let stage = Stage::new();
            let ids = stage.linked(&[("email", ANN), ("city", "Bonn")]).await;
            stage.edit(side.other(), &ids[side.other()], &[("city", "Rome")]);
            stage.people[side].plant(fault.clone(), 1, Method::Update);
            stage.cycle().await;
            stage.settle().await;
            assert_eq!(stage.value(side, &ids[side], "city"), "Rome", "{fault:?} on {side:?}");
            assert_eq!(stage.log(), [""; 0], "{fault:?} on {side:?}");
            stage.check().await;
        }
    }
}

/// The write was applied, its answer lost; the other person edits, and the list lags behind. Our own value, read back,
/// must not be taken for an edit that competes.
#[tokio::test]
async fn our_own_write_is_no_edit_even_where_the_list_lags() {
    let mut shape = Shape::default();
    shape.leads.capabilities.overlap = Duration::from_mins(10);
    let stage = shape.stage();
    let ids = stage.linked(&[("email", ANN), ("city", "Bonn")]).await;
    stage.clock.forward(Duration::from_mins(10));
    stage.edit(Side::Left, &ids.left, &[("city", "Rome")]);
    stage.people.right.plant(Fault::AnswerLost, 1, Method::Update);
    stage.cycle().await;
    stage.edit(Side::Left, &ids.left, &[("city", "Paris")]);
    stage.people.right.plant(Fault::StaleList(Duration::from_mins(5)), 1, Method::List);
    stage.settle().await;
    assert_eq!(stage.people.right.fired()["stale-list"], 1);
    assert_eq!(stage.value(Side::Right, &ids.right, "city"), "Paris");
    assert_eq!(stage.log(), [""; 0]);
    stage.check().await;
}

/// The list shows the record as it was before our write, which was answered: that is no refusal.
#[tokio::test]
async fn a_lagging_list_does_not_make_an_answered_write_ignored() {
    let mut shape = Shape::default();
    shape.leads.capabilities.overlap = Duration::from_mins(10);
    let stage = shape.stage();
    let ids = stage.linked(&[("email", ANN), ("city", "Bonn")]).await;
    stage.clock.forward(Duration::from_mins(10));
    stage.edit(Side::Right, &ids.right, &[("phone", "1")]);
    stage.settle().await;
    stage.edit(Side::Left, &ids.left, &[("city", "Rome")]);
    stage.cycle().await;
    stage.people.right.plant(Fault::StaleList(Duration::from_secs(90)), 1, Method::List);
    stage.cycle().await;
    assert_eq!(stage.people.right.fired()["stale-list"], 1);
    assert_eq!(stage.entity(Side::Right, &ids.right).fields["city"].sides.right.mark, None);
    stage.settle().await;
    stage.check().await;
}

#[tokio::test]
async fn a_refused_field_is_parked_and_the_others_are_written() {
    let mut shape = Shape::default();
    let city = shape.leads.schema.fields.iter_mut().find(|field| field.name == "city").expect("there");
    city.max_length = Some(5);
    let stage = shape.stage();
    let ids = stage.linked(&[("email", ANN), ("city", "Bonn")]).await;
    stage.edit(Side::Left, &ids.left, &[("city", "Düsseldorf"), ("phone", "1")]);
    stage.settle().await;
    assert_eq!(stage.value(Side::Right, &ids.right, "city"), "Bonn");
    assert_eq!(stage.value(Side::Right, &ids.right, "phone"), "1");
    let parked = stage.kv.scan(&Tag(1).waiting(Wait::Parked), None, 10).expect("a store in memory");
    assert_eq!(parked.len(), 1);
    stage.check().await;
    // A value that fits goes at once.
    stage.edit(Side::Left, &ids.left, &[("city", "Trier")]);
    assert_eq!(stage.settle().await, Written { created: 0, updated: 1 });
    assert_eq!(stage.value(Side::Right, &ids.right, "city"), "Trier");
    stage.check().await;
}

/// A record that is refused is tried again as soon as something changes, not only when its delay is over.
#[tokio::test]
async fn a_refused_record_is_tried_again_when_it_changes() {
    let mut shape = Shape::default();
    let name = shape.leads.schema.fields.iter_mut().find(|field| field.name == "name").expect("there");
    name.required = true;
    let stage = shape.stage();
    let left = stage.make(Side::Left, &[("email", ANN)]);
    assert_eq!(stage.settle().await, Written::default());
    stage.check().await;
    stage.edit(Side::Left, &left, &[("name", "Ann")]);
    assert_eq!(stage.settle().await, Written { created: 1, updated: 0 });
    stage.check().await;
}

#[tokio::test]
async fn a_locked_row_is_tried_three_times_then_parked_then_tried_again() {
    let stage = Stage::new();
    let ids = stage.linked(&[("email", ANN), ("city", "Bonn")]).await;
    stage.people.right.plant(Fault::RowLocked, 3, Method::Update);
    stage.edit(Side::Left, &ids.left, &[("city", "Rome")]);
    stage.settle().await;
    assert_eq!(stage.value(Side::Right, &ids.right, "city"), "Bonn");
    stage.clock.forward(Duration::from_mins(10));
    stage.settle().await;
    assert_eq!(stage.value(Side::Right, &ids.right, "city"), "Rome");
    stage.check().await;
}

#[tokio::test]
async fn one_system_that_is_down_does_not_stop_the_other() {
    let stage = Stage::new();
    let ids = stage.linked(&[("email", ANN), ("city", "Bonn")]).await;
    stage.people.left.plant(Fault::Refused, 3, Method::Any);
    stage.edit(Side::Left, &ids.left, &[("city", "Rome")]);
    stage.edit(Side::Right, &ids.right, &[("phone", "1")]);
    let report = stage.cycle().await;
    assert!(!report.troubles.is_empty());
    assert!(report.troubles.iter().all(|(side, _)| *side == Side::Left));
    assert!(!report.is_quiet());
    stage.people.left.lift_faults();
    stage.settle().await;
    assert_eq!(stage.value(Side::Right, &ids.right, "city"), "Rome");
    assert_eq!(stage.value(Side::Left, &ids.left, "phone"), "1");
    assert_eq!(stage.log(), [""; 0]);
    stage.check().await;
}
