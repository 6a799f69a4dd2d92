//! Hymnal in this process, with time that can be set ahead and a store that counts its commits.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use hymnal::{
    config::{self, Colour, ProcessEnvironment},
    cycle::{Deletions, Sync, report::Report},
    store::{Batch, Kv, StoreError},
    wire::{App, Manifests, Running, State, SystemClock},
};
use hymnal_sdk::{BoxFuture, Clock, Timestamp};

use crate::services::Services;

/// How often the daemon polls by default.
const EVERY: Duration = Duration::from_secs(30);

/// How fast requests may follow each other.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// As fast as they can be made: for what does not depend on it.
    Unlimited,
    /// As the manifests declare it, but for the searches, of which HubSpot's documents allow five a second.
    Declared,
}

/// Hymnal.
pub(crate) struct Daemon {
    app: App,
    clock: Arc<Ahead>,
    commits: Arc<Counted>,
}

impl Daemon {
    /// Over a new state in `dir`.
    pub(crate) fn start(services: &Services, dir: &Path, pace: Pace) -> Self {
        let clock = Arc::new(Ahead { system: SystemClock::new(), ahead: AtomicU64::new(0) });
        let state = State::open(&dir.join("state"), 64, &*clock).unwrap();
        let commits = Arc::new(Counted { store: Arc::clone(&state.store), commits: AtomicU64::new(0) });
        let state = State { store: Arc::clone(&commits) as Arc<dyn Kv>, ..state };
        let app = app(services, dir, pace, state, &clock);
        Self { app, clock, commits }
    }

    /// The same over the same state, at another pace.
    pub(crate) fn restarted(&self, services: &Services, pace: Pace) -> Self {
        let dir = self.app.config.path.parent().unwrap();
        let app = app(services, dir, pace, self.app.state.clone(), &self.clock);
        Self { app, clock: Arc::clone(&self.clock), commits: Arc::clone(&self.commits) }
    }

    pub(crate) fn sync(&self) -> &Sync {
        &self.running().sync
    }

    fn running(&self) -> &Arc<Running> {
        &self.app.syncs[0]
    }

    /// What a start does before its first cycle.
    pub(crate) async fn begin(&self) {
        self.app.begin().await.unwrap();
    }

    /// One cycle, in which nothing may go wrong.
    pub(crate) async fn cycle(&self) -> Report {
        let report = self.sync().cycle(Deletions::WhenDue).await.unwrap();
        assert!(report.troubles.is_empty(), "{:?}", report.troubles);
        assert!(report.held.is_none(), "{:?}", report.held);
        report
    }

    /// Commits so far.
    pub(crate) fn commits(&self) -> u64 {
        self.commits.commits.load(Relaxed)
    }

    /// It is later, here and in the services.
    pub(crate) async fn later(&self, services: &Services, by: Duration) {
        let millis = u64::try_from(by.as_millis()).unwrap();
        let ahead = self.clock.ahead.fetch_add(millis, Relaxed) + millis;
        services.set_ahead(Duration::from_millis(ahead)).await;
    }

    /// It is as much later as a daemon waits between cycles.
    pub(crate) async fn next(&self, services: &Services) {
        self.later(services, EVERY).await;
    }
}

fn app(services: &Services, dir: &Path, pace: Pace, state: State, clock: &Arc<Ahead>) -> App {
    let manifests = dir.join("manifests");
    std::fs::create_dir_all(&manifests).unwrap();
    for (kind, text) in hymnal_rest::builtin() {
        std::fs::write(manifests.join(format!("{kind}.toml")), paced(text, pace)).unwrap();
    }
    let path = dir.join("hymnal.toml");
    let text = configuration(services, dir);
    std::fs::write(&path, &text).unwrap();
    let manifests = Manifests::load(&[manifests]).unwrap();
    let config = config::load(&path, &text, &manifests.catalog(), &ProcessEnvironment)
        .unwrap_or_else(|wrong| panic!("{}", wrong.render(Colour::Plain)));
    App::new(config, manifests, state, Arc::clone(clock) as Arc<dyn Clock>).unwrap()
}

fn paced(manifest: &str, pace: Pace) -> String {
    let (fast, searches) = match pace {
        Pace::Unlimited => ("{ requests = 1000000, per = \"10s\" }", "{ requests = 100000, per = \"1s\""),
        Pace::Declared => ("{ requests = 190, per = \"10s\" }", "{ requests = 5, per = \"1s\""),
    };
    manifest.replace("{ requests = 190, per = \"10s\" }", fast).replace("{ requests = 4, per = \"1s\"", searches)
}

fn configuration(services: &Services, dir: &Path) -> String {
    let (hubspot, salesforce) = (&services.hubspot, &services.salesforce);
    let state = dir.join("state");
    format!(
        r#"version = 1

[daemon]
state_dir = "{}"

[connectors.marketing]
type     = "hubspot"
role     = "marketing"
base_url = "{hubspot}"
token    = "pat-na1-sandbox"

[connectors.crm]
type          = "salesforce"
role          = "sales"
login_url     = "{salesforce}"
auth          = "client_credentials"
client_id     = "3MVG9.sandbox"
client_secret = "sandbox-secret"

[sync.people]
between   = {{ marketing = "contacts", crm = ["Contact", "Lead"] }}
create    = {{ marketing = "contacts", crm = "Lead" }}
match     = [["email"]]
first_run = "go"

[sync.people.fields]
email      = {{ marketing = "email", crm = "Email", type = "email" }}
first_name = {{ marketing = "firstname", crm = "FirstName" }}
last_name  = {{ marketing = "lastname", crm = "LastName", default = {{ crm = "(unknown)" }} }}
phone      = {{ marketing = "phone", crm = "Phone", type = "phone", region = "US" }}
company    = {{ marketing = "company", crm = {{ Lead = "Company" }}, default = {{ crm = "(unknown)" }} }}
job_title  = {{ marketing = "jobtitle", crm = "Title", on_conflict = "prefer crm" }}
opted_out  = {{ marketing = "hs_email_optout", crm = "HasOptedOutOfEmail", type = "bool", consent = ["false", "true"], flow = "marketing -> crm" }}
"#,
        state.display()
    )
}

/// The system's clock, set ahead.
struct Ahead {
    system: SystemClock,
    ahead: AtomicU64,
}

impl Ahead {
    fn by(&self) -> Duration {
        Duration::from_millis(self.ahead.load(Relaxed))
    }
}

impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        self.system.now() + self.by()
    }

    fn elapsed(&self) -> Duration {
        self.system.elapsed() + self.by()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.system.sleep(duration)
    }
}

/// A store that counts its commits.
#[derive(Debug)]
struct Counted {
    store: Arc<dyn Kv>,
    commits: AtomicU64,
}

impl Kv for Counted {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.get(key)
    }

    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<(Vec<u8>, Vec<u8>)>, StoreError> {
        self.store.scan(prefix, after, limit)
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        self.commits.fetch_add(1, Relaxed);
        self.store.commit(batch)
    }
}
