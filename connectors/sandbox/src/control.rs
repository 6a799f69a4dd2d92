//! What people and operators do to a simulated service: typed here, as JSON over HTTP in `router`.

mod http_api;

use std::{collections::BTreeMap, fmt};

use hymnal_memory::service::{Refusal, Row};
use hymnal_sdk::{Actor, Address, Fields, Timestamp};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

pub(crate) use self::http_api::router;
use crate::{
    account::{Account, Planted, Seen},
    hubspot::{self, Rates},
    salesforce::{self, Conversion, Converted},
    server::Sandbox,
};

/// One of the two simulated services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The HubSpot-like one.
    Hubspot,
    /// The Salesforce-like one.
    Salesforce,
}

/// What people and operators do to one service.
#[derive(Clone)]
pub struct Control {
    sandbox: Sandbox,
    side: Side,
}

/// A point in the count of requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Requests answered until then.
    pub asked: u64,
    /// Those that changed data.
    pub wrote: u64,
}

/// What was asked since a mark.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// Requests answered.
    pub asked: u64,
    /// Those that changed data.
    pub wrote: u64,
    /// Requests by the status answered; 0 where the connection was cut.
    pub by_status: BTreeMap<u16, u64>,
    /// The requests, oldest first; at most the last 100,000 ever.
    pub requests: Vec<Seen>,
}

/// Why something could not be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotDone(pub String);

impl Control {
    pub(crate) fn new(sandbox: Sandbox, side: Side) -> Self {
        Self { sandbox, side }
    }

    /// The account.
    pub fn account(&self) -> &Account {
        self.sandbox.account(self.side)
    }

    /// Makes a record; answers its id.
    ///
    /// # Errors
    /// A unique value that another record has.
    pub fn create(&self, by: &Actor, object: &str, fields: Fields) -> Result<String, NotDone> {
        match self.side {
            Side::Hubspot => hubspot::create(self.sandbox.hubspot(), by, fields).map_err(NotDone::from),
            Side::Salesforce => {
                salesforce::create(self.sandbox.salesforce(), by, object, fields).map_err(NotDone::from)
            }
        }
    }

    /// Makes many records, as an import does; answers their ids, in order.
    ///
    /// # Errors
    /// At the first that cannot be made; the ones before it stay.
    pub fn import(&self, by: &Actor, object: &str, records: Vec<Fields>) -> Result<Vec<String>, NotDone> {
        records.into_iter().map(|fields| self.create(by, object, fields)).collect()
    }

    /// Changes fields of a live record.
    ///
    /// # Errors
    /// No such record; a unique value that another record has.
    pub fn edit(&self, by: &Actor, id: &str, fields: Fields) -> Result<(), NotDone> {
        match self.side {
            Side::Hubspot => hubspot::edit(self.sandbox.hubspot(), by, id, fields).map_err(NotDone::from),
            Side::Salesforce => salesforce::edit(self.sandbox.salesforce(), by, id, fields).map_err(NotDone::from),
        }
    }

    /// Sends a live record to the bin.
    ///
    /// # Errors
    /// No such record.
    pub fn delete(&self, by: &Actor, id: &str) -> Result<(), NotDone> {
        match self.side {
            Side::Hubspot => hubspot::delete(self.sandbox.hubspot(), by, id).map_err(NotDone::from),
            Side::Salesforce => salesforce::delete(self.sandbox.salesforce(), by, id).map_err(NotDone::from),
        }
    }

    /// Takes a record out of the bin.
    ///
    /// # Errors
    /// No such record in the bin; a unique value that another record has taken.
    pub fn restore(&self, by: &Actor, id: &str) -> Result<(), NotDone> {
        match self.side {
            Side::Hubspot => hubspot::restore(self.sandbox.hubspot(), by, id).map_err(NotDone::from),
            Side::Salesforce => salesforce::undelete(self.sandbox.salesforce(), by, id).map_err(NotDone::from),
        }
    }

    /// Takes a record away for good.
    ///
    /// # Errors
    /// No such record.
    pub fn purge(&self, id: &str) -> Result<(), NotDone> {
        match self.side {
            Side::Hubspot => hubspot::purge(self.sandbox.hubspot(), id).map_err(NotDone::from),
            Side::Salesforce => salesforce::purge(self.sandbox.salesforce(), id).map_err(NotDone::from),
        }
    }

