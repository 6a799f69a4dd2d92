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

/// Two people by somebody's word.
pub(super) struct Parted {
    one: usize,
    two: usize,
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
        let mine = Side::BOTH.into_iter().flat_map(|side| self.of(side, who)).map(|(key, _)| key.clone());
        let theirs: Vec<Key> =
            mine.filter(|(side, address)| self.entity_of(*side, address).is_some_and(|known| known != id)).collect();
        if theirs.is_empty() {
            return;
        }
        let new = NEW + self.apart.len();
        self.tell(&format!("{theirs:?} are {new}, and not {who}"));
        for key in theirs {
            if let Some(track) = self.records.get_mut(&key) {
                track.who = new;
            }
        }
        self.apart.push(Parted { one: who, two: new });
    }

    /// I4: who was told apart from somebody is there; nobody is made in their place while they have that e-mail.
    pub(super) fn check_nobody_in_place(&mut self, (side, address): &Key, track: &Track) {
        let email = |track: &Track| plain("email", track.row.fields.get("email"));
        let who = self.root(track.who);
        let others = self.apart.iter().filter_map(|parted| {
            let (one, two) = (self.root(parted.one), self.root(parted.two));
            [(one, two), (two, one)].into_iter().find_map(|(is, other)| (is == who).then_some(other))
        });
        let others: BTreeSet<usize> = others.collect();
        let there = others
            .iter()
            .flat_map(|other| self.live(*side, *other))
            .find(|(_, other)| email(other) == email(track))
            .map(|((_, other), _)| other.clone());
        if let Some(other) = there {
            self.breaks(Promise::AtMostOne, format!("{side:?} {address} is made, where {other} was told apart"));
        }
    }

    /// Whose live records Hymnal knows as one of these.
    pub(crate) fn known_as_any(&self, ids: [Id; 2]) -> Vec<usize> {
        let live = self.records.iter().filter(|(_, track)| track.row.deleted_at.is_none());
        let known = live.filter(|((side, at), _)| self.entity_of(*side, at).is_some_and(|id| ids.contains(&id)));
        known.map(|(_, track)| track.who).collect()
    }

    /// Whom Hymnal knows somebody's records as.
    fn known_of(&self, who: usize) -> BTreeSet<Id> {
        let records = Side::BOTH.into_iter().flat_map(|side| self.live(side, who));
        records.filter_map(|((side, address), _)| self.entity_of(*side, address)).collect()
    }

    /// I4: who was told apart stays two people, until somebody says otherwise.
    pub(super) fn check_told_apart(&mut self) {
        let mut broken = Vec::new();
        for parted in &self.apart {
            if self.root(parted.one) == self.root(parted.two) {
                continue;
            }
            let (one, two) = (self.known_of(parted.one), self.known_of(parted.two));
            if !one.is_disjoint(&two) {
                broken.push(format!("{} and {} were told apart, and are one again: {one:?}", parted.one, parted.two));
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
