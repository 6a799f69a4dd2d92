//! A store over another: what is committed here is seen here, and never reaches the one below.
//!
//! A plan runs the ordinary code on one and is dropped with it. What it holds lies in memory up to a bound; a plan of
//! a first load of a million people goes on in a store of its own, which [`Spill`] makes.

use std::{
    collections::BTreeMap,
    fmt,
    ops::Bound,
    sync::{Arc, PoisonError, RwLock},
};

use super::kv::{Batch, KeyValue, Kv, StoreError};

/// Bytes of keys and values that lie in memory before they go on elsewhere.
const IN_MEMORY: usize = 48 << 20;

/// Makes the store, empty, that holds what does not fit into memory.
pub type Spill = Box<dyn Fn() -> Result<Arc<dyn Kv>, StoreError> + Send + Sync>;

/// A store over another, which is read and never written.
///
/// What it answers is right as long as nobody commits to the one below.
pub struct OverlayKv {
    below: Arc<dyn Kv>,
    spill: Spill,
    most: usize,
    changes: RwLock<Changes>,
}

/// What was committed: `None` removes.
#[derive(Default)]
struct Changes {
    recent: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    bytes: usize,
    /// What was committed before that, each value behind a byte that says whether it is one.
    older: Option<Arc<dyn Kv>>,
}

/// Rows of one layer: `None` removes the key from the layers below.
struct Rows {
    rows: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    /// They say everything up to and with this key; `None`: to the end.
    until: Option<Vec<u8>>,
}

const REMOVED: u8 = 0;
const PRESENT: u8 = 1;

impl OverlayKv {
    /// Nothing over `below`.
    pub fn new(below: Arc<dyn Kv>, spill: Spill) -> Self {
        Self { below, spill, most: IN_MEMORY, changes: RwLock::default() }
    }

    /// The same, holding so many bytes in memory.
    #[must_use]
    pub fn holding(self, bytes: usize) -> Self {
        Self { most: bytes, ..self }
    }
}

impl fmt::Debug for OverlayKv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OverlayKv").field("below", &self.below).finish_non_exhaustive()
    }
}

impl Kv for OverlayKv {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let changes = self.changes.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(change) = changes.recent.get(key) {
            return Ok(change.clone());
        }
        if let Some(older) = &changes.older
            && let Some(bytes) = older.get(key)?
        {
            return Ok(unmarked(bytes));
        }
        self.below.get(key)
    }

    fn scan(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<KeyValue>, StoreError> {
        let changes = self.changes.read().unwrap_or_else(PoisonError::into_inner);
        let mut found = Vec::new();
        let mut after = after.map(<[u8]>::to_vec);
        while found.len() < limit {
            let want = limit - found.len();
            let mut rows = stored(&*self.below, prefix, after.as_deref(), want, Some)?;
            if let Some(older) = &changes.older {
                rows = over(rows, stored(&**older, prefix, after.as_deref(), want, unmarked)?);
            }
            rows = over(rows, changes.recent_rows(prefix, after.as_deref(), want));
            found.extend(rows.rows.into_iter().filter_map(|(key, value)| Some((key, value?))).take(want));
            match rows.until {
                Some(until) => after = Some(until),
                None => break,
            }
        }
        Ok(found)
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let mut changes = self.changes.write().unwrap_or_else(PoisonError::into_inner);
        for (key, value) in batch.iter() {
            changes.set(key, value);
        }
        if changes.bytes > self.most {
            changes.move_on(&self.spill)?;
        }
        Ok(())
    }
}

impl Changes {
    fn set(&mut self, key: &[u8], value: Option<&[u8]>) {
        let old = self.recent.insert(key.to_vec(), value.map(<[u8]>::to_vec));
        let size = |value: Option<&[u8]>| key.len() + value.map_or(0, <[u8]>::len);
        self.bytes += size(value);
        if let Some(old) = old {
            self.bytes -= size(old.as_deref());
        }
    }

    fn recent_rows(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Rows {
        let start = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let rows = self.recent.range::<[u8], _>((start, Bound::Unbounded));
        let rows = rows.take_while(|(key, _)| key.starts_with(prefix)).take(limit);
        Rows::new(rows.map(|(key, value)| (key.clone(), value.clone())).collect(), limit)
    }

    /// Everything recent becomes older: memory is free again.
    fn move_on(&mut self, spill: &Spill) -> Result<(), StoreError> {
        let older = match &self.older {
            Some(older) => Arc::clone(older),
            None => spill()?,
        };
        let mut batch = Batch::default();
        for (key, value) in std::mem::take(&mut self.recent) {
            let marked = match value {
                Some(value) => [&[PRESENT], value.as_slice()].concat(),
                None => vec![REMOVED],
            };
            batch.put(key, marked);
            if batch.len() == 10_000 {
                older.commit(std::mem::take(&mut batch))?;
            }
        }
        older.commit(batch)?;
        self.older = Some(older);
        self.bytes = 0;
        Ok(())
    }
}

impl Rows {
    fn new(rows: Vec<(Vec<u8>, Option<Vec<u8>>)>, limit: usize) -> Self {
        let until = if rows.len() < limit { None } else { rows.last().map(|(key, _)| key.clone()) };
        Self { rows, until }
    }
}

fn stored(
    store: &dyn Kv,
    prefix: &[u8],
    after: Option<&[u8]>,
    limit: usize,
    read: impl Fn(Vec<u8>) -> Option<Vec<u8>>,
) -> Result<Rows, StoreError> {
    let rows = store.scan(prefix, after, limit)?;
    Ok(Rows::new(rows.into_iter().map(|(key, value)| (key, read(value))).collect(), limit))
}

/// The upper layer over the lower, as far as both say everything.
fn over(lower: Rows, upper: Rows) -> Rows {
    let until = match (lower.until, upper.until) {
        (Some(lower), Some(upper)) => Some(lower.min(upper)),
        (lower, upper) => lower.or(upper),
    };
    let mut rows: BTreeMap<Vec<u8>, Option<Vec<u8>>> = lower.rows.into_iter().collect();
    rows.extend(upper.rows);
    let is_said = |key: &Vec<u8>| until.as_ref().is_none_or(|until| key <= until);
    Rows { rows: rows.into_iter().filter(|(key, _)| is_said(key)).collect(), until }
}

fn unmarked(mut bytes: Vec<u8>) -> Option<Vec<u8>> {
    (bytes.first() == Some(&PRESENT)).then(|| bytes.split_off(1))
}
