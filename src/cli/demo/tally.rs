//! What the journal says was done: counted, not remembered by the demo.

use std::collections::BTreeMap;

use hymnal_sdk::{Address, Timestamp};

use crate::{
    journal::entry::JournalPage,
    merge::{Event, Id, Pair, Side},
    store::{StoreError, format, tables::entity_of},
    wire::Running,
};

/// A page of the journal, with its person.
pub(super) type Page = (Id, JournalPage);

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// People whose two records were found by a key.
    pub(super) matched: u64,
    /// Records made, by side.
    pub(super) created: Pair<u64>,
    /// Blank fields filled, by side.
    pub(super) filled: Pair<u64>,
    /// Values replaced by others, by side.
    pub(super) changed: Pair<u64>,
    /// Values cleared, by side.
    pub(super) cleared: Pair<u64>,
    /// People opted out, by side.
    pub(super) opted_out: Pair<u64>,
}

/// One write that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sent {
    /// When it was decided to be sent.
    pub(super) at: Timestamp,
    /// The record.
    pub(super) address: Address,
    /// The fields.
    pub(super) fields: Vec<String>,
}

/// Reads the whole journal.
pub(super) fn journal(running: &Running) -> Result<Vec<Page>, StoreError> {
    let committer = &running.sync.committer;
    let prefix = committer.tag.table(b'j');
    let mut pages = Vec::new();
    let mut after: Option<Vec<u8>> = None;
    loop {
        let rows = committer.store.scan(&prefix, after.as_deref(), 1000)?;
        let Some((last, _)) = rows.last() else { return Ok(pages) };
        after = Some(last.clone());
        for (key, value) in &rows {
            let entity = key.get(..prefix.len() + 16).and_then(entity_of);
            if let Some(entity) = entity {
                pages.push((entity, format::open(key, value)?));
            }
        }
    }
}

/// Counts what was answered with success. What was only sent, or was refused, is not done.
pub(super) fn count(pages: &[Page]) -> Tally {
    let mut tally = Tally::default();
    let mut sent: BTreeMap<(Id, Side), Vec<Kind>> = BTreeMap::new();
    for (entity, event) in pages.iter().flat_map(|(entity, page)| page.events.iter().map(move |event| (*entity, event)))
    {
        match event {
            Event::Linked { .. } => tally.matched += 1,
            Event::Sending { side, address: Some(_), changes } => {
                let kinds = changes.iter().map(|sent| Kind::of(&sent.field, sent.from.as_ref(), &sent.to));
                sent.insert((entity, *side), kinds.collect());
            }
            Event::Written { side, created: true, .. } => tally.created[*side] += 1,
            Event::Written { side, created: false, .. } => {
                for kind in sent.remove(&(entity, *side)).unwrap_or_default() {
                    let counter = match kind {
                        Kind::Filled => &mut tally.filled,
                        Kind::Changed => &mut tally.changed,
                        Kind::Cleared => &mut tally.cleared,
                        Kind::OptedOut => &mut tally.opted_out,
                    };
                    counter[*side] += 1;
                }
            }
            _ => {}
        }
    }
    tally
}

/// What was sent to the records of one side from a time on, in order.
pub(super) fn sent_since(pages: &[Page], side: Side, from: Timestamp) -> Vec<Sent> {
    let mut all: Vec<Sent> = pages
        .iter()
        .filter(|(_, page)| page.at >= from)
        .flat_map(|(_, page)| page.events.iter().map(|event| (page.at, event)))
        .filter_map(|(at, event)| match event {
            Event::Sending { side: to, address: Some(address), changes } if *to == side => {
                let fields = changes.iter().map(|sent| sent.field.clone()).collect();
                Some(Sent { at, address: address.clone(), fields })
            }
            _ => None,
        })
        .collect();
    all.sort_by_key(|sent| sent.at);
    all
}

#[derive(Clone, Copy)]
enum Kind {
    Filled,
    Changed,
    Cleared,
    OptedOut,
}

impl Kind {
    fn of(field: &str, from: Option<&hymnal_sdk::Native>, to: &hymnal_sdk::Native) -> Self {
        if field == "opted_out" && to.to_string() == "true" {
            return Self::OptedOut;
        }
        let was_blank = from.is_none_or(hymnal_sdk::Native::is_blank);
        match (was_blank, to.is_blank()) {
            (_, true) => Self::Cleared,
            (true, false) => Self::Filled,
            (false, false) => Self::Changed,
        }
    }
}
