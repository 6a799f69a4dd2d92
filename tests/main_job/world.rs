//! One world a test: both simulated services in this process, a configuration file, and the real program beside them.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    sync::Arc,
    time::Duration,
};

use hymnal::wire::SystemClock;
use hymnal_sandbox::{
    Control, Planted, Running, Sandbox, SandboxOptions, Side,
    control::{Mark, Traffic},
    seed::{People, people},
};
use hymnal_sdk::{Actor, ActorKind, Fields, Native};
use serde_json::Value as Json;
use tempfile::TempDir;
use tokio::process::{Child, Command};

/// The program under test.
const PROGRAM: &str = env!("CARGO_BIN_EXE_hymnal");
/// No command may take longer; a hang is a failure that says what was asked.
const LONGEST: Duration = Duration::from_mins(2);

/// The mapping of most tests.
pub(crate) const FIELDS: &str = r#"
email      = { marketing = "email", crm = "Email", type = "email" }
first_name = { marketing = "firstname", crm = "FirstName" }
last_name  = { marketing = "lastname", crm = "LastName", default = { crm = "(unknown)" } }
phone      = { marketing = "phone", crm = "Phone", type = "phone", region = "US" }
company    = { marketing = "company", crm = { Lead = "Company" }, default = { crm = "(unknown)" } }
job_title  = { marketing = "jobtitle", crm = "Title" }
"#;

/// What differs from one test to the next.
pub(crate) struct Setup {
    /// The services.
    pub(crate) options: SandboxOptions,
    /// `[sync.people.fields]`.
    pub(crate) fields: String,
    /// More lines of `[sync.people]`.
    pub(crate) sync: String,
    /// More lines of `[connectors.marketing]`.
    pub(crate) marketing: String,
    /// More lines of `[connectors.crm]`.
    pub(crate) crm: String,
    /// `first_run`.
    pub(crate) first_run: &'static str,
}

impl Setup {
    /// The usual: everybody is created on the other side, what is written can be searched at once.
    pub(crate) fn new() -> Self {
        let mut options = SandboxOptions::new(Arc::new(SystemClock::new()));
        options.hubspot.search_lag = Duration::ZERO..=Duration::ZERO;
        Self {
            options,
            fields: FIELDS.to_owned(),
            sync: String::new(),
            marketing: String::new(),
            crm: String::new(),
            first_run: "go",
        }
    }

    /// One more field, or another rule for one.
    pub(crate) fn field(mut self, name: &str, rule: &str) -> Self {
        let others: Vec<&str> =
            self.fields.lines().filter(|line| line.split_whitespace().next() != Some(name)).collect();
        self.fields = format!("{}\n{name} = {rule}\n", others.join("\n"));
        self
    }

    /// One more line of `[sync.people]`.
    pub(crate) fn sync(mut self, line: &str) -> Self {
        self.sync = format!("{}{line}\n", self.sync);
        self
    }

    /// Starts the services and writes the configuration.
    pub(crate) async fn start(self) -> World {
        let running = Sandbox::start(self.options.clone()).await.expect("loopback ports");
        let dir = tempfile::tempdir().expect("a directory");
        let port =
            std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
        let world = World {
            hub: running.sandbox.control(Side::Hubspot),
            crm: running.sandbox.control(Side::Salesforce),
            running,
            dir,
            port,
            setup: self,
        };
        world.write_config();
        world
    }
}

/// One test's world.
pub(crate) struct World {
    /// What people do in marketing.
    pub(crate) hub: Control,
    /// What people do in sales.
    pub(crate) crm: Control,
    /// The services.
    pub(crate) running: Running,
    /// Where configuration and state are.
    pub(crate) dir: TempDir,
    /// Where the daemon listens.
    pub(crate) port: u16,
    /// What the configuration is made of.
    pub(crate) setup: Setup,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ran {
    /// What was asked.
    pub(crate) asked: String,
    /// Its exit code; `None` where a signal ended it.
    pub(crate) code: Option<i32>,
    /// Its data.
    pub(crate) stdout: String,
    /// Its messages.
    pub(crate) stderr: String,
}

/// Points to count both services' requests from.
#[derive(Clone, Copy)]
pub(crate) struct Marks {
    hub: Mark,
    crm: Mark,
}

impl World {
    /// A world with the usual setup.
    pub(crate) async fn usual() -> Self {
        Setup::new().start().await
    }

    /// Writes the configuration as the setup is now.
    pub(crate) fn write_config(&self) {
        std::fs::write(self.config(), self.config_text()).expect("the configuration is written");
    }

