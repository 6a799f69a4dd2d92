//! Rules that have changed: what is derived from entities is derived anew, and a new mapping is applied to everybody.

use std::collections::{BTreeMap, BTreeSet};

use hymnal_sdk::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Sync, reconcile::superseded, state::SyncState, world::World};
use crate::{
    mapping::{self, FieldMap, Value},
    merge::{
        Context, Entity, Event, FieldRule, Id, Pair, Side, SyncRules,
        decide::decide,
        entity::{Field, Holding, Mark},
        held::RecordGate,
    },
    store::{Batch, StoreError, format, tables::entity_of},
};

/// The mapped fields as they were, by canonical name.
type Maps = BTreeMap<String, FieldMap>;

/// The state's name of an adoption that has begun and not ended.
const ADOPTING: &str = "adopting";
/// People derived anew in one commit.
const PAGE: usize = 500;

/// How far an adoption has come: half a million people take a while, and a crash must not begin them anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Adopting {
    /// The rules that are adopted.
    digest: String,
    /// What was derived under the rules before is dropped; up to this key people are derived anew.
    derived: Option<Vec<u8>>,
}

impl Sync {
    /// Takes note of the rules' digest. Where it differs from the one before, indexes, outbox and what waits are made
    /// anew, and every record is read again, so that a newly mapped field reaches all who exist. What that would write
    /// is looked at before it is written.
    ///
    /// # Errors
    /// The store's.
    pub async fn adopt(&self, digest: &str) -> Result<(), StoreError> {
        self.recall_users().await?;
        let tag = self.committer.tag;
        let before = self.committer.store.get(&tag.state("digest"))?;
        let under_way = self.adopting()?;
        if before.as_deref() == Some(digest.as_bytes()) && under_way.is_none() {
            return Ok(());
        }
        let mut batch = Batch::default();
        if before.is_some() {
            self.derive_all_anew(digest, under_way).await?;
            batch.put(self.changed_key(), super::changed::UNCHECKED);
        }
        let now = self.committer.rules.fields.iter().map(|rule| (rule.map.name.clone(), rule.map.clone()));
        batch.put(tag.state("digest"), digest.as_bytes());
        batch.put(tag.state("maps"), serde_json::to_vec(&now.collect::<Maps>()).unwrap_or_default());
        batch.delete(tag.state(ADOPTING));
        self.committer.store.commit(batch)
    }

    fn adopting(&self) -> Result<Option<Adopting>, StoreError> {
        let key = self.committer.tag.state(ADOPTING);
        self.committer.store.get(&key)?.map(|bytes| format::open(&key, &bytes)).transpose()
    }

    async fn derive_all_anew(&self, digest: &str, under_way: Option<Adopting>) -> Result<(), StoreError> {
        let known = self.committer.store.get(&self.committer.tag.state("maps"))?;
        let known: Maps = known.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        let cycle = self.committer.new_cycle().await;
        let key = self.committer.tag.state(ADOPTING);
        let mut after = match under_way {
            // Where it was broken off, it goes on; other rules begin anew.
            Some(Adopting { digest: of, derived: Some(last) }) if of == digest => Some(last),
            _ => {
                // Said before anything is dropped: rules that are changed back do not make half of it good.
                self.note_adopting(digest, None)?;
                self.supersede_holds(cycle).await?;
                self.state().drop_derived()?;
                self.decide(cycle, |world| {
                    world.count_nobody();
                    Ok(())
                })
                .await?;
                self.note_adopting(digest, Some(Vec::new()))?;
                Some(Vec::new())
            }
        };
        let prefix = self.committer.tag.table(b'e');
        loop {
            let rows = self.committer.store.scan(&prefix, after.as_deref(), PAGE)?;
            let Some((last, _)) = rows.last() else { return Ok(()) };
            after = Some(last.clone());
            let ids: Vec<Id> = rows.iter().filter_map(|(key, _)| entity_of(key)).collect();
            let progress = format::seal(&Adopting { digest: digest.to_owned(), derived: after.clone() });
            self.decide(cycle, |world| {
                world.set(key.clone(), Some(progress));
                ids.iter().try_for_each(|id| derive_one(world, *id, &known))
            })
            .await?;
            tokio::task::yield_now().await;
        }
    }

