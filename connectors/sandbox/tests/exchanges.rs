//! Replays every `exchanges/*.toml` of the two services' connectors against the sandbox: what a connector is told to
//! expect, the sandbox must answer.
//!
//! The sandbox gives its own ids and times. So an id in an expected answer stands for whichever id comes at its place,
//! the same one each time; a time for any time; lists are compared without their order, which the services do not
//! promise; and of a sentence, what a connector reads out of it counts: ids, and the results of validations.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "tests; what did not run is printed")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    path::Path,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use http::{Request, header};
use hymnal_sandbox::{
    Sandbox, SandboxOptions, Side,
    hubspot::{HubSpotOptions, Rates},
    salesforce::DuplicateRule,
};
use hymnal_sdk::{Actor, ActorKind, Address, BoxFuture, Clock, Fields, Native, Timestamp};
use jiff::ToSpan;
use serde::Deserialize;
use serde_json::Value;

/// What an exchange needs beside its seed, or why it is not replayed.
#[derive(Clone, Copy)]
enum Treatment {
    /// Done to the service before the first step.
    Prepare(fn(&Sandbox)),
    /// The steps are sent with this token.
    Token(&'static str),
    /// Not replayed.
    Not(&'static str),
}

use Treatment::{Not, Prepare, Token};

const SCRIPTED: &str = "a shape that the service's documents allow and the sandbox never chooses";

const OTHER_FIELDS: &str = "the sandbox's account has other fields";
const SHORT: &str = "its pages are shorter than the service's, for the reader's sake";

const HUBSPOT: &[(&str, Treatment)] = &[
    ("create-answers-without-trace", Not(SCRIPTED)),
    ("update-refused-whole", Not(SCRIPTED)),
    ("deletions", Not(SHORT)),
    ("find-by-other-field", Not(SHORT)),
    ("list-many-at-one-time", Not(SHORT)),
    ("list-pages-by-time", Not(SHORT)),
    ("list-many-properties", Not(OTHER_FIELDS)),
    ("describe", Not(OTHER_FIELDS)),
    ("get-merged-unnamed", Not(SCRIPTED)),
    ("scope-missing", Not("the sandbox's token has every scope")),
    ("token-revoked", Token("pat-na1-revoked")),
    (
        "limit-per-day",
        Prepare(|sandbox| sandbox.control(Side::Hubspot).set_rates(Rates { daily: Some(0), ..Rates::UNLIMITED })),
    ),
    (
        "limit-per-second",
        Prepare(|sandbox| {
            sandbox.control(Side::Hubspot).set_rates(Rates { searches_per_second: Some(0), ..Rates::UNLIMITED });
        }),
    ),
];

const SALESFORCE: &[(&str, Treatment)] = &[
    ("create-duplicate", Prepare(refuse_duplicates)),
    ("describe", Not(OTHER_FIELDS)),
    ("history-hidden", Prepare(|sandbox| sandbox.salesforce().reconfigure(|options| options.history_fields.clear()))),
    ("list-follows-next-page", Not("somebody changes a record between its steps")),
    ("list-page-expired", Prepare(end_pages)),
    ("list-page-expired-in-tie", Prepare(end_pages)),
    ("object-hidden", Not("the sandbox's user sees every object")),
    ("update-locked-row", Prepare(|sandbox| sandbox.salesforce().hold_row("003000000000001AAA", 1))),
    ("session-expired", Token("00D000000000001!revoked")),
    (
        "limit-per-day",
        Prepare(|sandbox| sandbox.control(Side::Salesforce).set_rates(Rates { daily: Some(0), ..Rates::UNLIMITED })),
    ),
    ("server-unavailable", Not("the sandbox is up; a planted fault answers so")),
];

/// Contacts whose e-mail another one has are refused.
fn refuse_duplicates(sandbox: &Sandbox) {
    let rule = DuplicateRule { object: "Contact".to_owned(), fields: vec!["Email".to_owned()], alert: false };
    sandbox.salesforce().reconfigure(|options| options.duplicate_rules = vec![rule]);
}

/// Pages of two records, and none but the first.
fn end_pages(sandbox: &Sandbox) {
    sandbox.salesforce().reconfigure(|options| {
        options.page_size = 2;
        options.locator_life = jiff::SignedDuration::ZERO;
    });
}

#[derive(Deserialize)]
struct Exchange {
    #[serde(default)]
    seed: Vec<Seed>,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Seed {
    object: String,
    id: String,
    fields: toml::Table,
    #[serde(default)]
    archived: bool,
    #[serde(default)]
    at: Option<Timestamp>,
    #[serde(default)]
    merged_into: Option<String>,
    #[serde(default)]
    converted_into: Option<String>,
    #[serde(default)]
    edits: Vec<Edit>,
}

/// A later change of a seeded record, each a second after the one before.
#[derive(Deserialize)]
struct Edit {
    by: ActorKind,
    fields: toml::Table,
}

#[derive(Deserialize)]
struct Step {
    request: Asked,
    answer: Answer,
}

#[derive(Deserialize)]
struct Asked {
    method: String,
    path: String,
    #[serde(default)]
    query: BTreeMap<String, String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: String,
}

#[derive(Deserialize)]
struct Answer {
    status: u16,
    #[serde(default)]
    body: String,
}

/// It is always the time of the exchanges.
struct Still;

impl Clock for Still {
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

#[test]
fn hubspot() {
    replay_all(Side::Hubspot, "hubspot", HUBSPOT);
}

#[test]
fn salesforce() {
    replay_all(Side::Salesforce, "salesforce", SALESFORCE);
}

fn replay_all(side: Side, kind: &str, treatments: &[(&str, Treatment)]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(kind).join("exchanges");
    let mut files: Vec<_> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let (mut failed, mut replayed, mut names) = (String::new(), 0, BTreeSet::new());
    for file in files {
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        let exchange: Exchange = toml::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        let treatment = treatments.iter().find(|(given, _)| *given == name).map(|(_, treatment)| *treatment);
        if let Some(Not(why)) = treatment {
            println!("not run: {kind}/{name}: {why}");
        } else {
            replayed += 1;
            if let Err(why) = replay(side, &exchange, treatment) {
                writeln!(failed, "{kind}/{name}: {why}\n").unwrap();
            }
        }
        names.insert(name);
    }
    let unknown: Vec<_> = treatments.iter().filter(|(name, _)| !names.contains(*name)).map(|(name, _)| name).collect();
    assert!(unknown.is_empty(), "{kind}: there is no exchange named {unknown:?}");
    assert!(replayed >= 6, "{kind}: only {replayed} exchanges were replayed");
    assert!(failed.is_empty(), "\n{failed}");
}

fn replay(side: Side, exchange: &Exchange, treatment: Option<Treatment>) -> Result<(), String> {
    let sandbox = sandbox();
    seed(&sandbox, side, &exchange.seed);
    let mut token = login(&sandbox, side);
    match treatment {
        Some(Prepare(prepare)) => prepare(&sandbox),
        Some(Token(other)) => other.clone_into(&mut token),
        Some(Not(_)) | None => {}
    }
    let mut ids = BTreeMap::new();
    for (number, step) in exchange.steps.iter().enumerate() {
        let passed = sandbox.answer(side, &request(&step.request, &token, &ids));
        let (status, body) = (passed.response.status().as_u16(), passed.response.body());
        let text = String::from_utf8_lossy(body);
        let at =
            |why: String| format!("step {}: {why}\n  expected {}\n  answered {text}", number + 1, step.answer.body);
        if status != step.answer.status {
            return Err(at(format!("status {status}, where {} is expected", step.answer.status)));
        }
        if step.answer.body.trim().is_empty() {
            continue;
        }
        let wanted: Value = serde_json::from_str(&step.answer.body).map_err(|error| at(error.to_string()))?;
        let got: Value = serde_json::from_slice(body).map_err(|error| at(error.to_string()))?;
        matches(&wanted, &got, &mut ids).map_err(at)?;
    }
    Ok(())
}

fn sandbox() -> Sandbox {
    let zone = jiff::tz::TimeZone::get("US/Eastern").unwrap();
    let hubspot = HubSpotOptions {
        portal_id: 123_456,
        time_zone: zone,
        search_lag: Duration::ZERO..=Duration::ZERO,
        ..HubSpotOptions::default()
    };
    Sandbox::new(&SandboxOptions { hubspot, ..SandboxOptions::new(Arc::new(Still)) })
}

/// Puts the records there with the ids that they are given, the first one changed first.
fn seed(sandbox: &Sandbox, side: Side, seeds: &[Seed]) {
    let by = Actor { name: "1001".to_owned(), kind: ActorKind::Person };
    let start = Still.now() - 1.hour();
    let mut inner = sandbox.account(side).lock();
    for (number, seed) in seeds.iter().enumerate() {
        let at = seed.at.unwrap_or_else(|| start + i64::try_from(number).unwrap().seconds());
        inner.data.create(&seed.object, &seed.id, fields(&seed.fields), &by, at).unwrap();
        for (edit, number) in seed.edits.iter().zip(1_i64..) {
            let by = Actor { kind: edit.by, ..by.clone() };
            inner.data.update(&seed.object, &seed.id, fields(&edit.fields), &by, at + number.seconds()).unwrap();
        }
        if seed.archived {
            inner.data.delete(&seed.object, &seed.id, &by, at).unwrap();
        }
        let row = inner.data.table(&seed.object).rows.get_mut(&seed.id).unwrap();
        if let Some(survivor) = &seed.merged_into {
            row.deleted_at = Some(at);
            row.merged_into = Some(survivor.clone());
        }
        row.converted_into = seed.converted_into.as_ref().map(|object| Address::new(object, "*"));
    }
}

fn fields(table: &toml::Table) -> Fields {
    let value = |value: &toml::Value| match value {
        toml::Value::Boolean(flag) => Native::Bool(*flag),
        toml::Value::String(text) => Native::text(text.as_str()),
        other => Native::Number(other.to_string()),
    };
    table.iter().map(|(name, held)| (name.clone(), value(held))).collect()
}

fn login(sandbox: &Sandbox, side: Side) -> String {
    if side == Side::Hubspot {
        return sandbox.hubspot().options().token.clone();
    }
    let (id, secret) = {
        let options = hymnal_sandbox::salesforce::SalesforceOptions::default();
        (options.client_id, options.client_secret)
    };
    let form = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
    let request = Request::post("/services/oauth2/token")
        .header(header::HOST, "sandbox.example")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Bytes::from(form))
        .unwrap();
    let answer: Value = serde_json::from_slice(sandbox.answer(side, &request).response.body()).unwrap();
    answer["access_token"].as_str().unwrap().to_owned()
}

fn request(asked: &Asked, token: &str, ids: &BTreeMap<String, String>) -> Request<Bytes> {
    let encode =
        |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
    let query: Vec<String> =
        asked.query.iter().map(|(name, value)| format!("{}={}", encode(name), encode(&renamed(value, ids)))).collect();
    let mut uri = renamed(&asked.path, ids);
    if !query.is_empty() {
        uri = format!("{uri}?{}", query.join("&"));
    }
    let mut request = Request::builder().method(asked.method.as_str()).uri(uri);
    request = request.header(header::HOST, "sandbox.example").header(header::AUTHORIZATION, format!("Bearer {token}"));
    if !asked.body.is_empty() && !asked.headers.keys().any(|name| name.eq_ignore_ascii_case("content-type")) {
        request = request.header(header::CONTENT_TYPE, "application/json");
    }
    for (name, value) in &asked.headers {
        request = request.header(name, value);
    }
    request.body(Bytes::from(renamed(&asked.body, ids))).unwrap()
}

/// A request as it is with the ids that the sandbox gave.
fn renamed(text: &str, ids: &BTreeMap<String, String>) -> String {
    ids.iter()
        .filter(|(wanted, got)| wanted != got)
        .fold(text.to_owned(), |text, (wanted, got)| text.replace(wanted, got))
}

fn matches(wanted: &Value, got: &Value, ids: &mut BTreeMap<String, String>) -> Result<(), String> {
    match (wanted, got) {
        (Value::String(wanted), _) if wanted == "*" => Ok(()),
        (Value::Object(wanted), Value::Object(got)) => wanted.iter().try_for_each(|(key, value)| {
            let found = got.get(key).ok_or_else(|| format!("`{key}` is missing"))?;
            let same = match (key.as_str(), value, found) {
                ("message", Value::String(wanted), Value::String(got)) => matches_sentence(wanted, got, ids),
                _ => matches(value, found, ids),
            };
            same.map_err(|why| format!("{key}: {why}"))
        }),
        (Value::Array(wanted), Value::Array(got)) => matches_some_order(wanted, got, ids),
        (Value::String(wanted), Value::String(got)) => matches_text(wanted, got, ids),
        _ if wanted == got => Ok(()),
        _ => Err(format!("{got} where {wanted} is expected")),
    }
}

/// Each wanted item is found, whatever the order. Lists of definitions may hold more than those.
fn matches_some_order(wanted: &[Value], got: &[Value], ids: &mut BTreeMap<String, String>) -> Result<(), String> {
    let definitions = wanted.iter().all(|item| item.get("name").is_some() || item.get("value").is_some());
    if wanted.len() != got.len() && !definitions {
        return Err(format!("{} items where {} are expected", got.len(), wanted.len()));
    }
    let mut left: Vec<&Value> = got.iter().collect();
    for item in wanted {
        let mut why = String::from("nothing is left");
        let found = left.iter().position(|candidate| {
            let mut tried = ids.clone();
            match matches(item, candidate, &mut tried) {
                Ok(()) => {
                    *ids = tried;
                    true
                }
                Err(reason) => {
                    why = reason;
                    false
                }
            }
        });
        left.remove(found.ok_or_else(|| format!("{item} was not found: {why}"))?);
    }
    Ok(())
}

fn matches_text(wanted: &str, got: &str, ids: &mut BTreeMap<String, String>) -> Result<(), String> {
    let is_id = |text: &str| {
        (text.len() > 2 && text.bytes().all(|byte| byte.is_ascii_digit()))
            || (text.len() == 18 && text.starts_with("00") && text.bytes().all(|byte| byte.is_ascii_alphanumeric()))
    };
    let is_time = |text: &str| text.contains('T') && text.replace("+0000", "Z").parse::<Timestamp>().is_ok();
    // The address of a further page holds a locator of the service's own.
    if wanted.contains("/query/01g") && got.contains("/query/01g") {
        ids.insert(wanted.to_owned(), got.to_owned());
        return Ok(());
    }
    if is_time(wanted) && is_time(got) {
        return Ok(());
    }
    if is_id(wanted) && is_id(got) {
        let bound = ids.entry(wanted.to_owned()).or_insert_with(|| got.to_owned());
        return if bound == got { Ok(()) } else { Err(format!("`{got}` where `{bound}` was `{wanted}` before")) };
    }
    if got == wanted { Ok(()) } else { Err(format!("`{got}` where `{wanted}` is expected")) }
}

fn matches_sentence(wanted: &str, got: &str, ids: &mut BTreeMap<String, String>) -> Result<(), String> {
    // The results of a validation are JSON inside a sentence.
    let results = |text: &str| {
        let (_, list) = text.split_once(": [")?;
        serde_json::from_str::<Value>(&format!("[{list}")).ok()
    };
    if let (Some(wanted), Some(got)) = (results(wanted), results(got)) {
        return matches(&wanted, &got, ids);
    }
    let wanted = renamed(wanted, ids);
    let words = wanted.split(|sign: char| !sign.is_ascii_alphanumeric());
    let missing = words.filter(|word| word.len() > 2 && word.bytes().filter(u8::is_ascii_digit).count() > 2);
    match missing.into_iter().find(|id| !got.contains(id)) {
        Some(id) => Err(format!("`{got}` does not name `{id}`")),
        None => Ok(()),
    }
}
