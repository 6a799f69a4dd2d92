//! The two services of a run, whatever they are made of.

use std::{collections::BTreeMap, sync::Arc};

use hymnal::merge::{Side, SyncRules};
use hymnal_memory::service::Row;
use hymnal_sdk::{Address, Connector, User};

use crate::{
    oracle::{Bent, Shared, Source},
    remote::Road,
    schedule::{On, Wrong},
};

/// Values by canonical name, as a person types them; an empty one is none.
pub(crate) type Typed = BTreeMap<String, String>;

/// Two services, as their people and a test see them. They outlive Hymnal.
pub(crate) trait Services: Send {
    /// The rules of the sync between them.
    fn rules(&self) -> SyncRules;

    /// A connector for one life of Hymnal.
    fn connector(&self, side: Side, life: u64, road: &Road, oracle: &Shared) -> Arc<dyn Connector>;

    /// The rows that change, with canonical names for their fields.
    fn source(&self, side: Side) -> Source;

    /// How often the service did otherwise than it was asked.
    fn bent(&self, side: Side) -> Bent;

    /// Somebody makes a record.
    fn make(&self, side: Side, values: &Typed) -> bool;

    /// Somebody changes one.
    fn edit(&self, side: Side, record: &Address, values: &Typed) -> bool;

    /// Somebody deletes one.
    fn delete(&self, side: Side, record: &Address) -> bool;

    /// Somebody takes one out of the bin.
    fn restore(&self, side: Side, record: &Address) -> bool;

    /// Somebody merges two.
    fn merge(&self, side: Side, winner: &Address, loser: &Address) -> bool;

    /// Somebody makes a client, on the right. Where there are none, nobody can.
    fn make_client(&self, _values: &Typed) -> bool {
        false
    }

    /// Somebody converts a lead, on the right: into a new client, or into this one, whose blanks are filled.
    fn convert(&self, _lead: &Address, _into: Option<&Address>) -> bool {
        false
    }

    /// These work there from now on.
    fn employ(&self, _side: Side, _users: Vec<User>) {}

    /// Our login may not see a record, or may again.
    fn hide(&self, side: Side, record: &Address, hidden: bool);

    /// Something goes wrong from now on.
    fn plant(&self, side: Side, on: On, times: u32, wrong: &Wrong);

    /// Nothing does any more.
    fn lift(&self);

    /// How often each fault fired.
    fn fired(&self) -> BTreeMap<String, u64>;

    /// Live records, with canonical names for their fields.
    fn live(&self, side: Side) -> Vec<Row>;
}
