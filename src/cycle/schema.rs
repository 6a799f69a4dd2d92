//! What the objects of both systems can hold, and when it is asked again.

use std::time::Duration;

use hymnal_sdk::Kind;

use super::{
    Sync,
    report::{Failure, Report},
};
use crate::{
    merge::{Id, Pair, Side},
    store::StoreError,
};

/// How often schemas are asked for: a choice that an admin added is known after this time at most.
pub(super) const LEARN_EVERY: Duration = Duration::from_hours(1);

/// The same while something waits for it.
const LEARN_WAITING: Duration = Duration::from_mins(5);

impl Sync {
    /// What the objects can hold, as the connectors declare it: nobody is asked.
    pub(crate) async fn declare(&self, report: &mut Report) -> Result<(), StoreError> {
        if self.committer.objects().await != Pair::default() {
            return Ok(());
        }
        let mut facts = Pair::default();
        for side in Side::BOTH {
            match self.systems[side].facts().map_err(Failure::at(side)) {
                Ok(known) => facts[side] = known,
                Err(failure) => report.note(failure)?,
            }
        }
        self.committer.learn(facts).await;
        Ok(())
    }

    /// Asks for the schemas of one system, once an hour, and oftener while something is parked that another schema could
    /// release. Only after it has answered a pull, and only for itself: a system that is down or throttled keeps nobody
    /// waiting here.
    pub(super) async fn learn(&self, cycle: Id, side: Side) -> Result<(), StoreError> {
        let now = self.committer.clock.elapsed();
        let last = self.lock_learnt()[side];
        let every = if self.waits_for_a_schema(side)? { LEARN_WAITING } else { LEARN_EVERY };
        if last.is_some_and(|at| now.saturating_sub(at) < every) {
            return Ok(());
        }
        let system = &self.systems[side];
        for object in &system.objects {
            match system.connector.describe(&hymnal_sdk::Call::default(), &object.name).await {
                Ok(schema) => self.note_schema(cycle, side, &object.name, schema).await?,
                // It is asked again in the next cycle. Until then the schema known stands, or none: that costs early
                // messages, not correctness, since the service refuses by itself.
                Err(error) if matches!(error.kind, Kind::Transient | Kind::Throttled | Kind::Auth) => return Ok(()),
                Err(_) => {}
            }
        }
        self.lock_learnt()[side] = Some(now);
        system.lacking.try_again();
        Ok(())
    }
}
