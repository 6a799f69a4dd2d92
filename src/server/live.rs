//! What the two systems say of a person at this moment: asked for an explanation, and folded into nothing.

use std::time::Duration;

use hymnal_sdk::{Call, FieldEdit, Got, Lane, Record};

use crate::{
    merge::{Entity, Pair, Side},
    wire::Running,
};

/// An explanation waits no longer for a system than this.
const PATIENCE: Duration = Duration::from_secs(10);

/// What one system says.
#[derive(Default)]
pub(super) struct Live {
    /// The record as it is, or why it could not be read; `None` where there is none.
    pub(super) record: Option<Result<Record, String>>,
    /// The history of its fields, newest first, where the service keeps one.
    pub(super) edits: Vec<FieldEdit>,
}

/// Asks both systems side by side.
pub(super) async fn ask(running: &Running, entity: &Entity) -> Pair<Live> {
    let (left, right) = tokio::join!(one(running, entity, Side::Left), one(running, entity, Side::Right));
    Pair::new(left, right)
}

async fn one(running: &Running, entity: &Entity, side: Side) -> Live {
    let Some(member) = &entity.members[side] else { return Live::default() };
    let system = &running.sync.systems[side];
    let address = &member.address;
    let fields = system.fields(&address.object);
    let call = Call::new(Lane::Person);
    let ids = [address.id.clone()];
    let reading = system.get(&call, &address.object, &ids);
    let record = match tokio::time::timeout(PATIENCE, reading).await {
        Ok(Ok(mut got)) => match got.pop() {
            Some(Got::Record(record)) => Ok(*record),
            _ => Err("it is not there any more, or cannot be seen".to_owned()),
        },
        Ok(Err(error)) => Err(format!("it could not be read now: {} ({})", error.message, error.code)),
        Err(_) => Err("it did not answer in time".to_owned()),
    };
    let keeps = system.connector.capabilities(&address.object).is_some_and(|capable| capable.history);
    let edits = match (&record, keeps) {
        (Ok(_), true) => {
            let history = system.connector.history(&call, address, fields);
            // A history that cannot be had costs certainty, and nothing else.
            tokio::time::timeout(PATIENCE, history).await.ok().and_then(Result::ok).unwrap_or_default()
        }
        _ => Vec::new(),
    };
    Live { record: Some(record), edits }
}
