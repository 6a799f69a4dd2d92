//! An opt-out where marketing lets nobody write it as a field: it goes by the address.

use serde_json::json;

use crate::world::Setup;

const RULE: &str = r#"{ marketing = "hs_email_optout", crm = "HasOptedOutOfEmail", type = "bool", consent = ["false", "true"], may_loosen = ["marketing"], blank_as = { crm = ["false"] } }"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_opt_out_in_sales_unsubscribes_the_address_in_marketing() {
    let world = Setup::new().field("opted_out", RULE).start().await;
    world.run(&["check"]).await.exits(0);
    let (hub, crm) = world.known_person("ada@example.com");
    let open = world.crm_record("Lead", &[("Email", "bob@example.com"), ("LastName", "Jones"), ("Company", "Acme")]);
    world.converge().await;
    assert_eq!(world.sync_status().await["parked"], json!(0), "who says nothing is no trouble: {open}");

    world.crm_edit(&crm, &[("HasOptedOutOfEmail", "true")]);
    world.converge().await;
    assert_eq!(world.hub_value(&hub, "hs_email_optout"), "true");

    // The address changes, and HubSpot's opt-outs belong to addresses: the new one is told as well.
    world.crm_edit(&crm, &[("Email", "ada@new.example")]);
    world.converge().await;
    assert_eq!(world.hub_value(&hub, "email"), "ada@new.example");
    assert_eq!(world.hub_value(&hub, "hs_email_optout"), "true");
    assert_eq!(world.crm_value(&crm, "HasOptedOutOfEmail"), "true");

    // Somebody new who refused before they were known in marketing.
    world.crm_record(
        "Lead",
        &[("Email", "cy@example.com"), ("LastName", "Ng"), ("Company", "Acme"), ("HasOptedOutOfEmail", "true")],
    );
    world.converge().await;
    let cy = world.contacts().into_iter().find(|it| it["email"] == "cy@example.com").expect("Cy");
    assert_eq!(cy["hs_email_optout"], "true");
}
