//! A scripted service, time that is moved, and stores in memory.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Method};
use hymnal::http::{Layers, LayersConfig};
use hymnal_sdk::{
    BoxFuture, Classify, Clock, Effect, Error, ExposeSecret as _, Kind, Ledger, Limits, Login, Request, Response,
    Result, SecretString, Session, Timestamp, Transport, Vault,
    http::{Access, Daily, Rate, Resets, Share, TransportError},
};
use tokio::time::Instant;

pub(crate) const START: &str = "2026-11-23T10:00:00Z";
pub(crate) const BASE: &str = "https://api.example.com";

/// Paused tokio time, and a wall clock that can be set.
pub(crate) struct TestClock {
    start: Instant,
    wall: Timestamp,
    stepped_ms: AtomicI64,
}

impl TestClock {
    pub(crate) fn new(wall: &str) -> Arc<Self> {
        Arc::new(Self { start: Instant::now(), wall: wall.parse().unwrap(), stepped_ms: AtomicI64::new(0) })
    }

    pub(crate) fn step(&self, seconds: i64) {
        self.stepped_ms.fetch_add(seconds * 1000, Ordering::Relaxed);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        self.wall + self.start.elapsed() + jiff::SignedDuration::from_millis(self.stepped_ms.load(Ordering::Relaxed))
    }

    fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

pub(crate) type Answer = Result<Response, TransportError>;
type Latency = Box<dyn Fn(usize) -> (Duration, Duration) + Send + Sync>;
type Script = Box<dyn Fn(&Request, usize) -> Answer + Send + Sync>;

/// A service that answers by a script; requests are logged when they arrive.
pub(crate) struct Service {
    script: Script,
    latency: Mutex<Latency>,
    pub(crate) arrived: Mutex<Vec<(Duration, Request)>>,
    left: AtomicUsize,
    start: Instant,
}

impl Service {
    /// A service whose answer depends on the request and on how many came before it.
    pub(crate) fn new(script: impl Fn(&Request, usize) -> Answer + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self {
            script: Box::new(script),
            latency: Mutex::new(Box::new(|_| (Duration::ZERO, Duration::ZERO))),
            arrived: Mutex::default(),
            left: AtomicUsize::new(0),
            start: Instant::now(),
        })
    }

    /// How long the nth request and its answer travel.
    pub(crate) fn travel(&self, latency: impl Fn(usize) -> (Duration, Duration) + Send + Sync + 'static) {
        *self.latency.lock().unwrap() = Box::new(latency);
    }

    pub(crate) fn count(&self) -> usize {
        self.arrived.lock().unwrap().len()
    }

    pub(crate) fn paths(&self) -> Vec<String> {
        self.arrived.lock().unwrap().iter().map(|(_, request)| request.url.replace(BASE, "")).collect()
    }

    pub(crate) fn times(&self) -> Vec<Duration> {
        self.arrived.lock().unwrap().iter().map(|(at, _)| *at).collect()
    }
}

impl Transport for Service {
    fn send(&self, request: Request, _: Duration) -> BoxFuture<'_, Answer> {
        Box::pin(async move {
            let nth = self.left.fetch_add(1, Ordering::Relaxed);
            let (there, back) = (self.latency.lock().unwrap())(nth);
            tokio::time::sleep(there).await;
            let nth = {
                let mut arrived = self.arrived.lock().unwrap();
                arrived.push((self.start.elapsed(), request.clone()));
                arrived.len() - 1
            };
            let answer = (self.script)(&request, nth);
            tokio::time::sleep(back).await;
            answer
        })
    }
}

