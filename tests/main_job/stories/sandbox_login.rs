//! Somebody puts a sandbox's address and token into the production file.

use super::telling::Telling;
use crate::world::{Setup, World};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sandbox_login_under_production_state_is_refused() {
    let mut telling = Telling::of("6. A sandbox login under production state");
    let mut world = World::usual().await;
    let (_, crm) = world.known_person("ada@example.com");
    world.converge().await;
    let mut setup = Setup::new();
    setup.options.hubspot.portal_id = 987_654;
    let sandbox = setup.start().await;
    sandbox.hub_contact(&[("email", "ada@example.com"), ("firstname", "Test"), ("lastname", "Record")]);
    let production = std::mem::replace(&mut world.running.hubspot_url, sandbox.running.hubspot_url.clone());
    world.write_config();
    let start = (world.mark(), sandbox.mark());

    telling.shows(&world.once().await.exits(78).says("987654"));
    telling.shows(&world.run(&["check"]).await.exits(78));

    assert_eq!((world.wrote_since(start.0), sandbox.wrote_since(start.1)), ((0, 0), (0, 0)));
    assert_eq!(world.crm_value(&crm, "FirstName"), "Ada");
    // The right login again: nothing happened.
    world.running.hubspot_url = production;
    world.write_config();
    world.converge().await;
    assert_eq!(world.wrote_since(start.0), (0, 0));
    telling.ends();
}
