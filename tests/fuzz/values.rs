//! Values of people in filters and queries, judged by the sandbox's own readers of them (SOQL, search filters): what is
//! asked for is found, and nothing else.

#[path = "../standins/kept.rs"]
mod kept;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use hymnal::http::{Layers, LayersConfig};
use hymnal_rest::{Manifest, RestConnector, Service, SettingValue};
use hymnal_sandbox::{Sandbox, SandboxOptions, Side};
use hymnal_sdk::{
    Actor, ActorKind, BoxFuture, Call, Clock, Connector, Fields, Find, Native, Request, Response, SecretString,
    Timestamp, Transport, http::TransportError,
};

use self::kept::Kept;
use crate::{each_seed, mangle::Dice};

/// Nothing listens there.
const ADDRESS: &str = "http://127.0.0.1:9";

#[derive(Clone, Default)]
struct Ticking(Arc<AtomicU64>);

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        let start: Timestamp = "2026-11-23T10:00:00Z".parse().expect("a time");
        start.checked_add(self.elapsed()).expect("a time of this century")
    }

    fn elapsed(&self) -> Duration {
        Duration::from_millis(self.0.fetch_add(1, Ordering::Relaxed))
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        self.0.fetch_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
        Box::pin(async {})
    }
}

/// The sandbox where a socket would be.
struct InProcess(Sandbox, Side);

impl Transport for InProcess {
    fn send(&self, request: Request, _: Duration) -> BoxFuture<'_, std::result::Result<Response, TransportError>> {
        Box::pin(async move {
            let mut asked = http::Request::new(request.body);
            *asked.method_mut() = request.method;
            *asked.uri_mut() = request.url.parse().expect("the layers make whole addresses");
            *asked.headers_mut() = request.headers;
            let (head, body) = self.0.answer(self.1, &asked).response.into_parts();
            Ok(Response { status: head.status.as_u16(), headers: head.headers, body })
        })
    }
}

fn sandboxed(side: Side) -> (Sandbox, RestConnector) {
    let clock = Ticking::default();
    let mut options = SandboxOptions::new(Arc::new(clock.clone()));
    options.salesforce.instance_url = ADDRESS.into();
    options.salesforce.daily_limit = 1_000_000_000;
    options.hubspot.search_lag = Duration::ZERO..=Duration::ZERO;
    options.strict_rates = false;
    let text = |value: &str| SettingValue::Text(value.to_owned());
    let secret = |value: &str| SettingValue::Secret(SecretString::from(value));
    let (kind, settings) = match side {
        Side::Hubspot => ("hubspot", vec![("token", secret("pat-na1-sandbox")), ("base_url", text(ADDRESS))]),
        Side::Salesforce => (
            "salesforce",
            vec![
                ("auth", text("client_credentials")),
                ("client_id", text(&options.salesforce.client_id)),
                ("client_secret", secret(&options.salesforce.client_secret)),
                ("login_url", text(ADDRESS)),
            ],
        ),
    };
    let settings: BTreeMap<String, SettingValue> =
        settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let (_, manifest) = hymnal_rest::builtin().iter().find(|(name, _)| *name == kind).expect("it is built in");
    let manifest = Manifest::parse(manifest).unwrap_or_else(|wrong| panic!("{wrong:?}"));
    let service = Service::new(Arc::new(manifest), &settings).expect("settings that suit");
    let sandbox = Sandbox::new(&options);
    let kept = Arc::new(Kept::default());
    let mut limits = service.limits().expect("limits");
    limits.daily = None;
    let layers = Layers::new(LayersConfig {
        name: kind.to_owned(),
        transport: Arc::new(InProcess(sandbox.clone(), side)),
        login: service.login(),
        classify: service.classify(),
        limits,
        clock: Arc::new(clock.clone()),
        ledger: kept.clone(),
        vault: kept,
        seed: 7,
    });
    (sandbox, service.connector(layers, Arc::new(clock)))
}

/// What somebody may have typed into a field, or pasted, to see what happens.
const PIECES: [&str; 30] = [
    "'",
    "''",
    "\"",
    "\\",
    "\\'",
    "\\\\'",
    "' OR Name != '",
    "') OR (Id != '",
    "x' LIMIT 0 --",
    "%",
    "_",
    "*",
    "(",
    ")",
    ",",
    ";",
    ":",
    "{name}",
    "{{",
    "\n",
    "\t",
    "é",
    "ß",
    "日本",
    "😀",
    "\u{202e}",
    " and ",
    "null",
    "O'Brien",
    "a",
];

fn hostile(dice: &mut Dice) -> String {
    let text: String = (0..=dice.roll(6)).map(|_| dice.pick(&PIECES)).collect();
    // Services cut blanks at the ends; what is asked for here is whether a value breaks out, not that.
    format!("v{text}v")
}

/// Makes two people in a service, one of them with a hostile value, and looks the value up.
async fn one(sandbox: &Sandbox, side: Side, connector: &RestConnector, value: &str, number: u64) {
    let (object, key, other) = match side {
        Side::Hubspot => ("contacts", "jobtitle", ("email", format!("p{number}@example.com"))),
        Side::Salesforce => ("Contact", "Title", ("LastName", format!("P{number}"))),
    };
    let by = Actor { name: "005Hy0000000002IAA".to_owned(), kind: ActorKind::Person };
    let fields: Fields =
        [(key.to_owned(), Native::text(value)), (other.0.to_owned(), Native::text(&other.1))].into_iter().collect();
    let Ok(id) = sandbox.control(side).create(&by, object, fields) else { return };
    let wanted = [Native::text(value), Native::text("nobody has this")];
    let asked = [key.to_owned()];
    let find = Find { object, key, values: &wanted, fields: &asked };
    let found = connector.find(&Call::default(), find).await.unwrap_or_else(|error| panic!("{value:?}: {error:?}"));
    assert!(found.records.iter().any(|record| record.address.id == id), "{value:?} is not found");
    for record in &found.records {
        let held = record.fields.get(key).map(ToString::to_string).unwrap_or_default();
        assert_eq!(held.to_lowercase(), value.to_lowercase(), "something else was found");
    }
}

#[test]
fn no_value_breaks_out_of_a_query_or_a_filter() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    for side in [Side::Hubspot, Side::Salesforce] {
        let (sandbox, connector) = sandboxed(side);
        runtime.block_on(one(&sandbox, side, &connector, "bystander", 1_000_000));
        each_seed("value", 200, |seed| {
            let value = hostile(&mut Dice::new(seed));
            runtime.block_on(one(&sandbox, side, &connector, &value, seed));
        });
    }
}
