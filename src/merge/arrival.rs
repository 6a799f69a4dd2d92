//! What of one side has reached the other: two edits of which the one came after the other do not compete.

use super::{entity::Field, side::Side};
use crate::{
    mapping::Value,
    planted::{self, Planted},
};

/// The edit of `side` has reached the other one, where somebody wrote over it since: the two edits came one after the
/// other and do not compete.
pub(super) fn deliver(field: &mut Field, side: Side, value: &Value) {
    if planted::is(Planted::KeepDelivered) {
        return;
    }
    if field.golden == *value && field.sides[side].edit.as_ref().is_some_and(|edit| edit.value == *value) {
        field.agreed = Some(value.clone());
        field.sides[side].edit = None;
    }
}

/// What was written to `side` and not answered has arrived, and somebody has replaced the value on the other side since:
/// in between, both stood at it.
pub(super) fn agree_late(field: &mut Field, side: Side) {
    let Some(sent) = &field.sides[side].sent else { return };
    let golden = sent.golden.clone();
    let far = &mut field.sides[side.other()];
    let is_replaced = field.previous.as_ref() == Some(&golden) && far.sent.is_none();
    if let Some(edit) = far.edit.as_mut().filter(|edit| is_replaced && edit.value == field.golden) {
        edit.before = Some(golden.clone());
        field.agreed = Some(golden);
    }
}

/// `side` answered that it took this value, and no reading has shown it yet.
pub(super) fn is_taken(field: &Field, side: Side, value: &Value) -> bool {
    let sent = field.sides[side].sent.as_ref();
    field.golden == *value && sent.is_some_and(|sent| !sent.in_doubt && sent.golden == *value)
}
