//! P7, P8, P18–P20: how much is written and asked, and in what order.

use std::time::Duration;

use hymnal::{
    cycle::{Deletions, report::Written},
    merge::Side,
};
use hymnal_memory::{Called, Fault, Method, Normal};

use crate::stage::{Shape, Stage, object};

const ANN: &str = "ann@example.com";

/// How many calls there were since this was last asked, on both sides.
fn calls(stage: &Stage) -> Vec<Called> {
    Side::BOTH.into_iter().flat_map(|side| stage.people[side].take_calls()).collect()
}

/// Pages and batches as services have them.
fn large(shape: &mut Shape) {
    for side in Side::BOTH {
        let capabilities = &mut shape.side(side).capabilities;
        capabilities.list_page = 100;
        (capabilities.get_batch, capabilities.find_batch) = (100, 100);
        (capabilities.create_batch, capabilities.update_batch) = (100, 100);
    }
}

/// Each service has a form of its own for what we write; then each has a rule that undoes what the other's did.
#[tokio::test]
async fn p07_two_systems_that_answer_each_other_come_to_rest() {
    let mut shape = Shape::default();
    shape.leads.capabilities.write_returns_record = true;
    let mut stage = shape.stage();
    stage.restart().await;
    let ids = stage.linked(&[("email", ANN), ("city", "Bonn")]).await;
    for (side, how) in [(Side::Left, Normal::Lower), (Side::Right, Normal::Reformat)] {
        stage.people[side].plant(Fault::Normalised { field: "city".into(), how }, Fault::FOREVER, Method::Any);
    }
    for (side, city) in [(Side::Left, "trier AM rhein"), (Side::Right, "bonn AM rhein")] {
        stage.edit(side, &ids[side], &[("city", city)]);
        assert_eq!(stage.settle().await, Written { created: 0, updated: 1 }, "one edit is one write");
        stage.check().await;
    }
    assert_eq!(stage.log(), [""; 0]);

    for (side, value) in [(Side::Left, "L"), (Side::Right, "R")] {
        stage.people[side].lift_faults();
        let rule = Fault::Automation { field: "city".into(), value: value.into() };
        stage.people[side].plant(rule, Fault::FOREVER, Method::Update);
    }
    calls(&stage);
    stage.edit(Side::Left, &ids.left, &[("city", "Rome")]);
    stage.settle().await;
    assert_eq!(stage.log(), ["city oscillation open"], "it is told once, and waits for a person");
    let writes = calls(&stage).iter().filter(|call| call.method.writes()).count();
    assert!(writes <= 12, "{writes} writes until it stopped");
    for _ in 0..48 {
        stage.clock.forward(Duration::from_mins(30));
        stage.cycle().await;
    }
    assert_eq!(calls(&stage).iter().filter(|call| call.method.writes()).count(), 0, "a day of peace");
    stage.edit(Side::Left, &ids.left, &[("phone", "1")]);
    stage.settle().await;
    assert_eq!(stage.value(Side::Right, &ids.right, "phone"), "1", "other fields go on");
    stage.check().await;
}

/// There, back, there again, quicker than anybody reads, and with a list that lags: what arrives is never older than what
/// arrived before, and nothing is taken for an edit of the other side.
#[tokio::test]
async fn p08_a_value_that_goes_back_and_forth_never_arrives_stale() {
    for side in Side::BOTH {
        let mut shape = Shape::default();
        for object in [&mut shape.contacts, &mut shape.leads] {
            object.capabilities.overlap = Duration::from_mins(10);
        }
        let mut stage = shape.stage();
        stage.restart().await;
        let ids = stage.linked(&[("email", ANN), ("city", "Bonn")]).await;
        let writes = stage.watch();
        for (turn, city) in ["Rome", "Bonn", "Rome", "Bonn", "Trier", "Bonn"].into_iter().enumerate() {
            stage.edit(side, &ids[side], &[("city", city)]);
            if turn % 3 != 1 {
                stage.people[side.other()].plant(Fault::StaleList(Duration::from_mins(4)), 1, Method::List);
                stage.cycle().await;
                for seen in writes.take() {
                    let written = seen.fields.as_ref().and_then(|fields| fields.get("city")).map(ToString::to_string);
                    assert_eq!((seen.side, written.as_deref()), (side.other(), Some(city)), "turn {turn}");
                }
            }
            stage.clock.forward(Duration::from_mins(20));
        }
        stage.people[side.other()].lift_faults();
        stage.settle().await;
        assert_eq!(writes.take().iter().filter(|seen| seen.side == side).count(), 0);
        for each in Side::BOTH {
            assert_eq!(stage.value(each, &ids[each], "city"), "Bonn", "{each:?}");
        }
        assert_eq!(stage.log(), [""; 0]);
        stage.check().await;
    }
}

