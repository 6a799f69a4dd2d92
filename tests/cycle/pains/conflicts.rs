//! P17, P29, P35, P37: what is refused, contested or answered, and what people are told of it.

use std::time::Duration;

use hymnal::{
    cycle::{
        parked::Reason,
        report::Written,
        resolve::{Act, Answer, Take},
    },
    merge::{
        OnConflict, Side,
        event::{ConflictLine, ConflictStatus},
        person::Loosening,
    },
};

use crate::stage::{LEADS, Shape, Stage};

const ANN: &str = "ann@example.com";

fn parked(stage: &Stage) -> Vec<Reason> {
    stage.sync.parked().expect("a store in memory")
}

/// Sales refuses somebody. It is listed with the words of the service for as long as it is so: for days, through restarts,
/// and longer than any history is kept.
#[tokio::test]
async fn p17_what_is_refused_is_listed_with_its_reason_until_it_is_over() {
    let mut stage = Stage::new();
    stage.restart().await;
    let ids = stage.linked(&[("email", ANN), ("city", "Bonn")]).await;
    stage.people.right.forbid(LEADS, "city", "Nowhere");
    stage.edit(Side::Left, &ids.left, &[("city", "Nowhere")]);
    stage.settle().await;
    let mut told = Vec::new();
    for days in [0, 6, 90, 801] {
        stage.clock.forward(Duration::from_hours(24 * days));
        stage.restart().await;
        stage.settle().await;
        let reasons = parked(&stage);
        assert_eq!(reasons.len(), 1, "after {days} days");
        assert_eq!(
            (reasons[0].people.len(), reasons[0].signature.code.as_str()),
            (1, "FIELD_CUSTOM_VALIDATION_EXCEPTION")
        );
        let words = stage.sync.words_of(&reasons[0]).await.expect("a store in memory").expect("words");
        assert!(words.0.message.contains("Nowhere"), "the words of the service: {words:?}");
        told.push(words.0.message);
    }
    told.dedup();
    assert_eq!(told.len(), 1, "{told:?}");
    stage.people.right.forbid_nothing();
    stage.clock.forward(Duration::from_hours(25));
    stage.settle().await;
    assert_eq!(parked(&stage).len(), 0);
    assert_eq!(stage.value(Side::Right, &ids.right, "city"), "Nowhere");
    stage.check().await;
}

/// Marketing has authority over the title. Sales edits it before, after, in between, and more recently; it never gets
/// through, whenever which of them is read.
#[tokio::test]
async fn p29_the_side_with_authority_keeps_it_whenever_the_other_one_comes() {
    let mut stage = Stage::new();
    stage.restart().await;
    let ids = stage.linked(&[("email", ANN), ("title", "Dr")]).await;
    let writes = stage.watch();
    let theirs = |stage: &Stage, title: &str| stage.edit(Side::Right, &ids.right, &[("title", title)]);
    let ours = |stage: &Stage, title: &str| stage.edit(Side::Left, &ids.left, &[("title", title)]);
    for turn in 0..5 {
        let title = format!("Title {turn}");
        match turn {
            0 => {
                theirs(&stage, "before");
                stage.cycle().await;
                ours(&stage, &title);
            }
            1 => {
                ours(&stage, &title);
                stage.cycle().await;
                theirs(&stage, "after");
            }
            2 => {
                ours(&stage, &title);
                theirs(&stage, "more recently, and read with it");
            }
            3 => {
                theirs(&stage, "earlier, and read with it");
                ours(&stage, &title);
            }
            _ => {
                ours(&stage, &title);
                stage.settle().await;
                stage.clock.forward(Duration::from_hours(30));
                theirs(&stage, "alone, a day later");
            }
        }
        stage.settle().await;
        stage.clock.forward(Duration::from_hours(2));
        for side in Side::BOTH {
            assert_eq!(stage.value(side, &ids[side], "title"), title, "turn {turn}, {side:?}");
        }
    }
    let to_left = |seen: &&crate::stage::Seen| seen.side == Side::Left;
    assert_eq!(writes.take().iter().filter(to_left).count(), 0, "marketing was never written to");
    assert!(
        stage.log().iter().all(|line| line == "title overruled resolved" || line == "title overruled resolved Left"),
        "{:?}",
        stage.log()
    );
    stage.check().await;
}

