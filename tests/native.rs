//! Files as systems, by the real program: two lists are kept the same.
#![expect(clippy::expect_used, reason = "tests")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Two folders with a list each, and the program between them.
struct Lists {
    folder: tempfile::TempDir,
}

impl Lists {
    fn new(marketing: &str, sales: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let lists = Self { folder };
        for (name, text) in [("marketing", marketing), ("sales", sales)] {
            fs::create_dir(lists.at(name)).expect("a folder");
            fs::write(lists.at(name).join("people.csv"), text).expect("a list");
        }
        let at = |name: &str| lists.at(name).display().to_string();
        let text = format!(
            r#"version = 1
[daemon]
state_dir = "{state}"
listen = "127.0.0.1:0"
[connectors.list]
type = "csv"
role = "marketing"
path = "{marketing}"
missing = "deleted"
unique = "email"
[connectors.crm]
type = "csv"
role = "sales"
path = "{sales}"
delimiter = ";"
unique = "mail"
[sync.people]
between = {{ list = "people", crm = "people" }}
create = {{ list = "people", crm = "people" }}
first_run = "go"
delete_grace = "0s"
[sync.people.fields]
email = {{ list = "email", crm = "mail", type = "email" }}
name = {{ list = "name", crm = "name", on_conflict = "prefer crm" }}
opted_out = {{ list = "unsubscribed", crm = "no_mail", type = "bool", consent = ["false", "true"] }}
"#,
            state = at("state"),
            marketing = at("marketing"),
            sales = at("sales"),
        );
        fs::write(lists.at("hymnal.toml"), text).expect("a configuration");
        lists
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.at(name).join("people.csv")
    }

    fn run(&self, arguments: &[&str]) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_hymnal"))
            .arg("-c")
            .arg(self.at("hymnal.toml"))
            .args(arguments)
            .output()
            .expect("the program");
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{arguments:?}: {told}{}", String::from_utf8_lossy(&output.stderr));
        told
    }

    fn sync(&self) {
        self.run(&["run", "--once"]);
    }

    fn edit(&self, name: &str, from: &str, to: &str) {
        let text = read(&self.file(name));
        assert!(text.contains(from), "`{from}` is not in {text}");
        fs::write(self.file(name), text.replace(from, to)).expect("a list");
    }
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).expect("a list")
}

#[test]
fn two_lists_are_kept_the_same() {
    let lists = Lists::new(
        "id,email,name,unsubscribed,note\n1,Ada@example.com,Ada,no,\"keep, this\"\n2,alan@example.com,Alan,yes,\n",
        "id;mail;name;no_mail\n7;ada@example.com;Ada Lovelace;\n9;grace@example.com;Grace;no\n",
    );
    lists.sync();
    assert_eq!(
        read(&lists.file("marketing")),
        "id,email,name,unsubscribed,note\n1,Ada@example.com,Ada Lovelace,no,\"keep, this\"\n2,alan@example.com,Alan,yes,\n\
         3,grace@example.com,Grace,false,\n"
    );
    assert_eq!(
        read(&lists.file("sales")),
        "id;mail;name;no_mail\n7;ada@example.com;Ada Lovelace;false\n9;grace@example.com;Grace;no\n\
         10;alan@example.com;Alan;true\n"
    );
    let before = ["marketing", "sales"].map(|name| fs::metadata(lists.file(name)).expect("a list").modified().ok());
    lists.sync();
    let after = ["marketing", "sales"].map(|name| fs::metadata(lists.file(name)).expect("a list").modified().ok());
    assert_eq!(before, after, "a further run writes nothing");

    // Both rename one person; one of them unsubscribes another.
    lists.edit("marketing", "Ada Lovelace", "Ada L.");
    lists.edit("sales", "Ada Lovelace", "Countess Lovelace");
    lists.edit("sales", "9;grace@example.com;Grace;no", "9;grace@example.com;Grace;yes");
    lists.sync();
    assert!(read(&lists.file("marketing")).contains("1,Ada@example.com,Countess Lovelace,no"));
    assert!(read(&lists.file("marketing")).contains("3,grace@example.com,Grace,true"));
    let conflicts = lists.run(&["conflicts", "list", "--json"]);
    assert!(conflicts.contains("Countess Lovelace") && conflicts.contains("Ada L."), "{conflicts}");
}

/// A line that leaves a list where that was said to be a deletion is not put back, and one that leaves the other list
/// is only not visible: nothing is done about it.
#[test]
fn a_line_that_left_is_not_put_back() {
    let lists = Lists::new(
        "id,email,name,unsubscribed\n1,ada@example.com,Ada,no\n2,alan@example.com,Alan,no\n",
        "id;mail;name;no_mail\n7;ada@example.com;Ada;no\n8;alan@example.com;Alan;no\n",
    );
    lists.sync();
    lists.edit("marketing", "1,ada@example.com,Ada,no\n", "");
    lists.edit("sales", "8;alan@example.com;Alan;no\n", "");
    lists.edit("sales", "7;ada@example.com;Ada;no", "7;ada@example.com;Ada L.;no");
    lists.edit("marketing", "2,alan@example.com,Alan,no", "2,alan@example.com,Alan T.,no");
    lists.sync();
    assert_eq!(read(&lists.file("marketing")), "id,email,name,unsubscribed\n2,alan@example.com,Alan T.,no\n");
    assert_eq!(read(&lists.file("sales")), "id;mail;name;no_mail\n7;ada@example.com;Ada L.;no\n");
}
