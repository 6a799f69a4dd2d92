//! I17: what was written is taken back on both sides where nobody has touched it since; the rest is left and listed.

use std::time::Duration;

use hymnal::{
    cycle::{
        resolve::Act,
        undo::{ChangeId, Never, Undone, Which, taken},
    },
    journal::entry::JournalPage,
    merge::{
        Event, Limit, OnConflict, Pair, Side,
        held::Answer,
        person::{Loosening, Unfit},
        undo::Left,
    },
    store::{
        Kv, format,
        tables::{Tag, page_of},
    },
};
use hymnal_memory::{Fault, Method};
use hymnal_sdk::{Clock, Timestamp};

use super::stage::{CONTACTS, LEADS, Shape, Stage};

const ANN: &str = "ann@example.com";

async fn undo(stage: &Stage, which: &Which) -> Vec<Undone> {
    stage.sync.undo(which, "kim", Loosening::Refused, Act::Do).await.expect("both can be read")
}

/// Every write there was, oldest first, with what it wrote.
fn changes(stage: &Stage) -> Vec<(ChangeId, Side, Vec<String>)> {
    let rows = stage.kv.scan(&Tag(1).table(b'j'), None, usize::MAX).expect("a store in memory");
    let mut all = Vec::new();
    for (key, value) in rows {
        let (entity, page) = page_of(&key).expect("a page");
        let told: JournalPage = format::open(&key, &value).expect("a page");
        for event in told.events {
            if let Event::Sending { side, address: Some(_), changes } = event {
                let fields = changes.into_iter().map(|change| change.field).collect();
                all.push((ChangeId { entity, page }, side, fields));
            }
        }
    }
    all.sort_by_key(|(change, ..)| change.page);
    all
}

fn last(stage: &Stage) -> Which {
    Which::Change(changes(stage).last().expect("something was written").0)
}

fn left(undone: &[Undone]) -> Vec<Left> {
    let steps = undone.iter().flat_map(|person| &person.steps);
    steps.filter_map(|step| step.outcome.clone().err()).collect()
}

fn values(stage: &Stage, ids: &Pair<String>, field: &str) -> [String; 2] {
    Side::BOTH.map(|side| stage.value(side, &ids[side], field))
}

#[tokio::test]
async fn a_change_is_taken_back_on_both_sides_and_does_not_come_again() {
    let mut stage = Stage::new();
    let ids = stage.linked(&[("email", ANN), ("city", "Bonn"), ("phone", "1")]).await;
    stage.edit(Side::Left, &ids.left, &[("city", "Rome"), ("phone", "")]);
    stage.settle().await;
    let looked = stage.sync.undo(&last(&stage), "kim", Loosening::Refused, Act::Try).await.expect("both can be read");
    assert_eq!(taken(&looked), 2);
    stage.settle().await;
    assert_eq!(values(&stage, &ids, "city"), ["Rome", "Rome"], "a look changes nothing");
    assert_eq!(taken(&undo(&stage, &last(&stage)).await), 2);
    stage.settle().await;
    assert_eq!(values(&stage, &ids, "city"), ["Bonn", "Bonn"]);
    assert_eq!(values(&stage, &ids, "phone"), ["1", "1"]);
    stage.check().await;
    stage.restart().await;
    stage.check().await;
    assert_eq!(values(&stage, &ids, "city"), ["Bonn", "Bonn"]);
    // An edit that comes after it is an edit like any other.
    stage.edit(Side::Right, &ids.right, &[("city", "Rome")]);
    stage.settle().await;
    assert_eq!(values(&stage, &ids, "city"), ["Rome", "Rome"]);
    stage.check().await;
}

#[tokio::test]
async fn an_undo_is_undone_like_any_change() {
    let stage = Stage::new();
    let ids = stage.linked(&[("email", ANN), ("city", "Bonn")]).await;
    stage.edit(Side::Left, &ids.left, &[("city", "Rome")]);
    stage.settle().await;
    undo(&stage, &last(&stage)).await;
    stage.settle().await;
    assert_eq!(taken(&undo(&stage, &last(&stage)).await), 1);
    stage.settle().await;
    assert_eq!(values(&stage, &ids, "city"), ["Rome", "Rome"]);
    stage.check().await;
}

