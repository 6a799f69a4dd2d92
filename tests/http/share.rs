//! Our share of a daily quota, over restarts and crashes.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use hymnal_sdk::{Call, Http as _, Kind, Lane, http::Resets};

use crate::world::{Numbers, Service, World, answer, ok, read};

const DAY: Duration = Duration::from_hours(24);

#[tokio::test(start_paused = true)]
async fn a_spent_share_is_told_and_not_waited_for() {
    let world = World::new().daily(100, 0.5, 0.2, Resets::Rolling);
    let service = Service::new(|_, _| ok());
    let layers = world.layers(&service);
    for _ in 0..40 {
        layers.send(&Call::new(Lane::Ordinary), read("/a")).await.unwrap();
    }
    // The reserve is for lanes up to `Hinted`.
    let error = layers.send(&Call::new(Lane::Ordinary), read("/a")).await.unwrap_err();
    assert_eq!((error.kind, error.code.as_str()), (Kind::Throttled, "daily-share"));
    assert_eq!(error.retry_at, "2026-11-24T11:00:00Z".parse().ok(), "the hour of the calls, and a day");
    let health = layers.health();
    assert_eq!((health.daily_by_us, health.daily_ours, health.daily_limit), (40, Some(50), Some(100)));
    assert_eq!(health.paused_until, error.retry_at);
    assert!(health.paused_because.is_some_and(|because| because.contains("reserve of 10")));
    for _ in 0..10 {
        layers.send(&Call::new(Lane::Hinted), read("/a")).await.unwrap();
    }
    layers.send(&Call::new(Lane::Consent), read("/a")).await.unwrap_err();
    assert_eq!(service.count(), 50);
}

