use serde_json::json;

use crate::{World, fields, person};

// Contacts reference, "Create a contact": 201 with the record.
#[tokio::test]
async fn a_created_contact_comes_back_with_its_properties() {
    let world = World::new().await;
    let body = json!({ "properties": { "email": " Ada@Example.COM ", "firstname": "Ada" } });
    let made = world.client.post("/crm/v3/objects/contacts", &body).await;
    assert_eq!(made.status, 201);
    // Contacts guide: the e-mail is kept in lower case.
    assert_eq!(made.text("properties.email"), "ada@example.com");
    assert_eq!(made.text("properties.hs_object_id"), made.text("id"));
    assert_eq!(made.text("createdAt"), made.text("properties.createdate"));
    assert_eq!(made.text("updatedAt"), made.text("properties.lastmodifieddate"));
    assert_eq!(made.body["archived"], false);
}

// The dated paths of 2026-03 answer as the v3 paths do.
#[tokio::test]
async fn the_dated_path_and_the_type_id_reach_the_same_contacts() {
    let world = World::new().await;
    let id = world.contact(json!({ "email": "ada@example.com" })).await;
    for path in ["/crm/objects/2026-03/contacts", "/crm/v3/objects/0-1", "/crm/objects/2026-03/0-1"] {
        assert_eq!(world.client.get(&format!("{path}/{id}")).await.text("properties.email"), "ada@example.com");
    }
    assert_eq!(world.client.get("/crm/v3/objects/unicorns").await.status, 400);
}

// Recorded answers: 409, category CONFLICT, the id in the message; whatever the case of the address.
#[tokio::test]
async fn a_second_contact_with_the_address_is_refused() {
    let world = World::new().await;
    let id = world.contact(json!({ "email": "ada@example.com" })).await;
    let body = json!({ "properties": { "email": "ADA@example.com" } });
    let again = world.client.post("/crm/v3/objects/contacts", &body).await;
    assert_eq!(again.status, 409);
    assert_eq!(again.text("message"), format!("Contact already exists. Existing ID: {id}"));
    assert_eq!(again.text("category"), "CONFLICT");
    let other = world.contact(json!({ "email": "bea@example.com" })).await;
    assert_eq!(world.patch(&other, json!({ "email": "ada@example.com" })).await.status, 409);
}

// Contacts guide, "Create contacts": at least one of `email`, `firstname`, `lastname`.
#[tokio::test]
async fn a_contact_needs_a_name_or_an_address() {
    let world = World::new().await;
    let body = json!({ "properties": { "phone": "+1 212-555-0123" } });
    assert_eq!(world.client.post("/crm/v3/objects/contacts", &body).await.status, 400);
}

// Error handling: VALIDATION_ERROR; `errors[].code` and `errors[].context.propertyName`; the message lists each result.
#[tokio::test]
async fn each_invalid_value_is_named_with_its_code() {
    let world = World::new().await;
    let id = world.contact(json!({ "email": "ada@example.com" })).await;
    let cases = [
        ("shoe_size", "44", "PROPERTY_DOESNT_EXIST"),
        ("email", "not an address", "INVALID_EMAIL"),
        ("email", "two@at@example.com", "INVALID_EMAIL"),
        ("lifecyclestage", "Lead", "INVALID_OPTION"),
        ("interests", "Events;Cooking", "INVALID_OPTION"),
        ("newsletter", "yes", "INVALID_OPTION"),
        ("numemployees", "many", "INVALID_LONG"),
        ("numemployees", " 12", "INVALID_LONG"),
        ("birthday", "2026-02-30", "INVALID_DATE"),
        ("birthday", "1588100000000", "INVALID_DATE"),
        ("closedate", "soon", "INVALID_DATE"),
        ("hubspot_owner_id", "12", "INVALID_INTEGER"),
        ("hubspotscore", "99", "READ_ONLY_VALUE"),
        ("hs_email_optout", "false", "READ_ONLY_VALUE"),
        ("lastmodifieddate", "2026-01-01T00:00:00Z", "READ_ONLY_VALUE"),
        ("hs_object_id", "7", "READ_ONLY_VALUE"),
    ];
    for (name, value, code) in cases {
        let refused = world.patch(&id, json!({ name: value })).await;
        assert_eq!(refused.status, 400, "{name} = {value}");
        assert_eq!(refused.text("category"), "VALIDATION_ERROR");
        assert_eq!(refused.text("errors.0.code"), code, "{name} = {value}: {}", refused.body);
        assert_eq!(refused.text("errors.0.context.propertyName.0"), name);
        assert!(refused.text("message").starts_with("Property values were not valid: [{\"isValid\":false"));
        assert!(!refused.text("correlationId").is_empty());
    }
    assert_eq!(world.get(&id, "email").await.text("properties.email"), "ada@example.com");
}

