//! Where a socket would be.

use std::{panic::resume_unwind, time::Duration};

use hymnal::merge::Side;
use hymnal_memory::Method;
use hymnal_sandbox::{
    Sandbox,
    wire::{Ending, Passed},
};
use hymnal_sdk::{
    BoxFuture, Clock, Effect, Request, Response, Result, Transport,
    http::{Access, TransportError},
};

use super::face;
use crate::{clock::Virtual, crash::die, oracle::Shared, remote::Road};

/// One life's way to one service.
pub(super) struct Line {
    pub(super) sandbox: Sandbox,
    pub(super) side: Side,
    pub(super) road: Road,
    pub(super) oracle: Shared,
    pub(super) clock: Virtual,
}

impl Transport for Line {
    fn send(&self, request: Request, timeout: Duration) -> BoxFuture<'_, Result<Response, TransportError>> {
        Box::pin(async move {
            let is_login = request.url.contains("/token");
            let method = if request.access == Access::Write { Method::Update } else { Method::Get };
            if !is_login {
                self.oracle.lock().asks(self.side);
            }
            let (there, back) = (self.road.way(), self.road.way());
            // A login is a task of its own: whoever dies there does not die wholly.
            let death = if is_login { None } else { self.road.burns() };
            if death == Some(false) {
                tokio::time::sleep(there).await;
                die();
            }
            let (oracle, side, sandbox) = (self.oracle.clone(), self.side, self.sandbox.clone());
            // Once it is sent it arrives, whether or not the sender lives to hear the answer.
            let arrival = tokio::spawn(async move {
                tokio::time::sleep(there).await;
                let call = oracle.lock().arrives(side);
                let throttled = |sandbox: &Sandbox| throttles(sandbox, side);
                let before = throttled(&sandbox);
                let passed = sandbox.answer(face(side), &asked(request));
                oracle.lock().was_called(side, method, call);
                if passed.response.status() == 429 && throttled(&sandbox) == before {
                    oracle.lock().was_throttled(side);
                }
                (call, passed)
            });
            let (call, passed) = match arrival.await {
                Ok(answered) => answered,
                Err(error) => resume_unwind(error.into_panic()),
            };
            if death == Some(true) {
                die();
            }
            tokio::time::sleep(back).await;
            let answer = hear(passed, timeout).await;
            if let Ok(answer) = &answer {
                let mut oracle = self.oracle.lock();
                oracle.hears(call);
                if let Some(pause) = pause(answer, self.clock.now()) {
                    oracle.is_asked_to_wait(self.side, pause);
                }
            }
            answer
        })
    }
}

/// Throttles that were planted, so far.
fn throttles(sandbox: &Sandbox, side: Side) -> u64 {
    let fired = sandbox.control(face(side)).fired();
    fired.iter().filter(|(name, _)| name.starts_with("throttled")).map(|(_, times)| times).sum()
}

/// The answer as it comes, if it comes in time.
async fn hear(passed: Passed, timeout: Duration) -> Result<Response, TransportError> {
    let bytes = u32::try_from(passed.response.body().len()).unwrap_or(u32::MAX);
    let drip = match passed.ending {
        Ending::Drip(every) => every.saturating_mul(bytes),
        Ending::Whole | Ending::Cut | Ending::Half => Duration::ZERO,
    };
    let late = passed.delay + drip;
    tokio::time::sleep(late.min(timeout)).await;
    let lost = |message: &str| TransportError { message: message.into(), effect: Effect::Unknown, is_final: false };
    if late >= timeout {
        return Err(lost("no answer came in time"));
    }
    match passed.ending {
        Ending::Cut | Ending::Half => Err(lost("the connection was cut")),
        Ending::Whole | Ending::Drip(_) => {
            let (head, body) = passed.response.into_parts();
            Ok(Response { status: head.status.as_u16(), headers: head.headers, body })
        }
    }
}

/// How long the service wants to be left alone; an hour where it wants more.
fn pause(answer: &Response, now: hymnal_sdk::Timestamp) -> Option<Duration> {
    if ![429, 503].contains(&answer.status) {
        return None;
    }
    let told = answer.header("retry-after")?;
    let pause = if let Ok(seconds) = told.parse() {
        Duration::from_secs(seconds)
    } else {
        // By the clock of the service, whatever that shows.
        let date = |text: &str| Some(jiff::fmt::rfc2822::parse(text).ok()?.timestamp());
        let theirs = answer.header("date").and_then(date).unwrap_or(now);
        Duration::try_from(date(told)?.duration_since(theirs)).unwrap_or_default()
    };
    Some(pause.min(Duration::from_hours(1)))
}

fn asked(request: Request) -> http::Request<bytes::Bytes> {
    let mut asked = http::Request::new(request.body);
    *asked.method_mut() = request.method;
    *asked.uri_mut() = request.url.parse().expect("the layers make whole addresses");
    *asked.headers_mut() = request.headers;
    asked
}
