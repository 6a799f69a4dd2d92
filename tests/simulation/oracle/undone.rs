//! I17: what was taken back is as it was before, on both sides.

use hymnal::merge::{Id, Side};

use super::{By, Oracle, Promise, plain};

/// What somebody took back.
pub(super) struct TakenBack {
    who: usize,
    field: String,
    /// On what both sides stood before it was written.
    expected: Option<String>,
    tick: u64,
}

impl Oracle {
    /// Hymnal says that it took a field of a person back, to one value or to one of each side.
    pub(crate) fn takes_back(&mut self, who: usize, field: &str, to_one: bool) {
        let who = self.root(who);
        let agreed = self.agreed.get(&(who, field.to_owned()));
        let stands = self.pair_of(who).map(|pair| {
            pair.map(|(_, track)| {
                let value = plain(field, track.row.fields.get(field));
                let is_known = track.shown.get(field).is_some_and(|(shown, _)| *shown == value);
                (value, is_known)
            })
        });
        let expected = match (agreed.map(Vec::as_slice), stands.filter(|_| to_one)) {
            (Some([.., (before, _), _]), Some([left, right])) if left.0 == right.0 => Some(before.clone()),
            // They stand apart, as somebody wanted: before that they stood at what they agreed on last. What somebody
            // entered and nobody was shown stays.
            (Some([.., (last, _)]), Some([left, right])) if left.0 != right.0 && left.1 && right.1 => {
                Some(last.clone())
            }
            _ => None,
        };
        // What nobody told Hymnal of it cannot go back to.
        let expected = expected.filter(|value| self.was_told(who, field, value));
        let tick = self.tick;
        self.undone.retain(|known| (known.who, known.field.as_str()) != (who, field));
        self.undone.push(TakenBack { who, field: field.to_owned(), expected, tick });
    }

    /// Hymnal knew that each side held this: it was shown it, or told that it had been written.
    fn was_told(&self, who: usize, field: &str, value: &str) -> bool {
        let Some(pair) = self.pair_of(who) else { return false };
        pair.into_iter().all(|(_, track)| {
            let last = track.edits.iter().rfind(|edit| edit.field == field && edit.value == value);
            let wrote = last.is_some_and(|edit| match edit.by {
                By::Us(call) => self.heard.contains_key(&call),
                By::Others => false,
            });
            // It stood there when the record was met.
            let was_blank = value.is_empty() && track.edits.iter().filter(|edit| edit.field == field).count() < 2;
            // Who was shown it once need not know that it stands there again.
            let once = track.edits.iter().filter(|edit| edit.field == field && edit.value == value).count() < 2;
            wrote || was_blank || (once && track.told.contains(&(field.to_owned(), value.to_owned())))
        })
    }

    /// Somebody took this field of a person back: it is written again, and may be cleared.
    pub(super) fn is_taken_back(&self, who: usize, field: &str) -> bool {
        self.undone.iter().any(|known| self.root(known.who) == self.root(who) && known.field == field)
    }

    /// How often something of a person was taken back.
    pub(super) fn times_undone(&self, who: usize) -> usize {
        self.undone.iter().filter(|known| self.root(known.who) == who).count()
    }

    /// The entity that knows somebody.
    pub(crate) fn known_as(&self, who: usize) -> Option<Id> {
        Side::BOTH.into_iter().find_map(|side| self.entity_of(side, &self.record_of(side, who)?))
    }

    /// I17: where nobody edited since, it stands on both sides.
    pub(super) fn check_undone(&mut self) {
        let mut broken = Vec::new();
        for TakenBack { who, field, expected, tick } in &self.undone {
            let (Some(expected), Some([left, right])) = (expected, self.pair_of(*who)) else { continue };
            let is_steady = |side| {
                let mut records = self.of(side, *who);
                let first = records.next().map(|(_, track)| track);
                let calm = |edits: &[super::Change]| {
                    !edits.iter().any(|edit| edit.field == *field && edit.by == By::Others && edit.tick > *tick)
                };
                records.next().is_none() && first.is_some_and(|track| !track.was_gone && calm(&track.edits))
            };
            let is_bent = Side::BOTH.into_iter().any(|side| (self.bent[side])() > 0);
            let waits = self.entity_of(left.0.0, &left.0.1).is_none_or(|id| self.is_waiting(id, field));
            if is_bent || waits || !Side::BOTH.into_iter().all(is_steady) {
                continue;
            }
            let stands = [left, right].map(|(_, track)| plain(field, track.row.fields.get(field)));
            if stands != [expected.clone(), expected.clone()] {
                broken.push(format!("`{field}` of {} was taken back to `{expected}`, and is {stands:?}", left.0.1));
            }
        }
        for text in broken {
            self.breaks(Promise::Reversible, text);
        }
    }
}
