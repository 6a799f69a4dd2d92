//! Many records that cannot be seen at once: a permission was lost. Nothing is done about them, and somebody must know.

use hymnal_sdk::Timestamp;
use serde::{Deserialize, Serialize};

use super::Sync;
use crate::{
    merge::{Pair, Side},
    store::{StoreError, format, tables::Wait},
};

/// So many of one system are many, however many people there are.
const MANY: usize = 10;
/// So many are many where they are half of all.
const HALF: usize = 3;

/// An alarm about one system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blind {
    /// Since when, by our clock.
    pub since: Timestamp,
}

impl Sync {
    /// Raises or ends the alarm, once per change of state.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn watch_sight(&self) -> Result<(), StoreError> {
        let counts = self.count_unseen()?;
        let linked = self.look_counts().await?.linked;
        for side in Side::BOTH {
            let count = counts[side];
            let is_many = count >= MANY || (count >= HALF && count as u64 * 2 >= linked);
            let known = self.blind(side)?;
            let connector = self.systems[side].name.as_str();
            match (known, is_many) {
                (None, true) => {
                    tracing::error!(
                        connector,
                        count,
                        "Many records cannot be seen any more and nobody says that they were deleted: nothing is done about them; look whether the login lost a permission"
                    );
                    let blind = Blind { since: self.committer.clock.now() };
                    self.state().set(&blind_name(side), Some(format::seal(&blind)))?;
                }
                // Not before most are back: an alarm that comes and goes tells nobody anything.
                (Some(_), false) if count < HALF => {
                    tracing::info!(connector, count, "Records that could not be seen are back");
                    self.state().set(&blind_name(side), None)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The alarm about one system, where it is raised.
    ///
    /// # Errors
    /// The store's.
    pub fn blind(&self, side: Side) -> Result<Option<Blind>, StoreError> {
        let key = self.committer.tag.state(&blind_name(side));
        let known = self.committer.store.get(&key)?;
        Ok(known.and_then(|bytes| format::open_readable(&key, &bytes)))
    }

    /// How many cannot be seen, by side; of very many only so many as it takes to call them many.
    fn count_unseen(&self) -> Result<Pair<usize>, StoreError> {
        let rows = self.committer.store.scan(&self.committer.tag.waiting(Wait::NotVisible), None, 100 * MANY)?;
        Ok(Pair::from_fn(|side| rows.iter().filter(|(_, value)| value.contains(&unseen_letter(side))).count()))
    }
}

/// How the list of what waits says on which side a record cannot be seen.
pub(super) fn unseen_letter(side: Side) -> u8 {
    match side {
        Side::Left => b'l',
        Side::Right => b'r',
    }
}

fn blind_name(side: Side) -> String {
    match side {
        Side::Left => "blind-left".to_owned(),
        Side::Right => "blind-right".to_owned(),
    }
}
