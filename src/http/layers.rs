//! All layers together.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use hymnal_sdk::{
    BoxFuture, Call, Classify, Clock, Error, Health, Http, Kind, Lane, Ledger, Limits, Login, Permit, Request,
    Response, Result, Session, Timestamp, Transport, Vault, http::Access,
};

use super::{
    TIMEOUT, address,
    allowance::{Need, Slot, Urgency},
    answer::{self, PauseLength},
    gate::{Admission, Gate, too_late},
    login::Logins,
    offset::ClockOffset,
    remembered,
    retry::{Finality, Jitter, Next, Retry},
};

/// What the layers of one connector are made of.
pub struct LayersConfig {
    /// The connector's name: in logs, and under which ledger and vault keep its values.
    pub name: String,
    /// Sends requests.
    pub transport: Arc<dyn Transport>,
    /// How to log in.
    pub login: Arc<dyn Login>,
    /// What answers mean.
    pub classify: Arc<dyn Classify>,
    /// What the service allows. A daily quota with a share of zero allows nothing.
    pub limits: Limits,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Keeps the calls of the day.
    pub ledger: Arc<dyn Ledger>,
    /// Keeps refresh tokens.
    pub vault: Arc<dyn Vault>,
    /// For the jitter of delays.
    pub seed: u64,
}

/// The layers of one connector. They hold what was sent lately: keep them while the connector's configuration stays
/// the same.
pub struct Layers {
    name: String,
    transport: Arc<dyn Transport>,
    login: Arc<dyn Login>,
    classify: Arc<dyn Classify>,
    clock: Arc<dyn Clock>,
    ledger: Arc<dyn Ledger>,
    limits: Limits,
    gate: Arc<Gate>,
    logins: Arc<Logins>,
    jitter: Jitter,
    seen: Mutex<Seen>,
}

/// What the answers so far have shown.
#[derive(Default)]
struct Seen {
    offset: ClockOffset,
    requests: u64,
    throttled: u64,
    throttled_in_a_row: u32,
    last_error: Option<String>,
}

/// Why a request did not end well.
enum Failure {
    /// Nothing was sent.
    NotSent(Error),
    /// It was sent, in this session.
    Sent { error: Error, finality: Finality, pause: Option<Duration>, open: Arc<Session> },
}

impl Layers {
    /// The layers of one connector. Nothing is sent yet. Runs within a tokio runtime.
    pub fn new(config: LayersConfig) -> Arc<Self> {
        let LayersConfig { name, transport, login, classify, limits, clock, ledger, vault, seed } = config;
        let gate = Gate::new(&name, &limits, ledger.clone(), clock.clone());
        if let Some((left, because)) = remembered::load(&*ledger, &name, clock.now()) {
            gate.pause(left, because);
        }
        let logins = Arc::new(Logins {
            name: name.clone(),
            login: login.clone(),
            transport: transport.clone(),
            classify: classify.clone(),
            clock: clock.clone(),
            vault,
            ledger: ledger.clone(),
            jitter: Jitter::new(!seed),
            state: Mutex::default(),
        });
        logins.resume();
        let (jitter, seen) = (Jitter::new(seed), Mutex::default());
        Arc::new(Self { name, transport, login, classify, clock, ledger, limits, gate, logins, jitter, seen })
    }

    async fn send_and_repeat(&self, call: &Call, request: Request) -> Result<Response> {
        let mut retry = Retry::new(request.access, &self.jitter);
        // A repetition pays anew: what is left in the permit is for the requests after this one.
        let mut permit = call.permit.as_deref();
        loop {
            let failure = match self.send_once(call, permit.take(), &request).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            let (error, finality, pause, open) = match failure {
                Failure::NotSent(error) => return Err(self.note(error)),
                Failure::Sent { error, finality, pause, open } => (error, finality, pause, open),
            };
            match retry.next(&error, finality, pause) {
                Next::GiveUp => {
                    let is_refused = error.kind == Kind::Auth;
                    return Err(self.note(if is_refused { self.logins.refuse(&open, &error) } else { error }));
                }
                Next::LogInAgain => self.logins.reject(&open),
                Next::AfterPause => {}
                Next::After(delay) => {
                    if call.deadline.is_some_and(|deadline| self.clock.elapsed() + delay >= deadline) {
                        return Err(self.note(error));
                    }
                    self.clock.sleep(delay).await;
                }
            }
        }
    }