/// Under a rule that decides nothing is left open, and each line says which rule it was, and why.
#[tokio::test]
async fn p35_where_a_rule_decides_nobody_is_asked_and_the_line_says_why() {
    let rules = [
        (OnConflict::Latest, "latest", Some(Side::Right)),
        (OnConflict::Prefer(Side::Left), "prefer", Some(Side::Left)),
        (OnConflict::Always(Side::Left), "always", Some(Side::Left)),
        (OnConflict::Manual, "manual", None),
    ];
    for (rule, policy, winner) in rules {
        let mut shape = Shape::default();
        shape.rule("city").policy.on_conflict = rule;
        let stage = shape.stage();
        let ids = stage.linked(&[("email", ANN), ("city", "Rome")]).await;
        stage.edit(Side::Left, &ids.left, &[("city", "Bonn")]);
        stage.edit(Side::Right, &ids.right, &[("city", "Trier")]);
        stage.settle().await;
        let lines = stage.lines();
        assert_eq!(lines.len(), 1, "{rule:?}");
        let ConflictLine::Field(verdict) = &lines[0].event.verdict else { panic!("a line about a field") };
        assert_eq!((verdict.policy.as_str(), verdict.winner), (policy, winner));
        assert!(verdict.reason.len() > 5, "{rule:?}: {verdict:?}");
        let (open, shown) = match winner {
            Some(Side::Left) => (0, ["Bonn", "Bonn"]),
            Some(Side::Right) => (0, ["Trier", "Trier"]),
            None => (1, ["Bonn", "Trier"]),
        };
        assert_eq!(stage.sync.open_conflicts().expect("a store in memory").len(), open, "{rule:?}");
        assert_eq!(lines[0].event.status == ConflictStatus::Open, open == 1);
        assert_eq!(Side::BOTH.map(|side| stage.value(side, &ids[side], "city")), shown, "{rule:?}");
        stage.check().await;
    }
}

/// A person answered. Other edits of the record, restarts, the daily comparison, and rules that are read again find
/// nothing to ask.
#[tokio::test]
async fn p37_what_a_person_answered_is_never_found_again() {
    for take in [Take::Side(Side::Left), Take::Side(Side::Right), Take::Base] {
        let mut stage = Stage::new();
        stage.restart().await;
        let ids = stage.linked(&[("email", ANN), ("memo", "old")]).await;
        stage.edit(Side::Left, &ids.left, &[("memo", "left")]);
        stage.edit(Side::Right, &ids.right, &[("memo", "right")]);
        stage.settle().await;
        let open = stage.sync.open_conflicts().expect("a store in memory");
        let answer = Answer { take: take.clone(), by: "kim".into(), seen: None, loosening: Loosening::Refused };
        stage.sync.resolve(open[0], &answer, Act::Do).await.expect("a store in memory").expect("it waits");
        stage.settle().await;
        let told = stage.log();
        let stands = stage.value(Side::Left, &ids.left, "memo");
        for turn in 0..3 {
            stage.restart().await;
            stage.clock.forward(Duration::from_hours(25));
            stage.edit(Side::Left, &ids.left, &[("city", &format!("City {turn}"))]);
            stage.edit(Side::Right, &ids.right, &[("phone", &turn.to_string())]);
            assert_eq!(stage.settle().await, Written { created: 0, updated: 2 });
        }
        assert_eq!(stage.log(), told, "{take:?}");
        for side in Side::BOTH {
            assert_eq!(stage.value(side, &ids[side], "memo"), stands, "{take:?}");
        }
        stage.check().await;
    }
}
