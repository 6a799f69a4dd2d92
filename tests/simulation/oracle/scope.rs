//! I9, where a run has a scope: whoever is out is neither made nor updated, but for consent.

use super::{By, Change, Key, Oracle, Promise, Side, Track};
use crate::schedule::Topic;

/// Whose stage is this is out.
const OUT: &str = "lost";

impl Oracle {
    /// Nobody is made who is out on the only side that has them.
    pub(super) fn check_made_in_scope(&mut self, (side, address): &Key, track: &Track) {
        if self.shape.topic != Topic::Scope {
            return;
        }
        let sources: Vec<&Track> = self.live(side.other(), track.who).map(|(_, source)| source).collect();
        let is_out = !sources.is_empty() && sources.iter().all(|source| self.is_seen_out(source));
        if is_out {
            self.breaks(Promise::Scope, format!("{side:?} {address} is made, and out of the sync"));
        }
    }

    /// Nobody is updated who is out.
    pub(super) fn check_written_in_scope(&mut self, (side, address): &Key, track: &Track, mine: &[Change]) {
        let is_ordinary = mine.iter().any(|change| change.field != "optout");
        // Of several records one speaks for the person, and which is not said here.
        let others = |at: Side| self.of(at, track.who).count();
        let one_each = others(*side) == 0 && others(side.other()) <= 1;
        if self.shape.topic != Topic::Scope || !is_ordinary || !one_each {
            return;
        }
        let stage = |track: &Track| {
            let edits = track.edits.iter().rev();
            edits
                .into_iter()
                .find(|edit| edit.field == "stage" && edit.by == By::Others && !edit.again)
                .map(|edit| edit.tick)
        };
        let known = self.agreed.get(&(self.root(track.who), "stage".to_owned()));
        let records = || Side::BOTH.into_iter().flat_map(|at| self.live(at, track.who)).map(|(_, track)| track);
        // The last word on both sides is that they are out, and nobody said otherwise since both agreed last.
        let leaves = |source: &Track| {
            let Some(left) = stage(source).filter(|_| self.is_seen_out(source)) else { return false };
            let agreed = known.into_iter().flatten().map(|(_, at)| *at).filter(|at| *at < left).max();
            let quiet = |other: &Track| stage(other).is_none_or(|tick| tick == left || Some(tick) <= agreed);
            records().all(quiet) && quiet(track)
        };
        if records().any(leaves) {
            self.breaks(Promise::Scope, format!("{side:?} {address} is updated, and out of the sync: {mine:?}"));
        }
    }

    fn is_seen_out(&self, track: &Track) -> bool {
        track.shown.get("stage").is_some_and(|(value, commits)| value == OUT && self.sank_in(*commits))
            && track.row.fields.get("stage").is_some_and(|stage| stage.to_string() == OUT)
    }
}