#[expect(clippy::unnecessary_wraps, reason = "what a transport returns")]
pub(crate) fn answer(status: u16, headers: &[(&'static str, &str)]) -> Answer {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(*name, value.parse().unwrap());
    }
    Ok(Response { status, headers: map, body: Bytes::new() })
}

pub(crate) fn ok() -> Answer {
    answer(200, &[])
}

pub(crate) fn broken(effect: Effect) -> Answer {
    Err(TransportError { message: "the connection broke".to_owned(), effect, is_final: false })
}

pub(crate) fn request(path: &str, access: Access) -> Request {
    let method = if access == Access::Read { Method::GET } else { Method::POST };
    Request { method, url: path.to_owned(), headers: HeaderMap::new(), body: Bytes::new(), tag: "", cost: 1, access }
}

pub(crate) fn read(path: &str) -> Request {
    request(path, Access::Read)
}

pub(crate) fn write(path: &str) -> Request {
    request(path, Access::Write)
}

pub(crate) fn tagged(path: &str, tag: &'static str) -> Request {
    Request { tag, ..read(path) }
}

/// A token that never ends; no request is needed.
pub(crate) struct StaticLogin;

impl Login for StaticLogin {
    fn request(&self, _: Timestamp, _: Option<&SecretString>) -> Result<Option<Request>> {
        Ok(None)
    }

    fn session(&self, _: Option<&Response>, _: Timestamp) -> Result<Session> {
        Ok(Session {
            token: SecretString::from("static-token"),
            base_url: BASE.to_owned(),
            expires_at: None,
            refresh: None,
        })
    }

    fn sign(&self, session: &Session, request: &mut Request) {
        let token = format!("Bearer {}", session.token.expose_secret());
        request.headers.insert("authorization", token.parse().unwrap());
    }
}

/// The statuses, `Retry-After` in both forms, and `x-usage: used/limit`.
pub(crate) struct Statuses;

impl Classify for Statuses {
    fn classify(&self, _: &Request, answer: &Response, now: Timestamp) -> Result<()> {
        let kind = match answer.status {
            200..300 | 304 => return Ok(()),
            401 => Kind::Auth,
            404 => Kind::Gone,
            409 => Kind::Conflict,
            429 => Kind::Throttled,
            503 if answer.header("retry-after").is_some() => Kind::Throttled,
            500.. | 408 => Kind::Transient,
            _ => Kind::RejectedRecord,
        };
        let mut error = Error::new(kind, answer.status.to_string(), "the service refuses");
        error.retry_at = answer.header("retry-after").map(|after| match after.parse::<u64>() {
            Ok(seconds) => now + Duration::from_secs(seconds),
            Err(_) => Timestamp::try_from(httpdate::parse_http_date(after).unwrap()).unwrap(),
        });
        Err(error)
    }

    fn daily(&self, answer: &Response) -> Option<(u64, u64)> {
        let (used, limit) = answer.header("x-usage")?.split_once('/')?;
        Some((used.parse().ok()?, limit.parse().ok()?))
    }
}

/// What survives a crash.
#[derive(Default)]
pub(crate) struct Disk {
    pub(crate) values: Mutex<HashMap<String, Vec<u8>>>,
    pub(crate) tokens: Mutex<Vec<String>>,
    pub(crate) is_full: AtomicBool,
    pub(crate) saves: AtomicU64,
}

impl Disk {
    fn full(&self) -> Result<()> {
        if self.is_full.load(Ordering::Relaxed) {
            return Err(Error::new(Kind::Transient, "disk-full", "the store cannot write"));
        }
        Ok(())
    }
}

impl Ledger for Disk {
    fn load(&self, name: &str) -> Option<Vec<u8>> {
        self.values.lock().unwrap().get(name).cloned()
    }

    fn save(&self, name: &str, value: &[u8]) -> Result<()> {
        self.full()?;
        self.saves.fetch_add(1, Ordering::Relaxed);
        self.values.lock().unwrap().insert(name.to_owned(), value.to_vec());
        Ok(())
    }
}

impl Vault for Disk {
    fn load(&self, _: &str) -> Option<SecretString> {
        self.tokens.lock().unwrap().last().cloned().map(SecretString::from)
    }

    fn save(&self, _: &str, token: &SecretString) -> Result<()> {
        self.full()?;
        self.tokens.lock().unwrap().push(token.expose_secret().to_owned());
        Ok(())
    }
}

/// What a test wires together.
pub(crate) struct World {
    pub(crate) clock: Arc<TestClock>,
    pub(crate) disk: Arc<Disk>,
    pub(crate) limits: Limits,
    pub(crate) login: Arc<dyn Login>,
    pub(crate) seed: u64,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            clock: TestClock::new(START),
            disk: Arc::default(),
            limits: Limits::default(),
            login: Arc::new(StaticLogin),
            seed: 7,
        }
    }

    pub(crate) fn rate(mut self, requests: u32, seconds: u64, only: &[&str]) -> Self {
        let only = only.iter().map(|tag| (*tag).to_owned()).collect();
        self.limits.rates.push(Rate { requests, per: Duration::from_secs(seconds), only });
        self
    }

    pub(crate) fn daily(mut self, requests: u64, share: f64, reserve: f64, resets: Resets) -> Self {
        self.limits.daily = Some(Daily { requests, resets });
        self.limits.daily_share = Share::new(share);
        self.limits.reserve = Share::new(reserve);
        self
    }

    pub(crate) fn slots(mut self, slots: u32) -> Self {
        self.limits.concurrency = Some(slots);
        self
    }

    pub(crate) fn layers(&self, transport: &Arc<impl Transport>) -> Arc<Layers> {
        Layers::new(LayersConfig {
            name: "crm".to_owned(),
            transport: transport.clone(),
            login: self.login.clone(),
            classify: Arc::new(Statuses),
            limits: self.limits.clone(),
            clock: self.clock.clone(),
            ledger: self.disk.clone(),
            vault: self.disk.clone(),
            seed: self.seed,
        })
    }
}

/// Numbers for tests that draw: the seed is printed by whoever fails.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}
