//! The program as a service: ready, quick, obedient to signals, one alone.

use std::{process::Stdio, time::Duration};

use rustix::process::Signal;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    process::Child,
};

use crate::world::{Setup, World, ended, eventually, signal};

/// A stop has to be over within this.
const STOP: Duration = Duration::from_secs(30);

impl World {
    /// Starts the daemon, and waits until it is ready.
    pub(crate) async fn daemon(&self) -> Child {
        let child = self.spawn(&["run"]);
        eventually("the daemon is ready", async || self.get("/readyz").await.starts_with("HTTP/1.1 200")).await;
        child
    }

    /// What the daemon's listener answers; empty where nobody listens.
    pub(crate) async fn get(&self, path: &str) -> String {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)).await else { return String::new() };
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        let mut answer = String::new();
        let talked = async {
            stream.write_all(request.as_bytes()).await?;
            stream.read_to_string(&mut answer).await
        };
        drop(talked.await);
        answer
    }
}

pub(crate) async fn stopped(mut child: Child) -> String {
    signal(&child, Signal::TERM);
    let mut stderr = child.stderr.take();
    let status = ended(&mut child, STOP).await;
    let mut told = String::new();
    if let Some(stderr) = &mut stderr {
        stderr.read_to_string(&mut told).await.expect("its log");
    }
    assert!(status.success(), "{status}: {told}");
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn edits_travel_in_seconds_both_ways_and_a_stop_is_clean() {
    let world = World::usual().await;
    let (hub, crm) = world.known_person("ada@example.com");
    let daemon = world.daemon().await;
    assert!(world.get("/healthz").await.starts_with("HTTP/1.1 200"));
    eventually("they are linked", async || world.sync_status().await["linked"] == 1).await;

    world.hub_edit(&hub, &[("phone", "+12125550111")]);
    eventually("marketing's edit is in sales", async || world.crm_value(&crm, "Phone") == "+12125550111").await;
    world.crm_edit(&crm, &[("Title", "CEO")]);
    eventually("sales' edit is in marketing", async || world.hub_value(&hub, "jobtitle") == "CEO").await;
    world.hub_contact(&[("email", "new@example.com"), ("lastname", "New")]);
    eventually("the new person is in sales", async || world.sales_records().len() == 2).await;

    // An idle daemon writes nothing.
    eventually("it is at rest", async || world.sync_status().await["state"] == "in_sync").await;
    let quiet = world.mark();
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(world.wrote_since(quiet), (0, 0));
    let (hub_traffic, _) = world.traffic_since(quiet);
    assert!(hub_traffic.asked > 0, "it looks for changes");

    let told = stopped(daemon).await;
    assert!(!told.contains("+1212") && !told.contains("example.com"), "no personal data in the log: {told}");
    assert!(!world.state().join("hymnal.sock").exists());
    // What the daemon did stands: a run finds nothing to do.
    let quiet = world.mark();
    world.converge().await;
    assert_eq!(world.wrote_since(quiet), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_meet_the_daemon_over_its_socket() {
    let world = Setup { first_run: "plan", ..Setup::new() }.start().await;
    let (hub, crm) = world.known_person("ada@example.com");
    world.hub_edit(&hub, &[("phone", "+12125550100")]);
    let daemon = world.daemon().await;
    eventually("both were read", async || world.sync_status().await["linked"] == 1).await;
    assert_eq!(world.sync_status().await["held"]["reason"], "first_run");
    let status = world.json(&["status"]).await;
    assert_eq!(status["daemon"]["pid"], json!(daemon.id()));
    assert_eq!(world.crm_value(&crm, "Phone"), "");

    world.run(&["approve", "people"]).await.exits(0);
    eventually("it goes once approved", async || world.crm_value(&crm, "Phone") == "+12125550100").await;

    let told = world.json(&["explain", "ada@example.com", "--field", "phone"]).await;
    assert_eq!(told["people"][0]["fields"]["phone"]["value"], "+12125550100");

    // Paused, it reads and decides and writes nothing.
    world.run(&["pause", "people", "--for", "2h", "--reason", "an audit"]).await.exits(0);
    let quiet = world.mark();
    world.hub_edit(&hub, &[("jobtitle", "CEO")]);
    eventually("the edit is taken in", async || {
        let told = world.json(&["explain", "ada@example.com", "--field", "job_title"]).await;
        told["people"][0]["fields"]["job_title"]["value"] == "CEO"
    })
    .await;
    let held = world.sync_status().await["held"].clone();
    assert_eq!((&held["reason"], &held["because"]), (&json!("paused"), &json!("an audit")));
    assert_eq!(world.wrote_since(quiet), (0, 0));
    world.run(&["resume", "people"]).await.exits(0);
    eventually("it writes again", async || world.crm_value(&crm, "Title") == "CEO").await;

    world.run(&["pause", "nobody"]).await.exits(2).says("`people`");
    stopped(daemon).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_file_is_not_taken_and_a_good_one_is() {
    let mut world = World::usual().await;
    let (hub, crm) = world.known_person("ada@example.com");
    let daemon = world.daemon().await;
    let good = world.config_text();
    std::fs::write(world.config(), good.replace("every ", "evry ")).expect("the configuration is written");
    // Commands read the file too; the daemon's own word is asked for with the good one.
    signal(&daemon, Signal::HUP);
    tokio::time::sleep(Duration::from_millis(500)).await;
    world.write_config();
    eventually("the refusal is shown", async || {
        let status = world.json(&["status"]).await;
        status["daemon"]["reload_error"].as_str().is_some_and(|error| error.contains("evry"))
    })
    .await;
    world.hub_edit(&hub, &[("phone", "+12125550111")]);
    eventually("the old one is in force", async || world.crm_value(&crm, "Phone") == "+12125550111").await;

    // A good one, with a field more, is taken, and reaches who is linked already.
    world.hub_edit(&hub, &[("city", "Boston")]);
    world.setup.fields =
        format!("{}city = {{ marketing = \"city\", crm = {{ Contact = \"MailingCity\" }} }}\n", world.setup.fields);
    world.write_config();
    world.run(&["reload"]).await.exits(0);
    eventually("the new field travels", async || world.crm_value(&crm, "MailingCity") == "Boston").await;
    assert_eq!(world.json(&["status"]).await["daemon"]["reload_error"], json!(null));
    stopped(daemon).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_one_is_refused_by_name_and_a_killed_one_leaves_nothing_in_the_way() {
    let world = World::usual().await;
    let mut daemon = world.daemon().await;
    let pid = daemon.id().expect("it runs");

    world.once().await.exits(1).says(&format!("another hymnal (pid {pid})"));

    signal(&daemon, Signal::KILL);
    ended(&mut daemon, STOP).await;
    let daemon = world.daemon().await;
    world.json(&["status"]).await;
    stopped(daemon).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn output_that_nobody_reads_does_not_end_it() {
    let world = World::usual().await;
    let (hub, crm) = world.known_person("ada@example.com");
    let mut daemon = world.command(&["run"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    drop((daemon.stdout.take(), daemon.stderr.take()));
    eventually("the daemon is ready", async || world.get("/readyz").await.starts_with("HTTP/1.1 200")).await;

    world.hub_edit(&hub, &[("phone", "+12125550111")]);
    eventually("the edit travels", async || world.crm_value(&crm, "Phone") == "+12125550111").await;

    signal(&daemon, Signal::TERM);
    assert!(ended(&mut daemon, STOP).await.success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_while_a_service_is_slow_ends_in_time_and_loses_nothing() {
    let world = World::usual().await;
    world.seed(30, 20, 10, 6);
    world.crm.plant(crate::world::planted("POST", "/composite/sobjects", 1, hymnal_sandbox::Fault::Delay { ms: 4000 }));
    let daemon = world.daemon().await;
    eventually("a creation is under way", async || world.crm.account().lock().faults.is_empty()).await;

    stopped(daemon).await;

    world.converge().await;
    world.assert_same_people(40);
}
