//! A service that plays a script: it checks each request and gives the answer that stands beside it.

use std::{
    collections::BTreeMap,
    future::Future,
    pin::pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use hymnal_rest::{SettingValue, json::Json};
use hymnal_sdk::{
    ActorKind, BoxFuture, Call, Classify, Clock, Effect, Error, Fields, Health, Http, Kind, Lane, Permit, Request,
    Response, Result, SecretString, Timestamp, http::Access,
};
use serde::Deserialize;
use serde_json::Value;

/// One exchange file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Exchange {
    pub(crate) source: String,
    pub(crate) doc: String,
    pub(crate) about: String,
    #[serde(default)]
    pub(crate) settings: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) seed: Vec<Seed>,
    pub(crate) steps: Vec<Step>,
    #[serde(default)]
    pub(crate) call: Option<CallShape>,
    pub(crate) expect: Expect,
}

/// A record that a sandbox must hold before the steps are sent to it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "for the replay against a sandbox")]
pub(crate) struct Seed {
    pub(crate) object: String,
    pub(crate) id: String,
    pub(crate) fields: toml::Table,
    #[serde(default)]
    pub(crate) archived: bool,
    #[serde(default)]
    pub(crate) at: Option<String>,
    #[serde(default)]
    pub(crate) merged_into: Option<String>,
    #[serde(default)]
    pub(crate) converted_into: Option<String>,
    #[serde(default)]
    pub(crate) edits: Vec<SeedEdit>,
}

/// A later change of a seeded record.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "for the replay against a sandbox")]
pub(crate) struct SeedEdit {
    pub(crate) by: ActorKind,
    pub(crate) fields: toml::Table,
}

/// Steps alone.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Steps {
    pub(crate) steps: Vec<Step>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    pub(crate) request: Asked,
    pub(crate) answer: Answer,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    #[serde(default)]
    pub(crate) query: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) body: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) body: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CallShape {
    pub(crate) method: String,
    #[serde(default)]
    pub(crate) object: String,
    #[serde(default)]
    pub(crate) fields: Vec<String>,
    #[serde(default)]
    pub(crate) ids: Vec<String>,
    #[serde(default)]
    pub(crate) key: String,
    #[serde(default)]
    pub(crate) values: Vec<String>,
    #[serde(default)]
    pub(crate) cursor: Option<String>,
    #[serde(default)]
    pub(crate) items: Option<String>,
    #[serde(default)]
    pub(crate) lane: Lane,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expect {
    #[serde(default)]
    pub(crate) answer: Option<String>,
    #[serde(default)]
    pub(crate) error: Option<String>,
}

impl Exchange {
    pub(crate) fn settings(&self) -> BTreeMap<String, SettingValue> {
        self.settings.iter().map(|(name, value)| (name.clone(), SettingValue::Text(value.clone()))).collect()
    }
}

impl CallShape {
    /// Trace, id and fields of each item to write.
    pub(crate) fn items(&self) -> Vec<(String, String, Fields)> {
        let items = Json::parse(self.items.as_deref().unwrap_or("[]").as_bytes()).unwrap();
        let item = |item: &Json| {
            let text = |path: &str| item.at(path).and_then(Json::as_text).unwrap_or_default();
            let Some(Json::Object(fields)) = item.at("fields") else { panic!("an item without fields") };
            let fields = fields.iter().map(|(name, value)| (name.clone(), value.to_native())).collect();
            (text("trace"), text("id"), fields)
        };
        items.items().iter().map(item).collect()
    }
}

/// The settings under which exchanges are played.
pub(crate) fn connector_settings(kind: &str) -> BTreeMap<String, SettingValue> {
    let text = |value: &str| SettingValue::Text(value.to_owned());
    let secret = |value: &str| SettingValue::Secret(SecretString::from(value.to_owned()));
    let settings: &[(&str, SettingValue)] = match kind {
        "hubspot" => &[("token", secret("token")), ("base_url", text("https://sandbox.example"))],
        "insightly" => &[("api_key", secret("key")), ("base_url", text("https://sandbox.example/v3.1"))],
        "mautic" => &[
            ("base_url", text("https://sandbox.example/api/")),
            ("username", text("hymnal")),
            ("password", secret("secret")),
        ],
        "pipedrive" => &[("api_token", secret("token")), ("base_url", text("https://sandbox.example"))],
        "marketo" => &[
            ("base_url", text("https://sandbox.example/rest")),
            ("client_id", text("client")),
            ("client_secret", secret("secret")),
            ("list_id", text("1001")),
        ],
        "dynamics" => &[
            ("base_url", text("https://sandbox.example")),
            ("tenant_id", text("tenant")),
            ("client_id", text("client")),
            ("client_secret", secret("secret")),
        ],
        "list-server" => &[
            ("base_url", text("https://sandbox.example")),
            ("username", text("restadmin")),
            ("password", secret("restpass")),
            ("list_id", text("news.example.com")),
        ],
        _ => &[
            ("auth", text("client_credentials")),
            ("client_id", text("client")),
            ("client_secret", secret("secret")),
            ("base_url", text("https://sandbox.example")),
        ],
    };
    settings.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

/// It is always the same time.
pub(crate) struct FixedClock;

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        "2026-11-23T12:00:00Z".parse().unwrap()
    }

    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }

    fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(async {})
    }
}

/// The service.
pub(crate) struct Script {
    steps: Vec<Step>,
    classify: Arc<dyn Classify>,
    state: Mutex<(usize, Vec<String>)>,
}

