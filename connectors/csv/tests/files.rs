//! The connector against every promise of the kit, and against what people do to files.

#![expect(clippy::expect_used, reason = "a test that cannot be set up fails")]

use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf};

use hymnal_csv::{CsvConnector, Settings};
use hymnal_sdk::{
    Call, Connector, Cursor, Fields, Got, Kind, List, Native, Next, Patch,
    kit::{self, Outcome, Subject},
};

struct Place {
    _folder: tempfile::TempDir,
    file: PathBuf,
    connector: CsvConnector,
}

fn place(content: &[u8], settings: &'static [(&'static str, &'static str)]) -> Place {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("people.csv");
    fs::write(&file, content).expect("a file");
    let path = folder.path().display().to_string();
    let text = |name: &str| {
        if name == "path" {
            return Some(path.clone());
        }
        settings.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    };
    let connector = CsvConnector::new(Settings::new(text).expect("settings"));
    Place { _folder: folder, file, connector }
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
}

fn patch(id: &str, name: &str) -> Patch {
    let fields = Fields::from([("name".to_owned(), Native::text(name))]);
    Patch { id: id.into(), fields, version: None, trace: "1".into() }
}

#[test]
fn a_file_keeps_every_promise() {
    let place = place(b"id,email,name\n", &[("unique", "email"), ("missing", "deleted")]);
    let draft = |number: u64| {
        Fields::from([
            ("email".to_owned(), Native::text(format!("kit{number}@example.com"))),
            ("name".to_owned(), Native::text(format!("Kit {number}"))),
        ])
    };
    let mut subject = Subject::new("people", draft, "name", "999999");
    subject.unique = Some("email".into());
    subject.shared = Some("name".into());
    subject.refused = Some(Fields::from([("no such column".to_owned(), Native::text("x"))]));
    subject.crowd = 1100;
    let reports = wait(kit::run(&place.connector, &subject));
    // A file says no times and no deletions, has no wire that could break, and knows neither users nor erasure.
    let not_run = [
        "users-are-told-apart",
        "erase-erases",
        "call-names-effect",
        "list-fault-resumes",
        "list-oldest-first",
        "deletions-name-deleted",
        "deletions-never-guess",
    ];
    let wrong: Vec<String> = reports
        .iter()
        .filter(|report| match &report.outcome {
            Outcome::Passed => not_run.contains(&report.slug),
            Outcome::Failed(_) => true,
            Outcome::NotRun(_) => !not_run.contains(&report.slug),
        })
        .map(ToString::to_string)
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What Hymnal does not change stays as it was written: the mark at the beginning, the line ends, the delimiter, the
/// mode of the file, other columns, lines that cannot be told apart.
#[test]
fn the_rest_of_the_file_stays_as_it_was() {
    let place = place(
        b"\xef\xbb\xbfid;name;note\r\n7;Ada;\"a;b\"\r\n;nobody;kept\r\n7;twice;kept\r\n8;Grace;\"two\r\nlines\"\r\n",
        &[("delimiter", ";")],
    );
    fs::set_permissions(&place.file, fs::Permissions::from_mode(0o640)).expect("a mode");
    let call = Call::default();
    let answers = wait(place.connector.update(&call, "people", &[patch("8", "Grace \"Amazing\" Hopper")]));
    assert!(answers.expect("an answer").remove(0).is_ok());
    let text = fs::read_to_string(&place.file).expect("the file");
    assert_eq!(
        text,
        "\u{feff}id;name;note\r\n7;Ada;\"a;b\"\r\n;nobody;kept\r\n7;twice;kept\r\n8;\"Grace \"\"Amazing\"\" Hopper\";\"two\r\nlines\"\r\n"
    );
    assert_eq!(fs::metadata(&place.file).expect("a file").permissions().mode() & 0o777, 0o640);
}

#[test]
fn a_file_that_did_not_change_lists_nothing() {
    let place = place(b"id,name\n1,Ada\n2,Grace\n", &[]);
    let call = Call::default();
    let fields = ["name".to_owned()];
    wait(async {
        let listed = async |cursor: Option<&Cursor>| {
            place.connector.list(&call, List { object: "people", fields: &fields, cursor }).await.expect("a page")
        };
        let first = listed(None).await;
        assert_eq!(first.records.len(), 2);
        let Next::Done(cursor) = first.next else { panic!("two lines are one page") };
        let again = listed(Some(&cursor)).await;
        assert_eq!((again.records.len(), &again.next), (0, &Next::Done(cursor.clone())));
        fs::write(&place.file, "id,name\n1,Ada L.\n2,Grace\n").expect("a file");
        let after = listed(Some(&cursor)).await;
        assert_eq!(after.records.len(), 2);
    });
}

/// Somebody saves the file between our reading and our write: theirs is kept, and ours is written over it.
#[test]
fn what_somebody_saved_meanwhile_is_kept() {
    let place = place(b"id,name\n1,Ada\n2,Grace\n", &[]);
    let call = Call::default();
    wait(async {
        place.connector.get(&call, "people", &["1".into()], &[]).await.expect("a line");
        fs::write(&place.file, "id,name\n1,Ada\n2,Grace Hopper\n").expect("a file");
        let answers = place.connector.update(&call, "people", &[patch("1", "Ada L.")]).await;
        assert!(answers.expect("an answer").remove(0).is_ok());
    });
    assert_eq!(fs::read_to_string(&place.file).expect("the file"), "id,name\n1,Ada L.\n2,Grace Hopper\n");
}

#[test]
fn files_that_do_not_read_are_named_with_their_line() {
    let call = Call::default();
    let told = |content: &[u8]| {
        let place = place(content, &[]);
        let list = List { object: "people", fields: &[], cursor: None };
        let error = wait(place.connector.list(&call, list)).expect_err("a refusal");
        format!("{error} {}", error.hint.clone().unwrap_or_default())
    };
    assert!(told(b"id,name\n1,Ada\n2,M\xfcller\n").contains("line 3"));
    assert!(told(b"id,name\n1,Ada\n2\n").contains("line: 3"));
    assert!(told(b"name,name\n").contains("two columns `name`"));
    assert!(told(b"email,name\n").contains("`id`"));
    let place = place(b"id\n", &[]);
    for object in ["nobody", "../people", ".hidden"] {
        let error = wait(place.connector.describe(&call, object)).expect_err("no such file");
        assert_eq!(error.kind, Kind::Fatal, "{object}: {error}");
    }
}

/// An export that broke off looks like many deletions: unless it was said that a missing line means that, it does not.
#[test]
fn a_missing_line_is_not_visible_unless_it_was_said() {
    let silent = place(b"id,name\n1,Ada\n", &[]);
    let said = place(b"id,name\n1,Ada\n", &[("missing", "deleted")]);
    let gone = |place: &Place| place.connector.capabilities("people").map(|capable| capable.gone);
    assert_eq!(gone(&silent), Some(hymnal_sdk::Gone::NotVisible));
    assert_eq!(gone(&said), Some(hymnal_sdk::Gone::Deleted));
    let got = wait(said.connector.get(&Call::default(), "people", &["2".into()], &[])).expect("an answer");
    assert_eq!(got, [Got::Gone]);
}

/// Several batches are in flight at once: none of them is lost.
#[test]
fn changes_at_once_are_all_written() {
    let lines: Vec<String> = (1..=40).map(|number| format!("{number},Kit\n")).collect();
    let place = place(format!("id,name\n{}", lines.concat()).as_bytes(), &[]);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let tasks: Vec<_> = (1..=40)
            .map(|number: u32| {
                let connector = place.connector.clone();
                tokio::spawn(async move {
                    let patches = [patch(&number.to_string(), "Ada")];
                    connector.update(&Call::default(), "people", &patches).await.expect("an answer").remove(0)
                })
            })
            .collect();
        for task in tasks {
            assert!(task.await.expect("a task").is_ok());
        }
    });
    let text = fs::read_to_string(&place.file).expect("the file");
    assert_eq!(text.matches(",Ada").count(), 40, "{text}");
}
