//! A person answers a conflict: once, on what they saw, and it never comes back.

use hymnal::{
    cycle::resolve::{Act, Answer, Resolved, Take, Unresolved},
    mapping::Value,
    merge::{
        Flow, Id, Pair, Side,
        event::ConflictStatus,
        person::{Loosening, Unfit},
    },
};
use hymnal_memory::{Fault, Method};

use super::stage::{Shape, Stage};

const ANN: &str = "ann@example.com";

fn answer(take: Take) -> Answer {
    Answer { take, by: "kim".into(), seen: None, loosening: Loosening::Refused }
}

async fn resolve(stage: &Stage, id: Id, answer: &Answer) -> Result<Resolved, Unresolved> {
    stage.sync.resolve(id, answer, Act::Do).await.expect("a store in memory")
}

fn open(stage: &Stage) -> Vec<Id> {
    stage.sync.open_conflicts().expect("a store in memory")
}

/// One person whose memo says two things: `manual` waits for a person.
async fn asked() -> (Stage, Pair<String>, Id) {
    let stage = Stage::new();
    let ids = stage.linked(&[("email", ANN), ("memo", "old")]).await;
    stage.edit(Side::Left, &ids.left, &[("memo", "left")]);
    stage.edit(Side::Right, &ids.right, &[("memo", "right")]);
    stage.settle().await;
    let open = open(&stage);
    assert_eq!(open.len(), 1);
    (stage, ids, open[0])
}

#[tokio::test]
async fn either_side_the_last_synced_value_or_another_one_can_be_taken() {
    let cases = [
        (Take::Side(Side::Left), "left"),
        (Take::Side(Side::Right), "right"),
        (Take::Base, "old"),
        (Take::Value("new".into()), "new"),
        (Take::Value(String::new()), ""),
    ];
    for (take, value) in cases {
        let (stage, ids, id) = asked().await;
        resolve(&stage, id, &answer(take.clone())).await.expect("an open question");
        stage.settle().await;
        for side in Side::BOTH {
            assert_eq!(stage.value(side, &ids[side], "memo"), value, "{take:?}");
        }
        assert_eq!(open(&stage), []);
        let last = stage.lines().pop().expect("a line");
        assert_eq!((last.event.id, last.event.status), (id, ConflictStatus::Resolved), "{take:?}");
        stage.check().await;
        // P37: what was answered is not asked again, whatever is read again.
        let lines = stage.lines().len();
        stage.edit(Side::Left, &ids.left, &[("city", "Bonn")]);
        stage.settle().await;
        assert_eq!(stage.lines().len(), lines, "{take:?}");
        // The next edit of one side is an edit like any other.
        stage.edit(Side::Right, &ids.right, &[("memo", "later")]);
        stage.settle().await;
        assert_eq!(stage.value(Side::Left, &ids.left, "memo"), "later", "{take:?}");
        stage.check().await;
    }
}

#[tokio::test]
async fn a_look_at_what_an_answer_would_do_changes_nothing() {
    let (stage, ids, id) = asked().await;
    let looked = stage.sync.resolve(id, &answer(Take::Base), Act::Try).await.expect("a store in memory");
    assert_eq!(looked.expect("an open question").value, Value::Text("old".into()));
    stage.settle().await;
    assert_eq!(stage.value(Side::Left, &ids.left, "memo"), "left");
    assert_eq!(open(&stage), [id]);
}

/// Who answers what they saw an hour ago must not write over what was entered since.
#[tokio::test]
async fn an_answer_to_values_that_have_moved_is_refused_and_says_what_they_are() {
    let (stage, ids, id) = asked().await;
    stage.edit(Side::Right, &ids.right, &[("memo", "right again")]);
    stage.settle().await;
    let taken = answer(Take::Side(Side::Right));
    let Err(Unresolved::Moved(line)) = resolve(&stage, id, &taken).await else { panic!("it was not refused") };
    let now = line.event.edits.right.as_ref().map(|edit| edit.value.clone());
    assert_eq!(now, Some(Value::Text("right again".into())));
    assert_eq!(open(&stage), [id]);
    let seen = Answer { seen: Some(line.number), ..taken };
    resolve(&stage, id, &seen).await.expect("the person has seen it");
    stage.settle().await;
    assert_eq!(stage.value(Side::Left, &ids.left, "memo"), "right again");
    stage.check().await;
}

#[tokio::test]
async fn of_two_who_answer_at_once_one_wins_and_the_other_is_told() {
    let (stage, ids, id) = asked().await;
    let (left, right) = (answer(Take::Side(Side::Left)), answer(Take::Side(Side::Right)));
    let (one, two) = tokio::join!(resolve(&stage, id, &left), resolve(&stage, id, &right));
    let (won, lost) = if one.is_ok() { (one, two) } else { (two, one) };
    let value = won.expect("one wins").value;
    let Err(Unresolved::Over(line)) = lost else { panic!("the other was not told") };
    assert_eq!((line.event.id, line.event.status), (id, ConflictStatus::Resolved));
    stage.settle().await;
    for side in Side::BOTH {
        assert_eq!(Value::Text(stage.value(side, &ids[side], "memo")), value);
    }
    stage.check().await;
}

#[tokio::test]
async fn a_question_whose_values_meet_is_superseded_and_cannot_be_answered() {
    let (stage, ids, id) = asked().await;
    stage.edit(Side::Left, &ids.left, &[("memo", "right")]);
    stage.settle().await;
    let refused = resolve(&stage, id, &answer(Take::Base)).await;
    assert!(matches!(refused, Err(Unresolved::Over(line)) if line.event.status == ConflictStatus::Superseded));
    stage.check().await;
}

