//! A canary secret and a canary person go through every path, and sing nowhere: in no log at `info`, no error, no
//! answer of `/healthz` and `/readyz`, no `status`. Once the person is forgotten, no byte of the state holds them.
//!
//! What somebody asks for by name (`explain`, `history`, `export`, `conflicts list`, `plan`) shows the person, and the
//! conflict log holds values: that is what they are for.

use std::{
    fs,
    io::Read as _,
    path::{Path, PathBuf},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use hymnal_sandbox::Fault;
use rustix::process::Signal;
use serde_json::Value as Json;

use crate::{
    daemon::stopped,
    world::{Ran, Setup, World, eventually, planted, signal},
};

const TOKEN: &str = "pat-na1-canarytoken-7f3a91c2";
const CLIENT_SECRET: &str = "canaryclientsecret-55d0e1";
const EMAIL: &str = "zanzibar.quokka@example.com";
const FIRST: &str = "Quokkabert";
const LAST: &str = "Wallabysson";
/// What may be found of the person and of the secrets, in lower case.
const CANARIES: [&str; 9] = [
    "canarytoken",
    "canaryclientsecret",
    "zanzibar.quokka",
    "zanzibar-new",
    "quokka",
    "wallaby",
    "5550142",
    "555-0142",
    "kookaburra",
];
/// A title that is a secret of the person too.
const TITLE: &str = "Kookaburra Keeper";

/// What stored values are packed with: a part of the program.
static DICTIONARY: &[u8] = include_bytes!("../../src/store/format/dictionary-1");

fn canary_in(text: &str) -> Option<&'static str> {
    let text = text.to_lowercase();
    CANARIES.into_iter().find(|canary| text.contains(canary))
}

#[track_caller]
fn assert_silent(what: &str, text: &str) {
    assert_eq!(canary_in(text), None, "{what}:\n{text}");
}

