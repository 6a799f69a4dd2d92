//! What the service asks for is obeyed by all requests of the connector.

use std::time::Duration;

use hymnal_sdk::{Call, Effect, Http as _, Kind};
use tokio::time::Instant;

use crate::world::{Service, World, answer, ok, read, write};

#[tokio::test(start_paused = true)]
async fn a_read_is_repeated_after_the_pause() {
    // 10:00:30 by the service's clock, whose `Date` is in the answer.
    let date = [("date", "Mon, 23 Nov 2026 10:00:00 GMT"), ("retry-after", "Mon, 23 Nov 2026 10:00:30 GMT")];
    for (headers, expected) in [(vec![("retry-after", "17")], 17.0..=17.1), (date.to_vec(), 29.0..=30.1)] {
        let world = World::new();
        let service = Service::new(move |_, nth| if nth == 0 { answer(429, &headers) } else { ok() });
        let layers = world.layers(&service);
        let started = Instant::now();
        layers.send(&Call::default(), read("/a")).await.unwrap();
        let waited = started.elapsed().as_secs_f64();
        assert!(expected.contains(&waited), "{waited}");
        let health = layers.health();
        assert_eq!((health.requests, health.throttled, health.paused_until), (2, 1, None));
    }
}

#[tokio::test(start_paused = true)]
async fn a_date_counts_by_the_services_clock() {
    // Ours is an hour ahead; the time asked for lies in our past.
    let world = World::new();
    world.clock.step(3600);
    let headers = [("date", "Mon, 23 Nov 2026 10:00:00 GMT"), ("retry-after", "Mon, 23 Nov 2026 10:00:30 GMT")];
    let service = Service::new(move |_, nth| if nth == 0 { answer(429, &headers) } else { ok() });
    let layers = world.layers(&service);
    let started = Instant::now();
    layers.send(&Call::default(), read("/a")).await.unwrap();
    assert!((29.0..=30.1).contains(&started.elapsed().as_secs_f64()), "{:?}", started.elapsed());
    assert_eq!(layers.health().clock_offset_ms, Some(-3_599_500));
}

#[tokio::test(start_paused = true)]
async fn a_pause_holds_everybody_and_is_only_extended() {
    let world = World::new();
    let service = Service::new(|request, _| match request.url.rsplit('/').next() {
        Some("long") => answer(429, &[("retry-after", "30")]),
        Some("short") => answer(429, &[("retry-after", "5")]),
        _ => ok(),
    });
    service.travel(|nth| (Duration::ZERO, Duration::from_millis(nth as u64 % 2)));
    let layers = world.layers(&service);
    let started = Instant::now();
    let call = Call::default();
    let (long, short) = tokio::join!(layers.send(&call, write("/long")), layers.send(&call, write("/short")));
    for error in [long.unwrap_err(), short.unwrap_err()] {
        assert_eq!((error.kind, error.effect), (Kind::Throttled, Effect::None));
    }
    let health = layers.health();
    assert!(health.paused_until.is_some() && health.paused_because.is_some());
    layers.send(&Call::default(), read("/a")).await.unwrap();
    assert!(started.elapsed() >= Duration::from_secs(30), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_restart_ends_no_pause() {
    for ahead in [0, 7200] {
        let world = World::new();
        world.clock.step(-ahead);
        let service = Service::new(|request, _| {
            let seconds = if request.url.ends_with("long") { "3600" } else { "5" };
            answer(429, &[("date", "Mon, 23 Nov 2026 10:00:00 GMT"), ("retry-after", seconds)])
        });
        service.travel(|nth| (Duration::ZERO, Duration::from_millis(nth as u64)));
        let layers = world.layers(&service);
        let call = Call::default();
        let (long, short) = tokio::join!(layers.send(&call, write("/long")), layers.send(&call, write("/short")));
        assert!(long.is_err() && short.is_err());
        drop(layers);
        tokio::time::sleep(Duration::from_mins(58)).await;
        let error = world.layers(&service).send(&call, write("/a")).await.unwrap_err();
        assert_eq!((error.kind, service.count()), (Kind::Throttled, 2), "their clock is {ahead} s ahead");
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_pause_is_the_callers_to_plan_around() {
    let world = World::new();
    let service = Service::new(|_, _| answer(429, &[("retry-after", "61")]));
    let layers = world.layers(&service);
    let started = Instant::now();
    for _ in 0..3 {
        let error = layers.send(&Call::default(), read("/a")).await.unwrap_err();
        assert_eq!(error.kind, Kind::Throttled);
        assert_eq!(error.retry_at, "2026-11-23T10:01:01Z".parse().ok());
    }
    assert_eq!((service.count(), started.elapsed()), (1, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn an_absurd_pause_is_capped_at_an_hour() {
    for after in ["86400", "31536000", "Tue, 23 Nov 2027 10:00:00 GMT", "18446744073"] {
        let world = World::new();
        let service = Service::new(move |_, nth| if nth == 0 { answer(429, &[("retry-after", after)]) } else { ok() });
        let layers = world.layers(&service);
        let error = layers.send(&Call::default(), write("/a")).await.unwrap_err();
        assert_eq!(error.retry_at, "2026-11-23T11:00:00Z".parse().ok(), "{after}");
        tokio::time::sleep(Duration::from_secs(3601)).await;
        layers.send(&Call::default(), write("/a")).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_time_the_pause_grows() {
    let world = World::new();
    let service = Service::new(|_, nth| if nth < 4 { answer(429, &[]) } else { ok() });
    let layers = world.layers(&service);
    let started = Instant::now();
    layers.send(&Call::default(), read("/a")).await.unwrap();
    let waited = started.elapsed();
    assert!((15.0..15.1).contains(&waited.as_secs_f64()), "1 + 2 + 4 + 8, not {waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_service_that_throttles_for_ever_does_not_keep_a_call_for_ever() {
    let world = World::new();
    let service = Service::new(|_, _| answer(429, &[("retry-after", "0")]));
    let layers = world.layers(&service);
    let error = layers.send(&Call::default(), read("/a")).await.unwrap_err();
    assert_eq!((error.kind, service.count()), (Kind::Throttled, 6));
}

#[tokio::test(start_paused = true)]
async fn a_throttle_is_no_attempt() {
    let world = World::new();
    // Three failures, each followed by a throttle: four attempts are allowed.
    let service = Service::new(|_, nth| match nth {
        6 => ok(),
        nth if nth % 2 == 0 => answer(503, &[]),
        _ => answer(429, &[("retry-after", "1")]),
    });
    world.layers(&service).send(&Call::default(), read("/a")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_write_that_a_failing_service_throttles_is_in_doubt() {
    let world = World::new();
    let service = Service::new(|_, _| answer(503, &[("retry-after", "3")]));
    let error = world.layers(&service).send(&Call::default(), write("/a")).await.unwrap_err();
    assert_eq!((error.kind, error.effect, service.count()), (Kind::Throttled, Effect::Unknown, 1));
}
