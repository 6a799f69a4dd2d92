//! The connectors that are a manifest, over their sandboxes in process: through the limiter, the login and the read
//! retries that the daemon puts around them, without a socket and without waiting.

#[path = "../standins/kept.rs"]
mod kept;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use hymnal::http::{Layers, LayersConfig};
use hymnal_rest::{Manifest, RestConnector, Service, SettingValue, builtin};
use hymnal_sandbox::{Fault, Planted, Sandbox, SandboxOptions, Side, wire::Ending};
use hymnal_sdk::{
    Address, BoxFuture, Clock, Effect, Fields, Native, Request, Response, Result, SecretString, Transport,
    http::TransportError,
    kit::{Interruption, Sight, Subject},
};

use self::kept::Kept;
use crate::memory::Ticking;

/// Where the services pretend to be; nothing listens there.
pub(crate) const ADDRESS: &str = "http://127.0.0.1:9";

/// Longer than HubSpot's search index lags.
const INDEX_LAG: Duration = Duration::from_secs(5);

/// HubSpot's contacts.
pub(crate) fn hubspot() -> (RestConnector, Subject) {
    let clock = Ticking::new();
    let sandbox = Sandbox::new(&SandboxOptions::new(Arc::new(clock.clone())));
    contacts(&sandbox, &clock, clock.clone())
}

/// More of HubSpot's contacts than its search shows of one query, all changed at one time.
pub(crate) fn hubspot_beyond_its_cap() -> (RestConnector, Subject) {
    let time = Ticking::still();
    let mut options = SandboxOptions::new(Arc::new(time.clone()));
    options.strict_rates = false;
    let (connector, mut subject) = contacts(&Sandbox::new(&options), &Ticking::new(), time);
    subject.crowd = 10_050;
    (connector, subject)
}

fn contacts(sandbox: &Sandbox, clock: &Ticking, time: Ticking) -> (RestConnector, Subject) {
    let settings = [("token", secret("pat-na1-sandbox")), ("base_url", text(ADDRESS))];
    let connector = connector("hubspot", &settings, sandbox, Side::Hubspot, clock);
    let draft = |number: u64| {
        fields(&[
            ("email", &format!("kit{number}@example.com")),
            ("firstname", &format!("Kit {number}")),
            ("company", "Hymnal"),
            ("lifecyclestage", "lead"),
        ])
    };
    let mut subject = Subject::new("contacts", draft, "firstname", "999999999999");
    subject.unique = Some("email".into());
    subject.shared = Some("company".into());
    subject.refused = Some(fields(&[("lifecyclestage", "no such stage")]));
    subject.crowd = 450;
    subject.settle = Some(Box::new(move || time.sleep(INDEX_LAG)));
    offer(&mut subject, sandbox, Side::Hubspot);
    (connector, subject)
}

/// Salesforce's contacts or leads.
pub(crate) fn salesforce(object: &'static str) -> (RestConnector, Subject) {
    let clock = Ticking::new();
    let mut options = SandboxOptions::new(Arc::new(clock.clone()));
    options.salesforce.instance_url = ADDRESS.into();
    let sandbox = Sandbox::new(&options);
    let settings = [
        ("auth", text("client_credentials")),
        ("client_id", text(&options.salesforce.client_id)),
        ("client_secret", secret(&options.salesforce.client_secret)),
        ("login_url", text(ADDRESS)),
    ];
    let connector = connector("salesforce", &settings, &sandbox, Side::Salesforce, &clock);
    let draft = move |number: u64| {
        let mut draft = fields(&[
            ("LastName", &format!("Kit {number}")),
            ("Title", &format!("Title {number}")),
            ("Email", &format!("kit{number}@example.com")),
            ("Hymnal_Id__c", &format!("kit-{number}")),
        ]);
        if object == "Lead" {
            draft.insert("Company".into(), Native::text("Hymnal"));
        }
        draft
    };
    let missing = if object == "Lead" { "00Q000000000999EAA" } else { "003000000000999AAA" };
    let mut subject = Subject::new(object, draft, "Title", missing);
    subject.unique = Some("Hymnal_Id__c".into());
    subject.shared = Some("Title".into());
    subject.refused = Some(fields(&[("Email", "not an address")]));
    subject.crowd = 2100;
    offer(&mut subject, &sandbox, Side::Salesforce);
    (connector, subject)
}

