use serde_json::{Value, json};

use crate::World;

const CREATE: &str = "/crm/v3/objects/contacts/batch/create";
const UPDATE: &str = "/crm/v3/objects/contacts/batch/update";
const UPSERT: &str = "/crm/v3/objects/contacts/batch/upsert";

fn new(address: &str, trace: Option<&str>) -> Value {
    let mut input = json!({ "properties": { "email": address } });
    if let Some(trace) = trace {
        input["objectWriteTraceId"] = json!(trace);
    }
    input
}

// Contacts guide, "Limits": 100 records a batch.
#[tokio::test]
async fn a_batch_has_100_inputs_at_most() {
    let world = World::new().await;
    let inputs: Vec<Value> = (0..101).map(|number| new(&format!("p{number}@example.com"), None)).collect();
    assert_eq!(world.client.post(CREATE, &json!({ "inputs": inputs })).await.status, 400);
    assert_eq!(world.client.post(CREATE, &json!({ "inputs": &inputs[..100] })).await.status, 201);
    let ids: Vec<Value> = (0..101).map(|number| json!({ "id": number.to_string() })).collect();
    for operation in ["read", "archive"] {
        let path = format!("/crm/v3/objects/contacts/batch/{operation}");
        assert_eq!(world.client.post(&path, &json!({ "inputs": ids })).await.status, 400);
    }
}

// Error handling, "Multi-status errors": without an `objectWriteTraceId` on each input, one bad input fails all.
#[tokio::test]
async fn without_trace_ids_a_batch_is_all_or_nothing() {
    let world = World::new().await;
    let id = world.contact(json!({ "email": "ada@example.com" })).await;
    let inputs = [new("bea@example.com", Some("1")), new("ada@example.com", None)];
    let refused = world.client.post(CREATE, &json!({ "inputs": inputs })).await;
    assert_eq!((refused.status, refused.text("category")), (409, "CONFLICT".to_owned()));
    assert_eq!(refused.text("message"), format!("Contact already exists. Existing ID: {id}"));
    assert_eq!(world.client.get("/crm/v3/objects/contacts").await.ids().len(), 1);
}

// The same page: with unique trace ids 207, `numErrors`, and `context.objectWriteTraceId` for each error.
#[tokio::test]
async fn with_trace_ids_inputs_fail_alone() {
    let world = World::new().await;
    let id = world.contact(json!({ "email": "ada@example.com" })).await;
    let inputs = [
        new("bea@example.com", Some("t1")),
        new("ada@example.com", Some("t2")),
        new("no address", Some("t3")),
        new("cleo@example.com", Some("t4")),
    ];
    let mixed = world.client.post(CREATE, &json!({ "inputs": inputs })).await;
    assert_eq!((mixed.status, &mixed.body["numErrors"]), (207, &json!(2)));
    let traces = |name: &str, pointer: &str| -> Vec<Value> {
        let items = mixed.body[name].as_array().unwrap();
        items.iter().map(|item| item.pointer(pointer).unwrap().clone()).collect()
    };
    assert_eq!(traces("errors", "/context/objectWriteTraceId/0"), ["t2", "t3"]);
    assert_eq!(mixed.text("errors.0.context.existingId.0"), id);
    assert_eq!(mixed.text("errors.1.errors.0.code"), "INVALID_EMAIL");
    // Not in the order of the inputs: only the trace ids tell which is which.
    assert_eq!(traces("results", "/objectWriteTraceId"), ["t4", "t1"]);
}

// Recorded answers of creates with one address twice: the second is refused as existing.
#[tokio::test]
async fn one_address_twice_in_a_batch_is_a_conflict() {
    let world = World::new().await;
    let inputs = [new("ada@example.com", None), new("ADA@example.com", None)];
    assert_eq!(world.client.post(CREATE, &json!({ "inputs": inputs })).await.status, 409);
    let inputs = [new("ada@example.com", Some("1")), new("ADA@example.com", Some("2"))];
    let mixed = world.client.post(CREATE, &json!({ "inputs": inputs })).await;
    assert_eq!((mixed.status, mixed.text("errors.0.context.objectWriteTraceId.0")), (207, "2".to_owned()));
}

