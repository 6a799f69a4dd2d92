//! One batch of changes: verify, mark durably, write, confirm.

use std::collections::BTreeSet;

use hymnal_sdk::{Address, Call, Effect, Error, Got, Kind, Lane, Timestamp};

use super::{
    Sync,
    apply::selection::Selection,
    exchange::in_order,
    guard::guard_patch,
    moves::moved,
    parked::note_taken,
    push::Sent,
    reconcile::{is_member, observe_gone, observe_got},
    report::Failure,
    world::World,
};
use crate::{
    journal::entry::Cause,
    mapping::Problem,
    merge::{
        Entity, Id, Side,
        answer::{give_up, mark_sending, refused, updated},
        decide::decide,
        patch::patch,
        reading::withheld,
    },
    planted::{self, Planted},
    store::StoreError,
};

/// A change on its way.
struct Outgoing {
    id: Id,
    address: Address,
    patch: hymnal_sdk::Patch,
}

/// A record that was read just before it is written.
struct Verified {
    address: Address,
    /// Its fields that were not shown.
    withheld: BTreeSet<String>,
}

impl Sync {
    /// Writes one batch of changes to one object of one side.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn update(
        &self,
        cycle: Id,
        side: Side,
        lane: Lane,
        object: &str,
        ids: &[Id],
    ) -> Result<Sent, Failure> {
        let call = match self.systems[side].reserve(lane, 2).await {
            Ok(call) => call,
            Err(error) => return Ok(Sent::trouble(error)),
        };
        let verified = match self.verify(cycle, side, &call, object, ids).await? {
            Ok(verified) => verified,
            Err(error) => return Ok(Sent::trouble(error)),
        };
        let outgoing = self.mark(cycle, side, object, ids, &verified).await?;
        if outgoing.is_empty() {
            return Ok(Sent::default());
        }
        let patches: Vec<_> = outgoing.iter().map(|item| item.patch.clone()).collect();
        let answer = self.systems[side].connector.update(&call, object, &patches).await;
        let answered_at = self.committer.clock.now();
        self.confirm(cycle, side, &outgoing, answer, answered_at).await
    }

    /// Reads the records as they are now: what moved is an observation, and is reconciled before anything is written.
    /// Answers which were read.
    async fn verify(
        &self,
        cycle: Id,
        side: Side,
        call: &Call,
        object: &str,
        ids: &[Id],
    ) -> Result<Result<Vec<Verified>, Error>, Failure> {
        let addresses = self.to_verify(side, object, ids).await?;
        if addresses.is_empty() {
            return Ok(Ok(Vec::new()));
        }
        let system = &self.systems[side];
        let requested_at = self.committer.clock.now();
        let record_ids: Vec<String> = addresses.iter().map(|address| address.id.clone()).collect();
        let got = match system.get(call, object, &record_ids).await {
            Ok(got) => got,
            Err(error) => return Ok(Err(error)),
        };
        let committed = self
            .decide_informed(cycle, |world| {
                let mut verified = Vec::new();
                for (address, got) in addresses.iter().zip(&got) {
                    observe_got(world, side, address, got, requested_at)?;
                    let withheld = match got {
                        Got::Record(record) => withheld(record, side, world.context),
                        Got::Gone => BTreeSet::new(),
                    };
                    verified.push(Verified { address: address.clone(), withheld });
                }
                Ok(verified)
            })
            .await?;
        Ok(Ok(committed.answer))
    }

    /// The records to read: all where `verify` is on, else those that no reading has settled since an earlier write, or
    /// that were in conflict with something.
    async fn to_verify(&self, side: Side, object: &str, ids: &[Id]) -> Result<Vec<Address>, Failure> {
        if planted::is(Planted::SkipVerify) {
            return Ok(Vec::new());
        }
        let always = self.committer.rules.verify;
        let failed = self.failed(side);
        let addresses = self
            .look(|world| {
                let mut addresses = Vec::new();
                for id in ids {
                    let Some(entity) = world.shared(*id)? else { continue };
                    let Some(member) = &entity.members[side] else { continue };
                    if member.address.object == object && (always || failed.contains(id) || is_unsettled(&entity, side))
                    {
                        addresses.push(member.address.clone());
                    }
                }
                Ok(addresses)
            })
            .await?;
        Ok(addresses)
    }

    /// Computes the patches on what is known now, and commits that they are being sent.
    ///
    /// The reading may have moved somebody to another record (merged, converted): that one was not read, and waits for
    /// the next round.
    async fn mark(
        &self,
        cycle: Id,
        side: Side,
        object: &str,
        ids: &[Id],
        verified: &[Verified],
    ) -> Result<Vec<Outgoing>, Failure> {
        let must_be_read = self.committer.rules.verify && !planted::is(Planted::SkipVerify);
        let only = self.only();
        let committed = self
            .decide(cycle, |world| {
                let mut outgoing = Vec::new();
                world.cause = only.as_ref().map(|_| Cause::Apply);
                for id in ids {
                    let member = world.shared(*id)?.and_then(|entity| entity.members[side].clone());
                    let read = verified
                        .iter()
                        .find(|read| member.as_ref().is_some_and(|member| member.address == read.address));
                    if must_be_read && read.is_none() {
                        continue;
                    }
                    let unseen = read.map(|read| &read.withheld);
                    outgoing.extend(mark_one(world, (side, object), *id, unseen, only.as_deref())?);
                }
                Ok(outgoing)
            })
            .await?;
        Ok(committed.answer)
    }

    async fn confirm(
        &self,
        cycle: Id,
        side: Side,
        outgoing: &[Outgoing],
        answer: Result<Vec<Result<hymnal_sdk::Written, Error>>, Error>,
        answered_at: Timestamp,
    ) -> Result<Sent, Failure> {
        let mut answers = spread(answer, outgoing.len());
        if planted::is(Planted::RefuseBatch)
            && let Some(refused) = answers.iter().find(|answer| answer.is_err()).cloned()
        {
            answers.fill(refused);
        }
        let mut sent = Sent::default();
        let mut stubborn = Vec::new();
        for (item, answer) in outgoing.iter().zip(&answers) {
            match answer {
                Ok(_) => sent.written.updated += 1,
                Err(error) => {
                    sent.note(error);
                    if error.kind == Kind::Conflict && self.failed_again(item.id, side) {
                        stubborn.push(item.id);
                    }
                }
            }
        }
        self.decide(cycle, |world| {
            for (item, answer) in outgoing.iter().zip(&answers) {
                confirm_one(world, side, item, answer, answered_at, stubborn.contains(&item.id))?;
            }
            Ok(())
        })
        .await?;
        Ok(sent)
    }
}

