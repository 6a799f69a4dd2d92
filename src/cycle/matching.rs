//! Records that nobody knows yet, matched in key order, so that the order in which they arrived does not matter.

use std::collections::BTreeSet;

use hymnal_sdk::Address;

use super::{
    reconcile::{duplicates, listed},
    unreadable,
    world::World,
};
use crate::{
    mapping,
    merge::{
        Context, Entity, Event, Id, Pair, Side,
        answer::agree_on_sent,
        decide::decide,
        entity::Creating,
        event::{ConflictLine, ConflictStatus},
        identity::{Match, match_entity},
        patch::keys,
        unite::unite,
    },
    store::{StoreError, tables::entity_of},
};

/// Matches one entity that waits, if it still does.
pub fn match_one(world: &mut World<'_>, id: Id) -> Result<(), StoreError> {
    let Some(entity) = world.entity(id)?.filter(|entity| entity.queued) else { return Ok(()) };
    let others = world.sharing_a_key(&entity)?;
    if unreadable::shares_a_key(world, &entity)? {
        // It may be that person: it waits until their state reads again.
        return Ok(());
    }
    if others.iter().any(|other| other.creating.iter().any(|(_, creating)| creating.is_some())) {
        // A creation of one of them is under way or in doubt: once it is known, they are matched.
        let answered = others.iter().any(|other| claims(&entity, other));
        if !answered {
            return Ok(());
        }
    }
    match match_entity(&entity, &others, world.context) {
        Match::Nobody => stand_alone(world, entity),
        // It stays in the queue: the person in question is listed, and once decided, leaves it alone or takes it.
        Match::Contested => contest(world, entity),
        Match::One { all, primaries, set } => become_one(world, entity, others, &all, &primaries, set),
        Match::Several { candidates } => wait_for_a_person(world, entity, candidates),
    }
}

impl World<'_> {
    /// Who stands alone with a key that somebody has come to, by a merge, a first link or an edit, is matched again.
    pub(super) fn match_again(&mut self, before: Option<&Entity>, after: &Entity) -> Result<(), StoreError> {
        if after.queued {
            return Ok(());
        }
        let mut ids = BTreeSet::new();
        for (set, fields) in self.context.rules.matching.iter().enumerate() {
            let known = before.map(|before| keys(before, fields, self.context)).unwrap_or_default();
            for text in keys(after, fields, self.context).difference(&known) {
                for (key, _) in self.scan(&self.tag().matching(set, text), 64)? {
                    ids.extend(entity_of(&key).filter(|id| *id != after.id));
                }
            }
        }
        for id in ids {
            let Some(mut alone) = self.entity(id)?.filter(|other| !other.is_linked() && !other.queued) else {
                continue;
            };
            alone.queued = true;
            let ((), events) = self.decide(|context, ledger| decide(&mut alone, context, ledger));
            self.put(alone, events)?;
        }
        Ok(())
    }
}

/// The record is what `other`'s creation in doubt may have made: it has the object, and stands where `other` has none.
fn claims(entity: &Entity, other: &Entity) -> bool {
    Side::BOTH.iter().any(|side| {
        let made = other.creating[*side].as_ref().map(|creating| creating.object.as_str());
        let here = entity.members[*side].as_ref().map(|member| member.address.object.as_str());
        made.is_some() && made == here
    })
}

fn contest(world: &mut World<'_>, mut entity: Entity) -> Result<(), StoreError> {
    entity.contested = true;
    world.put(entity, Vec::new())
}

fn stand_alone(world: &mut World<'_>, mut entity: Entity) -> Result<(), StoreError> {
    entity.queued = false;
    entity.contested = false;
    let mut events: Vec<Event> = answered(&mut entity, ConflictStatus::Superseded, world).into_iter().collect();
    let ((), decided) = world.decide(|context, ledger| decide(&mut entity, context, ledger));
    events.extend(decided);
    world.put(entity, events)
}

/// The question who this is has its answer: the line in the log is closed.
pub(super) fn answered(entity: &mut Entity, status: ConflictStatus, world: &World<'_>) -> Option<Event> {
    let candidates = std::mem::take(&mut entity.ambiguous);
    let question = entity.question.take()?;
    Some(listed(question, ConflictLine::Ambiguous(candidates), status, world.context.now))
}

