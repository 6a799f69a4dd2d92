//! The connector against every promise of the kit, over SQLite, and over the servers that the environment names:
//! `HYMNAL_POSTGRES_URL` and `HYMNAL_MYSQL_URL`, each a database that may be written to freely.

#![expect(clippy::expect_used, reason = "a test that cannot be set up fails")]

use std::{
    collections::BTreeSet,
    env,
    io::{self, Write as _},
    sync::atomic::{AtomicU64, Ordering},
};

use hymnal_sdk::{
    Address, Call, Connector, ExposeSecret as _, Fields, Find, Got, Kind, List, Native, NativeKind, Next, Patch,
    SecretString, State,
    kit::{self, Outcome, Subject},
};
use hymnal_sql::{Settings, SqlConnector};
use sqlx::{AnyConnection, AssertSqlSafe, Connection as _, Executor as _};

/// A database with a table of its own.
struct Place {
    url: SecretString,
    table: String,
    _folder: Option<tempfile::TempDir>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Base {
    Sqlite,
    Postgres,
    MySql,
}

static NEXT: AtomicU64 = AtomicU64::new(0);

impl Base {
    /// A new table in the database; `None`, said aloud, where there is none here.
    async fn place(self) -> Option<Place> {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let table = format!("people_{}_{number}", std::process::id());
        let (url, folder) = match self {
            Self::Sqlite => {
                // In memory where that can be had: the kit commits thousands of times, and what is tried here is not
                // the disk.
                let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder");
                (format!("sqlite://{}/base.db?mode=rwc", folder.path().display()), Some(folder))
            }
            Self::Postgres => (self.named_by("HYMNAL_POSTGRES_URL")?, None),
            Self::MySql => (self.named_by("HYMNAL_MYSQL_URL")?, None),
        };
        let place = Place { url: url.into(), table, _folder: folder };
        place.run(&self.create(&place.table)).await;
        if self == Self::Postgres {
            place.run(&touch(&place.table)).await;
        }
        if self == Self::Sqlite {
            let table = &place.table;
            place
                .run(&format!(
                    "CREATE TRIGGER {table}_touch AFTER UPDATE ON {table} BEGIN UPDATE {table} SET updated_at = \
                     strftime('%Y-%m-%d %H:%M:%f', 'now') WHERE id = NEW.id; END"
                ))
                .await;
        }
        Some(place)
    }

    fn named_by(self, name: &str) -> Option<String> {
        let url = env::var(name).ok();
        if url.is_none() {
            writeln!(io::stderr(), "not run: {self:?}, since {name} names no database").expect("standard error");
        }
        url
    }

