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

    /// The desk was written where somebody had chosen an owner who was missing there.
    pub(super) fn is_rightly_the_desk(&self, side: Side, track: &Track, change: &Change) -> bool {
        let missing = |edit: &Change| {
            edit.field == "owner" && edit.by == By::Others && self.staff.was_missing(Side::Left, &edit.value)
        };
        (change.field.as_str(), change.value.as_str(), side) == ("owner", DESK, Side::Left)
            && self.of(Side::Right, track.who).any(|(_, other)| other.edits.iter().any(missing))
    }

    /// What was entered has reached the other side as the desk, which may have stood there before.
    pub(super) fn was_stood_in(&self, side: Side, track: &Track, edit: &Change) -> bool {
        let is_desk = |edit: &Change| edit.field == "owner" && edit.value == DESK;
        let missing = edit.field == "owner" && self.staff.was_missing(Side::Left, &edit.value);
        side == Side::Right && missing && self.of(Side::Left, track.who).any(|(_, one)| one.edits.iter().any(is_desk))
    }

    /// An owner of one side is nobody on the right, where nobody stands in.
    pub(super) fn is_owned_by_nobody(&self, id: Id) -> bool {
        let owner = |side: Side| {
            let address = self.entity(id)?.members[side].as_ref()?.address.clone();
            Some(plain("owner", self.records.get(&(side, address))?.row.fields.get("owner")))
        };
        owner(Side::Left).is_some_and(|owner| !owner.is_empty() && !self.staff.works(Side::Right, &owner))
    }

    /// I6: white space is not written.
    pub(super) fn check_spaces(&mut self, (side, address): &Key, change: &Change) {
        if change.field == "city" && change.value == change.before {
            let text = format!("{side:?} {address}: `city` = `{}` is written where it stands", change.value);
            self.breaks(Promise::NoEcho, text);
        }
    }
}
