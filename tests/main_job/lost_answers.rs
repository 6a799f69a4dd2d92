//! A write was applied and its answer did not come, or came broken: nobody is made twice, nothing is lost.

use hymnal_sandbox::Fault;

use crate::world::{World, planted};

const CREATE: (&str, &str) = ("/contacts/batch/create", "/composite/sobjects");

/// Fifteen people missing on each side; the first creation on each side meets the fault.
async fn create_through(fault: Fault) -> World {
    let world = World::usual().await;
    world.seed(25, 25, 10, 5);
    world.hub.plant(planted("POST", CREATE.0, 1, fault.clone()));
    world.crm.plant(planted("POST", CREATE.1, 1, fault));
    let start = world.mark();

    world.converge().await;

    assert_hit(&world);
    world.assert_same_people(40);
    let (hub, crm) = world.traffic_since(start);
    let creations = |seen: &&hymnal_sandbox::Seen| {
        seen.method == "POST" && seen.wrote && [CREATE.0, CREATE.1].iter().any(|path| seen.path.contains(path))
    };
    assert_eq!(hub.requests.iter().filter(creations).count(), 1, "one creation was applied in marketing");
    assert_eq!(crm.requests.iter().filter(creations).count(), 1, "one creation was applied in sales");
    assert_eq!(world.sync_status().await["duplicate"], 0);
    world
}

/// Then everybody's title changes, on one side or the other; the first update on each side meets the fault.
async fn update_through(world: &World, fault: Fault) {
    for (index, contact) in world.contacts().iter().enumerate() {
        if index % 2 == 0 {
            world.hub_edit(&contact["id"], &[("jobtitle", &format!("Title {index}"))]);
        } else {
            let sales = world.sales_records();
            let email = contact["email"].to_lowercase();
            let record = sales.iter().find(|record| record["Email"].to_lowercase() == email).expect("the same person");
            world.crm_edit(&record["id"], &[("Title", &format!("Title {index}"))]);
        }
    }
    world.hub.plant(planted("POST", "/contacts/batch/update", 1, fault.clone()));
    world.crm.plant(planted("PATCH", "/composite/sobjects", 1, fault));
    let lines = world.conflicts().len();

    world.converge().await;

    assert_hit(world);
    world.assert_same_people(40);
    assert_eq!(world.conflicts().len(), lines, "our own write is no edit: {:?}", world.conflicts());
    let mut titles: Vec<String> = world.contacts().iter().map(|contact| contact["jobtitle"].clone()).collect();
    titles.sort();
    titles.dedup();
    assert_eq!(titles.len(), 40, "no title was lost");
    let quiet = world.mark();
    world.converge().await;
    assert_eq!(world.wrote_since(quiet), (0, 0));
}

fn assert_hit(world: &World) {
    assert!(world.hub.account().lock().faults.is_empty(), "marketing's fault was not met");
    assert!(world.crm.account().lock().faults.is_empty(), "sales' fault was not met");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_answer_is_lost() {
    let world = create_through(Fault::AppliedAnswerLost).await;
    update_through(&world, Fault::AppliedAnswerLost).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_was_applied_and_answered_with_an_error() {
    let world = create_through(Fault::AppliedThen500).await;
    update_through(&world, Fault::AppliedThen500).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_of_the_answer_came() {
    let world = create_through(Fault::Truncated).await;
    update_through(&world, Fault::Truncated).await;
}

/// Something on the way carries a request out twice, and answers as to the first. Where a service keeps an e-mail once,
/// that is nothing; where it does not, whoever was made twice is listed, and is one person still.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_was_carried_out_twice() {
    let world = World::usual().await;
    world.seed(25, 25, 10, 5);
    world.hub.plant(planted("POST", CREATE.0, 1, Fault::DuplicateDelivery));
    world.crm.plant(planted("POST", CREATE.1, 1, Fault::DuplicateDelivery));

    world.converge().await;

    assert_hit(&world);
    assert_eq!(world.contacts().len(), 40, "marketing keeps an e-mail once");
    let status = world.sync_status().await;
    assert_eq!((world.sales_records().len(), &status["duplicate"]), (55, &15.into()), "{status}");
    assert_eq!((&status["people"], &status["linked"]), (&40.into(), &40.into()), "{status}");
    assert_eq!(world.conflicts_of("duplicate").len(), 15, "listed, for a person to merge there");
    let quiet = world.mark();
    world.converge().await;
    assert_eq!(world.wrote_since(quiet), (0, 0));

    let world = World::usual().await;
    world.seed(25, 25, 10, 5);
    world.converge().await;
    update_through(&world, Fault::DuplicateDelivery).await;
}
