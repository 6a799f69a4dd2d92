//! The process in the rough: stops, reloads, signals and files taken away, at the worst moment.

use std::{fs, process::Stdio, time::Duration};

use hymnal_sandbox::Fault;
use rustix::process::Signal;

use crate::world::{World, ended, eventually, planted, signal};

const STOP: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_in_mid_batch_finishes_it_and_leaves_nothing_in_doubt() {
    let world = World::usual().await;
    world.seed(60, 50, 20, 6);
    world.crm.plant(planted("POST", "/composite/sobjects", 1, Fault::Delay { ms: 1500 }));
    let mut daemon = world.daemon().await;
    eventually("a batch is under way", async || world.crm.account().lock().faults.is_empty()).await;
    let mark = world.mark();
    signal(&daemon, Signal::TERM);
    assert!(ended(&mut daemon, STOP).await.success());

    // What was in flight was answered and confirmed: the next run looks for nobody who may have been made.
    let made = world.sales_records().len();
    let told = world.json(&["status"]).await;
    assert_eq!(told["syncs"]["people"]["linked"].as_u64(), Some(linked(&world) as u64), "{made} are there: {told}");
    assert!(world.wrote_since(mark).1 <= 2, "the batch in flight, and none after it");
    world.converge().await;
    world.assert_same_people(90);
}

