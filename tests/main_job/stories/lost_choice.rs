//! An admin removes a value of a picklist that marketing goes on using, and brings it back.

use hymnal_sandbox::salesforce::{Choices, FieldKind};

use super::telling::Telling;
use crate::world::{Setup, World};

const RULE: &str = r#"{ marketing = "lifecyclestage", crm = { Contact = "Stage__c" }, type = "choice", values = { marketing = { mql = "marketingqualifiedlead" }, crm.Contact = { lead = "Lead", mql = "MQL", customer = "Customer" } } }"#;

fn stages(world: &World, stages: &[&str]) {
    world.running.sandbox.salesforce().reconfigure(|options| {
        for field in options.custom_fields.iter_mut().filter(|field| field.name == "Stage__c") {
            field.kind = FieldKind::Picklist(Choices::restricted(stages));
        }
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_choice_is_one_reason_and_releases_itself_when_it_is_back() {
    let mut telling = Telling::of("5. A value removed from a picklist");
    let world = Setup::new().field("stage", RULE).start().await;
    let people: Vec<_> = (0..8).map(|number| world.known_person(&format!("p{number}@example.com"))).collect();
    for (hub, _) in &people {
        world.hub_edit(hub, &[("lifecyclestage", "lead")]);
    }
    world.converge().await;

    stages(&world, &["Lead", "SQL", "Opportunity", "Customer"]);
    for (hub, _) in &people {
        world.hub_edit(hub, &[("lifecyclestage", "marketingqualifiedlead"), ("jobtitle", "Buyer")]);
    }
    world.once().await.exits(4);
    let parked = world.json(&["parked", "list"]).await;
    assert_eq!((parked.as_array().map(Vec::len), &parked[0]["count"]), (Some(1), &8.into()), "one reason: {parked}");
    telling.shows(&world.run(&["parked", "list"]).await.exits(0));
    for (_, crm) in &people {
        assert_eq!((world.crm_value(crm, "Stage__c"), world.crm_value(crm, "Title")), ("Lead".into(), "Buyer".into()));
    }

    stages(&world, &["Lead", "MQL", "SQL", "Opportunity", "Customer"]);
    world.converge().await;
    for (_, crm) in &people {
        assert_eq!(world.crm_value(crm, "Stage__c"), "MQL", "nobody had to do anything");
    }
    telling.shows(&world.run(&["parked", "list"]).await.exits(0));
    telling.ends();
}
