//! Answers of services: the bodies of all exchanges, damaged, to every question that the engine asks.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use hymnal_rest::{Manifest, RestConnector, Service, SettingValue};
use hymnal_sdk::{
    Address, BoxFuture, Call, Classify, Clock, Connector, Cursor, Draft, Error, Fields, Find, Health, Http, Kind, Lane,
    List, Native, Patch, Permit, Request, Response, Result, SecretString, SignedDuration, Timestamp, http::Access,
};

use crate::{
    each_seed,
    mangle::{Dice, mangle},
};

/// More requests than one question may take, whatever is answered.
const ENOUGH: usize = 500;

#[derive(Clone)]
struct Noon;

impl Clock for Noon {
    fn now(&self) -> Timestamp {
        "2026-11-23T12:00:00Z".parse().expect("a time")
    }

    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }

    fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(async {})
    }
}

/// A service that answers the same whatever it is asked.
struct Parrot {
    body: Bytes,
    classify: Arc<dyn Classify>,
    asked: Arc<AtomicUsize>,
}

impl Http for Parrot {
    fn send<'a>(&'a self, _: &'a Call, request: Request) -> BoxFuture<'a, Result<Response>> {
        Box::pin(async move {
            let asked = self.asked.fetch_add(1, Ordering::Relaxed);
            assert!(asked < ENOUGH, "it asks and asks: {} {}", request.method, request.url);
            let answer = Response { status: 200, headers: HeaderMap::new(), body: self.body.clone() };
            self.classify.classify(&request, &answer, Noon.now()).map(|()| answer)
        })
    }

    fn reserve<'a>(&'a self, _: Lane, tags: &'a [&'static str]) -> BoxFuture<'a, Result<Permit>> {
        Box::pin(async move { Ok(Permit::new(u32::try_from(tags.len()).unwrap_or(1))) })
    }

    fn health(&self) -> Health {
        Health::default()
    }
}

/// Every body that the exchanges of a service have.
fn bodies(kind: &str) -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("connectors").join(kind).join("exchanges");
    let mut found = Vec::new();
    let mut files: Vec<_> =
        std::fs::read_dir(folder).expect("exchanges").map(|entry| entry.expect("a file").path()).collect();
    files.sort();
    for file in files {
        let text = std::fs::read_to_string(file).expect("an exchange");
        let exchange: toml::Table = text.parse().expect("TOML");
        let steps = exchange["steps"].as_array().expect("steps");
        let body = |step: &toml::Value| Some(step.get("answer")?.get("body")?.as_str()?.to_owned());
        found.extend(steps.iter().filter_map(body));
    }
    found
}

fn service(kind: &str) -> Service {
    let text = |value: &str| SettingValue::Text(value.to_owned());
    let secret = || SettingValue::Secret(SecretString::from("secret"));
    let address = ("base_url", text("https://service.example"));
    let settings: Vec<(&str, SettingValue)> = match kind {
        "hubspot" => vec![("token", secret()), address],
        "insightly" => vec![("api_key", secret()), address],
        _ => {
            vec![("auth", text("client_credentials")), ("client_id", text("id")), ("client_secret", secret()), address]
        }
    };
    let settings: BTreeMap<String, SettingValue> =
        settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let (_, manifest) = hymnal_rest::builtin().iter().find(|(name, _)| *name == kind).expect("it is built in");
    let manifest = Manifest::parse(manifest).unwrap_or_else(|wrong| panic!("{wrong:?}"));
    Service::new(Arc::new(manifest), &settings).expect("settings that suit")
}

fn connector(kind: &str, body: Vec<u8>) -> RestConnector {
    let service = service(kind);
    let parrot = Parrot { body: body.into(), classify: service.classify(), asked: Arc::default() };
    service.connector(Arc::new(parrot), Arc::new(Noon))
}

