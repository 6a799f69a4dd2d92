//! Where several people have one e-mail: nobody guesses who is meant, and what a person says holds.

use std::collections::BTreeSet;

use hymnal::{
    merge::{Id, Side},
    store::tables::Wait,
};

use super::{By, Key, Oracle, Promise, Track, plain};
use crate::schedule::Topic;

/// Numbers of those who were told apart begin here.
const NEW: usize = 1_000_000;

/// Two records that somebody said are of two people.
pub(super) struct Parted {
    one: Key,
    two: Key,
    /// When it was said.
    tick: u64,
}

impl Parted {
    /// The other of the two.
    fn other(&self, key: &Key) -> Option<&Key> {
        [(&self.one, &self.two), (&self.two, &self.one)]
            .into_iter()
            .find_map(|(is, other)| (is == key).then_some(other))
    }
}

impl Oracle {
    /// So many people may share an e-mail with somebody.
    pub(super) fn namesakes(&self) -> usize {
        if self.shape.topic == Topic::Ambiguous { self.people().len() } else { 0 }
    }

    /// A person told some records of somebody apart, as far as Hymnal followed: whoever is known as somebody else now
    /// is that.
    pub(crate) fn notes_parted(&mut self, who: usize) {
        let who = self.root(who);
        let Some(id) = self.known_as(who) else { return };
        let all = Side::BOTH.into_iter().flat_map(|side| self.of(side, who)).map(|(key, _)| key.clone());
        let (theirs, mine): (Vec<Key>, Vec<Key>) =
            all.partition(|(side, address)| self.entity_of(*side, address).is_some_and(|known| known != id));
        // Of whom nobody knows yet who they are, nothing was said.
        let asked: BTreeSet<Id> =
            self.waits().filter(|(wait, ..)| *wait == Wait::Ambiguous).map(|(_, id, _)| id).collect();
        let is_asked = |(side, address): &Key| self.entity_of(*side, address).is_some_and(|id| asked.contains(&id));
        let theirs: Vec<Key> = theirs.into_iter().filter(|key| !is_asked(key)).collect();
        if theirs.is_empty() {
            return;
        }
        let new = NEW + self.apart.len();
        self.tell(&format!("{theirs:?} are {new}, and not {who}"));
        let tick = self.tick;
        // Nobody can be told apart from a record that Hymnal never saw.
        let is_met = |key: &&Key| self.records.get(*key).is_some_and(|track| track.met.is_some());
        let mine: Vec<Key> = mine.iter().filter(is_met).cloned().collect();
        for two in theirs {
            if let Some(track) = self.records.get_mut(&two) {
                track.who = new;
            }
            self.apart.extend(mine.iter().map(|one| Parted { one: one.clone(), two: two.clone(), tick }));
        }
    }

    /// Who was told apart from somebody, with their record.
    fn told_apart_from(&self, who: usize) -> impl Iterator<Item = (&Parted, &Key, &Key)> {
        let mine = Side::BOTH.into_iter().flat_map(move |side| self.of(side, who)).map(|(key, _)| key);
        let pairs =
            mine.flat_map(|key| self.apart.iter().filter_map(move |parted| Some((parted, key, parted.other(key)?))));
        pairs.filter(move |(_, _, other)| {
            self.records.get(other).is_some_and(|other| self.root(other.who) != self.root(who))
        })
    }

    /// Whom a record is made for, where several have its e-mail because somebody told them apart: the one who has it now.
    pub(super) fn made_for(&self, side: Side, email: &str) -> Option<usize> {
        let known = *self.emails.get(email)?;
        self.told_apart_from(known).next()?;
        let has_it =
            |track: &Track| plain("email", track.row.fields.get("email")) == email && track.row.deleted_at.is_none();
        let there = self.records.iter().filter(|((at, _), track)| *at == side.other() && has_it(track));
        let there: BTreeSet<usize> = there.map(|(_, track)| self.root(track.who)).collect();
        let mut there = there.into_iter();
        there.next().filter(|_| there.next().is_none())
    }

    /// Who was told apart goes on with what their record holds, also where a service made it of what we wrote there.
    pub(super) fn is_held_by_parted(&self, field: &str, value: &str) -> bool {
        let holds =
            |key: &Key| self.records.get(key).is_some_and(|track| plain(field, track.row.fields.get(field)) == value);
        self.apart.iter().any(|parted| holds(&parted.one) || holds(&parted.two))
    }

    /// Of people with one e-mail, whom nobody told apart, those who have records in one system alone are one with the one
    /// who has them in both: the one match there is.
    pub(super) fn matched_with(&self, key: &Key, track: &Track) -> BTreeSet<usize> {
        let who = self.root(track.who);
        if self.shape.topic != Topic::Ambiguous {
            return BTreeSet::new();
        }
        let apart = self.told_apart_from(who).map(|(_, _, other)| other);
        let apart = apart.chain(self.apart.iter().filter_map(|parted| parted.other(key)));
        let apart: BTreeSet<usize> = apart.filter_map(|other| Some(self.root(self.records.get(other)?.who))).collect();
        let email = |track: &Track| plain("email", track.row.fields.get("email"));
        let same = self.records.values().filter(|other| email(other) == email(track)).map(|other| self.root(other.who));
        let others: BTreeSet<usize> = same.filter(|other| *other != who && !apart.contains(other)).collect();
        let is_alone = |who: usize| Side::BOTH.into_iter().any(|side| self.of(side, who).next().is_none());
        let in_both = others.iter().chain([&who]).filter(|who| !is_alone(**who)).count();
        if in_both > 1 { BTreeSet::new() } else { others }
    }