#[tokio::test(start_paused = true)]
async fn at_midnight_of_the_account_it_starts_anew() {
    // 10:00 UTC is 05:00 in New York; its midnight is 05:00 UTC.
    let world = World::new().daily(10, 1.0, 0.0, Resets::Midnight("America/New_York".to_owned()));
    let service = Service::new(|_, _| ok());
    let layers = world.layers(&service);
    for _ in 0..10 {
        layers.send(&Call::default(), read("/a")).await.unwrap();
    }
    let error = layers.send(&Call::default(), read("/a")).await.unwrap_err();
    assert_eq!(error.retry_at, "2026-11-24T05:00:00Z".parse().ok());
    tokio::time::sleep(Duration::from_hours(19) - Duration::from_secs(1)).await;
    layers.send(&Call::default(), read("/a")).await.unwrap_err();
    tokio::time::sleep(Duration::from_secs(1)).await;
    layers.send(&Call::default(), read("/a")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_unknown_zone_counts_over_24_hours() {
    let world = World::new().daily(10, 1.0, 0.0, Resets::Midnight("Nowhere/Atlantis".to_owned()));
    let service = Service::new(|_, _| ok());
    let layers = world.layers(&service);
    for _ in 0..10 {
        layers.send(&Call::default(), read("/a")).await.unwrap();
    }
    tokio::time::sleep(Duration::from_hours(23)).await;
    layers.send(&Call::default(), read("/a")).await.unwrap_err();
    tokio::time::sleep(Duration::from_hours(2)).await;
    layers.send(&Call::default(), read("/a")).await.unwrap();
}

/// Starts and ends at random moments, orderly or not, for days: no 24 hours hold more than our share.
#[tokio::test(start_paused = true)]
async fn restarts_and_crashes_never_pass_the_share() {
    for seed in 0..8 {
        let ours = 400;
        let world = World::new().daily(800, 0.5, 0.1, Resets::Rolling);
        let service = Service::new(|_, _| ok());
        let mut numbers = Numbers(seed);
        let end = Duration::from_hours(24 * 4);
        let started = tokio::time::Instant::now();
        while started.elapsed() < end {
            let layers = world.layers(&service);
            for _ in 0..numbers.below(60) {
                let lane = if numbers.below(3) == 0 { Lane::Person } else { Lane::Ordinary };
                let _ = layers.send(&Call::new(lane), read("/a")).await;
                tokio::time::sleep(Duration::from_secs(numbers.below(240))).await;
            }
            if numbers.below(2) == 0 {
                // A crash: nothing is written at the end.
                std::mem::forget(layers);
            }
        }
        let times = service.times();
        for (index, first) in times.iter().enumerate() {
            let inside = times[index..].iter().take_while(|at| **at < *first + DAY).count();
            assert!(inside <= ours, "seed {seed}: {inside} calls in 24 hours");
        }
        // Crashes cost a block each, orderly ends nothing.
        assert!(times.len() > ours, "seed {seed}: {} calls", times.len());
    }
}

#[tokio::test(start_paused = true)]
async fn an_orderly_end_costs_nothing_and_a_crash_at_most_a_block() {
    let world = World::new().daily(10_000, 1.0, 0.0, Resets::Rolling);
    let service = Service::new(|_, _| ok());
    for _ in 0..50 {
        world.layers(&service).send(&Call::default(), read("/a")).await.unwrap();
    }
    let layers = world.layers(&service);
    assert_eq!(layers.health().daily_by_us, 50);
    layers.send(&Call::default(), read("/a")).await.unwrap();
    std::mem::forget(layers);
    assert_eq!(world.layers(&service).health().daily_by_us, 150, "1 % of the share was leased");
}

#[tokio::test(start_paused = true)]
async fn blocks_are_saved_before_they_are_used_and_seldom() {
    let world = World::new().daily(10_000, 1.0, 0.0, Resets::Rolling);
    let disk = world.disk.clone();
    let service = Service::new({
        let disk = disk.clone();
        move |_, nth| {
            let saved: Vec<(i64, u64)> =
                serde_json::from_slice(disk.values.lock().unwrap().values().next().unwrap()).unwrap();
            assert!(saved.iter().map(|(_, calls)| calls).sum::<u64>() > nth as u64);
            ok()
        }
    });
    let layers = world.layers(&service);
    for _ in 0..1000 {
        layers.send(&Call::default(), read("/a")).await.unwrap();
    }
    assert_eq!(disk.saves.load(Ordering::Relaxed), 10);
    disk.is_full.store(true, Ordering::Relaxed);
    let error = layers.send(&Call::default(), read("/a")).await.unwrap_err();
    assert_eq!((error.code.as_str(), service.count()), ("disk-full", 1000), "nothing is sent that cannot be counted");
    disk.is_full.store(false, Ordering::Relaxed);
    layers.send(&Call::default(), read("/a")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_services_own_word_counts() {
    let world = World::new().daily(1000, 0.5, 0.1, Resets::Rolling);
    let service = Service::new(|_, nth| {
        let usage = ["7/1000", "1995/2000", "1995/2000"].get(nth).copied().unwrap_or("3/2000");
        answer(200, &[("x-usage", usage)])
    });
    let layers = world.layers(&service);
    layers.send(&Call::default(), read("/a")).await.unwrap();
    assert_eq!((layers.health().daily_used, layers.health().daily_by_us), (7, 1));
    // The account is larger than declared, and others have nearly used it up.
    layers.send(&Call::default(), read("/a")).await.unwrap();
    let health = layers.health();
    assert_eq!((health.daily_used, health.daily_limit, health.daily_ours), (1995, Some(2000), Some(1000)));
    let error = layers.send(&Call::default(), read("/a")).await.unwrap_err();
    assert_eq!(error.kind, Kind::Throttled);
    // What is kept for urgent lanes is still theirs.
    layers.send(&Call::new(Lane::Person), read("/a")).await.unwrap();
    // Only an answer can tell that it is over: the service is asked again after a while.
    tokio::time::sleep(Duration::from_mins(15)).await;
    layers.send(&Call::default(), read("/a")).await.unwrap();
    assert_eq!(layers.health().daily_used, 4, "never less than our own count");
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_steps_a_day_and_back_forgets_nothing() {
    let world = World::new().daily(100, 1.0, 0.0, Resets::Rolling);
    let service = Service::new(|_, _| ok());
    let layers = world.layers(&service);
    for _ in 0..30 {
        layers.send(&Call::default(), read("/a")).await.unwrap();
    }
    world.clock.step(86_400);
    for _ in 0..30 {
        layers.send(&Call::default(), read("/a")).await.unwrap();
    }
    world.clock.step(-86_400);
    assert_eq!(layers.health().daily_by_us, 60);
}

#[tokio::test(start_paused = true)]
async fn a_count_that_cannot_be_read_is_no_zero() {
    let world = World::new().daily(100, 1.0, 0.0, Resets::Rolling);
    let service = Service::new(|_, _| ok());
    world.layers(&service).send(&Call::default(), read("/a")).await.unwrap();
    for value in world.disk.values.lock().unwrap().values_mut() {
        *value = b"garbage".to_vec();
    }
    let layers: Arc<_> = world.layers(&service);
    assert_eq!(layers.send(&Call::default(), read("/a")).await.unwrap_err().kind, Kind::Throttled);
    assert_eq!(service.count(), 1);
}
