//! Backup, restore, rebuild, compaction and copies of the state, as an operator meets them.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

use serde_json::Value as Json;

use crate::world::{Setup, World, ended, eventually, signal};

impl World {
    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    fn kept_aside(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.state()).expect("the state directory").map(|entry| entry.expect("an entry"));
        entries
            .filter(|entry| entry.file_name().to_string_lossy().starts_with("store.before-"))
            .map(|entry| entry.path())
            .collect()
    }
}

async fn synced() -> World {
    let world = Setup::new().sync("delete_grace = \"0s\"").start().await;
    world.seed(40, 30, 20, 5);
    world.converge().await;
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_is_the_same_with_and_without_a_daemon_and_only_its_owners() {
    let world = synced().await;
    let (alone, daemons) = (world.path("alone.jsonl"), world.path("daemons.jsonl"));
    world.run(&["backup", &alone]).await.exits(0).says("read them back");
    let mut daemon = world.daemon().await;
    let told = world.json(&["backup", &daemons]).await;
    signal(&daemon, rustix::process::Signal::TERM);
    ended(&mut daemon, std::time::Duration::from_secs(30)).await;

    let lines = |path: &str| -> Vec<Json> {
        let text = fs::read_to_string(path).expect("the backup");
        text.lines().map(|line| serde_json::from_str(line).expect("every line is JSON")).collect()
    };
    let (one, other) = (lines(&alone), lines(&daemons));
    assert_eq!(told["entries"], other.len() - 2);
    // Nothing happened in between but a cycle that brought nothing.
    let people = |lines: &[Json]| {
        let keys = lines.iter().filter_map(|line| Some((line["key"].as_str()?.to_owned(), line["bytes"].clone())));
        keys.filter(|(key, _)| key.starts_with("AWU")).collect::<Vec<_>>()
    };
    assert!(people(&one).len() >= 50, "{}", people(&one).len());
    assert_eq!(people(&one), people(&other));
    for path in [&alone, &daemons] {
        assert_eq!(fs::metadata(path).expect("it").permissions().mode() & 0o777, 0o600);
    }
    let left = fs::read_dir(world.dir.path())
        .expect("the folder")
        .filter(|entry| entry.as_ref().is_ok_and(|entry| entry.file_name().to_string_lossy().contains("unfinished")));
    assert_eq!(left.count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_backup_or_an_occupied_place_changes_nothing() {
    let world = synced().await;
    let file = world.path("backup.jsonl");
    world.run(&["backup", &file]).await.exits(0);
    world.run(&["restore", &file]).await.exits(1).says("`--replace`");

    let mut bytes = fs::read(&file).expect("the backup");
    let at = bytes.len() / 2;
    let line = bytes[..at].split(|byte| *byte == b'\n').count();
    bytes[at] ^= 4;
    let damaged = world.path("damaged.jsonl");
    fs::write(&damaged, &bytes).expect("a damaged one");
    world.run(&["restore", "--replace", &damaged]).await.exits(65).says(&format!("line {line} is damaged"));
    world.run(&["restore", "--replace", &world.path("none.jsonl")]).await.exits(65).says("none.jsonl");
    world.run(&["restore", "--replace", &world.path("hymnal.toml")]).await.exits(65).says("no backup of Hymnal");
    assert_eq!(world.kept_aside(), Vec::<PathBuf>::new());

    let mut daemon = world.daemon().await;
    world.run(&["restore", "--replace", &file]).await.exits(1).says("another hymnal (pid").says("stop it first");
    world.run(&["rebuild"]).await.exits(1).says("another hymnal (pid");
    signal(&daemon, rustix::process::Signal::TERM);
    ended(&mut daemon, std::time::Duration::from_secs(30)).await;

    let quiet = world.mark();
    world.converge().await;
    assert_eq!(world.wrote_since(quiet), (0, 0));
    world.run(&["backup", "/proc/none/backup"]).await.exits(1).says("cannot be written");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_of_last_week_does_not_roll_the_systems_back() {
    let world = synced().await;
    let (hub, crm) = world.known_person("ada@example.com");
    world.hub_edit(&hub, &[("phone", "+12125550100"), ("jobtitle", "Engineer")]);
    let gone = world.hub_contact(&[("email", "gone@example.com"), ("lastname", "Gone")]);
    world.converge().await;
    let file = world.path("backup.jsonl");
    world.run(&["backup", &file]).await.exits(0);

    // A week goes by: edits both ways and back, somebody new, somebody deleted, an e-mail changed.
    world.hub_edit(&hub, &[("phone", "+12125550111")]);
    world.crm_edit(&crm, &[("Title", "Director")]);
    world.hub_contact(&[("email", "new@example.com"), ("lastname", "New")]);
    world.crm_record("Lead", &[("Email", "lead@example.com"), ("LastName", "Lead"), ("Company", "Acme")]);
    world.converge().await;
    world.hub_edit(&hub, &[("email", "ada.king@example.com")]);
    world.hub.delete(&crate::world::person(), &gone).expect("a person deletes it");
    world.converge().await;
    world.crm_edit(&crm, &[("Phone", "+12125550122")]);
    world.converge().await;
    let (contacts, sales) = (world.contacts(), world.sales_records());
    let conflicts = world.conflicts().len();

    world.run(&["restore", "--replace", &file]).await.exits(0).says("is kept in");
    assert_eq!(world.kept_aside().len(), 1);
    // And one edit that nobody knows yet, later than the others by more than clocks are uncertain.
    tokio::time::sleep(crate::conflicts::LATER).await;
    world.hub_edit(&hub, &[("jobtitle", "CEO")]);
    let restored = world.mark();
    world.converge().await;

    assert_eq!(world.crm_value(&crm, "Title"), "CEO", "what is new travels");
    assert_eq!(world.crm_value(&crm, "Phone"), "+12125550122");
    assert_eq!(world.hub_value(&hub, "phone"), "+12125550122");
    assert_eq!(world.hub_value(&hub, "email"), "ada.king@example.com");
    assert_eq!((world.contacts().len(), world.sales_records().len()), (contacts.len(), sales.len()), "nobody twice");
    let (hub_wrote, crm_wrote) = world.wrote_since(restored);
    assert_eq!(hub_wrote, 0, "nothing of marketing is written back");
    assert_eq!(crm_wrote, 1, "the one edit");
    // Both sides had agreed on everything but the new one, of which each side's reading differs from the backup.
    let new: Vec<Json> = world.conflicts().split_off(conflicts);
    assert!(new.iter().all(|line| line["field"] == "job_title" && line["winner"] == "marketing"), "{new:?}");
    let quiet = world.mark();
    world.converge().await;
    assert_eq!(world.wrote_since(quiet), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_state_is_refused_restored_elsewhere_or_rebuilt() {
    let world =
        Setup::new().field("memo", "{ marketing = \"city\", crm = { Contact = \"MailingCity\" } }").start().await;
    world.seed(30, 20, 10, 5);
    let (hub, crm) = world.known_person("ada@example.com");
    world.converge().await;
    let people = (world.contacts().len(), world.sales_records().len());
    let file = world.path("backup.jsonl");
    world.run(&["backup", &file]).await.exits(0);
    // An edit that has not travelled when the state is lost, and one on each side.
    world.hub_edit(&hub, &[("phone", "+12125550111"), ("jobtitle", "CEO")]);
    world.crm_edit(&crm, &[("Title", "Director")]);
    fs::File::create(world.state().join("store/sled/db")).expect("the data is emptied");

    let lost = world.mark();
    world.once().await.exits(65).says("hymnal restore FILE").says("hymnal rebuild");
    assert_eq!(world.wrote_since(lost), (0, 0));

    // Planned first, whatever `first_run` says.
    world.run(&["rebuild"]).await.exits(7).says("is kept in");
    assert_eq!(world.wrote_since(lost), (0, 0));
    assert_eq!(world.kept_aside().len(), 1);
    let status = world.sync_status().await;
    assert_eq!(status["held"]["reason"], "first_run");
    assert_eq!(status["linked"], people.0.min(people.1), "{status}");
    world.once().await.exits(7);
    world.run(&["approve", "people"]).await.exits(0);
    world.once().await.exits(4);

    assert_eq!((world.contacts().len(), world.sales_records().len()), people, "nobody twice");
    assert_eq!(world.crm_value(&crm, "Phone"), "+12125550111", "a blank is filled");
    assert_eq!(world.hub_value(&hub, "jobtitle"), "CEO", "nobody knows which is the edit");
    assert_eq!(world.crm_value(&crm, "Title"), "Director");
    let waiting = world.json(&["conflicts", "list", "--open"]).await;
    assert_eq!(waiting.as_array().map(Vec::len), Some(1), "{waiting}");
    // Once it is over, the rules of the configuration hold again.
    world.hub_edit(&hub, &[("firstname", "Augusta")]);
    world.once().await.exits(4);
    assert_eq!(world.crm_value(&crm, "FirstName"), "Augusta");
    let (hub, crm) = world.known_person("bob@example.com");
    world.hub_edit(&hub, &[("jobtitle", "one")]);
    world.crm_edit(&crm, &[("Title", "two")]);
    world.once().await.exits(4);
    assert_eq!(world.hub_value(&hub, "jobtitle"), "two");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_moves_to_another_machine_with_its_conflict_log() {
    let world = synced().await;
    let (hub, crm) = world.known_person("ada@example.com");
    world.converge().await;
    world.hub_edit(&hub, &[("jobtitle", "CEO")]);
    world.crm_edit(&crm, &[("Title", "Director")]);
    world.converge().await;
    let told = world.conflicts();
    assert!(!told.is_empty());
    let file = world.path("backup.jsonl");
    world.run(&["backup", &file]).await.exits(0);
    fs::rename(world.state(), world.dir.path().join("old machine")).expect("another machine");

    world.run(&["restore", &file]).await.exits(0);
    let quiet = world.mark();
    world.converge().await;

    assert_eq!(world.wrote_since(quiet), (0, 0));
    assert_eq!(world.conflicts(), told, "the log is written anew");
    world.crm_edit(&crm, &[("Title", "Head")]);
    world.hub_edit(&hub, &[("jobtitle", "Boss")]);
    world.converge().await;
    assert_eq!(world.conflicts().len(), told.len() + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_restore_the_conflict_log_goes_on_and_a_missing_tail_is_completed() {
    let world = synced().await;
    let (hub, crm) = world.known_person("ada@example.com");
    world.converge().await;
    let file = world.path("backup.jsonl");
    world.run(&["backup", &file]).await.exits(0);
    let conflict = async |one: &str, two: &str| {
        world.hub_edit(&hub, &[("jobtitle", one)]);
        world.crm_edit(&crm, &[("Title", two)]);
        world.converge().await;
    };
    conflict("a", "b").await;
    let before = world.conflicts();
    world.run(&["restore", "--replace", &file]).await.exits(0);
    // Its number is one that the log has seen already, of another line.
    conflict("c", "d").await;
    let whole = world.conflicts();
    assert_eq!(whole.len(), before.len() + 1);
    let log = world.state().join("conflicts.jsonl");
    let text = fs::read_to_string(&log).expect("the log");
    let cut = text.trim_end().rfind('\n').map_or(0, |at| at + 1);
    fs::write(&log, &text[..cut]).expect("as a crash leaves it");
    world.converge().await;
    assert_eq!(world.conflicts(), whole);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_compacted_with_and_without_a_daemon() {
    let world = synced().await;
    let (hub, crm) = world.known_person("ada@example.com");
    let told = world.json(&["compact"]).await;
    assert!(told["bytes_after"].as_u64() < told["bytes_before"].as_u64(), "{told}");
    let mut daemon = world.daemon().await;
    world.hub_edit(&hub, &[("jobtitle", "CEO")]);
    world.run(&["compact"]).await.exits(0).says("Compacted");
    eventually("it goes on", async || world.crm_value(&crm, "Title") == "CEO").await;
    signal(&daemon, rustix::process::Signal::KILL);
    ended(&mut daemon, std::time::Duration::from_secs(30)).await;
    world.converge().await;
    let quiet = world.mark();
    world.converge().await;
    assert_eq!(world.wrote_since(quiet), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_of_the_state_does_not_run_beside_its_original() {
    let mut world = synced().await;
    let mut copied = std::process::Command::new("cp");
    let copied = copied.arg("-r").arg(world.state()).arg(world.dir.path().join("copy")).status();
    assert!(copied.expect("cp").success());
    let mut daemon = world.daemon().await;
    let original = world.config_text();
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
    world.port = port;
    let copy = world.config_text().replace("state_dir = \"state\"", "state_dir = \"copy\"");
    fs::write(world.config(), copy).expect("another configuration");
    let quiet = world.mark();
    world.once().await.exits(1).says("another hymnal runs a copy of").says("must not run beside its original");
    assert_eq!(world.wrote_since(quiet), (0, 0));
    fs::write(world.config(), original).expect("the configuration");
    signal(&daemon, rustix::process::Signal::TERM);
    ended(&mut daemon, std::time::Duration::from_secs(30)).await;
}