// Error handling: one refused property refuses the whole request; all refused ones are named.
#[tokio::test]
async fn nothing_is_written_when_one_property_is_refused() {
    let world = World::new().await;
    let id = world.contact(json!({ "email": "ada@example.com" })).await;
    let refused = world.patch(&id, json!({ "firstname": "Ada", "hubspotscore": "1", "nope": "1" })).await;
    assert_eq!(refused.body["errors"].as_array().unwrap().len(), 2);
    assert_eq!(world.get(&id, "firstname").await.body["properties"]["firstname"], json!(null));
}

// Knowledge base, "Property field types": text of up to 65,536 characters (not bytes).
#[tokio::test]
async fn a_text_has_65536_characters_at_most() {
    let world = World::new().await;
    let id = world.contact(json!({ "email": "ada@example.com" })).await;
    assert_eq!(world.patch(&id, json!({ "message": "é".repeat(65_536) })).await.status, 200);
    assert_eq!(world.patch(&id, json!({ "message": "e".repeat(65_537) })).await.status, 400);
}

// Properties guide: dates read back as days, datetimes in ISO 8601 with milliseconds; Contacts reference: values are
// strings, numbers too.
#[tokio::test]
async fn values_come_back_as_strings_in_one_form() {
    let world = World::new().await;
    let id = world
        .contact(json!({
            "email": "ada@example.com", "birthday": "1588204800000", "closedate": 1_588_204_800_123_i64,
            "numemployees": "007.50", "newsletter": true, "interests": "Pricing;Events;Pricing",
        }))
        .await;
    let read = world.get(&id, "birthday,closedate,numemployees,newsletter,interests").await;
    assert_eq!(read.text("properties.birthday"), "2020-04-30");
    assert_eq!(read.text("properties.closedate"), "2020-04-30T00:00:00.123Z");
    assert_eq!(read.text("properties.numemployees"), "007.50");
    assert_eq!(read.text("properties.newsletter"), "true");
    assert_eq!(read.text("properties.interests"), "Pricing;Events");
}

// Contacts reference: "Properties values can be cleared by passing an empty string." A null is not text.
#[tokio::test]
async fn an_empty_string_clears_and_null_is_refused() {
    let world = World::new().await;
    let id = world.contact(json!({ "email": "ada@example.com", "phone": "+1 212-555-0101" })).await;
    assert_eq!(world.patch(&id, json!({ "phone": null })).await.status, 400);
    assert_eq!(world.patch(&id, json!({ "phone": "" })).await.status, 200);
    let read = world.get(&id, "phone,city").await;
    assert_eq!([&read.body["properties"]["phone"], &read.body["properties"]["city"]], [&json!(""), &json!(null)]);
}

// Contacts guide: `lastmodifieddate` is when a property was last updated; a write that changes nothing updates nothing.
#[tokio::test]
async fn the_time_of_change_moves_only_with_a_change() {
    let world = World::new().await;
    let id = world.contact(json!({ "email": "ada@example.com", "firstname": "Ada" })).await;
    let before = world.get(&id, "firstname").await.text("updatedAt");
    let mark = world.control().mark();
    assert_eq!(world.patch(&id, json!({ "firstname": "Ada", "phone": "" })).await.text("updatedAt"), before);
    assert_eq!(world.control().since(mark).wrote, 0);
    let after = world.patch(&id, json!({ "firstname": "Augusta" })).await.text("updatedAt");
    assert!(after > before, "{after} > {before}");
    assert_eq!(world.control().since(mark).wrote, 1);
}

