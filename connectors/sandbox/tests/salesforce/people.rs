use hymnal_sandbox::salesforce::{Conversion, convert, create, delete, edit, merge, purge, undelete};
use hymnal_sdk::{Fields, Native};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{World, named, robin};

fn fields(pairs: &[(&str, &str)]) -> Fields {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), Native::text(*value))).collect()
}

#[test]
fn a_person_s_edit_is_told_as_that_person_s() {
    let world = World::new();
    let id = create(&world.org, &robin(), "Contact", named("Abel")).unwrap();
    edit(&world.org, &robin(), &id, fields(&[("firstname", " Ada "), ("DoNotCall", "true")])).unwrap();
    let statement = "SELECT FirstName, DoNotCall, Owner.Name, CreatedBy.Name, LastModifiedBy.Name FROM Contact";
    let record = world.query(statement).body["records"][0].clone();
    assert_eq!((&record["FirstName"], &record["DoNotCall"]), (&json!("Ada"), &json!(true)));
    for relationship in ["Owner", "CreatedBy", "LastModifiedBy"] {
        assert_eq!(record[relationship]["Name"], "Robin Marsh", "{relationship}");
    }
    world.patch(&format!("/sobjects/Contact/{id}"), &json!({ "FirstName": "Eva" }));
    let record = world.query(statement).body["records"][0].clone();
    assert_eq!(record["LastModifiedBy"]["Name"], "Hymnal Integration");
    assert_eq!(record["CreatedBy"]["Name"], "Robin Marsh");
}

#[test]
fn people_are_held_to_the_same_values() {
    let world = World::new();
    let refused = create(&world.org, &robin(), "Lead", named("Abel")).unwrap_err();
    assert_eq!(refused.code, "REQUIRED_FIELD_MISSING");
    let id = world.contact("Abel");
    assert_eq!(edit(&world.org, &robin(), &id, fields(&[("Email", "x")])).unwrap_err().code, "INVALID_EMAIL_ADDRESS");
    assert_eq!(edit(&world.org, &robin(), &id, fields(&[("Nope", "x")])).unwrap_err().code, "INVALID_FIELD");
}

#[test]
fn the_recycle_bin_gives_back_until_it_is_purged() {
    let world = World::new();
    let id = world.contact("Abel");
    let path = format!("/sobjects/Contact/{id}");
    delete(&world.org, &robin(), &id).unwrap();
    assert_eq!(world.get(&path).status, 404);
    undelete(&world.org, &robin(), &id[..15]).unwrap();
    assert_eq!(world.get(&path).status, 200);
    assert!(purge(&world.org, &id).is_err(), "it is not in the bin");
    delete(&world.org, &robin(), &id).unwrap();
    purge(&world.org, &id).unwrap();
    assert!(undelete(&world.org, &robin(), &id).is_err());
    world.get(&path).refused(404, "NOT_FOUND");
}

#[test]
fn the_loser_of_a_merge_names_its_master() {
    let world = World::new();
    let winner = world.made("Contact", &json!({ "LastName": "Abel", "Title": "Dr." }));
    let loser = world.made("Contact", &json!({ "LastName": "Abell", "Title": "Mx.", "Phone": "555-0100" }));
    world.pass(60);
    merge(&world.org, &robin(), &winner, &loser).unwrap();
    let statement = "SELECT Id, IsDeleted, MasterRecordId FROM Contact WHERE SystemModstamp > 2026-03-01T12:00:30Z";
    let lost = world.query_all(&format!("{statement} AND IsDeleted = true")).body["records"][0].clone();
    assert_eq!((&lost["Id"], &lost["MasterRecordId"]), (&json!(loser), &json!(winner)));
    let kept = world.get(&format!("/sobjects/Contact/{winner}")).body;
    let values = (&kept["LastName"], &kept["Title"], &kept["Phone"]);
    assert_eq!(values, (&json!("Abel"), &json!("Dr."), &json!("555-0100")));
    assert!(undelete(&world.org, &robin(), &loser).is_err(), "a loser does not come back by itself");
    let lead = world.lead("Abel");
    assert_eq!(merge(&world.org, &robin(), &winner, &lead).unwrap_err().code, "MALFORMED_ID");
}

