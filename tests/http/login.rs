//! One login for all, and what happens when it is refused.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use hymnal_sdk::{
    Call, Effect, Error, ExposeSecret as _, Http as _, Kind, Login, LoginState, Request, Response, Result,
    SecretString, Session, Timestamp, Vault as _, http::Access,
};

use crate::world::{BASE, Service, StaticLogin, World, answer, broken, ok, read, request, write};

/// Logs in by a request; each session has a token of its own, and each answer a new refresh token.
#[derive(Default)]
struct Tokens {
    opened: AtomicU64,
    lifetime: Option<i64>,
    rotates: bool,
    asked_with: Mutex<Vec<Option<String>>>,
}

impl Login for Tokens {
    fn request(&self, _: Timestamp, refresh: Option<&SecretString>) -> Result<Option<Request>> {
        self.asked_with.lock().unwrap().push(refresh.map(|refresh| refresh.expose_secret().to_owned()));
        Ok(Some(request("https://login.example.com/token", Access::Write)))
    }

    fn session(&self, answer: Option<&Response>, now: Timestamp) -> Result<Session> {
        if answer.unwrap().status != 200 {
            return Err(Error::new(Kind::Auth, "invalid_grant", "the grant is expired"));
        }
        let number = self.opened.fetch_add(1, Ordering::Relaxed) + 1;
        Ok(Session {
            token: SecretString::from(format!("token-{number}")),
            base_url: BASE.to_owned(),
            expires_at: self.lifetime.map(|seconds| now + Duration::from_secs(seconds.unsigned_abs())),
            refresh: self.rotates.then(|| SecretString::from(format!("refresh-{number}"))),
        })
    }

    fn sign(&self, session: &Session, request: &mut Request) {
        StaticLogin.sign(session, request);
    }
}

fn world(login: &Arc<Tokens>) -> World {
    World { login: login.clone(), ..World::new() }
}

fn is_login(request: &Request) -> bool {
    request.url.contains("login.example.com")
}

fn logins(service: &Service) -> usize {
    service.paths().iter().filter(|path| path.contains("login.example.com")).count()
}

/// A service that accepts this token alone.
fn accepts(token: &'static str) -> Arc<Service> {
    let service = Service::new(move |request, _| {
        let is_accepted = is_login(request) || request.headers["authorization"] == format!("Bearer {token}");
        answer(if is_accepted { 200 } else { 401 }, &[])
    });
    service.travel(|_| (Duration::from_millis(50), Duration::from_millis(50)));
    service
}

