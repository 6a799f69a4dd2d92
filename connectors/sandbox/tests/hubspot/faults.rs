use hymnal_sandbox::{Fault, Form, Planted};
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

/// What a client may do with one contact while a fault is planted for each of its requests.
async fn bent(fault: Fault) -> (World, String, crate::client::Reply) {
    let world = World::new().await;
    let id = world.contact(json!({ "email": "ada@example.com", "city": "Bonn" })).await;
    let name = fault.name();
    world.control().plant(Planted { method: String::new(), path: "contacts".to_owned(), times: 1, fault });
    let inputs = [json!({ "id": id, "properties": { "city": " New  YORK " } })];
    let reply = world.client.post("/crm/v3/objects/contacts/batch/update", &json!({ "inputs": inputs })).await;
    assert_eq!(world.control().fired().get(name), Some(&1), "{name}");
    (world, id, reply)
}

async fn city(world: &World, id: &str) -> String {
    world.get(id, "city").await.body["properties"]["city"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_request_is_bent_on_its_way() {
    let field = || "city".to_owned();
    let form = |how| Fault::Normalised { field: field(), how };
    let cases = [
        (Fault::FieldIgnored { field: field() }, "Bonn"),
        (form(Form::Trimmed), "New  YORK"),
        (form(Form::Lowered), " new  york "),
        (form(Form::Cut { to: 3 }), " Ne"),
        (form(Form::Reformatted), "New York"),
        (Fault::Automation { field: field(), value: "Rome".to_owned() }, "Rome"),
        (Fault::DuplicateDelivery, " New  YORK "),
        (Fault::FieldRenamed { field: field() }, "Bonn"),
        (Fault::FieldRetyped { field: field() }, "Bonn"),
        (Fault::ChoiceRemoved { field: field(), choice: " New  YORK ".to_owned() }, "Bonn"),
    ];
    for (fault, expected) in cases {
        let name = fault.name();
        let (world, id, _) = bent(fault).await;
        assert_eq!(city(&world, &id).await, expected, "{name}");
    }
}

#[tokio::test]
async fn an_answer_is_bent_on_its_way_back() {
    let (_, _, reply) = bent(Fault::FieldWithheld { field: "city".to_owned() }).await;
    assert_eq!(reply.body["results"][0]["properties"].get("city"), None);
    let (_, _, reply) = bent(Fault::FieldMasked { field: "city".to_owned() }).await;
    assert_eq!(reply.body["results"][0]["properties"]["city"], "***");
    let (_, _, reply) = bent(Fault::ItemsWithoutId).await;
    assert_eq!(reply.body["results"][0].get("id"), None);
    let (_, _, reply) = bent(Fault::Malformed).await;
    assert!(serde_json::from_slice::<serde_json::Value>(&reply.raw).is_err());
}

#[tokio::test]
async fn half_a_batch_is_lost_and_the_rest_comes_backwards() {
    let world = World::new().await;
    let mut ids = Vec::new();
    for number in 0..4 {
        ids.push(world.contact(json!({ "email": format!("{number}@example.com") })).await);
    }
    let inputs: Vec<_> = ids.iter().map(|id| json!({ "id": id, "properties": { "city": "Bonn" } })).collect();
    let path = "/crm/v3/objects/contacts/batch/update";
    plant(&world, "POST", Fault::PartialBatch);
    let reply = world.client.post(path, &json!({ "inputs": inputs })).await;
    assert_eq!(reply.body["results"].as_array().map(Vec::len), Some(2));
    assert_eq!((city(&world, &ids[1]).await.as_str(), city(&world, &ids[2]).await.as_str()), ("Bonn", ""));
    let straight = world.client.post(path, &json!({ "inputs": inputs })).await;
    plant(&world, "POST", Fault::ItemsReordered);
    let backwards = world.client.post(path, &json!({ "inputs": inputs })).await;
    let ids = |reply: &crate::client::Reply| {
        let items = reply.body["results"].as_array().unwrap().iter();
        items.map(|item| item["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&backwards), ids(&straight).into_iter().rev().collect::<Vec<_>>());
}

#[tokio::test]
async fn a_list_lags_or_shifts() {
    let world = World::new().await;
    let id = world.contact(json!({ "email": "ada@example.com", "city": "Bonn" })).await;
    world.clock.turn(std::time::Duration::from_mins(1));
    world.patch(&id, json!({ "city": "Rome" })).await;
    let search = json!({ "filterGroups": [], "properties": ["city"], "limit": 10 });
    let path = "/crm/v3/objects/contacts/search";
    plant(&world, "POST", Fault::StaleList { ms: 30_000 });
    let stale = world.client.post(path, &search).await;
    assert_eq!(stale.body["results"][0]["properties"]["city"], "Bonn");
    world.clock.turn(std::time::Duration::from_secs(10));
    plant(&world, "POST", Fault::PageShift);
    let before = world.client.post(path, &search).await.body["results"][0]["updatedAt"].clone();
    // The index follows within seconds.
    world.clock.turn(std::time::Duration::from_secs(10));
    let after = world.client.post(path, &search).await.body["results"][0]["updatedAt"].clone();
    assert_ne!(before, after);
    assert_eq!(city(&world, &id).await, "Rome");
}