/// Asks everything there is to ask. What is answered may be an error, and is an answer for each item otherwise.
async fn ask_everything(connector: &RestConnector, object: &str, field: &str) {
    let call = Call::default();
    let fields = [field.to_owned(), "nothing".to_owned()];
    let mut cursor = None;
    for _ in 0..3 {
        let list = List { object, fields: &fields, cursor: cursor.as_ref() };
        let Ok(page) = connector.list(&call, list).await else { break };
        cursor = Some(match page.next {
            hymnal_sdk::Next::More(cursor) | hymnal_sdk::Next::Done(cursor) => cursor,
        });
    }
    let strange = Cursor("2026/\0/999".to_owned());
    let _ = connector.list(&call, List { object, fields: &fields, cursor: Some(&strange) }).await;
    let ids = ["1".to_owned(), "00Q000000000001AAA".to_owned()];
    if let Ok(got) = connector.get(&call, object, &ids, &fields).await {
        assert_eq!(got.len(), ids.len());
    }
    let values = [Native::text("ada@example.com")];
    let _ = connector.find(&call, Find { object, key: field, values: &values, fields: &fields }).await;
    let _ = connector.deletions(&call, object, None).await;
    let _ = connector.describe(&call, object).await;
    let _ = connector.account(&call).await;
    let _ = connector.history(&call, &Address::new(object, "1"), &fields).await;
    let sent: Fields = [(field.to_owned(), Native::text("x"))].into_iter().collect();
    let drafts = ["t1", "t2"].map(|trace| Draft { fields: sent.clone(), trace: trace.to_owned() });
    if let Ok(made) = connector.create(&call, object, &drafts).await {
        assert_eq!(made.len(), drafts.len());
    }
    let patches = ids.clone().map(|id| Patch { id, fields: sent.clone(), version: None, trace: "t1".to_owned() });
    if let Ok(changed) = connector.update(&call, object, &patches).await {
        assert_eq!(changed.len(), patches.len());
    }
}

#[test]
fn whatever_is_answered_is_taken_or_refused() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    for (kind, object, field) in
        [("hubspot", "contacts", "email"), ("salesforce", "Lead", "Email"), ("insightly", "Leads", "EMAIL")]
    {
        let bodies = bodies(kind);
        assert!(bodies.len() > 5, "{kind}: {}", bodies.len());
        each_seed(kind, 300, |seed| {
            let mut dice = Dice::new(seed);
            let all: Vec<&str> = bodies.iter().map(String::as_str).collect();
            let (good, other) = (dice.pick(&all), dice.pick(&all));
            let body = if seed < bodies.len() as u64 {
                // Each as it is, to every question that it does not answer.
                all[usize::try_from(seed).unwrap_or(0)].as_bytes().to_vec()
            } else {
                mangle(good.as_bytes(), other.as_bytes(), &mut dice)
            };
            runtime.block_on(ask_everything(&connector(kind, body), object, field));
        });
    }
}

#[test]
fn a_retry_after_is_a_time_within_the_hour_or_none() {
    let classify = service("salesforce").classify();
    let now = Noon.now();
    let request = Request {
        method: http::Method::GET,
        url: "/services/data".to_owned(),
        headers: HeaderMap::new(),
        body: Bytes::new(),
        tag: "",
        cost: 1,
        access: Access::Read,
    };
    each_seed("retry-after", 3000, |seed| {
        let mut dice = Dice::new(seed);
        let good =
            dice.pick(&["7", "Mon, 23 Nov 2026 12:01:30 GMT", "Monday, 23-Nov-26 12:01:30 GMT", "999999999", "1.5"]);
        let bytes = mangle(good.as_bytes(), b"99999999999999999999 Mon, 23 Nov 20260 -inf", &mut dice);
        let Ok(value) = HeaderValue::from_bytes(&bytes[..bytes.len().min(400)]) else { return };
        let headers = [(http::header::RETRY_AFTER, value)].into_iter().collect();
        for status in [429, 503] {
            let headers: HeaderMap = HeaderMap::clone(&headers);
            let answer = Response { status, headers, body: Bytes::from_static(b"{}") };
            let error: Error = classify.classify(&request, &answer, now).expect_err("it is refused");
            assert!(matches!(error.kind, Kind::Throttled | Kind::Transient), "{error:?}");
            if let Some(at) = error.retry_at {
                let wait = at.duration_since(now);
                assert!(wait >= SignedDuration::ZERO && wait <= SignedDuration::from_hours(1), "{at}");
            }
        }
    });
}
