//! A connector for a service that nobody has seen before, added as `connectors/README.md` says, by the real program.
#![expect(clippy::expect_used, reason = "tests")]

mod desk;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use desk::Desk;

/// A folder with a configuration, and the program.
struct Bench {
    folder: tempfile::TempDir,
    desk: Desk,
}

impl Bench {
    fn new(syncs: &str) -> Self {
        let bench = Self { folder: tempfile::tempdir().expect("a folder"), desk: Desk::open() };
        let connectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/odd_service/connectors");
        fs::write(bench.at("people.csv"), "id,mail,name\n1,ada@example.com,Ada\n2,ben@example.com,Ben\n")
            .expect("a list");
        let text = format!(
            "version = 1\n[daemon]\nstate_dir = \"{state}\"\nlisten = \"127.0.0.1:0\"\nconnector_dirs = [\"{connectors}\"]\n\
             [connectors.desk]\ntype = \"guestbook\"\nrole = \"marketing\"\nbase_url = \"{url}\"\ndesk_key = \"desk-key\"\n\
             [connectors.crm]\ntype = \"csv\"\nrole = \"sales\"\npath = \"{list}\"\nunique = \"mail\"\n{syncs}",
            state = bench.at("state").display(),
            connectors = connectors.display(),
            url = bench.desk.url,
            list = bench.at("people.csv").display(),
        );
        fs::write(bench.at("hymnal.toml"), text).expect("a configuration");
        bench
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn hymnal(&self, words: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hymnal"));
        command.current_dir(self.folder.path()).arg("-c").arg(self.at("hymnal.toml")).args(words);
        command.output().expect("the program")
    }

    /// What the program prints where it succeeds.
    fn says(&self, words: &[&str]) -> String {
        let output = self.hymnal(words);
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{words:?}: {told}{}", String::from_utf8_lossy(&output.stderr));
        told
    }
}

const SYNC: &str = r#"
[sync.people]
between = { desk = "guests", crm = "people" }
create = { desk = "guests", crm = "people" }
first_run = "go"
settle = "1s"
delete_grace = "0s"
[sync.people.fields]
email = { desk = "E-MAIL", crm = "mail", type = "email" }
name = { desk = "CALLED", crm = "name" }
"#;

#[test]
fn a_first_manifest_is_in_order_and_is_never_written_over() {
    let bench = Bench::new("");
    let flags = ["connectors", "new", "visitors", "--list", "/visitors", "--login", "header", "--find", "mail"];
    assert!(bench.says(&flags).contains("connectors/visitors/manifest.toml"));
    assert!(bench.says(&["connectors", "lint", "connectors/visitors/manifest.toml"]).contains("in order"));
    assert_eq!(bench.hymnal(&flags).status.code(), Some(1), "it is there already");
    assert_eq!(bench.hymnal(&["connectors", "new", "Bad Name"]).status.code(), Some(2));
    assert_eq!(bench.hymnal(&["connectors", "new"]).status.code(), Some(2), "nobody is there to be asked");
}

#[test]
fn what_is_wrong_with_a_manifest_is_said_with_its_line_and_what_was_meant() {
    let bench = Bench::new("");
    let good = include_str!("connectors/guestbook.toml");
    let bad = good.replacen("title  =", "titel  =", 1).replacen("{settings.desk_key}", "{settings.desk_kye}", 1);
    fs::write(bench.at("bad.toml"), bad).expect("a manifest");
    let output = bench.hymnal(&["connectors", "lint", "bad.toml"]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(78));
    for expected in ["bad.toml:3:1", "titel  = \"Guest book\"", "did you mean `title`?"] {
        assert!(told.contains(expected), "{expected}: {told}");
    }
    let fixed = good.replacen("{settings.desk_key}", "{settings.desk_kye}", 1);
    fs::write(bench.at("bad.toml"), fixed).expect("a manifest");
    let output = bench.hymnal(&["connectors", "lint", "bad.toml"]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("did you mean `desk_key`?") && told.contains("bad.toml:14:"), "{told}");
}

#[test]
fn a_test_logs_in_reads_and_writes_nothing() {
    let bench = Bench::new(SYNC);
    bench.desk.write_down("ann@example.com", "Ann");
    let writes = bench.desk.writes();
    let told = bench.says(&["connectors", "test", "desk"]);
    assert!(told.contains("account D7") && told.contains("1 records in the first page"), "{told}");
    assert_eq!(bench.desk.writes(), writes);
    let told = bench.says(&["connectors", "schema", "desk"]);
    assert!(told.contains("E-MAIL") && told.contains("by the account"), "{told}");
    let told = bench.says(&["connectors", "schema", "guestbook", "--json"]);
    assert!(told.contains("\"CALLED\"") && told.contains("the manifest"), "{told}");
}

/// The manifest declares the fields, so that the schema alone proves no login.
#[test]
fn a_check_says_who_does_not_let_us_in() {
    let bench = Bench::new(SYNC);
    assert!(bench.says(&["check"]).contains("Logged in"));
    let text = fs::read_to_string(bench.at("hymnal.toml")).expect("a configuration");
    fs::write(bench.at("hymnal.toml"), text.replace("\"desk-key\"", "\"another\"")).expect("a configuration");
    let output = bench.hymnal(&["check"]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && told.contains("`desk`: the login failed"), "{told}");
}

/// The kit makes and deletes: never where a sync would carry that on.
#[test]
fn the_kit_runs_on_a_scratch_account_and_never_where_a_sync_is() {
    let bench = Bench::new(SYNC);
    let refused = bench.hymnal(&["connectors", "test", "desk", "--live"]);
    assert_eq!((refused.status.code(), bench.desk.writes()), (Some(2), 0));
    let bench = Bench::new("");
    bench.desk.write_down("ann@example.com", "Ann");
    let told = bench.says(&["connectors", "test", "desk", "--live"]);
    assert!(told.contains(", 0 broken,"), "{told}");
    assert_eq!(bench.desk.guests().len(), 1, "what it made it took away: {told}");
}

#[test]
fn a_list_and_the_odd_service_are_kept_the_same() {
    let bench = Bench::new(SYNC);
    bench.desk.write_down("ada@example.com", "Ada");
    bench.desk.write_down("cay@example.com", "Cay & Søn");
    let once = ["run", "--once", "--timeout", "60s"];
    bench.says(&once);
    let list = || fs::read_to_string(bench.at("people.csv")).expect("a list");
    let names = ["ada", "ben", "cay"].map(|name| format!("{name}@example.com"));
    assert_eq!(bench.desk.guests().into_keys().collect::<Vec<_>>(), names);
    assert!(list().contains("cay@example.com,Cay & Søn"), "{}", list());
    let (writes, before) = (bench.desk.writes(), list());
    bench.says(&once);
    assert_eq!((bench.desk.writes(), list()), (writes, before), "a further run writes nothing");
    bench.desk.write_down("ben@example.com", "Benjamin");
    bench.says(&once);
    assert!(list().contains("ben@example.com,Benjamin"), "{}", list());
    fs::write(bench.at("people.csv"), list().replace(",Ada", ",Ada Lovelace")).expect("a list");
    bench.says(&once);
    let expected: BTreeMap<String, String> =
        names.into_iter().zip(["Ada Lovelace", "Benjamin", "Cay & Søn"].map(str::to_owned)).collect();
    assert_eq!(bench.desk.guests(), expected);
}