    fn create(self, table: &str) -> String {
        match self {
            Self::Sqlite => format!(
                "CREATE TABLE {table} (id INTEGER PRIMARY KEY, email TEXT COLLATE NOCASE UNIQUE, name TEXT, \
                 stage TEXT CHECK (stage IN ('lead', 'customer')), visits INTEGER, opted_out BOOLEAN, born DATE, \
                 seen_at DATETIME, deleted BOOLEAN NOT NULL DEFAULT 0, \
                 updated_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now')))"
            ),
            Self::Postgres => format!(
                "CREATE TABLE {table} (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email varchar(200) UNIQUE, \
                 name text, stage varchar(9) CHECK (stage IN ('lead', 'customer')), visits integer, opted_out boolean, \
                 born date, seen_at timestamptz, deleted boolean NOT NULL DEFAULT false, \
                 updated_at timestamptz NOT NULL DEFAULT clock_timestamp())"
            ),
            Self::MySql => format!(
                "CREATE TABLE {table} (id bigint AUTO_INCREMENT PRIMARY KEY, email varchar(200) UNIQUE, name text, \
                 stage enum('lead', 'customer'), visits integer, opted_out boolean, born date, seen_at datetime(6), \
                 deleted boolean NOT NULL DEFAULT false, updated_at datetime(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) \
                 ON UPDATE CURRENT_TIMESTAMP(6)) CHARACTER SET utf8mb4"
            ),
        }
    }
}

fn touch(table: &str) -> String {
    format!(
        "CREATE OR REPLACE FUNCTION {table}_touch() RETURNS trigger AS 'BEGIN NEW.updated_at := clock_timestamp(); \
         RETURN NEW; END' LANGUAGE plpgsql; CREATE TRIGGER touch BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE \
         FUNCTION {table}_touch()"
    )
}

impl Place {
    async fn run(&self, sql: &str) {
        sqlx::any::install_default_drivers();
        let mut db = AnyConnection::connect(self.url.expose_secret()).await.expect("a connection");
        db.execute(sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))).await.expect(sql);
        db.close().await.expect("an end");
    }

    /// A connector whose settings are these.
    fn connector(&self, settings: &'static [(&'static str, &'static str)]) -> SqlConnector {
        let text = |name: &str| settings.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        SqlConnector::new(Settings::new(self.url.clone(), text).expect("settings"))
    }

    fn subject(&self) -> Subject {
        let draft = |number: u64| {
            Fields::from([
                ("email".to_owned(), Native::text(format!("kit{number}@example.com"))),
                ("name".to_owned(), Native::text(format!("Kit {number}"))),
                ("stage".to_owned(), Native::text("lead")),
            ])
        };
        let mut subject = Subject::new(self.table.clone(), draft, "name", "999999999");
        subject.unique = Some("email".into());
        subject.shared = Some("name".into());
        subject.refused = Some(Fields::from([("stage".to_owned(), Native::text("nothing"))]));
        subject.crowd = 1100;
        subject
    }
}

const TIMED: &[(&str, &str)] = &[("updated_at", "updated_at"), ("deleted", "deleted"), ("unique", "email")];
const PLAIN: &[(&str, &str)] = &[];

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(future)
}

fn conform(base: Base, settings: &'static [(&'static str, &'static str)], not_run: &[&str]) {
    wait(async {
        let Some(place) = base.place().await else { return };
        let reports = kit::run(&place.connector(settings), &place.subject()).await;
        let passed: BTreeSet<&str> =
            reports.iter().filter(|report| report.outcome == Outcome::Passed).map(|report| report.slug).collect();
        let wrong: Vec<String> = reports
            .iter()
            .filter(|report| match &report.outcome {
                Outcome::Passed => false,
                Outcome::Failed(_) => true,
                Outcome::NotRun(_) => !not_run.contains(&report.slug),
            })
            .map(ToString::to_string)
            .collect();
        assert!(wrong.is_empty(), "{base:?}:\n{}", wrong.join("\n"));
        let stale: Vec<_> = not_run.iter().filter(|slug| passed.contains(**slug)).collect();
        assert!(stale.is_empty(), "{base:?}: these are tried after all: {stale:?}");
    });
}

/// A database has no layer in which a call could be interrupted, no permission on one row, no users that own rows, and no
/// erasure besides its deletion.
const WITH_TIMES: &[&str] =
    &["call-names-effect", "list-fault-resumes", "deletions-never-guess", "users-are-told-apart", "erase-erases"];
const WITHOUT_TIMES: &[&str] = &[
    "users-are-told-apart",
    "erase-erases",
    "call-names-effect",
    "list-fault-resumes",
    "list-oldest-first",
    "deletions-name-deleted",
    "deletions-never-guess",
    "upsert-repeats",
];

#[test]
fn sqlite_with_times_and_flags_keeps_every_promise() {
    conform(Base::Sqlite, TIMED, WITH_TIMES);
}

#[test]
fn sqlite_without_times_keeps_every_promise() {
    conform(Base::Sqlite, PLAIN, WITHOUT_TIMES);
}

#[test]
fn postgres_with_times_and_flags_keeps_every_promise() {
    conform(Base::Postgres, TIMED, WITH_TIMES);
}

