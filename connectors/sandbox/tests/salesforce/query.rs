use serde_json::{Value, json};

use crate::World;

fn names(body: &Value) -> Vec<&str> {
    body["records"].as_array().unwrap().iter().map(|record| record["LastName"].as_str().unwrap()).collect()
}

#[test]
fn a_record_says_what_it_is_and_writes_times_with_milliseconds() {
    let world = World::new();
    let id = world.made("Lead", &json!({ "LastName": "Abel", "Company": "Acme", "Lead_Score__c": 7 }));
    let answer = world.query("select id, lastname, Email, Lead_Score__c, SystemModstamp, Owner.Name FROM lead");
    assert_eq!(answer.status, 200);
    let expected = json!({
        "totalSize": 1,
        "done": true,
        "records": [{
            "attributes": { "type": "Lead", "url": format!("/services/data/v60.0/sobjects/Lead/{id}") },
            "Id": id,
            "LastName": "Abel",
            "Email": null,
            "Lead_Score__c": 7.0,
            "SystemModstamp": "2026-03-01T12:00:00.000+0000",
            "Owner": {
                "attributes": { "type": "User", "url": format!("/services/data/v60.0/sobjects/User/{}", owner(&world, &id)) },
                "Name": "Hymnal Integration",
            },
        }],
    });
    assert_eq!(answer.body, expected);
}

fn owner(world: &World, id: &str) -> String {
    world.held("Lead", id, "OwnerId").as_str().unwrap().to_owned()
}

#[test]
fn a_compound_address_is_an_object_and_null_where_all_is_blank() {
    let world = World::new();
    let id = world.contact("Abel");
    assert_eq!(world.held("Contact", &id, "MailingAddress"), Value::Null);
    world.patch(&format!("/sobjects/Contact/{id}"), &json!({ "MailingCity": "Leeds" }));
    let address = world.held("Contact", &id, "MailingAddress");
    assert_eq!((&address["city"], &address["street"]), (&json!("Leeds"), &Value::Null));
}

#[test]
fn pages_are_followed_by_locator() {
    let world = World::with(|options| options.page_size = 3);
    world.people("Contact", 7);
    let first = world.query("SELECT Id, LastName FROM Contact ORDER BY LastName").body;
    assert_eq!((first["totalSize"].clone(), first["done"].clone()), (json!(7), json!(false)));
    let second = world.get(first["nextRecordsUrl"].as_str().unwrap()).body;
    let third = world.get(second["nextRecordsUrl"].as_str().unwrap()).body;
    assert_eq!(third["done"], true);
    assert!(third.get("nextRecordsUrl").is_none());
    let all = [names(&first), names(&second), names(&third)].concat();
    assert_eq!(all, (0..7).map(|n| format!("Person {n:05}")).collect::<Vec<_>>());
    let again = world.get(first["nextRecordsUrl"].as_str().unwrap()).body;
    assert_eq!(names(&again), names(&second), "a page can be read twice");
}

#[test]
fn the_rows_of_a_query_are_settled_by_its_first_page() {
    let world = World::with(|options| options.page_size = 2);
    let ids = world.people("Contact", 4);
    let first = world.query("SELECT Id, LastName FROM Contact ORDER BY LastName").body;
    world.contact("Person 000025");
    world.delete(&format!("/sobjects/Contact/{}", ids[2]));
    let second = world.get(first["nextRecordsUrl"].as_str().unwrap()).body;
    assert_eq!(names(&second), ["Person 00003"], "neither the new row nor the deleted one");
}

#[test]
fn the_batch_size_is_between_200_and_2000() {
    let world = World::new();
    world.people("Contact", 2_100);
    let count = |header: &str| {
        let path = "/query?q=SELECT+Id+FROM+Contact";
        let answer = world.ask("GET", path, &[("Sforce-Query-Options", header)], &Value::Null);
        answer.body["records"].as_array().unwrap().len()
    };
    assert_eq!(count("batchSize=200"), 200);
    assert_eq!(count("batchSize=7"), 200);
    assert_eq!(count("batchSize=9999"), 2_000);
    assert_eq!(count(""), 2_000);
}

#[test]
fn a_locator_ends() {
    let mut world = World::with(|options| options.page_size = 1);
    world.people("Contact", 2);
    let next = world.query("SELECT Id FROM Contact").body["nextRecordsUrl"].as_str().unwrap().to_owned();
    assert_eq!(world.get(&next).status, 200);
    world.get("/query/01g000000000000AAA-1").refused(400, "INVALID_QUERY_LOCATOR");
    world.get("/query/nonsense").refused(400, "INVALID_QUERY_LOCATOR");
    world.pass(48 * 3_600);
    world.log_in();
    world.get(&next).refused(400, "INVALID_QUERY_LOCATOR");
}

