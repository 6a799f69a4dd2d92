//! The Salesforce-like face, asked as over HTTP. Each test is one strictness of the service.

#![expect(clippy::unwrap_used, reason = "tests")]

mod collections;
mod describe;
mod history;
mod login;
mod people;
mod query;
mod quota;
mod rows;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Request};
use hymnal_sandbox::{
    account::Account,
    salesforce::{self, Org, SalesforceOptions},
};
use hymnal_sdk::{Actor, ActorKind, BoxFuture, Clock, Fields, Native, Timestamp};
use serde_json::{Value, json};

/// A clock that only a test moves.
struct Still(Mutex<Timestamp>);

impl Clock for Still {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }

    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }

    fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(async {})
    }
}

/// An organisation, and a session in it.
struct World {
    account: Account,
    org: Org,
    token: String,
    clock: Arc<Still>,
}

/// What came back.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Value,
}

impl Answer {
    /// `errorCode` of the one error of a refused request.
    fn code(&self) -> &str {
        self.body[0]["errorCode"].as_str().unwrap_or_default()
    }

    fn message(&self) -> &str {
        self.body[0]["message"].as_str().unwrap_or_default()
    }

    #[track_caller]
    fn refused(&self, status: u16, code: &str) {
        assert_eq!((self.status, self.code()), (status, code), "{}", self.body);
    }
}

impl World {
    fn new() -> Self {
        Self::with(|_| ())
    }

    fn with(change: impl FnOnce(&mut SalesforceOptions)) -> Self {
        let clock = Arc::new(Still(Mutex::new("2026-03-01T12:00:00.4Z".parse().unwrap())));
        let account = Account::new(Arc::clone(&clock) as Arc<dyn Clock>);
        let mut options = SalesforceOptions::default();
        change(&mut options);
        let org = Org::new(account.clone(), options);
        let mut world = Self { account, org, token: String::new(), clock };
        world.log_in();
        world
    }

    fn log_in(&mut self) {
        let form = "grant_type=client_credentials&client_id=3MVG9.sandbox&client_secret=sandbox-secret";
        let answer = self.send("POST", "/services/oauth2/token", &[], form);
        answer.body["access_token"].as_str().unwrap().clone_into(&mut self.token);
    }

    fn pass(&self, seconds: i64) {
        let mut now = self.clock.0.lock().unwrap();
        *now = now.checked_add(jiff::SignedDuration::from_secs(seconds)).unwrap();
    }

    /// A request as it is; a path without `/services` is of the API's version 60.
    fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let path = if path.starts_with("/services") { path.to_owned() } else { format!("/services/data/v60.0{path}") };
        let mut request = Request::builder().method(method).uri(path).header("Host", "crm.example.com");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.org.answer(&request.body(Bytes::from(body.to_owned())).unwrap());
        let (parts, body) = response.into_parts();
        let text = String::from_utf8(body.to_vec()).unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Answer { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        let bearer = format!("Bearer {}", self.token);
        let mut all = vec![("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
        all.extend(headers);
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.send(method, path, &all, &body)
    }

    fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], &Value::Null)
    }

    fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask("POST", path, &[], body)
    }

    fn patch(&self, path: &str, body: &Value) -> Answer {
        self.ask("PATCH", path, &[], body)
    }

    fn delete(&self, path: &str) -> Answer {
        self.ask("DELETE", path, &[], &Value::Null)
    }

    fn query(&self, statement: &str) -> Answer {
        self.get(&format!("/query?q={}", encoded(statement)))
    }

    fn query_all(&self, statement: &str) -> Answer {
        self.get(&format!("/queryAll?q={}", encoded(statement)))
    }

    /// Makes a lead through the API; answers its id.
    fn lead(&self, name: &str) -> String {
        self.made("Lead", &json!({ "LastName": name, "Company": "Acme" }))
    }

    fn contact(&self, name: &str) -> String {
        self.made("Contact", &json!({ "LastName": name }))
    }

    #[track_caller]
    fn made(&self, object: &str, body: &Value) -> String {
        let answer = self.post(&format!("/sobjects/{object}"), body);
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.body["id"].as_str().unwrap().to_owned()
    }

    /// One field of a record, by a read.
    #[track_caller]
    fn held(&self, object: &str, id: &str, field: &str) -> Value {
        let answer = self.get(&format!("/sobjects/{object}/{id}?fields={field}"));
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.body[field].clone()
    }

    /// Makes records as a person does, many and quickly.
    fn people(&self, object: &str, count: usize) -> Vec<String> {
        (0..count)
            .map(|n| salesforce::create(&self.org, &robin(), object, named(&format!("Person {n:05}"))).unwrap())
            .collect()
    }
}

fn robin() -> Actor {
    Actor { name: "Robin Marsh".into(), kind: ActorKind::Person }
}

fn named(name: &str) -> Fields {
    Fields::from([("LastName".to_owned(), Native::text(name))])
}

fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b' ' => "+".to_owned(),
            byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect()
}
