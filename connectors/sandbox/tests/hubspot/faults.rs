use hymnal_sandbox::{Fault, Planted};
use serde_json::json;

use crate::World;

const ONE: &str = "/crm/v3/objects/contacts";

fn plant(world: &World, method: &str, fault: Fault) {
    world.control().plant(Planted { method: method.to_owned(), path: "contacts".to_owned(), times: 1, fault });
}

async fn count(world: &World) -> usize {
    world.client.get(ONE).await.ids().len()
}

fn body() -> String {
    json!({ "properties": { "email": "ada@example.com" } }).to_string()
}

#[tokio::test]
async fn a_lost_answer_was_applied_and_no_byte_comes() {
    let world = World::new().await;
    plant(&world, "POST", Fault::AppliedAnswerLost);
    assert!(world.client.send("POST", ONE, Some(&body())).await.is_err());
    assert_eq!(count(&world).await, 1);
    let seen = world.control().since(hymnal_sandbox::control::Mark::default());
    assert_eq!((seen.requests[0].status, seen.requests[0].wrote), (0, true));
    assert_eq!((seen.requests[1].status, seen.requests[1].wrote), (200, false));
}

#[tokio::test]
async fn a_refused_connection_applied_nothing() {
    let world = World::new().await;
    plant(&world, "POST", Fault::RefusedConnection);
    assert!(world.client.send("POST", ONE, Some(&body())).await.is_err());
    assert_eq!(count(&world).await, 0);
}

#[tokio::test]
async fn an_error_after_the_write_was_applied() {
    let world = World::new().await;
    plant(&world, "POST", Fault::AppliedThen500);
    assert_eq!(world.client.send("POST", ONE, Some(&body())).await.unwrap().status, 500);
    assert_eq!(count(&world).await, 1);
}

#[tokio::test]
async fn a_truncated_answer_is_shorter_than_its_length() {
    let world = World::new().await;
    plant(&world, "POST", Fault::Truncated);
    let half = world.client.send("POST", ONE, Some(&body())).await.unwrap();
    let length: usize = half.header("content-length").parse().unwrap();
    assert_eq!((half.status, half.raw.len()), (201, length / 2));
    assert_eq!(count(&world).await, 1);
}

#[tokio::test]
async fn planted_answers_come_verbatim() {
    let world = World::new().await;
    let gate = |status, retry_after: &str| Fault::Answer {
        status,
        retry_after: retry_after.to_owned(),
        body: "{\"status\":\"error\"}".to_owned(),
    };
    plant(&world, "GET", gate(503, "Mon, 02 Mar 2026 10:00:00 GMT"));
    let refused = world.client.get(ONE).await;
    assert_eq!((refused.status, refused.header("retry-after")), (503, "Mon, 02 Mar 2026 10:00:00 GMT"));
    plant(&world, "GET", Fault::Html);
    let page = world.client.get(ONE).await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/html;charset=utf-8"));
    plant(&world, "GET", Fault::ExpiredToken);
    assert_eq!(world.client.get(ONE).await.text("category"), "EXPIRED_AUTHENTICATION");
    assert_eq!(world.client.get(ONE).await.status, 200, "each hit once");
}

#[tokio::test]
async fn slow_answers_are_whole_and_take_their_time() {
    let world = World::new().await;
    let seconds = || world.control().account().elapsed().as_secs();
    let before = seconds();
    plant(&world, "GET", Fault::Delay { ms: 30_000 });
    assert_eq!(world.client.get(ONE).await.status, 200);
    assert_eq!(seconds() - before, 30);
    plant(&world, "GET", Fault::SlowDrip { ms_per_byte: 1_000 });
    let dripped = world.client.get(ONE).await;
    assert_eq!(dripped.body, json!({ "results": [] }));
    let bytes = u64::try_from(dripped.raw.len()).unwrap();
    assert_eq!(seconds() - before, 30 + bytes);
}

#[tokio::test]
async fn a_fault_hits_only_what_it_names() {
    let world = World::new().await;
    let fault = Fault::Answer { status: 500, retry_after: String::new(), body: String::new() };
    world.control().plant(Planted { method: "POST".to_owned(), path: "/batch/".to_owned(), times: 2, fault });
    assert_eq!(count(&world).await, 0);
    let batch = json!({ "inputs": [] });
    for status in [500, 500, 200] {
        let path = "/crm/v3/objects/contacts/batch/read";
        assert_eq!(world.client.post(path, &batch).await.status, status);
    }
}

// A service's own clock shows in `Date`.
#[tokio::test]
async fn the_date_is_the_services_own() {
    let world = World::new().await;
    assert_eq!(world.client.get(ONE).await.header("date"), "Mon, 02 Mar 2026 09:00:00 GMT");
    world.control().skew(jiff::SignedDuration::from_hours(-24));
    assert_eq!(world.client.get(ONE).await.header("date"), "Sun, 01 Mar 2026 09:00:00 GMT");
}
