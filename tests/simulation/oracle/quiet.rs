//! What must be true when all is quiet.

use std::collections::BTreeMap;

use hymnal::{
    merge::{Entity, Id},
    store::{Kv, format},
};
use hymnal_sdk::Address;

use super::{By, Key, Oracle, Promise, Side, Track, plain};
use crate::world::TAG;

impl Oracle {
    /// Looks at everything.
    pub(crate) fn check_quiet(&mut self) {
        self.read_papers();
        for who in self.people() {
            self.check_equal(who);
            self.check_edits(who);
            self.check_thrift(who);
            self.check_duplicates_shown(who);
        }
        self.check_undone();
        self.check_conversions();
        self.check_restrictions();
        self.check_told_apart();
        self.check_nobody_guessed();
        self.check_causes();
        self.check_written();
        self.check_file();
    }

    /// I1: nobody is unlinked whose record was there all the time.
    pub(crate) fn check_graves(&mut self) {
        let rows = self.kv.durable().scan(&TAG.table(b'e'), None, usize::MAX).expect("a store in memory");
        let mut broken = Vec::new();
        for (key, bytes) in rows {
            let entity: Entity = format::open(&key, &bytes).expect("an entity");
            for side in Side::BOTH {
                let Some(tombstone) = &entity.tombstones[side] else { continue };
                let track = self.records.get(&(side, tombstone.address.clone()));
                if track.is_some_and(|track| !track.was_gone) {
                    broken.push(format!("{side:?} {} is unlinked, and nobody deleted it", tombstone.address));
                }
            }
        }
        for text in broken {
            self.breaks(Promise::Convergence, text);
        }
    }

    /// How many changes we made so far.
    pub(crate) fn our_writes(&self) -> usize {
        let made = self.records.values().filter(|track| matches!(track.made_by, By::Us(_))).count();
        made + self.records.values().map(|track| track.ours).sum::<usize>()
    }

    /// The only record of a person on each side.
    pub(super) fn pair_of(&self, who: usize) -> Option<[(&Key, &Track); 2]> {
        let one = |side: Side| {
            let mut live = self.live(side, who);
            let first = live.next()?;
            live.next().is_none().then_some(first)
        };
        Some([one(Side::Left)?, one(Side::Right)?])
    }

    /// I1: who is on both sides is the same there, or it is visible why not.
    fn check_equal(&mut self, who: usize) {
        let Some([(left_key, left), (right_key, right)]) = self.pair_of(who) else { return };
        let entities = [left_key, right_key].map(|(side, address)| self.entity_of(*side, address));
        let email = |track: &Track| plain("email", track.row.fields.get("email"));
        let mut broken = Vec::new();
        match entities {
            [Some(one), Some(two)] if one == two => {
                for rule in &self.rules.fields {
                    let name = &rule.map.name;
                    let stands = |track: &Track| plain(name, track.row.fields.get(name));
                    let stands_in = self.is_stand_in(name, &stands(left), &stands(right));
                    if stands(left) != stands(right) && !stands_in && !self.is_waiting(one, name) {
                        let text = format!(
                            "`{name}` of {} and {} is `{}` and `{}`, and nothing says why",
                            left_key.1,
                            right_key.1,
                            stands(left),
                            stands(right)
                        );
                        broken.push(text);
                    }
                }
            }
            [one, two] => {
                let made_by_us = [left, right].iter().any(|track| matches!(track.made_by, By::Us(_)));
                let waits = [one, two].into_iter().flatten().any(|id| self.is_waiting(id, ""));
                if (email(left) == email(right) || made_by_us) && !waits {
                    broken.push(format!("{} and {} are one person and not linked", left_key.1, right_key.1));
                }
            }
        }
        for text in broken {
            self.breaks(Promise::Convergence, text);
        }
    }

    /// I2: the last edit of each side stands on both, or has reached the other, or is in the log.
    fn check_edits(&mut self, who: usize) {
        let Some(pair) = self.pair_of(who) else { return };
        let [one, two] = pair.map(|((side, address), _)| self.entity_of(*side, address));
        if one.is_some() && two.is_some() && one != two {
            return; // Two people, whom nobody ever saw together: whether they should be one is looked at elsewhere.
        }
        let mut broken = Vec::new();
        for ((side, address), track) in pair {
            let Some(id) = self.entity_of(*side, address) else { continue };
            for rule in &self.rules.fields {
                let name = rule.map.name.as_str();
                if ["tags", "optout"].contains(&name) {
                    continue;
                }
                let Some(edit) = track.edits.iter().rev().find(|edit| edit.field == name) else { continue };
                let fresh = edit.by == By::Others && !(edit.value.is_empty() && self.ignores_blanks(name));
                let key = (*side, address.clone());
                let is_safe = self.is_safe(*side, track, edit) || self.is_the_desk_anyway(&key, track, edit);
                if fresh && !is_safe && !self.is_waiting(id, name) {
                    broken.push(format!("{side:?} {address}: `{name}` = `{}` went nowhere", edit.value));
                }
            }
        }
        for text in broken {
            self.breaks(Promise::NoLostEdit, text);
        }
    }

