//! A request taken apart, and an answer put together.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::Value;

/// A request.
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Value,
    pub(crate) form: BTreeMap<String, String>,
}

impl Asked {
    pub(crate) fn read(request: &http::Request<Bytes>) -> Self {
        let pairs = |text: &[u8]| url::form_urlencoded::parse(text).into_owned().collect::<BTreeMap<_, _>>();
        Self {
            method: request.method().to_string(),
            path: percent_encoding::percent_decode_str(request.uri().path()).decode_utf8_lossy().into_owned(),
            query: pairs(request.uri().query().unwrap_or_default().as_bytes()),
            headers: request.headers().clone(),
            body: serde_json::from_slice(request.body()).unwrap_or(Value::Null),
            form: pairs(request.body()),
        }
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// A parameter of the query; empty where it is missing.
    pub(crate) fn param(&self, name: &str) -> &str {
        self.query.get(name).map(String::as_str).unwrap_or_default()
    }

    /// A number in the query.
    pub(crate) fn number(&self, name: &str, default: usize) -> usize {
        self.param(name).parse().unwrap_or(default)
    }

    /// Method and path, the parts of the path below a prefix.
    pub(crate) fn route<'a>(&'a self, prefix: &str) -> (&'a str, Vec<&'a str>) {
        let below = self.path.strip_prefix(prefix).unwrap_or("/nowhere");
        (self.method.as_str(), below.split('/').filter(|part| !part.is_empty()).collect())
    }

    /// Name and password of basic authentication (RFC 7617).
    pub(crate) fn basic(&self) -> Option<(String, String)> {
        let pair = STANDARD.decode(self.header("authorization").strip_prefix("Basic ")?).ok()?;
        let (name, password) = std::str::from_utf8(&pair).ok()?.split_once(':')?;
        Some((name.to_owned(), password.to_owned()))
    }

    pub(crate) fn bearer(&self) -> &str {
        self.header("authorization").strip_prefix("Bearer ").unwrap_or_default()
    }
}

/// An answer.
pub(crate) struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl Answer {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self { status, headers: vec![("content-type", "application/json".to_owned())], body: body.to_string() }
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: String::new() }
    }

    pub(crate) fn with(mut self, header: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((header, value.into()));
        self
    }

    pub(crate) fn into_response(self, date: &str) -> http::Response<Bytes> {
        let mut response = http::Response::new(Bytes::from(self.body));
        *response.status_mut() = http::StatusCode::from_u16(self.status).unwrap_or(http::StatusCode::IM_A_TEAPOT);
        for (name, value) in self.headers.iter().map(|(name, value)| (*name, value.as_str())).chain([("date", date)]) {
            if let Ok(value) = http::HeaderValue::from_str(value) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}