/// A day, a cycle a minute, and nobody does anything: one list call per object and cycle, one of its feed of deletions,
/// and nothing else but the daily comparison. No record is read by its id, and nothing is written.
#[tokio::test]
async fn p18_while_nothing_changes_next_to_nothing_is_asked() {
    const CYCLES: usize = 24 * 60;
    let mut shape = Shape::default();
    large(&mut shape);
    let stage = shape.stage();
    for number in 0..210 {
        stage.make(Side::Left, &[("email", &format!("p{number}@example.com")), ("city", "Bonn")]);
    }
    stage.settle().await;
    stage.cycle().await;
    calls(&stage);
    for _ in 0..CYCLES {
        stage.clock.forward(Duration::from_mins(1));
        let report = stage.sync.cycle(Deletions::WhenDue).await.expect("a store in memory");
        assert_eq!(report.written, Written::default());
    }
    let calls = calls(&stage);
    let count = |method: Method| calls.iter().filter(|call| call.method == method).count();
    let mut counted = std::collections::BTreeMap::<Method, usize>::new();
    for call in &calls {
        *counted.entry(call.method).or_default() += 1;
    }
    assert_eq!((count(Method::Get), count(Method::Find)), (0, 0), "{counted:?}");
    assert!(!calls.iter().any(|call| call.method.writes()), "{counted:?}");
    // Two sides; the daily comparison reads three pages of each.
    assert!(count(Method::List) <= 2 * (CYCLES + 8), "{counted:?}");
    assert!(count(Method::Deletions) <= 2 * CYCLES, "{counted:?}");
    assert!(calls.len() <= 2 * (2 * CYCLES + 50), "{counted:?}");
}

/// An import of many in the minute in which somebody opts out and a hot lead changes: all of it is done in one cycle, in
/// whole batches, the opt-out first.
#[tokio::test]
async fn p19_behind_an_import_nobody_waits() {
    let mut shape = Shape::default();
    large(&mut shape);
    let mut stage = shape.stage();
    stage.restart().await;
    let hot = stage.linked(&[("email", ANN), ("city", "Bonn"), ("optout", "no")]).await;
    let out = stage.linked(&[("email", "out@example.com"), ("optout", "no")]).await;
    for number in 0..250 {
        stage.make(Side::Left, &[("email", &format!("import{number}@example.com")), ("city", "Nowhere")]);
    }
    stage.edit(Side::Left, &hot.left, &[("city", "Rome")]);
    stage.edit(Side::Left, &out.left, &[("optout", "yes")]);
    let writes = stage.watch();
    calls(&stage);
    let report = stage.cycle().await;
    assert_eq!(report.written, Written { created: 250, updated: 2 });
    let seen = writes.take();
    assert_eq!(seen[0].id.as_ref(), Some(&out.right), "who wants no more mail is first");
    assert_eq!(stage.value(Side::Right, &hot.right, "city"), "Rome");
    let creations = calls(&stage).iter().filter(|call| call.method == Method::Create).count();
    assert_eq!(creations, 3, "a hundred in one call");

    // What is imported is refused as a whole: the hot lead does not wait behind that either.
    stage.people.right.forbid(object(Side::Right), "city", "Elsewhere");
    for number in 0..250 {
        stage.make(Side::Left, &[("email", &format!("more{number}@example.com")), ("city", "Elsewhere")]);
    }
    stage.edit(Side::Left, &hot.left, &[("city", "Trier")]);
    stage.cycle().await;
    assert_eq!(stage.value(Side::Right, &hot.right, "city"), "Trier");
}

/// Five hundred people are moved in so few calls that a quota of a day holds for more than a million of them.
#[tokio::test]
async fn p20_a_first_load_takes_few_calls() {
    const PEOPLE: usize = 500;
    let mut shape = Shape::default();
    large(&mut shape);
    let stage = shape.stage();
    for number in 0..PEOPLE {
        stage.make(Side::Left, &[("email", &format!("p{number}@example.com")), ("name", "Ann")]);
    }
    assert_eq!(stage.settle().await, Written { created: PEOPLE, updated: 0 });
    for side in Side::BOTH {
        let calls = stage.people[side].take_calls().len();
        // A page, a look-up, a creation and the reading that confirms it are four calls for a hundred people.
        assert!(calls <= PEOPLE / 100 * 5 + 20, "{calls} calls to {side:?} for {PEOPLE} people");
    }
    stage.check().await;
}