// Contacts guide: the API sets a lifecycle stage forward only. A step back is answered with success and ignored; the
// stage is cleared first, in a request of its own.
#[tokio::test]
async fn a_lifecycle_stage_does_not_go_back_unless_it_was_cleared() {
    let world = World::new().await;
    let id = world.contact(json!({ "email": "ada@example.com", "lifecyclestage": "customer" })).await;
    let ignored = world.patch(&id, json!({ "lifecyclestage": "lead", "firstname": "Ada" })).await;
    assert_eq!((ignored.status, ignored.text("properties.lifecyclestage")), (200, "customer".to_owned()));
    assert_eq!(ignored.text("properties.firstname"), "Ada");
    assert_eq!(world.patch(&id, json!({ "lifecyclestage": "" })).await.status, 200);
    assert_eq!(world.patch(&id, json!({ "lifecyclestage": "lead" })).await.status, 200);
    assert_eq!(world.get(&id, "lifecyclestage").await.text("properties.lifecyclestage"), "lead");
    // People in the app may.
    world.control().edit(&person(), &id, fields(&[("lifecyclestage", "subscriber")])).unwrap();
    assert_eq!(world.get(&id, "lifecyclestage").await.text("properties.lifecyclestage"), "subscriber");
}

// Contacts reference, "Archive a contact": 204, to the bin; the address is free again.
#[tokio::test]
async fn an_archived_contact_is_gone_but_listed_as_archived() {
    let world = World::new().await;
    let id = world.contact(json!({ "email": "ada@example.com" })).await;
    let path = format!("/crm/v3/objects/contacts/{id}");
    assert_eq!(world.client.delete(&path).await.status, 204);
    assert_eq!(world.client.get(&path).await.status, 404);
    assert_eq!(world.patch(&id, json!({ "firstname": "Ada" })).await.status, 404);
    assert_eq!(world.client.get(&format!("{path}?archived=true")).await.body["archived"], true);
    let bin = world.client.get("/crm/v3/objects/contacts?archived=true").await;
    assert_eq!(bin.ids(), [id.as_str()]);
    assert!(!bin.text("results.0.archivedAt").is_empty());
    assert_eq!(world.client.get("/crm/v3/objects/contacts").await.ids(), [""; 0]);
    world.contact(json!({ "email": "ada@example.com" })).await;
    // Only people restore, and not while the address is taken.
    assert!(world.control().restore(&person(), &id).is_err());
    assert_eq!(world.client.delete("/crm/v3/objects/contacts/7").await.status, 404);
}

// Unique properties: "Cannot set PropertyValueCoordinates{…} … already has that value."
#[tokio::test]
async fn a_unique_property_holds_a_value_once() {
    let world = World::new().await;
    let id = world.contact(json!({ "email": "ada@example.com", "hymnal_id": "H-1" })).await;
    let body = json!({ "properties": { "email": "bea@example.com", "hymnal_id": "h-1" } });
    let refused = world.client.post("/crm/v3/objects/contacts", &body).await;
    assert_eq!(refused.status, 400);
    assert!(refused.text("message").starts_with("Cannot set PropertyValueCoordinates{"), "{}", refused.body);
    assert!(refused.text("message").ends_with(&format!("{id} already has that value.")));
}

// Errors of form: invalid JSON and missing keys are 400, another content type 415, another method 405.
#[tokio::test]
async fn a_malformed_request_is_refused() {
    let world = World::new().await;
    let bad = world.client.send("POST", "/crm/v3/objects/contacts", Some("{\"properties\":")).await.unwrap();
    assert_eq!((bad.status, bad.text("category")), (400, "VALIDATION_ERROR".to_owned()));
    let flat = world.client.post("/crm/v3/objects/contacts", &json!({ "email": "ada@example.com" })).await;
    assert_eq!(flat.status, 400);
    assert_eq!(world.client.send("PUT", "/crm/v3/objects/contacts/7", Some("{}")).await.unwrap().status, 405);
    assert_eq!(world.client.send("POST", "/crm/v3/objects/contacts", None).await.unwrap().status, 415);
    assert_eq!(world.client.get("/crm/v9/anything").await.status, 404);
}
