use serde_json::{Value, json};

use crate::World;

#[test]
fn every_answer_tells_the_usage_and_past_the_limit_calls_are_refused_with_403() {
    let world = World::with(|options| options.daily_limit = 2);
    assert_eq!(world.get("/limits").headers["Sforce-Limit-Info"], "api-usage=1/2");
    let second = world.get("/sobjects/Lead/00Q000000000001");
    assert_eq!((second.status, second.headers["Sforce-Limit-Info"].to_str().unwrap()), (404, "api-usage=2/2"));
    let third = world.get("/limits");
    third.refused(403, "REQUEST_LIMIT_EXCEEDED");
    assert_eq!(third.message(), "TotalRequests Limit exceeded.");
    assert_eq!(third.headers["Sforce-Limit-Info"], "api-usage=2/2");
    assert!(!third.headers.contains_key("Retry-After"));
}

#[test]
fn the_day_rolls() {
    let mut world = World::with(|options| options.daily_limit = 2);
    world.get("/limits");
    world.pass(43_200);
    world.log_in();
    world.get("/limits");
    world.pass(43_200);
    world.log_in();
    assert_eq!(world.get("/limits").headers["Sforce-Limit-Info"], "api-usage=2/2");
}

#[test]
fn a_collection_is_one_call_and_others_spend_too() {
    let world = World::new();
    world.org.spend_calls(100);
    let record = json!({ "attributes": { "type": "Contact" }, "LastName": "A" });
    let answer = world.post("/composite/sobjects", &json!({ "records": vec![record; 50] }));
    assert_eq!(answer.headers["Sforce-Limit-Info"], "api-usage=101/15000");
    let limits = world.get("/limits").body;
    assert_eq!(limits["DailyApiRequests"], json!({ "Max": 15_000, "Remaining": 14_898 }));
}

#[test]
fn a_request_without_a_session_costs_nothing() {
    let world = World::new();
    let refused = world.send("GET", "/limits", &[], "");
    assert!(!refused.headers.contains_key("Sforce-Limit-Info"));
    assert_eq!(world.get("/limits").headers["Sforce-Limit-Info"], "api-usage=1/15000");
}

#[test]
fn long_addresses_and_heads_are_refused_by_the_web_server() {
    let world = World::new();
    let long = format!("/query?q={}", "x".repeat(16_384));
    let answer = world.get(&long);
    assert_eq!(answer.status, 414);
    assert_eq!(answer.body, Value::String("<h1>Bad Message 414</h1><pre>reason: URI Too Long</pre>".into()));
    let answer = world.ask("GET", "/limits", &[("X-Much", &"x".repeat(16_000))], &Value::Null);
    assert_eq!(answer.status, 200);
    let answer = world.ask("GET", "/limits", &[("X-Much", &"x".repeat(16_384))], &Value::Null);
    assert_eq!(answer.status, 431);
}
