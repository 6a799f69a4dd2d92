//! A stand-in and a sandbox, in process, with the daemon's own layers and a sync between them.

#[path = "../standins/kept.rs"]
mod kept;
#[path = "../standins/no_environment.rs"]
mod no_environment;

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use hymnal::{
    config::{Config, SettingValue as Configured, load},
    cycle::{Deletions, Sync, commit::Committer, report::Report, system::System},
    http::{Layers, LayersConfig},
    journal::{ConflictLog, Mask},
    merge::{Pair, Side},
    store::{Kv, memory::MemoryKv, tables::Tag},
    wire::Manifests,
};
use hymnal_fake::{Fake, Reply, Service};
use hymnal_rest::{Service as Configuration, SettingValue};
use hymnal_sandbox::{Sandbox, SandboxOptions, Side as Face, wire::Ending};
use hymnal_sdk::{
    Actor, ActorKind, BoxFuture, Clock, Connector, Effect, Fields, Native, Request, Response, Result, Timestamp,
    Transport, http::TransportError,
};
use serde_json::Value;

use self::{kept::Kept, no_environment::NoEnvironment};

/// Where both pretend to be; nothing listens there.
const ADDRESS: &str = "http://127.0.0.1:9";

/// Which service, and what it is kept the same as.
pub(crate) struct Play {
    pub(crate) service: Service,
    /// The connector's type.
    pub(crate) kind: &'static str,
    /// Its settings, in TOML.
    pub(crate) settings: &'static str,
    pub(crate) role: &'static str,
    pub(crate) object: &'static str,
    /// The fields for e-mail, first name, last name and title.
    pub(crate) fields: [&'static str; 4],
    pub(crate) partner: Face,
}

/// A clock that goes on by a millisecond whenever it is read, and by more when it is told to.
#[derive(Clone, Default)]
struct Hands(Arc<AtomicU64>);

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        let start: Timestamp = "2026-11-23T10:00:00Z".parse().expect("a time");
        start.checked_add(self.elapsed()).expect("a time of this century")
    }

    fn elapsed(&self) -> Duration {
        Duration::from_millis(self.0.fetch_add(1, Ordering::Relaxed))
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.0.fetch_add(u64::try_from(duration.as_millis()).expect("a short time"), Ordering::Relaxed);
        Box::pin(async {})
    }
}

/// The two accounts and the daemon between them.
pub(crate) struct Stage {
    pub(crate) fake: Fake,
    play: Play,
    sandbox: Sandbox,
    clock: Hands,
    sync: Sync,
    folder: tempfile::TempDir,
}

impl Stage {
    pub(crate) fn new(play: Play) -> Self {
        let clock = Hands::default();
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let fake = Fake::new(play.service, Arc::clone(&shared));
        let mut options = SandboxOptions::new(Arc::clone(&shared));
        options.salesforce.instance_url = ADDRESS.into();
        let sandbox = Sandbox::new(&options);
        let manifests = Manifests::load(&[]).expect("manifests that read");
        let text = configuration(&play, &options);
        let config = load(Path::new("hymnal.toml"), &text, &manifests.catalog(), &NoEnvironment)
            .unwrap_or_else(|wrong| panic!("{wrong:?}"));
        let folder = tempfile::tempdir().expect("a folder");
        let (left, right) = (&config.syncs[0].systems.left.connector, &config.syncs[0].systems.right.connector);
        let made = |name: &str| {
            let transport: Arc<dyn Transport> = if name == "here" {
                Arc::new(Here(fake.clone()))
            } else {
                Arc::new(There { sandbox: sandbox.clone(), face: play.partner, clock: Arc::clone(&shared) })
            };
            connector(&config, &manifests, name, transport, &shared)
        };
        let sync = start(&config, &Pair::new(made(left), made(right)), &shared, folder.path());
        Self { fake, play, sandbox, clock, sync, folder }
    }

    pub(crate) async fn cycle(&self) -> Report {
        self.clock.sleep(Duration::from_mins(1)).await;
        self.sync.cycle(Deletions::Now).await.expect("a store in memory")
    }

    pub(crate) async fn settle(&self) {
        for _ in 0..40 {
            if self.cycle().await.is_quiet() {
                return;
            }
        }
        panic!("it never gets quiet");
    }

    fn minute(&self) {
        drop(self.clock.sleep(Duration::from_mins(1)));
    }

    pub(crate) fn make_here(&self, email: &str, first: &str, last: &str, title: &str) {
        self.minute();
        let values = [email, first, last, title].map(|value| Value::String(value.to_owned()));
        let fields: Vec<(&str, Value)> = self.play.fields.into_iter().zip(values).collect();
        self.fake.make(self.play.object, &fields);
    }

    pub(crate) fn make_there(&self, email: &str, first: &str, last: &str, title: &str) {
        self.minute();
        let fields = self.native_there(&[email, first, last, title]);
        self.sandbox.control(self.play.partner).create(&person(), self.object_there(), fields).expect("a person");
    }