#[test]
fn postgres_without_times_keeps_every_promise() {
    conform(Base::Postgres, PLAIN, WITHOUT_TIMES);
}

#[test]
fn mysql_with_times_and_flags_keeps_every_promise() {
    conform(Base::MySql, TIMED, WITH_TIMES);
}

/// Types come back as they went, in each database.
#[test]
fn typed_values_come_back() {
    for base in [Base::Sqlite, Base::Postgres, Base::MySql] {
        wait(async {
            let Some(place) = base.place().await else { return };
            let connector = place.connector(TIMED);
            let call = Call::default();
            let fields = Fields::from([
                ("name".to_owned(), Native::text("O'Brien \"x\" `y` ; -- ż 🎵")),
                ("visits".to_owned(), Native::text("7")),
                ("opted_out".to_owned(), Native::Bool(true)),
                ("born".to_owned(), Native::text("1999-12-31")),
                ("seen_at".to_owned(), Native::text("2026-11-23T10:11:12.5Z")),
            ]);
            let draft = hymnal_sdk::Draft { fields, trace: "1".into() };
            let written = connector.create(&call, &place.table, &[draft]).await.expect("an answer").remove(0);
            let record = written.expect("a row").record.expect("the row");
            let field = |name: &str| record.fields[name].to_string();
            assert_eq!(field("name"), "O'Brien \"x\" `y` ; -- ż 🎵", "{base:?}");
            assert_eq!(field("visits"), "7", "{base:?}");
            assert!(["1", "true"].contains(&field("opted_out").as_str()), "{base:?}: {}", field("opted_out"));
            assert_eq!(field("born"), "1999-12-31", "{base:?}");
            assert_eq!(field("seen_at"), "2026-11-23T10:11:12.5Z", "{base:?}");
            let schema = connector.describe(&call, &place.table).await.expect("a schema");
            let kind = |name: &str| schema.field(name).map(|field| field.kind);
            assert_eq!(kind("visits"), Some(NativeKind::Number), "{base:?}");
            assert_eq!(kind("opted_out"), Some(NativeKind::Bool), "{base:?}");
            assert_eq!(kind("seen_at"), Some(NativeKind::Datetime), "{base:?}");
            assert!(schema.field("id").is_some_and(|field| !field.updateable), "{base:?}");
        });
    }
}

/// A value that the database refuses is named by its column, and the rest of the patch can go alone.
#[test]
fn a_refused_value_names_its_column() {
    for base in [Base::Sqlite, Base::Postgres, Base::MySql] {
        wait(async {
            let Some(place) = base.place().await else { return };
            let connector = place.connector(TIMED);
            let call = Call::default();
            place.run(&format!("INSERT INTO {} (email, name) VALUES ('a@example.com', 'Ada')", place.table)).await;
            let fields = Fields::from([
                ("name".to_owned(), Native::text("Ada L.")),
                ("stage".to_owned(), Native::text("nothing")),
            ]);
            let patch = Patch { id: "1".into(), fields, version: None, trace: "1".into() };
            let answer = connector.update(&call, &place.table, &[patch]).await.expect("an answer").remove(0);
            let error = answer.expect_err("a refusal");
            assert_eq!((error.kind, error.field.as_deref()), (Kind::RejectedField, Some("stage")), "{base:?}: {error}");
            let got = connector.get(&call, &place.table, &["1".into()], &["name".into()]).await.expect("rows");
            let Got::Record(record) = &got[0] else { panic!("{base:?}: the row is there") };
            assert_eq!(record.fields["name"].to_string(), "Ada", "{base:?}: nothing of it was written");
        });
    }
}

