//! What lies between a request and its answer: planted faults, the service's own `Date`, the record of what was asked.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, SystemTime},
};

use axum::{
    body::Body,
    extract::connect_info::Connected,
    serve::{IncomingStream, Listener},
};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderValue, Request, Response, StatusCode, header};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
};

use crate::{
    account::{Account, Fault, Seen},
    bend::{self, Bent},
};

/// What comes back on the wire.
#[derive(Debug)]
pub struct Passed {
    /// The answer.
    pub response: Response<Bytes>,
    /// How much later than usual it comes.
    pub delay: Duration,
    /// How much of it comes, and how.
    pub ending: Ending,
}

/// How much of an answer comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All of it.
    Whole,
    /// Not one byte: the connection is cut.
    Cut,
    /// The head and half of the body, then the connection is cut.
    Half,
    /// All of it, one byte of the body at a time with this long between them.
    Drip(Duration),
}

/// What a face adds: its answers, and how it words the two errors that faults make it give.
pub trait Face: Send + Sync {
    /// Answers one request.
    fn answer(&self, request: &Request<Bytes>) -> Response<Bytes>;

    /// The answer to an access token that is no longer valid.
    fn expired_token(&self) -> Response<Bytes>;

    /// The answer when something broke inside the service.
    fn broken(&self) -> Response<Bytes>;

    /// The answer to a request that names a field which is not there.
    fn no_such_field(&self, field: &str) -> Response<Bytes>;

    /// A reading that asks for a field which is not there is answered without it, not refused.
    fn leaves_unknown_fields_out(&self) -> bool;

    /// The answer to a write of a value that is not of the field's type.
    fn value_of_another_type(&self, field: &str) -> Response<Bytes>;

    /// The answer to a write of a choice that the field does not have; `None` where the service refuses record by record,
    /// so that the account itself must know the choices.
    fn no_such_choice(&self, field: &str, choice: &str) -> Option<Response<Bytes>>;
}

/// Passes one request through the planted faults to the face, and records it.
pub fn pass(account: &Account, face: &dyn Face, request: &Request<Bytes>) -> Passed {
    let method = request.method().as_str().to_owned();
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let (mut passed, wrote) = account.watch(|| planted_for(account, face, request, &method, &path));
    let time = SystemTime::from(account.now());
    if let Ok(date) = HeaderValue::from_str(&httpdate::fmt_http_date(time)) {
        passed.response.headers_mut().insert(header::DATE, date);
    }
    let status = if passed.ending == Ending::Cut { 0 } else { passed.response.status().as_u16() };
    account.lock().record(Seen { method, path, status, wrote });
    passed
}

/// The oldest fault that does something to the request, or none.
fn planted_for(account: &Account, face: &dyn Face, request: &Request<Bytes>, method: &str, path: &str) -> Passed {
    let mut tried = 0;
    loop {
        let fault = account.lock().fault_for(method, path, tried);
        let Some(fault) = fault else {
            return Passed { response: face.answer(request), delay: Duration::ZERO, ending: Ending::Whole };
        };
        match through(&fault, account, face, request) {
            Hit::Done(passed) => {
                account.lock().spend(method, path, tried);
                return passed;
            }
            Hit::InVain(passed) => return passed,
            Hit::Not => tried += 1,
        }
    }
}

/// What a fault did to a request.
enum Hit {
    /// What it is there for.
    Done(Passed),
    /// The face was asked, and there was nothing to do to its answer.
    InVain(Passed),
    /// Nothing, and nobody was asked.
    Not,
}