    fn note_adopting(&self, digest: &str, derived: Option<Vec<u8>>) -> Result<(), StoreError> {
        let adopting = Adopting { digest: digest.to_owned(), derived };
        self.state().set(ADOPTING, Some(format::seal(&adopting)))
    }
}

fn derive_one(world: &mut World<'_>, id: Id, known: &Maps) -> Result<(), StoreError> {
    let Some(mut entity) = world.entity(id)? else { return Ok(()) };
    // Keys may have changed with the rules: who is not linked is matched again.
    entity.queued |= !entity.is_linked();
    let context = world.context;
    for rule in &context.rules.fields {
        let before = rename(&mut entity, rule, known, context.rules);
        match before {
            Some(map) if map != rule.map => remap(&mut entity, rule, &map),
            _ => {}
        }
    }
    let mut events = forget_unmapped(&mut entity, context.rules, context.now);
    release_held(&mut entity);
    retry_all(&mut entity, context);
    let ((), decided) = world.decide(|context, ledger| decide(&mut entity, context, ledger));
    events.extend(decided);
    world.put_anew(entity, events)
}

/// What the field was before, under the names that it has now: what was known of it stays known.
fn rename(entity: &mut Entity, rule: &FieldRule, known: &Maps, rules: &SyncRules) -> Option<FieldMap> {
    let name = &rule.map.name;
    let Some(old) = &rule.renamed_from else { return known.get(name).cloned() };
    let mut before = if let Some(before) = known.get(name) {
        before.clone()
    } else {
        let is_free = rules.fields.iter().all(|other| other.map.name != *old);
        let before = known.get(old).filter(|_| is_free)?;
        if let Some(field) = entity.fields.remove(old) {
            entity.fields.insert(name.clone(), field);
        }
        for side in Side::BOTH {
            for secondary in &mut entity.secondaries[side] {
                if let Some(holding) = secondary.fields.remove(old) {
                    secondary.fields.insert(name.clone(), holding);
                }
            }
        }
        FieldMap { name: name.clone(), ..before.clone() }
    };
    for side in Side::BOTH {
        for (object, place) in &mut before.native[side] {
            if let Some(now) = rule.map.native[side].get(object).filter(|_| place.name == *old) {
                place.name.clone_from(&now.name);
            }
        }
    }
    Some(before)
}

/// A field that is mapped no more has no say. Mapped again, it begins with its first link, whatever happened meanwhile.
fn forget_unmapped(entity: &mut Entity, rules: &SyncRules, now: Timestamp) -> Vec<Event> {
    let is_mapped = |name: &String| rules.fields.iter().any(|rule| rule.map.name == *name);
    let mut events = Vec::new();
    for (name, field) in entity.fields.iter().filter(|(name, _)| !is_mapped(name)) {
        if let Some(open) = &field.conflict {
            events.push(superseded(name, field, open, now, "the field is mapped no more"));
        }
    }
    entity.fields.retain(|name, _| is_mapped(name));
    for side in Side::BOTH {
        for secondary in &mut entity.secondaries[side] {
            secondary.fields.retain(|name, _| is_mapped(name));
        }
    }
    events
}

/// What the old rules held is decided anew, and held anew if it comes to that: no hold of theirs is left.
fn release_held(entity: &mut Entity) {
    for side in Side::BOTH {
        // What a person said no to stays so.
        entity.gates[side].take_if(|gate| matches!(gate, RecordGate::Gate(..)));
        for field in entity.fields.values_mut() {
            field.sides[side].gate = None;
        }
        for secondary in &mut entity.secondaries[side] {
            secondary.fields.values_mut().for_each(|holding| holding.gate = None);
        }
    }
}

/// What was refused by the old rules may be taken by the new ones.
fn retry_all(entity: &mut Entity, context: &Context<'_>) {
    let now = context.now;
    for side in Side::BOTH {
        if let Some(parked) = &mut entity.parked[side] {
            parked.retry_at(now);
        }
        for field in entity.fields.values_mut() {
            if let Some(Mark::Parked { golden: Some(_), parked }) = &mut field.sides[side].mark {
                parked.retry_at(now);
            }
        }
    }
}