    pub(crate) fn edit_here(&self, email: &str, title: &str) {
        self.minute();
        let id = self.ids_here(email).pop().expect("somebody with this e-mail");
        let title = if title.is_empty() { Value::Null } else { Value::String(title.to_owned()) };
        self.fake.edit(self.play.object, &id, &[(self.play.fields[3], title)]);
    }

    pub(crate) fn edit_there(&self, email: &str, title: &str) {
        self.minute();
        let id = self.ids_there(email).pop().expect("somebody with this e-mail");
        let fields = Fields::from([(self.fields_there()[3].to_owned(), Native::text(title))]);
        self.sandbox.control(self.play.partner).edit(&person(), &id, fields).expect("an edit");
    }

    pub(crate) fn delete_here(&self, email: &str) {
        self.minute();
        let id = self.ids_here(email).pop().expect("somebody with this e-mail");
        self.fake.delete(self.play.object, &id);
    }

    pub(crate) fn delete_there(&self, email: &str) {
        self.minute();
        let id = self.ids_there(email).pop().expect("somebody with this e-mail");
        self.sandbox.control(self.play.partner).delete(&person(), &id).expect("a deletion");
    }

    /// First name, last name and title of the one with this e-mail.
    pub(crate) fn here(&self, email: &str) -> [String; 3] {
        let ids = self.ids_here(email);
        assert_eq!(ids.len(), 1, "`{email}` here: {ids:?}");
        let row = self.fake.row(self.play.object, &ids[0]).expect("a record");
        [1, 2, 3].map(|field| row.text(self.play.fields[field]))
    }

    pub(crate) fn there(&self, email: &str) -> [String; 3] {
        let ids = self.ids_there(email);
        assert_eq!(ids.len(), 1, "`{email}` there: {ids:?}");
        let row = self.sandbox.control(self.play.partner).row(self.object_there(), &ids[0]).expect("a record");
        let value = |name: &str| row.fields.get(name).filter(|value| !value.is_blank()).map(ToString::to_string);
        [1, 2, 3].map(|field| value(self.fields_there()[field]).unwrap_or_default())
    }

    pub(crate) fn count_here(&self, email: &str) -> usize {
        self.ids_here(email).len()
    }

    pub(crate) fn count_there(&self, email: &str) -> usize {
        self.ids_there(email).len()
    }

    fn ids_here(&self, email: &str) -> Vec<String> {
        let rows = self.fake.live(self.play.object).into_iter();
        rows.filter(|row| row.text(self.play.fields[0]).eq_ignore_ascii_case(email)).map(|row| row.id).collect()
    }

    fn ids_there(&self, email: &str) -> Vec<String> {
        let rows = self.sandbox.control(self.play.partner).rows(self.object_there()).into_iter();
        let rows = rows.filter(|row| row.deleted_at.is_none() && row.merged_into.is_none());
        let name = self.fields_there()[0];
        rows.filter(|row| row.fields.get(name).is_some_and(|value| value.to_string().eq_ignore_ascii_case(email)))
            .map(|row| row.id)
            .collect()
    }

    /// Requests to either side so far that may have changed something.
    pub(crate) fn writes(&self) -> u64 {
        let there = self.sandbox.control(self.play.partner).mark().wrote;
        u64::try_from(self.fake.writes()).expect("few") + there
    }

    /// Lines of the conflict log.
    pub(crate) fn conflicts(&self) -> usize {
        std::fs::read_to_string(self.folder.path().join("conflicts.jsonl")).unwrap_or_default().lines().count()
    }

    fn object_there(&self) -> &'static str {
        object_there(self.play.partner)
    }

    fn fields_there(&self) -> [&'static str; 4] {
        fields_there(self.play.partner)
    }

    fn native_there(&self, values: &[&str; 4]) -> Fields {
        let named = self.fields_there().into_iter().zip(values);
        named.map(|(name, value)| (name.to_owned(), Native::text(*value))).collect()
    }
}

fn object_there(face: Face) -> &'static str {
    if face == Face::Hubspot { "contacts" } else { "Contact" }
}

fn fields_there(face: Face) -> [&'static str; 4] {
    match face {
        Face::Hubspot => ["email", "firstname", "lastname", "jobtitle"],
        Face::Salesforce => ["Email", "FirstName", "LastName", "Title"],
    }
}

fn person() -> Actor {
    Actor { name: "somebody".into(), kind: ActorKind::Person }
}