    /// I6: not many more writes than edits.
    fn check_thrift(&mut self, who: usize) {
        for side in Side::BOTH {
            let edits: usize = Side::BOTH
                .into_iter()
                .flat_map(|at| self.of(at, who))
                .flat_map(|(_, track)| &track.edits)
                .filter(|edit| edit.by == By::Others)
                .count();
            let ours: usize = self.of(side, who).map(|(_, track)| track.ours).sum();
            if ours > edits + 2 + self.times_undone(who) + self.namesakes() + self.staff.moves {
                self.breaks(Promise::NoEcho, format!("{ours} writes to person {who} on {side:?} for {edits} edits"));
            }
        }
    }

    /// I4: who is there twice is shown as such.
    fn check_duplicates_shown(&mut self, who: usize) {
        for side in Side::BOTH {
            let mut seen: BTreeMap<String, &Key> = BTreeMap::new();
            let mut twice = None;
            for (key, track) in self.live(side, who) {
                let email = plain("email", track.row.fields.get("email"));
                if let Some(other) = seen.insert(email, key) {
                    twice = Some((other.clone(), key.clone()));
                }
            }
            let Some((one, two)) = twice else { continue };
            let entity = self.entity_of(side, &one.1);
            let shown = entity.is_some_and(|id| self.is_waiting(id, ""));
            if entity.is_none() || (entity == self.entity_of(side, &two.1) && !shown) {
                let text = format!("{} and {} have one e-mail, and nobody is told", one.1, two.1);
                self.breaks(Promise::AtMostOne, text);
            }
        }
    }

    /// I13: every entry that says "written" happened.
    fn check_written(&mut self) {
        let mut said: BTreeMap<Key, usize> = BTreeMap::new();
        for (side, address) in &self.papers.written {
            *said.entry((*side, address.clone())).or_default() += 1;
        }
        for (key, _) in said {
            let ours = |track: &Track| {
                matches!(track.made_by, By::Us(_))
                    || track.row.modified_by.kind == hymnal_sdk::ActorKind::Us
                    || track.ours > 0
            };
            // Who says that it wrote and ignores it leaves no trace of us.
            let is_bent = (self.bent[key.0])() > 0;
            let landed = self.landing(&key);
            let is_ours = [&key, &landed].into_iter().any(|key| self.records.get(key).is_some_and(ours));
            // Who writes what somebody entered there a moment before leaves no trace either.
            let is_idle = self.records.get(&key).is_some_and(|track| {
                self.papers.sent_to(&key).all(|(field, value)| {
                    track.edits.iter().any(|edit| edit.by == By::Others && edit.field == *field && edit.value == *value)
                })
            });
            if !is_bent && !is_ours && !is_idle {
                let text = format!("the journal says that {:?} {} was written, and it was not", key.0, key.1);
                self.breaks(Promise::CompleteLog, text);
            }
        }
    }

    /// I13: the file has every line of the store, in order, once.
    fn check_file(&mut self) {
        let rows = self.kv.durable().scan(&TAG.table(b'c'), None, usize::MAX).expect("a store in memory");
        let stored: Vec<u64> = rows
            .iter()
            .map(|(key, value)| format::open::<hymnal::journal::entry::LogLine>(key, value).expect("a line").number)
            .collect();
        let written: Vec<u64> = self.papers.lines.iter().map(|line| line.number).collect();
        if stored != written {
            self.breaks(Promise::CompleteLog, format!("the file has the lines {written:?}, the store {stored:?}"));
        }
    }

    /// The entity that knows an address.
    pub(crate) fn entity_of(&self, side: Side, address: &Address) -> Option<Id> {
        let bytes = self.kv.durable().get(&TAG.address(side, address)).expect("a store in memory")?;
        hymnal::store::tables::entity_of(&bytes)
    }

    /// Hymnal's own view of somebody.
    pub(super) fn entity(&self, id: Id) -> Option<Entity> {
        let key = TAG.entity(id);
        let bytes = self.kv.durable().get(&key).expect("a store in memory")?;
        Some(format::open(&key, &bytes).expect("an entity"))
    }
}