#[tokio::test(start_paused = true)]
async fn fifty_who_wait_log_in_once() {
    let login = Arc::new(Tokens::default());
    let service = accepts("token-2");
    // Some learn of it when others have long had the new token.
    service.travel(|nth| (Duration::from_millis(50), Duration::from_millis(nth as u64 * 29 % 700)));
    let layers = world(&login).layers(&service);
    assert_eq!(layers.health().login, LoginState::Unknown);
    // All get the first session, all are refused, all get the second.
    let tasks = (0..50).map(|nth| {
        let layers = layers.clone();
        let request = if nth % 2 == 0 { read("/a") } else { write("/a") };
        tokio::spawn(async move { layers.send(&Call::default(), request).await.unwrap() })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    assert_eq!((logins(&service), service.count()), (2, 102));
    assert_eq!(layers.health().login, LoginState::Ok);
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_is_renewed_once_then_a_person_is_needed() {
    let login = Arc::new(Tokens::default());
    let service = accepts("never");
    let layers = world(&login).layers(&service);
    for access in [Access::Read, Access::Write] {
        let error = layers.send(&Call::default(), request("/a", access)).await.unwrap_err();
        assert_eq!((error.kind, error.effect), (Kind::Auth, Effect::None));
        assert!(error.hint.is_some() && error.retry_at.is_some());
    }
    assert_eq!((logins(&service), service.count()), (2, 4), "the second call did not even ask");
    assert_eq!(layers.health().login, LoginState::NeedsLogin);
    // It is tried again by itself, later each time.
    tokio::time::sleep(Duration::from_secs(61)).await;
    layers.send(&Call::default(), read("/a")).await.unwrap_err();
    assert_eq!(service.count(), 8);
    tokio::time::sleep(Duration::from_secs(61)).await;
    layers.send(&Call::default(), read("/a")).await.unwrap_err();
    assert_eq!(service.count(), 8);
}

#[tokio::test(start_paused = true)]
async fn fifty_who_wait_are_refused_once() {
    let login = Arc::new(Tokens::default());
    let service = Service::new(|_, _| answer(400, &[]));
    service.travel(|_| (Duration::from_millis(50), Duration::ZERO));
    let world = world(&login);
    let layers = world.layers(&service);
    let tasks = (0..50).map(|_| {
        let layers = layers.clone();
        tokio::spawn(async move { layers.send(&Call::default(), read("/a")).await.unwrap_err() })
    });
    for task in tasks.collect::<Vec<_>>() {
        assert_eq!(task.await.unwrap().code, "invalid_grant");
    }
    assert_eq!((logins(&service), layers.health().login), (1, LoginState::NeedsLogin));
    // A person logs in: no need to wait.
    world.disk.save("crm", &SecretString::from("from-a-person")).unwrap();
    layers.send(&Call::default(), read("/a")).await.unwrap_err();
    assert_eq!(logins(&service), 2);
}

#[tokio::test(start_paused = true)]
async fn a_session_is_renewed_before_it_ends() {
    let login = Arc::new(Tokens { lifetime: Some(1800), ..Tokens::default() });
    let service = Service::new(|_, _| ok());
    let layers = world(&login).layers(&service);
    for _ in 0..6 {
        layers.send(&Call::default(), read("/a")).await.unwrap();
        tokio::time::sleep(Duration::from_mins(10)).await;
    }
    assert_eq!(logins(&service), 2);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_ends_in_the_queue_is_renewed_before_it_is_used() {
    let login = Arc::new(Tokens { lifetime: Some(90), ..Tokens::default() });
    let service = Service::new(|_, _| ok());
    service.travel(|_| (Duration::ZERO, Duration::from_secs(20)));
    let layers = World { login: login.clone(), ..World::new().slots(1) }.layers(&service);
    let tasks = (0..3).map(|_| {
        let layers = layers.clone();
        tokio::spawn(async move { layers.send(&Call::default(), read("/a")).await.unwrap() })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let tokens: Vec<_> = (service.arrived.lock().unwrap().iter())
        .filter(|(_, request)| !is_login(request))
        .map(|(_, request)| request.headers["authorization"].to_str().unwrap().to_owned())
        .collect();
    // Opened at 0 s, used at 20 and 40; at 60 s it would end in 30.
    assert_eq!(tokens, ["Bearer token-1", "Bearer token-1", "Bearer token-2"]);
}

#[tokio::test(start_paused = true)]
async fn a_rotated_token_is_stored_before_its_session_is_used() {
    let login = Arc::new(Tokens { rotates: true, ..Tokens::default() });
    let world = world(&login);
    let disk = world.disk.clone();
    let service = Service::new({
        let disk = disk.clone();
        move |request, _| {
            assert!(is_login(request) || disk.tokens.lock().unwrap().last().unwrap() == "refresh-1");
            ok()
        }
    });
    world.disk.is_full.store(true, Ordering::Relaxed);
    let layers = world.layers(&service);
    for _ in 0..3 {
        let error = layers.send(&Call::default(), read("/a")).await.unwrap_err();
        assert_eq!(error.code, "disk-full");
    }
    // The new token is neither used nor lost: the old one may be void.
    assert_eq!((logins(&service), service.count()), (1, 1));
    world.disk.is_full.store(false, Ordering::Relaxed);
    layers.send(&Call::default(), read("/a")).await.unwrap();
    assert_eq!((logins(&service), service.count()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn after_a_lost_answer_the_old_token_is_tried_again() {
    let login = Arc::new(Tokens { rotates: true, ..Tokens::default() });
    let world = world(&login);
    world.disk.save("crm", &SecretString::from("refresh-0")).unwrap();
    let service = Service::new(|_, nth| if nth == 0 { broken(Effect::Unknown) } else { ok() });
    world.layers(&service).send(&Call::default(), read("/a")).await.unwrap();
    let old = Some("refresh-0".to_owned());
    assert_eq!(*login.asked_with.lock().unwrap(), [old.clone(), old]);
    assert_eq!(*world.disk.tokens.lock().unwrap(), ["refresh-0", "refresh-1"]);
}

#[tokio::test(start_paused = true)]
async fn a_login_goes_on_when_its_caller_is_gone() {
    let login = Arc::new(Tokens { rotates: true, ..Tokens::default() });
    let world = world(&login);
    let service = Service::new(|_, _| ok());
    service.travel(|_| (Duration::ZERO, Duration::from_secs(10)));
    let layers = world.layers(&service);
    let call = Call { deadline: Some(Duration::from_secs(2)), ..Call::default() };
    assert_eq!(layers.send(&call, read("/a")).await.unwrap_err().kind, Kind::Cancelled);
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(*world.disk.tokens.lock().unwrap(), ["refresh-1"]);
    layers.send(&Call::default(), read("/a")).await.unwrap();
    assert_eq!(logins(&service), 1);
}

#[tokio::test(start_paused = true)]
async fn a_login_that_cannot_be_asked_is_no_refusal() {
    let login = Arc::new(Tokens::default());
    for (status, kind) in [(503, Kind::Transient), (429, Kind::Throttled), (302, Kind::Fatal)] {
        let service = Service::new(move |_, _| answer(status, &[("location", "https://evil.example/")]));
        let layers = world(&login).layers(&service);
        let error = layers.send(&Call::default(), write("/a")).await.unwrap_err();
        assert_eq!((error.kind, error.effect), (kind, Effect::None), "{status}");
        assert_eq!(layers.health().login, LoginState::Unknown);
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_asked_for_at_the_login_outlives_a_restart() {
    let login = Arc::new(Tokens::default());
    let service = Service::new(|_, nth| if nth == 0 { answer(503, &[("retry-after", "600")]) } else { ok() });
    let world = world(&login);
    for minutes in [0, 1, 8] {
        tokio::time::sleep(Duration::from_mins(minutes)).await;
        let error = world.layers(&service).send(&Call::default(), write("/a")).await.unwrap_err();
        assert_eq!((error.kind, service.count()), (Kind::Throttled, 1));
    }
    tokio::time::sleep(Duration::from_mins(1)).await;
    world.layers(&service).send(&Call::default(), write("/a")).await.unwrap();
}
