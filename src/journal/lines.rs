//! Lines of the conflict log as the store keeps them: one conflict's, or the youngest, never all at once.

use std::collections::BTreeSet;

use super::entry::LogLine;
use crate::{
    merge::Id,
    store::{
        Kv, StoreError, format,
        tables::{Tag, Wait, conflict_of},
    },
};

/// So many lines are read at once.
const PAGE: u64 = 500;

/// A line by its number; `None` where it was forgotten, or never was.
///
/// # Errors
/// The store's.
pub fn line(store: &dyn Kv, tag: Tag, number: u64) -> Result<Option<LogLine>, StoreError> {
    let key = tag.line(number);
    Ok(store.get(&key)?.and_then(|bytes| format::open_readable(&key, &bytes)))
}

/// The latest line of a conflict.
///
/// # Errors
/// The store's.
pub fn latest(store: &dyn Kv, tag: Tag, conflict: Id) -> Result<Option<LogLine>, StoreError> {
    match latest_number(store, tag, conflict)? {
        Some(number) => line(store, tag, number),
        None => Ok(None),
    }
}

/// All lines of a conflict that are kept, oldest first.
///
/// # Errors
/// The store's.
pub fn all_of(store: &dyn Kv, tag: Tag, conflict: Id) -> Result<Vec<LogLine>, StoreError> {
    let mut lines = Vec::new();
    let mut next = latest_number(store, tag, conflict)?;
    while let Some(found) = next.map(|number| line(store, tag, number)).transpose()?.flatten() {
        next = found.before;
        lines.push(found);
    }
    lines.reverse();
    Ok(lines)
}

/// The latest line of each conflict, youngest first: up to `limit` that are `wanted`. `last` is the number of the last
/// line there is.
///
/// # Errors
/// The store's.
pub fn youngest(
    store: &dyn Kv,
    tag: Tag,
    last: u64,
    limit: usize,
    mut wanted: impl FnMut(&LogLine) -> bool,
) -> Result<Vec<LogLine>, StoreError> {
    let mut found = Vec::new();
    let mut top = last;
    while top > 0 && found.len() < limit {
        let bottom = top.saturating_sub(PAGE);
        let many = usize::try_from(top - bottom).unwrap_or(usize::MAX);
        let rows = store.scan(&tag.table(b'c'), Some(&tag.line(bottom)), many)?;
        for (key, bytes) in rows.iter().rev() {
            let Some(line) = format::open_readable::<LogLine>(key, bytes) else { continue };
            // Behind a gap left by what was forgotten, a page reaches above its top.
            if line.number > top || latest_number(store, tag, line.event.id)? != Some(line.number) {
                continue;
            }
            if wanted(&line) {
                found.push(line);
                if found.len() == limit {
                    break;
                }
            }
        }
        top = bottom;
    }
    Ok(found)
}

/// What waits for a person, youngest first: up to `limit` that are `wanted`, by the index of what waits, without reading
/// what is decided.
///
/// # Errors
/// The store's.
pub fn open(
    store: &dyn Kv,
    tag: Tag,
    limit: usize,
    mut wanted: impl FnMut(&LogLine) -> bool,
) -> Result<Vec<LogLine>, StoreError> {
    let mut ids = BTreeSet::new();
    for wait in [Wait::Conflict, Wait::Frozen, Wait::Ambiguous] {
        let prefix = tag.waiting(wait);
        let mut after: Option<Vec<u8>> = None;
        loop {
            let rows = store.scan(&prefix, after.as_deref(), 1000)?;
            let Some((last, _)) = rows.last() else { break };
            after = Some(last.clone());
            ids.extend(rows.iter().filter_map(|(_, value)| conflict_of(value)));
        }
    }
    let mut found = Vec::new();
    for id in ids.into_iter().rev() {
        if found.len() == limit {
            break;
        }
        found.extend(latest(store, tag, id)?.filter(|line| wanted(line)));
    }
    Ok(found)
}

fn latest_number(store: &dyn Kv, tag: Tag, conflict: Id) -> Result<Option<u64>, StoreError> {
    let bytes = store.get(&tag.latest_line(conflict))?;
    Ok(bytes.and_then(|bytes| <[u8; 8]>::try_from(bytes).ok()).map(u64::from_be_bytes))
}
