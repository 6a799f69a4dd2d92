//! The size of pages and batches, and the order of records in them, change nothing at the end.

use std::{sync::Arc, time::Duration};

use hymnal::merge::Side;
use hymnal_memory::{Fault, Method};

use super::stage::{Scene, Shape, Shuffled, Stage, object};

/// People of whom each can be matched in more than one way, some of them twice on a side, with and without e-mails.
fn crowd(stage: &Stage) {
    for number in 0..5 {
        let email = format!("p{number}@example.com");
        stage.make(Side::Left, &[("email", &email), ("name", "Smith"), ("city", "Bonn"), ("optout", "no")]);
        stage.make(
            Side::Right,
            &[("email", &email.to_uppercase()), ("phone", "1"), ("city", "Rome"), ("optout", "yes")],
        );
    }
    for name in ["Ada", "Bea", "Cleo"] {
        stage.make(Side::Left, &[("name", name), ("phone", "7")]);
        stage.make(Side::Right, &[("name", name), ("phone", "7"), ("email", &format!("{name}@example.com"))]);
    }
    stage.make(Side::Right, &[("email", "p0@example.com"), ("city", "Paris")]);
    stage.make(Side::Left, &[("email", "p1@example.com"), ("city", "Oslo")]);
    stage.make(Side::Left, &[("name", "Ada"), ("phone", "7"), ("email", "other@example.com")]);
    stage.make(Side::Left, &[("city", "Nowhere")]);
    for number in 0..4 {
        stage.make(Side::Left, &[("email", &format!("l{number}@example.com")), ("tags", "a")]);
    }
}

fn day(stage: &Stage) {
    for (number, side) in [Side::Left, Side::Right, Side::Left, Side::Right].into_iter().enumerate() {
        let ids = |side: Side| {
            let all = stage.all(side, &format!("l{number}@example.com"));
            all.first().cloned().expect("everybody was copied")
        };
        stage.edit(side, &ids(side), &[("city", "Trier"), ("memo", "one"), ("tags", "a;b")]);
        stage.edit(side.other(), &ids(side.other()), &[("city", "Turin"), ("memo", "two"), ("tags", "c")]);
    }
}

async fn story(pages: usize, batches: usize, seed: Option<u64>, faults: &[Fault]) -> (Scene, Vec<String>) {
    let mut shape = Shape::default();
    shape.rules.matching = vec![vec![0], vec![7, 1]];
    for side in Side::BOTH {
        let object = shape.side(side);
        object.schema.fields.iter_mut().filter(|field| field.name == "email").for_each(|field| field.unique = false);
        object.capabilities.list_page = pages;
        object.capabilities.overlap = Duration::from_mins(10);
        object.capabilities.get_batch = batches;
        object.capabilities.find_batch = batches;
        object.capabilities.create_batch = batches;
        object.capabilities.update_batch = batches;
    }
    let mut stage = shape.stage();
    if let Some(seed) = seed {
        for side in Side::BOTH {
            let inner = Arc::clone(&stage.sync.systems[side].connector);
            stage.sync.systems[side].connector = Arc::new(Shuffled::over(inner, seed));
        }
    }
    let plant = |stage: &Stage| {
        for fault in faults {
            for side in Side::BOTH {
                stage.people[side].plant(fault.clone(), 2, Method::List);
            }
        }
    };
    crowd(&stage);
    plant(&stage);
    stage.settle().await;
    day(&stage);
    plant(&stage);
    stage.settle().await;
    for side in Side::BOTH {
        stage.people[side].lift_faults();
    }
    // What became visible late is read again within the overlap.
    stage.clock.forward(Duration::from_mins(1));
    stage.settle().await;
    stage.check().await;
    let mut log = stage.log();
    log.sort();
    assert!(!stage.people.left.live(object(Side::Left)).is_empty());
    (stage.scene(), log)
}

#[tokio::test]
async fn pages_and_batches_of_any_size_end_the_same() {
    let calm = story(100, 100, None, &[]).await;
    for (pages, batches) in [(1, 1), (2, 3), (3, 2), (5, 4), (7, 100), (100, 1)] {
        assert_eq!(story(pages, batches, None, &[]).await, calm, "pages of {pages}, batches of {batches}");
    }
}

#[tokio::test]
async fn records_in_any_order_and_twice_end_the_same() {
    let calm = story(100, 100, None, &[]).await;
    for seed in 0..12 {
        let pages = [100, 7, 4][usize::try_from(seed % 3).expect("small")];
        assert_eq!(story(pages, 4, Some(seed), &[]).await, calm, "seed {seed}");
    }
}

/// Pages that shift, are empty, lag behind; rows that become visible late.
#[tokio::test]
async fn pages_that_misbehave_end_the_same() {
    let calm = story(100, 100, None, &[]).await;
    let late = Duration::from_mins(5);
    for fault in [Fault::PageShift, Fault::EmptyPage, Fault::LateRows(late), Fault::StaleList(late)] {
        let told = story(3, 4, None, std::slice::from_ref(&fault)).await;
        assert_eq!(told.0, calm.0, "{fault:?}");
    }
}