    /// Merges `loser` into `winner`; answers the id that lives on.
    ///
    /// # Errors
    /// No such record.
    pub fn merge(&self, by: &Actor, winner: &str, loser: &str) -> Result<String, NotDone> {
        match self.side {
            Side::Hubspot => hubspot::merge(self.sandbox.hubspot(), by, winner, loser).map_err(NotDone::from),
            Side::Salesforce => salesforce::merge(self.sandbox.salesforce(), by, winner, loser)
                .map(|()| winner.to_owned())
                .map_err(NotDone::from),
        }
    }

    /// Converts a lead.
    ///
    /// # Errors
    /// No such lead; a service without leads.
    pub fn convert(&self, by: &Actor, lead: &str, how: &Conversion) -> Result<Converted, NotDone> {
        match self.side {
            Side::Hubspot => Err(NotDone("HubSpot converts no contacts".to_owned())),
            Side::Salesforce => salesforce::convert(self.sandbox.salesforce(), by, lead, how).map_err(NotDone::from),
        }
    }

    /// All rows of an object, deleted ones included, by id.
    pub fn rows(&self, object: &str) -> Vec<Row> {
        let inner = self.account().lock();
        inner.data.tables.get(object).map(|table| table.rows.values().cloned().collect()).unwrap_or_default()
    }

    /// One row, deleted or not.
    pub fn row(&self, object: &str, id: &str) -> Option<Row> {
        self.account().lock().data.tables.get(object)?.rows.get(id).cloned()
    }

    /// Plants a fault.
    pub fn plant(&self, fault: Planted) {
        self.account().lock().faults.push_back(fault);
    }

    /// Takes away the faults that have not hit yet.
    pub fn clear_faults(&self) {
        self.account().lock().faults.clear();
    }

    /// How often each fault hit, by name.
    pub fn fired(&self) -> std::collections::BTreeMap<&'static str, u64> {
        self.account().lock().fired.clone()
    }

    /// Sets how far the service's clock is from the sandbox's.
    pub fn skew(&self, skew: SignedDuration) {
        self.account().lock().skew = skew;
    }

    /// A point to count requests from.
    pub fn mark(&self) -> Mark {
        let inner = self.account().lock();
        Mark { asked: inner.asked, wrote: inner.wrote }
    }

    /// What was asked since a mark.
    pub fn since(&self, mark: Mark) -> Traffic {
        let inner = self.account().lock();
        let asked = inner.asked - mark.asked;
        let known = inner.requests.len();
        let skip = known.saturating_sub(usize::try_from(asked).unwrap_or(usize::MAX));
        let requests: Vec<Seen> = inner.requests.iter().skip(skip).cloned().collect();
        let mut by_status = BTreeMap::new();
        for seen in &requests {
            *by_status.entry(seen.status).or_default() += 1;
        }
        Traffic { asked, wrote: inner.wrote - mark.wrote, by_status, requests }
    }

    /// Changes how much may be asked. The Salesforce-like service has a daily limit only.
    pub fn set_rates(&self, rates: Rates) {
        match self.side {
            Side::Hubspot => self.sandbox.hubspot().set_rates(rates),
            Side::Salesforce => {
                self.sandbox.salesforce().reconfigure(|options| options.daily_limit = rates.daily.unwrap_or(u64::MAX));
            }
        }
    }

    /// Takes away the permission to see a record: it reads as if it had never been.
    pub fn hide(&self, address: Address) {
        self.account().lock().hidden.insert(address);
    }

    /// Gives back the permission to see a record.
    pub fn show(&self, address: &Address) {
        self.account().lock().hidden.remove(address);
    }

    /// Lets lists and searches leave out a record until a time of the service.
    pub fn appear_late(&self, address: Address, from: Timestamp) {
        self.account().lock().late.insert(address, from);
    }
}

impl From<Refusal> for NotDone {
    fn from(refusal: Refusal) -> Self {
        Self(match refusal {
            Refusal::Missing => "There is no such record.".to_owned(),
            Refusal::Duplicate { field, id } => format!("Record `{id}` already has this `{field}`."),
        })
    }
}

impl From<salesforce::Refused> for NotDone {
    fn from(refused: salesforce::Refused) -> Self {
        Self(format!("{}: {}", refused.code, refused.message))
    }
}

impl fmt::Display for NotDone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NotDone {}
