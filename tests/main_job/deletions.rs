//! Deleted, merged, converted, hidden: links follow, nobody is made again, nothing is deleted.

use hymnal_sandbox::salesforce::Conversion;
use hymnal_sdk::Address;
use serde_json::json;

use crate::world::{Setup, World, person};

async fn without_grace() -> World {
    Setup::new().sync(r#"delete_grace = "0s""#).start().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_contact_is_unlinked_and_not_made_again_until_a_person_does() {
    let world = without_grace().await;
    let (hub, crm) = world.known_person("ada@example.com");
    let (_, other) = world.known_person("bob@example.com");
    world.converge().await;
    world.hub.delete(&person(), &hub).expect("a deletion");
    world.crm_edit(&crm, &[("Phone", "+12125550111")]);

    world.converge().await;

    assert_eq!(world.contacts().len(), 1, "it is not made again");
    assert_eq!(world.sales_records().len(), 2, "and not deleted elsewhere");
    let status = world.sync_status().await;
    assert_eq!((&status["people"], &status["linked"]), (&json!(2), &json!(1)), "{status}");

    // A person makes it anew: matched and linked, not made twice.
    let anew = world.hub_contact(&[("email", "Ada@example.com"), ("firstname", "Ada"), ("lastname", "Smith")]);
    world.converge().await;
    assert_eq!((world.contacts().len(), world.sales_records().len()), (2, 2));
    assert_eq!(world.hub_value(&anew, "phone"), "+12125550111");
    world.hub_edit(&anew, &[("jobtitle", "CEO")]);
    world.converge().await;
    assert_eq!(world.crm_value(&crm, "Title"), "CEO");
    assert_eq!(world.crm_value(&other, "Title"), "");
    world.assert_same_people(2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_deleted_in_sales_is_unlinked_and_not_made_again() {
    let world = without_grace().await;
    let (hub, crm) = world.known_person("ada@example.com");
    world.converge().await;
    world.crm.delete(&person(), &crm).expect("a deletion");
    world.hub_edit(&hub, &[("phone", "+12125550111")]);

    world.converge().await;

    assert_eq!((world.contacts().len(), world.sales_records().len()), (1, 0));
    // Restored within the service: the link is back, and what was missed is made good.
    world.crm.restore(&person(), &crm).expect("a restoration");
    world.converge().await;
    world.assert_same_people(1);
    assert_eq!(world.crm_value(&crm, "Phone"), "+12125550111");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn within_its_grace_a_deletion_is_pending_and_a_restored_record_is_as_before() {
    let world = World::usual().await;
    let (hub, crm) = world.known_person("ada@example.com");
    world.converge().await;
    world.hub.delete(&person(), &hub).expect("a deletion");

    world.converge().await;

    let status = world.sync_status().await;
    assert_eq!((&status["deleting"], &status["linked"]), (&json!(1), &json!(1)), "{status}");
    world.hub.restore(&person(), &hub).expect("a restoration");
    world.crm_edit(&crm, &[("Title", "CEO")]);
    world.converge().await;
    assert_eq!(world.sync_status().await["deleting"], 0);
    assert_eq!(world.hub_value(&hub, "jobtitle"), "CEO");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn contacts_merged_in_marketing_under_a_new_id_stay_linked() {
    let world = World::usual().await;
    let (ada, ada_in_sales) = world.known_person("ada@example.com");
    let (bob, bob_in_sales) = world.known_person("bob@example.com");
    world.converge().await;
    let merged = world.hub.merge(&person(), &ada, &bob).expect("a merge");
    assert!(merged != ada && merged != bob, "the merge made a new record");

    world.converge().await;

    assert_eq!((world.contacts().len(), world.sales_records().len()), (1, 2), "nobody is made, nobody is gone");
    let status = world.sync_status().await;
    assert_eq!((&status["linked"], &status["duplicate"]), (&json!(1), &json!(1)), "{status}");
    world.hub_edit(&merged, &[("jobtitle", "CEO")]);
    world.converge().await;
    let titles = [world.crm_value(&ada_in_sales, "Title"), world.crm_value(&bob_in_sales, "Title")];
    assert_eq!(titles.iter().filter(|title| *title == "CEO").count(), 1, "one is primary: {titles:?}");
    assert_eq!(titles[0], "CEO", "the winner's");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn contacts_merged_in_sales_stay_linked() {
    let world = World::usual().await;
    let (ada, ada_in_sales) = world.known_person("ada@example.com");
    let (bob, bob_in_sales) = world.known_person("bob@example.com");
    world.converge().await;
    world.crm.merge(&person(), &ada_in_sales, &bob_in_sales).expect("a merge");

    world.converge().await;

    assert_eq!((world.contacts().len(), world.sales_records().len()), (2, 1), "nobody is made, nobody is gone");
    let status = world.sync_status().await;
    assert_eq!((&status["linked"], &status["duplicate"]), (&json!(1), &json!(1)), "{status}");
    world.crm_edit(&ada_in_sales, &[("Title", "CEO")]);
    world.converge().await;
    assert_eq!((world.hub_value(&ada, "jobtitle"), world.hub_value(&bob, "jobtitle")), ("CEO".into(), String::new()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_converted_lead_lives_on_as_its_contact() {
    let world = World::usual().await;
    let hub = world.hub_contact(&[("email", "ada@example.com"), ("lastname", "Smith"), ("company", "Acme")]);
    world.converge().await;
    let lead = world.sales_records()[0].clone();
    assert_eq!(lead["object"], "Lead");
    let converted = world.crm.convert(&person(), &lead["id"], &Conversion::default()).expect("a conversion");

    world.converge().await;

    assert_eq!(world.contacts().len(), 1);
    let sales = world.sales_records();
    assert_eq!((sales.len(), &sales[0]["id"]), (1, &converted.contact), "no second person: {sales:?}");
    world.hub_edit(&hub, &[("phone", "+12125550111")]);
    world.converge().await;
    assert_eq!(world.crm_value(&converted.contact, "Phone"), "+12125550111");
    assert!(world.conflicts().is_empty(), "{:?}", world.conflicts());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_may_no_longer_be_seen_is_neither_unlinked_nor_made_again() {
    let world = without_grace().await;
    let (hub, crm) = world.known_person("ada@example.com");
    let (bob, bob_in_sales) = world.known_person("bob@example.com");
    world.converge().await;
    let hidden = Address::new("Contact", &crm);
    world.crm.hide(hidden.clone());
    world.hub_edit(&hub, &[("phone", "+12125550111")]);
    world.hub_edit(&bob, &[("phone", "+12125550122")]);

    world.converge().await;

    let status = world.sync_status().await;
    assert_eq!((&status["not_visible"], &status["linked"]), (&json!(1), &json!(2)), "{status}");
    assert_eq!(world.sales_records().len(), 2, "nobody is made again");
    assert_eq!(world.crm_value(&bob_in_sales, "Phone"), "+12125550122", "the others go on");
    world.crm.show(&hidden);
    world.crm_edit(&crm, &[("Title", "CEO")]);
    world.converge().await;
    assert_eq!(world.crm_value(&crm, "Phone"), "+12125550111");
    world.assert_same_people(2);
    assert_eq!(world.sync_status().await["not_visible"], 0);
}

/// Both directions: what people delete on one side goes to the bin on the other, and nobody is made again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_deleted_is_archived_on_the_other_side_where_the_rules_say_so() {
    let setup = Setup::new().sync(r#"delete_grace = "0s""#);
    let world = setup.sync(r#"on_delete = { marketing = "archive", crm = "archive" }"#).start().await;
    let (ada, ada_lead) = world.known_person("ada@example.com");
    let (_, bob_lead) = world.known_person("bob@example.com");
    world.known_person("cy@example.com");
    world.converge().await;
    world.hub.delete(&person(), &ada).expect("a deletion");
    world.crm.delete(&person(), &bob_lead).expect("a deletion");

    world.converge().await;

    world.assert_same_people(1);
    // Out of both bins again: linked as before.
    world.hub.restore(&person(), &ada).expect("from the bin");
    world.crm.restore(&person(), &ada_lead).expect("from the bin");
    world.converge().await;
    world.assert_same_people(2);
    let status = world.sync_status().await;
    assert_eq!((&status["linked"], &status["alarms"]), (&json!(2), &json!([])), "{status}");
}
