//! What is older than it is kept: pages of the journal and decided lines of the conflict log.

use hymnal_sdk::{SignedDuration, Timestamp};

use super::Sync;
use crate::{
    journal::{
        entry::{JournalPage, LogLine},
        lines::latest,
    },
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
        self.forget_rows(b'j', |(key, value)| {
            let is_old = format::open::<JournalPage>(key, value)?.at < oldest;
            Ok(is_old.then(|| key.clone()).into_iter().collect())
        })
        .await?;
        self.forget_rows(b'c', |(key, value)| self.gone_with(key, &format::open(key, value)?, oldest)).await?;
        self.set_time(SWEPT, now)
    }

    async fn forget_rows(
        &self,
        table: u8,
        old: impl Fn(&KeyValue) -> Result<Vec<Vec<u8>>, StoreError>,
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
                for key in old(row).unwrap_or_default() {
                    batch.delete(key);
                }
            }
            if !batch.is_empty() {
                self.committer.store.commit(batch)?;
            }
            // Hours of history may lie here: a cycle that waits goes first.
            tokio::task::yield_now().await;
        }
    }

    /// What goes with a line of the conflict log: nothing while the conflict waits for a person, or was decided lately,
    /// so that whoever looks at it sees all that happened to it; with its last line, the way to find it.
    fn gone_with(&self, key: &[u8], line: &LogLine, oldest: Timestamp) -> Result<Vec<Vec<u8>>, StoreError> {
        let tag = self.committer.tag;
        let latest = latest(&*self.committer.store, tag, line.event.id)?;
        let is_kept = latest
            .as_ref()
            .is_some_and(|latest| latest.event.status == ConflictStatus::Open || latest.event.at >= oldest);
        if line.event.at >= oldest || is_kept {
            return Ok(Vec::new());
        }
        let is_last = latest.is_none_or(|latest| latest.number == line.number);
        let index = is_last.then(|| tag.latest_line(line.event.id));
        Ok(std::iter::once(key.to_vec()).chain(index).collect())
    }
}
