//! History is kept for so long, and no longer; what waits for a person is kept until it is answered.

use std::time::Duration;

use hymnal::{
    cycle::{
        resolve::{Act, Answer, Take},
        undo::Which,
    },
    merge::{Side, person::Loosening},
    store::{Kv, tables::Tag},
};
use hymnal_sdk::Clock;

use super::stage::Stage;

const ANN: &str = "ann@example.com";
/// Longer than the 800 days that history is kept for when nobody says.
const LONG: Duration = Duration::from_hours(24 * 801);

fn rows(stage: &Stage, table: u8) -> usize {
    stage.kv.scan(&Tag(1).table(table), None, usize::MAX).expect("a store in memory").len()
}

#[tokio::test]
async fn what_is_decided_is_forgotten_and_what_waits_is_not() {
    let stage = Stage::new();
    let since = stage.clock.now();
    let ids = stage.linked(&[("email", ANN), ("city", "Bonn"), ("memo", "old")]).await;
    stage.edit(Side::Left, &ids.left, &[("city", "Rome"), ("memo", "left")]);
    stage.edit(Side::Right, &ids.right, &[("city", "Paris"), ("memo", "right")]);
    stage.settle().await;
    stage.edit(Side::Right, &ids.right, &[("memo", "right again")]);
    stage.settle().await;
    assert_eq!(stage.log(), ["city conflict resolved Right", "memo conflict open", "memo conflict open"]);
    assert_eq!(rows(&stage, b'i'), 2);

    stage.clock.forward(LONG);
    stage.settle().await;

    assert_eq!(stage.log(), ["memo conflict open", "memo conflict open"], "who is asked is shown all of it");
    assert_eq!(rows(&stage, b'i'), 1, "nothing leads to what is forgotten");
    assert_eq!(rows(&stage, b'j'), 0);
    let undone = stage.sync.undo(&Which::Since(since), "kim", Loosening::Refused, Act::Do).await;
    assert!(undone.expect("both can be read").is_empty(), "nobody knows any more what was written");
    let open = stage.sync.open_conflicts().expect("a store in memory");
    let number = stage.lines().last().map(|line| line.number);
    let taken = Answer { take: Take::Base, by: "kim".into(), seen: number, loosening: Loosening::Refused };
    stage.sync.resolve(open[0], &taken, Act::Do).await.expect("a store in memory").expect("it still waits");
    stage.settle().await;
    assert_eq!(stage.value(Side::Left, &ids.left, "memo"), "old");
    assert_eq!(stage.log().len(), 3, "all that happened to it is kept as long as its answer");

    stage.clock.forward(LONG);
    stage.settle().await;
    assert_eq!((rows(&stage, b'c'), rows(&stage, b'i')), (0, 0));
    assert_eq!(stage.value(Side::Left, &ids.left, "city"), "Paris");
}
