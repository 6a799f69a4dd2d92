//! Services in memory, behind their own connector.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use hymnal::merge::{Pair, Side, SyncRules};
use hymnal_memory::{Account, MemoryConnector, MemoryOptions, service::Row};
use hymnal_sdk::{Address, Connector, Fields, Native, User};

use crate::{
    clock::Virtual,
    faults,
    oracle::{Bent, Shared, Source},
    remote::{Road, Watched},
    schedule::{On, Shape, Wrong},
    services::{Services, Typed},
    shape::{self, CLIENTS, EXTERNAL_ID, object},
};

/// Two of them.
pub(crate) struct InMemory {
    shape: Shape,
    people: Pair<Account>,
}

impl InMemory {
    pub(crate) fn new(shape: &Shape, clock: &Virtual) -> Self {
        let account = |side: Side| {
            let options = MemoryOptions {
                account: format!("{side:?}"),
                objects: shape::objects(shape, side)
                    .into_iter()
                    .map(|object| (object.to_owned(), shape::options(shape, side)))
                    .collect(),
                seed: shape.seed,
                latency: Duration::ZERO,
            };
            Account::new(options, Arc::new(clock.clone()))
        };
        Self { shape: shape.clone(), people: Pair::from_fn(account) }
    }
}

impl Services for InMemory {
    fn rules(&self) -> SyncRules {
        shape::rules(&self.shape)
    }

    fn connector(&self, side: Side, _: u64, road: &Road, oracle: &Shared) -> Arc<dyn Connector> {
        let inner = Arc::new(MemoryConnector::over(self.people[side].clone()));
        Arc::new(Watched::on_the_way(inner, side, road.clone(), oracle.clone()))
    }

    fn source(&self, side: Side) -> Source {
        let account = self.people[side].clone();
        let synced = self.rules().systems[side].objects.clone();
        Box::new(move |after| {
            let mut changed = account.changed_since(after);
            changed.retain(|(object, _)| synced.contains(object));
            changed
        })
    }

    fn bent(&self, side: Side) -> Bent {
        let account = self.people[side].clone();
        let bending = ["field-ignored", "normalised", "automation", "duplicate-delivery"];
        Box::new(move || {
            let fired = account.fired();
            fired.iter().filter(|(name, _)| bending.contains(*name)).map(|(_, times)| times).sum()
        })
    }

    fn make(&self, side: Side, values: &Typed) -> bool {
        self.people[side].create(object(side), natives(values)).is_ok()
    }

    fn edit(&self, side: Side, record: &Address, values: &Typed) -> bool {
        self.people[side].update(&record.object, &record.id, natives(values)).is_ok()
    }

    fn delete(&self, side: Side, record: &Address) -> bool {
        self.people[side].delete(&record.object, &record.id).is_ok()
    }

    fn restore(&self, side: Side, record: &Address) -> bool {
        self.people[side].restore(&record.object, &record.id).is_ok()
    }

    fn merge(&self, side: Side, winner: &Address, loser: &Address) -> bool {
        winner.object == loser.object && self.people[side].merge(&winner.object, &winner.id, &loser.id).is_ok()
    }

    fn make_client(&self, values: &Typed) -> bool {
        self.shape.has_clients() && self.people.right.create(CLIENTS, natives(values)).is_ok()
    }

    fn convert(&self, lead: &Address, into: Option<&Address>) -> bool {
        let people = &self.people.right;
        let Some(row) = people.row(&lead.object, &lead.id) else { return false };
        // The mark of ours stays with the lead.
        let mut fields = row.fields;
        fields.retain(|name, value| name != EXTERNAL_ID && !value.is_blank());
        let client = match into {
            None => people.create(CLIENTS, fields),
            Some(client) => {
                let held = people.row(CLIENTS, &client.id).map(|row| row.fields).unwrap_or_default();
                fields.retain(|name, _| held.get(name).is_none_or(Native::is_blank));
                people.update(CLIENTS, &client.id, fields).map(|()| client.id.clone())
            }
        };
        client.is_ok_and(|id| people.convert(&lead.object, &lead.id, Address::new(CLIENTS, id)).is_ok())
    }

    fn employ(&self, side: Side, users: Vec<User>) {
        self.people[side].set_users(users);
    }

    fn hide(&self, side: Side, record: &Address, hidden: bool) {
        if hidden {
            self.people[side].hide(record.clone());
        } else {
            self.people[side].show(record);
        }
    }

    fn plant(&self, side: Side, on: On, times: u32, wrong: &Wrong) {
        let (Some(fault), method) = (faults::fault(wrong, side), faults::method(on)) else { return };
        if fault.can_hit(method) {
            self.people[side].plant(fault, times, method);
        }
    }

    fn lift(&self) {
        for (_, account) in self.people.iter() {
            account.lift_faults();
        }
    }

    fn fired(&self) -> BTreeMap<String, u64> {
        let mut all = BTreeMap::new();
        for (_, account) in self.people.iter() {
            for (name, times) in account.fired() {
                *all.entry(name.to_owned()).or_default() += times;
            }
        }
        all
    }

    fn live(&self, side: Side) -> Vec<Row> {
        shape::objects(&self.shape, side).into_iter().flat_map(|object| self.people[side].live(object)).collect()
    }
}

fn natives(values: &Typed) -> Fields {
    let native = |text: &String| if text.is_empty() { Native::Null } else { Native::text(text.clone()) };
    values.iter().map(|(name, text)| (name.clone(), native(text))).collect()
}
