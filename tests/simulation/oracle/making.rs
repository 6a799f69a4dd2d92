//! What must be true of each record that we make, at the moment at which it is made.

use std::{collections::BTreeSet, time::Duration};

use hymnal::merge::{OnDelete, Side};
use hymnal_sdk::Address;

use super::{By, Key, Oracle, Promise, Track, plain};
use crate::on_the_wire::MOST_STALE;

/// More than a schedule has people.
pub(super) const PEOPLE: usize = 1000;

impl Oracle {
    /// A record of ours is made.
    pub(super) fn check_creation(&mut self, key: &Key, track: &Track, bent: bool) {
        self.read_papers();
        for change in &track.edits {
            self.check_mapped(key, change);
        }
        self.check_nobody_twice(key, track, bent);
        self.check_nobody_back(key, track);
        self.check_nobody_in_place(key, track);
        self.check_made_in_scope(key, track);
        if !bent {
            self.check_creation_journal(key, track);
            self.check_guarded_creation(key, track);
        }
    }

    /// I4: whoever is there is not made.
    fn check_nobody_twice(&mut self, (side, address): &Key, track: &Track, bent: bool) {
        let email = plain("email", track.row.fields.get("email"));
        let shape = &self.shape.sides[*side];
        let there = self.live(*side, track.who).chain(self.converted_unseen(*side, &email)).find(|(key, other)| {
            let looked_in = self.looked_in(*side, &key.1.object);
            let sought = self.sought.get(&(*side, key.1.object.clone(), email.clone()));
            let looked = sought.copied().unwrap_or(looked_in);
            let theirs = plain("email", other.row.fields.get("email"));
            // Whoever has another e-mail by now can be told only by a link, or by a mark of ours.
            let mark = |row: &Track| row.row.fields.get("hymnal_id").cloned();
            let is_marked = matches!(other.made_by, By::Us(_)) && shape.external_id && mark(other) == mark(track);
            let is_told = theirs == email || is_marked;
            let came_after = other.made_by == By::Others && other.made > looked;
            // On the wire, a list that lags takes the look-up with it: both are queries.
            let lag = if self.shape.on_the_wire { MOST_STALE } else { shape.find_lag };
            let came_just_now = lag > 0 && !shape.unique_email && other.made_by == By::Others && {
                let age = self.clock.glance().saturating_sub(other.made_at);
                age <= Duration::from_secs(lag + 1)
            };
            let was_hidden = self.hidden.contains(*key) || self.shown_again.get(*key).is_some_and(|at| *at > looked);
            is_told && !came_after && !came_just_now && !was_hidden
        });
        // Where a look-up lags and nothing is unique, a lost answer may make somebody twice.
        let excused = bent || (shape.find_lag > 0 && !shape.unique_email && !shape.external_id);
        if let Some(((_, other), _)) = there.filter(|_| !excused) {
            let text = format!("{side:?} {address} `{email}` is made, and {other} is there");
            self.breaks(Promise::AtMostOne, text);
        }
    }

    /// Records of somebody that had no e-mail in common whenever Hymnal looked are two people: each has a partner made of
    /// its own. Answers who the one is that was made now.
    pub(super) fn part_ways(&mut self, side: Side, track: &Track) -> usize {
        let email = |track: &Track| plain("email", track.row.fields.get("email"));
        let made_of = self.of(side.other(), track.who).filter(|(_, other)| email(other) == email(track));
        let made_of: Vec<Key> = made_of.map(|(key, _)| key.clone()).collect();
        let others: Vec<(&Key, &Track)> = self.live(side, track.who).collect();
        // Whoever was merged with one of them is the same person, with all that was theirs.
        let lands: Vec<Key> = made_of.iter().map(|key| self.landing(key)).collect();
        let united: Vec<&Key> = self.records.keys().filter(|key| lands.contains(&self.landing(key))).collect();
        let is_known = |(key, other): (&Key, &Track)| {
            email(other) == email(track) || united.iter().any(|one| self.is_one(one, key))
        };
        // And a service that says that the one became the other says who is who.
        let is_told = made_of.iter().any(|key| self.became_one(key));
        if made_of.is_empty() || others.is_empty() || is_told || others.into_iter().any(is_known) {
            return track.who;
        }
        let nobody = self.records.len() + PEOPLE;
        for key in &made_of {
            self.records.get_mut(key).expect("a record of ours").who = nobody;
        }
        self.emails.insert(email(track), nobody);
        self.tell(&format!("{made_of:?} are somebody else: {nobody}"));
        nobody
    }

    /// Whose copy a record is.
    fn made_of(&self, side: Side, track: &Track) -> impl Iterator<Item = &Key> {
        let email = |track: &Track| plain("email", track.row.fields.get("email"));
        let made = email(track);
        self.live(side.other(), track.who).filter(move |(_, other)| email(other) == made).map(|(key, _)| key)
    }

