//! Reads are repeated; addresses and redirects.

use std::time::Duration;

use hymnal_sdk::{Call, Effect, Http as _, Kind};
use tokio::time::Instant;

use crate::world::{Service, World, answer, broken, ok, read};

#[tokio::test(start_paused = true)]
async fn a_read_survives_three_failures() {
    let world = World::new();
    let service = Service::new(|_, nth| match nth {
        0 => broken(Effect::Unknown),
        1 => answer(502, &[]),
        2 => broken(Effect::None),
        _ => ok(),
    });
    let layers = world.layers(&service);
    let started = Instant::now();
    layers.send(&Call::default(), read("/a")).await.unwrap();
    let waited = started.elapsed();
    assert!(waited >= Duration::from_millis(1750) && waited < Duration::from_secs(6), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn four_failures_are_the_callers() {
    let world = World::new();
    let service = Service::new(|_, _| answer(500, &[]));
    let layers = world.layers(&service);
    let error = layers.send(&Call::default(), read("/a")).await.unwrap_err();
    assert_eq!((error.kind, error.effect, service.count()), (Kind::Transient, Effect::None, 4));
    assert_eq!(layers.health().last_error.as_deref(), Some("Transient (500)"));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_not_repeated() {
    for (status, kind) in [(404, Kind::Gone), (409, Kind::Conflict), (400, Kind::RejectedRecord)] {
        let world = World::new();
        let service = Service::new(move |_, _| answer(status, &[]));
        let error = world.layers(&service).send(&Call::default(), read("/a")).await.unwrap_err();
        assert_eq!((error.kind, service.count()), (kind, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn the_deadline_ends_repetition() {
    let world = World::new();
    let service = Service::new(|_, _| answer(500, &[]));
    let call = Call { deadline: Some(Duration::from_millis(100)), ..Call::default() };
    let error = world.layers(&service).send(&call, read("/a")).await.unwrap_err();
    assert_eq!((error.kind, service.count()), (Kind::Transient, 1));
}

#[tokio::test(start_paused = true)]
async fn no_redirect_is_followed() {
    for location in ["https://evil.example/a?token=secret", "http://api.example.com/a", "/loop"] {
        let world = World::new();
        let service = Service::new(move |_, _| answer(302, &[("location", location)]));
        let error = world.layers(&service).send(&Call::default(), read("/a")).await.unwrap_err();
        assert_eq!((error.kind, service.count()), (Kind::Fatal, 1));
        let shown = location.split('?').next().unwrap();
        assert!(error.message.contains(shown) && !error.message.contains("secret"), "{error}");
    }
    // Not modified is an answer.
    let service = Service::new(|_, _| answer(304, &[]));
    assert_eq!(World::new().layers(&service).send(&Call::default(), read("/a")).await.unwrap().status, 304);
}

#[tokio::test(start_paused = true)]
async fn a_next_link_stays_with_its_service() {
    let world = World::new().daily(100, 1.0, 0.0, hymnal_sdk::http::Resets::Rolling);
    let service = Service::new(|_, _| ok());
    let layers = world.layers(&service);
    layers.send(&Call::default(), read("https://api.example.com/a?after=3")).await.unwrap();
    let error = layers.send(&Call::default(), read("https://api.example.org/a?after=3")).await.unwrap_err();
    assert_eq!((error.kind, error.code.as_str()), (Kind::Fatal, "other-origin"));
    assert_eq!(service.paths(), ["/a?after=3"]);
    assert_eq!(layers.health().daily_by_us, 1);
}