#[tokio::test]
async fn a_question_whose_record_goes_is_superseded_and_cannot_be_answered() {
    let (stage, ids, id) = asked().await;
    stage.people.right.delete(super::stage::LEADS, &ids.right).expect("a record");
    stage.settle().await;
    stage.clock.forward(std::time::Duration::from_mins(20));
    stage.settle().await;
    let refused = resolve(&stage, id, &answer(Take::Side(Side::Left))).await;
    assert!(matches!(refused, Err(Unresolved::Over(line)) if line.event.status == ConflictStatus::Superseded));
}

/// The decision is on its way, and somebody who could not see it enters something else: that is a question again, not a
/// lost edit.
#[tokio::test]
async fn what_is_entered_before_the_answer_arrives_is_asked_about() {
    let (stage, ids, id) = asked().await;
    resolve(&stage, id, &answer(Take::Side(Side::Left))).await.expect("an open question");
    stage.edit(Side::Right, &ids.right, &[("memo", "meanwhile")]);
    stage.settle().await;
    let again = open(&stage);
    assert_eq!(again.len(), 1);
    assert_ne!(again[0], id);
    assert_eq!(stage.value(Side::Left, &ids.left, "memo"), "left");
    assert_eq!(stage.value(Side::Right, &ids.right, "memo"), "meanwhile");
    stage.check().await;
}

#[tokio::test]
async fn a_difference_of_the_first_link_is_answered_like_any_other() {
    let stage = Stage::new();
    let left = stage.make(Side::Left, &[("email", ANN), ("memo", "left")]);
    let right = stage.make(Side::Right, &[("email", ANN), ("memo", "right")]);
    stage.settle().await;
    let id = open(&stage)[0];
    assert!(matches!(resolve(&stage, id, &answer(Take::Base)).await, Err(Unresolved::NoBase)));
    resolve(&stage, id, &answer(Take::Value("both".into()))).await.expect("an open question");
    stage.settle().await;
    assert_eq!(stage.value(Side::Left, &left, "memo"), "both");
    assert_eq!(stage.value(Side::Right, &right, "memo"), "both");
    assert_eq!(stage.log(), ["memo first_link open", "memo first_link resolved"]);
    stage.check().await;
}

/// Rules on both sides that put back what they want whenever they are written to, until somebody switches them off.
async fn flipping() -> (Stage, Pair<String>) {
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
    for side in Side::BOTH {
        stage.people[side].lift_faults();
    }
    (stage, ids)
}

#[tokio::test]
async fn a_field_that_flips_is_answered_like_any_other() {
    let (stage, ids) = flipping().await;
    let waiting = open(&stage);
    assert_eq!(waiting.len(), 1, "{:?}", stage.log());
    let seen = stage.lines().iter().rev().find(|line| line.event.id == waiting[0]).map(|line| line.number);
    let taken = Answer { seen, ..answer(Take::Value("2".into())) };
    resolve(&stage, waiting[0], &taken).await.expect("an open question");
    stage.settle().await;
    for side in Side::BOTH {
        assert_eq!(stage.value(side, &ids[side], "city"), "2");
    }
    stage.edit(Side::Left, &ids.left, &[("city", "3")]);
    stage.settle().await;
    assert_eq!(stage.value(Side::Right, &ids.right, "city"), "3", "it is decided again as any other");
    stage.check().await;
}

/// What a person waits for goes before the import that runs.
#[tokio::test]
async fn an_answer_goes_before_the_ordinary_writes() {
    let (stage, ids, id) = asked().await;
    for number in 0..9 {
        stage.make(Side::Left, &[("email", &format!("p{number}@example.com"))]);
    }
    resolve(&stage, id, &answer(Take::Side(Side::Left))).await.expect("an open question");
    stage.people.right.take_calls();
    stage.cycle().await;
    let calls = stage.people.right.take_calls();
    let first = calls.iter().find(|call| call.method.writes()).expect("something is written");
    assert_eq!((first.method, first.items), (Method::Update, 1));
    assert_eq!(stage.value(Side::Right, &ids.right, "memo"), "left");
}

#[tokio::test]
async fn an_answer_survives_a_crash_and_a_lost_answer() {
    let (mut stage, ids, id) = asked().await;
    resolve(&stage, id, &answer(Take::Side(Side::Left))).await.expect("an open question");
    stage.people.right.plant(Fault::AnswerLost, 1, Method::Update);
    stage.restart().await;
    stage.settle().await;
    assert_eq!(stage.value(Side::Right, &ids.right, "memo"), "left");
    stage.check().await;
}

/// A value that would never get where it is to be is refused before anything changes.
#[tokio::test]
async fn a_value_that_cannot_arrive_is_refused() {
    let (mut stage, _, id) = asked().await;
    super::stage::field(&mut stage.rules, "memo").policy.flow = Flow::From(Side::Left);
    stage.restart().await;
    stage.cycle().await;
    let refused = resolve(&stage, id, &answer(Take::Side(Side::Right))).await;
    assert!(matches!(refused, Err(Unresolved::Unfit(Unfit::OneWay(Side::Left)))), "{refused:?}");
    resolve(&stage, id, &answer(Take::Side(Side::Left))).await.expect("it holds that already");
    stage.settle().await;
    stage.check().await;
}
