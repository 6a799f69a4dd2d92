//! What must be true of each record that we delete: somebody deleted the other one, and nobody works on this one.

use std::time::Duration;

use super::{By, Key, Oracle, Promise, Track};

/// So long may it take from the last look at the other record to the deletion.
const WINDOW: Duration = Duration::from_secs(5);

impl Oracle {
    /// I2: a deletion that nobody wanted loses everything. `track` is the record as it was before.
    pub(super) fn check_removal(&mut self, (side, address): &Key, track: &Track) {
        let rule = self.rules.on_delete[side.other()];
        // A record that our login may not see, and never saw, is nobody's yet.
        let is_unknown = |key: &Key, other: &Track| other.met.is_none() && self.hidden.contains(key);
        let others = self.of(side.other(), track.who).filter(|(key, other)| !is_unknown(key, other));
        let others = others.map(|(_, other)| other);
        let others: Vec<&Track> = others.filter(|other| other.row.merged_into.is_none()).collect();
        let is_deleted = !others.is_empty()
            && others.iter().all(|other| match other.gone {
                Some(_) => true,
                // Whoever comes back at the last moment is made good by a restoration.
                None => other.back_at.is_some_and(|at| self.clock.glance().saturating_sub(at) < WINDOW),
            });
        let since = others.iter().filter_map(|other| other.binned).max();
        let is_edited = track.edits.iter().any(|edit| {
            let shown = track.shown.get(&edit.field);
            let is_seen = shown.is_some_and(|(value, commits)| *value == edit.value && self.sank_in(*commits));
            edit.by == By::Others && Some(edit.tick) > since && is_seen && self.travels(*side, &edit.field)
        });
        if !rule.removes() || !is_deleted || is_edited {
            let why = format!("rule {rule:?}, the other one deleted {is_deleted}, this one edited since {is_edited}");
            self.breaks(Promise::NoLostEdit, format!("{side:?} {address} is deleted by us: {why}"));
        }
    }

    /// Values of this field travel from this side.
    fn travels(&self, side: super::Side, field: &str) -> bool {
        self.rules.fields.iter().any(|rule| rule.map.name == field) && !self.is_barred(side, field)
    }
}