/// Somebody edited it a moment ago, and no cycle has read that yet.
#[tokio::test]
async fn what_somebody_edited_since_is_left_as_it_is() {
    for side in Side::BOTH {
        for is_read in [false, true] {
            let stage = Stage::new();
            let ids = stage.linked(&[("email", ANN), ("city", "Bonn"), ("phone", "1")]).await;
            stage.edit(Side::Left, &ids.left, &[("city", "Rome"), ("phone", "2")]);
            stage.settle().await;
            let change = last(&stage);
            stage.edit(side, &ids[side], &[("city", "Paris")]);
            if is_read {
                stage.settle().await;
            }
            let undone = undo(&stage, &change).await;
            assert_eq!(taken(&undone), 1, "the phone, which nobody touched: {undone:?}");
            assert_eq!(left(&undone).len(), 1);
            stage.settle().await;
            assert_eq!(values(&stage, &ids, "city"), ["Paris", "Paris"], "{side:?}, read: {is_read}");
            assert_eq!(values(&stage, &ids, "phone"), ["1", "1"]);
            stage.check().await;
        }
    }
}

#[tokio::test]
async fn a_system_that_cannot_be_read_leaves_everything_as_it_is() {
    let stage = Stage::new();
    let ids = stage.linked(&[("email", ANN), ("city", "Bonn")]).await;
    stage.edit(Side::Left, &ids.left, &[("city", "Rome")]);
    stage.settle().await;
    stage.people.right.plant(Fault::Refused, 1, Method::Get);
    let refused = stage.sync.undo(&last(&stage), "kim", Loosening::Refused, Act::Do).await;
    assert!(refused.is_err());
    stage.settle().await;
    assert_eq!(values(&stage, &ids, "city"), ["Rome", "Rome"]);
    stage.check().await;
}

#[tokio::test]
async fn what_cannot_be_taken_back_is_listed() {
    let stage = Stage::new();
    let since = stage.clock.now();
    let ids = stage.linked(&[("email", ANN), ("title", "Dr"), ("optout", "no")]).await;
    stage.edit(Side::Left, &ids.left, &[("title", "Sir"), ("optout", "yes")]);
    stage.settle().await;
    let undone = undo(&stage, &Which::Since(since)).await;
    assert_eq!(taken(&undone), 0);
    assert_eq!(left(&undone), [Left::Unfit(Unfit::OneWay(Side::Left)), Left::Unfit(Unfit::Loosens)]);
    let never: Vec<Never> = undone.into_iter().flat_map(|person| person.never).collect();
    assert!(matches!(never.as_slice(), [Never::Created(Side::Right, _)]), "{never:?}");
    stage.settle().await;
    assert_eq!(values(&stage, &ids, "optout"), ["yes", "yes"]);
    assert_eq!(values(&stage, &ids, "title"), ["Sir", "Sir"]);
    // Who has the consent says so.
    let undone = stage.sync.undo(&Which::Since(since), "kim", Loosening::Allowed, Act::Do).await;
    assert_eq!(taken(&undone.expect("both can be read")), 1);
    stage.settle().await;
    assert_eq!(values(&stage, &ids, "optout"), ["no", "no"]);
    stage.check().await;
}

