//! Two populated systems converge in one run: 500 and 400 people, 300 of them in both, spelled differently.

use crate::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_and_four_hundred_with_three_hundred_in_common_converge_once() {
    let world = World::usual().await;
    world.seed(500, 400, 300, 7);
    let start = world.mark();

    world.converge().await;

    // 200 were missing in sales, 100 in marketing: each was made once, and nobody is gone.
    assert_eq!(world.contacts().len(), 600);
    assert_eq!(world.sales_records().len(), 600);
    world.assert_same_people(600);
    let status = world.sync_status().await;
    assert_eq!((&status["linked"], &status["in_sync"], &status["pending"]), (&600.into(), &600.into(), &0.into()));
    assert_eq!(status["duplicate"], 0);
    // Whoever was spelled differently in both is in the log, once a field.
    let lines = world.conflicts();
    assert!(!lines.is_empty() && lines.iter().all(|line| line["kind"] == "first_link"), "{lines:?}");
    let mut told: Vec<String> = lines.iter().map(|line| format!("{}{}", line["entity"], line["field"])).collect();
    told.sort();
    told.dedup();
    assert_eq!(told.len(), lines.len(), "one line a difference");
    // Both services enforce their rates: not once was one passed.
    let (hub, crm) = world.traffic_since(start);
    for traffic in [&hub, &crm] {
        assert!(traffic.by_status.keys().all(|status| (200..300).contains(status)), "{:?}", traffic.by_status);
    }

    // A second run finds nothing to write.
    let quiet = world.mark();
    world.converge().await;
    assert_eq!(world.wrote_since(quiet), (0, 0));
    assert_eq!(world.conflicts().len(), lines.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blanks_are_filled_from_the_side_that_knows() {
    let world = World::usual().await;
    let hub = world.hub_contact(&[("email", "ADA@Example.com "), ("firstname", "Ada"), ("jobtitle", "")]);
    let crm = world.crm_record("Contact", &[("Email", "ada@example.com"), ("LastName", "Smith"), ("Title", "CEO")]);

    world.converge().await;

    assert_eq!(world.hub_value(&hub, "lastname"), "Smith");
    assert_eq!(world.hub_value(&hub, "jobtitle"), "CEO");
    assert_eq!(world.crm_value(&crm, "FirstName"), "Ada");
    assert!(world.conflicts().is_empty(), "a blank never competes: {:?}", world.conflicts());
    world.assert_same_people(1);
}
