//! `matches`: what waits for a person, and the person's word, with and without a daemon.

use serde_json::{Value as Json, json};

use crate::{
    daemon::stopped,
    world::{Setup, World},
};

async fn matches(world: &World) -> Json {
    world.json(&["matches", "list"]).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ambiguous_record_is_shown_with_its_candidates_and_linked_by_a_person() {
    let setup =
        Setup::new().sync(r#"match = [["email"], ["phone"]]"#).sync(r#"create = { marketing = false, crm = "Lead" }"#);
    let world = setup.start().await;
    let hub = world.hub_contact(&[("lastname", "Smith"), ("phone", "(212) 555-0100")]);
    let one =
        world.crm_record("Contact", &[("Email", "a@example.com"), ("LastName", "Smith"), ("Phone", "+12125550100")]);
    world.crm_record("Contact", &[("Email", "b@example.com"), ("LastName", "Smith"), ("Phone", "+12125550100")]);
    world.once().await.exits(4);

    let found = matches(&world).await;
    let asked = &found["ambiguous"][0];
    assert_eq!(asked["records"]["marketing"], format!("marketing:contacts:{hub}"), "{found}");
    let emails: Vec<&Json> =
        asked["candidates"].as_array().expect("candidates").iter().map(|one| &one["fields"]["email"]).collect();
    assert!(emails.contains(&&json!("a@example.com")) && emails.contains(&&json!("b@example.com")), "{found}");
    let page = world.run(&["matches", "list"]).await.exits(0).stdout;
    assert!(page.contains("Ambiguous") && page.contains("a@example.com"), "{page}");

    let record = format!("marketing:contacts:{hub}");
    let done = world.json(&["matches", "link", &record, "a@example.com"]).await;
    assert!(done["linked"].is_string(), "{done}");
    world.converge().await;
    assert_eq!(world.hub_value(&hub, "email"), "a@example.com");
    assert_eq!(matches(&world).await["ambiguous"], json!([]));
    let explained = world.json(&["explain", &format!("crm:Contact:{one}")]).await;
    let alias = explained["people"][0]["aliases"][0].as_str().expect("an alias").to_owned();
    let by_alias = world.json(&["explain", &alias]).await;
    assert_eq!(by_alias["people"][0]["entity"], explained["people"][0]["entity"]);
    let history = explained["people"][0]["history"].to_string();
    assert!(history.contains("a person"), "{history}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_person_takes_apart_stays_apart_over_the_socket_too() {
    let world = World::usual().await;
    let hub = world.hub_contact(&[("email", "ada@example.com"), ("lastname", "Smith"), ("jobtitle", "CEO")]);
    world.converge().await;
    let daemon = world.daemon().await;
    let done = world.json(&["matches", "unlink", "ada@example.com"]).await;
    assert!(done["parted"].is_string(), "{done}");
    // The e-mail leads to two people now: which one is meant must be said.
    world.run(&["matches", "unlink", "ada@example.com"]).await.exits(2).says("2 people");
    stopped(daemon).await;
    world.hub_edit(&hub, &[("jobtitle", "CTO")]);
    world.converge().await;
    let lead = world.sales_records().into_iter().next().expect("a lead");
    assert_eq!(lead["Title"], "CEO");
    assert_eq!((world.contacts().len(), world.sales_records().len()), (1, 1), "nobody is made because of it");
    assert_eq!(matches(&world).await["apart"].as_array().map(Vec::len), Some(2));

    let (kept, parted) = (done["kept"].as_str().unwrap_or_default(), done["parted"].as_str().unwrap_or_default());
    world.run(&["matches", "link", kept, parted]).await.exits(0);
    world.converge().await;
    assert_eq!(world.hub_value(&hub, "jobtitle"), world.sales_records()[0]["Title"]);
    world.run(&["matches", "link", "nobody@example.com", kept]).await.exits(2);
}
