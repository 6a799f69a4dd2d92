//! One batch of creations: look before you create, mark durably, create, confirm.

use std::collections::{BTreeMap, BTreeSet};

use hymnal_sdk::{Call, Draft, Error, Find, Kind, Lane, Native, Record, SignedDuration, Timestamp};

use super::{
    Sync,
    converted::recognise_converted,
    exchange::has_to_wait,
    guard::{Verdict, guard_record},
    matching::match_one,
    parked::note_taken,
    push::Sent,
    reconcile::{Asked, observe},
    report::Failure,
    update::{spread, stubborn_problem},
    world::World,
};
use crate::{
    journal::entry::Cause,
    mapping,
    merge::{
        Context, Entity, Id, Side,
        answer::{created, mark_creating, refused, set_aside},
        decide::decide,
        entity::Want,
        guard::GuardKind,
        patch::{draft, key},
    },
    planted::{self, Planted},
    store::StoreError,
};

/// How often a creation whose answer was lost is looked for before it is believed not to have happened.
const LOOKS: u32 = 2;

/// A creation on its way.
struct Outgoing {
    id: Id,
    draft: Draft,
}

impl Sync {
    /// Creates one batch of records of one object on one side.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn create(
        &self,
        cycle: Id,
        side: Side,
        lane: Lane,
        object: &str,
        ids: &[Id],
    ) -> Result<Sent, Failure> {
        let (ready, due) = self.ready(side, ids).await?;
        if ready.is_empty() {
            return Ok(Sent { due, ..Sent::default() });
        }
        let call = match self.systems[side].reserve(lane, 1 + self.systems[side].objects.len()).await {
            Ok(call) => call,
            Err(error) => return Ok(Sent::trouble(error)),
        };
        if let Err(error) = self.look_before(cycle, side, &call, &ready).await? {
            return Ok(Sent { due, ..Sent::trouble(error) });
        }
        let outgoing = self.mark_created(cycle, side, object, &ready).await?;
        if outgoing.is_empty() {
            return Ok(Sent { due, ..Sent::default() });
        }
        let drafts: Vec<Draft> = outgoing.iter().map(|item| item.draft.clone()).collect();
        let connector = &self.systems[side].connector;
        let mut answer = match &self.committer.rules.systems[side].external_id {
            Some(key) => connector.upsert(&call, object, key, &drafts).await,
            None => connector.create(&call, object, &drafts).await,
        };
        if planted::is(Planted::RetryCreation) && answer.is_err() {
            answer = connector.create(&call, object, &drafts).await;
        }
        let answered_at = self.committer.clock.now();
        let sent = self.confirm_created(cycle, side, &outgoing, answer, answered_at).await?;
        self.read_in_the_way(cycle, side, &call, object, &sent.1).await?;
        Ok(Sent { due: [due, sent.0.due].into_iter().flatten().min(), ..sent.0 })
    }

    /// Those whose time has come: a creation in doubt is given time to become visible before each look.
    async fn ready(&self, side: Side, ids: &[Id]) -> Result<(Vec<Id>, Option<Timestamp>), Failure> {
        let settle = SignedDuration::try_from(self.committer.rules.settle).unwrap_or(SignedDuration::ZERO);
        let answer = self
            .look(|world| {
                let (mut ready, mut due) = (Vec::new(), None::<Timestamp>);
                for id in ids {
                    let Some(entity) = world.shared(*id)? else { continue };
                    if entity.wants[side] != Want::Create {
                        continue;
                    }
                    match &entity.creating[side] {
                        Some(creating) => {
                            let at = creating.at.saturating_add(settle).unwrap_or(creating.at);
                            if at <= world.context.now {
                                ready.push(*id);
                            } else {
                                due = Some(due.map_or(at, |known| known.min(at)));
                            }
                        }
                        None => ready.push(*id),
                    }
                }
                Ok((ready, due))
            })
            .await?;
        Ok(answer)
    }

    /// Looks the keys up by the most consistent read that the service has, in every object of the system: somebody may
    /// have made the person since the last listing. What is found is an observation, and is matched at once.
    async fn look_before(&self, cycle: Id, side: Side, call: &Call, ids: &[Id]) -> Result<Result<(), Error>, Failure> {
        let system = &self.systems[side];
        for object in &system.objects {
            let most = system.connector.capable(&object.name).map_err(Failure::at(side))?.find_batch;
            for (key, values) in self.keys_to_find(side, &object.name, ids).await? {
                for values in values.chunks(most.max(1)) {
                    let find = Find { object: &object.name, key: &key, values, fields: &object.fields };
                    let requested_at = self.committer.clock.now();
                    let found = match system.find(call, find).await {
                        Ok(found) => found,
                        Err(error) => return Ok(Err(error)),
                    };
                    let asked = if found.consistent { Asked::by_id(requested_at) } else { Asked::listed(requested_at) };
                    self.observe_and_match(cycle, side, &found.records, asked).await?;
                }
            }
        }
        Ok(Ok(()))
    }

    async fn observe_and_match(&self, cycle: Id, side: Side, records: &[Record], asked: Asked) -> Result<(), Failure> {
        if records.is_empty() {
            return Ok(());
        }
        self.decide_informed(cycle, |world| {
            for record in records {
                observe(world, side, record, asked)?;
                match world.by_address(side, &record.address)? {
                    Some(entity) => match_one(world, entity.id)?,
                    None => recognise_converted(world, side, (record, records), asked)?,
                }
            }
            Ok(())
        })
        .await?;
        Ok(())
    }

    /// What to look for, by native field.
    async fn keys_to_find(
        &self,
        side: Side,
        object: &str,
        ids: &[Id],
    ) -> Result<BTreeMap<String, Vec<Native>>, Failure> {
        let answer = self
            .look(|world| {
                let mut wanted: BTreeMap<String, BTreeSet<Native>> = BTreeMap::new();
                for id in ids {
                    let Some(entity) = world.shared(*id)? else { continue };
                    for (key, value) in first_keys(&entity, side, object, world.context) {
                        wanted.entry(key).or_default().insert(value);
                    }
                }
                Ok(wanted.into_iter().map(|(key, values)| (key, values.into_iter().collect())).collect())
            })
            .await?;
        Ok(answer)
    }

    async fn mark_created(&self, cycle: Id, side: Side, object: &str, ids: &[Id]) -> Result<Vec<Outgoing>, Failure> {
        let external_id = self.committer.rules.systems[side].external_id.clone();
        let only = self.only();
        let committed = self
            .decide(cycle, |world| {
                let mut outgoing = Vec::new();
                world.cause = only.as_ref().map(|_| Cause::Apply);
                for id in ids {
                    if let Some(only) = &only
                        && !world.shared(*id)?.is_some_and(|entity| only.takes_record(&entity, side, world.context))
                    {
                        continue;
                    }
                    let marked = mark_one(world, side, object, *id, external_id.as_deref())?;
                    if let (Some(only), Some(_)) = (&only, &marked) {
                        only.note_record(side, *id);
                    }
                    outgoing.extend(marked);
                }
                Ok(outgoing)
            })
            .await?;
        Ok(committed.answer)
    }

    async fn confirm_created(
        &self,
        cycle: Id,
        side: Side,
        outgoing: &[Outgoing],
        answer: Result<Vec<Result<hymnal_sdk::Written, Error>>, Error>,
        answered_at: Timestamp,
    ) -> Result<(Sent, Vec<String>), Failure> {
        let answers = spread(answer, outgoing.len());
        let mut sent = Sent::default();
        let mut in_the_way = Vec::new();
        let mut stubborn = Vec::new();
        for (item, answer) in outgoing.iter().zip(&answers) {
            match answer {
                Ok(_) => sent.written.created += 1,
                Err(error) => {
                    sent.note(error);
                    in_the_way.extend(error.other.clone());
                    if error.kind == Kind::Conflict && self.failed_again(item.id, side) {
                        stubborn.push(item.id);
                    }
                }
            }
        }
        self.decide(cycle, |world| {
            for (item, answer) in outgoing.iter().zip(&answers) {
                let Some(mut entity) = world.known_by(item.id)? else { continue };
                let before = entity.clone();
                let is_stubborn = stubborn.contains(&item.id);
                let ((), events) = world.decide(|context, ledger| match answer {
                    Ok(written) => created(&mut entity, side, written, answered_at, context, ledger),
                    Err(error) => {
                        if is_stubborn {
                            set_aside(&mut entity, side, &stubborn_problem(error), context, ledger);
                        }
                        refused(&mut entity, side, error, context, ledger);
                    }
                });
                if answer.is_ok() {
                    note_taken(world, side, &before, &entity)?;
                }
                world.put(entity, events)?;
            }
            Ok(())
        })
        .await?;
        Ok((sent, in_the_way))
    }

    /// A creation that was refused because the value must be unique names the record that has it: it is read and
    /// matched, so that the person is linked instead of made twice.
    async fn read_in_the_way(
        &self,
        cycle: Id,
        side: Side,
        call: &Call,
        object: &str,
        ids: &[String],
    ) -> Result<(), Failure> {
        if ids.is_empty() {
            return Ok(());
        }
        let system = &self.systems[side];
        let requested_at = self.committer.clock.now();
        let Ok(got) = system.get(call, object, ids).await else { return Ok(()) };
        let records: Vec<Record> = got
            .into_iter()
            .filter_map(|got| match got {
                hymnal_sdk::Got::Record(record) => Some(*record),
                hymnal_sdk::Got::Gone => None,
            })
            .collect();
        self.observe_and_match(cycle, side, &records, Asked::by_id(requested_at)).await
    }
}

