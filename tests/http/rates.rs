//! No window of a declared rate is exceeded, and what is declared is used.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use hymnal_sdk::{Call, Http as _, Lane};
use tokio::time::Instant;

use crate::world::{Numbers, Service, World, ok, read, tagged};

/// Requests beyond `limit` in any window of this length, by when they arrived.
pub(crate) fn exceeded(times: impl IntoIterator<Item = Duration>, limit: usize, window: Duration) -> usize {
    let mut times: Vec<Duration> = times.into_iter().collect();
    times.sort_unstable();
    let mut inside = VecDeque::new();
    let mut beyond = 0;
    for at in times {
        while inside.front().is_some_and(|first| *first + window <= at) {
            inside.pop_front();
        }
        inside.push_back(at);
        beyond += usize::from(inside.len() > limit);
    }
    beyond
}

/// Workers that send without a pause for so long.
async fn greedy(world: &World, service: &Arc<Service>, workers: u32, length: Duration, tag: &'static str) {
    let layers = world.layers(service);
    let end = Instant::now() + length;
    let tasks = (0..workers).map(|_| {
        let layers = layers.clone();
        tokio::spawn(async move {
            while Instant::now() < end {
                layers.send(&Call::new(Lane::Ordinary), tagged("/a", tag)).await.unwrap();
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
}

/// Up to 60 ms there, up to 200 ms back, differently for each.
fn jittery(seed: u64) -> impl Fn(usize) -> (Duration, Duration) + Send + Sync {
    move |nth| {
        let mut numbers = Numbers(seed ^ (nth as u64).wrapping_mul(0x9e37_79b9));
        numbers.below(2);
        (Duration::from_millis(numbers.below(60)), Duration::from_millis(20 + numbers.below(180)))
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of requests")]
async fn used_of(requests: u32, seconds: u64, length: Duration) -> f64 {
    let world = World::new().rate(requests, seconds, &[]).slots(16);
    let service = Service::new(|_, _| ok());
    service.travel(jittery(11));
    greedy(&world, &service, 24, length, "").await;
    let window = Duration::from_secs(seconds);
    assert_eq!(exceeded(service.times(), requests as usize, window), 0, "{requests} per {seconds} s");
    let in_time = service.times().into_iter().filter(|at| *at <= length).count();
    in_time as f64 / (f64::from(requests) * length.as_secs_f64() / window.as_secs_f64())
}

#[tokio::test(start_paused = true)]
async fn an_hour_of_190_in_10_seconds() {
    let used = used_of(190, 10, Duration::from_hours(1)).await;
    assert!(used >= 0.95, "only {used} was used");
}

#[tokio::test(start_paused = true)]
async fn an_hour_of_small_windows() {
    for requests in [4, 5] {
        let used = used_of(requests, 1, Duration::from_hours(1)).await;
        assert!(used >= 0.90, "only {used} of {requests} a second was used");
    }
}

#[tokio::test(start_paused = true)]
async fn a_few_requests_a_minute() {
    let used = used_of(3, 60, Duration::from_hours(1)).await;
    assert!(used >= 0.90, "only {used} was used");
}

#[tokio::test(start_paused = true)]
async fn two_windows_hold_at_once_and_a_tag_has_its_own() {
    let world = World::new().rate(190, 10, &[]).rate(5, 1, &["search"]).rate(3000, 300, &[]).slots(16);
    let service = Service::new(|_, _| ok());
    service.travel(jittery(13));
    let length = Duration::from_mins(20);
    let layers = world.layers(&service);
    let end = Instant::now() + length;
    let tasks = (0..24).map(|worker| {
        let layers = layers.clone();
        let (path, tag) = if worker % 4 == 0 { ("/search", "search") } else { ("/a", "") };
        tokio::spawn(async move {
            while Instant::now() < end {
                layers.send(&Call::new(Lane::Ordinary), tagged(path, tag)).await.unwrap();
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let times_of = |path: &str| -> Vec<Duration> {
        service.times().into_iter().zip(service.paths()).filter(|(_, of)| of == path).map(|(at, _)| at).collect()
    };
    assert_eq!(exceeded(service.times(), 190, Duration::from_secs(10)), 0);
    assert_eq!(exceeded(service.times(), 3000, Duration::from_mins(5)), 0);
    assert_eq!(exceeded(times_of("/search"), 5, Duration::from_secs(1)), 0);
    // 10 a second for all by the tightest window; searches are no more than 5 of them, and are not starved.
    assert!(service.count() > 11_400, "{}", service.count());
    assert!(times_of("/search").len() > 2_400, "{}", times_of("/search").len());
}

#[tokio::test(start_paused = true)]
async fn idle_time_is_no_credit_beyond_the_window() {
    let world = World::new().rate(190, 10, &[]);
    let service = Service::new(|_, _| ok());
    for _ in 0..5 {
        greedy(&world, &service, 8, Duration::from_secs(15), "").await;
        tokio::time::sleep(Duration::from_secs(40)).await;
    }
    assert_eq!(exceeded(service.times(), 190, Duration::from_secs(10)), 0);
}

#[tokio::test(start_paused = true)]
async fn a_restart_is_no_fresh_burst() {
    for (requests, seconds) in [(190, 10), (5, 1)] {
        let world = World::new().rate(requests, seconds, &[]);
        let service = Service::new(|_, _| ok());
        for run in 0..200 {
            greedy(&world, &service, 4, Duration::from_millis(50 + run * 7), "").await;
        }
        assert_eq!(exceeded(service.times(), requests as usize, Duration::from_secs(seconds)), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn dear_requests_are_weighed_and_not_starved() {
    let world = World::new().rate(100, 10, &[]);
    let service = Service::new(|_, _| ok());
    let layers = world.layers(&service);
    let end = Instant::now() + Duration::from_mins(10);
    let send = |cost: u32, lane: Lane| {
        let layers = layers.clone();
        tokio::spawn(async move {
            while Instant::now() < end {
                let mut request = read("/a");
                (request.cost, request.url) = (cost, format!("/{cost}"));
                layers.send(&Call::new(lane), request).await.unwrap();
            }
        })
    };
    for task in [send(1, Lane::Ordinary), send(40, Lane::Ordinary), send(1, Lane::Bulk)] {
        task.await.unwrap();
    }
    let weighed = service.times().into_iter().zip(service.paths()).flat_map(|(at, path)| {
        let cost: usize = path[1..].parse().unwrap();
        std::iter::repeat_n(at, cost)
    });
    assert_eq!(exceeded(weighed, 100, Duration::from_secs(10)), 0);
    let dear = service.paths().iter().filter(|path| *path == "/40").count();
    assert!(dear > 100, "{dear}");
}
