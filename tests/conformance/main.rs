//! Every connector against every promise of the conformance kit.

mod fakes;
mod liar;
mod memory;
mod services;

use std::{
    fs,
    io::{self, Write as _},
    path::Path,
    thread,
};

use hymnal_memory::{DeletedReads, ObjectOptions};
use hymnal_sdk::{
    Connector,
    kit::{self, Outcome, Report, Subject},
};

/// Tries every promise on one connector.
type Trying = fn() -> Vec<Report>;

/// The connectors that are a folder with a manifest, and how each is tried: a line for each object.
const FOLDERS: &[(&str, Trying)] = &[
    ("dynamics", dynamics_contacts),
    ("dynamics", dynamics_leads),
    ("hubspot", hubspot_contacts),
    ("insightly", insightly_contacts),
    ("insightly", insightly_leads),
    ("insightly", insightly_prospects),
    ("marketo", marketo_leads),
    ("mautic", mautic_contacts),
    ("pipedrive", pipedrive_leads),
    ("pipedrive", pipedrive_persons),
    ("salesforce", salesforce_contact),
    ("salesforce", salesforce_lead),
];

fn hubspot_contacts() -> Vec<Report> {
    conform("hubspot contacts", services::hubspot, &[])
}

fn salesforce_contact() -> Vec<Report> {
    conform("salesforce Contact", || services::salesforce("Contact"), &["erase-erases"])
}

fn salesforce_lead() -> Vec<Report> {
    conform("salesforce Lead", || services::salesforce("Lead"), &["erase-erases"])
}

/// What a service that writes one record a call, and lists in an order of its own, cannot be asked.
const ONE_BY_ONE: &[&str] =
    &["list-oldest-first", "create-one-bad-item", "update-one-bad-item", "erase-erases", "users-are-told-apart"];

fn dynamics_contacts() -> Vec<Report> {
    conform("dynamics contacts", || fakes::dynamics("contacts"), ONE_BY_ONE)
}

fn dynamics_leads() -> Vec<Report> {
    conform("dynamics leads", || fakes::dynamics("leads"), ONE_BY_ONE)
}

fn pipedrive_persons() -> Vec<Report> {
    conform("pipedrive persons", fakes::pipedrive_persons, LACKS_MUCH)
}

fn pipedrive_leads() -> Vec<Report> {
    conform("pipedrive leads", fakes::pipedrive_leads, LACKS_MUCH)
}

/// What a service without batches, without a unique field and without a word of deletions cannot be asked.
const LACKS_MUCH: &[&str] = &[
    "list-oldest-first",
    "deletions-name-deleted",
    "deletions-never-guess",
    "create-one-bad-item",
    "create-duplicate-is-conflict",
    "update-one-bad-item",
    "upsert-repeats",
    "erase-erases",
    "users-are-told-apart",
    "erase-erases",
    "users-are-told-apart",
];

fn insightly_contacts() -> Vec<Report> {
    conform("insightly Contacts", || fakes::insightly("Contacts"), LACKS_MUCH)
}

fn insightly_leads() -> Vec<Report> {
    conform("insightly Leads", || fakes::insightly("Leads"), LACKS_MUCH)
}

fn insightly_prospects() -> Vec<Report> {
    let mut lacks = LACKS_MUCH.to_vec();
    // No documented field of a prospect has choices.
    lacks.extend(["create-answers-truth"]);
    conform("insightly Prospects", || fakes::insightly("Prospects"), &lacks)
}

fn marketo_leads() -> Vec<Report> {
    // Values are separated by commas, and no document says how one that holds a comma is quoted: such are not looked up.
    let lacks = ["list-oldest-first", "find-finds-all", "find-quotes", "erase-erases", "users-are-told-apart"];
    conform("marketo leads", fakes::marketo, &lacks)
}

fn mautic_contacts() -> Vec<Report> {
    let lacks = [
        "list-oldest-first",
        "deletions-name-deleted",
        "deletions-never-guess",
        "upsert-repeats",
        "erase-erases",
        "users-are-told-apart",
    ];
    conform("mautic contacts", fakes::mautic, &lacks)
}

/// Tries every promise on a connector. It fails where one is broken, and where one could not be tried that is not
/// named in `not_run`, so that no promise stops being tried unnoticed.
fn conform<C: Connector>(name: &str, made: impl FnOnce() -> (C, Subject), not_run: &[&str]) -> Vec<Report> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let reports = runtime.block_on(async {
        let (connector, subject) = made();
        kit::run(&connector, &subject).await
    });
    for report in reports.iter().filter(|report| matches!(report.outcome, Outcome::NotRun(_))) {
        // Written past the test's own capture, which would hide it.
        writeln!(io::stderr(), "{name}: {report}").expect("standard error");
    }
    let wrong = |report: &&Report| match report.outcome {
        Outcome::Failed(_) => true,
        Outcome::NotRun(_) => !not_run.contains(&report.slug),
        Outcome::Passed => not_run.contains(&report.slug),
    };
    let wrong: Vec<String> = reports.iter().filter(wrong).map(|report| format!("{name}: {report}")).collect();
    assert!(wrong.is_empty(), "promises are broken, or are not tried as `not_run` says:\n{}", wrong.join("\n"));
    reports
}

