//! What a push may write where it may not write everything: the lines of a plan.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
};

use hymnal_sdk::Address;

use super::outcome::secondary_of;
use crate::{
    cycle::plan::line::Line,
    merge::{
        Context, Entity, Id, Side,
        patch::Patch,
        planned::{planned, planned_everywhere},
    },
};

/// The lines of a plan that are to be written, by record; and which of them were.
#[derive(Debug, Default)]
pub struct Selection {
    lines: BTreeMap<(Side, Id), Vec<Line>>,
    marked: Mutex<BTreeSet<(Side, Id, String)>>,
}

impl Selection {
    /// One more line, of this person, on this side.
    pub(super) fn add(&mut self, side: Side, id: Id, line: Line) {
        self.lines.entry((side, id)).or_default().push(line);
    }

    /// Whom it touches on a side.
    pub(super) fn people(&self, side: Side) -> impl Iterator<Item = Id> {
        self.lines.keys().filter(move |(of, _)| *of == side).map(|(_, id)| *id)
    }

    /// Takes out of a patch what was not planned, or not with these values. What is left counts as marked: it is sent.
    pub(in crate::cycle) fn keep(&self, entity: &Entity, side: Side, patch: &mut Patch, context: &Context<'_>) {
        let fields: BTreeSet<String> = self.agreeing(entity, side, context);
        patch.changes.retain(|change| fields.contains(&change.field));
        patch.problems.clear();
        self.lock().extend(fields.into_iter().map(|field| (side, entity.id, field)));
    }

    /// The same for a secondary.
    pub(in crate::cycle) fn keep_of_secondary(
        &self,
        entity: &Entity,
        side: Side,
        address: &Address,
        patch: &mut Patch,
        context: &Context<'_>,
    ) {
        let Some(lines) = self.lines.get(&(side, entity.id)) else { return patch.changes.clear() };
        let record = format!("{}:{}:{}", context.rules.systems[side].connector, address.object, address.id);
        let now = planned_everywhere(entity, side, context).into_iter();
        let now = now.map(|change| Line::new(context.rules, side, entity.id, change));
        let fields: BTreeSet<String> = now
            .filter(|now| now.record == record && lines.iter().any(|line| line.does_the_same(now)))
            .map(|line| line.field)
            .collect();
        patch.changes.retain(|change| fields.contains(&change.field));
        patch.problems.clear();
        self.lock().extend(fields.into_iter().map(|field| (side, entity.id, format!("{field} {record}"))));
    }

    /// Making the record, or deleting it, was planned, with these values.
    pub(in crate::cycle) fn takes_record(&self, entity: &Entity, side: Side, context: &Context<'_>) -> bool {
        self.agreeing(entity, side, context).contains("")
    }

    /// A record is being made, or deleted: it counts as marked.
    pub(in crate::cycle) fn note_record(&self, side: Side, id: Id) {
        self.lock().insert((side, id, String::new()));
    }

    /// Something of what was planned for a record is still to be written.
    pub(super) fn waits(&self, entity: &Entity, side: Side, context: &Context<'_>) -> bool {
        let Some(lines) = self.lines.get(&(side, entity.id)) else { return false };
        let now = planned_everywhere(entity, side, context).into_iter();
        let mut now = now.map(|change| Line::new(context.rules, side, entity.id, change));
        now.any(|now| lines.iter().any(|line| line.does_the_same(&now)))
    }

    /// A line was sent.
    pub(super) fn was_marked(&self, side: Side, entity: &Entity, line: &Line) -> bool {
        let name = match secondary_of(line, entity, side) {
            Some(_) => format!("{} {}", line.field, line.record),
            None => line.field.clone(),
        };
        self.lock().contains(&(side, entity.id, name))
    }

    /// The fields whose change now is the one that was planned.
    fn agreeing(&self, entity: &Entity, side: Side, context: &Context<'_>) -> BTreeSet<String> {
        let Some(lines) = self.lines.get(&(side, entity.id)) else { return BTreeSet::new() };
        let now = planned(entity, side, context).changes;
        let now = now.into_iter().map(|change| Line::new(context.rules, side, entity.id, change));
        now.filter(|now| lines.iter().any(|line| line.does_the_same(now))).map(|line| line.field).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeSet<(Side, Id, String)>> {
        self.marked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