#[test]
fn a_conversion_makes_a_contact_and_an_account() {
    let world = World::new();
    let lead = world.made(
        "Lead",
        &json!({
            "LastName": "Abel", "Company": "Acme", "Email": "a@example.com", "City": "Leeds",
            "HasOptedOutOfEmail": true, "Stage__c": "MQL", "Hymnal_Id__c": "h1",
        }),
    );
    let made = convert(&world.org, &robin(), &lead, &Conversion::default()).unwrap();
    let read = world.get(&format!("/sobjects/Lead/{lead}")).body;
    for (field, value) in [
        ("IsConverted", json!(true)),
        ("Status", json!("Qualified")),
        ("ConvertedContactId", json!(made.contact)),
        ("ConvertedAccountId", json!(made.account)),
        ("ConvertedDate", json!("2026-03-01")),
        ("IsDeleted", json!(false)),
    ] {
        assert_eq!(read[field], value, "{field}");
    }
    let contact = world.get(&format!("/sobjects/Contact/{}", made.contact)).body;
    for (field, value) in [
        ("Email", json!("a@example.com")),
        ("MailingCity", json!("Leeds")),
        ("HasOptedOutOfEmail", json!(true)),
        ("Stage__c", json!("MQL")),
        ("Hymnal_Id__c", Value::Null),
        ("AccountId", json!(made.account)),
    ] {
        assert_eq!(contact[field], value, "{field}");
    }
    assert_eq!(world.held("Account", &made.account, "Name"), "Acme");
    let answer = world.patch(&format!("/sobjects/Lead/{lead}"), &json!({ "FirstName": "x" }));
    answer.refused(400, "CANNOT_UPDATE_CONVERTED_LEAD");
    let again = convert(&world.org, &robin(), &lead, &Conversion::default()).unwrap_err();
    assert_eq!(again.code, "CANNOT_UPDATE_CONVERTED_LEAD");
}

#[test]
fn a_conversion_into_an_existing_contact_fills_only_blanks() {
    let world = World::new();
    let contact = world.made("Contact", &json!({ "LastName": "Abel", "Title": "Dr." }));
    let lead = json!({ "LastName": "Abell", "Company": "Acme", "Title": "Mx.", "Phone": "555-0100" });
    let lead = world.made("Lead", &lead);
    let how = Conversion { contact: Some(contact.clone()), account: None };
    let made = convert(&world.org, &robin(), &lead, &how).unwrap();
    assert_eq!(made.contact, contact);
    let read = world.get(&format!("/sobjects/Contact/{contact}")).body;
    assert_eq!(
        (&read["LastName"], &read["Title"], &read["Phone"]),
        (&json!("Abel"), &json!("Dr."), &json!("555-0100"))
    );
    assert_eq!(read["AccountId"], json!(made.account), "the contact had none");
    assert_eq!(world.query("SELECT Id FROM Contact").body["totalSize"], 1);
}

#[test]
fn a_conversion_that_is_refused_changes_nothing() {
    let world = World::new();
    let lead = world.lead("Abel");
    let how = Conversion { contact: Some("003000000000001".into()), account: None };
    assert!(convert(&world.org, &robin(), &lead, &how).is_err());
    assert_eq!(world.held("Lead", &lead, "IsConverted"), false);
    assert_eq!(world.query("SELECT Id FROM Account").body["totalSize"], 0);
}

#[test]
fn an_account_takes_its_contacts_with_it() {
    let world = World::new();
    let account = world.made("Account", &json!({ "Name": "Acme" }));
    let contact = world.made("Contact", &json!({ "LastName": "Abel", "AccountId": account }));
    let other = world.contact("Baker");
    assert_eq!(world.delete(&format!("/sobjects/Account/{account}")).status, 204);
    assert_eq!(world.get(&format!("/sobjects/Contact/{contact}")).status, 404);
    assert_eq!(world.get(&format!("/sobjects/Contact/{other}")).status, 200);
}

#[tokio::test]
async fn the_router_answers_over_a_socket() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(async move { axum::serve(listener, World::new().org.router()).await });
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let form = "grant_type=client_credentials&client_id=3MVG9.sandbox&client_secret=sandbox-secret";
    let length = form.len();
    let head = format!("POST /services/oauth2/token HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    let request = format!("{head}Content-Length: {length}\r\n\r\n{form}");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(answer.contains(&format!("\"instance_url\":\"http://{address}\"")), "{answer}");
    serving.abort();
}