    async fn send_once(&self, call: &Call, permit: Option<&Permit>, request: &Request) -> Result<Response, Failure> {
        let (open, slot) = self.enter(call, permit, request).await.map_err(Failure::NotSent)?;
        let mut signed = request.clone();
        signed.url = address::join(&open.base_url, &request.url).map_err(Failure::NotSent)?;
        self.login.sign(&open, &mut signed);

        let (left, started) = (self.clock.now(), self.clock.elapsed());
        self.seen().requests += 1;
        let sent = self.transport.send(signed, TIMEOUT).await;
        drop(slot);
        let trip = self.clock.elapsed().saturating_sub(started);
        match sent {
            Ok(answer) => self.read(request, answer, left, trip, open),
            Err(error) => {
                let (error, finality) = answer::lost(error, request.access);
                self.log(request, None, &error);
                Err(Failure::Sent { error, finality, pause: None, open })
            }
        }
    }

    /// Waits for a session and for leave to send; what is returned is counted as sent now.
    async fn enter(
        &self,
        call: &Call,
        permit: Option<&Permit>,
        request: &Request,
    ) -> Result<(Arc<Session>, Admission)> {
        let mut permit = permit.filter(|_| request.cost == 1);
        loop {
            let open = self.logins.session(call.deadline).await?;
            // Before anything is waited for or paid: a URL that is refused costs nothing.
            address::join(&open.base_url, &request.url)?;
            let reserved = permit.and_then(|permit| self.ticket(permit)).filter(|held| held.covers(request.tag));
            let need = match (reserved, request.access) {
                (None, _) => Need {
                    lane: call.lane,
                    requests: vec![(request.tag, request.cost)],
                    slot: Slot::Needed,
                    urgency: Urgency::Queued,
                },
                (Some(_), access) => Need {
                    lane: call.lane,
                    requests: Vec::new(),
                    slot: Slot::Needed,
                    urgency: if access == Access::Write { Urgency::Verified } else { Urgency::Reserved },
                },
            };
            let slot = self.gate.admit(need, call.deadline).await?;
            if call.deadline.is_some_and(|deadline| self.clock.elapsed() > deadline) {
                return Err(too_late());
            }
            // While it waited the session may have ended: log in before anything counts as sent.
            if !self.logins.is_current(&open) {
                continue;
            }
            if reserved.unwrap_or(&slot).spend(request.tag) {
                if reserved.is_some()
                    && let Some(permit) = permit
                {
                    permit.take();
                }
                return Ok((open, slot));
            }
            // What was reserved has lapsed meanwhile.
            permit = None;
        }
    }

