use hymnal_sandbox::salesforce::{CustomField, DuplicateRule, FieldKind, ValidationRule};
use serde_json::{Value, json};

use crate::World;

/// A contact with one value is refused so.
#[track_caller]
fn refused(field: &str, value: &Value, code: &str, message: &str) {
    let answer = World::new().post("/sobjects/Contact", &json!({ "LastName": "Abel", field: value }));
    answer.refused(400, code);
    assert!(answer.message().contains(message), "{}", answer.message());
    if code != "JSON_PARSER_ERROR" && code != "INVALID_FIELD" {
        assert_eq!(answer.body[0]["fields"], json!([field]));
    }
}

/// A contact's value is stored so.
#[track_caller]
fn stored(field: &str, written: &Value, read: &Value) {
    let world = World::new();
    let id = world.made("Contact", &json!({ "LastName": "Abel", field: written }));
    assert_eq!(&world.held("Contact", &id, field), read, "{field} = {written}");
}

#[test]
fn what_is_required_is_named() {
    let world = World::new();
    let answer = world.post("/sobjects/Lead", &json!({ "FirstName": "A", "LastName": " " }));
    answer.refused(400, "REQUIRED_FIELD_MISSING");
    assert_eq!(answer.message(), "Required fields are missing: [LastName, Company]");
    assert_eq!(answer.body[0]["fields"], json!(["LastName", "Company"]));
    let id = world.contact("Abel");
    let answer = world.patch(&format!("/sobjects/Contact/{id}"), &json!({ "LastName": null }));
    answer.refused(400, "REQUIRED_FIELD_MISSING");
}

#[test]
fn text_is_trimmed_and_blank_text_is_null() {
    stored("FirstName", &json!("  Ada \n"), &json!("Ada"));
    stored("FirstName", &json!(" \t"), &Value::Null);
    stored("FirstName", &json!(""), &Value::Null);
    stored("FirstName", &json!("\u{a0}Ada"), &json!("\u{a0}Ada"));
}

#[test]
fn lengths_are_limits_not_advice() {
    stored("FirstName", &json!("x".repeat(40)), &json!("x".repeat(40)));
    stored("FirstName", &json!(format!(" {} ", "x".repeat(40))), &json!("x".repeat(40)));
    refused("FirstName", &json!("x".repeat(41)), "STRING_TOO_LONG", "First Name: data value too large: xxx");
    refused("FirstName", &json!("x".repeat(41)), "STRING_TOO_LONG", "(max length=40)");
    refused("FirstName", &json!("😀".repeat(21)), "STRING_TOO_LONG", "(max length=40)");
    refused("LastName", &json!("x".repeat(81)), "STRING_TOO_LONG", "(max length=80)");
    refused("Phone", &json!("1".repeat(41)), "STRING_TOO_LONG", "(max length=40)");
    refused("Email", &json!(format!("{}@example.com", "x".repeat(70))), "STRING_TOO_LONG", "(max length=80)");
    refused("Description", &json!("x".repeat(32_001)), "STRING_TOO_LONG", "(max length=32000)");
}

#[test]
fn email_addresses_are_checked_and_in_lower_case() {
    stored("Email", &json!("Ada.L+news@Example.ORG"), &json!("ada.l+news@example.org"));
    for address in [
        "ada",
        "ada@",
        "@example.com",
        "ada@localhost",
        "a b@example.com",
        "ada@exämple.com",
        ".a@example.com",
        "a..b@example.com",
        "ada@example.com.",
    ] {
        refused("Email", &json!(address), "INVALID_EMAIL_ADDRESS", &format!("Email: invalid email address: {address}"));
    }
}

#[test]
fn restricted_picklists_take_only_their_values() {
    stored("Stage__c", &json!("MQL"), &json!("MQL"));
    refused(
        "Stage__c",
        &json!("mql"),
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
        "Stage: bad value for restricted picklist field: mql",
    );
    stored("LeadSource", &json!("Anything"), &json!("Anything"));
}