/// A first run that overwrote and filled what it should not have: each record gets its own values back, and they stand
/// apart until somebody edits one.
#[tokio::test]
async fn a_dirty_first_run_gives_each_record_its_own_values_back() {
    let mut stage = Stage::new();
    let left = stage.make(Side::Left, &[("email", ANN), ("city", "Bonn"), ("name", "Ann"), ("tags", "a")]);
    let right = stage.make(Side::Right, &[("email", ANN), ("city", "Rome"), ("phone", "1"), ("tags", "b")]);
    let other = stage.make(Side::Left, &[("email", "ben@example.com"), ("city", "Oslo")]);
    let before = stage.scene();
    let since = stage.clock.now();
    stage.settle().await;
    assert_eq!(stage.value(Side::Left, &left, "city"), "Rome");
    let undone = undo(&stage, &Which::Since(since)).await;
    assert_eq!(taken(&undone), 4, "{undone:?}");
    stage.settle().await;
    stage.check().await;
    let made = stage.find(Side::Right, "ben@example.com");
    stage.people.right.delete(LEADS, &made).expect("a creation is taken back by hand");
    assert_eq!(stage.scene(), before);
    assert_eq!(stage.value(Side::Left, &other, "city"), "Oslo");
    stage.restart().await;
    stage.settle().await;
    assert_eq!(stage.scene(), before);
    let ids = Pair::new(left, right);
    stage.edit(Side::Left, &ids.left, &[("city", "Cologne")]);
    stage.edit(Side::Right, &ids.right, &[("name", "Anna")]);
    stage.settle().await;
    assert_eq!(values(&stage, &ids, "city"), ["Cologne", "Cologne"]);
    assert_eq!(values(&stage, &ids, "name"), ["Anna", "Anna"]);
    stage.check().await;
}

/// Taking back is writing too: what crosses a limit waits, is counted once, and goes when it is approved; also where
/// each side gets a value of its own.
#[tokio::test]
async fn what_is_taken_back_beyond_a_limit_waits_and_goes_once_approved() {
    let mut shape = Shape::default();
    shape.rules.guards.max_updates = Limit { count: Some(1), share: None };
    let stage = shape.stage();
    for name in ["ann", "ben", "cid"] {
        let email = format!("{name}@example.com");
        stage.make(Side::Left, &[("email", &email), ("city", "Bonn"), ("name", "Ann")]);
        stage.make(Side::Right, &[("email", &email), ("city", "Rome"), ("name", "Eve")]);
    }
    let before = stage.scene();
    let since = stage.clock.now();
    stage.settle().await;
    let undone = undo(&stage, &Which::Since(since)).await;
    assert_eq!(taken(&undone), 6, "{undone:?}");
    stage.settle().await;
    let held = stage.sync.holds().await.expect("a store in memory");
    assert_eq!(held.iter().map(|hold| hold.entries).collect::<Vec<_>>(), [2], "{held:?}");
    stage.settle().await;
    assert_eq!(stage.sync.holds().await.expect("a store in memory"), held, "counted once");
    let hold = &held[0];
    stage
        .sync
        .answer_hold(hold.number, hold.entries, Answer::Approved, "by a person")
        .await
        .expect("a store in memory");
    stage.settle().await;
    assert_eq!(stage.sync.holds().await.expect("a store in memory"), []);
    assert_eq!(stage.scene(), before);
    stage.check().await;
}

/// As above, and taken back again: the first run is as it was.
#[tokio::test]
async fn an_undone_first_run_can_be_done_again() {
    let stage = Stage::new();
    let left = stage.make(Side::Left, &[("email", ANN), ("city", "Bonn"), ("name", "Ann")]);
    let right = stage.make(Side::Right, &[("email", ANN), ("city", "Rome")]);
    let ids = Pair::new(left, right);
    let since = stage.clock.now();
    stage.settle().await;
    let synced = stage.scene();
    undo(&stage, &Which::Since(since)).await;
    stage.settle().await;
    assert_eq!(values(&stage, &ids, "city"), ["Bonn", "Rome"]);
    assert_eq!(values(&stage, &ids, "name"), ["Ann", ""]);
    let again: Vec<Which> = changes(&stage).iter().rev().take(2).map(|(change, ..)| Which::Change(*change)).collect();
    for which in again {
        undo(&stage, &which).await;
        stage.settle().await;
    }
    assert_eq!(stage.scene(), synced);
    stage.check().await;
}