    /// What was reserved, if it was here.
    fn ticket<'a>(&self, permit: &'a Permit) -> Option<&'a Admission> {
        permit.ticket()?.downcast_ref::<Admission>().filter(|admission| admission.is_of(&self.gate))
    }

    fn read(
        &self,
        request: &Request,
        answer: Response,
        left: Timestamp,
        trip: Duration,
        open: Arc<Session>,
    ) -> Result<Response, Failure> {
        let now = self.clock.now();
        // By the service's clock, since a `Retry-After` date is: ours may be wrong.
        let theirs = {
            let mut seen = self.seen();
            // A clock that stepped during the request says nothing.
            if now >= left {
                seen.offset.learn(&answer, now, trip);
            }
            let offset = jiff::SignedDuration::from_millis(seen.offset.millis().unwrap_or(0));
            now.checked_add(offset).unwrap_or(now)
        };
        if let Some((used, limit)) = self.classify.daily(&answer) {
            self.gate.learn(used, limit);
        }
        let Err(mut error) = answer::interpret(&*self.classify, request, &answer, theirs) else {
            self.logins.accept();
            self.seen().throttled_in_a_row = 0;
            tracing::debug!(
                connector = self.name, method = %request.method, path = address::shown_path(&request.url),
                status = answer.status, "Request answered"
            );
            return Ok(answer);
        };
        self.log(request, Some(answer.status), &error);
        if matches!(error.kind, Kind::Gone | Kind::Conflict | Kind::RejectedField | Kind::RejectedRecord) {
            self.logins.accept();
        }
        let pause = (error.kind == Kind::Throttled).then(|| self.pause(&error, theirs));
        if let Some(pause) = pause {
            error.retry_at = now.checked_add(pause).ok();
        }
        Err(Failure::Sent { error, finality: Finality::MayPass, pause, open })
    }

    /// Pauses all requests after a throttle; how long.
    fn pause(&self, error: &Error, now: Timestamp) -> Duration {
        let length = {
            let mut seen = self.seen();
            seen.throttled += 1;
            let length = answer::pause(error, seen.throttled_in_a_row, now);
            // Requests that were under way when the first was throttled are no further sign.
            if self.gate.paused().is_none() {
                seen.throttled_in_a_row = seen.throttled_in_a_row.saturating_add(1);
            }
            length
        };
        let seconds = length.length().as_secs();
        match length {
            PauseLength::For(_) => tracing::warn!(connector = self.name, seconds, "The service asks for a pause"),
            PauseLength::Capped(_) => tracing::warn!(
                connector = self.name,
                asked_until = error.retry_at.map(tracing::field::display),
                seconds,
                "The service asks for a pause of absurd length, it is asked again earlier"
            ),
        }
        let because = format!("the service asked for a pause ({})", error.code);
        self.gate.pause(length.length(), because);
        // The one in force, which may be longer, and by our clock: theirs may be off by any time.
        if let Some((pause, left)) = self.gate.paused()
            && let Ok(until) = self.clock.now().checked_add(left)
        {
            remembered::save(&*self.ledger, &self.name, until, &pause.because);
        }
        length.length()
    }

    /// Remembers a failure for `status`, without what may be personal.
    fn note(&self, error: Error) -> Error {
        if error.kind != Kind::Cancelled {
            self.seen().last_error = Some(format!("{:?} ({})", error.kind, error.code));
        }
        error
    }

    fn log(&self, request: &Request, status: Option<u16>, error: &Error) {
        let path = address::shown_path(&request.url);
        let (connector, method, code) = (&self.name, &request.method, &error.code);
        if error.kind == Kind::Transient {
            tracing::warn!(connector, %method, path, status, code, "Request failed");
        } else {
            tracing::debug!(connector, %method, path, status, code, kind = ?error.kind, "Request refused");
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Http for Layers {
    fn send<'a>(&'a self, call: &'a Call, request: Request) -> BoxFuture<'a, Result<Response>> {
        Box::pin(self.send_and_repeat(call, request))
    }

    fn reserve<'a>(&'a self, lane: Lane, tags: &'a [&'static str]) -> BoxFuture<'a, Result<Permit>> {
        Box::pin(async move {
            let requests: Vec<_> = tags.iter().map(|tag| (*tag, 1)).collect();
            let count = u32::try_from(requests.len()).unwrap_or(u32::MAX);
            let need = Need { lane, requests, slot: Slot::Later, urgency: Urgency::Queued };
            let held = self.gate.admit(need, None).await.map_err(|error| self.note(error))?;
            Ok(Permit::new(count).with_ticket(Arc::new(held)))
        })
    }

    fn limits(&self) -> Limits {
        self.limits.clone()
    }

    fn health(&self) -> Health {
        let usage = self.gate.usage();
        let paused = self
            .gate
            .paused()
            .and_then(|(pause, left)| Some((self.clock.now().checked_add(left).ok()?, pause.because)));
        let spent = usage.as_ref().and_then(|(_, spent)| spent.clone());
        let usage = usage.as_ref().map(|(usage, _)| usage);
        // The later of the two: before it nothing goes.
        let (paused_until, paused_because) = paused.into_iter().chain(spent).max().unzip();
        let seen = self.seen();
        Health {
            login: self.logins.state(),
            daily_used: usage.map_or(0, |usage| usage.used),
            daily_limit: usage.map(|usage| usage.limit),
            daily_ours: usage.map(|usage| usage.ours),
            daily_by_us: usage.map_or(0, |usage| usage.by_us),
            paused_until,
            paused_because,
            clock_offset_ms: seen.offset.millis(),
            requests: seen.requests,
            throttled: seen.throttled,
            last_error: seen.last_error.clone(),
        }
    }
}