/// A row that somebody changed between our reading and our write is not written over.
#[test]
fn a_changed_row_is_a_conflict() {
    for base in [Base::Sqlite, Base::Postgres, Base::MySql] {
        wait(async {
            let Some(place) = base.place().await else { return };
            let connector = place.connector(TIMED);
            let (call, table) = (Call::default(), place.table.as_str());
            place.run(&format!("INSERT INTO {table} (email, name) VALUES ('a@example.com', 'Ada')")).await;
            let got = connector.get(&call, table, &["1".into()], &[]).await.expect("rows").remove(0);
            let Got::Record(before) = got else { panic!("the row is there") };
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            place.run(&format!("UPDATE {table} SET name = 'Grace' WHERE id = 1")).await;
            let fields = Fields::from([("name".to_owned(), Native::text("Ada L."))]);
            let patch = Patch { id: "1".into(), fields, version: before.version, trace: "1".into() };
            let answer = connector.update(&call, table, &[patch]).await.expect("an answer").remove(0);
            assert_eq!(answer.expect_err("a conflict").kind, Kind::Conflict, "{base:?}");
        });
    }
}

/// Rows that say no time are read in each listing; rows whose flag is set are deleted.
#[test]
fn odd_rows_are_listed() {
    wait(async {
        let place = Base::Sqlite.place().await.expect("a file");
        let table = place.table.as_str();
        place.run(&format!("CREATE TABLE odd_{table} (id TEXT PRIMARY KEY, email TEXT, gone TEXT, at INTEGER)")).await;
        place
            .run(&format!(
                "INSERT INTO odd_{table} VALUES ('x', 'x@example.com', NULL, NULL), ('y', 'y@example.com', '2026', 5), \
                 ('z', 'z@example.com', '', 9)"
            ))
            .await;
        let connector = place.connector(&[("updated_at", "at"), ("deleted", "gone")]);
        let object = format!("odd_{table}");
        let call = Call::default();
        let fields = ["email".to_owned()];
        let list = |cursor| List { object: &object, fields: &fields, cursor };
        let page = connector.list(&call, list(None)).await.expect("a page");
        let ids = |page: &hymnal_sdk::connector::Page| -> Vec<(String, State)> {
            page.records.iter().map(|record| (record.address.id.clone(), record.state.clone())).collect()
        };
        let live = |id: &str| (id.to_owned(), State::Live);
        assert_eq!(ids(&page), [live("x"), ("y".to_owned(), State::Deleted), live("z")]);
        let Next::Done(cursor) = page.next else { panic!("three rows are one page") };
        place.run(&format!("UPDATE odd_{table} SET at = 500 WHERE id = 'z'")).await;
        let again = connector.list(&call, list(Some(&cursor))).await.expect("a page");
        assert!(ids(&again).contains(&live("x")) && ids(&again).contains(&live("z")), "{:?}", ids(&again));
        let deleted = connector.deletions(&call, &object, None).await.expect("deletions");
        assert_eq!(deleted.records.iter().map(|row| &row.address).collect::<Vec<_>>(), [&Address::new(&object, "y")]);
        let values = [Native::text("Y@example.com")];
        let find = Find { object: &object, key: "email", values: &values, fields: &fields };
        assert_eq!(connector.find(&call, find).await.expect("an answer").records, []);
    });
}

#[test]
fn what_is_not_there_is_named() {
    wait(async {
        let place = Base::Sqlite.place().await.expect("a file");
        let call = Call::default();
        let connector = place.connector(&[("updated_at", "changed")]);
        let list = List { object: &place.table, fields: &[], cursor: None };
        let error = connector.list(&call, list).await.expect_err("no such column");
        assert!(error.message.contains("`changed`") && error.hint.is_some_and(|hint| hint.contains("updated_at")));
        let error = connector.describe(&call, "nobody").await.expect_err("no such table");
        assert!(error.message.contains("`nobody`"), "{error}");
        let refused = Settings::new("oracle://x".to_owned().into(), |_| None);
        assert!(refused.is_err_and(|error| error.to_string().contains("postgres://")));
    });
}