// Recorded answers: 400 "Duplicate IDs found in batch input", with or without trace ids.
#[tokio::test]
async fn one_record_twice_in_a_batch_is_refused() {
    let world = World::new().await;
    let id = world.contact(json!({ "email": "ada@example.com" })).await;
    let input = |trace: &str| json!({ "id": id, "objectWriteTraceId": trace, "properties": { "firstname": trace } });
    let refused = world.client.post(UPDATE, &json!({ "inputs": [input("1"), input("2")] })).await;
    assert_eq!((refused.status, refused.text("category")), (400, "VALIDATION_ERROR".to_owned()));
    assert_eq!(refused.text("message"), format!("Duplicate IDs found in batch input: [{id}]. IDs must be unique"));
    assert_eq!(refused.body["context"]["ids"], json!([id]));
}

// Recorded answers of batch/update: missing records are listed in a 207 while the others are written.
#[tokio::test]
async fn an_update_of_a_missing_record_fails_alone() {
    let world = World::new().await;
    let id = world.contact(json!({ "email": "ada@example.com" })).await;
    let inputs = json!({ "inputs": [
        { "id": id, "properties": { "firstname": "Ada" } },
        { "id": "77", "properties": { "firstname": "Bea" } },
    ] });
    let mixed = world.client.post(UPDATE, &inputs).await;
    assert_eq!((mixed.status, mixed.ids()), (207, vec![id.clone()]));
    assert_eq!(mixed.text("errors.0.category"), "OBJECT_NOT_FOUND");
    assert_eq!(mixed.body["errors"][0]["context"]["ids"], json!(["77"]));
    assert_eq!(world.get(&id, "firstname").await.text("properties.firstname"), "Ada");
}

// HubSpot/hubspot-api-nodejs issue 548: "Unable to perform update/upsert by non-unique 0-1 property", `email` included.
#[tokio::test]
async fn a_batch_update_goes_by_id_or_unique_property() {
    let world = World::new().await;
    world.contact(json!({ "email": "ada@example.com", "hymnal_id": "H-1" })).await;
    let by = |property: &str, id: &str| json!({ "inputs": [{ "id": id, "idProperty": property, "properties": { "firstname": "Ada" } }] });
    assert_eq!(world.client.post(UPDATE, &by("email", "ada@example.com")).await.status, 400);
    assert_eq!(world.client.post(UPDATE, &by("hymnal_id", "H-1")).await.status, 200);
}

// Contacts reference, "Create or update a batch of contacts": `new` says which; the looked-for value is set.
#[tokio::test]
async fn an_upsert_says_what_it_made() {
    let world = World::new().await;
    let id = world.contact(json!({ "email": "ada@example.com" })).await;
    let input = |address: &str, trace: &str| json!({ "id": address, "idProperty": "email", "objectWriteTraceId": trace, "properties": { "city": "Boise" } });
    let body = json!({ "inputs": [input("Ada@example.com", "1"), input("bea@example.com", "2")] });
    let done = world.client.post(UPSERT, &body).await;
    assert_eq!(done.status, 200, "{}", done.body);
    let results = done.body["results"].as_array().unwrap();
    let of = |trace: &str| results.iter().find(|result| result["objectWriteTraceId"] == trace).unwrap();
    assert_eq!((&of("1")["id"], &of("1")["new"]), (&json!(id), &json!(false)));
    assert_eq!(of("2")["new"], true);
    let made = world.get(of("2")["id"].as_str().unwrap(), "email,city").await;
    assert_eq!(made.text("properties.email"), "bea@example.com");
    let twice = json!({ "inputs": [input("c@example.com", "1"), input("C@example.com", "2")] });
    assert_eq!(world.client.post(UPSERT, &twice).await.status, 400);
    let by_phone = json!({ "inputs": [{ "id": "1", "idProperty": "phone", "properties": {} }] });
    assert_eq!(world.client.post(UPSERT, &by_phone).await.status, 400);
}

// Contacts reference, "Archive contacts": 204, missing ids too.
#[tokio::test]
async fn a_batch_archive_takes_what_is_there() {
    let world = World::new().await;
    let id = world.contact(json!({ "email": "ada@example.com" })).await;
    let body = json!({ "inputs": [{ "id": id }, { "id": "77" }] });
    let done = world.client.post("/crm/v3/objects/contacts/batch/archive", &body).await;
    assert_eq!((done.status, done.raw.len()), (204, 0));
    assert_eq!(world.client.get("/crm/v3/objects/contacts").await.ids(), [""; 0]);
}
