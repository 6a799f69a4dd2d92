//! The organisation: its data, its settings, and the dispatch of requests.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use axum::{
    body::{Body, to_bytes},
    extract::Request,
    response::IntoResponse,
};
use bytes::Bytes;
use http::{Response, StatusCode};

use super::SalesforceOptions;
use crate::account::Account;

/// A handle on one organisation. Cheap to clone.
#[derive(Clone)]
pub struct Org {
    pub(super) account: Account,
    options: Arc<RwLock<SalesforceOptions>>,
}

impl Org {
    /// An organisation over an account's data.
    pub fn new(account: Account, options: SalesforceOptions) -> Self {
        Self { account, options: Arc::new(RwLock::new(options)) }
    }

    /// The settings as they are now.
    pub fn options(&self) -> RwLockReadGuard<'_, SalesforceOptions> {
        self.options.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the settings as an administrator would: a field vanishes, a rule comes into force.
    pub fn reconfigure(&self, change: impl FnOnce(&mut SalesforceOptions)) {
        change(&mut self.options.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// The face as routes.
    pub fn router(self) -> axum::Router {
        axum::Router::new().fallback(async move |request: Request| {
            let (parts, body) = request.into_parts();
            match to_bytes(body, 64 << 20).await {
                Ok(body) => self.answer(&http::Request::from_parts(parts, body)).map(Body::from),
                Err(_) => StatusCode::PAYLOAD_TOO_LARGE.into_response(),
            }
        })
    }

    /// Answers one request.
    pub fn answer(&self, request: &http::Request<Bytes>) -> Response<Bytes> {
        todo!("{request:?}")
    }
}