#[test]
fn several_choices_come_back_in_the_picklist_s_order() {
    stored("Interests__c", &json!("Pricing;Events;Events"), &json!("Events;Pricing"));
    refused("Interests__c", &json!("Events;Golf"), "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "Golf");
}

#[test]
fn numbers_are_rounded_to_their_scale() {
    stored("Lead_Score__c", &json!(7.6), &json!(8.0));
    stored("Lead_Score__c", &json!(7), &json!(7.0));
    stored("Lead_Score__c", &Value::Null, &Value::Null);
}

#[test]
fn values_must_be_of_the_field_s_type() {
    for (field, value, message) in [
        ("FirstName", json!(5), "Cannot deserialize instance of string from VALUE_NUMBER_INT value 5"),
        ("FirstName", json!(["a"]), "Cannot deserialize instance of string from START_ARRAY"),
        ("HasOptedOutOfEmail", json!("yes"), "Cannot deserialize instance of boolean from VALUE_STRING value yes"),
        ("Lead_Score__c", json!("seven"), "Cannot deserialize instance of double"),
        ("Birthdate", json!("31.01.2020"), "Cannot deserialize instance of date"),
        ("Birthdate", json!("2020-02-30"), "Cannot deserialize instance of date"),
    ] {
        refused(field, &value, "JSON_PARSER_ERROR", message);
    }
    refused("HasOptedOutOfEmail", &Value::Null, "INVALID_TYPE_ON_FIELD_IN_RECORD", "");
    refused("Birthdate", &json!("1600-01-01"), "NUMBER_OUTSIDE_VALID_RANGE", "");
    stored("Birthdate", &json!("1815-12-10"), &json!("1815-12-10"));
}

#[test]
fn unknown_and_read_only_fields_are_refused_each_in_its_way() {
    refused("Nope__c", &json!(1), "INVALID_FIELD", "No such column 'Nope__c' on sobject of type Contact");
    for field in ["Name", "SystemModstamp", "CreatedDate", "IsDeleted", "MailingAddress"] {
        let value = match field {
            "IsDeleted" => json!(true),
            "Name" => json!("Ada"),
            "MailingAddress" => json!({ "city": "Leeds" }),
            _ => json!("2020-01-01T00:00:00Z"),
        };
        refused(field, &value, "INVALID_FIELD_FOR_INSERT_UPDATE", &format!("Unable to create/update fields: {field}."));
    }
}

#[test]
fn an_id_belongs_into_the_address_only() {
    let world = World::new();
    let answer = world.post("/sobjects/Contact", &json!({ "Id": "003000000000001", "LastName": "A" }));
    answer.refused(400, "INVALID_FIELD_FOR_INSERT_UPDATE");
    let id = world.contact("Abel");
    let answer = world.patch(&format!("/sobjects/Contact/{id}"), &json!({ "Id": id, "LastName": "A" }));
    answer.refused(400, "INVALID_FIELD");
    assert_eq!(answer.message(), "The Id field should not be specified in the sobject data.");
}

#[test]
fn field_names_and_ids_are_taken_in_any_form() {
    let world = World::new();
    let id = world.made("Contact", &json!({ "lastname": "Abel" }));
    assert_eq!(id.len(), 18);
    let answer = world.patch(&format!("/sobjects/contact/{}", &id[..15]), &json!({ "FIRSTNAME": "Ada" }));
    assert_eq!((answer.status, answer.body), (204, json!("")));
    let read = world.get(&format!("/sobjects/Contact/{}?fields=firstname,Name", &id[..15]));
    assert_eq!((&read.body["FirstName"], &read.body["Name"]), (&json!("Ada"), &json!("Ada Abel")));
}

#[test]
fn records_that_are_not_there() {
    let world = World::new();
    let id = world.contact("Abel");
    let path = format!("/sobjects/Contact/{id}");
    assert_eq!(world.delete(&path).status, 204);
    world.get(&path).refused(404, "ENTITY_IS_DELETED");
    world.patch(&path, &json!({ "FirstName": "A" })).refused(404, "ENTITY_IS_DELETED");
    world.delete(&path).refused(404, "ENTITY_IS_DELETED");
    world.get("/sobjects/Contact/003000000000001").refused(404, "NOT_FOUND");
    world.patch("/sobjects/Contact/003000000000001", &json!({})).refused(404, "NOT_FOUND");
    world.get("/sobjects/Contact/xyz").refused(400, "MALFORMED_ID");
    let lead = world.lead("Baker");
    world.patch(&format!("/sobjects/Contact/{lead}"), &json!({})).refused(400, "MALFORMED_ID");
    world.get(&format!("/sobjects/Lead/{lead}?fields=Nope")).refused(400, "INVALID_FIELD");
}

#[test]
fn every_write_moves_the_time_of_change_even_one_that_changes_nothing() {
    let world = World::new();
    let id = world.contact("Abel");
    world.pass(5);
    world.patch(&format!("/sobjects/Contact/{id}"), &json!({ "LastName": "Abel" }));
    assert_eq!(world.held("Contact", &id, "SystemModstamp"), "2026-03-01T12:00:05.000+0000");
    assert_eq!(world.held("Contact", &id, "CreatedDate"), "2026-03-01T12:00:00.000+0000");
}

#[test]
fn unique_fields_hold_a_value_once_without_regard_to_case() {
    let world = World::new();
    let first = world.made("Lead", &json!({ "LastName": "A", "Company": "C", "Hymnal_Id__c": "h-1" }));
    let answer = world.post("/sobjects/Lead", &json!({ "LastName": "B", "Company": "C", "Hymnal_Id__c": "H-1" }));
    answer.refused(400, "DUPLICATE_VALUE");
    assert_eq!(
        answer.message(),
        format!("duplicate value found: Hymnal_Id__c duplicates value on record with id: {first}")
    );
    world.delete(&format!("/sobjects/Lead/{first}"));
    world.made("Lead", &json!({ "LastName": "B", "Company": "C", "Hymnal_Id__c": "H-1" }));
}

#[test]
fn upsert_by_external_id_makes_then_changes() {
    let world = World::new();
    let path = "/sobjects/Contact/Hymnal_Id__c/h%2F1";
    let made = world.patch(path, &json!({ "LastName": "Abel" }));
    assert_eq!((made.status, &made.body["created"]), (201, &json!(true)));
    let changed = world.patch(path, &json!({ "FirstName": "Ada" }));
    assert_eq!((changed.status, &changed.body["created"]), (200, &json!(false)));
    assert_eq!(changed.body["id"], made.body["id"]);
    assert_eq!(world.get(path).body["Hymnal_Id__c"], "h/1");
    assert_eq!(world.get(path).body["FirstName"], "Ada");
    world.get("/sobjects/Contact/Hymnal_Id__c/none").refused(404, "NOT_FOUND");
    world.patch("/sobjects/Contact/LastName/Abel", &json!({})).refused(404, "NOT_FOUND");
    world.patch(&format!("{path}2?updateOnly=true"), &json!({ "LastName": "B" })).refused(404, "NOT_FOUND");
    world.patch(path, &json!({ "Hymnal_Id__c": "h/1" })).refused(400, "INVALID_FIELD");
}

#[test]
fn an_external_id_that_several_records_have_is_300() {
    let field =
        CustomField { external_id: true, ..CustomField::new("Contact", "Legacy__c", "Legacy", FieldKind::Text(20)) };
    let world = World::with(|options| options.custom_fields.push(field));
    let ids: Vec<String> =
        ["A", "B"].map(|name| world.made("Contact", &json!({ "LastName": name, "Legacy__c": "7" }))).into();
    let answer = world.patch("/sobjects/Contact/Legacy__c/7", &json!({ "FirstName": "x" }));
    let urls: Vec<String> = ids.iter().map(|id| format!("/services/data/v60.0/sobjects/Contact/{id}")).collect();
    assert_eq!((answer.status, answer.body), (300, json!(urls)));
}

#[test]
fn references_must_lead_somewhere() {
    refused("OwnerId", &json!("nobody"), "MALFORMED_ID", "Owner ID: id value of incorrect type: nobody");
    refused("OwnerId", &json!("003000000000001"), "MALFORMED_ID", "id value of incorrect type");
    refused("OwnerId", &json!("005000000000001"), "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id");
}

#[test]
fn bodies_must_be_json_objects() {
    let world = World::new();
    let bearer = format!("Bearer {}", world.token);
    let send = |kind: &str, body: &str| {
        world.send("POST", "/sobjects/Contact", &[("Authorization", &bearer), ("Content-Type", kind)], body)
    };
    send("application/json", "{").refused(400, "JSON_PARSER_ERROR");
    send("application/json", "[]").refused(400, "JSON_PARSER_ERROR");
    send("application/json", "").refused(400, "JSON_PARSER_ERROR");
    send("text/plain", "{}").refused(415, "UNSUPPORTED_MEDIA_TYPE");
}

#[test]
fn a_write_may_depend_on_the_time_of_change() {
    let world = World::new();
    let path = format!("/sobjects/Contact/{}", world.contact("Abel"));
    let body = json!({ "FirstName": "Ada" });
    let write = |since: &str| world.ask("PATCH", &path, &[("If-Unmodified-Since", since)], &body);
    write("Sun, 01 Mar 2026 11:59:59 GMT").refused(412, "PRECONDITION_FAILED");
    assert_eq!(write("Sun, 01 Mar 2026 12:00:00 GMT").status, 204);
    assert_eq!(write("yesterday").status, 400);
}

#[test]
fn duplicate_rules_refuse_unless_they_only_warn_and_are_overridden() {
    let rule = |alert| DuplicateRule { object: "Contact".into(), fields: vec!["Email".into()], alert };
    for (alert, overridden) in [(true, 201), (false, 400)] {
        let world = World::with(|options| options.duplicate_rules.push(rule(alert)));
        let body = json!({ "LastName": "A", "Email": "a@example.com" });
        world.made("Contact", &body);
        world.post("/sobjects/Contact", &body).refused(400, "DUPLICATES_DETECTED");
        let header = ("Sforce-Duplicate-Rule-Header", "allowSave=true; includeRecordDetails=false");
        assert_eq!(world.ask("POST", "/sobjects/Contact", &[header], &body).status, overridden);
        world.made("Contact", &json!({ "LastName": "No address" }));
        world.made("Contact", &json!({ "LastName": "No address" }));
    }
}

#[test]
fn validation_rules_speak_in_their_own_words() {
    let rule = ValidationRule {
        object: "Contact".into(),
        field: "Title".into(),
        value: "King".into(),
        message: "No kings here".into(),
    };
    let world = World::with(|options| options.validation_rules.push(rule));
    let answer = world.post("/sobjects/Contact", &json!({ "LastName": "A", "Title": "king" }));
    answer.refused(400, "FIELD_CUSTOM_VALIDATION_EXCEPTION");
    assert_eq!((answer.message(), &answer.body[0]["fields"]), ("No kings here", &json!(["Title"])));
}

#[test]
fn leads_are_assigned_by_rule_unless_the_header_says_no() {
    let world = World::with(|options| options.assignment_rule = Some(options.users[2].id.clone()));
    let noor = world.query("SELECT Id FROM User WHERE Name = 'Noor Haddad'").body["records"][0]["Id"].clone();
    let id = world.lead("Ruled");
    assert_eq!(world.held("Lead", &id, "OwnerId"), noor);
    let body = json!({ "LastName": "Free", "Company": "C" });
    let off = [("Sforce-Auto-Assign", "FALSE")];
    let free = world.ask("POST", "/sobjects/Lead", &off, &body).body["id"].as_str().unwrap().to_owned();
    assert_ne!(world.held("Lead", &free, "OwnerId"), noor);
    let path = format!("/sobjects/Lead/{free}");
    assert_eq!(world.ask("PATCH", &path, &off, &json!({ "FirstName": "x" })).status, 204);
    assert_ne!(world.held("Lead", &free, "OwnerId"), noor);
    world.patch(&path, &json!({ "FirstName": "y" }));
    assert_eq!(world.held("Lead", &free, "OwnerId"), noor, "an update without the header re-routes the lead");
}

#[test]
fn a_converted_status_comes_by_conversion_only() {
    let world = World::new();
    let path = format!("/sobjects/Lead/{}", world.lead("Abel"));
    world.patch(&path, &json!({ "Status": "Qualified" })).refused(400, "INVALID_STATUS");
    assert_eq!(world.patch(&path, &json!({ "Status": "Working" })).status, 204);
}

#[test]
fn a_row_that_another_transaction_holds_is_refused_for_a_while() {
    let world = World::new();
    let id = world.contact("Abel");
    world.org.hold_row(&id, 1);
    let path = format!("/sobjects/Contact/{id}");
    world.patch(&path, &json!({ "FirstName": "Ada" })).refused(400, "UNABLE_TO_LOCK_ROW");
    assert_eq!(world.patch(&path, &json!({ "FirstName": "Ada" })).status, 204);
}

#[test]
fn a_record_that_may_not_be_seen_may_not_be_changed() {
    let world = World::new();
    let id = world.contact("Abel");
    world.account.lock().hidden.insert(hymnal_sdk::Address::new("Contact", id.as_str()));
    let path = format!("/sobjects/Contact/{id}");
    world.patch(&path, &json!({ "FirstName": "Ada" })).refused(403, "INSUFFICIENT_ACCESS_OR_READONLY");
    world.delete(&path).refused(403, "INSUFFICIENT_ACCESS_OR_READONLY");
}

#[test]
fn what_is_not_writable_at_all() {
    let answer = World::new().post("/sobjects/User", &json!({}));
    answer.refused(400, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY");
}
