use serde_json::{Value, json};

use crate::World;

// Properties reference, "Read all properties": name, type, fieldType, options, hasUniqueValue, calculated,
// modificationMetadata.readOnlyValue.
#[tokio::test]
async fn the_schema_tells_what_writes_enforce() {
    let world = World::new().await;
    let all = world.client.get("/crm/v3/properties/contacts").await;
    let all = all.body["results"].as_array().unwrap();
    let of = |name: &str| -> &Value { all.iter().find(|property| property["name"] == name).unwrap() };
    assert_eq!((&of("phone")["type"], &of("phone")["fieldType"]), (&json!("string"), &json!("phonenumber")));
    assert_eq!((&of("interests")["type"], &of("interests")["fieldType"]), (&json!("enumeration"), &json!("checkbox")));
    assert_eq!(of("lifecyclestage")["options"][0]["value"], "subscriber");
    assert_eq!(of("hubspotscore")["calculated"], true);
    for name in ["hubspotscore", "hs_email_optout", "lastmodifieddate", "hs_object_id"] {
        assert_eq!(of(name)["modificationMetadata"]["readOnlyValue"], true, "{name}");
    }
    assert_eq!(of("firstname")["modificationMetadata"]["readOnlyValue"], false);
    assert_eq!(of("hymnal_id")["hasUniqueValue"], true);
    assert_eq!(of("hubspot_owner_id")["referencedObjectType"], "OWNER");
    let one = world.client.get("/crm/v3/properties/0-1/email").await;
    assert_eq!((one.status, one.text("name")), (200, "email".to_owned()));
    assert_eq!(world.client.get("/crm/v3/properties/contacts/shoe_size").await.status, 404);
}

#[tokio::test]
async fn a_property_can_vanish() {
    let world = World::new().await;
    let id = world.contact(json!({ "email": "ada@example.com", "city": "Boise" })).await;
    world
        .running
        .sandbox
        .hubspot()
        .reconfigure(|options| options.properties.retain(|property| property.name != "city"));
    let read = world.get(&id, "city").await;
    assert_eq!(read.body["properties"].get("city"), None, "left out, not null");
    assert_eq!(world.patch(&id, json!({ "city": "Miami" })).await.text("errors.0.code"), "PROPERTY_DOESNT_EXIST");
}

// Account information API; Owners reference.
#[tokio::test]
async fn the_account_tells_its_id_and_its_owners() {
    let world = World::new().await;
    let details = world.client.get("/account-info/v3/details").await;
    assert_eq!(details.body["portalId"], 4_711_001);
    assert_eq!(details.text("timeZone"), "UTC");
    let owners = world.client.get("/crm/v3/owners?email=Noor.Haddad@example.com").await;
    assert_eq!(owners.ids(), ["71000002"]);
    let first = world.client.get("/crm/v3/owners?limit=2").await;
    let after = first.text("paging.next.after");
    assert_eq!(world.client.get(&format!("/crm/v3/owners?limit=2&after={after}")).await.ids(), ["71000003"]);
}
