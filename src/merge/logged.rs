//! What of a field's decision goes into the conflict log.

use hymnal_sdk::SignedDuration;

use super::{
    decide::OneField,
    entity::{Edit, Field, Id, OpenConflict},
    event::{ConflictEvent, ConflictLine, ConflictStatus, Event, StoredConflict},
    field::{Conflict, ConflictKind, Evidence},
    reading::Ledger,
    side::{Pair, Side},
};
use crate::{
    mapping::Value,
    planted::{self, Planted},
};

/// Flips are counted over this long.
const FLIP_WINDOW: SignedDuration = SignedDuration::from_hours(1);

impl OneField<'_> {
    pub(super) fn log_conflict(
        &self,
        field: &mut Field,
        conflict: Conflict,
        base: Option<&Value>,
        waits: bool,
        ledger: &mut Ledger<'_>,
    ) {
        let id = (ledger.ids)();
        let kind = conflict.kind;
        let status = if waits { ConflictStatus::Open } else { ConflictStatus::Resolved };
        if planted::is(Planted::ForgetConflict) && !waits {
            return;
        }
        ledger.events.push(Event::Conflict(Box::new(ConflictEvent {
            id,
            field: self.rule.map.name.clone(),
            verdict: ConflictLine::Field(StoredConflict::from(conflict)),
            base: field.agreed.clone().or_else(|| base.filter(|_| field.linked).cloned()),
            edits: Pair::from_fn(|side| self.shown_edit(field, side)),
            natives: Pair::from_fn(|side| field.sides[side].shadow.clone()),
            status,
            at: self.context.now,
        })));
        if waits {
            let value = |side| self.value(field, side).unwrap_or(Value::Blank);
            field.conflict = Some(OpenConflict { id, kind, values: Pair::from_fn(value) });
        }
    }

    pub(super) fn log(
        &self,
        field: &Field,
        id: Id,
        line: StoredConflict,
        status: ConflictStatus,
        ledger: &mut Ledger<'_>,
    ) {
        ledger.events.push(Event::Conflict(Box::new(ConflictEvent {
            id,
            field: self.rule.map.name.clone(),
            verdict: ConflictLine::Field(line),
            base: field.agreed.clone(),
            edits: Pair::from_fn(|side| self.shown_edit(field, side)),
            natives: Pair::from_fn(|side| field.sides[side].shadow.clone()),
            status,
            at: self.context.now,
        })));
    }

    /// A side's edit for the log; where it only stands at a value (first link), that value.
    fn shown_edit(&self, field: &Field, side: Side) -> Option<Edit> {
        field.sides[side].edit.clone().or_else(|| {
            let value = self.value(field, side)?;
            Some(Edit { value, before: None, evidence: Evidence::None, by: None, with_email: false })
        })
    }

    /// Freezes the field when it went back and forth too often.
    pub(super) fn count_flip(&self, field: &mut Field, ledger: &mut Ledger<'_>) {
        let now = self.context.now;
        field.flips.retain(|at| now.duration_since(*at) <= FLIP_WINDOW);
        field.flips.push(now);
        if field.flips.len() > self.context.rules.max_flips as usize {
            let id = (ledger.ids)();
            let value = |side| self.value(field, side).unwrap_or(Value::Blank);
            let values = Pair::from_fn(value);
            field.frozen = true;
            field.conflict = Some(OpenConflict { id, kind: ConflictKind::Oscillation, values });
            ledger.events.push(Event::Conflict(Box::new(ConflictEvent {
                id,
                field: self.rule.map.name.clone(),
                verdict: ConflictLine::Oscillation,
                base: field.agreed.clone(),
                edits: Pair::from_fn(|side| field.sides[side].edit.clone()),
                natives: Pair::from_fn(|side| field.sides[side].shadow.clone()),
                status: ConflictStatus::Open,
                at: now,
            })));
        }
    }
}

/// The field is decided again as any other.
pub(crate) fn thaw(field: &mut Field) {
    field.frozen = false;
    field.flips.clear();
    field.previous = None;
    field.refused = None;
}

/// A line about a conflict that is open already.
pub(super) fn stored(kind: ConflictKind, policy: &str, reason: &str, result: Option<Value>) -> StoredConflict {
    StoredConflict { kind, winner: None, result, certainty: None, policy: policy.to_owned(), reason: reason.to_owned() }
}
