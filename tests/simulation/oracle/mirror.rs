//! Every change of every record, in order, with who made it.

use std::collections::{BTreeMap, BTreeSet};

use hymnal::merge::{Pair, Side};
use hymnal_memory::{Method, service::Row};
use hymnal_sdk::{ActorKind, Address};

use super::{By, Cause, Change, Key, Oracle, Track, making::PEOPLE, plain};

impl Oracle {
    /// Looks at what changed in a service.
    pub(super) fn sync(&mut self, side: Side, cause: Cause) {
        self.read_papers();
        for (object, row) in (self.sources[side])(self.sequences[side]) {
            self.sequences[side] = self.sequences[side].max(row.sequence);
            self.tick += 1;
            self.take(side, Address::new(object, &row.id), row, cause);
        }
        if let Cause::Call { method: Method::Update, bent: true, .. } = cause {
            self.note_claims(side);
        }
        self.note_agreements();
    }

    /// A service did otherwise than it was asked, and may have changed nothing: all that was sent there last counts as
    /// what it said that it took.
    fn note_claims(&mut self, side: Side) {
        for (key, track) in self.records.iter_mut().filter(|((at, _), _)| *at == side) {
            track.claimed.extend(self.papers.last_sent(key));
        }
    }

    fn take(&mut self, side: Side, address: Address, row: Row, cause: Cause) {
        let key = (side, address);
        match self.records.remove(&key) {
            None => self.meet(key, row, cause),
            Some(track) => self.follow(key, track, row, cause),
        }
    }

    fn meet(&mut self, key: Key, row: Row, cause: Cause) {
        let ours = row.modified_by.kind == ActorKind::Us;
        let email = plain("email", row.fields.get("email"));
        let who = match cause {
            // Whoever has the e-mail of somebody who turned out to be two people is the one of the two that has it.
            Cause::People(who) => self.emails.get(&email).copied().filter(|known| *known >= PEOPLE).unwrap_or(who),
            Cause::Call { .. } => {
                let known = self.emails.get(&email).copied();
                self.made_for(key.0, &email).or(known).unwrap_or(usize::MAX)
            }
        };
        let made_by = by(ours, cause);
        let edits: Vec<Change> = changes(&row, 0, self.tick, made_by, |_| String::new());
        let mut track = Track {
            who,
            edits,
            made: self.tick,
            made_after: self.kv.commits(),
            made_at: self.clock.glance(),
            made_by,
            ours: 0,
            shown: BTreeMap::new(),
            first: BTreeMap::new(),
            told: BTreeSet::new(),
            met: None,
            claimed: BTreeSet::new(),
            got: None,
            withheld: BTreeSet::new(),
            gone: None,
            was_gone: false,
            binned: None,
            gone_by_us: false,
            converted: None,
            back_at: None,
            returned: BTreeMap::new(),
            row,
        };
        self.tell(&format!("{:?} {} of {who} is made by {made_by:?}: {:?}", key.0, key.1, track.row.fields));
        self.note_email(&track, who);
        if let (By::Us(_), Cause::Call { bent, .. }) = (made_by, cause) {
            self.check_creation(&key, &track, bent);
            track.who = self.part_ways(key.0, &track);
        }
        self.records.insert(key, track);
    }