/// Where a person may be found who is about to be made: by the first field of the first key set that can be formed, and,
/// where a creation is in doubt, by what it was sent with, since the person may have got another e-mail meanwhile.
fn first_keys(entity: &Entity, side: Side, object: &str, context: &Context<'_>) -> Vec<(String, Native)> {
    let forms = context.objects[side].get(object).map(|facts| facts.forms.clone()).unwrap_or_default();
    let mut found = Vec::new();
    for set in &context.rules.matching {
        let place = |index: &usize| Context::place(&context.rules.fields[*index], side, object);
        let Some((rule, place)) = set.first().and_then(|index| Some((&context.rules.fields[*index], place(index)?)))
        else {
            continue;
        };
        let sent = entity.creating[side].as_ref().and_then(|creating| creating.fields.get(&place.name));
        found.extend(sent.filter(|native| !native.is_blank()).map(|native| (place.name.clone(), native.clone())));
        if key(entity, set, context).is_some() {
            let golden = entity.fields.get(&rule.map.name).map(|field| &field.golden);
            let native = golden.and_then(|golden| mapping::write(&rule.map, place, &forms, None, golden).ok());
            found.extend(native.map(|native| (place.name.clone(), native)));
            break;
        }
    }
    found
}

fn mark_one(
    world: &mut World<'_>,
    side: Side,
    object: &str,
    id: Id,
    external_id: Option<&str>,
) -> Result<Option<Outgoing>, StoreError> {
    let Some(mut entity) = world.entity(id)?.filter(|entity| entity.wants[side] == Want::Create) else {
        return Ok(None);
    };
    // Whom nobody meant any more while the answer was lost: looked for, and not made again.
    let is_over = entity.creating[side].is_some() && !entity.scope.may_create(side);
    let others = if entity.creating[side].is_some() { came_meanwhile(world, &entity, side)? } else { Vec::new() };
    let repeats = external_id.filter(|_| others.is_empty());
    if looked_in_vain(&mut entity, side, repeats, world.context.now) {
        world.put(entity, Vec::new())?;
        return Ok(None);
    }
    if !others.is_empty() {
        give_way(world, entity, side, &others)?;
        return Ok(None);
    }
    if is_over {
        entity.creating[side] = None;
        let ((), events) = world.decide(|context, ledger| decide(&mut entity, context, ledger));
        world.put(entity, events)?;
        return Ok(None);
    }
    let is_new = entity.creating[side].is_none();
    if is_new
        && world.cause != Some(Cause::Apply)
        && guard_record(world, &mut entity, side, GuardKind::Creates)? == Verdict::Waits
    {
        let ((), events) = world.decide(|context, ledger| decide(&mut entity, context, ledger));
        world.put(entity, events)?;
        return Ok(None);
    }
    let patch = draft(&entity, side, object, world.context);
    if has_to_wait(world, id, side, object, &patch)? {
        return Ok(None);
    }
    let events = mark_creating(&mut entity, side, object, &patch, world.context);
    world.decide(|context, ledger| decide(&mut entity, context, ledger));
    world.put(entity, events)?;
    let mut fields = patch.fields();
    if let Some(key) = external_id {
        fields.insert(key.to_owned(), Native::Text(id.to_string()));
    }
    Ok(Some(Outgoing { id, draft: Draft { fields, trace: id.to_string() } }))
}

