//! The account as one service: its data, its settings, its counters.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

use axum::{
    body::{Body, to_bytes},
    extract::Request,
    response::IntoResponse,
};
use bytes::Bytes;
use http::{Response, StatusCode};
use hymnal_sdk::{Actor, ActorKind, Timestamp};

use super::{
    HubSpotOptions, Rates,
    answer::{Refused, response},
    limits::Windows,
    property::{Access, Invalid},
};
use crate::{
    account::{Account, Inner},
    wire::Face,
};

/// The one object of this face, as tables name it.
pub(super) const CONTACTS: &str = "contacts";

/// A handle on one account. Cheap to clone.
#[derive(Clone)]
pub struct Portal {
    account: Account,
    options: Arc<RwLock<Arc<HubSpotOptions>>>,
    live: Arc<Mutex<Live>>,
}

/// What the service holds beside its records.
#[derive(Debug, Default)]
pub(super) struct Live {
    pub(super) windows: Windows,
    /// Addresses that unsubscribed from all e-mail, whether or not a contact has them.
    pub(super) opted_out: BTreeMap<String, Timestamp>,
    /// Addresses that were erased and may not come back.
    pub(super) blocked: BTreeSet<String>,
    /// Live contacts by the additional addresses that merges left them.
    pub(super) additional: BTreeMap<String, String>,
    correlations: u64,
}

impl Portal {
    /// An account over its data.
    pub fn new(account: Account, options: HubSpotOptions) -> Self {
        let unique =
            options.properties.iter().filter(|property| property.unique && property.access == Access::Writable);
        account.lock().data.table(CONTACTS).unique = unique.map(|property| property.name.clone()).collect();
        Self { account, options: Arc::new(RwLock::new(Arc::new(options))), live: Arc::default() }
    }

    /// The face as routes.
    pub fn router(self) -> axum::Router {
        axum::Router::new().fallback(async move |request: Request| {
            let (head, body) = request.into_parts();
            match to_bytes(body, 64 << 20).await {
                Ok(body) => self.answer(&http::Request::from_parts(head, body)).map(Body::from),
                Err(_) => StatusCode::PAYLOAD_TOO_LARGE.into_response(),
            }
        })
    }

    /// The data.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// The settings as they are now.
    pub fn options(&self) -> Arc<HubSpotOptions> {
        Arc::clone(&self.options.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the settings as an administrator would: a property vanishes, a rate changes. Which properties are unique
    /// stays as it was.
    pub fn reconfigure(&self, change: impl FnOnce(&mut HubSpotOptions)) {
        change(Arc::make_mut(&mut self.options.write().unwrap_or_else(PoisonError::into_inner)));
    }

    /// Changes how much may be asked.
    pub fn set_rates(&self, rates: Rates) {
        self.reconfigure(|options| options.rates = rates);
    }

    /// The account's time, in the milliseconds that HubSpot keeps.
    pub(super) fn now(&self) -> Timestamp {
        let now = self.account.now();
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }

    /// The private app, as an actor.
    pub(super) fn app(&self) -> Actor {
        Actor { name: self.options().app_id.clone(), kind: ActorKind::Integration }
    }

    /// What is held beside the records. Taken after the records' lock where both are.
    pub(super) fn live(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A correlation id: unique, and the same in each run.
    pub(super) fn correlation(&self) -> String {
        let mut live = self.live();
        live.correlations += 1;
        let [high, low] = [live.correlations, live.correlations ^ u64::MAX].map(scatter);
        format!(
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xffff,
            high & 0xfff,
            0x8000 | (low >> 50),
            low & 0xffff_ffff_ffff
        )
    }

    fn refuse_value(&self, property: &str, code: &'static str, message: String) -> Response<Bytes> {
        let invalid = Invalid { property: property.to_owned(), code, message };
        self.refuse(&Refused::values(vec![invalid], self.options().portal_id))
    }

    pub(super) fn refuse(&self, refused: &Refused) -> Response<Bytes> {
        response(refused.status, Some(&refused.body(&self.correlation())))
    }
}

impl Face for Portal {
    fn answer(&self, request: &http::Request<Bytes>) -> Response<Bytes> {
        Self::answer(self, request)
    }

    // OAuth guide: an access token lives 30 minutes; a call with an old one is answered 401, EXPIRED_AUTHENTICATION.
    fn expired_token(&self) -> Response<Bytes> {
        let message = "The OAuth token used to make this call expired 7 second(s) ago.";
        self.refuse(&Refused::new(401, "EXPIRED_AUTHENTICATION", message))
    }

    fn broken(&self) -> Response<Bytes> {
        self.refuse(&Refused::new(500, "INTERNAL_ERROR", "internal error"))
    }

    fn no_such_field(&self, field: &str) -> Response<Bytes> {
        self.refuse_value(field, "PROPERTY_DOESNT_EXIST", format!("Property \"{field}\" does not exist"))
    }

    // Contacts reference: "If any of the requested properties don't exist, they're ignored."
    fn leaves_unknown_fields_out(&self) -> bool {
        true
    }

    fn value_of_another_type(&self, field: &str) -> Response<Bytes> {
        self.refuse_value(field, "INVALID_LONG", "the value was not a valid long".to_owned())
    }

    fn no_such_choice(&self, field: &str, choice: &str) -> Option<Response<Bytes>> {
        let message = format!("{choice} was not one of the allowed options: []");
        Some(self.refuse_value(field, "INVALID_OPTION", message))
    }
}

/// The id of the next record. All have the same length, so that their order as text is their order as numbers.
pub(super) fn new_id(inner: &mut Inner) -> String {
    inner.next_id += 1;
    format!("{}", 201_000_000_000 + inner.next_id * 37)
}

/// Scatters a number over all 64 bits, so that neighbours differ widely (the finaliser of splitmix64).
pub(crate) fn scatter(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