/// The service keeps another form of what it is given back: that goes on being the same.
#[tokio::test]
async fn what_is_given_back_and_kept_in_another_form_stays_apart() {
    let stage = Stage::new();
    let left = stage.make(Side::Left, &[("email", ANN), ("city", " Bonn ")]);
    let right = stage.make(Side::Right, &[("email", ANN), ("city", "Rome")]);
    let since = stage.clock.now();
    stage.settle().await;
    let upper = Fault::Normalised { field: "city".into(), how: hymnal_memory::Normal::Lower };
    stage.people.left.plant(upper, 1, Method::Update);
    undo(&stage, &Which::Since(since)).await;
    stage.settle().await;
    assert_eq!(values(&stage, &Pair::new(left, right), "city"), ["bonn", "Rome"]);
    stage.check().await;
}

#[tokio::test]
async fn a_cycle_is_taken_back_whole() {
    let mut shape = Shape::default();
    shape.rule("memo").policy.on_conflict = OnConflict::Prefer(Side::Right);
    let stage = shape.stage();
    let ann = stage.linked(&[("email", ANN), ("city", "Bonn"), ("memo", "m")]).await;
    let ben = stage.linked(&[("email", "ben@example.com"), ("city", "Oslo")]).await;
    let before = stage.scene();
    stage.edit(Side::Left, &ann.left, &[("city", "Rome"), ("memo", "left")]);
    stage.edit(Side::Right, &ann.right, &[("memo", "right")]);
    stage.edit(Side::Right, &ben.right, &[("city", "Bergen")]);
    let cycle = stage.cycle().await.cycle.expect("a cycle");
    stage.settle().await;
    assert_eq!(taken(&undo(&stage, &Which::Cycle(cycle)).await), 3);
    stage.settle().await;
    assert_eq!(stage.scene(), before);
    stage.check().await;
}

/// A day of edits by a few people, drawn from a seed: fills, clears, overwrites, conflicts. Nobody enters what another
/// has entered: what two people entered the same was written by neither of us.
fn dirty_day(stage: &Stage, people: &[Pair<String>], seed: u64) {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut draw = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    for number in 0..12 {
        let ids = &people[usize::try_from(draw(people.len() as u64)).expect("few")];
        let field = ["city", "name", "phone", "tags"][usize::try_from(draw(4)).expect("few")];
        let side = if draw(2) == 0 { Side::Left } else { Side::Right };
        let value = if side == Side::Left && draw(3) == 0 { String::new() } else { format!("v{seed}n{number}") };
        stage.edit(side, &ids[side], &[(field, &value)]);
        stage.clock.forward(Duration::from_mins(draw(30)));
    }
}

/// I17: a dirty day, undone, and both sides are as before.
#[tokio::test]
async fn i17_a_dirty_day_undone_leaves_both_sides_as_before() {
    for seed in 1..=40 {
        let stage = Stage::new();
        let mut people = Vec::new();
        for number in 0..3 {
            let email = format!("p{number}@example.com");
            people.push(stage.linked(&[("email", &email), ("city", "x"), ("name", "N"), ("tags", "t;u")]).await);
        }
        let before = stage.scene();
        stage.tick();
        let since: Timestamp = stage.clock.now();
        stage.tick();
        for round in 0..3 {
            dirty_day(&stage, &people, seed * 10 + round);
            stage.settle().await;
        }
        let undone = undo(&stage, &Which::Since(since)).await;
        stage.settle().await;
        assert_eq!(left(&undone), [], "seed {seed}: nobody touched anything since");
        assert!(taken(&undone) > 0, "seed {seed}");
        assert_eq!(stage.scene(), before, "seed {seed}");
        stage.check().await;
    }
}

#[tokio::test]
async fn an_unknown_change_is_nothing() {
    let stage = Stage::new();
    let ids = stage.linked(&[("email", ANN), ("city", "Bonn")]).await;
    let entity = stage.entity(Side::Left, &ids.left).id;
    let none = undo(&stage, &Which::Change(ChangeId { entity, page: 9999 })).await;
    assert!(none.is_empty());
    assert_eq!(stage.people.left.live(CONTACTS).len(), 1);
}
