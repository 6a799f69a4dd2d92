//! Sessions: one login for all who wait, renewed when it ends or is refused.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use hymnal_sdk::{
    Classify, Clock, Error, ExposeSecret as _, Kind, Ledger, Login, LoginState, Response, Result, SecretString,
    Session, Transport, Vault, http::Access,
};
use jiff::SignedDuration;
use tokio::sync::watch;

use super::{
    TIMEOUT,
    answer::{lost, pause, redirect},
    gate::too_late,
    remembered,
    retry::{Finality, Jitter, Next, Retry},
};

/// A session that ends within this time is renewed before it is used.
const MARGIN: SignedDuration = SignedDuration::from_secs(30);

/// After a refusal the next login is tried by itself, each time later: often enough to resume without a person, seldom
/// enough not to lock an account.
const FIRST_REST: Duration = Duration::from_mins(1);
const LONGEST_REST: Duration = Duration::from_mins(15);

/// The sessions of one connector.
pub(super) struct Logins {
    pub(super) name: String,
    pub(super) login: Arc<dyn Login>,
    pub(super) transport: Arc<dyn Transport>,
    pub(super) classify: Arc<dyn Classify>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) vault: Arc<dyn Vault>,
    pub(super) ledger: Arc<dyn Ledger>,
    pub(super) jitter: Jitter,
    pub(super) state: Mutex<State>,
}

type Flight = watch::Receiver<Option<Result<Arc<Session>>>>;

#[derive(Default)]
pub(super) struct State {
    open: Option<Arc<Session>>,
    flight: Option<Flight>,
    rest: Option<Rest>,
    /// A session whose refresh token could not be stored yet: it must not be used, nor be lost.
    unsaved: Option<Session>,
    login: LoginState,
}

/// No login is tried before `until`.
struct Rest {
    error: Error,
    until: Duration,
    times: u32,
    /// The token it happened with: a new one, from a person's login, is tried at once.
    refresh: Option<SecretString>,
}

impl Logins {
    /// The session in use, or a new one. All who ask while a login runs get its result, and dropping this future does
    /// not stop it: an answer with a rotated token must not be lost.
    ///
    /// # Errors
    /// `Auth` where the service refuses; what went wrong on the way otherwise; `Cancelled` after the deadline.
    pub(super) async fn session(self: &Arc<Self>, deadline: Option<Duration>) -> Result<Arc<Session>> {
        let mut flight = match self.open_or_flight()? {
            Ready::Open(open) => return Ok(open),
            Ready::Flight(flight) => flight,
        };
        let landed = async {
            let landed = flight.wait_for(Option::is_some).await.ok().and_then(|landed| landed.clone());
            landed.unwrap_or_else(|| Err(Error::new(Kind::Transient, "login", "the login was interrupted")))
        };
        let Some(deadline) = deadline else { return landed.await };
        let left = deadline.saturating_sub(self.clock.elapsed());
        tokio::select! {
            biased;
            landed = landed => landed,
            () = self.clock.sleep(left) => Err(too_late()),
        }
    }

    /// Goes on with the pause that the service asked for when somebody logged in before the last stop.
    pub(super) fn resume(&self) {
        if let Some((left, because)) = remembered::load(&*self.ledger, &self.place(), self.clock.now()) {
            let error = Error::new(Kind::Throttled, "paused", because);
            self.rest(error, left);
        }
    }

    /// Whether this session is still the one in use, and not about to end.
    pub(super) fn is_current(&self, open: &Arc<Session>) -> bool {
        self.lock().open.as_ref().is_some_and(|current| Arc::ptr_eq(current, open)) && !self.ends_soon(open)
    }

    /// An answer refused this session: the next request opens a new one, unless somebody already did.
    pub(super) fn reject(&self, open: &Arc<Session>) {
        let mut state = self.lock();
        if state.open.as_ref().is_some_and(|current| Arc::ptr_eq(current, open)) {
            state.open = None;
        }
    }

    /// An answer refused this session though it was opened after a refusal: a person is needed.
    pub(super) fn refuse(&self, open: &Arc<Session>, error: &Error) -> Error {
        self.reject(open);
        self.refused(error)
    }

    /// An answer accepted the session.
    pub(super) fn accept(&self) {
        let mut state = self.lock();
        state.rest = None;
        state.login = LoginState::Ok;
    }

