//! `/healthz` and `/readyz`, for supervisors and load balancers.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::{Router, extract::State, http::StatusCode, routing::get};
use tokio::net::TcpListener;

/// Whether the store is open and a configuration is loaded. A remote that is down does not make it unready.
pub type Ready = Arc<AtomicBool>;

/// Binds the address.
///
/// # Errors
/// It is in use, or not this machine's.
pub async fn bind(at: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(at).await
}

/// Answers until the process ends.
///
/// # Errors
/// The listener broke.
pub async fn serve(listener: TcpListener, ready: Ready) -> io::Result<()> {
    let routes = Router::new().route("/healthz", get(alive)).route("/readyz", get(is_ready)).with_state(ready);
    axum::serve(listener, routes).await
}

async fn alive() -> &'static str {
    "ok\n"
}

async fn is_ready(State(ready): State<Ready>) -> (StatusCode, &'static str) {
    if ready.load(Ordering::Acquire) {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "starting\n")
    }
}
