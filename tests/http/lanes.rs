//! Who goes first, and what is left of a call that is given up.

use std::{sync::Arc, time::Duration};

use hymnal_sdk::{Call, Http as _, Kind, Lane};

use crate::world::{Service, World, ok, read};

const LANES: [(Lane, &str); 5] = [
    (Lane::Bulk, "/bulk"),
    (Lane::Ordinary, "/ordinary"),
    (Lane::Hinted, "/hinted"),
    (Lane::Person, "/person"),
    (Lane::Consent, "/consent"),
];

/// Three of each lane, the least urgent first, behind one that is under way.
async fn order(world: World) -> Vec<String> {
    let service = Service::new(|_, _| ok());
    service.travel(|_| (Duration::ZERO, Duration::from_millis(100)));
    let layers = world.layers(&service);
    let mut tasks = Vec::new();
    for (lane, path) in std::iter::once((Lane::Bulk, "/first")).chain(LANES.iter().flat_map(|lane| [*lane; 3])) {
        let layers = layers.clone();
        tasks.push(tokio::spawn(async move { layers.send(&Call::new(lane), read(path)).await.unwrap() }));
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    for task in tasks {
        task.await.unwrap();
    }
    service.paths()
}

#[tokio::test(start_paused = true)]
async fn consent_does_not_wait_behind_bulk() {
    let expected: Vec<&str> =
        std::iter::once("/first").chain(LANES.iter().rev().flat_map(|(_, path)| [*path; 3])).collect();
    assert_eq!(order(World::new().slots(1)).await, expected, "for a slot");
    // The pacer starts empty, so the first waits with the others.
    let mut expected = expected;
    expected.rotate_left(1);
    let mut by_rate = order(World::new().rate(5, 1, &[])).await;
    assert_eq!(by_rate.iter().position(|path| path == "/first"), Some(12), "{by_rate:?}");
    by_rate.retain(|path| path != "/first");
    expected.pop();
    assert_eq!(by_rate, expected, "for a window");
}

#[tokio::test(start_paused = true)]
async fn no_more_are_under_way_than_there_are_slots() {
    let world = World::new().slots(3);
    let service = Service::new(|_, _| ok());
    service.travel(|_| (Duration::ZERO, Duration::from_secs(1)));
    let layers = world.layers(&service);
    let started = tokio::time::Instant::now();
    let tasks = (0..9).map(|_| {
        let layers = layers.clone();
        tokio::spawn(async move { layers.send(&Call::new(Lane::Ordinary), read("/a")).await.unwrap() })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    assert_eq!(started.elapsed().as_secs(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_takes_nothing_with_it() {
    let world = World::new().rate(5, 1, &[]).slots(2).daily(1000, 1.0, 0.0, hymnal_sdk::http::Resets::Rolling);
    let service = Service::new(|_, _| ok());
    service.travel(|_| (Duration::ZERO, Duration::from_millis(300)));
    let layers = world.layers(&service);
    // Dropped while waiting for a slot or a window, over and over.
    for round in 0..200_u64 {
        let calls = (0..8).map(|_| {
            let layers = layers.clone();
            tokio::spawn(async move { layers.send(&Call::new(Lane::Ordinary), read("/dropped")).await })
        });
        let calls: Vec<_> = calls.collect();
        tokio::time::sleep(Duration::from_millis(round % 11 * 37)).await;
        for call in calls {
            call.abort();
        }
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    // What was sent is counted, what was not is not; and both slots are there.
    assert_eq!(layers.health().daily_by_us, service.count() as u64);
    let before = service.count();
    let two = [layers.clone(), layers.clone()].map(|layers: Arc<_>| {
        tokio::spawn(async move { layers.send(&Call::default(), read("/after")).await.unwrap() })
    });
    for call in two {
        call.await.unwrap();
    }
    assert_eq!(service.count(), before + 2);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_after_the_deadline() {
    let world = World::new().slots(1);
    let service = Service::new(|_, _| ok());
    service.travel(|_| (Duration::ZERO, Duration::from_secs(5)));
    let layers = world.layers(&service);
    let slow = tokio::spawn({
        let layers = layers.clone();
        async move { layers.send(&Call::default(), read("/slow")).await }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    let call = Call { deadline: Some(Duration::from_secs(3)), ..Call::default() };
    let started = tokio::time::Instant::now();
    let error = layers.send(&call, read("/late")).await.unwrap_err();
    assert_eq!((error.kind, started.elapsed().as_secs()), (Kind::Cancelled, 2));
    slow.await.unwrap().unwrap();
    assert_eq!(service.paths(), ["/slow"]);
}