/// People who stand on both sides.
fn linked(world: &World) -> usize {
    let emails = |records: Vec<std::collections::BTreeMap<String, String>>, field: &str| {
        let all = records.iter().map(|record| record[field].to_lowercase());
        all.collect::<std::collections::BTreeSet<String>>()
    };
    emails(world.contacts(), "email").intersection(&emails(world.sales_records(), "Email")).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_while_it_starts_is_clean_at_every_moment() {
    let world = World::usual().await;
    world.seed(30, 20, 10, 6);
    for ms in [0, 5, 10, 20, 40, 80, 160, 320] {
        let mut daemon = world.spawn(&["run"]);
        tokio::time::sleep(Duration::from_millis(ms)).await;
        signal(&daemon, Signal::TERM);
        let status = ended(&mut daemon, STOP).await;
        // Before it can listen to signals, the system ends it as asked.
        let by_signal = std::os::unix::process::ExitStatusExt::signal(&status) == Some(15);
        assert!(status.success() || by_signal, "after {ms} ms: {status}");
    }
    world.converge().await;
    world.assert_same_people(40);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reloads_in_mid_cycle_and_storms_of_signals_change_nothing() {
    let world = World::usual().await;
    world.seed(60, 50, 20, 6);
    let (hub, crm) = world.known_person("ada@example.com");
    let mut daemon = world.daemon().await;
    for turn in 0..30_u32 {
        signal(&daemon, Signal::HUP);
        if turn.is_multiple_of(10) {
            world.hub_edit(&hub, &[("phone", &format!("+121255501{turn:02}"))]);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // A bad file in the middle of it, and the good one again.
    let good = world.config_text();
    fs::write(world.config(), "version = ").expect("a bad file");
    for _ in 0..5 {
        signal(&daemon, Signal::HUP);
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    fs::write(world.config(), good).expect("the good file");
    signal(&daemon, Signal::HUP);
    eventually("the edit travels", async || world.crm_value(&crm, "Phone") == "+12125550120").await;
    for _ in 0..20 {
        signal(&daemon, Signal::HUP);
        signal(&daemon, Signal::TERM);
        if daemon.try_wait().expect("its status").is_some() {
            break;
        }
    }
    assert!(ended(&mut daemon, STOP).await.success());
    world.converge().await;
    world.assert_same_people(91);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn few_file_descriptors_are_enough_or_said_to_be_too_few() {
    let world = World::usual().await;
    world.seed(30, 20, 10, 6);
    let limited = async |limit: u32| {
        let program = world.command(&["run", "--once"]);
        let program = program.as_std();
        let mut shell = tokio::process::Command::new("sh");
        shell.arg("-c").arg(format!("ulimit -n {limit}; exec \"$0\" \"$@\"")).arg(program.get_program());
        shell.args(program.get_args()).current_dir(world.dir.path()).env_clear().env("NO_COLOR", "1");
        let output = shell.stdin(Stdio::null()).kill_on_drop(true).output();
        tokio::time::timeout(Duration::from_mins(2), output).await.expect("it ends").expect("its output")
    };
    for limit in [8, 12, 16, 20, 24, 32] {
        let output = limited(limit).await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(matches!(output.status.code(), Some(0 | 1)), "{limit}: {:?} {said}", output.status);
    }
    let output = limited(64).await;
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    world.converge().await;
    world.assert_same_people(40);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_conflict_log_that_is_moved_away_or_removed_is_begun_anew() {
    let world = World::usual().await;
    let (hub, crm) = world.known_person("ada@example.com");
    let daemon = &mut world.daemon().await;
    let log = world.state().join("conflicts.jsonl");
    let mut told = 0;
    for (turn, take_away) in [false, true, true].into_iter().enumerate() {
        if take_away {
            let moved = world.state().join(format!("conflicts.jsonl.moved-{turn}"));
            fs::rename(&log, &moved).expect("logrotate moves it");
            told = 0;
        }
        // In one cycle, so that each side's edit is news.
        world.run(&["pause", "people"]).await.exits(0);
        world.hub_edit(&hub, &[("jobtitle", &format!("left {turn}"))]);
        world.crm_edit(&crm, &[("Title", &format!("right {turn}"))]);
        world.run(&["resume", "people"]).await.exits(0);
        eventually("the conflict is logged", async || world.conflicts().len() > told).await;
        told = world.conflicts().len();
    }
    signal(daemon, Signal::TERM);
    assert!(ended(daemon, STOP).await.success());
    world.converge().await;
    assert_eq!(world.hub_value(&hub, "jobtitle"), world.crm_value(&crm, "Title"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_state_directory_that_cannot_be_used_is_said_and_nothing_is_sent() {
    let world = World::usual().await;
    world.seed(5, 5, 2, 6);
    let mark = world.mark();
    // A file in its place.
    fs::write(world.state(), "").expect("a file");
    world.once().await.exits(1).says("state");
    fs::remove_file(world.state()).expect("it goes");
    // A link that leads nowhere.
    std::os::unix::fs::symlink(world.dir.path().join("nowhere/at/all"), world.state()).expect("a link");
    world.once().await.exits(1).says("state");
    fs::remove_file(world.state()).expect("it goes");
    // A store that is a link.
    fs::create_dir(world.state()).expect("a folder");
    fs::create_dir(world.dir.path().join("elsewhere")).expect("a folder");
    std::os::unix::fs::symlink(world.dir.path().join("elsewhere"), world.state().join("store")).expect("a link");
    world.once().await.exits(65).says("symbolic link");
    fs::remove_file(world.state().join("store")).expect("it goes");
    assert_eq!(world.wrote_since(mark), (0, 0));
    // The folder itself may be a link, as under systemd.
    fs::remove_dir_all(world.state()).expect("it goes");
    std::os::unix::fs::symlink(world.dir.path().join("elsewhere"), world.state()).expect("a link");
    world.converge().await;
    world.assert_same_people(8);
}

/// A file system that can be mounted again, read-only: `None` where this machine lets nobody mount.
struct Mounted<'a>(&'a std::path::Path);

impl<'a> Mounted<'a> {
    fn new(at: &'a std::path::Path) -> Option<Self> {
        fs::create_dir(at).expect("a folder");
        let mounted =
            std::process::Command::new("mount").args(["-t", "tmpfs", "-o", "size=200m", "test"]).arg(at).output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self(at))
    }

    fn again(&self, how: &str) {
        let mounted = std::process::Command::new("mount").args(["-o", &format!("remount,{how}")]).arg(self.0).status();
        assert!(mounted.expect("mount").success());
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("--lazy").arg(self.0).status();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_fills_up_or_is_read_only_costs_nothing() {
    let world = World::usual().await;
    let (hub, crm) = world.known_person("ada@example.com");
    let state = world.state();
    let Some(disk) = Mounted::new(&state) else {
        println!("not run: a disk that fills up or turns read-only: no tmpfs can be mounted here");
        return;
    };
    let mut daemon = world.daemon().await;
    world.hub_edit(&hub, &[("phone", "+12125550111")]);
    eventually("it works", async || world.crm_value(&crm, "Phone") == "+12125550111").await;

    let ballast = state.join("ballast");
    fs::write(&ballast, vec![0; 150 << 20]).expect("it fills up");
    world.hub_edit(&hub, &[("phone", "+12125550122")]);
    let full = world.mark();
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(world.wrote_since(full), (0, 0), "nothing is sent that cannot be remembered");
    world.json(&["status"]).await;
    fs::remove_file(&ballast).expect("there is space again");
    eventually("it resumes", async || world.crm_value(&crm, "Phone") == "+12125550122").await;

    signal(&daemon, Signal::TERM);
    assert!(ended(&mut daemon, STOP).await.success());

    // The system lets nobody turn a disk read-only that is being written to: it is met at the start.
    disk.again("ro");
    world.hub_edit(&hub, &[("phone", "+12125550133")]);
    let read_only = world.mark();
    world.once().await.exits(1).says("Read-only file system");
    assert_eq!(world.wrote_since(read_only), (0, 0), "nothing is sent that cannot be remembered");
    disk.again("rw");
    world.converge().await;
    assert_eq!(world.crm_value(&crm, "Phone"), "+12125550133");
}
