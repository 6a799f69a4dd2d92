//! I15: no write beyond a guard that nobody approved.

use std::collections::{BTreeMap, BTreeSet};

use hymnal::merge::{Id, Side, guard::GuardKind};
use hymnal_sdk::{SignedDuration, Timestamp};

use super::{By, Change, Key, Oracle, Promise, plain};
use crate::{oracle::Track, schedule::Topic};

/// The rolling window, less the part of it in which guards count.
const WINDOW: SignedDuration = SignedDuration::from_mins(59);

/// Of what record, what field became what.
type Write = (Key, String, String);

/// What went out, and what was allowed.
#[derive(Default)]
pub(super) struct Counted {
    /// When each write was last sent, by kind.
    writes: BTreeMap<GuardKind, Vec<(Write, Timestamp)>>,
    approved: BTreeMap<GuardKind, u64>,
    /// Of whom something was discarded.
    discarded: BTreeSet<usize>,
}

impl Oracle {
    /// A person lets go what a hold shows.
    pub(crate) fn approves(&mut self, kind: GuardKind, entries: u32) {
        *self.counted.approved.entry(kind).or_default() += u64::from(entries);
    }

    /// A person does not want what was decided for these: it goes nowhere, and whatever comes next replaces it.
    pub(crate) fn discards(&mut self, ids: impl Iterator<Item = Id>) {
        for id in ids {
            let Some(entity) = self.entity(id) else { continue };
            let members = Side::BOTH.into_iter().filter_map(|side| {
                let address = entity.members[side].as_ref()?.address.clone();
                Some(self.records.get(&(side, address))?.who)
            });
            let people: Vec<usize> = members.collect();
            self.counted.discarded.extend(people);
        }
    }

    /// Something of this person was discarded.
    pub(super) fn is_discarded(&self, who: usize) -> bool {
        self.counted.discarded.iter().any(|known| self.root(*known) == self.root(who))
    }

    pub(super) fn check_guarded_creation(&mut self, key: &Key, track: &Track) {
        let email = plain("email", track.row.fields.get("email"));
        self.count(GuardKind::Creates, key, ("email", &email), None);
    }

    pub(super) fn check_guarded_update(&mut self, key: &Key, track: &Track, mine: &[Change]) {
        if let Some(change) = mine.iter().find(|change| change.field != "optout") {
            let entered = track.edits.iter().filter(|edit| edit.by == By::Others && edit.field == change.field);
            let since = entered.map(|edit| edit.tick).max();
            self.count(GuardKind::Updates, key, (&change.field, &change.value), since);
        }
    }

    /// What is sent again is the same write: it counts when it was last sent.
    fn count(&mut self, kind: GuardKind, key: &Key, (field, value): (&str, &str), since: Option<u64>) {
        let Topic::Guards { most } = self.shape.topic else { return };
        let Some(sent) = self.papers.last_sent_at(key, (field, value), since).filter(|sent| sent.guarded) else {
            return;
        };
        // Who was let go once is made, however long nobody knew whether they had been.
        if kind == GuardKind::Creates && sent.at.duration_since(sent.first) >= WINDOW {
            return;
        }
        let approved = self.counted.approved.get(&kind).copied().unwrap_or_default();
        let writes = self.counted.writes.entry(kind).or_default();
        let write = (key.clone(), field.to_owned(), value.to_owned());
        // What a person let go once goes again. Nor does it count twice who is made again, since nobody could know that
        // they had been made.
        let is_again = |(known, of, what): &Write| {
            let is_it = (*known == *key && approved > 0) || (kind == GuardKind::Creates && known.0 == key.0);
            is_it && (of.as_str(), what.as_str()) == (field, value)
        };
        writes.retain(|(known, _)| !is_again(known));
        writes.push((write, sent.at));
        let within = |at: &Timestamp, end: &Timestamp| at <= end && end.duration_since(*at) < WINDOW;
        let until = |(_, end): &(Write, Timestamp)| writes.iter().filter(|(_, at)| within(at, end)).count() as u64;
        let crowd = writes.iter().map(until).max().unwrap_or_default();
        let allowed = most + approved;
        if crowd > allowed {
            let text = format!("{crowd} of {kind:?} within an hour, and {allowed} were allowed: {:?}", key.1);
            self.breaks(Promise::Guarded, text);
        }
    }
}
