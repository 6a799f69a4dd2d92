//! What Hymnal asked, what it heard, and what of that a death made it forget.

use std::collections::{BTreeMap, BTreeSet};

use hymnal::merge::Side;
use hymnal_memory::Method;
use hymnal_sdk::{Address, Native, Record};

use super::{By, Cause, Change, Oracle, Track, plain};

impl Oracle {
    /// Our login lost, or has again, the permission to see a record.
    pub(crate) fn hid(&mut self, side: Side, address: &Address, hidden: bool) {
        let key = (side, address.clone());
        if hidden {
            self.hidden.insert(key);
        } else {
            self.hidden.remove(&key);
            self.tick += 1;
            self.shown_again.insert(key, self.tick);
        }
    }

    /// Records with these values in this field of an object are looked for.
    pub(crate) fn looks(&mut self, side: Side, object: &str, field: &str, values: &[Native]) {
        self.looked.insert((side, object.to_owned()), self.tick);
        for value in values.iter().filter(|_| field == "email") {
            self.sought.insert((side, object.to_owned(), plain(field, Some(value))), self.tick);
        }
    }

    /// A call of ours arrives at a service. Answers its number.
    pub(crate) fn arrives(&mut self, side: Side) -> (u64, u64) {
        self.calls += 1;
        (self.calls, (self.bent[side])())
    }

    /// The service is done with it.
    pub(crate) fn was_called(&mut self, side: Side, method: Method, (number, bent): (u64, u64)) {
        let bent = (self.bent[side])() > bent;
        self.sync(side, Cause::Call { number, method, bent });
    }

    /// Hymnal hears the answer.
    pub(crate) fn hears(&mut self, (number, _): (u64, u64)) {
        self.heard.insert(number, self.kv.commits());
    }

    /// Hymnal hears of a record.
    pub(crate) fn shows(&mut self, side: Side, record: &Record, method: Method) {
        let commits = self.kv.commits();
        let now = self.clock.glance();
        self.tell(&format!(
            "{side:?} {} is shown by {method:?}: {:?} {:?}",
            record.address, record.state, record.fields
        ));
        let withheld = self.withheld(side, record);
        let rules = self.rules.fields.iter();
        let names: BTreeMap<String, String> = rules
            .filter_map(|rule| {
                Some((rule.map.native[side].get(&record.address.object)?.name.clone(), rule.map.name.clone()))
            })
            .collect();
        let Some(track) = self.records.get_mut(&(side, record.address.clone())) else { return };
        track.met.get_or_insert(commits);
        if method == Method::Get {
            track.got = Some(now);
            track.withheld = withheld;
        }
        for (name, value) in &record.fields {
            let name = names.get(name).unwrap_or(name);
            track.told.insert((name.clone(), plain(name, Some(value))));
            track.first.entry(name.clone()).or_insert_with(|| (plain(name, Some(value)), commits));
            if track.back_at.is_some() {
                track.returned.entry(name.clone()).or_insert_with(|| plain(name, Some(value)));
            }
            track.shown.insert(name.clone(), (plain(name, Some(value)), commits));
        }
    }

    /// What somebody entered is what Hymnal knew to stand there: no reading can tell it from what was there before.
    pub(super) fn reads_as_known(&self, side: Side, track: &Track, edit: &Change) -> bool {
        let ours = |by: By| matches!(by, By::Us(_));
        let last = track.edits.iter().rev().find(|one| one.field == edit.field && ours(one.by) && one.tick < edit.tick);
        // An answer with the record has told that it took what we wrote.
        let knew_better = last.is_some_and(|one| {
            let was_heard = matches!(one.by, By::Us(call) if self.heard.contains_key(&call));
            one.value != edit.value && was_heard && self.shape.sides[side].returns_record
        });
        edit.by == By::Others && edit.again && !knew_better
    }

    /// The mapped fields that are not shown, or as stars.
    fn withheld(&self, side: Side, record: &Record) -> BTreeSet<String> {
        let omits = self.shape.sides[side].omits_blanks;
        let is_shown = |place: &str| match record.fields.get(place) {
            Some(value) => value.to_string() != "***",
            None => omits,
        };
        let places = self.rules.fields.iter().filter_map(|rule| {
            let place = rule.map.native[side].get(&record.address.object)?;
            (!is_shown(&place.name)).then(|| rule.map.name.clone())
        });
        places.collect()
    }

    /// A life ended: what was shown to it and no commit followed was never known.
    pub(crate) fn forgets(&mut self) {
        let commits = self.kv.commits();
        for track in self.records.values_mut() {
            track.met = track.met.filter(|at| commits > *at);
            track.shown.retain(|_, (_, at)| commits > *at);
            track.first.retain(|_, (_, at)| commits > *at);
        }
    }
}