/// A world whose secrets are canaries.
async fn caged() -> World {
    let mut setup = Setup { first_run: "plan", ..Setup::new() }
        .field("job_title", r#"{ marketing = "jobtitle", crm = "Title", on_conflict = "manual" }"#)
        .field("opted_out", r#"{ marketing = "newsletter", crm = "HasOptedOutOfEmail", type = "bool", consent = ["false", "true"], may_loosen = ["marketing"] }"#)
        .sync(r#"clock_uncertainty = "2s""#);
    TOKEN.clone_into(&mut setup.options.hubspot.token);
    CLIENT_SECRET.clone_into(&mut setup.options.salesforce.client_secret);
    let world = setup.start().await;
    write(&world, &config(&world));
    world
}

fn config(world: &World) -> String {
    world.config_text().replace("pat-na1-sandbox", TOKEN).replace("sandbox-secret", CLIENT_SECRET)
}

fn write(world: &World, text: &str) {
    fs::write(world.config(), text).expect("the configuration is written");
}

/// The person, in both systems.
fn person(world: &World) -> (String, String) {
    let hub = world.hub_contact(&[("email", EMAIL), ("firstname", FIRST), ("lastname", LAST), ("jobtitle", TITLE)]);
    let crm = world.crm_record("Contact", &[("Email", EMAIL), ("FirstName", FIRST), ("LastName", LAST)]);
    (hub, crm)
}

/// An answer in which a service quotes what it was given.
fn quoting(status: u16, code: &str) -> Fault {
    let words = format!("{FIRST} {LAST} <{EMAIL}> (212) 555-0142 is not what we take for {TOKEN} {CLIENT_SECRET}");
    let body = format!(
        r#"[{{"message":"{words}","errorCode":"{code}","fields":["Phone"],"status":"error","category":"VALIDATION_ERROR"}}]"#
    );
    Fault::Answer { status, retry_after: String::new(), body }
}

/// Asks for everything that answers without a person being named.
async fn look(world: &World, when: &str) {
    for args in [&["status"][..], &["status", "--json"]] {
        let ran = world.run(args).await.exits(0);
        assert_silent(&format!("`{}` {when}", ran.asked), &format!("{}\n{}", ran.stdout, ran.stderr));
    }
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_silent(&format!("{path} {when}"), &world.get(path).await);
    }
}

/// What is no data of an answer names nobody.
#[track_caller]
fn quiet(ran: Ran) -> Ran {
    assert_silent(&format!("what `hymnal {}` says beside its data", ran.asked), &ran.stderr);
    ran
}

/// Both ways, a conflict, a parked value and a refused record, throttles and bad minutes: through a daemon's cycles.
async fn a_day_of_work(world: &World, hub: &str, crm: &str) {
    world.hub_edit(hub, &[("phone", "(212) 555-0142")]);
    eventually("it travels to sales", async || world.crm_value(crm, "Phone") == "+12125550142").await;
    world.crm_edit(crm, &[("Email", "zanzibar-new@example.com")]);
    eventually("and to marketing", async || world.hub_value(hub, "email") == "zanzibar-new@example.com").await;
    world.hub_edit(hub, &[("newsletter", "true")]);
    // The service's words quote what was sent; so do those of a throttle, a bad minute and an ended session.
    world.crm.plant(planted("PATCH", "", 1, quoting(400, "FIELD_CUSTOM_VALIDATION_EXCEPTION")));
    world.crm.plant(planted("POST", "/composite", 1, quoting(400, "FIELD_CUSTOM_VALIDATION_EXCEPTION")));
    world.hub.plant(planted("POST", "/batch/update", 1, quoting(400, "QUOTE")));
    for (status, code) in [(429, "RATE"), (503, "DOWN"), (401, "EXPIRED")] {
        world.hub.plant(planted("POST", "/search", 1, quoting(status, code)));
        world.crm.plant(planted("GET", "/query", 1, quoting(status, code)));
    }
    world.hub_edit(hub, &[("firstname", &format!("{FIRST} {}", "x".repeat(40))), ("company", "Quokka Ltd")]);
    world.hub_edit(hub, &[("jobtitle", "Kookaburra Chief")]);
    world.crm_edit(crm, &[("Title", "Kookaburra Aide"), ("Phone", "+1 212 555 0142")]);
    eventually("the conflict is open and the name is parked", async || {
        let status = world.sync_status().await;
        status["conflicts"] == 1 && status["parked"] == 1
    })
    .await;
    look(world, "in the middle of it").await;
}

/// A file that is bad where the secret stands, in each way; and a login that is refused.
async fn bad_files(world: &World, daemon: &tokio::process::Child) {
    let good = config(world);
    let bad = [
        good.replace(&format!("\"{TOKEN}\""), &format!("\"{TOKEN}")),
        good.replace(&format!("token    = \"{TOKEN}\""), &format!("tokn = \"{TOKEN}\"")),
        good.replace(&format!("client_secret = \"{CLIENT_SECRET}\""), &format!("client_secret = {CLIENT_SECRET}")),
        good.replace(&format!("\"{CLIENT_SECRET}\""), &format!("{{ value = \"{CLIENT_SECRET}\" }}")),
    ];
    for text in bad {
        assert_ne!(text, good);
        write(world, &text);
        let ran = world.run(&["check"]).await.exits(78);
        assert_silent("`check` of a bad file", &format!("{}\n{}", ran.stdout, ran.stderr));
        signal(daemon, Signal::HUP);
        tokio::time::sleep(Duration::from_millis(300)).await;
        write(world, &good);
        eventually("the refusal is shown", async || {
            world.json(&["status"]).await["daemon"]["reload_error"].is_string()
        })
        .await;
        look(world, "after a bad file").await;
        world.run(&["reload"]).await.exits(0);
    }
    let shown = world.run(&["config", "show"]).await.exits(0);
    assert_silent("`config show`", &shown.stdout);
}

/// Everything that can be asked about the person, and what is refused.
async fn questions(world: &World, key: &str) {
    for args in [
        &["explain", key][..],
        &["history", key],
        &["conflicts", "list"],
        &["conflicts", "export", "--csv"],
        &["parked", "list"],
        &["matches", "list"],
        &["plan"],
        &["plan", "--out", "plan.jsonl"],
        &["audit"],
        &["export"],
        &["export", "--csv"],
        &["undo", "--since", "1h", "--sync", "people", "--dry-run"],
        &["conflicts", "policy-test", "--policy", "prefer marketing"],
        &["sync"],
        &["resync", "people", key],
        &["parked", "retry", "--all"],
        &["connectors", "test", "crm"],
        &["check"],
    ] {
        quiet(world.run(args).await);
    }
    let open = world.json(&["conflicts", "list", "--open"]).await;
    let id = open[0]["id"].as_str().expect("an open conflict").to_owned();
    for refused in [
        &["conflicts", "resolve", &id, "--take", "nobody"][..],
        &["conflicts", "resolve", "--where", "job_titel == 1", "--take", "crm"],
        &["undo", "nothing"],
        &["history", "nobody@example.com"],
        &["forget", "nobody@example.com"],
        &["apply", "nowhere.jsonl"],
        &["approve", "people", "--hold", "updates-9"],
        &["pause", "nobody"],
        &["matches", "link", "nobody@example.com", "nobody2@example.com"],
    ] {
        let ran = world.run(refused).await;
        assert_silent(&format!("`hymnal {}`", ran.asked), &format!("{}\n{}", ran.stdout, ran.stderr));
    }
    // A plan that a service spoils, with a service that quotes.
    for args in [&["plan"][..], &["audit"], &["undo", "--since", "1h", "--sync", "people"], &["apply", "plan.jsonl"]] {
        for side in [&world.hub, &world.crm] {
            side.plant(planted("", "", 2, quoting(400, "MALFORMED_QUERY")));
        }
        quiet(world.run(args).await);
        for side in [&world.hub, &world.crm] {
            side.clear_faults();
        }
    }
    look(world, "after all questions").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn canaries_sing_in_no_log_no_error_and_no_status() {
    let world = caged().await;
    let (hub, crm) = person(&world);
    world.hub_edit(&hub, &[("phone", "(212) 555-0142")]);
    // Held at the first run: what would be written is told to who runs it, and to no log.
    quiet(world.once().await.exits(7));
    look(&world, "while the first run is held").await;
    // A login that is refused.
    write(&world, &config(&world).replace(TOKEN, &format!("{TOKEN}-revoked")));
    quiet(world.once().await);
    look(&world, "after a refused login").await;
    write(&world, &config(&world));
    quiet(world.run(&["approve", "people"]).await.exits(0));

    let daemon = world.daemon().await;
    a_day_of_work(&world, &hub, &crm).await;
    bad_files(&world, &daemon).await;
    questions(&world, "zanzibar-new@example.com").await;
    quiet(world.run(&["undo", "--since", "1h", "--sync", "people"]).await);
    let receipt = world.run(&["forget", &format!("crm:Contact:{crm}"), "--everywhere"]).await;
    assert_silent("the receipt", &format!("{}\n{}", receipt.stdout, receipt.stderr));
    look(&world, "after the person is forgotten").await;
    let log = stopped(daemon).await;
    assert!(log.lines().count() > 10, "there is a log to look at: {log}");
    assert_silent("the daemon's log", &log);
    // A spent quota, which ends a run.
    world.hub.plant(planted("POST", "/search", 1, quoting(429, "DAILY")));
    world.crm.plant(planted("GET", "/query", 1, quoting(403, "REQUEST_LIMIT_EXCEEDED")));
    quiet(world.run(&["run", "--once", "--timeout", "1s"]).await.exits(1));
    look(&world, "while a quota is spent").await;
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// What of the canaries stands in these bytes, as they are or packed.
fn found_in(bytes: &[u8]) -> Option<&'static str> {
    let frames = bytes.windows(4).enumerate().filter(|(_, four)| *four == [0x28, 0xb5, 0x2f, 0xfd]);
    let unpacked = frames.filter_map(|(at, _)| canary_in(&String::from_utf8_lossy(&unpack(&bytes[at..]))));
    canary_in(&String::from_utf8_lossy(bytes)).into_iter().chain(unpacked).next()
}

/// As much of a packed value as can be read.
fn unpack(frame: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    if let Ok(decoder) = zstd::stream::read::Decoder::with_dictionary(frame, DICTIONARY) {
        let mut left = decoder.single_frame().take(1 << 20);
        let mut piece = [0; 512];
        while let Ok(read) = left.read(&mut piece)
            && read > 0
        {
            plain.extend_from_slice(&piece[..read]);
        }
    }
    plain
}

/// Where the state holds a canary: in the bytes of its files, and in its rows as a backup has them.
async fn nests(world: &World) -> Vec<String> {
    let mut nests = Vec::new();
    for path in files(&world.state()) {
        if let Some(canary) = fs::read(&path).ok().as_deref().and_then(found_in) {
            nests.push(format!("{}: {canary}", path.display()));
        }
    }
    world.run(&["backup", "looked-at.jsonl"]).await.exits(0);
    let backup = world.dir.path().join("looked-at.jsonl");
    for line in fs::read_to_string(&backup).expect("the backup").lines() {
        let line: Json = serde_json::from_str(line).expect("a line of JSON");
        let bytes = |key: &str| BASE64.decode(line[key].as_str().unwrap_or_default()).expect("base64");
        let (key, value) = (bytes("key"), bytes("bytes"));
        if let Some(canary) = found_in(&key).or_else(|| found_in(&value)) {
            nests.push(format!("row {}: {canary}", String::from_utf8_lossy(&key).escape_debug()));
        }
    }
    fs::remove_file(backup).expect("it goes");
    nests
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_forgotten_is_in_no_byte_of_the_state() {
    let world = caged().await;
    let (hub, crm) = person(&world);
    let second = world.crm_record("Contact", &[("Email", EMAIL), ("LastName", LAST)]);
    world.known_person("bob@example.com");
    world.once().await.exits(7);
    world.run(&["approve", "people"]).await.exits(0);
    let daemon = world.daemon().await;
    a_day_of_work(&world, &hub, &crm).await;
    questions(&world, "zanzibar-new@example.com").await;
    stopped(daemon).await;
    let before = nests(&world).await;
    assert!(before.iter().any(|nest| nest.starts_with("row ")), "there is something to erase: {before:?}");
    assert!(before.iter().any(|nest| nest.contains("/store")), "in sled's own files too: {before:?}");

    world.run(&["forget", "zanzibar-new@example.com"]).await.exits(0);
    world.run(&["compact"]).await.exits(0);

    assert_eq!(nests(&world).await, Vec::<String>::new());
    // Their records are still in the systems, and are read again: that brings nothing back.
    world.hub_edit(&hub, &[("jobtitle", "Kookaburra Again")]);
    world.crm_edit(&second, &[("Phone", "(212) 555-0142")]);
    world.once().await;
    world.run(&["audit"]).await;
    world.run(&["plan"]).await;
    world.run(&["compact"]).await.exits(0);
    assert_eq!(nests(&world).await, Vec::<String>::new());
    assert_eq!(world.sync_status().await["people"], 1);
}