fn through(fault: &Fault, account: &Account, face: &dyn Face, request: &Request<Bytes>) -> Hit {
    let at_once = |response, ending| Passed { response, delay: Duration::ZERO, ending };
    Hit::Done(match fault {
        Fault::Answer { status, retry_after, body } => {
            at_once(planted(*status, retry_after, body.clone()), Ending::Whole)
        }
        Fault::AppliedAnswerLost => at_once(face.answer(request), Ending::Cut),
        Fault::RefusedConnection => at_once(Response::default(), Ending::Cut),
        Fault::AppliedThen500 => {
            drop(face.answer(request));
            at_once(face.broken(), Ending::Whole)
        }
        Fault::Html => {
            let page = "<!DOCTYPE html><html><head><title>Sign in</title></head><body>Sign in to go on</body></html>";
            let mut response = Response::new(Bytes::from_static(page.as_bytes()));
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html;charset=utf-8"));
            at_once(response, Ending::Whole)
        }
        Fault::Truncated => at_once(face.answer(request), Ending::Half),
        Fault::ExpiredToken => at_once(face.expired_token(), Ending::Whole),
        Fault::Delay { ms } => {
            Passed { response: face.answer(request), delay: Duration::from_millis(*ms), ending: Ending::Whole }
        }
        Fault::SlowDrip { ms_per_byte } => {
            at_once(face.answer(request), Ending::Drip(Duration::from_millis(*ms_per_byte)))
        }
        bending => {
            return match bend::through(bending, account, face, request) {
                Bent::Done(response) => Hit::Done(at_once(response, Ending::Whole)),
                Bent::InVain(response) => Hit::InVain(at_once(response, Ending::Whole)),
                Bent::Not => Hit::Not,
            };
        }
    })
}

fn planted(status: u16, retry_after: &str, body: String) -> Response<Bytes> {
    let is_json = body.starts_with(['{', '[']);
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let kind = if is_json { "application/json;charset=utf-8" } else { "text/plain;charset=utf-8" };
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Ok(value) = HeaderValue::from_str(retry_after)
        && !retry_after.is_empty()
    {
        response.headers_mut().insert(header::RETRY_AFTER, value);
    }
    response
}

/// Puts an answer on a connection, late, cut or slow as it was decided.
pub(crate) async fn put(account: &Account, connection: &Connection, passed: Passed) -> Response<Body> {
    if !passed.delay.is_zero() {
        account.sleep(passed.delay).await;
    }
    let (mut head, body) = passed.response.into_parts();
    match passed.ending {
        Ending::Whole => Response::from_parts(head, Body::from(body)),
        Ending::Cut => {
            connection.cut.store(true, Ordering::Release);
            Response::from_parts(head, Body::empty())
        }
        Ending::Half => {
            head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
            Response::from_parts(head, Body::from_stream(half(body)))
        }
        Ending::Drip(every) => {
            head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
            Response::from_parts(head, Body::from_stream(drip(account.clone(), body, every)))
        }
    }
}

fn half(body: Bytes) -> impl stream::Stream<Item = io::Result<Bytes>> {
    stream::unfold(Some(body), |left| async {
        match left {
            Some(body) if !body.is_empty() => Some((Ok(body.slice(..body.len() / 2)), Some(Bytes::new()))),
            Some(_) => {
                // Let the server flush the first half before it sees that the rest is missing.
                tokio::task::yield_now().await;
                Some((Err(io::ErrorKind::ConnectionAborted.into()), None))
            }
            None => None,
        }
    })
}

fn drip(account: Account, body: Bytes, every: Duration) -> impl stream::Stream<Item = io::Result<Bytes>> {
    stream::unfold((account, body), move |(account, mut body)| async move {
        if body.is_empty() {
            return None;
        }
        account.sleep(every).await;
        let byte = body.split_to(1);
        Some((Ok(byte), (account, body)))
    })
}

/// A listener whose connections can be cut without an answer.
pub(crate) struct Cuttable(pub(crate) TcpListener);

/// A connection that fails every read and write once it is cut.
pub(crate) struct CuttableStream {
    stream: TcpStream,
    cut: Arc<AtomicBool>,
}

/// A handle on the connection that a request came by.
#[derive(Clone)]
pub(crate) struct Connection {
    cut: Arc<AtomicBool>,
}

impl Listener for Cuttable {
    type Io = CuttableStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (CuttableStream, SocketAddr) {
        let (stream, address) = Listener::accept(&mut self.0).await;
        // Answers are small and come in two writes; without this each would wait for an acknowledgement.
        drop(stream.set_nodelay(true));
        (CuttableStream { stream, cut: Arc::default() }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl Connected<IncomingStream<'_, Cuttable>> for Connection {
    fn connect_info(stream: IncomingStream<'_, Cuttable>) -> Self {
        Self { cut: Arc::clone(&stream.io().cut) }
    }
}

impl CuttableStream {
    fn whole(&self) -> io::Result<()> {
        if self.cut.load(Ordering::Acquire) { Err(io::ErrorKind::ConnectionAborted.into()) } else { Ok(()) }
    }
}

impl AsyncRead for CuttableStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.whole()?;
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for CuttableStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.whole()?;
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.whole()?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
