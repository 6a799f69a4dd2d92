//! Several records of one person, keys that lead to several people, records without a key.

use serde_json::json;

use crate::world::{Setup, World};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_records_with_one_address_are_one_person_with_a_duplicate() {
    let world = World::usual().await;
    // Two contacts of one person, known in marketing.
    let ada = world.hub_contact(&[("email", "ada@example.com"), ("lastname", "Smith"), ("jobtitle", "CEO")]);
    let first = world.crm_record("Contact", &[("Email", "ada@example.com"), ("LastName", "Smith")]);
    let second = world.crm_record("Contact", &[("Email", "Ada@Example.com"), ("LastName", "Smith")]);
    // A Lead and a Contact of another, unknown in marketing.
    let lead = world.crm_record("Lead", &[("Email", "bob@example.com"), ("LastName", "Jones"), ("Company", "Acme")]);
    let contact =
        world.crm_record("Contact", &[("Email", "bob@example.com"), ("LastName", "Jones"), ("Title", "Buyer")]);
    let start = world.mark();

    world.converge().await;

    assert_eq!((world.contacts().len(), world.sales_records().len()), (2, 4), "Bob was made once, in marketing");
    let status = world.sync_status().await;
    assert_eq!(
        (&status["people"], &status["linked"], &status["duplicate"]),
        (&json!(2), &json!(2), &json!(2)),
        "{status}"
    );
    let lines = world.conflicts_of("duplicate");
    assert_eq!(lines.len(), 2, "{:?}", world.conflicts());
    let mut listed: Vec<String> =
        lines.iter().map(|line| line["duplicate"]["crm"].as_str().unwrap_or_default().to_owned()).collect();
    listed.sort();
    assert_eq!(
        listed,
        [format!("Contact/{second}"), format!("Lead/{lead}")],
        "the older stays, and the preferred object"
    );
    assert_eq!(world.crm_value(&first, "Title"), "CEO");
    assert_eq!(world.crm_value(&second, "Title"), "", "a duplicate takes nothing");
    let bob = world.contacts().into_iter().find(|it| it["email"] == "bob@example.com").expect("Bob");
    assert_eq!(bob["jobtitle"], "Buyer", "the Contact's values, not the Lead's");
    assert_eq!(world.wrote_since(start), (1, 1));

    // A duplicate gives nothing either; the primary still does.
    world.crm_edit(&second, &[("Title", "Nobody")]);
    world.crm_edit(&contact, &[("Title", "Head Buyer")]);
    world.converge().await;
    assert_eq!(
        (world.hub_value(&ada, "jobtitle"), world.hub_value(&bob["id"], "jobtitle")),
        ("CEO".into(), "Head Buyer".into())
    );
    assert_eq!(world.conflicts_of("duplicate").len(), 2, "listed once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_leads_to_several_people_waits_for_a_person() {
    let setup =
        Setup::new().sync(r#"match = [["email"], ["phone"]]"#).sync(r#"create = { marketing = false, crm = "Lead" }"#);
    let world = setup.start().await;
    let hub = world.hub_contact(&[("lastname", "Smith"), ("phone", "(212) 555-0100")]);
    let one =
        world.crm_record("Contact", &[("Email", "a@example.com"), ("LastName", "Smith"), ("Phone", "+12125550100")]);
    let two =
        world.crm_record("Contact", &[("Email", "b@example.com"), ("LastName", "Smith"), ("Phone", "+12125550100")]);
    let start = world.mark();

    world.once().await.exits(4);

    assert_eq!(world.wrote_since(start), (0, 0));
    assert_eq!(world.sync_status().await["ambiguous"], 1);
    let lines = world.conflicts_of("ambiguous");
    assert_eq!((lines.len(), lines[0]["candidates"].as_array().map(Vec::len)), (1, Some(2)), "{lines:?}");
    assert_eq!(lines[0]["records"]["marketing"], format!("contacts/{hub}"));
    // Asking again says nothing new.
    world.once().await.exits(4);
    assert_eq!(world.conflicts().len(), 1);

    // The person decides: one of the two has another number.
    world.crm_edit(&two, &[("Phone", "+12125550177")]);
    world.converge().await;
    assert_eq!(world.hub_value(&hub, "email"), "a@example.com");
    let status = world.sync_status().await;
    assert_eq!((&status["ambiguous"], &status["linked"]), (&json!(0), &json!(1)), "{status}");
    assert_eq!(world.crm_value(&one, "Phone"), "+12125550100");
    assert_eq!(world.sales_records().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_people_on_one_switchboard_with_different_addresses_are_two() {
    let world = Setup::new().sync(r#"match = [["email"], ["phone"]]"#).start().await;
    world.hub_contact(&[("email", "jo@example.com"), ("lastname", "Smith"), ("phone", "(212) 555-0100")]);
    world.crm_record("Contact", &[("Email", "al@example.com"), ("LastName", "Smith"), ("Phone", "+12125550100")]);

    world.converge().await;

    world.assert_same_people(2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_without_a_key_is_listed_and_not_copied() {
    let world = World::usual().await;
    world.hub_contact(&[("lastname", "Nameless")]);
    let crm = world.crm_record("Lead", &[("LastName", "Unknown"), ("Company", "Acme")]);

    world.converge().await;

    assert_eq!((world.contacts().len(), world.sales_records().len()), (1, 1));
    assert_eq!(world.sync_status().await["no_key"], 2);
    // With a key it is a person like any other.
    world.crm_edit(&crm, &[("Email", "known@example.com")]);
    world.converge().await;
    assert_eq!((world.contacts().len(), world.sync_status().await["no_key"].clone()), (2, json!(1)));
}
