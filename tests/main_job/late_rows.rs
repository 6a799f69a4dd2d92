//! Nothing is missed: more records of one time than a search shows, rows that appear late, pages that shift.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use hymnal::wire::SystemClock;
use hymnal_sandbox::control::Side;
use hymnal_sdk::{Address, BoxFuture, Clock, Timestamp};

use crate::world::{Setup, World, person, texts};

/// The system's clock, whose time of day can be stopped.
struct Stoppable {
    running: SystemClock,
    stopped_at: Mutex<Option<Timestamp>>,
}

impl Stoppable {
    fn stop(&self, at: Option<Timestamp>) {
        *self.stopped_at.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }
}

impl Clock for Stoppable {
    fn now(&self) -> Timestamp {
        let stopped = *self.stopped_at.lock().unwrap_or_else(PoisonError::into_inner);
        stopped.unwrap_or_else(|| self.running.now())
    }

    fn elapsed(&self) -> Duration {
        self.running.elapsed()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.running.sleep(duration)
    }
}

async fn import(world: &World, count: usize) -> Vec<String> {
    let records = (0..count).map(|number| {
        let (email, last) = (format!("import{number:05}@example.com"), format!("Import {number:05}"));
        texts(&[("email", &email), ("lastname", &last)])
    });
    let records: Vec<_> = records.collect();
    let hub = world.running.sandbox.control(Side::Hubspot);
    tokio::task::spawn_blocking(move || hub.import(&person(), "contacts", records))
        .await
        .expect("the import ends")
        .expect("the import is taken")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p22_more_than_ten_thousand_records_of_one_millisecond_are_all_read() {
    const MANY: usize = 10_150;
    let clock = Arc::new(Stoppable { running: SystemClock::new(), stopped_at: Mutex::new(None) });
    let mut setup = Setup::new().sync(r#"create = { marketing = "contacts", crm = false }"#);
    setup.options.clock = clock.clone();
    // Fewer fields are quicker; that all are read is what counts.
    setup.fields = FEW_FIELDS.to_owned();
    let world = setup.start().await;
    clock.stop(Some(clock.now()));
    let ids = import(&world, MANY).await;
    clock.stop(None);
    // One of the last by id is known in sales: it has to be linked.
    let crm =
        world.crm_record("Lead", &[("Email", "import10149@example.com"), ("Company", "Acme"), ("LastName", "Known")]);

    world.converge().await;

    let status = world.sync_status().await;
    assert_eq!((&status["people"], &status["linked"]), (&MANY.into(), &1.into()), "{status}");
    assert_eq!(world.hub_value(&ids[MANY - 1], "lastname"), world.crm_value(&crm, "LastName"));
}

const FEW_FIELDS: &str = r#"
email     = { marketing = "email", crm = "Email", type = "email" }
last_name = { marketing = "lastname", crm = "LastName" }
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p22_rows_that_appear_late_are_read_when_they_do() {
    let world = World::usual().await;
    world.seed(10, 10, 5, 9);
    world.converge().await;
    // Made now, not shown by lists and searches; meanwhile others are made, and the cursors move past these.
    let late = world.hub_contact(&[("email", "late@example.com"), ("lastname", "Late")]);
    let late_in_sales = world.crm_record("Contact", &[("Email", "late.too@example.com"), ("LastName", "Late")]);
    let rows = [(&world.hub, Address::new("contacts", &late)), (&world.crm, Address::new("Contact", &late_in_sales))];
    let shown = |from: Timestamp| rows.iter().for_each(|(service, row)| service.appear_late(row.clone(), from));
    shown(Timestamp::MAX);
    // Sales cuts its times to seconds.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    world.hub_contact(&[("email", "sooner@example.com"), ("lastname", "Sooner")]);
    world.crm_record("Contact", &[("Email", "sooner.too@example.com"), ("LastName", "Sooner")]);
    world.converge().await;
    assert_eq!((world.contacts().len(), world.sales_records().len()), (18, 18), "the late ones are not seen yet");

    shown(Timestamp::MIN);
    world.converge().await;

    world.assert_same_people(19);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_index_shows_seconds_later_is_not_missed() {
    let mut setup = Setup::new();
    setup.options.hubspot.search_lag = Duration::from_millis(500)..=Duration::from_secs(2);
    let world = setup.start().await;
    world.seed(30, 30, 10, 21);
    world.converge().await;
    let (hub, crm) = (world.contacts(), world.sales_records());
    world.hub_edit(&hub[0]["id"], &[("jobtitle", "Changed in marketing")]);
    world.crm_edit(&crm[1]["id"], &[("Title", "Changed in sales")]);
    world.converge().await;
    tokio::time::sleep(Duration::from_secs(2)).await;

    world.converge().await;

    world.assert_same_people(50);
    assert!(
        world.sales_records().iter().any(|record| record.get("Title").is_some_and(|it| it == "Changed in marketing"))
    );
    assert!(world.contacts().iter().any(|contact| contact.get("jobtitle").is_some_and(|it| it == "Changed in sales")));
    let quiet = world.mark();
    world.converge().await;
    assert_eq!(world.wrote_since(quiet), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_that_shift_while_they_are_read_lose_nobody() {
    let mut setup = Setup::new();
    setup.options.salesforce.page_size = 200;
    let world = setup.start().await;
    let ids = import(&world, 900).await;
    for number in 0..450 {
        let email = format!("sales{number:03}@example.com");
        world.crm_record("Lead", &[("Email", &email), ("LastName", "Sales"), ("Company", "Acme")]);
    }
    let in_sales = world.sales_records();
    // While the pages are read, records of the first pages change, and so move behind the last.
    let mut running = world.spawn(&["run", "--once"]);
    for (turn, id) in ids.iter().step_by(9).enumerate() {
        world.hub_edit(id, &[("jobtitle", &format!("Moved {turn}"))]);
        world.crm_edit(&in_sales[turn]["id"], &[("Title", &format!("Moved {turn}"))]);
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    assert!(running.wait().await.expect("its status").success());

    world.converge().await;

    world.assert_same_people(1350);
}