#[test]
fn deleted_rows_are_in_query_all_until_they_are_purged() {
    let world = World::new();
    let id = world.contact("Abel");
    assert_eq!(world.delete(&format!("/sobjects/Contact/{id}")).status, 204);
    let statement = "SELECT Id, IsDeleted, MasterRecordId, SystemModstamp FROM Contact WHERE IsDeleted = true";
    assert_eq!(world.query(statement).body["totalSize"], 0);
    let record = world.query_all(statement).body["records"][0].clone();
    assert_eq!((&record["IsDeleted"], &record["MasterRecordId"]), (&json!(true), &Value::Null));
    hymnal_sandbox::salesforce::purge(&world.org, &id).unwrap();
    assert_eq!(world.query_all(statement).body["totalSize"], 0);
}

#[test]
fn a_plus_that_was_not_encoded_is_a_space() {
    let world = World::new();
    let path = "/query?q=SELECT+Id+FROM+Lead+WHERE+CreatedDate>2013-12-01T12:00:00+00:00";
    let answer = world.get(&path.replace('>', "%3E"));
    answer.refused(400, "MALFORMED_QUERY");
    assert!(answer.message().contains("no viable alternative at character ' '"), "{}", answer.message());
}

#[test]
fn refusals_show_the_place() {
    let answer = World::new().query("SELECT Nope FROM Lead");
    answer.refused(400, "INVALID_FIELD");
    assert!(
        answer.message().contains("SELECT Nope FROM Lead\n       ^\nERROR at Row:1:Column:8\n"),
        "{}",
        answer.message()
    );
    assert!(answer.body[0].get("fields").is_none());
}

#[test]
fn a_count_has_no_records() {
    let world = World::new();
    world.people("Contact", 3);
    assert_eq!(world.query("SELECT COUNT() FROM Contact").body, json!({ "totalSize": 3, "done": true, "records": [] }));
}

#[test]
fn field_level_security_makes_a_field_unknown() {
    let world = World::new();
    let id = world.contact("Abel");
    world.org.reconfigure(|options| options.hidden_fields.push(("Contact".into(), "Phone".into())));
    world.query("SELECT Phone FROM Contact").refused(400, "INVALID_FIELD");
    assert!(world.get(&format!("/sobjects/Contact/{id}")).body.get("Phone").is_none());
    world.patch(&format!("/sobjects/Contact/{id}"), &json!({ "Phone": "1" })).refused(400, "INVALID_FIELD");
}

#[test]
fn hidden_and_late_records_follow_the_account() {
    let world = World::new();
    let (hidden, late) = (world.contact("Hidden"), world.contact("Late"));
    let address = |id: &str| hymnal_sdk::Address::new("Contact", id);
    world.account.lock().hidden.insert(address(&hidden));
    let later = world.account.now().checked_add(jiff::SignedDuration::from_secs(60)).unwrap();
    world.account.lock().late.insert(address(&late), later);
    let statement = "SELECT LastName FROM Contact";
    assert_eq!(world.query(statement).body["totalSize"], 0);
    assert_eq!(world.get(&format!("/sobjects/Contact/{hidden}")).status, 404);
    assert_eq!(world.get(&format!("/sobjects/Contact/{late}")).status, 200);
    world.pass(61);
    assert_eq!(names(&world.query(statement).body), ["Late"]);
}

#[test]
fn replication_drops_the_seconds() {
    let world = World::new();
    let (kept, gone) = (world.contact("Kept"), world.contact("Gone"));
    world.delete(&format!("/sobjects/Contact/{gone}"));
    world.pass(3_600);
    let path = |kind: &str, start: &str, end: &str| format!("/sobjects/Contact/{kind}?start={start}&end={end}");
    let updated = world.get(&path("updated", "2026-03-01T12:00:59Z", "2026-03-01T12:01:59Z"));
    assert_eq!(updated.body["ids"], json!([kept]));
    assert_eq!(updated.body["latestDateCovered"], "2026-03-01T12:01:00.000+0000");
    let deleted = world.get(&path("deleted", "2026-03-01T12:00:59%2B00:00", "2026-03-01T12:01:00Z"));
    let expected = json!([{ "id": gone, "deletedDate": "2026-03-01T12:00:00.000+0000" }]);
    assert_eq!(deleted.body["deletedRecords"], expected);
    let same = world.get(&path("updated", "2026-03-01T12:00:01Z", "2026-03-01T12:00:59Z"));
    same.refused(400, "INVALID_REPLICATION_DATE");
    world
        .get(&path("deleted", "2026-02-01T12:00:00Z", "2026-03-01T12:00:00Z"))
        .refused(400, "INVALID_REPLICATION_DATE");
}
