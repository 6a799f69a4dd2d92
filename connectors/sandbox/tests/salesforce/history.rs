//! The history of tracked fields. Object reference, "StandardObjectNameHistory"; Salesforce Help, "Field History
//! Tracking".

use serde_json::{Value, json};

use crate::World;

fn history(world: &World, id: &str) -> Vec<Value> {
    let select = "SELECT Field, OldValue, NewValue, CreatedDate, CreatedBy.Username FROM LeadHistory";
    let answer = world.query(&format!("{select} WHERE LeadId = '{id}' ORDER BY CreatedDate DESC, Id DESC"));
    answer.body["records"].as_array().cloned().unwrap_or_default()
}

fn lead(world: &World, fields: &Value) -> String {
    let mut body = json!({ "LastName": "Abel", "Company": "Engines" });
    body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    let answer = world.post("/sobjects/Lead", &body);
    assert_eq!(answer.status, 201, "{}", answer.body);
    answer.body["id"].as_str().unwrap().to_owned()
}

fn change(world: &World, id: &str, fields: &Value) {
    world.pass(1);
    assert_eq!(world.patch(&format!("/sobjects/Lead/{id}"), fields).status, 204);
}

#[test]
fn changes_of_tracked_fields_are_kept_newest_first() {
    let world = World::new();
    let (id, other) = (lead(&world, &json!({ "Phone": "1" })), lead(&world, &json!({})));
    change(&world, &id, &json!({ "Phone": "2", "Website": "https://a.example" }));
    change(&world, &id, &json!({ "Phone": null }));
    change(&world, &other, &json!({ "Phone": "9", "DoNotCall": true, "Lead_Score__c": 7 }));
    let rows = history(&world, &id);
    let seen: Vec<Value> = rows.iter().map(|row| json!([row["Field"], row["OldValue"], row["NewValue"]])).collect();
    assert_eq!(seen, [json!(["Phone", "2", null]), json!(["Phone", "1", "2"])], "creation and `Website` are not kept");
    assert_eq!(rows[1]["CreatedDate"], "2026-03-01T12:00:01.000+0000");
    assert_eq!(rows[1]["CreatedBy"]["Username"], "sync@example.com");
    let typed: Vec<Value> = history(&world, &other).iter().map(|row| row["NewValue"].clone()).collect();
    assert!(typed.contains(&json!(true)) && typed.contains(&json!(7.0)), "{typed:?}");
}

#[test]
fn of_long_texts_and_sets_only_that_they_changed_is_kept() {
    let world = World::new();
    let id = lead(&world, &json!({}));
    change(&world, &id, &json!({ "Description": "Met at a fair.", "Interests__c": "Events" }));
    let rows = history(&world, &id);
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|row| row["OldValue"].is_null() && row["NewValue"].is_null()), "{rows:?}");
}

#[test]
fn security_of_the_field_and_of_the_record_holds_for_the_history() {
    let world = World::new();
    let id = lead(&world, &json!({}));
    change(&world, &id, &json!({ "Phone": "2", "Title": "Analyst" }));
    world.org.reconfigure(|options| options.hidden_fields.push(("Lead".into(), "Phone".into())));
    let rows = history(&world, &id);
    assert_eq!(rows.iter().map(|row| row["Field"].clone()).collect::<Vec<_>>(), [json!("Title")]);
    world.account.lock().hidden.insert(hymnal_sdk::Address::new("Lead", id.as_str()));
    assert!(history(&world, &id).is_empty());
}

#[test]
fn at_most_twenty_fields_are_tracked() {
    let world = World::with(|options| {
        options.history_fields = (0..20).map(|number| ("Lead".into(), format!("Other_{number}__c"))).collect();
        options.history_fields.push(("Lead".into(), "Phone".into()));
    });
    let id = lead(&world, &json!({}));
    change(&world, &id, &json!({ "Phone": "2" }));
    assert!(history(&world, &id).is_empty());
}

#[test]
fn values_cannot_be_compared_and_rows_cannot_be_written() {
    let world = World::new();
    world.query("SELECT Id FROM LeadHistory WHERE NewValue = 'x'").refused(400, "INVALID_FIELD");
    assert_eq!(world.post("/sobjects/LeadHistory", &json!({ "Field": "Phone" })).status, 400);
    let described = world.get("/sobjects/LeadHistory/describe");
    let fields = described.body["fields"].as_array().unwrap();
    let new = fields.iter().find(|field| field["name"] == "NewValue").unwrap();
    assert_eq!(
        (&new["type"], &new["filterable"], &new["updateable"]),
        (&json!("anyType"), &json!(false), &json!(false))
    );
}

#[test]
fn an_object_of_which_nothing_is_tracked_has_no_history() {
    let world = World::with(|options| options.history_fields.clear());
    world.query("SELECT Id FROM LeadHistory").refused(400, "INVALID_TYPE");
}
