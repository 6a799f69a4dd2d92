//! The sandbox as a whole: two simulated services and the control API.

use std::{
    future::IntoFuture,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::ConnectInfo,
    response::IntoResponse,
};
use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use hymnal_sdk::Clock;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

use crate::{
    account::Account,
    control::{self, Control, Side},
    hubspot::{HubSpotOptions, Portal, Rates},
    salesforce::{Org, SalesforceOptions},
    wire::{self, Connection, Cuttable, Face, Passed},
};

/// The largest body that is read: more is answered with 413.
const LARGEST_BODY: usize = 64 << 20;

/// How long a shutdown waits for answers that are still under way.
const PATIENCE: Duration = Duration::from_secs(2);

/// Both simulated services. Cheap to clone.
///
/// Without sockets it answers in process ([`Sandbox::answer`]); [`Sandbox::start`] puts it on loopback addresses.
#[derive(Clone)]
pub struct Sandbox {
    hubspot: Portal,
    salesforce: Org,
    salesforce_account: Account,
}

/// How a sandbox is made.
#[derive(Clone)]
pub struct SandboxOptions {
    /// The time of both services.
    pub clock: Arc<dyn Clock>,
    /// Where the HubSpot-like service listens. Port 0 takes a free one.
    pub hubspot_at: SocketAddr,
    /// Where the Salesforce-like service listens.
    pub salesforce_at: SocketAddr,
    /// Where the control API listens.
    pub control_at: SocketAddr,
    /// The HubSpot-like account.
    pub hubspot: HubSpotOptions,
    /// The Salesforce-like organisation.
    pub salesforce: SalesforceOptions,
    /// Enforce the services' rates and quotas. They are counted in any case.
    pub strict_rates: bool,
}

/// A sandbox that listens. It stops when this is dropped.
pub struct Running {
    /// The sandbox, for everything that can be done in process.
    pub sandbox: Sandbox,
    /// The base URL of the HubSpot-like service, without a slash at the end.
    pub hubspot_url: String,
    /// The base URL of the Salesforce-like service, without a slash at the end.
    pub salesforce_url: String,
    /// The base URL of the control API, without a slash at the end.
    pub control_url: String,
    stops: Vec<(oneshot::Sender<()>, JoinHandle<io::Result<()>>)>,
}

impl SandboxOptions {
    /// Free loopback ports, the default accounts, rates enforced.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self {
            clock,
            hubspot_at: free,
            salesforce_at: free,
            control_at: free,
            hubspot: HubSpotOptions::default(),
            salesforce: SalesforceOptions::default(),
            strict_rates: true,
        }
    }
}

impl Sandbox {
    /// A sandbox in process, without sockets.
    pub fn new(options: &SandboxOptions) -> Self {
        let mut hubspot = options.hubspot.clone();
        if !options.strict_rates {
            hubspot.rates = Rates::UNLIMITED;
        }
        let mut salesforce = options.salesforce.clone();
        if !options.strict_rates {
            salesforce.daily_limit = u64::MAX;
        }
        let salesforce_account = Account::new(Arc::clone(&options.clock));
        Self {
            hubspot: Portal::new(Account::new(Arc::clone(&options.clock)), hubspot),
            salesforce: Org::new(salesforce_account.clone(), salesforce),
            salesforce_account,
        }
    }

    /// Starts a sandbox on its addresses.
    ///
    /// # Errors
    /// When an address cannot be bound.
    pub async fn start(options: SandboxOptions) -> io::Result<Running> {
        let sandbox = Self::new(&options);
        let mut stops = Vec::new();
        let hubspot_url = sandbox.serve(Side::Hubspot, options.hubspot_at, &mut stops).await?;
        let salesforce_url = sandbox.serve(Side::Salesforce, options.salesforce_at, &mut stops).await?;
        let control_url = listen(control::router(sandbox.clone()), options.control_at, &mut stops).await?;
        Ok(Running { sandbox, hubspot_url, salesforce_url, control_url, stops })
    }

    /// Answers one request in process, with the faults planted for it. The caller realises the delay and the ending.
    pub fn answer(&self, side: Side, request: &Request<Bytes>) -> Passed {
        wire::pass(self.account(side), self.face(side), request)
    }

