//! P21, P31, P32: what is missed by reading at the wrong time, under the wrong name, or not at all for a while.

use std::time::Duration;

use hymnal::{
    cycle::{
        report::{Held, Written},
        state::Pause,
    },
    mapping::FieldType,
    merge::{Pair, Side},
};
use hymnal_memory::{Fault, Method};

use crate::stage::{LEADS, Shape, Stage, object};

const ANN: &str = "ann@example.com";

/// A service's clock is hours off, as if it gave its local time for UTC. No edit is missed and none wins by it; and a
/// time that does not say where it is local is refused, not moved.
#[tokio::test]
async fn p21_a_clock_of_another_zone_hides_no_edit_and_moves_no_time() {
    for seconds in [-7200, 7200] {
        let mut shape = Shape::default();
        shape.rule("phone").map.kind = FieldType::Datetime;
        let mut stage = shape.stage();
        stage.restart().await;
        let ids = stage.linked(&[("email", ANN), ("city", "Bonn"), ("phone", "2026-11-23T12:00:00+02:00")]).await;
        let moment = |side: Side| {
            stage.people[side].row(object(side), &ids[side]).expect("a row").fields["phone"]
                .to_string()
                .parse::<hymnal_sdk::Timestamp>()
                .expect("a moment")
        };
        assert_eq!(moment(Side::Right), moment(Side::Left), "the same moment, however it is written");
        stage.people.left.plant(Fault::ClockSkew { seconds }, 1, Method::Any);
        for turn in 0..6 {
            let (side, city) = (Side::BOTH[turn % 2], format!("City {turn}"));
            stage.edit(side, &ids[side], &[("city", &city)]);
            assert_eq!(stage.settle().await, Written { created: 0, updated: 1 }, "{seconds} s, turn {turn}");
            assert_eq!(stage.value(side.other(), &ids[side.other()], "city"), city);
            if turn == 2 {
                stage.restart().await;
            }
        }
        assert_eq!(stage.log(), [""; 0]);
        stage.edit(Side::Left, &ids.left, &[("phone", "2026-12-24T18:00:00"), ("city", "Trier")]);
        stage.settle().await;
        assert_eq!(moment_of(&stage, &ids), "2026-11-23T10:00:00Z".parse().expect("a moment"), "not moved");
        assert_eq!(stage.value(Side::Right, &ids.right, "city"), "Trier", "and the rest goes on");
        stage.check().await;
    }
}

fn moment_of(stage: &Stage, ids: &Pair<String>) -> hymnal_sdk::Timestamp {
    stage.value(Side::Right, &ids.right, "phone").parse().expect("a moment")
}

/// An admin deletes a mapped field, and later makes it again. Nothing is cleared, the other fields go on both ways, and
/// what was entered meanwhile arrives when the field is back. Some services leave the field out of what they show, others
/// refuse every request that names it.
#[tokio::test]
async fn p31_a_field_that_is_deleted_stops_nothing_but_itself() {
    for (side, refuses) in [(Side::Left, false), (Side::Right, false), (Side::Left, true), (Side::Right, true)] {
        let mut stage = refusing(side, refuses).await;
        let ids = stage.linked(&[("email", ANN), ("city", "Bonn"), ("phone", "1")]).await;
        stage.people[side].plant(gone(side, "phone"), 1, Method::Any);
        let other = side.other();
        for turn in 0..3 {
            stage.edit(side, &ids[side], &[("city", &format!("City {turn}"))]);
            stage.edit(other, &ids[other], &[("memo", &format!("Memo {turn}"))]);
            stage.settle().await;
            assert_eq!(stage.value(other, &ids[other], "city"), format!("City {turn}"));
            assert_eq!(stage.value(side, &ids[side], "memo"), format!("Memo {turn}"));
            assert_eq!(stage.value(other, &ids[other], "phone"), "1", "nothing is cleared");
            stage.restart().await;
        }
        let told = stage.sync.gone_fields(side).expect("a store in memory");
        let told: Vec<&str> = told.iter().map(|gone| gone.field.as_str()).collect();
        assert_eq!(told, if refuses { vec!["phone"] } else { vec![] }, "who says that it is gone is heard");
        stage.edit(other, &ids[other], &[("phone", "2"), ("city", "Rome")]);
        let new = stage.make(other, &[("email", "new@example.com"), ("city", "Trier")]);
        stage.settle().await;
        assert_eq!(stage.value(side, &ids[side], "city"), "Rome");
        assert_eq!(stage.all(side, "new@example.com").len(), 1, "{new} is made");
        stage.people[side].lift_faults();
        stage.clock.forward(Duration::from_hours(25));
        stage.settle().await;
        stage.clock.forward(Duration::from_hours(2));
        stage.settle().await;
        assert_eq!(stage.value(side, &ids[side], "phone"), "2");
        assert_eq!(stage.sync.gone_fields(side).expect("a store in memory"), []);
        stage.check().await;
    }
}