fn configuration(play: &Play, options: &SandboxOptions) -> String {
    let other_role = if play.role == "sales" { "marketing" } else { "sales" };
    let there = match play.partner {
        Face::Hubspot => "type = \"hubspot\"\ntoken = \"pat-na1-sandbox\"".to_owned(),
        Face::Salesforce => format!(
            "type = \"salesforce\"\nauth = \"client_credentials\"\nclient_id = \"{}\"\nclient_secret = \"{}\"\nlogin_url = \"{ADDRESS}\"",
            options.salesforce.client_id, options.salesforce.client_secret
        ),
    };
    let object = object_there(play.partner);
    let [email, first, last, title] = fields_there(play.partner);
    let [own_email, own_first, own_last, own_title] = play.fields;
    format!(
        r#"
version = 1
[connectors.here]
type = "{kind}"
role = "{role}"
base_url = "{ADDRESS}"
{settings}
[connectors.there]
role = "{other_role}"
base_url = "{ADDRESS}"
{there}
[sync.people]
between = {{ here = "{own_object}", there = "{object}" }}
create = {{ here = "{own_object}", there = "{object}" }}
first_run = "go"
[sync.people.fields]
email = {{ here = "{own_email}", there = "{email}", type = "email" }}
first = {{ here = "{own_first}", there = "{first}" }}
last = {{ here = "{own_last}", there = "{last}" }}
title = {{ here = "{own_title}", there = "{title}" }}
"#,
        kind = play.kind,
        role = play.role,
        settings = play.settings,
        own_object = play.object,
    )
}

fn start(config: &Config, connectors: &Pair<Arc<dyn Connector>>, clock: &Arc<dyn Clock>, folder: &Path) -> Sync {
    let rules = Arc::new(config.syncs[0].clone());
    let log = Arc::new(ConflictLog::open(&folder.join("conflicts.jsonl"), Mask::Off).expect("a log"));
    let kv: Arc<dyn Kv> = Arc::new(MemoryKv::new());
    let system = |side: Side| System::new(side, &rules.systems[side], &rules.fields, Arc::clone(&connectors[side]));
    let systems = Pair::new(system(Side::Left), system(Side::Right));
    let committer = Committer::new(Arc::clone(&rules), kv, Tag(1), Arc::clone(clock), log, 7);
    Sync::new(committer, systems, Box::new(|| Box::pin(async { Ok(()) })))
}

fn connector(
    config: &Config,
    manifests: &Manifests,
    name: &str,
    transport: Arc<dyn Transport>,
    clock: &Arc<dyn Clock>,
) -> Arc<dyn Connector> {
    let wanted = config.connector(name).expect("a connector of that name");
    let manifest = &manifests.get(&wanted.kind).expect("a manifest of that type").manifest;
    let setting = |value: &Configured| match value {
        Configured::Text(text) | Configured::Url(text) => SettingValue::Text(text.clone()),
        Configured::Secret(secret) => SettingValue::Secret(secret.value.clone()),
    };
    let settings = wanted.settings.iter().map(|(name, value)| (name.clone(), setting(value))).collect();
    let service = Configuration::new(Arc::clone(manifest), &settings).expect("settings of the manifest");
    let kept = Arc::new(Kept::default());
    let layers = Layers::new(LayersConfig {
        name: name.to_owned(),
        transport,
        login: service.login(),
        classify: service.classify(),
        limits: service.limits().expect("limits of the manifest"),
        clock: Arc::clone(clock),
        ledger: kept.clone(),
        vault: kept,
        seed: 7,
    });
    Arc::new(service.connector(layers, Arc::clone(clock)))
}

fn asked(request: Request) -> http::Request<bytes::Bytes> {
    let mut asked = http::Request::new(request.body);
    *asked.method_mut() = request.method;
    *asked.uri_mut() = request.url.parse().expect("the layers make whole addresses");
    *asked.headers_mut() = request.headers;
    asked
}

fn answered(response: http::Response<bytes::Bytes>) -> Response {
    let (head, body) = response.into_parts();
    Response { status: head.status.as_u16(), headers: head.headers, body }
}

fn lost() -> TransportError {
    TransportError { message: "the connection was cut".into(), effect: Effect::Unknown, is_final: false }
}

/// The stand-in where a socket would be.
struct Here(Fake);

impl Transport for Here {
    fn send(&self, request: Request, _: Duration) -> BoxFuture<'_, Result<Response, TransportError>> {
        Box::pin(async move {
            match self.0.answer(&asked(request)) {
                Reply::Answered(response) => Ok(answered(response)),
                Reply::Lost => Err(lost()),
            }
        })
    }
}

/// The sandbox where a socket would be.
struct There {
    sandbox: Sandbox,
    face: Face,
    clock: Arc<dyn Clock>,
}

impl Transport for There {
    fn send(&self, request: Request, _: Duration) -> BoxFuture<'_, Result<Response, TransportError>> {
        Box::pin(async move {
            let passed = self.sandbox.answer(self.face, &asked(request));
            self.clock.sleep(passed.delay).await;
            match passed.ending {
                Ending::Whole | Ending::Drip(_) => Ok(answered(passed.response)),
                Ending::Cut | Ending::Half => Err(lost()),
            }
        })
    }
}
