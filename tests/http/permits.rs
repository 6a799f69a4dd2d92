//! A verifying read and its write are paid for together, and do not wait in between.

use std::{sync::Arc, time::Duration};

use hymnal_sdk::{Call, Http as _, Kind, Lane};
use tokio::time::Instant;

use crate::{
    rates::exceeded,
    world::{Numbers, Service, World, answer, ok, read, write},
};

#[tokio::test(start_paused = true)]
async fn the_write_does_not_wait_after_its_read() {
    let world = World::new().rate(20, 10, &[]).slots(4);
    let service = Service::new(|_, _| ok());
    service.travel(|_| (Duration::from_millis(10), Duration::from_millis(90)));
    let layers = world.layers(&service);
    // Others use up everything they are given.
    let busy: Vec<_> = (0..3)
        .map(|_| {
            let layers = layers.clone();
            tokio::spawn(async move {
                loop {
                    layers.send(&Call::new(Lane::Consent), read("/busy")).await.unwrap();
                }
            })
        })
        .collect();
    for _ in 0..20 {
        let permit = Arc::new(layers.reserve(Lane::Consent, &["", ""]).await.unwrap());
        let call = Call { permit: Some(permit), ..Call::new(Lane::Bulk) };
        let started = Instant::now();
        layers.send(&call, read("/verify")).await.unwrap();
        let read_at = Instant::now();
        layers.send(&call, write("/write")).await.unwrap();
        assert_eq!(read_at - started, Duration::from_millis(100));
        assert_eq!(read_at.elapsed(), Duration::from_millis(100));
    }
    for task in busy {
        task.abort();
    }
    assert_eq!(exceeded(service.times(), 20, Duration::from_secs(10)), 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_used_late_passes_no_window() {
    for (requests, seconds) in [(190, 10), (5, 1), (4, 1)] {
        let world = World::new().rate(requests, seconds, &[]);
        let service = Service::new(|_, _| ok());
        service.travel(|_| (Duration::ZERO, Duration::from_millis(80)));
        let layers = world.layers(&service);
        let end = Instant::now() + Duration::from_mins(10);
        let tasks = (0..12).map(|worker| {
            let layers = layers.clone();
            let mut numbers = Numbers(worker);
            tokio::spawn(async move {
                while Instant::now() < end {
                    let permit = Arc::new(layers.reserve(Lane::Ordinary, &["", ""]).await.unwrap());
                    let call = Call { permit: Some(permit), ..Call::default() };
                    layers.send(&call, read("/verify")).await.unwrap();
                    // Reconciling, storing: from nothing to five seconds; sometimes nothing is left to write.
                    tokio::time::sleep(Duration::from_millis(numbers.below(5000))).await;
                    if numbers.below(4) > 0 {
                        layers.send(&call, write("/write")).await.unwrap();
                    }
                }
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.unwrap();
        }
        let beyond = exceeded(service.times(), requests as usize, Duration::from_secs(seconds));
        assert_eq!(beyond, 0, "{requests} per {seconds} s");
        assert!(service.count() > 600, "{}", service.count());
    }
}

#[tokio::test(start_paused = true)]
async fn a_permit_that_is_dropped_is_given_back() {
    let world = World::new().rate(4, 10, &[]).daily(1000, 1.0, 0.0, hymnal_sdk::http::Resets::Rolling);
    let service = Service::new(|_, _| ok());
    let layers = world.layers(&service);
    let held = layers.reserve(Lane::Ordinary, &["", "", "", ""]).await.unwrap();
    assert_eq!(layers.health().daily_by_us, 4);
    let layers_too = layers.clone();
    let waiting = tokio::spawn(async move { layers_too.send(&Call::default(), read("/a")).await.unwrap() });
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert_eq!(service.count(), 0, "the window is held");
    drop(held);
    waiting.await.unwrap();
    assert_eq!((service.count(), layers.health().daily_by_us), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn those_who_hold_what_the_other_needs_go_on_in_the_end() {
    let world = World::new().rate(2, 1, &[]);
    let service = Service::new(|_, _| ok());
    let layers = world.layers(&service);
    let tasks = [(); 2].map(|()| {
        let layers = layers.clone();
        tokio::spawn(async move {
            let permit = Arc::new(layers.reserve(Lane::Ordinary, &[""]).await.unwrap());
            tokio::time::sleep(Duration::from_secs(2)).await;
            // Not covered by the permit: it needs a place in the window that both permits fill.
            layers.send(&Call::default(), read("/more")).await.unwrap();
            let call = Call { permit: Some(permit), ..Call::default() };
            layers.send(&call, write("/write")).await.unwrap();
        })
    });
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(service.count(), 4);
    assert_eq!(exceeded(service.times(), 2, Duration::from_secs(1)), 0);
}

#[tokio::test(start_paused = true)]
async fn more_than_a_window_can_hold_is_reserved_as_far_as_it_goes() {
    let world = World::new().rate(1, 1, &[]);
    let service = Service::new(|_, _| ok());
    let layers = world.layers(&service);
    let permit = Arc::new(layers.reserve(Lane::Ordinary, &["", ""]).await.unwrap());
    let call = Call { permit: Some(permit), ..Call::default() };
    layers.send(&call, read("/verify")).await.unwrap();
    layers.send(&call, write("/write")).await.unwrap();
    assert_eq!(exceeded(service.times(), 1, Duration::from_secs(1)), 0);
}

#[tokio::test(start_paused = true)]
async fn a_repeated_read_leaves_the_write_its_place() {
    let world = World::new().rate(20, 10, &[]);
    let service = Service::new(|_, nth| if nth == 0 { answer(502, &[]) } else { ok() });
    let layers = world.layers(&service);
    let permit = Arc::new(layers.reserve(Lane::Ordinary, &["", ""]).await.unwrap());
    let call = Call { permit: Some(permit), ..Call::default() };
    layers.send(&call, read("/verify")).await.unwrap();
    let read_at = Instant::now();
    layers.send(&call, write("/write")).await.unwrap();
    assert_eq!(read_at.elapsed(), Duration::ZERO);
    assert_eq!(service.paths(), ["/verify", "/verify", "/write"]);
}

#[tokio::test(start_paused = true)]
async fn a_verified_write_does_not_sit_out_a_pause() {
    let world = World::new();
    let service =
        Service::new(
            |request, _| {
                if request.url.ends_with("/other") { answer(429, &[("retry-after", "20")]) } else { ok() }
            },
        );
    let layers = world.layers(&service);
    let permit = Arc::new(layers.reserve(Lane::Ordinary, &["", ""]).await.unwrap());
    let call = Call { permit: Some(permit), ..Call::default() };
    layers.send(&call, read("/verify")).await.unwrap();
    layers.send(&Call::default(), write("/other")).await.unwrap_err();
    let started = Instant::now();
    let error = layers.send(&call, write("/write")).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (Kind::Throttled, hymnal_sdk::Effect::None));
    assert_eq!(started.elapsed(), Duration::ZERO);
    assert!(error.retry_at.is_some());
    assert_eq!(service.paths(), ["/verify", "/other"]);
}
