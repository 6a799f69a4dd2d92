//! Who was deleted: from a feed in every cycle, from a list of all that were deleted or by asking for each id now and
//! then. Whoever could not be seen is looked for again.

use std::time::Duration;

use hymnal_sdk::{Address, Call, Deletions as Told, Lane, ListKind, SignedDuration, Timestamp};

use super::{
    Deletions, Sync,
    reconcile::observe_got,
    report::Failure,
    system::{Object, System},
};
use crate::{
    merge::{Id, Side},
    store::StoreError,
};

/// Calls in one cycle to ask for each id of an object whose service tells nothing: what is left waits for the next.
const ASKS: usize = 20;
/// The part of our share of the daily quota that may go into asking for each id.
const PART: u64 = 10;

impl Sync {
    /// Looks for deletions: where the service has a feed, in every cycle; elsewhere when it is due, or at once.
    ///
    /// # Errors
    /// What the service or the store said.
    pub(super) async fn look_for_deletions(&self, cycle: Id, side: Side, when: Deletions) -> Result<usize, Failure> {
        let system = &self.systems[side];
        let now = self.committer.clock.now();
        let is_due = when == Deletions::Now || self.are_deletions_due(side, now).await?;
        let mut changed = 0;
        for object in &system.objects {
            let capable = system.connector.capable(&object.name).map_err(Failure::at(side))?;
            let is_unheard = capable.deletions == Told::Unknown && capable.list != ListKind::Scan;
            match capable.deletions {
                Told::Feed => changed += self.pull_archived(cycle, system, object).await?,
                Told::Listing if is_due => changed += self.pull_archived(cycle, system, object).await?,
                Told::Unknown if is_unheard => {
                    if is_due {
                        self.begin_asking(side, object)?;
                    }
                    let most = if when == Deletions::Now { usize::MAX } else { ASKS };
                    changed += self.ask_for_each(cycle, system, object, most).await?;
                }
                // Not yet, or a list of everything shows who is missing, or the changes say it.
                Told::Listing | Told::Listed | Told::Unknown => {}
            }
        }
        if is_due {
            self.look_for_hidden(cycle, side).await?;
            changed += self.read_again(cycle, side).await?;
            self.set_time(&deletions_name(side), now)?;
        }
        Ok(changed)
    }

    async fn are_deletions_due(&self, side: Side, now: Timestamp) -> Result<bool, StoreError> {
        let every = SignedDuration::try_from(self.deletions_every(side).await?).unwrap_or(SignedDuration::MAX);
        let last = self.time(&deletions_name(side))?;
        Ok(last.is_none_or(|last| now.duration_since(last) >= every))
    }

    /// How long it takes at most until a deletion is noticed: `deletions_every`, and longer where each id must be asked
    /// for and that would cost more than a part of our share of the daily quota.
    ///
    /// # Errors
    /// The store's.
    pub async fn deletions_every(&self, side: Side) -> Result<Duration, StoreError> {
        let every = self.committer.rules.deletions_every;
        let system = &self.systems[side];
        let silent = system.objects.iter().filter_map(|object| system.connector.capabilities(&object.name));
        let batch = silent
            .filter(|capable| capable.deletions == Told::Unknown && capable.list != ListKind::Scan)
            .map(|capable| capable.get_batch.max(1))
            .min();
        let ours = system.connector.http().and_then(|http| http.health().daily_ours);
        let (Some(batch), Some(ours)) = (batch, ours) else { return Ok(every) };
        let calls = self.look_counts().await?.people.div_ceil(batch as u64);
        let seconds = calls.saturating_mul(24 * 60 * 60) / (ours / PART).max(1);
        Ok(every.max(Duration::from_secs(seconds)))
    }

    fn begin_asking(&self, side: Side, object: &Object) -> Result<(), StoreError> {
        let name = asking_name(side, &object.name);
        if self.flag(&name)? { Ok(()) } else { self.state().set(&name, Some(Vec::new())) }
    }

    /// Asks for the next ids in order, up to so many calls; where the last one left off is remembered.
    async fn ask_for_each(&self, cycle: Id, system: &System, object: &Object, most: usize) -> Result<usize, Failure> {
        let side = system.side;
        let name = asking_name(side, &object.name);
        let batch = system.connector.capable(&object.name).map_err(Failure::at(side))?.get_batch.max(1);
        let prefix = self.committer.tag.address(side, &Address::new(&object.name, ""));
        let mut changed = 0;
        for _ in 0..most {
            let key = self.committer.tag.state(&name);
            let Some(place) = self.committer.store.get(&key).map_err(Failure::Store)? else { break };
            let after = (!place.is_empty()).then(|| [prefix.as_slice(), &place].concat());
            let rows = self.committer.store.scan(&prefix, after.as_deref(), batch).map_err(Failure::Store)?;
            let ids: Vec<String> =
                rows.iter().filter_map(|(key, _)| String::from_utf8(key[prefix.len()..].to_vec()).ok()).collect();
            let next = rows.last().map(|(key, _)| key[prefix.len()..].to_vec());
            if !ids.is_empty() {
                let requested_at = self.committer.clock.now();
                let call = Call::new(Lane::Bulk);
                let got = system.get(&call, &object.name, &ids).await;
                let got = got.map_err(Failure::at(side))?;
                let committed = self
                    .decide_informed(cycle, |world| {
                        for (id, got) in ids.iter().zip(&got) {
                            observe_got(world, side, &Address::new(&object.name, id), got, requested_at)?;
                        }
                        Ok(())
                    })
                    .await?;
                changed += committed.changes;
            }
            self.state().set(&name, next)?;
        }
        Ok(changed)
    }
}

/// The name of the time at which deletions were last looked for.
pub fn deletions_name(side: Side) -> String {
    match side {
        Side::Left => "deletions-left".to_owned(),
        Side::Right => "deletions-right".to_owned(),
    }
}

/// The name of the place up to which the ids of an object were asked for; absent: nobody is asked for.
fn asking_name(side: Side, object: &str) -> String {
    match side {
        Side::Left => format!("asking-left-{object}"),
        Side::Right => format!("asking-right-{object}"),
    }
}
