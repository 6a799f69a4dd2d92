//! A new state from two services that hold people already, where the old state is lost and there is no backup.
//!
//! It is a first run: people are linked by their keys, and nothing is written before a person has seen what would be,
//! whatever `first_run` says. Where both sides state different values nobody can tell any more which of them is an edit
//! that has not travelled: unless the configuration names a rule for the first link, each side keeps its value, and the
//! difference waits for a person.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use hymnal_sdk::Clock;

use super::{replace::Replacing, state::State};
use crate::{
    cycle::state::REBUILDING,
    merge::{OnConflict, SyncRules},
    store::{Kv, StoreError, tables::Tag},
};

/// Puts an empty state in the place of the one there is, which is kept aside. Each of `syncs` is held until a person
/// has approved it.
///
/// # Errors
/// `Held` where somebody runs it; what cannot be done leaves the state as it was.
pub fn rebuild(
    state_dir: &Path,
    cache_mb: u32,
    syncs: &[SyncRules],
    clock: &dyn Clock,
) -> Result<Option<PathBuf>, StoreError> {
    let mut replacing = Replacing::begin(state_dir, cache_mb, clock)?;
    replacing.take_over_now()?;
    replacing.commit()?;
    let state = State::over(replacing.made())?;
    for rules in syncs {
        let tag = state.tag(&rules.name)?;
        replacing.put(tag.state(REBUILDING), vec![1])?;
    }
    drop(state);
    replacing.finish(clock)
}

/// The rules by which a state is rebuilt; `None` where it is not.
///
/// # Errors
/// The store's.
pub(super) fn while_rebuilding(
    rules: &SyncRules,
    store: &dyn Kv,
    tag: Tag,
) -> Result<Option<Arc<SyncRules>>, StoreError> {
    if store.get(&tag.state(REBUILDING))?.is_none() {
        return Ok(None);
    }
    let mut rules = rules.clone();
    let usual = OnConflict::Prefer(rules.priority);
    for field in &mut rules.fields {
        if field.policy.on_conflict == OnConflict::Latest && field.policy.first_link == usual {
            field.policy.first_link = OnConflict::Manual;
        }
    }
    Ok(Some(Arc::new(rules)))
}
