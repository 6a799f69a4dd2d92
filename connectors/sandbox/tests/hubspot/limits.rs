use std::time::Duration;

use hymnal_sandbox::hubspot::{HubSpotOptions, Rates};
use serde_json::json;

use crate::World;

const LIST: &str = "/crm/v3/objects/contacts";

async fn limited(rates: Rates) -> World {
    World::with(HubSpotOptions { rates, ..HubSpotOptions::default() }).await
}

// Changelog, "Increasing our API limits": 190 requests per 10 seconds. Usage guidelines: the headers, the 429 body. The
// policy's name says that the window rolls.
#[tokio::test]
async fn ten_seconds_roll() {
    let world = limited(Rates { per_ten_seconds: Some(3), ..Rates::PROFESSIONAL }).await;
    let first = world.client.get(LIST).await;
    assert_eq!(first.header("x-hubspot-ratelimit-max"), "3");
    assert_eq!(first.header("x-hubspot-ratelimit-remaining"), "2");
    assert_eq!(first.header("x-hubspot-ratelimit-interval-milliseconds"), "10000");
    assert_eq!(first.header("x-hubspot-ratelimit-daily"), "650000");
    assert_eq!(first.header("x-hubspot-ratelimit-daily-remaining"), "649999");
    world.clock.turn(Duration::from_secs(6));
    world.client.get(LIST).await;
    assert_eq!(world.client.get(LIST).await.header("x-hubspot-ratelimit-remaining"), "0");
    let refused = world.client.get(LIST).await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.text("policyName"), "TEN_SECONDLY_ROLLING");
    assert_eq!(refused.text("errorType"), "RATE_LIMIT");
    assert_eq!(refused.text("status"), "error");
    assert_eq!(refused.header("retry-after"), "");
    world.clock.turn(Duration::from_secs(4));
    assert_eq!(world.client.get(LIST).await.status, 200, "the first is ten seconds old");
    assert_eq!(world.client.get(LIST).await.status, 429, "the others are not");
}

// Search guide, "Limits": five requests a second; Usage guidelines: without the headers.
#[tokio::test]
async fn searches_have_a_rate_of_their_own() {
    let world = limited(Rates::PROFESSIONAL).await;
    let search = async || world.client.post("/crm/v3/objects/contacts/search", &json!({})).await;
    for _ in 0..5 {
        let answered = search().await;
        assert_eq!(answered.status, 200);
        assert!(!answered.headers.keys().any(|name| name.starts_with("x-hubspot-ratelimit")));
    }
    let refused = search().await;
    assert_eq!((refused.status, refused.text("policyName")), (429, "SECONDLY".to_owned()));
    assert_eq!(refused.text("message"), "You have reached your secondly limit.");
    assert_eq!(world.client.get(LIST).await.header("x-hubspot-ratelimit-remaining"), "189");
    world.clock.turn(Duration::from_secs(1));
    assert_eq!(search().await.status, 200);
}

// Usage guidelines: DAILY; "The daily limit resets at midnight based on your time zone setting."
#[tokio::test]
async fn a_day_ends_at_midnight_of_the_account() {
    let zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(-10));
    let rates = Rates { daily: Some(2), ..Rates::PROFESSIONAL };
    let world = World::with(HubSpotOptions { rates, time_zone: zone, ..HubSpotOptions::default() }).await;
    world.client.get(LIST).await;
    let usage = world.client.get("/account-info/v3/api-usage/daily/private-apps").await;
    assert_eq!(
        (&usage.body["results"][0]["currentUsage"], &usage.body["results"][0]["usageLimit"]),
        (&json!(2), &json!(2))
    );
    // It is 23:00 there.
    assert_eq!(usage.text("results.0.resetsAt"), "2026-03-02T10:00:00.000Z");
    let refused = world.client.get(LIST).await;
    assert_eq!((refused.status, refused.text("policyName")), (429, "DAILY".to_owned()));
    assert_eq!(refused.text("message"), "You have reached your daily limit.");
    world.clock.turn(Duration::from_hours(1));
    assert_eq!(world.client.get(LIST).await.status, 200);
}

#[tokio::test]
async fn rates_change_while_it_runs() {
    let world = limited(Rates { per_ten_seconds: Some(1), ..Rates::PROFESSIONAL }).await;
    world.client.get(LIST).await;
    assert_eq!(world.client.get(LIST).await.status, 429);
    world.control().set_rates(Rates::UNLIMITED);
    assert_eq!(world.client.get(LIST).await.status, 200);
}
