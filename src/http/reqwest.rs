//! Sockets and TLS. The one file that names the `reqwest` crate.
//!
//! - TLS by `rustls` with the system's certificate authorities; a certificate that is not in order is final.
//! - `http://` is refused except to loopback.
//! - No redirect is followed and nothing is sent twice.
//! - No proxy is used, neither the system's nor one from `HTTP_PROXY` and the like: tokens and customers' data go where
//!   the configuration says and nowhere else.
//! - Bodies are capped after decompression, while they are read.

use std::{error::Error as _, net::IpAddr, time::Duration};

use bytes::{Bytes, BytesMut};
use hymnal_sdk::{BoxFuture, Effect, Error, Kind, Request, Response, Result, Transport, http::TransportError};
use reqwest::{Client, Method, Url, redirect::Policy, retry};

/// What a transport is made of.
#[derive(Clone, Debug)]
pub struct TransportOptions {
    /// How long opening a connection may take, TLS included.
    pub connect_timeout: Duration,
    /// Largest body in bytes, decompressed.
    pub body_cap: usize,
    /// What we call ourselves.
    pub user_agent: String,
}

impl Default for TransportOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            body_cap: 64 * 1024 * 1024,
            user_agent: concat!("hymnal/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }
}

/// Requests over the network.
#[derive(Clone, Debug)]
pub struct ReqwestTransport {
    client: Client,
    body_cap: usize,
}

impl ReqwestTransport {
    /// A transport with its own pool of connections.
    ///
    /// # Errors
    /// `Fatal`: TLS cannot be set up (no certificate authorities on this machine).
    pub fn new(options: TransportOptions) -> Result<Self> {
        let TransportOptions { connect_timeout, body_cap, user_agent } = options;
        let client = Client::builder()
            .user_agent(user_agent)
            .connect_timeout(connect_timeout)
            .pool_idle_timeout(Duration::from_secs(30))
            .redirect(Policy::none())
            .retry(retry::never())
            .no_proxy()
            .referer(false)
            .build()
            .map_err(|error| {
                Error::new(Kind::Fatal, "tls", format!("HTTPS cannot be set up: {}", in_words(&error)))
                    .hint("install the system's certificate authorities (`ca-certificates`)")
            })?;
        Ok(Self { client, body_cap })
    }

    async fn exchange(&self, request: Request) -> Result<Response, TransportError> {
        let url = allowed(&request.url)?;
        let method = Method::from_bytes(request.method.as_str().as_bytes()).unwrap_or_default();
        let sent = self.client.request(method, url).headers(request.headers).body(request.body).send().await;
        let mut answer = sent.map_err(|error| failed(&error))?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        if answer.content_length().is_some_and(|length| length > self.body_cap as u64) {
            return Err(self.too_large());
        }
        let mut body = BytesMut::new();
        while let Some(piece) = answer.chunk().await.map_err(|error| failed(&error))? {
            if body.len() + piece.len() > self.body_cap {
                return Err(self.too_large());
            }
            body.extend_from_slice(&piece);
        }
        Ok(Response { status, headers, body: Bytes::from(body) })
    }

    fn too_large(&self) -> TransportError {
        TransportError {
            message: format!("the answer is larger than {} bytes", self.body_cap),
            effect: Effect::Unknown,
            is_final: true,
        }
    }
}

impl Transport for ReqwestTransport {
    fn send(&self, request: Request, timeout: Duration) -> BoxFuture<'_, Result<Response, TransportError>> {
        Box::pin(async move {
            match tokio::time::timeout(timeout, self.exchange(request)).await {
                Ok(result) => result,
                Err(_) => Err(TransportError {
                    message: format!("no complete answer within {} s", timeout.as_secs()),
                    effect: Effect::Unknown,
                    is_final: false,
                }),
            }
        })
    }
}

/// TLS to everywhere, plain text to this machine alone.
fn allowed(url: &str) -> Result<Url, TransportError> {
    let refuse = |message: String| TransportError { message, effect: Effect::None, is_final: true };
    let url = Url::parse(url).map_err(|error| refuse(format!("the request's URL is none: {error}")))?;
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let is_loopback = address.map_or(host == "localhost", |address| address.is_loopback());
    match url.scheme() {
        "https" => Ok(url),
        "http" if is_loopback => Ok(url),
        "http" => Err(refuse(format!("`http://{host}` is refused: without TLS only this machine is spoken to"))),
        scheme => Err(refuse(format!("`{scheme}:` is not spoken, `https:` is"))),
    }
}

fn failed(error: &reqwest::Error) -> TransportError {
    let message = in_words(error);
    // The words of rustls (`rustls::Error::InvalidCertificate`); a test against a real server keeps this true.
    let is_certificate = message.contains("invalid peer certificate");
    TransportError {
        // `is_connect` covers the name, the connection and the TLS handshake: no byte of the request was sent.
        effect: if error.is_connect() { Effect::None } else { Effect::Unknown },
        is_final: is_certificate || error.is_builder(),
        message,
    }
}

/// The chain of causes, without the URL, which may hold secrets.
fn in_words(error: &reqwest::Error) -> String {
    let mut words = if error.is_timeout() { "timed out".to_owned() } else { String::new() };
    let mut cause = error.source();
    while let Some(inner) = cause {
        let text = inner.to_string();
        if !words.contains(&text) {
            if !words.is_empty() {
                words.push_str(": ");
            }
            words.push_str(&text);
        }
        cause = inner.source();
    }
    if words.is_empty() { "the request failed".to_owned() } else { words }
}