/// Who was met under the same key while a creation was in doubt, in another object than it was to be made in: they wait
/// for its answer.
fn came_meanwhile(world: &World<'_>, entity: &Entity, side: Side) -> Result<Vec<Id>, StoreError> {
    let others = world.sharing_a_key(entity)?;
    let waits = |other: &&Entity| other.queued && other.members[side].is_some();
    Ok(others.iter().filter(waits).map(|other| other.id).collect())
}

/// The creation did not happen, and somebody is there under that key by now: they are matched, and nobody is made
/// beside them.
fn give_way(world: &mut World<'_>, mut entity: Entity, side: Side, others: &[Id]) -> Result<(), StoreError> {
    entity.creating[side] = None;
    let ((), events) = world.decide(|context, ledger| decide(&mut entity, context, ledger));
    world.put(entity, events)?;
    others.iter().try_for_each(|other| match_one(world, *other))
}

/// A creation in doubt was looked for and not found. Twice, some time apart, and it is believed not to have happened;
/// with an id of ours in a unique field it is safe to repeat at once.
fn looked_in_vain(entity: &mut Entity, side: Side, external_id: Option<&str>, now: Timestamp) -> bool {
    let Some(creating) = &mut entity.creating[side] else { return false };
    creating.looked += 1;
    creating.at = now;
    external_id.is_none() && creating.looked < LOOKS
}
