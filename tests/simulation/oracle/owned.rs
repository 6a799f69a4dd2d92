//! Where records belong to people: an owner travels as the same person, or visibly as the desk; and what is typed with
//! white space around it says nothing more.

use hymnal::merge::{Id, Side};

use super::{By, Change, Key, Oracle, Promise, Track, plain};
use crate::staff::DESK;

impl Oracle {
    /// On the left the desk stands for an owner on the right who does not work there.
    pub(super) fn is_stand_in(&self, field: &str, left: &str, right: &str) -> bool {
        field == "owner" && left == DESK && !right.is_empty() && !self.staff.works(Side::Left, right)
    }

    /// The desk was written where somebody had chosen an owner who was missing there, or is on a further record of theirs.
    pub(super) fn is_rightly_the_desk(&self, side: Side, track: &Track, change: &Change) -> bool {
        let missing = |edit: &Change| {
            edit.field == "owner" && edit.by == By::Others && self.staff.was_missing(Side::Left, &edit.value)
        };
        (change.field.as_str(), change.value.as_str(), side) == ("owner", DESK, Side::Left)
            && Side::BOTH
                .into_iter()
                .flat_map(|at| self.of(at, track.who))
                .any(|(_, other)| other.edits.iter().any(missing))
    }

    /// What was entered has reached the other side as the desk, which may have stood there before.
    pub(super) fn was_stood_in(&self, side: Side, track: &Track, edit: &Change) -> bool {
        let is_desk = |edit: &Change| edit.field == "owner" && edit.value == DESK;
        let missing = edit.field == "owner" && self.staff.was_missing(Side::Left, &edit.value);
        side == Side::Right && missing && self.of(Side::Left, track.who).any(|(_, one)| one.edits.iter().any(is_desk))
    }

    /// Somebody chose the desk where it stood in already, as far as Hymnal was shown: that is no edit. Nor can it be told
    /// where it was written over with itself unseen.
    pub(super) fn is_the_desk_anyway(&self, key: &Key, track: &Track, edit: &Change) -> bool {
        let is_it = (key.0, edit.field.as_str(), edit.value.as_str()) == (Side::Left, "owner", DESK);
        let is_unseen = || !self.shape.verify && self.papers.sent_since(key, ("owner", DESK), edit.tick);
        is_it && (self.reads_as_known(key.0, track, edit) || is_unseen())
    }

    /// An owner on a record of the person is nobody whom one could write on the right, where nobody stands in: who is
    /// known on the left alone, or a queue of another record there.
    pub(super) fn is_owned_by_nobody(&self, id: Id) -> bool {
        let Some(entity) = self.entity(id) else { return false };
        let members = Side::BOTH.map(|side| Some((side, entity.members[side].as_ref()?.address.clone())));
        let whose = members.iter().flatten().filter_map(|key| Some(self.records.get(key)?.who));
        let all: Vec<(&Key, &Track)> =
            whose.flat_map(|who| Side::BOTH.into_iter().flat_map(move |side| self.of(side, who))).collect();
        let others = all.into_iter().filter(|(key, _)| members[1].as_ref() != Some(key));
        let mut owners = others.map(|(_, track)| plain("owner", track.row.fields.get("owner")));
        owners.any(|owner| !owner.is_empty() && !self.staff.works(Side::Right, &owner))
    }

    /// I6: white space is not written.
    pub(super) fn check_spaces(&mut self, (side, address): &Key, change: &Change) {
        if change.field == "city" && change.value == change.before {
            let text = format!("{side:?} {address}: `city` = `{}` is written where it stands", change.value);
            self.breaks(Promise::NoEcho, text);
        }
    }
}