impl Script {
    pub(crate) fn new(steps: Vec<Step>, classify: Arc<dyn Classify>) -> Self {
        Self { steps, classify, state: Mutex::new((0, Vec::new())) }
    }

    /// What the last answer means by itself.
    pub(crate) fn classify_last(&self) -> Result<Value> {
        let step = self.steps.last().unwrap();
        self.state.lock().unwrap().0 = self.steps.len();
        let request = Request {
            method: step.request.method.parse().unwrap(),
            url: step.request.path.clone(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
            tag: "",
            cost: 1,
            access: Access::Read,
        };
        self.classify.classify(&request, &answer(&step.answer), FixedClock.now()).map(|()| Value::Null)
    }

    pub(crate) fn finished(&self) -> std::result::Result<(), String> {
        let (next, wrong) = &*self.state.lock().unwrap();
        if !wrong.is_empty() {
            return Err(wrong.join("\n"));
        }
        if *next < self.steps.len() {
            return Err(format!("only {next} of {} requests were sent", self.steps.len()));
        }
        Ok(())
    }

    fn play(&self, request: &Request) -> Result<Response> {
        let mut state = self.state.lock().unwrap();
        let Some(step) = self.steps.get(state.0) else {
            state.1.push(format!("a request that is in no step: {} {}", request.method, request.url));
            return Err(Error::new(Kind::Cancelled, "script", "no such step"));
        };
        state.0 += 1;
        if let Err(why) = compare(&step.request, request) {
            let number = state.0;
            state.1.push(format!("step {number}: {why}"));
        }
        let answer = answer(&step.answer);
        match self.classify.classify(request, &answer, FixedClock.now()) {
            // As the http layer does: a write that failed with 5xx or without a readable answer is in doubt.
            Err(error) if request.access == Access::Write && answer.status >= 500 => {
                Err(Error { effect: Effect::Unknown, ..error })
            }
            Err(error) => Err(error),
            Ok(()) => Ok(answer),
        }
    }
}

impl Http for Script {
    fn send<'a>(&'a self, _: &'a Call, request: Request) -> BoxFuture<'a, Result<Response>> {
        Box::pin(async move { self.play(&request) })
    }

    fn reserve<'a>(&'a self, _: Lane, tags: &'a [&'static str]) -> BoxFuture<'a, Result<Permit>> {
        Box::pin(async move { Ok(Permit::new(u32::try_from(tags.len()).unwrap())) })
    }

    fn health(&self) -> Health {
        Health::default()
    }
}

fn answer(answer: &Answer) -> Response {
    let mut headers = HeaderMap::new();
    for (name, value) in &answer.headers {
        headers.insert(HeaderName::try_from(name.as_str()).unwrap(), HeaderValue::try_from(value.as_str()).unwrap());
    }
    Response { status: answer.status, headers, body: Bytes::from(answer.body.clone()) }
}

fn compare(wanted: &Asked, sent: &Request) -> std::result::Result<(), String> {
    let url = url::Url::parse("https://sandbox.example").unwrap().join(&sent.url).map_err(|error| error.to_string())?;
    let query: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
    if wanted.method != sent.method.as_str() || wanted.path != url.path() || wanted.query != query {
        return Err(format!(
            "{} {} {:?} was sent, where {} {} {:?} is expected",
            sent.method,
            url.path(),
            query,
            wanted.method,
            wanted.path,
            wanted.query
        ));
    }
    for (name, value) in &wanted.headers {
        let sent = sent.headers.get(name).and_then(|value| value.to_str().ok());
        if sent != Some(value) {
            return Err(format!("the header `{name}` is {sent:?}, where `{value}` is expected"));
        }
    }
    let body = std::str::from_utf8(&sent.body).map_err(|error| error.to_string())?;
    let Some(text) = &wanted.body else {
        return if body.is_empty() { Ok(()) } else { Err(format!("an unexpected body: {body}")) };
    };
    let (Ok(wanted), Ok(got)) = (serde_json::from_str::<Value>(text), serde_json::from_str::<Value>(body)) else {
        let pairs = |form: &str| url::form_urlencoded::parse(form.as_bytes()).into_owned().collect::<BTreeMap<_, _>>();
        let is_same = pairs(text) == pairs(body);
        return if is_same { Ok(()) } else { Err(format!("the form is {body}, where {text} is expected")) };
    };
    matches(&wanted, &got, false).map_err(|why| format!("{why}\n  expected {wanted}\n  sent     {got}"))
}

/// Whether a value is as wanted. `"*"` stands for anything; with `subset`, an object may hold more.
pub(crate) fn matches(wanted: &Value, got: &Value, subset: bool) -> std::result::Result<(), String> {
    match (wanted, got) {
        (Value::String(star), _) if star == "*" => Ok(()),
        (Value::Object(wanted), Value::Object(got)) => {
            for (key, value) in wanted {
                let found = got.get(key).ok_or_else(|| format!("`{key}` is missing"))?;
                matches(value, found, subset).map_err(|why| format!("{key}: {why}"))?;
            }
            match got.keys().find(|key| !wanted.contains_key(*key)) {
                Some(key) if !subset => Err(format!("`{key}` is not expected")),
                _ => Ok(()),
            }
        }
        (Value::Array(wanted), Value::Array(got)) if wanted.len() == got.len() => {
            for (index, (value, found)) in wanted.iter().zip(got).enumerate() {
                matches(value, found, subset).map_err(|why| format!("{index}: {why}"))?;
            }
            Ok(())
        }
        _ if wanted == got => Ok(()),
        _ => Err(format!("{got} where {wanted} is expected")),
    }
}

/// Runs a future that never really waits.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
}