    /// I4: who was told apart from somebody is there; nobody is made in their place while they have that e-mail.
    pub(super) fn check_nobody_in_place(&mut self, (side, address): &Key, track: &Track) {
        let email = |track: &Track| plain("email", track.row.fields.get("email"));
        let there = self.told_apart_from(track.who).find(|(parted, own, other)| {
            let [own, there] = [own, other].map(|key| &self.records[*key]);
            let has_moved = |one: &Track| one.edits.iter().any(|edit| edit.field == "email" && edit.tick > parted.tick);
            other.0 == *side
                && there.row.deleted_at.is_none()
                && email(there) == email(track)
                && ![own, there].into_iter().any(has_moved)
        });
        if let Some(other) = there.map(|(_, _, other)| other.1.clone()) {
            self.breaks(Promise::AtMostOne, format!("{side:?} {address} is made, where {other} was told apart"));
        }
    }

    /// Whose live records Hymnal knows as one of these.
    pub(crate) fn known_as_any(&self, ids: [Id; 2]) -> Vec<usize> {
        let live = self.records.iter().filter(|(_, track)| track.row.deleted_at.is_none());
        let known = live.filter(|((side, at), _)| self.entity_of(*side, at).is_some_and(|id| ids.contains(&id)));
        known.map(|(_, track)| track.who).collect()
    }

    /// I4: who was told apart stays two people, until somebody says otherwise.
    pub(super) fn check_told_apart(&mut self) {
        let mut broken = Vec::new();
        for Parted { one, two, .. } in &self.apart {
            let live = |key: &Key| self.records.get(key).filter(|track| track.row.deleted_at.is_none());
            let (Some(a), Some(b)) = (live(one), live(two)) else { continue };
            let known = [one, two].map(|(side, address)| self.entity_of(*side, address));
            if self.root(a.who) != self.root(b.who) && known[0].is_some() && known[0] == known[1] {
                broken.push(format!("{one:?} and {two:?} were told apart, and are one again: {:?}", known[0]));
            }
        }
        for text in broken {
            self.breaks(Promise::AtMostOne, text);
        }
    }

    /// I4: of several who could be meant nobody is taken, and the question is shown.
    pub(super) fn check_nobody_guessed(&mut self) {
        if self.shape.topic != Topic::Ambiguous {
            return;
        }
        let mut broken = Vec::new();
        for ((side, address), track) in &self.records {
            let who = self.root(track.who);
            let is_alone = self.of(*side, who).count() == 1 && self.of(side.other(), who).next().is_none();
            if !is_alone || who >= NEW || track.was_gone || track.made_by != By::Others || track.converted.is_some() {
                continue;
            }
            let candidates: Vec<usize> =
                self.people().into_iter().filter(|other| *other != who && self.was_candidate(*other, track)).collect();
            let Some(id) = self.entity_of(*side, address).filter(|_| candidates.len() > 1) else { continue };
            let guessed = candidates.iter().find(|other| self.known_as(**other) == Some(id));
            if let Some(guessed) = guessed {
                broken.push(format!("{side:?} {address} was taken for {guessed}, and could be any of {candidates:?}"));
            } else if !self.waits().any(|(wait, at, _)| wait == Wait::Ambiguous && at == id) {
                broken.push(format!("{side:?} {address} could be any of {candidates:?}, and nobody is asked"));
            }
        }
        for text in broken {
            self.breaks(Promise::AtMostOne, text);
        }
    }

    /// Somebody who was linked, under this record's e-mail, before it was made, and still is.
    fn was_candidate(&self, other: usize, track: &Track) -> bool {
        let email = plain("email", track.row.fields.get("email"));
        let Some(pair) = self.pair_of(other) else { return false };
        let is_one = |side: Side| self.of(side, other).count() == 1;
        let known = pair.map(|((side, address), _)| self.entity_of(*side, address));
        let holds = |one: &Track| {
            let last = one.edits.iter().rev().find(|edit| edit.field == "email");
            let is_old = last.is_some_and(|edit| edit.value == email && edit.tick < track.made);
            is_old && one.met.is_some_and(|met| met < track.made_after) && !one.was_gone
        };
        // That it has come to the other record tells that it was understood.
        let agreed = pair.iter().any(|(_, one)| {
            let ours = |by: By| matches!(by, By::Us(_));
            one.edits.iter().any(|edit| edit.field == "email" && edit.value == email && ours(edit.by))
                || one.first.get("email").is_some_and(|(first, _)| *first == email)
        });
        let never_moved = track.edits.iter().filter(|edit| edit.field == "email").count() == 1;
        let is_hidden = pair.iter().any(|(key, _)| self.shown_again.contains_key(key));
        known[0].is_some()
            && known[0] == known[1]
            && Side::BOTH.into_iter().all(is_one)
            && pair.iter().all(|(_, one)| holds(one))
            && agreed
            && never_moved
            && !is_hidden
            && other < NEW
    }
}
