//! A write is sent once, and its error says whether it may have happened.

use hymnal_sdk::{Call, Effect, Http as _, Kind};

use crate::world::{Answer, Service, World, answer, broken, write};

/// Name, what becomes of the write, and how that is told.
type Case = (&'static str, fn() -> Answer, Kind, Effect);

#[tokio::test(start_paused = true)]
async fn what_became_of_a_write() {
    let cases: [Case; 9] = [
        ("never arrived", || broken(Effect::None), Kind::Transient, Effect::None),
        ("answer lost", || broken(Effect::Unknown), Kind::Transient, Effect::Unknown),
        ("failed inside", || answer(500, &[]), Kind::Transient, Effect::Unknown),
        ("gateway", || answer(504, &[]), Kind::Transient, Effect::Unknown),
        ("request timeout", || answer(408, &[]), Kind::Transient, Effect::Unknown),
        ("redirect", || answer(303, &[("location", "/done")]), Kind::Fatal, Effect::Unknown),
        ("throttled", || answer(429, &[]), Kind::Throttled, Effect::None),
        ("conflict", || answer(409, &[]), Kind::Conflict, Effect::None),
        ("refused", || answer(422, &[]), Kind::RejectedRecord, Effect::None),
    ];
    for (case, became, kind, effect) in cases {
        let world = World::new();
        let service = Service::new(move |_, _| became());
        let error = world.layers(&service).send(&Call::default(), write("/a")).await.unwrap_err();
        assert_eq!((error.kind, error.effect, service.count()), (kind, effect, 1), "{case}");
    }
}
