//! The sandbox as a child process, and its control API.

use std::{
    env,
    io::{self, BufRead, BufReader, Read, Write},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use hymnal::{merge::Side, wire::SystemClock};
use hymnal_sandbox::{
    seed::people,
    server::{Sandbox, SandboxOptions},
};
use reqwest::Client;
use serde_json::{Value, json};

use crate::calls::Calls;

const CHILD: &str = "HYMNAL_BENCH_SANDBOX";
const SEED: u64 = 7;

/// This process is the sandbox.
pub(crate) fn is_child() -> bool {
    env::var_os(CHILD).is_some()
}

/// Serves until its parent closes the pipe, or is gone.
pub(crate) fn serve() {
    let number: usize = env::var(CHILD).unwrap().parse().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let running = runtime.block_on(async {
        let options = SandboxOptions { strict_rates: false, ..SandboxOptions::new(Arc::new(SystemClock::new())) };
        let running = Sandbox::start(options).await.unwrap();
        running.sandbox.seed(&people(number, number, number * 3 / 4, SEED)).unwrap();
        running
    });
    println!("{}", json!([running.hubspot_url, running.salesforce_url, running.control_url]));
    io::stdout().flush().unwrap();
    let _ = io::stdin().read(&mut [0]);
}

/// Both services, seen from outside.
pub(crate) struct Services {
    pub(crate) hubspot: String,
    pub(crate) salesforce: String,
    control: String,
    pub(crate) client: Client,
    child: Child,
}

/// A record of a service.
pub(crate) struct Row {
    object: &'static str,
    id: String,
}

impl Services {
    /// Starts them with so many invented people on each side, without limits.
    pub(crate) async fn start(people: usize) -> Self {
        let mut child = Command::new(env::current_exe().unwrap())
            .env(CHILD, people.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let [hubspot, salesforce, control]: [String; 3] = serde_json::from_str(&line).unwrap();
        let services = Self { hubspot, salesforce, control, client: Client::new(), child };
        // Rates are counted by the sandbox in any case; a day's limit of requests is Hymnal's to keep, too.
        services.rates(Side::Left, json!({})).await;
        services
    }

    /// How much a service lets be asked from now on.
    pub(crate) async fn rates(&self, side: Side, rates: Value) {
        self.post(&format!("{}/rates", name(side)), &rates).await;
    }

    /// Sets the clocks of both services ahead of this machine's.
    pub(crate) async fn set_ahead(&self, ahead: Duration) {
        for side in Side::BOTH {
            let skew = u64::try_from(ahead.as_millis()).unwrap();
            self.post(&format!("{}/clock", name(side)), &json!({ "skew_ms": skew })).await;
        }
    }

    /// Records that are on both sides, by the side they are in.
    pub(crate) async fn rows(&self, side: Side, most: usize) -> Vec<Row> {
        let mut found = Vec::new();
        for object in objects(side) {
            let text = self.get(&format!("{}/records?object={object}", name(side))).await;
            for record in text["records"].as_array().unwrap() {
                if record["deleted_at"].is_null() {
                    found.push(Row { object, id: record["id"].as_str().unwrap().to_owned() });
                }
            }
        }
        // Leads and contacts as they come in life: mixed.
        found.sort_by(|a, b| a.id.chars().rev().cmp(b.id.chars().rev()));
        found.truncate(most);
        found
    }

    /// Somebody edits two fields of each record. `round` makes the values differ from those before.
    pub(crate) async fn edit(&self, side: Side, rows: &[Row], round: &str) {
        for (number, Row { object, id }) in rows.iter().enumerate() {
            let (first_name, phone) = (format!("Robin {round}"), format!("+1 212 555 {:04}", 100 + number % 100));
            let fields = match side {
                Side::Left => json!({ "firstname": first_name, "phone": phone }),
                Side::Right => json!({ "FirstName": first_name, "Phone": phone }),
            };
            let act = json!({ "action": "edit", "object": object, "id": id, "fields": fields });
            self.post(&format!("{}/records", name(side)), &act).await;
        }
    }

    /// The calls of each service since they were last asked for.
    pub(crate) async fn calls(&self, since: &mut [(u64, u64); 2]) -> Calls {
        let mut calls = Calls::default();
        for (side, mark) in Side::BOTH.into_iter().zip(since) {
            let path = format!("{}/requests?asked={}&wrote={}", name(side), mark.0, mark.1);
            let told = self.get(&path).await;
            *mark = (told["mark"]["asked"].as_u64().unwrap(), told["mark"]["wrote"].as_u64().unwrap());
            for request in told["since"]["requests"].as_array().unwrap() {
                let status = request["status"].as_u64().unwrap();
                calls.add(side, request["method"].as_str().unwrap(), request["path"].as_str().unwrap(), status);
            }
        }
        calls
    }

    async fn get(&self, path: &str) -> Value {
        let answer = self.client.get(format!("{}/control/{path}", self.control)).send().await.unwrap();
        serde_json::from_slice(&answer.error_for_status().unwrap().bytes().await.unwrap()).unwrap()
    }

    async fn post(&self, path: &str, body: &Value) {
        let url = format!("{}/control/{path}", self.control);
        let request = self.client.post(url).header("content-type", "application/json").body(body.to_string());
        request.send().await.unwrap().error_for_status().unwrap();
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// The side's name in the control API.
fn name(side: Side) -> &'static str {
    match side {
        Side::Left => "hubspot",
        Side::Right => "salesforce",
    }
}

fn objects(side: Side) -> &'static [&'static str] {
    match side {
        Side::Left => &["contacts"],
        Side::Right => &["Contact", "Lead"],
    }
}
