//! `forget`: what the command says, what it leaves, and what does not come back.

use serde_json::{Value as Json, json};

use crate::world::Setup;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_is_erased_everywhere_with_a_receipt_and_does_not_come_back() {
    let world = Setup::new().start().await;
    let (hub, crm) = world.known_person("ada@example.com");
    world.known_person("bob@example.com");
    world.converge().await;

    let ran = world.run(&["forget", "Ada@Example.com", "--everywhere", "--json"]).await;

    assert_eq!(ran.code, Some(0), "{ran:?}");
    let receipt: Json = serde_json::from_str(&ran.stdout).expect("JSON");
    let one = &receipt["people"][0];
    assert_eq!((&receipt["forgotten"], &one["state"]), (&json!(true), &json!("done")), "{receipt}");
    let systems = &one["systems"];
    assert_eq!(systems[0]["records"][0]["record"], format!("contacts/{hub}"));
    assert_eq!(systems[0]["records"][0]["done"], "erased", "HubSpot has an erasure of its own: {receipt}");
    assert_eq!(systems[1]["records"][0]["done"], "deleted");
    assert_eq!(systems[1]["records"][0]["read_back_as_gone"], true);
    assert!(systems[1]["records"][0]["record"].as_str().is_some_and(|record| record.ends_with(&crm)), "{receipt}");
    assert_eq!((world.contacts().len(), world.sales_records().len()), (1, 1));
    let explained = world.run(&["explain", "ada@example.com"]).await;
    assert_eq!(explained.code, Some(2), "nobody is known: {explained:?}");

    // Somebody imports her again: she is not met, and that is counted.
    world.crm_record("Lead", &[("Email", "ada@example.com"), ("LastName", "Smith"), ("Company", "A")]);
    world.converge().await;
    assert_eq!(world.contacts().len(), 1, "she is not copied");
    let status = world.sync_status().await;
    assert_eq!((&status["blocked"], &status["people"]), (&json!(1), &json!(1)), "{status}");

    // The receipt is answered again, for people too.
    let again = world.run(&["forget", "ada@example.com"]).await;
    assert_eq!(again.code, Some(0), "{again:?}");
    assert!(again.stdout.contains(&format!("marketing: contacts/{hub} erased, read back as gone")), "{again:?}");
    // Her first name alone may stand in an id by chance.
    let told = again.stdout.to_lowercase();
    assert!(!told.contains("ada@") && !told.contains("smith"), "a receipt names no person: {again:?}");

    let nobody = world.run(&["forget", "nobody@example.com"]).await;
    assert_eq!(nobody.code, Some(2), "{nobody:?}");
}