    /// It became, or took over, another record of the person.
    fn became_one(&self, key: &Key) -> bool {
        let of_it = |other: &Key| other != key && self.landing(other) == *key;
        self.landing(key) != *key || self.of(key.0, self.records[key].who).any(|(other, _)| of_it(other))
    }

    /// When somebody was looked for in an object last.
    fn looked_in(&self, side: Side, object: &str) -> u64 {
        self.looked.get(&(side, object.to_owned())).copied().unwrap_or_default()
    }

    /// Who had this e-mail on a record that was converted before Hymnal saw it, and is a customer by that.
    fn converted_unseen<'o>(&'o self, side: Side, email: &'o str) -> impl Iterator<Item = (&'o Key, &'o Track)> {
        let of_it = self.records.iter().filter(move |((at, address), track)| {
            let is_unseen = track.converted.is_some_and(|(tick, commits)| {
                tick <= self.looked_in(side, &address.object) && track.met.is_none_or(|met| met >= commits)
            });
            let theirs = plain("email", track.row.fields.get("email"));
            *at == side && is_unseen && track.row.deleted_at.is_none() && theirs == email
        });
        // Which of several clients somebody is, is not guessed.
        let clients: BTreeSet<_> = of_it.clone().map(|(_, track)| &track.row.converted_into).collect();
        of_it.filter(move |_| clients.len() == 1)
    }

    /// I5: whom a person deleted or converted, and Hymnal knew on both sides, is not made again.
    fn check_nobody_back(&mut self, (side, address): &Key, track: &Track) {
        if self.rules.on_delete[*side] == OnDelete::Recreate {
            return;
        }
        let made_of: Vec<&Key> = self.made_of(*side, track).collect();
        let deleted = self.of(*side, track.who).find(|(key, other)| {
            let known = other.met.is_some_and(|commits| self.sank_in(commits));
            // Who was not met on both sides before, as the same person, was never linked: what is there is copied
            // like anybody. And so is a further record that has had no e-mail in common with either of them.
            let was_linked = other.gone.or(other.converted).is_some_and(|(_, commits)| {
                let was_met = |one: &Track| one.met.is_some_and(|met| met < commits);
                let is_theirs =
                    |key: &Key, far: &Key| self.landing(far) == *key || share_an_email(&self.records[key], other);
                let goes_on = |far: &Key| made_of.is_empty() || made_of.iter().any(|key| is_theirs(key, far));
                let mut far = self.of(side.other(), track.who);
                was_met(other)
                    && far.any(|(far_key, far)| was_met(far) && self.is_one(key, far_key) && goes_on(far_key))
            });
            was_linked && !other.gone_by_us && other.row.merged_into.is_none() && known && other.who == track.who
        });
        // Where the last of them was deleted too, whoever is made anew is somebody new.
        let deleted = deleted.filter(|_| !self.of(side.other(), track.who).any(|(_, other)| other.was_gone));
        if let Some(((_, other), _)) = deleted {
            let text = format!("{side:?} {address} is made, and {other} of the same person was deleted or converted");
            self.breaks(Promise::NoResurrection, text);
        }
    }

    /// I13: the journal has the creation before it is made.
    fn check_creation_journal(&mut self, (side, address): &Key, track: &Track) {
        let email = plain("email", track.row.fields.get("email"));
        let has = self.papers.sendings.iter().any(|(at, record, values)| {
            at == side && record.is_none() && values.get("email").is_some_and(|sent| *sent == email)
        });
        if !has {
            self.breaks(Promise::CompleteLog, format!("{side:?} {address} `{email}` is made and not in the journal"));
        }
    }

    /// Two records are one person for Hymnal: it made the one of the other, or its journal says that it linked them, or
    /// those that they took over.
    fn is_one(&self, one: &Key, two: &Key) -> bool {
        let is_ours = |key: &Key| self.records.get(key).is_some_and(|track| matches!(track.made_by, By::Us(_)));
        let same = |key: &Key, address: &Address| self.landing(&(key.0, address.clone())) == self.landing(key);
        let (left, right) = if one.0 == Side::Left { (one, two) } else { (two, one) };
        let is_linked = || self.papers.linked.iter().any(|pair| same(left, &pair.left) && same(right, &pair.right));
        is_ours(one) || is_ours(two) || is_linked()
    }
}

/// Two records that had one e-mail, if not at the same time.
fn share_an_email(one: &Track, two: &Track) -> bool {
    let emails = |track: &Track| -> BTreeSet<String> {
        track.edits.iter().filter(|edit| edit.field == "email").map(|edit| edit.value.clone()).collect()
    };
    !emails(one).is_disjoint(&emails(two))
}