/// What a sandbox can do for a subject.
fn offer(subject: &mut Subject, sandbox: &Sandbox, side: Side) {
    let object = subject.object.clone();
    let account = sandbox.account(side).clone();
    subject.hide = Some(Box::new(move |id, sight| {
        let address = Address::new(object.clone(), id);
        let mut account = account.lock();
        match sight {
            Sight::Hidden => account.hidden.insert(address),
            Sight::Shown => account.hidden.remove(&address),
        };
    }));
    let account = sandbox.account(side).clone();
    subject.fail_next = Some(Box::new(move |interruption| {
        let fault = match interruption {
            // A status that no layer repeats a read for.
            Interruption::ReadFails => {
                Fault::Answer { status: 400, retry_after: String::new(), body: r#"{"message":"no"}"#.into() }
            }
            Interruption::AnswerLost => Fault::AppliedAnswerLost,
        };
        account.lock().faults.push_back(Planted { method: String::new(), path: String::new(), times: 1, fault });
    }));
}

fn connector(
    kind: &str,
    settings: &[(&str, SettingValue)],
    sandbox: &Sandbox,
    side: Side,
    clock: &Ticking,
) -> RestConnector {
    let transport = InProcess { sandbox: sandbox.clone(), side, clock: Arc::new(clock.clone()) };
    layered(kind, settings, Arc::new(transport), clock)
}

/// A connector with the layers that the daemon puts below it. Runs within a tokio runtime.
pub(crate) fn layered(
    kind: &str,
    settings: &[(&str, SettingValue)],
    transport: Arc<dyn Transport>,
    clock: &Ticking,
) -> RestConnector {
    let (_, manifest) = builtin().iter().find(|(name, _)| *name == kind).expect("a built-in manifest");
    let manifest = Arc::new(Manifest::parse(manifest).expect("a manifest that reads"));
    let settings: BTreeMap<String, SettingValue> =
        settings.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let service = Service::new(manifest, &settings).expect("settings of the manifest");
    let clock: Arc<dyn Clock> = Arc::new(clock.clone());
    let kept = Arc::new(Kept::default());
    let layers = Layers::new(LayersConfig {
        name: kind.to_owned(),
        transport,
        login: service.login(),
        classify: service.classify(),
        limits: service.limits().expect("limits of the manifest"),
        clock: Arc::clone(&clock),
        ledger: kept.clone(),
        vault: kept,
        seed: 7,
    });
    service.connector(layers, clock)
}

pub(crate) fn text(value: &str) -> SettingValue {
    SettingValue::Text(value.to_owned())
}

pub(crate) fn secret(value: &str) -> SettingValue {
    SettingValue::Secret(SecretString::from(value))
}

pub(crate) fn fields(values: &[(&str, &str)]) -> Fields {
    values.iter().map(|&(name, value)| (name.to_owned(), Native::text(value))).collect()
}

/// The sandbox where a socket would be.
struct InProcess {
    sandbox: Sandbox,
    side: Side,
    clock: Arc<dyn Clock>,
}

impl Transport for InProcess {
    fn send(&self, request: Request, _: Duration) -> BoxFuture<'_, Result<Response, TransportError>> {
        Box::pin(async move {
            let mut asked = http::Request::new(request.body);
            *asked.method_mut() = request.method;
            *asked.uri_mut() = request.url.parse().expect("the layers make whole addresses");
            *asked.headers_mut() = request.headers;
            let passed = self.sandbox.answer(self.side, &asked);
            self.clock.sleep(passed.delay).await;
            match passed.ending {
                Ending::Whole | Ending::Drip(_) => {
                    let (head, body) = passed.response.into_parts();
                    Ok(Response { status: head.status.as_u16(), headers: head.headers, body })
                }
                Ending::Cut | Ending::Half => Err(TransportError {
                    message: "the connection was cut".into(),
                    effect: Effect::Unknown,
                    is_final: false,
                }),
            }
        })
    }
}
