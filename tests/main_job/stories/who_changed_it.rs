//! "Who changed this phone?"

use super::telling::Telling;
use crate::{
    conflicts::LATER,
    world::{SALES_PERSON, Setup},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_changed_this_phone_is_answered_with_name_system_time_certainty_rule_and_what_lost() {
    let mut telling = Telling::of("7. Who changed this phone?");
    let world = Setup::new().sync(r#"clock_uncertainty = "2s""#).start().await;
    let (hub, crm) = world.known_person("ada@example.com");
    world.hub_edit(&hub, &[("phone", "(212) 555-0100")]);
    world.converge().await;
    // Marketing's is read first, and has not travelled yet.
    world.run(&["pause", "people"]).await.exits(0);
    world.hub_edit(&hub, &[("phone", "212 555 0111")]);
    world.once().await.exits(7);
    tokio::time::sleep(LATER).await;
    world.crm_edit(&crm, &[("Phone", "+1 212 555 0122")]);
    world.once().await.exits(7);
    world.run(&["resume", "people"]).await.exits(0);
    world.converge().await;

    let page = world.run(&["explain", "ada@example.com", "--field", "phone"]).await.exits(0);
    telling.shows_some(&page, super::unsubscribed::before_history());
    let told = world.json(&["explain", "ada@example.com", "--field", "phone"]).await;
    let phone = &told["people"][0]["fields"]["phone"];
    assert_eq!((&phone["value"], &phone["set_by"]["system"]), (&"+12125550122".into(), &"crm".into()), "{phone}");
    assert_eq!(phone["set_by"]["by"]["name"], SALES_PERSON, "{phone}");
    assert_eq!(phone["set_by"]["by"]["certain"], true, "{phone}");
    assert!(phone["set_by"]["at"].is_string() && phone["set_by"]["rule"].is_string(), "{phone}");
    assert_eq!(phone["lost"]["values"][0]["value"], "+12125550111", "{phone}");
    assert_eq!(phone["lost"]["values"][0]["system"], "marketing", "{phone}");
    let history = world.run(&["history", "ada@example.com"]).await.exits(0);
    telling.shows_some(&history, |line| line.contains("0111") || line.contains("0122"));
    telling.ends();
}