    /// The state of the login.
    pub(super) fn state(&self) -> LoginState {
        self.lock().login
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ends_soon(&self, open: &Session) -> bool {
        let now = self.clock.now();
        open.expires_at.is_some_and(|end| end.duration_since(now) <= MARGIN)
    }

    fn open_or_flight(self: &Arc<Self>) -> Result<Ready> {
        let refresh = self.vault.load(&self.name);
        let mut state = self.lock();
        if let Some(open) = state.open.clone().filter(|open| !self.ends_soon(open)) {
            return Ok(Ready::Open(open));
        }
        if let Some(rest) = &state.rest
            && self.clock.elapsed() < rest.until
            && expose(rest.refresh.as_ref()) == expose(refresh.as_ref())
        {
            return Err(rest.error.clone());
        }
        // A flight whose task is gone (its runtime ended) is none.
        if let Some(flight) = state.flight.clone().filter(|flight| flight.has_changed().is_ok()) {
            return Ok(Ready::Flight(flight));
        }
        let (land, flight) = watch::channel(None);
        state.flight = Some(flight.clone());
        drop(state);
        let logins = self.clone();
        tokio::spawn(async move {
            let result = logins.log_in().await;
            logins.lock().flight = None;
            let _ = land.send(Some(result));
        });
        Ok(Ready::Flight(flight))
    }

    async fn log_in(&self) -> Result<Arc<Session>> {
        match self.open_session().await {
            Ok(session) => {
                let open = Arc::new(session);
                self.lock().open = Some(open.clone());
                Ok(open)
            }
            Err(error) if error.kind == Kind::Auth => Err(self.refused(&error)),
            Err(error) if error.kind == Kind::Throttled => {
                let length = pause(&error, self.rests(), self.clock.now()).length();
                let error = self.rest(error, length);
                if let Some(until) = error.retry_at {
                    let because = format!("the service asked for a pause at the login ({})", error.code);
                    remembered::save(&*self.ledger, &self.place(), until, &because);
                }
                Err(error)
            }
            Err(error) => Err(error),
        }
    }

    async fn open_session(&self) -> Result<Session> {
        let unsaved = self.lock().unsaved.take();
        if let Some(session) = unsaved {
            return self.store(session);
        }
        let mut retry = Retry::new(Access::Read, &self.jitter);
        loop {
            let now = self.clock.now();
            // Read anew each time: after a lost answer the old token is all there is.
            let refresh = self.vault.load(&self.name);
            let asked = match self.login.request(now, refresh.as_ref())? {
                None => Ok(None),
                Some(request) => self.ask(request).await.map(Some),
            };
            let (error, finality) = match asked {
                Ok(answer) => return self.store(self.login.session(answer.as_ref(), now)?),
                Err(failed) => failed,
            };
            match retry.next(&error, finality, None) {
                Next::After(delay) => self.clock.sleep(delay).await,
                _ => return Err(error),
            }
        }
    }

    /// Sends a login. Refusals are the answer's to tell; what hinders any request is told here.
    async fn ask(&self, request: hymnal_sdk::Request) -> Result<Response, (Error, Finality)> {
        let answer = self.transport.send(request.clone(), TIMEOUT).await.map_err(|error| lost(error, Access::Read))?;
        let failed = match redirect(&answer) {
            Some(error) => Err(error),
            None => self.classify.classify(&request, &answer, self.clock.now()),
        };
        match failed {
            Err(error) if matches!(error.kind, Kind::Transient | Kind::Throttled) || is_redirect(&answer) => {
                tracing::warn!(connector = self.name, status = answer.status, code = error.code, "Login failed");
                Err((error, Finality::MayPass))
            }
            _ => Ok(answer),
        }
    }

    /// A rotated refresh token is stored durably before its session is used: the old one may be void by now.
    fn store(&self, session: Session) -> Result<Session> {
        if let Some(refresh) = &session.refresh
            && let Err(error) = self.vault.save(&self.name, refresh)
        {
            tracing::warn!(connector = self.name, "The new refresh token cannot be stored, requests wait for it");
            self.lock().unsaved = Some(session);
            return Err(error);
        }
        Ok(session)
    }

    /// A person is needed; until then it is tried again seldom.
    fn refused(&self, error: &Error) -> Error {
        let mut error = error.clone();
        if error.hint.is_none() {
            error.hint = Some("check the connector's secrets, or log in again with `hymnal login`".to_owned());
        }
        let before = std::mem::replace(&mut self.lock().login, LoginState::NeedsLogin);
        if before != LoginState::NeedsLogin {
            tracing::error!(connector = self.name, code = error.code, "The service refuses the login");
        }
        let length = (FIRST_REST * 2_u32.saturating_pow(self.rests().min(8))).min(LONGEST_REST);
        self.rest(error, length)
    }

    /// No login for so long; all who ask get this error.
    fn rest(&self, error: Error, length: Duration) -> Error {
        let error = Error { retry_at: self.clock.now().checked_add(length).ok(), ..error };
        let (until, times) = (self.clock.elapsed() + length, self.rests() + 1);
        let refresh = self.vault.load(&self.name);
        self.lock().rest = Some(Rest { error: error.clone(), until, times, refresh });
        error
    }

    /// Where its pause is remembered: beside that of all requests.
    fn place(&self) -> String {
        format!("{}/login", self.name)
    }

    /// How many rests in a row there were.
    fn rests(&self) -> u32 {
        self.lock().rest.as_ref().map_or(0, |rest| rest.times)
    }
}

enum Ready {
    Open(Arc<Session>),
    Flight(Flight),
}

fn is_redirect(answer: &Response) -> bool {
    redirect(answer).is_some()
}

fn expose(secret: Option<&SecretString>) -> Option<&str> {
    secret.map(SecretString::expose_secret)
}