fn mark_one(
    world: &mut World<'_>,
    (side, object): (Side, &str),
    id: Id,
    withheld: Option<&BTreeSet<String>>,
    only: Option<&Selection>,
) -> Result<Option<Outgoing>, StoreError> {
    let Some(mut entity) = world.entity(id)? else { return Ok(None) };
    let Some(member) = entity.members[side].clone().filter(|member| member.address.object == object) else {
        return Ok(None);
    };
    let mut patch = patch(&entity, side, world.context);
    if let Some(withheld) = withheld {
        patch.leave_withheld(withheld, world.context);
    }
    match only {
        // A person has seen these lines, and wants them written.
        Some(only) => only.keep(&entity, side, &mut patch, world.context),
        None => guard_patch(world, &mut entity, side, &mut patch)?,
    }
    let mut events = in_order(world, &entity, side, &mut patch)?;
    events.extend(mark_sending(&mut entity, side, &patch, world.context));
    let ((), _) = world.decide(|context, ledger| decide(&mut entity, context, ledger));
    world.put(entity, events)?;
    if patch.changes.is_empty() {
        return Ok(None);
    }
    let address = member.address;
    let mut fields = patch.fields();
    if planted::is(Planted::LogValues) {
        tracing::info!(?fields, "Written");
    }
    if planted::is(Planted::WriteUnmapped) {
        fields.insert("notes".to_owned(), hymnal_sdk::Native::text("seen"));
    }
    let patch = hymnal_sdk::Patch { id: address.id.clone(), fields, version: member.version, trace: id.to_string() };
    Ok(Some(Outgoing { id, address, patch }))
}

fn confirm_one(
    world: &mut World<'_>,
    side: Side,
    item: &Outgoing,
    answer: &Result<hymnal_sdk::Written, Error>,
    answered_at: Timestamp,
    is_stubborn: bool,
) -> Result<(), StoreError> {
    // By its address: a merge, or a person, may have made it somebody else's meanwhile. Then the mark stays, and it is
    // read before anything is written again.
    let Some(mut entity) = world.by_address(side, &item.address)? else { return Ok(()) };
    if !is_member(&entity, side, &item.address) {
        return Ok(());
    }
    let (id, before) = (entity.id, entity.clone());
    let ((), events) = world.decide(|context, ledger| match answer {
        Ok(written) => updated(&mut entity, side, written, answered_at, context, ledger),
        Err(error) => {
            if is_stubborn {
                give_up(&mut entity, side, error, &stubborn_problem(error), context, ledger);
            }
            refused(&mut entity, side, error, context, ledger);
        }
    });
    if answer.is_ok() {
        note_taken(world, side, &before, &entity)?;
    }
    world.put(entity, events)?;
    let address = &item.address;
    match answer {
        Err(error) if error.kind == Kind::Gone => observe_gone(world, side, address),
        // The service has merged the record meanwhile, and wrote to the one that is left.
        Ok(written) if written.id != address.id => {
            let into = Address::new(address.object.clone(), written.id.clone());
            match world.entity(id)? {
                Some(entity) => moved(world, entity, side, address, &into),
                None => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

/// A problem of what failed three times in a row although it was read and reconciled each time.
pub(super) fn stubborn_problem(error: &Error) -> Problem {
    Problem {
        code: error.code.clone(),
        message: error.message.clone(),
        hint: error
            .hint
            .clone()
            .unwrap_or_else(|| "it was read and written again three times; look for what holds it".to_owned()),
    }
}

/// The answer of a whole call, for each item.
pub(super) fn spread<T: Clone>(answer: Result<Vec<Result<T, Error>>, Error>, items: usize) -> Vec<Result<T, Error>> {
    match answer {
        Ok(mut answers) => {
            let missing = Error {
                effect: Effect::Unknown,
                ..Error::new(Kind::Transient, "no-answer", "the service answered fewer items than were sent")
            };
            answers.resize_with(items, || Err(missing.clone()));
            answers
        }
        Err(error) => vec![Err(error); items],
    }
}

fn is_unsettled(entity: &Entity, side: Side) -> bool {
    entity.fields.values().any(|field| field.sides[side].sent.is_some())
}
