//! Every connector against every promise of the conformance kit.

mod liar;
mod memory;

use std::{fs, path::Path};

use hymnal_sdk::{
    Connector,
    kit::{self, Outcome, Report, Subject},
};

/// Tries every promise on one connector.
type Trying = fn() -> Vec<Report>;

/// The connectors that are a folder with a manifest, and how each is tried: one line each.
const FOLDERS: &[(&str, Trying)] = &[];

/// Tries every promise on a connector. It fails where one is broken, and where one could not be tried that is not
/// named in `not_run`, so that no promise stops being tried unnoticed.
fn conform(name: &str, connector: &dyn Connector, subject: &Subject, not_run: &[&str]) -> Vec<Report> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let reports = runtime.expect("a runtime").block_on(kit::run(connector, subject));
    let failed: Vec<String> = reports
        .iter()
        .filter(|report| matches!(report.outcome, Outcome::Failed(_)))
        .map(|report| format!("{name}: {report}"))
        .collect();
    assert!(failed.is_empty(), "promises are broken:\n{}", failed.join("\n"));
    let skipped: Vec<String> = reports
        .iter()
        .filter(|report| matches!(report.outcome, Outcome::NotRun(_)) != not_run.contains(&report.slug))
        .map(|report| format!("{name}: {report}"))
        .collect();
    assert!(skipped.is_empty(), "what is tried differs from what `not_run` says:\n{}", skipped.join("\n"));
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
    let tried: Vec<(&str, Vec<Report>)> = FOLDERS.iter().map(|&(name, run)| (name, run())).collect();
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
    let (connector, subject) = memory::service(|_| ());
    conform("memory", &connector, &subject, &[]);
}

#[test]
fn memory_with_late_rows_and_a_lagging_index() {
    let (connector, subject) = memory::lagging();
    conform("memory, lagging", &connector, &subject, &[]);
}

#[test]
fn memory_with_a_whole_list_and_no_times() {
    let (connector, subject) = memory::scanned();
    let not_run = ["list-oldest-first", "deletions-name-deleted", "deletions-never-guess"];
    conform("memory, whole list", &connector, &subject, &not_run);
}

#[test]
fn memory_without_a_unique_key() {
    let (connector, subject) = memory::without_key();
    conform("memory, no unique key", &connector, &subject, &["create-duplicate-is-conflict", "upsert-repeats"]);
}

#[test]
fn memory_that_returns_no_record() {
    let (connector, subject) = memory::service(|object| {
        object.capabilities.write_returns_record = false;
        object.deleted_reads = hymnal_memory::DeletedReads::Flagged;
    });
    conform("memory, no returned record", &connector, &subject, &[]);
}

#[test]
fn memory_one_record_a_call() {
    let (connector, subject) = memory::service(|object| {
        let capabilities = &mut object.capabilities;
        capabilities.get_batch = 1;
        capabilities.find_batch = 1;
        capabilities.create_batch = 1;
        capabilities.update_batch = 1;
        capabilities.delete_batch = 1;
        capabilities.upsert_batch = 0;
    });
    let not_run = ["create-one-bad-item", "update-one-bad-item", "upsert-repeats"];
    conform("memory, one by one", &connector, &subject, &not_run);
}

#[test]
fn a_subject_that_offers_little_passes_little() {
    let (connector, full) = memory::service(|_| ());
    let bare = Subject::new(full.object, full.draft, full.text, full.missing);
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
    conform("memory, bare subject", &connector, &bare, &not_run);
}

#[test]
fn the_account_is_left_as_it_was() {
    let (connector, subject) = memory::service(|_| ());
    conform("memory", &connector, &subject, &[]);
    let left: Vec<String> = connector.people().live(memory::OBJECT).into_iter().map(|row| row.id).collect();
    assert_eq!(left, Vec::<String>::new());
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