    /// The configuration.
    pub(crate) fn config_text(&self) -> String {
        let (hubspot, salesforce) = (&self.running.hubspot_url, &self.running.salesforce_url);
        let Setup { fields, sync, marketing, crm, first_run, .. } = &self.setup;
        let once = |key: &str, line: &str| if sync.contains(key) { String::new() } else { format!("{line}\n") };
        let create = once("create ", r#"create    = { marketing = "contacts", crm = "Lead" }"#);
        let every = once("every ", r#"every     = "1s""#);
        let settle = once("settle ", r#"settle    = "1s""#);
        let between = once("between ", r#"between   = { marketing = "contacts", crm = ["Contact", "Lead"] }"#);
        format!(
            r#"version = 1

[daemon]
state_dir = "state"
listen = "127.0.0.1:{port}"

[connectors.marketing]
type     = "hubspot"
role     = "marketing"
base_url = "{hubspot}"
token    = "pat-na1-sandbox"
{marketing}

[connectors.crm]
type          = "salesforce"
role          = "sales"
login_url     = "{salesforce}"
auth          = "client_credentials"
client_id     = "3MVG9.sandbox"
client_secret = "sandbox-secret"
{crm}

[sync.people]
first_run = "{first_run}"
{between}{create}{every}{settle}{sync}
[sync.people.fields]
{fields}"#,
            port = self.port,
        )
    }

    /// The configuration file.
    pub(crate) fn config(&self) -> PathBuf {
        self.dir.path().join("hymnal.toml")
    }

    /// The state directory.
    pub(crate) fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    /// The program with these arguments, not started.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.arg("-c").arg(self.config()).args(args).current_dir(self.dir.path());
        command.env_clear().env("HYMNAL_LOG", "info").env("NO_COLOR", "1");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    /// Starts the program.
    pub(crate) fn spawn(&self, args: &[&str]) -> Child {
        self.command(args).spawn().expect("the program starts")
    }

    /// Runs the program to its end.
    pub(crate) async fn run(&self, args: &[&str]) -> Ran {
        let asked = args.join(" ");
        let output = tokio::time::timeout(LONGEST, self.spawn(args).wait_with_output());
        let output = output.await.unwrap_or_else(|_| panic!("`hymnal {asked}` did not end")).expect("its output");
        Ran {
            asked,
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// `run --once`
    pub(crate) async fn once(&self) -> Ran {
        self.run(&["run", "--once"]).await
    }

    /// `run --once`, which has to say that both systems agree.
    pub(crate) async fn converge(&self) {
        self.once().await.exits(0);
    }

    /// The JSON that a command answers.
    pub(crate) async fn json(&self, args: &[&str]) -> Json {
        let args: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
        let ran = self.run(&args).await.exits(0);
        serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"))
    }

    /// How the sync stands.
    pub(crate) async fn sync_status(&self) -> Json {
        self.json(&["status"]).await["syncs"]["people"].clone()
    }

    /// All lines of the conflict log.
    pub(crate) fn conflicts(&self) -> Vec<Json> {
        let text = std::fs::read_to_string(self.state().join("conflicts.jsonl")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
    }

    /// The lines of a kind.
    pub(crate) fn conflicts_of(&self, kind: &str) -> Vec<Json> {
        self.conflicts().into_iter().filter(|line| line["kind"] == kind).collect()
    }

    /// Invents people in both services.
    pub(crate) fn seed(&self, hubspot: usize, salesforce: usize, both: usize, seed: u64) -> People {
        let people = people(hubspot, salesforce, both, seed);
        self.running.sandbox.seed(&people).expect("the services take their people");
        people
    }

    /// A person makes a contact in marketing; answers its id.
    pub(crate) fn hub_contact(&self, fields: &[(&str, &str)]) -> String {
        self.hub.create(&person(), "contacts", texts(fields)).expect("a contact")
    }

    /// A person makes a record in sales; answers its id.
    pub(crate) fn crm_record(&self, object: &str, fields: &[(&str, &str)]) -> String {
        self.crm.create(&person(), object, texts(fields)).expect("a record")
    }

    /// One person in both, the same: a contact in marketing, a Contact in sales.
    pub(crate) fn known_person(&self, email: &str) -> (String, String) {
        let hub = self.hub_contact(&[("email", email), ("firstname", "Ada"), ("lastname", "Smith")]);
        let crm = self.crm_record("Contact", &[("Email", email), ("FirstName", "Ada"), ("LastName", "Smith")]);
        (hub, crm)
    }

    /// A person changes a contact in marketing.
    pub(crate) fn hub_edit(&self, id: &str, fields: &[(&str, &str)]) {
        self.hub.edit(&person(), id, texts(fields)).expect("an edit");
    }

    /// A person changes a record in sales.
    pub(crate) fn crm_edit(&self, id: &str, fields: &[(&str, &str)]) {
        self.crm.edit(&person(), id, texts(fields)).expect("an edit");
    }

    /// What a contact holds; blank is empty.
    pub(crate) fn hub_value(&self, id: &str, field: &str) -> String {
        value(&self.hub, &["contacts"], id, field)
    }

    /// What a record in sales holds; blank is empty.
    pub(crate) fn crm_value(&self, id: &str, field: &str) -> String {
        value(&self.crm, &["Contact", "Lead"], id, field)
    }

    /// Live contacts, each with its fields as text.
    pub(crate) fn contacts(&self) -> Vec<BTreeMap<String, String>> {
        live(&self.hub, &["contacts"])
    }

    /// Live Leads and Contacts, each with its fields as text.
    pub(crate) fn sales_records(&self) -> Vec<BTreeMap<String, String>> {
        live(&self.crm, &["Contact", "Lead"])
    }

    /// Marks where both services' counts are.
    pub(crate) fn mark(&self) -> Marks {
        Marks { hub: self.hub.mark(), crm: self.crm.mark() }
    }

    /// Requests that wrote since: marketing's, sales'.
    pub(crate) fn wrote_since(&self, marks: Marks) -> (u64, u64) {
        (self.hub.since(marks.hub).wrote, self.crm.since(marks.crm).wrote)
    }

    /// What was asked since: marketing's, sales'.
    pub(crate) fn traffic_since(&self, marks: Marks) -> (Traffic, Traffic) {
        (self.hub.since(marks.hub), self.crm.since(marks.crm))
    }
}

impl Ran {
    /// It ended with this code.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(
            self.code,
            Some(code),
            "`hymnal {}` ended with {:?}\n--- stdout\n{}\n--- stderr\n{}",
            self.asked,
            self.code,
            self.stdout,
            self.stderr
        );
        self
    }

    /// It said this, on either.
    #[track_caller]
    pub(crate) fn says(self, words: &str) -> Self {
        let said = self.stdout.contains(words) || self.stderr.contains(words);
        assert!(said, "`hymnal {}` does not say `{words}`\n{}\n{}", self.asked, self.stdout, self.stderr);
        self
    }
}

/// The id of the first of the people who work in sales.
pub(crate) const SALES_PERSON: &str = "005Hy0000000002IAA";

/// A person of one of the companies.
pub(crate) fn person() -> Actor {
    Actor { name: SALES_PERSON.to_owned(), kind: ActorKind::Person }
}

/// Fields of text.
pub(crate) fn texts(fields: &[(&str, &str)]) -> Fields {
    fields.iter().map(|(name, value)| ((*name).to_owned(), Native::text(*value))).collect()
}

/// A fault that hits requests whose method and path match.
pub(crate) fn planted(method: &str, path: &str, times: u32, fault: hymnal_sandbox::Fault) -> Planted {
    Planted { method: method.to_owned(), path: path.to_owned(), times, fault }
}

/// Waits until something holds, for as long as a slow machine may need.
pub(crate) async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..600 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("never: {what}");
}

/// Sends a signal to a process.
pub(crate) fn signal(child: &Child, signal: rustix::process::Signal) {
    let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).and_then(rustix::process::Pid::from_raw);
    rustix::process::kill_process(pid.expect("it runs"), signal).expect("the signal is sent");
}

/// Waits for the end of a process.
pub(crate) async fn ended(child: &mut Child, within: Duration) -> ExitStatus {
    tokio::time::timeout(within, child.wait()).await.expect("it ends in time").expect("its status")
}

fn value(control: &Control, objects: &[&str], id: &str, field: &str) -> String {
    let row = objects.iter().find_map(|object| control.row(object, id)).unwrap_or_else(|| panic!("no record {id}"));
    row.fields.get(field).map(text).unwrap_or_default()
}

fn live(control: &Control, objects: &[&str]) -> Vec<BTreeMap<String, String>> {
    let mut found = Vec::new();
    for object in objects {
        for row in control.rows(object) {
            if row.deleted_at.is_some() || row.converted_into.is_some() || row.merged_into.is_some() {
                continue;
            }
            let mut fields: BTreeMap<String, String> =
                row.fields.iter().map(|(name, value)| (name.clone(), text(value))).collect();
            fields.insert("id".to_owned(), row.id.clone());
            fields.insert("object".to_owned(), (*object).to_owned());
            found.push(fields);
        }
    }
    found
}

fn text(value: &Native) -> String {
    match value {
        Native::Null => String::new(),
        other => other.to_string(),
    }
}