    fn follow(&mut self, key: Key, mut track: Track, row: Row, cause: Cause) {
        let known = track.row.history.len();
        let before = track.row.clone();
        let mut edits = Vec::new();
        for (index, edit) in row.history.iter().enumerate().skip(known) {
            let ours = edit.by.as_ref().is_some_and(|by| by.kind == ActorKind::Us);
            let held = |field: &str| plain(field, before.fields.get(field));
            let mut one = changes(&row, index, self.tick, by(ours, cause), held);
            one.truncate(1);
            edits.extend(one);
        }
        for edit in &mut edits {
            edit.again = is_known(&track, edit);
        }
        for edit in &edits {
            let Change { field, value, before, by, .. } = edit;
            self.tell(&format!("{:?} {}: `{field}` from `{before}` to `{value}` by {by:?}", key.0, key.1));
        }
        if edits.is_empty() {
            let (side, address) = &key;
            self.tell(&format!(
                "{side:?} {address} is touched; deleted {:?}, merged {:?}",
                row.deleted_at, row.merged_into
            ));
        }
        let mine: Vec<Change> = edits.iter().filter(|edit| matches!(edit.by, By::Us(_))).cloned().collect();
        if let Cause::Call { method, bent, .. } = cause {
            if bent {
                self.read_papers();
                track.claimed.extend(self.papers.last_sent(&key));
            }
            if !mine.is_empty() {
                track.ours += 1;
                self.check_write(&key, &track, &mine, bent);
            } else if matches!(method, Method::Update) && row.modified_by.kind == ActorKind::Us && edits.is_empty() {
                track.ours += 1;
                self.check_idle_write(&key, &track, bent);
            }
        }
        if row.deleted_at.is_some() && track.gone.is_none() {
            if matches!(cause, Cause::Call { .. }) && row.merged_into.is_none() {
                track.gone_by_us = true;
                self.check_removal(&key, &track);
            }
            track.gone = Some((self.tick, self.kv.commits()));
            track.was_gone = true;
            track.binned = Some(self.tick);
        } else if row.deleted_at.is_none() && track.gone.is_some() {
            track.gone = None;
            track.gone_by_us = false;
            track.back_at = Some(self.clock.glance());
            track.returned.clear();
        }
        if let (Some(into), None) = (&row.merged_into, &before.merged_into) {
            let winner = (key.0, Address::new(key.1.object.clone(), into.clone()));
            let winner = self.records.get(&winner).map(|winner| winner.who);
            self.join(track.who, winner.unwrap_or(track.who));
        }
        self.note_conversion(&key, &mut track, &row);
        track.row = row;
        track.edits.extend(edits);
        let who = track.who;
        self.note_email(&track, who);
        self.records.insert(key, track);
    }

    fn note_email(&mut self, track: &Track, who: usize) {
        let email = plain("email", track.row.fields.get("email"));
        if !email.is_empty() {
            self.emails.entry(email).or_insert(who);
        }
    }

    fn note_agreements(&mut self) {
        for who in self.people() {
            let both = Pair::from_fn(|side| {
                let mut live = self.live(side, who);
                let first = live.next().map(|(_, track)| track);
                first.filter(|_| live.next().is_none())
            });
            let (Some(left), Some(right)) = (both.left, both.right) else { continue };
            let mut agreed = Vec::new();
            for rule in &self.rules.fields {
                let name = &rule.map.name;
                let stands = |track: &Track| plain(name, track.row.fields.get(name));
                if stands(left) == stands(right) {
                    agreed.push((name.clone(), stands(left)));
                }
            }
            for (field, value) in agreed {
                let known = self.agreed.entry((who, field)).or_default();
                if known.last().is_none_or(|(last, _)| *last != value) {
                    known.push((value, self.tick));
                } else if let Some((_, since)) = known.last_mut() {
                    *since = self.tick;
                }
            }
        }
    }
}

/// What is entered stood there when Hymnal read, or wrote, it last.
fn is_known(track: &Track, entered: &Change) -> bool {
    let shown = track.shown.get(&entered.field).map(|(value, _)| value);
    let ours = track.edits.iter().rev().find(|edit| edit.field == entered.field && matches!(edit.by, By::Us(_)));
    let is_ours =
        ours.is_some_and(|edit| edit.value == entered.value && shown.is_none_or(|shown| *shown == edit.before));
    is_ours || shown == Some(&entered.value)
}

fn by(ours: bool, cause: Cause) -> By {
    match cause {
        Cause::Call { number, .. } if ours => By::Us(number),
        _ => By::Others,
    }
}

/// The changes in a row's history from `from` on.
fn changes(row: &Row, from: usize, tick: u64, by: By, before: impl Fn(&str) -> String) -> Vec<Change> {
    let change = |edit: &hymnal_sdk::FieldEdit| Change {
        tick,
        value: plain(&edit.field, Some(&edit.value)),
        before: before(&edit.field),
        field: edit.field.clone(),
        by,
        again: false,
    };
    row.history.iter().skip(from).map(change).collect()
}