    /// The account behind a face.
    pub fn account(&self, side: Side) -> &Account {
        match side {
            Side::Hubspot => self.hubspot.account(),
            Side::Salesforce => &self.salesforce_account,
        }
    }

    /// The HubSpot-like portal.
    pub fn hubspot(&self) -> &Portal {
        &self.hubspot
    }

    /// The Salesforce-like organisation.
    pub fn salesforce(&self) -> &Org {
        &self.salesforce
    }

    /// What people and operators do to a service.
    pub fn control(&self, side: Side) -> Control {
        Control::new(self.clone(), side)
    }

    fn face(&self, side: Side) -> &dyn Face {
        match side {
            Side::Hubspot => &self.hubspot,
            Side::Salesforce => &self.salesforce,
        }
    }

    async fn serve(
        &self,
        side: Side,
        at: SocketAddr,
        stops: &mut Vec<(oneshot::Sender<()>, JoinHandle<io::Result<()>>)>,
    ) -> io::Result<String> {
        let sandbox = self.clone();
        let answer = async move |ConnectInfo(connection): ConnectInfo<Connection>, request: Request<Body>| {
            let (head, body) = request.into_parts();
            let Ok(body) = to_bytes(body, LARGEST_BODY).await else {
                return StatusCode::PAYLOAD_TOO_LARGE.into_response();
            };
            let passed = sandbox.answer(side, &Request::from_parts(head, body));
            wire::put(sandbox.account(side), &connection, passed).await
        };
        listen(Router::new().fallback(answer), at, stops).await
    }
}

impl Running {
    /// Stops listening and waits until answers under way are out, for two seconds at most.
    pub async fn shutdown(mut self) {
        let stops = std::mem::take(&mut self.stops);
        let mut served = Vec::new();
        for (stop, serving) in stops {
            drop(stop);
            served.push(serving);
        }
        for serving in served {
            let abort = serving.abort_handle();
            if tokio::time::timeout(PATIENCE, serving).await.is_err() {
                abort.abort();
            }
        }
    }
}

async fn listen(
    routes: Router,
    at: SocketAddr,
    stops: &mut Vec<(oneshot::Sender<()>, JoinHandle<io::Result<()>>)>,
) -> io::Result<String> {
    let listener = TcpListener::bind(at).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let (stop, stopped) = oneshot::channel::<()>();
    let service = routes.into_make_service_with_connect_info::<Connection>();
    let serving = axum::serve(Cuttable(listener), service).with_graceful_shutdown(async move {
        // The sender is never used: it is dropped to stop.
        drop(stopped.await);
    });
    stops.push((stop, tokio::spawn(serving.into_future())));
    Ok(url)
}

impl Face for Org {
    fn answer(&self, request: &Request<Bytes>) -> Response<Bytes> {
        Org::answer(self, request)
    }

    // REST API Developer Guide, "Status Codes and Error Responses": 401, "the session ID or OAuth token used has
    // expired or is invalid".
    fn expired_token(&self) -> Response<Bytes> {
        self.end_sessions();
        salesforce_error(401, "INVALID_SESSION_ID", "Session expired or invalid")
    }

    fn broken(&self) -> Response<Bytes> {
        salesforce_error(500, "UNKNOWN_EXCEPTION", "An unexpected error occurred.")
    }

    // The words of `values::read`, which refuses the whole request.
    fn no_such_field(&self, field: &str) -> Response<Bytes> {
        salesforce_error(400, "INVALID_FIELD", &format!("No such column '{field}' on sobject of type Contact"))
    }

    fn leaves_unknown_fields_out(&self) -> bool {
        false
    }

    fn value_of_another_type(&self, field: &str) -> Response<Bytes> {
        let message = format!(
            "Cannot deserialize instance of double from VALUE_STRING value or request may be missing a required field: {field}"
        );
        salesforce_error(400, "JSON_PARSER_ERROR", &message)
    }

    fn no_such_choice(&self, _: &str, _: &str) -> Option<Response<Bytes>> {
        None
    }
}

fn salesforce_error(status: u16, code: &str, message: &str) -> Response<Bytes> {
    let body = serde_json::json!([{ "message": message, "errorCode": code }]).to_string();
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let kind = http::HeaderValue::from_static("application/json;charset=UTF-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
