//! Rules that have changed: what is derived from entities is derived anew, and a new mapping is applied to everybody.

use std::collections::{BTreeMap, BTreeSet};

use super::{Sync, state::SyncState, world::World};
use crate::{
    mapping::{self, FieldMap, Value},
    merge::{
        Context, Entity, FieldRule, Id, Pair, Side,
        decide::decide,
        entity::{Field, Holding, Mark},
    },
    store::{Batch, StoreError, format, tables::entity_of},
};

/// The mapped fields as they were, by canonical name.
type Maps = BTreeMap<String, FieldMap>;

impl Sync {
    /// Takes note of the rules' digest. Where it differs from the one before, indexes, outbox and what waits are made
    /// anew, and every record is read again, so that a newly mapped field reaches all who exist.
    ///
    /// # Errors
    /// The store's.
    pub async fn adopt(&self, digest: &str) -> Result<(), StoreError> {
        let key = self.committer.tag.state("digest");
        let maps = self.committer.tag.state("maps");
        let before = self.committer.store.get(&key)?;
        if before.as_deref() == Some(digest.as_bytes()) {
            return Ok(());
        }
        if before.is_some() {
            let known = self.committer.store.get(&maps)?;
            let known: Maps = known.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
            self.state().drop_derived()?;
            let cycle = self.committer.new_cycle().await;
            self.decide(cycle, |world| {
                world.count_nobody();
                Ok(())
            })
            .await?;
            self.derive_all(&known).await?;
        }
        let now = self.committer.rules.fields.iter().map(|rule| (rule.map.name.clone(), rule.map.clone()));
        let mut batch = Batch::default();
        batch.put(key, digest.as_bytes());
        batch.put(maps, serde_json::to_vec(&now.collect::<Maps>()).unwrap_or_default());
        self.committer.store.commit(batch)
    }

    async fn derive_all(&self, known: &Maps) -> Result<(), StoreError> {
        let cycle = self.committer.new_cycle().await;
        let prefix = self.committer.tag.table(b'e');
        let mut after: Option<Vec<u8>> = None;
        loop {
            let rows = self.committer.store.scan(&prefix, after.as_deref(), 500)?;
            let Some((last, _)) = rows.last() else { return Ok(()) };
            after = Some(last.clone());
            let ids: Vec<Id> = rows.iter().filter_map(|(key, _)| entity_of(key)).collect();
            self.decide(cycle, |world| ids.iter().try_for_each(|id| derive_one(world, *id, known))).await?;
        }
    }
}

fn derive_one(world: &mut World<'_>, id: Id, known: &Maps) -> Result<(), StoreError> {
    let Some(mut entity) = world.entity(id)? else { return Ok(()) };
    // Keys may have changed with the rules: who is not linked is matched again.
    entity.queued |= !entity.is_linked();
    let context = world.context;
    for rule in &context.rules.fields {
        match known.get(&rule.map.name) {
            Some(map) if *map != rule.map => remap(&mut entity, rule, map),
            _ => {}
        }
    }
    retry_all(&mut entity, context);
    let ((), events) = world.decide(|context, ledger| decide(&mut entity, context, ledger));
    world.put_anew(entity, events)
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
            Mark::Normalised { golden } | Mark::Ignored { golden } | Mark::Kept { golden } | Mark::Apart { golden, .. },
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
        self.drop_tables(b"qowuy")
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