/// The field is mapped otherwise. What was read from another place says nothing of the new one; what was read from the
/// same place means what the new rules say. Nobody edited: where both sides mean the same they agree, elsewhere the
/// first link decides again.
fn remap(entity: &mut Entity, rule: &FieldRule, before: &FieldMap) {
    let Some(field) = entity.fields.get_mut(&rule.map.name) else { return };
    let mut values: Pair<Option<Value>> = Pair::default();
    for side in Side::BOTH {
        let Some(member) = &entity.members[side] else { continue };
        let object = &member.address.object;
        let place = rule.map.native[side].get(object);
        let was = before.native[side].get(object).map(|place| &place.name);
        if place.map(|place| &place.name) != was {
            field.sides[side] = Holding::default();
        }
        let shadow = field.sides[side].shadow.as_ref();
        values[side] = place.zip(shadow).and_then(|(place, shadow)| mapping::read(&rule.map, place, shadow).ok());
    }
    let one = match (&values.left, &values.right) {
        // What somebody entered that the old rules could not read is an edit of what was agreed, once it can be read.
        (_, Some(right)) if field.agreed.is_some() && field.sides.left.is_unreadable() => Some(right.clone()),
        (Some(left), _) if field.agreed.is_some() && field.sides.right.is_unreadable() => Some(left.clone()),
        (Some(left), Some(right)) if left == right => Some(left.clone()),
        (Some(left), Some(right)) => richer(field, left, right),
        _ => None,
    };
    match one {
        Some(value) => agree(field, &value),
        None => disagree(field, &values),
    }
}

/// The two differ because one side keeps another form, on purpose or not: that goes on.
fn richer(field: &Field, left: &Value, right: &Value) -> Option<Value> {
    let differs = |side: Side| match &field.sides[side].mark {
        Some(
            Mark::Normalised { golden }
            | Mark::Ignored { golden }
            | Mark::Kept { golden }
            | Mark::Discarded { golden }
            | Mark::Apart { golden, .. },
        ) => *golden == field.golden,
        _ => false,
    };
    match (differs(Side::Left), differs(Side::Right)) {
        (true, false) => Some(right.clone()),
        (false, true) => Some(left.clone()),
        _ => None,
    }
}

fn agree(field: &mut Field, value: &Value) {
    for side in Side::BOTH {
        let holding = &mut field.sides[side];
        holding.edit = None;
        match &mut holding.mark {
            Some(
                Mark::Normalised { golden }
                | Mark::Ignored { golden }
                | Mark::Kept { golden }
                | Mark::Discarded { golden }
                | Mark::Apart { golden, .. },
            ) => {
                golden.clone_from(value);
            }
            Some(Mark::Parked { golden: None, .. }) => {}
            mark => *mark = None,
        }
    }
    field.golden = value.clone();
    field.agreed = Some(value.clone());
    field.previous = None;
}

fn disagree(field: &mut Field, values: &Pair<Option<Value>>) {
    field.agreed = None;
    field.linked = false;
    field.previous = None;
    for side in Side::BOTH {
        let holding = &mut field.sides[side];
        holding.mark.take_if(|mark| !matches!(mark, Mark::Parked { golden: None, .. }));
        holding.edit = match (holding.edit.take(), &values[side]) {
            (Some(edit), Some(value)) => {
                Some(crate::merge::entity::Edit { value: value.clone(), before: None, ..edit })
            }
            _ => None,
        };
    }
}

impl SyncState<'_> {
    /// Drops what is derived of entities, and the places up to which changes were read. Who does not read keeps the keys
    /// known of them: they cannot be derived again, and nobody may be made in their place.
    fn drop_derived(&self) -> Result<(), StoreError> {
        let unreadable = self.unreadable()?;
        self.drop_rows(b'k', |key| !entity_of(key).is_some_and(|id| unreadable.contains(&id)))?;
        self.drop_tables(b"qowuyhg")
    }

    fn unreadable(&self) -> Result<BTreeSet<Id>, StoreError> {
        let prefix = self.tag.table(b'e');
        let mut found = BTreeSet::new();
        let mut after: Option<Vec<u8>> = None;
        loop {
            let rows = self.store.scan(&prefix, after.as_deref(), 500)?;
            let Some((last, _)) = rows.last() else { return Ok(found) };
            after = Some(last.clone());
            let is_bad = |(key, sealed): &(Vec<u8>, Vec<u8>)| format::open::<Entity>(key, sealed).is_err();
            found.extend(rows.iter().filter(|row| is_bad(row)).filter_map(|(key, _)| entity_of(key)));
        }
    }
}
