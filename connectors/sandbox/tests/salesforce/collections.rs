use serde_json::{Value, json};

use crate::World;

const PATH: &str = "/composite/sobjects";

fn contact(fields: &Value) -> Value {
    let mut record = json!({ "attributes": { "type": "Contact" } });
    record.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    record
}

fn codes(results: &Value) -> Vec<&str> {
    let code = |result: &Value| match result["success"] {
        Value::Bool(true) => "ok".to_owned(),
        _ => result["errors"][0]["statusCode"].as_str().unwrap().to_owned(),
    };
    results.as_array().unwrap().iter().map(|result| &*code(result).leak()).collect()
}

#[test]
fn each_record_has_its_own_result_in_order_and_the_answer_is_200() {
    let world = World::new();
    let records = json!({ "records": [
        contact(&json!({ "LastName": "Abel" })),
        contact(&json!({ "FirstName": "Nameless" })),
        contact(&json!({ "LastName": "Baker", "Email": "nonsense" })),
        { "attributes": { "type": "Lead" }, "LastName": "Carol", "Company": "C" },
    ] });
    let answer = world.post(PATH, &records);
    assert_eq!(answer.status, 200);
    assert_eq!(codes(&answer.body), ["ok", "REQUIRED_FIELD_MISSING", "INVALID_EMAIL_ADDRESS", "ok"]);
    let failed = json!({
        "success": false,
        "errors": [{
            "statusCode": "REQUIRED_FIELD_MISSING",
            "message": "Required fields are missing: [LastName]",
            "fields": ["LastName"],
        }],
    });
    assert_eq!(answer.body[1], failed);
    assert!(answer.body[3]["id"].as_str().unwrap().starts_with("00Q"));
    assert_eq!(world.query("SELECT Id FROM Contact").body["totalSize"], 1);
}

#[test]
fn all_or_none_rolls_back_what_was_saved() {
    let world = World::new();
    let bad = json!({ "allOrNone": true, "records": [
        contact(&json!({ "LastName": "Abel" })),
        contact(&json!({})),
    ] });
    let answer = world.post(PATH, &bad);
    assert_eq!(codes(&answer.body), ["ALL_OR_NONE_OPERATION_ROLLED_BACK", "REQUIRED_FIELD_MISSING"]);
    assert_eq!(world.query("SELECT Id FROM Contact").body["totalSize"], 0);
}

#[test]
fn updates_name_their_records() {
    let world = World::new();
    let (first, gone) = (world.contact("Abel"), world.contact("Gone"));
    world.delete(&format!("/sobjects/Contact/{gone}"));
    let lead = world.lead("Lead");
    let answer = world.patch(
        PATH,
        &json!({ "records": [
        contact(&json!({ "id": first, "FirstName": "Ada" })),
        contact(&json!({ "FirstName": "No id" })),
        contact(&json!({ "Id": gone, "FirstName": "x" })),
        contact(&json!({ "Id": "003000000000001", "FirstName": "x" })),
        contact(&json!({ "Id": lead, "FirstName": "x" })),
        contact(&json!({ "Id": &first[..15], "FirstName": "Twice" })),
    ] }),
    );
    let expected = [
        "ok",
        "MISSING_ARGUMENT",
        "ENTITY_IS_DELETED",
        "INVALID_CROSS_REFERENCE_KEY",
        "MALFORMED_ID",
        "DUPLICATE_VALUE",
    ];
    assert_eq!(codes(&answer.body), expected);
    assert_eq!(answer.body[0], json!({ "id": first, "success": true, "errors": [] }));
    let wrong = format!("Contact ID: id value of incorrect type: {lead}");
    assert_eq!(answer.body[4]["errors"][0]["message"], wrong);
    assert_eq!(world.held("Contact", &first, "FirstName"), "Ada");
}

#[test]
fn upserts_tell_what_they_made() {
    let world = World::new();
    let path = format!("{PATH}/Contact/Hymnal_Id__c");
    let records = json!({ "records": [
        contact(&json!({ "Hymnal_Id__c": "h1", "LastName": "Abel" })),
        contact(&json!({ "Hymnal_Id__c": "h2" })),
        contact(&json!({ "LastName": "No key" })),
        contact(&json!({ "Hymnal_Id__c": "H1", "LastName": "Twice" })),
        contact(&json!({ "Hymnal_Id__c": "h3", "LastName": "With id", "Id": "003000000000001" })),
    ] });
    let answer = world.patch(&path, &records);
    let expected = ["ok", "REQUIRED_FIELD_MISSING", "MISSING_ARGUMENT", "DUPLICATE_VALUE", "INVALID_FIELD"];
    assert_eq!(codes(&answer.body), expected);
    assert_eq!((&answer.body[0]["created"], &answer.body[1]["created"]), (&json!(true), &json!(false)));
    let again =
        world.patch(&path, &json!({ "records": [contact(&json!({ "Hymnal_Id__c": "h1", "FirstName": "Ada" }))] }));
    assert_eq!((&again.body[0]["id"], &again.body[0]["created"]), (&answer.body[0]["id"], &json!(false)));
    world.patch(&format!("{PATH}/Contact/LastName"), &records).refused(404, "NOT_FOUND");
    world.patch(&format!("{PATH}/Lead/Hymnal_Id__c"), &records).refused(400, "INVALID_INPUT");
}

