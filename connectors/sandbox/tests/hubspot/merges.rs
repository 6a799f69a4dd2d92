use hymnal_sandbox::hubspot::HubSpotOptions;
use serde_json::json;

use crate::{World, fields, person};

const MERGE: &str = "/crm/v3/objects/contacts/merge";

// Changelog, "Updated merge functionality for contacts and companies": a new record with a new id; both old ids lead to
// it; the primary's values count.
#[tokio::test]
async fn a_merge_makes_a_new_id_that_both_old_ids_lead_to() {
    let world = World::new().await;
    let ada = world.contact(json!({ "email": "ada@example.com", "firstname": "Ada", "lifecyclestage": "lead" })).await;
    let other = json!({ "email": "a.l@example.com", "firstname": "A.", "city": "Boise", "lifecyclestage": "customer" });
    let other = world.contact(other).await;
    let body = json!({ "primaryObjectId": ada, "objectIdToMerge": other });
    let merged = world.client.post(MERGE, &body).await;
    assert_eq!(merged.status, 200, "{}", merged.body);
    let id = merged.text("id");
    assert!(id != ada && id != other);
    let properties = "firstname,city,lifecyclestage,email,hs_merged_object_ids,hs_additional_emails";
    for old in [&ada, &other] {
        let read = world.get(old, properties).await;
        assert_eq!((read.status, read.text("id")), (200, id.clone()));
        assert_eq!(read.text("properties.firstname"), "Ada");
        assert_eq!(read.text("properties.city"), "Boise");
        // Knowledge base, "Merge records": the stage furthest down the funnel is kept.
        assert_eq!(read.text("properties.lifecyclestage"), "customer");
        assert_eq!(read.text("properties.hs_merged_object_ids"), format!("{ada};{other}"));
        assert_eq!(read.text("properties.hs_additional_emails"), "a.l@example.com");
    }
    let batch = json!({ "inputs": [{ "id": ada }, { "id": other }] });
    let read = world.client.post("/crm/v3/objects/contacts/batch/read", &batch).await;
    assert_eq!((read.status, read.ids()), (200, vec![id.clone()]));
    let list = world.client.get("/crm/v3/objects/contacts").await;
    assert_eq!(list.ids(), [id.as_str()]);
    assert_eq!(world.client.get("/crm/v3/objects/contacts?archived=true").await.ids(), [""; 0]);
}

// Knowledge base, "Merge records": the other address becomes an additional one and still belongs to the contact.
#[tokio::test]
async fn an_additional_address_still_finds_and_blocks() {
    let world = World::new().await;
    let ada = world.contact(json!({ "email": "ada@example.com" })).await;
    let other = world.contact(json!({ "email": "a.l@example.com" })).await;
    let id = world.control().merge(&person(), &ada, &other).unwrap();
    let found = world.client.get("/crm/v3/objects/contacts/a.l@example.com?idProperty=email").await;
    assert_eq!(found.text("id"), id);
    let body = json!({ "properties": { "email": "A.L@example.com" } });
    let again = world.client.post("/crm/v3/objects/contacts", &body).await;
    assert_eq!(again.text("message"), format!("Contact already exists. Existing ID: {id}"));
    world.control().delete(&person(), &id).unwrap();
    assert_eq!(world.client.post("/crm/v3/objects/contacts", &body).await.status, 201);
}

#[tokio::test]
async fn a_merge_needs_two_live_contacts() {
    let world = World::new().await;
    let ada = world.contact(json!({ "email": "ada@example.com" })).await;
    let itself = json!({ "primaryObjectId": ada, "objectIdToMerge": ada });
    assert_eq!(world.client.post(MERGE, &itself).await.status, 400);
    let nobody = json!({ "primaryObjectId": ada, "objectIdToMerge": "77" });
    assert_eq!(world.client.post(MERGE, &nobody).await.status, 404);
}

// Before that change, the primary's id lived on; accounts of tests can still choose it.
#[tokio::test]
async fn a_merge_can_keep_the_primary_id() {
    let world = World::with(HubSpotOptions { merge_makes_new_id: false, ..HubSpotOptions::default() }).await;
    let ada = world.contact(json!({ "email": "ada@example.com" })).await;
    let other = world.contact(json!({ "email": "a.l@example.com", "city": "Boise" })).await;
    assert_eq!(world.control().merge(&person(), &ada, &other).unwrap(), ada);
    assert_eq!(world.get(&other, "city,hs_merged_object_ids").await.text("properties.hs_merged_object_ids"), other);
}

#[tokio::test]
async fn a_restored_contact_keeps_its_id_and_values() {
    let world = World::new().await;
    let ada = world.contact(json!({ "email": "ada@example.com", "city": "Boise" })).await;
    world.client.delete(&format!("/crm/v3/objects/contacts/{ada}")).await;
    world.control().restore(&person(), &ada).unwrap();
    assert_eq!(world.get(&ada, "city").await.text("properties.city"), "Boise");
    world.control().edit(&person(), &ada, fields(&[("city", "Miami")])).unwrap();
    world.control().purge(&ada).unwrap();
    assert_eq!(world.client.get(&format!("/crm/v3/objects/contacts/{ada}?archived=true")).await.status, 404);
}
