use hymnal_sandbox::hubspot;
use serde_json::json;

use crate::{World, fields, person};

// Subscription preferences API: `unsubscribe-all` by address; the contact shows it in a read-only property.
#[tokio::test]
async fn an_address_unsubscribes_from_everything() {
    let world = World::new().await;
    let id = world.contact(json!({ "email": "ada@example.com" })).await;
    let path = "/communication-preferences/v4/statuses/Ada@example.com/unsubscribe-all";
    assert_eq!(world.client.get(&format!("{path}?channel=EMAIL")).await.body["results"], json!([]));
    assert_eq!(world.client.post(path, &json!({})).await.status, 400, "a channel is required");
    let done = world.client.post(&format!("{path}?channel=EMAIL"), &json!({})).await;
    assert_eq!((done.status, done.text("results.0.status")), (200, "UNSUBSCRIBED".to_owned()));
    assert_eq!(world.get(&id, "hs_email_optout").await.text("properties.hs_email_optout"), "true");
    let batch = json!({ "inputs": ["bea@example.com"] });
    let path = "/communication-preferences/v4/statuses/batch/unsubscribe-all?channel=EMAIL";
    let done = world.client.post(path, &batch).await;
    assert_eq!((done.status, done.text("results.0.subscriberIdString")), (200, "bea@example.com".to_owned()));
    assert_eq!(done.text("results.0.statuses.0.status"), "UNSUBSCRIBED");
    let bad = world.client.post(path, &json!({ "inputs": ["nobody"] })).await;
    assert_eq!((bad.status, bad.text("errors.0.category")), (200, "VALIDATION_ERROR".to_owned()));
}

// An opt-out belongs to the address: a contact that takes another address has that one's.
#[tokio::test]
async fn an_opt_out_follows_the_address() {
    let world = World::new().await;
    let portal = world.running.sandbox.hubspot();
    hubspot::opt_out(portal, &person(), "out@example.com");
    let id = world.contact(json!({ "email": "out@example.com" })).await;
    let opted_out = async || world.get(&id, "hs_email_optout").await.text("properties.hs_email_optout");
    assert_eq!(opted_out().await, "true");
    world.patch(&id, json!({ "email": "in@example.com" })).await;
    assert_eq!(opted_out().await, "false");
    world.control().edit(&person(), &id, fields(&[("email", "out@example.com")])).unwrap();
    assert_eq!(opted_out().await, "true");
    hubspot::opt_in(portal, &person(), "out@example.com");
    assert_eq!(opted_out().await, "false");
}

// Contacts reference, "Permanently delete a contact": gone from the bin too; an unknown address is put on a blocklist.
#[tokio::test]
async fn an_erased_person_does_not_come_back() {
    let world = World::new().await;
    let id = world.contact(json!({ "email": "ada@example.com" })).await;
    let erase = async |body| world.client.post("/crm/v3/objects/contacts/gdpr-delete", &body).await.status;
    assert_eq!(erase(json!({ "objectId": id })).await, 204);
    assert_eq!(world.client.get(&format!("/crm/v3/objects/contacts/{id}?archived=true")).await.status, 404);
    assert_eq!(erase(json!({ "objectId": "77" })).await, 404);
    assert_eq!(erase(json!({ "objectId": "No@example.com", "idProperty": "email" })).await, 204);
    let body = json!({ "properties": { "email": "no@example.com" } });
    assert_eq!(world.client.post("/crm/v3/objects/contacts", &body).await.status, 400);
}
