use hymnal_sandbox::salesforce::{CustomField, FieldKind};
use serde_json::{Value, json};

use crate::World;

fn field(world: &World, object: &str, name: &str) -> Value {
    let describe = world.get(&format!("/sobjects/{object}/describe")).body;
    let fields = describe["fields"].as_array().unwrap();
    fields.iter().find(|field| field["name"] == name).cloned().unwrap_or(Value::Null)
}

#[track_caller]
fn says(field: &Value, expected: &Value) {
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(&field[key], value, "{key} of {}", field["name"]);
    }
}

#[test]
fn fields_have_the_service_s_types_and_lengths() {
    let world = World::new();
    let cases = [
        ("Lead", "LastName", json!({ "type": "string", "length": 80, "nillable": false, "createable": true })),
        ("Lead", "Company", json!({ "type": "string", "length": 255, "nillable": false, "defaultedOnCreate": false })),
        ("Contact", "FirstName", json!({ "length": 40, "nillable": true, "compoundFieldName": "Name" })),
        ("Contact", "Email", json!({ "type": "email", "length": 80, "idLookup": true })),
        ("Contact", "Phone", json!({ "type": "phone", "length": 40 })),
        ("Contact", "Description", json!({ "type": "textarea", "length": 32_000, "filterable": false })),
        ("Contact", "Name", json!({ "createable": false, "updateable": false })),
        ("Contact", "MailingAddress", json!({ "type": "address", "updateable": false })),
        ("Contact", "SystemModstamp", json!({ "type": "datetime", "createable": false, "nillable": false })),
        ("Contact", "OwnerId", json!({ "type": "reference", "referenceTo": ["User"], "defaultedOnCreate": true })),
        ("Contact", "HasOptedOutOfEmail", json!({ "type": "boolean", "nillable": false, "defaultedOnCreate": true })),
        ("Contact", "Hymnal_Id__c", json!({ "externalId": true, "unique": true, "custom": true, "idLookup": true })),
        ("Lead", "Interests__c", json!({ "type": "multipicklist", "restrictedPicklist": true, "sortable": false })),
        ("Lead", "Lead_Score__c", json!({ "type": "double", "precision": 18, "scale": 0 })),
    ];
    for (object, name, expected) in cases {
        says(&field(&world, object, name), &expected);
    }
}

#[test]
fn a_picklist_tells_its_values_and_its_default() {
    let status = field(&World::new(), "Lead", "Status");
    says(&status, &json!({ "restrictedPicklist": true, "nillable": false, "defaultedOnCreate": true }));
    let first = json!({ "active": true, "defaultValue": true, "label": "New", "validFor": null, "value": "New" });
    assert_eq!(status["picklistValues"][0], first);
}

#[test]
fn an_administrator_adds_locks_and_hides_fields() {
    let world = World::new();
    world.org.reconfigure(|options| {
        options.custom_fields.push(CustomField::new("Contact", "Rank__c", "Rank", FieldKind::Int));
        options.locked_fields.push(("Contact".into(), "Title".into()));
        options.hidden_fields.push(("Contact".into(), "Fax".into()));
    });
    says(&field(&world, "Contact", "Rank__c"), &json!({ "type": "int", "label": "Rank" }));
    says(&field(&world, "Contact", "Title"), &json!({ "createable": false, "updateable": false }));
    assert_eq!(field(&world, "Contact", "Fax"), Value::Null);
}

#[test]
fn unknown_objects_and_resources_are_not_found() {
    let world = World::new();
    for path in ["/sobjects/Nope/describe", "/sobjects/Nope", "/nothing", "/composite/sobjects/Nope"] {
        world.get(path).refused(404, "NOT_FOUND");
    }
    world.ask("PUT", "/sobjects/Lead/describe", &[], &Value::Null).refused(405, "METHOD_NOT_ALLOWED");
    assert_eq!(world.get("/sobjects").body["sobjects"][2]["keyPrefix"], "00Q");
}

#[test]
fn lead_statuses_say_which_of_them_means_converted() {
    let answer = World::new().query("SELECT MasterLabel FROM LeadStatus WHERE IsConverted = true");
    assert_eq!(answer.body["records"][0]["MasterLabel"], "Qualified");
}
