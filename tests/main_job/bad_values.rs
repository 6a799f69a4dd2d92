//! What a service does not take is set aside alone, with its words; everything else is written.

use hymnal_sandbox::salesforce::ValidationRule;
use serde_json::Value as Json;

use crate::world::{Setup, World};

const LONG: &str = "A first name that is longer than the forty characters of sales";

async fn told(world: &World, who: &str) -> Json {
    world.json(&["explain", who]).await["people"][0].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_that_is_too_long_waits_alone() {
    let world = World::usual().await;
    let (hub, crm) = world.known_person("ada@example.com");
    let (bob, bob_in_sales) = world.known_person("bob@example.com");
    world.converge().await;
    world.hub_edit(&hub, &[("firstname", LONG), ("phone", "+12125550111")]);
    world.hub_edit(&bob, &[("phone", "+12125550122")]);

    world.once().await.exits(4);

    assert_eq!(
        (world.crm_value(&crm, "FirstName"), world.crm_value(&crm, "Phone")),
        ("Ada".into(), "+12125550111".into())
    );
    assert_eq!(world.crm_value(&bob_in_sales, "Phone"), "+12125550122");
    assert_eq!(world.hub_value(&hub, "firstname"), LONG, "what a person wrote stays");
    assert_eq!(world.sync_status().await["parked"], 1);
    let state = told(&world, "ada@example.com").await["fields"]["first_name"]["crm"]["state"].clone();
    assert!(state.as_str().is_some_and(|state| state.starts_with("parked:") && state.contains("40")), "{state}");
    // It does not knock again and again.
    let quiet = world.mark();
    world.once().await.exits(4);
    assert_eq!(world.wrote_since(quiet), (0, 0));

    world.hub_edit(&hub, &[("firstname", "Adah")]);
    world.converge().await;
    assert_eq!(world.crm_value(&crm, "FirstName"), "Adah");
    assert_eq!(world.sync_status().await["parked"], 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_choice_waits_alone() {
    let rule = r#"{ marketing = "lifecyclestage", crm = { Contact = "Stage__c" }, type = "choice", values = { marketing = { mql = "marketingqualifiedlead" }, crm.Contact = { mql = "MQL", lead = "Lead", customer = "Customer" } } }"#;
    let world = Setup::new().field("stage", rule).start().await;
    let (hub, crm) = world.known_person("ada@example.com");
    world.hub_edit(&hub, &[("lifecyclestage", "lead")]);
    world.converge().await;
    assert_eq!(world.crm_value(&crm, "Stage__c"), "Lead");
    // Sales has no such stage.
    world.hub_edit(&hub, &[("lifecyclestage", "evangelist"), ("jobtitle", "CEO")]);

    world.once().await.exits(4);

    assert_eq!((world.crm_value(&crm, "Stage__c"), world.crm_value(&crm, "Title")), ("Lead".into(), "CEO".into()));
    let state = told(&world, "ada@example.com").await["fields"]["stage"]["crm"]["state"].clone();
    assert!(state.as_str().is_some_and(|state| state.starts_with("parked:")), "{state}");
    world.hub_edit(&hub, &[("lifecyclestage", "customer")]);
    world.converge().await;
    assert_eq!(world.crm_value(&crm, "Stage__c"), "Customer");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_lacks_what_sales_requires_waits_alone() {
    let world = Setup::new().field("last_name", r#"{ marketing = "lastname", crm = "LastName" }"#).start().await;
    let hub = world.hub_contact(&[("email", "nameless@example.com"), ("firstname", "Ada")]);
    for number in 0..5 {
        world.hub_contact(&[("email", &format!("named{number}@example.com")), ("lastname", "Smith")]);
    }

    world.once().await.exits(4);

    assert_eq!(world.sales_records().len(), 5, "the others were made");
    assert_eq!(world.sync_status().await["parked"], 1);
    world.hub_edit(&hub, &[("lastname", "Lovelace")]);
    world.converge().await;
    world.assert_same_people(6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_a_rule_of_sales_refuses_waits_with_the_rules_words() {
    let mut setup = Setup::new();
    setup.options.salesforce.validation_rules = vec![ValidationRule {
        object: "Contact".to_owned(),
        field: "Title".to_owned(),
        value: "Intern".to_owned(),
        message: "Interns are kept elsewhere.".to_owned(),
    }];
    let world = setup.start().await;
    let (hub, crm) = world.known_person("ada@example.com");
    let (bob, bob_in_sales) = world.known_person("bob@example.com");
    world.converge().await;
    world.hub_edit(&hub, &[("jobtitle", "Intern")]);
    world.hub_edit(&bob, &[("jobtitle", "CEO")]);

    world.once().await.exits(4);

    assert_eq!(
        (world.crm_value(&crm, "Title"), world.crm_value(&bob_in_sales, "Title")),
        (String::new(), "CEO".into())
    );
    let told = told(&world, "ada@example.com").await;
    assert!(told.to_string().contains("Interns are kept elsewhere."), "{told}");
    world.hub_edit(&hub, &[("jobtitle", "Buyer")]);
    world.converge().await;
    assert_eq!(world.crm_value(&crm, "Title"), "Buyer");
}