#[test]
fn what_is_not_well_formed_is_refused_as_a_whole() {
    let world = World::new();
    let good = contact(&json!({ "LastName": "Abel" }));
    for (body, code) in [
        (json!({ "records": vec![good.clone(); 201] }), "EXCEEDED_ID_LIMIT"),
        (json!({ "records": [] }), "INVALID_INPUT"),
        (json!({}), "JSON_PARSER_ERROR"),
        (json!({ "records": [good], "surprise": 1 }), "JSON_PARSER_ERROR"),
        (json!({ "records": [good, { "LastName": "No type" }] }), "INVALID_INPUT"),
        (json!({ "records": [{ "attributes": { "type": "Nope" } }] }), "INVALID_TYPE"),
        (json!({ "records": [good, contact(&json!({ "Nope": 1 }))] }), "INVALID_FIELD"),
        (json!({ "records": [good, contact(&json!({ "LastName": 1 }))] }), "JSON_PARSER_ERROR"),
    ] {
        world.post(PATH, &body).refused(400, code);
    }
    assert_eq!(world.query("SELECT Id FROM Contact").body["totalSize"], 0, "nothing was saved");
    let answer = world.post(PATH, &json!({ "records": vec![good; 200] }));
    assert_eq!((answer.status, answer.body.as_array().unwrap().len()), (200, 200));
}

#[test]
fn types_alternate_at_most_ten_times() {
    let world = World::new();
    let lead = json!({ "attributes": { "type": "Lead" }, "LastName": "L", "Company": "C" });
    let mixed = |pairs: usize| -> Vec<Value> {
        (0..pairs).flat_map(|_| [contact(&json!({ "LastName": "A" })), lead.clone()]).collect()
    };
    assert_eq!(world.post(PATH, &json!({ "records": mixed(5) })).status, 200);
    world.post(PATH, &json!({ "records": mixed(6) })).refused(400, "INVALID_INPUT");
}

#[test]
fn an_id_in_a_create_is_refused_for_its_record() {
    let world = World::new();
    let record = contact(&json!({ "Id": "003000000000001", "LastName": "Abel" }));
    let answer = world.post(PATH, &json!({ "records": [record] }));
    assert_eq!(codes(&answer.body), ["INVALID_FIELD_FOR_INSERT_UPDATE"]);
}

#[test]
fn reads_by_id_answer_null_for_what_is_not_visible() {
    let world = World::new();
    let (first, gone, hidden) = (world.contact("Abel"), world.contact("Gone"), world.contact("Hidden"));
    world.delete(&format!("/sobjects/Contact/{gone}"));
    world.account.lock().hidden.insert(hymnal_sdk::Address::new("Contact", hidden.as_str()));
    let ids = json!([gone, &first[..15], "nonsense", world.lead("Lead"), hidden, first]);
    let answer = world.post(&format!("{PATH}/Contact"), &json!({ "ids": ids, "fields": ["id", "LASTNAME"] }));
    assert_eq!(answer.status, 200);
    let url = format!("/services/data/v60.0/sobjects/Contact/{first}");
    let abel = json!({ "attributes": { "type": "Contact", "url": url }, "Id": first, "LastName": "Abel" });
    assert_eq!(answer.body, json!([null, abel, null, null, null, abel]));
    let by_address = world.get(&format!("{PATH}/Contact?ids={first}&fields=LastName"));
    assert_eq!(by_address.body[0]["LastName"], "Abel");
}

#[test]
fn reads_by_id_fail_as_a_whole_for_a_field_that_is_not_there() {
    let world = World::new();
    let id = world.contact("Abel");
    let path = format!("{PATH}/Contact");
    world.post(&path, &json!({ "ids": [id], "fields": ["Id", "Nope"] })).refused(400, "INVALID_FIELD");
    world.post(&path, &json!({ "ids": [id], "fields": [] })).refused(400, "MISSING_ARGUMENT");
    world.post(&path, &json!({ "ids": vec![&id; 2_001], "fields": ["Id"] })).refused(400, "EXCEEDED_ID_LIMIT");
    assert_eq!(world.post(&path, &json!({ "ids": vec![&id; 2_000], "fields": ["Id"] })).status, 200);
}

#[test]
fn deletes_take_their_ids_from_the_address() {
    let world = World::new();
    let (first, second) = (world.contact("A"), world.lead("B"));
    let answer = world.delete(&format!("{PATH}?ids={first},{second},{first},nonsense"));
    assert_eq!(answer.status, 200);
    assert_eq!(codes(&answer.body), ["ok", "ok", "ENTITY_IS_DELETED", "MALFORMED_ID"]);
    world.delete(PATH).refused(400, "MISSING_ARGUMENT");
    let many = vec![first.as_str(); 201].join(",");
    world.delete(&format!("{PATH}?ids={many}")).refused(400, "EXCEEDED_ID_LIMIT");
    let third = world.contact("C");
    let answer = world.delete(&format!("{PATH}?allOrNone=true&ids={third},{first}"));
    assert_eq!(codes(&answer.body), ["ALL_OR_NONE_OPERATION_ROLLED_BACK", "ENTITY_IS_DELETED"]);
    assert_eq!(world.get(&format!("/sobjects/Contact/{third}")).status, 200);
}

#[test]
fn a_held_row_fails_alone() {
    let world = World::new();
    let (held, free) = (world.contact("Held"), world.contact("Free"));
    world.org.hold_row(&held, 1);
    let records = json!({ "records": [
        contact(&json!({ "Id": held, "FirstName": "x" })),
        contact(&json!({ "Id": free, "FirstName": "x" })),
    ] });
    assert_eq!(codes(&world.patch(PATH, &records).body), ["UNABLE_TO_LOCK_ROW", "ok"]);
    assert_eq!(codes(&world.patch(PATH, &records).body), ["ok", "ok"]);
}