/// Connectors by folder on which nothing was proved.
fn unproved<'a>(folders: &'a [String], tried: &[(&str, Vec<Report>)]) -> Vec<&'a str> {
    let passed = |folder: &str| {
        let mut reports = tried.iter().filter(|(name, _)| *name == folder).flat_map(|(_, reports)| reports);
        reports.any(|report| report.outcome == Outcome::Passed)
    };
    folders.iter().map(String::as_str).filter(|folder| !passed(folder)).collect()
}

#[test]
fn every_connector_folder_was_tried() {
    let connectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("connectors");
    let mut folders: Vec<String> = fs::read_dir(connectors)
        .expect("the folder of the connectors")
        .map(|entry| entry.expect("a readable folder"))
        .filter(|entry| entry.path().join("manifest.toml").is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    folders.sort();
    let tried: Vec<(&str, Vec<Report>)> = thread::scope(|scope| {
        let running: Vec<_> = FOLDERS.iter().map(|&(name, run)| (name, scope.spawn(run))).collect();
        running.into_iter().map(|(name, run)| (name, run.join().expect("promises are kept"))).collect()
    });
    let unproved = unproved(&folders, &tried);
    assert!(
        unproved.is_empty(),
        "no promise was tried on {unproved:?}: add a line to `FOLDERS` in `tests/conformance/main.rs`"
    );
    let stale: Vec<&str> =
        FOLDERS.iter().map(|(name, _)| *name).filter(|name| !folders.iter().any(|folder| folder == name)).collect();
    assert!(stale.is_empty(), "`FOLDERS` names {stale:?}, and `connectors/` has no such manifest");
}

#[test]
fn a_folder_on_which_nothing_ran_is_unproved() {
    let folders = ["a", "b", "c"].map(str::to_owned);
    let report = |outcome| vec![Report { slug: "list-ends", outcome }];
    let tried = [("a", report(Outcome::Passed)), ("b", report(Outcome::NotRun("no list".into())))];
    assert_eq!(unproved(&folders, &tried), ["b", "c"]);
}

#[test]
fn memory_listed_by_time() {
    conform("memory", || memory::service(|_| ()), &[]);
}

#[test]
fn memory_with_late_rows_and_a_lagging_index() {
    conform("memory, lagging", memory::lagging, &[]);
}

#[test]
fn memory_with_a_whole_list_and_no_times() {
    let not_run = ["list-oldest-first", "deletions-name-deleted", "deletions-never-guess"];
    conform("memory, whole list", memory::scanned, &not_run);
}

#[test]
fn memory_without_a_unique_key() {
    let not_run = ["create-duplicate-is-conflict", "upsert-repeats"];
    conform("memory, no unique key", memory::without_key, &not_run);
}

#[test]
fn memory_that_returns_no_record() {
    let shape = |object: &mut ObjectOptions| {
        object.capabilities.write_returns_record = false;
        object.deleted_reads = DeletedReads::Flagged;
    };
    conform("memory, no returned record", || memory::service(shape), &[]);
}

#[test]
fn memory_one_record_a_call() {
    let shape = |object: &mut ObjectOptions| {
        let capabilities = &mut object.capabilities;
        capabilities.get_batch = 1;
        capabilities.find_batch = 1;
        capabilities.create_batch = 1;
        capabilities.update_batch = 1;
        capabilities.delete_batch = 1;
        capabilities.upsert_batch = 0;
    };
    let not_run = ["create-one-bad-item", "update-one-bad-item", "upsert-repeats"];
    conform("memory, one by one", || memory::service(shape), &not_run);
}

#[test]
fn a_subject_that_offers_little_passes_little() {
    let bare = || {
        let (connector, full) = memory::service(|_| ());
        (connector, Subject::new(full.object, full.draft, full.text, full.missing))
    };
    let not_run = [
        "call-names-effect",
        "list-never-skips",
        "list-resumes",
        "list-oldest-first",
        "list-fault-resumes",
        "deletions-never-guess",
        "find-finds-all",
        "find-quotes",
        "create-answers-truth",
        "create-one-bad-item",
        "create-duplicate-is-conflict",
        "update-one-bad-item",
        "upsert-repeats",
    ];
    conform("memory, bare subject", bare, &not_run);
}

#[test]
fn the_account_is_left_as_it_was() {
    let (connector, subject) = memory::service(|_| ());
    let people = connector.people().clone();
    conform("memory", || (connector, subject), &[]);
    let left: Vec<String> = people.live(memory::OBJECT).into_iter().map(|row| row.id).collect();
    assert_eq!(left, Vec::<String>::new());
}

/// HubSpot's search ends at 10,000 results, whatever is asked for.
#[test]
fn hubspot_lists_more_than_its_cap_at_one_time() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let check = kit::checks().iter().find(|check| check.slug == "list-never-skips").expect("a check of the kit");
    let report = runtime.block_on(async {
        let (connector, subject) = services::hubspot_beyond_its_cap();
        check.run(&connector, &subject).await
    });
    assert_eq!(report.outcome, Outcome::Passed);
}

/// A check that cannot fail proves nothing: each is shown a connector that breaks its promise and no other rule of
/// the kit's own.
#[test]
fn every_check_catches_its_liar() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let mut believed = Vec::new();
    for check in kit::checks() {
        let (connector, subject) = memory::service(|_| ());
        let liar = liar::Liar::new(connector, check.slug);
        let report = runtime.block_on(check.run(&liar, &subject));
        if !matches!(report.outcome, Outcome::Failed(_)) {
            believed.push(report.to_string());
        }
    }
    assert!(believed.is_empty(), "liars were believed:\n{}", believed.join("\n"));
}