/// Where the field is back, what was entered in it meanwhile is looked for at once, and not a day later.
#[tokio::test]
async fn p31_what_was_entered_while_a_field_was_gone_is_found_when_it_is_back() {
    let stage = refusing(Side::Right, true).await;
    let ids = stage.linked(&[("email", ANN), ("phone", "1"), ("city", "Bonn")]).await;
    stage.people.right.plant(gone(Side::Right, "phone"), 1, Method::Any);
    stage.edit(Side::Right, &ids.right, &[("city", "Rome")]);
    stage.settle().await;
    // The record is edited while nobody sees the field.
    stage.edit(Side::Right, &ids.right, &[("phone", "2")]);
    stage.settle().await;
    assert_eq!((stage.value(Side::Left, &ids.left, "phone"), stage.log()), ("1".into(), vec![]));
    stage.people.right.lift_faults();
    stage.clock.forward(Duration::from_hours(2));
    // The schema is asked for, the field is asked for, everything is compared.
    for _ in 0..3 {
        stage.settle().await;
    }
    assert_eq!(stage.value(Side::Left, &ids.left, "phone"), "2");
    stage.check().await;
}

/// Without its key nobody can say who somebody is, and without their consent nobody may be written to: such a field stops
/// its system, which says so, and nobody is made.
#[tokio::test]
async fn p31_a_key_or_a_consent_that_is_gone_is_not_done_without() {
    for field in ["email", "optout"] {
        let stage = refusing(Side::Right, true).await;
        let ids = stage.linked(&[("email", ANN), ("optout", "no"), ("city", "Bonn")]).await;
        stage.people.right.plant(gone(Side::Right, field), 1, Method::Any);
        stage.make(Side::Right, &[("name", "New"), ("city", "Rome")]);
        for _ in 0..3 {
            let report = stage.cycle().await;
            assert!(report.troubles.iter().any(|(side, _)| *side == Side::Right), "{field}: {report:?}");
        }
        assert_eq!(stage.people.left.live(object(Side::Left)).len(), 1, "{field}");
        assert_eq!(stage.value(Side::Left, &ids.left, "city"), "Bonn");
        stage.people.right.lift_faults();
        stage.settle().await;
        stage.check().await;
    }
}

async fn refusing(side: Side, refuses: bool) -> Stage {
    let mut shape = Shape::default();
    shape.side(side).refuses_unknown = refuses;
    let mut stage = shape.stage();
    stage.restart().await;
    stage
}

fn gone(side: Side, field: &str) -> Fault {
    Fault::FieldRenamed { object: object(side).into(), field: field.into() }
}

/// Paused for ten days, or stopped for ten days: people edit, make and delete, and all of it is there afterwards.
#[tokio::test]
async fn p32_a_pause_of_days_loses_nothing() {
    for reads_meanwhile in [true, false] {
        let mut stage = Stage::new();
        stage.restart().await;
        let ids = stage.linked(&[("email", ANN), ("city", "Bonn"), ("optout", "no"), ("memo", "old")]).await;
        let gone = stage.linked(&[("email", "gone@example.com")]).await;
        let pause = Pause { until: None, reason: "a migration".into(), since: stage.sync.committer.clock.now() };
        stage.sync.state().set_pause(Some(&pause)).expect("a store in memory");
        for day in 0..10 {
            stage.clock.forward(Duration::from_hours(24));
            stage.edit(Side::Left, &ids.left, &[("city", &format!("Day {day}"))]);
            stage.make(Side::Right, &[("email", &format!("day{day}@example.com"))]);
            match day {
                2 => stage.edit(Side::Left, &ids.left, &[("optout", "yes"), ("memo", "left")]),
                3 => stage.edit(Side::Right, &ids.right, &[("memo", "right")]),
                4 => stage.people.right.delete(LEADS, &gone.right).expect("a record"),
                _ => {}
            }
            if reads_meanwhile {
                stage.restart().await;
                assert_eq!(stage.cycle().await.held, Some(Held::Paused));
            }
        }
        stage.sync.state().set_pause(None).expect("a store in memory");
        stage.restart().await;
        assert_eq!(stage.settle().await, Written { created: 10, updated: 1 });
        stage.clock.forward(Duration::from_mins(20));
        stage.settle().await;
        assert_eq!(["city", "optout"].map(|field| stage.value(Side::Right, &ids.right, field)), ["Day 9", "yes"]);
        assert_eq!(stage.log(), ["memo conflict open"], "who disagreed is asked");
        assert_eq!(stage.entity(Side::Left, &gone.left).members.right, None);
        let live = Pair::from_fn(|side| stage.people[side].live(object(side)).len());
        assert_eq!(live, Pair::new(12, 11), "who was deleted is not made again");
        stage.check().await;
    }
}
