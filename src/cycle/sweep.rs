//! What is older than it is kept: pages of the journal and decided lines of the conflict log.

use hymnal_sdk::{SignedDuration, Timestamp};

use super::Sync;
use crate::{
    journal::entry::{JournalPage, LogLine},
    merge::event::ConflictStatus,
    store::{Batch, KeyValue, StoreError, format},
};

/// How often it is looked for.
const EVERY: SignedDuration = SignedDuration::from_hours(24);
/// The state's name of when it was last looked for.
const SWEPT: &str = "swept";

impl Sync {
    /// Once a day, forgets the history that is older than `[daemon] history_days`. What waits for a person is kept.
    ///
    /// # Errors
    /// The store's.
    pub async fn sweep(&self) -> Result<(), StoreError> {
        let now = self.committer.clock.now();
        if self.time(SWEPT)?.is_some_and(|last| now.duration_since(last) < EVERY) {
            return Ok(());
        }
        let Ok(oldest) = now.checked_sub(self.history) else { return Ok(()) };
        self.forget_rows(b'j', |(key, value)| Ok(format::open::<JournalPage>(key, value)?.at < oldest)).await?;
        self.forget_rows(b'c', |(key, value)| Ok(is_over(&format::open(key, value)?, oldest))).await?;
        self.set_time(SWEPT, now)
    }

    async fn forget_rows(
        &self,
        table: u8,
        is_old: impl Fn(&KeyValue) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        let prefix = self.committer.tag.table(table);
        let mut after: Option<Vec<u8>> = None;
        loop {
            let rows = self.committer.store.scan(&prefix, after.as_deref(), 1000)?;
            let Some((last, _)) = rows.last() else { return Ok(()) };
            after = Some(last.clone());
            let mut batch = Batch::default();
            for row in &rows {
                // A page that does not read is no reason to keep it, nor to stop: it is left to who looks for damage.
                if is_old(row).unwrap_or(false) {
                    batch.delete(row.0.clone());
                }
            }
            if !batch.is_empty() {
                self.committer.store.commit(batch)?;
            }
            // Hours of history may lie here: a cycle that waits goes first.
            tokio::task::yield_now().await;
        }
    }
}

fn is_over(line: &LogLine, oldest: Timestamp) -> bool {
    line.event.at < oldest && line.event.status != ConflictStatus::Open
}