fn become_one(
    world: &mut World<'_>,
    entity: Entity,
    others: Vec<Entity>,
    all: &[Id],
    primaries: &Pair<Option<Id>>,
    set: usize,
) -> Result<(), StoreError> {
    let mut group: Vec<Entity> = others.into_iter().filter(|other| all.contains(&other.id)).collect();
    group.push(entity);
    let linked_before = group.iter().find(|entity| entity.is_linked()).map(|entity| entity.id);
    let known: Vec<Address> = group.iter().flat_map(secondaries).collect();
    let ids: Vec<Id> = group.iter().map(|entity| entity.id).collect();
    let mut events: Vec<Event> =
        group.iter_mut().filter_map(|entity| answered(entity, ConflictStatus::Superseded, world)).collect();
    let creating = Pair::from_fn(|side| group.iter().find_map(|entity| entity.creating[side].clone()));
    let (united, kept) = world.decide(|context, ledger| unite(group, primaries, context, ledger));
    let Some(mut united) = united else { return Ok(()) };
    events.extend(kept);
    for side in Side::BOTH {
        if let Some(creating) = &creating[side] {
            recognise(&mut united, side, creating, world.context);
        }
    }
    for id in ids {
        world.remove(id)?;
    }
    if let (None, Some(left), Some(right)) = (linked_before, &united.members.left, &united.members.right) {
        let names = world.context.rules.matching[set].iter();
        let names: Vec<&str> = names.map(|index| world.context.rules.fields[*index].map.name.as_str()).collect();
        let records = Pair::new(left.address.clone(), right.address.clone());
        events.push(Event::Linked { records, key: names.join(" + ") });
    }
    for side in Side::BOTH {
        events.extend(duplicates(world, &united, side, &known));
    }
    let ((), decided) = world.decide(|context, ledger| decide(&mut united, context, ledger));
    events.extend(decided);
    world.put(united, events)
}

/// A record that our creation in doubt turns out to have made: what it holds of what we sent was never edited by
/// anybody, so it is no first link, and later edits on the other side are edits of it.
fn recognise(united: &mut Entity, side: Side, creating: &Creating, context: &Context<'_>) {
    united.creating[side] = None;
    let Some(member) = &united.members[side] else { return };
    for rule in &context.rules.fields {
        let Some(place) = Context::place(rule, side, &member.address.object) else { continue };
        let Some(field) = united.fields.get_mut(&rule.map.name) else { continue };
        let Some(sent) = creating.fields.get(&place.name) else { continue };
        let Ok(made) = mapping::read(&rule.map, place, sent) else { continue };
        // Somebody entered something else there since, or it is not shown: the first link decides, and sees what was
        // edited on the other side.
        let agrees = agree_on_sent(rule, field, side, &made, creating);
        let shadow = field.sides[side].shadow.as_ref();
        if agrees && shadow.is_some_and(|shadow| mapping::same_native(&rule.map, place, sent, shadow)) {
            field.agreed = Some(made);
            field.linked = true;
            field.sides[side].edit = None;
        }
    }
}

/// It stays in the queue: the candidates may change so that one is left.
fn wait_for_a_person(world: &mut World<'_>, mut entity: Entity, candidates: Vec<Id>) -> Result<(), StoreError> {
    if entity.ambiguous == candidates {
        return Ok(());
    }
    entity.ambiguous.clone_from(&candidates);
    let ((), mut events) = world.decide(|context, ledger| decide(&mut entity, context, ledger));
    let known = entity.question;
    let line = ConflictLine::Ambiguous(candidates.clone());
    let (question, _) = world.decide(|_, ledger| known.unwrap_or_else(|| (ledger.ids)()));
    entity.question = Some(question);
    let line = listed(question, line, ConflictStatus::Open, world.context.now);
    events.push(Event::Ambiguous { candidates });
    events.push(line);
    world.put(entity, events)
}

fn secondaries(entity: &Entity) -> impl Iterator<Item = Address> + '_ {
    Side::BOTH.into_iter().flat_map(|side| entity.secondary_addresses(side).cloned())
}
