//! An import, a new validation rule and a lost "view all" permission, all before the first coffee. (A 20,000-row import
//! in the story; 400 rows here, under a limit scaled with it.)

use hymnal_sandbox::salesforce::ValidationRule;
use hymnal_sdk::{Actor, ActorKind, Address};

use super::telling::Telling;
use crate::world::{Setup, World, texts};

const LINKED: usize = 60;
const ROWS: usize = 400;

async fn at_work() -> (World, Vec<(String, String)>) {
    let world = Setup::new().sync("guards = { max_creates = { count = 20 } }").start().await;
    let people = (0..LINKED).map(|number| world.known_person(&format!("p{number:02}@example.com"))).collect();
    world.converge().await;
    (world, people)
}

fn import(world: &World) {
    let row = |number: usize| texts(&[("email", &format!("import{number:03}@example.com")), ("lastname", "List")]);
    let by = Actor { name: "1001".to_owned(), kind: ActorKind::Import };
    world.hub.import(&by, "contacts", (0..ROWS).map(row).collect()).expect("an import");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_troubles_at_once_are_three_entries_and_a_hot_lead_travels_all_the_same() {
    let mut telling = Telling::of("3. A bad Monday");
    let (world, people) = at_work().await;
    import(&world);
    world.running.sandbox.salesforce().reconfigure(|options| {
        options.validation_rules.push(ValidationRule {
            object: "Contact".to_owned(),
            field: "Title".to_owned(),
            value: "Intern".to_owned(),
            message: "Interns are kept elsewhere.".to_owned(),
        });
    });
    for (hub, _) in &people[..20] {
        world.hub_edit(hub, &[("jobtitle", "Intern")]);
    }
    let hidden: Vec<Address> = people[20..40].iter().map(|(_, crm)| Address::new("Contact", crm)).collect();
    for (address, (hub, _)) in hidden.iter().zip(&people[20..40]) {
        world.crm.hide(address.clone());
        world.hub_edit(hub, &[("jobtitle", "Buyer")]);
    }
    // And in the middle of it somebody asks for an offer.
    let (hot, hot_in_sales) = &people[50];
    world.hub_edit(hot, &[("phone", "+12125550199"), ("jobtitle", "Wants an offer")]);

    world.run(&["sync", "people"]).await;
    assert_eq!(world.crm_value(hot_in_sales, "Phone"), "+12125550199", "within one cycle");
    assert_eq!(world.crm_value(hot_in_sales, "Title"), "Wants an offer");

    world.once().await.exits(7);
    let left_out = ["  marketing (", "  crm (", "    crm, ", "    last cycle"];
    let is_told = |line: &str| !left_out.iter().any(|start| line.starts_with(start));
    telling.shows_some(&world.run(&["status"]).await.exits(0), is_told);
    telling.shows(&world.run(&["parked", "list"]).await.exits(0));
    let status = world.sync_status().await;
    let holds = status["held"]["holds"].as_array().expect("holds").clone();
    assert_eq!(holds.len(), 1, "the import: {holds:?}");
    assert_eq!((&holds[0]["kind"], &holds[0]["entries"]), (&"creates".into(), &(ROWS - 20).into()));
    assert_eq!(world.json(&["parked", "list"]).await.as_array().map(Vec::len), Some(1), "the rule");
    assert_eq!(status["parked"], 20);
    let alarms = status["alarms"].as_array().expect("alarms").clone();
    assert_eq!((alarms.len(), &alarms[0]["kind"]), (1, &"not_visible".into()), "the permission: {alarms:?}");
    assert_eq!(status["not_visible"], 20);
    assert_eq!(status["linked"], LINKED + 20, "nobody is unlinked");
    assert_eq!(world.contacts().len(), LINKED + ROWS, "nobody is deleted");
    assert_eq!(world.sales_records().len(), LINKED + 20);

    // Each ends by itself when its cause does.
    for address in &hidden {
        world.crm.show(address);
    }
    world.running.sandbox.salesforce().reconfigure(|options| options.validation_rules.clear());
    world.run(&["parked", "retry", "--all"]).await.exits(0);
    world.run(&["approve", "people"]).await.exits(0);
    world.converge().await;
    world.assert_same_people(LINKED + ROWS);
    telling.ends();
}
