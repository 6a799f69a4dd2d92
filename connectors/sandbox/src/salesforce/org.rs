//! The organisation: its data, its settings, and what it remembers between requests.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

use axum::{
    body::{Body, to_bytes},
    extract::Request,
    response::IntoResponse,
};
use bytes::Bytes;
use http::{Response, StatusCode};
use hymnal_memory::service::Service;
use hymnal_sdk::{Actor, ActorKind, Fields, Native, Timestamp};

use super::{SalesforceOptions, ids, query::Locator, request, schema::Schema};
use crate::account::Account;

/// A handle on one organisation. Cheap to clone.
#[derive(Clone)]
pub struct Org {
    pub(super) account: Account,
    config: Arc<RwLock<Arc<Config>>>,
    state: Arc<Mutex<State>>,
}

/// The settings, and the schemas that follow from them.
pub(super) struct Config {
    /// The settings.
    pub options: SalesforceOptions,
    /// What the integration user sees.
    pub visible: Schema,
    /// What a person sees.
    pub complete: Schema,
}

/// What is remembered between requests.
#[derive(Default)]
pub(super) struct State {
    /// Sessions by access token.
    pub sessions: BTreeMap<String, Session>,
    /// The refresh token that is valid now, once it was changed.
    pub refresh_token: Option<String>,
    /// Query locators by id.
    pub locators: BTreeMap<String, Arc<Locator>>,
    /// Calls of the last 24 hours, by minute.
    pub calls: VecDeque<(i64, u64)>,
    /// How many more writes of a row are refused because another transaction holds it.
    pub held_rows: BTreeMap<String, u32>,
    /// Numbers tokens and locators.
    pub serial: u64,
}

/// A login.
#[derive(Clone, Debug)]
pub(super) struct Session {
    /// Whose.
    pub user: String,
    /// When it ends.
    pub until: Timestamp,
}

impl Org {
    /// An organisation over an account's data.
    pub fn new(account: Account, options: SalesforceOptions) -> Self {
        let config = Config::new(options);
        let now = account.now();
        config.seed(&mut account.lock().data, now);
        Self { account, config: Arc::new(RwLock::new(Arc::new(config))), state: Arc::default() }
    }

    /// Changes the settings as an administrator would: a field vanishes, a rule comes into force.
    pub fn reconfigure(&self, change: impl FnOnce(&mut SalesforceOptions)) {
        let mut options = self.config().options.clone();
        change(&mut options);
        let config = Config::new(options);
        let now = self.account.now();
        config.seed(&mut self.account.lock().data, now);
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
    }

    /// Ends every session: the next call of each is answered with 401.
    pub fn end_sessions(&self) {
        self.state().sessions.clear();
    }

    /// Ends every query locator: the next page of each is refused.
    pub fn end_locators(&self) {
        self.state().locators.clear();
    }

    /// Counts calls that somebody else made.
    pub fn spend_calls(&self, calls: u64) {
        let minute = self.account.now().as_second() / 60;
        self.state().calls.push_back((minute, calls));
    }

    /// Lets another transaction hold a record: its next `times` writes are refused with `UNABLE_TO_LOCK_ROW`.
    pub fn hold_row(&self, id: &str, times: u32) {
        let id = ids::normal(id).unwrap_or_else(|| id.to_owned());
        self.state().held_rows.insert(id, times);
    }

    /// The face as routes.
    pub fn router(self) -> axum::Router {
        axum::Router::new().fallback(async move |request: Request| {
            let (parts, body) = request.into_parts();
            match to_bytes(body, request::MAX_BODY).await {
                Ok(body) => self.answer(&http::Request::from_parts(parts, body)).map(Body::from).into_response(),
                Err(_) => StatusCode::PAYLOAD_TOO_LARGE.into_response(),
            }
        })
    }

    /// Answers one request.
    pub fn answer(&self, request: &http::Request<Bytes>) -> Response<Bytes> {
        request::answer(self, request)
    }

    pub(super) fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Config {
    fn new(options: SalesforceOptions) -> Self {
        Self { visible: Schema::visible(&options), complete: Schema::complete(&options), options }
    }

    /// Puts the users, the organisation and the lead statuses among the rows, and says which fields are unique.
    fn seed(&self, data: &mut Service, now: Timestamp) {
        let by = Actor { name: self.options.org_id.clone(), kind: ActorKind::Workflow };
        for object in self.complete.objects().iter().filter(|object| object.writable) {
            let unique = object.fields.iter().filter(|field| field.unique).map(|field| field.name.clone());
            data.table(object.name).set_unique(unique.collect());
        }
        let mut put = |object: &str, id: &str, fields: Fields| {
            if data.update(object, id, fields.clone(), &by, now).is_err() {
                // A fresh id in a table without unique fields cannot be refused.
                drop(data.create(object, id, fields, &by, now));
            }
        };
        for user in &self.options.users {
            put(
                "User",
                &user.id,
                fields(&[
                    ("Username", Native::text(user.username.as_str())),
                    ("Name", Native::text(user.name.as_str())),
                    ("Email", Native::text(user.email.as_str())),
                    ("IsActive", Native::Bool(user.active)),
                    ("UserType", "Standard".into()),
                ]),
            );
        }
        for queue in &self.options.queues {
            put(
                "Group",
                &queue.id,
                fields(&[
                    ("Name", Native::text(queue.name.as_str())),
                    ("Email", if queue.email.is_empty() { Native::Null } else { Native::text(queue.email.as_str()) }),
                    ("Type", "Queue".into()),
                ]),
            );
        }
        put(
            "Organization",
            &self.options.org_id,
            fields(&[
                ("Name", "Sandbox".into()),
                ("IsSandbox", Native::Bool(false)),
                ("OrganizationType", "Developer Edition".into()),
                ("TimeZoneSidKey", "GMT".into()),
            ]),
        );
        for (place, status) in (1_u64..).zip(&self.options.lead_statuses) {
            put(
                "LeadStatus",
                &ids::make("01J", place),
                fields(&[
                    ("MasterLabel", Native::text(status.as_str())),
                    ("ApiName", Native::text(status.as_str())),
                    ("IsConverted", Native::Bool(*status == self.options.converted_status)),
                    ("IsDefault", Native::Bool(place == 1)),
                    ("SortOrder", Native::Number(place.to_string())),
                ]),
            );
        }
    }
}

fn fields(pairs: &[(&str, Native)]) -> Fields {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}
