//! One batch of deletions that were seen on the other side: is it still gone there, is this one as it was, mark durably,
//! delete, confirm.

use std::collections::{BTreeMap, BTreeSet};

use hymnal_sdk::{Address, Call, Effect, Error, Kind, Lane};

use super::{
    Sync,
    push::Sent,
    reconcile::{observe_gone, observe_got, removed},
    report::Failure,
    update::{spread, stubborn_problem},
    world::World,
};
use crate::{
    journal::entry::Cause,
    merge::{
        Event, Id, Side,
        answer::{refused, set_aside},
        decide::decide,
        entity::Want,
    },
    store::StoreError,
};

/// A deletion on its way.
struct Outgoing {
    id: Id,
    address: Address,
}

impl Sync {
    /// Deletes one batch of records of one object of one side, because the other side's were deleted.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn remove(
        &self,
        cycle: Id,
        side: Side,
        lane: Lane,
        object: &str,
        ids: &[Id],
    ) -> Result<Sent, Failure> {
        if let Err(error) = self.look_for_restored(cycle, side, lane, ids).await? {
            // The other system cannot be asked whether they are back: nothing that cannot be taken back is done.
            return Ok(Sent::trouble(error));
        }
        let call = match self.systems[side].reserve(lane, 2).await {
            Ok(call) => call,
            Err(error) => return Ok(Sent::trouble(error)),
        };
        let members = self.members_to_remove(side, object, ids).await?;
        if let Err(error) = self.read_all(cycle, side, &call, &members).await? {
            return Ok(Sent::trouble(error));
        }
        let outgoing = self.mark_removals(cycle, side, object, ids).await?;
        if outgoing.is_empty() {
            return Ok(Sent::default());
        }
        let gone: Vec<String> = outgoing.iter().map(|item| item.address.id.clone()).collect();
        let answer = self.systems[side].connector.delete(&call, object, &gone).await;
        self.confirm_removals(cycle, side, &outgoing, answer).await
    }

    /// Reads the deleted records of the other side by their ids once more. Who is back restores its link there, and so
    /// is not deleted here.
    async fn look_for_restored(
        &self,
        cycle: Id,
        side: Side,
        lane: Lane,
        ids: &[Id],
    ) -> Result<Result<(), Error>, Failure> {
        let gone = self
            .look(|world| {
                let mut gone = BTreeSet::new();
                for id in ids {
                    let Some(entity) = world.shared(*id)? else { continue };
                    gone.extend(entity.removing[side].as_ref().map(|removal| removal.of.clone()));
                }
                Ok(gone)
            })
            .await?;
        self.read_all(cycle, side.other(), &Call::new(lane), &gone).await
    }

    /// Reads records by id and folds them in.
    async fn read_all(
        &self,
        cycle: Id,
        side: Side,
        call: &Call,
        addresses: &BTreeSet<Address>,
    ) -> Result<Result<(), Error>, Failure> {
        let system = &self.systems[side];
        let mut by_object: BTreeMap<&str, Vec<&Address>> = BTreeMap::new();
        for address in addresses {
            by_object.entry(&address.object).or_default().push(address);
        }
        for (object, addresses) in by_object {
            let most = system.connector.capable(object).map_err(Failure::at(side))?.get_batch.max(1);
            for addresses in addresses.chunks(most) {
                let ids: Vec<String> = addresses.iter().map(|address| address.id.clone()).collect();
                let requested_at = self.committer.clock.now();
                let got = match system.get(call, object, &ids).await {
                    Ok(got) => got,
                    Err(error) => return Ok(Err(error)),
                };
                self.decide_informed(cycle, |world| {
                    for (address, got) in addresses.iter().zip(&got) {
                        observe_got(world, side, address, got, requested_at)?;
                    }
                    Ok(())
                })
                .await?;
            }
        }
        Ok(Ok(()))
    }

    async fn members_to_remove(&self, side: Side, object: &str, ids: &[Id]) -> Result<BTreeSet<Address>, Failure> {
        let members = self
            .look(|world| {
                let mut members = BTreeSet::new();
                for id in ids {
                    let Some(entity) = world.shared(*id)? else { continue };
                    let member = entity.members[side].as_ref().filter(|_| entity.removing[side].is_some());
                    members.extend(member.map(|member| member.address.clone()));
                }
                members.retain(|address| address.object == object);
                Ok(members)
            })
            .await?;
        Ok(members)
    }

    async fn mark_removals(&self, cycle: Id, side: Side, object: &str, ids: &[Id]) -> Result<Vec<Outgoing>, Failure> {
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
                    let marked = mark_one(world, side, object, *id)?;
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

    async fn confirm_removals(
        &self,
        cycle: Id,
        side: Side,
        outgoing: &[Outgoing],
        answer: Result<Vec<Result<(), Error>>, Error>,
    ) -> Result<Sent, Failure> {
        let answers = spread(answer, outgoing.len());
        let mut sent = Sent::default();
        let mut stubborn = BTreeSet::new();
        for (item, answer) in outgoing.iter().zip(&answers) {
            match answer {
                Ok(()) => sent.removed += 1,
                Err(error) => {
                    sent.note(error);
                    if matches!(error.kind, Kind::Conflict | Kind::Gone) && self.failed_again(item.id, side) {
                        stubborn.insert(item.id);
                    }
                }
            }
        }
        self.decide(cycle, |world| {
            for (item, answer) in outgoing.iter().zip(&answers) {
                confirm_one(world, side, item, answer, stubborn.contains(&item.id))?;
            }
            Ok(())
        })
        .await?;
        Ok(sent)
    }
}

/// The record was read a moment ago: what was in doubt is known not to have been done, and whether it is still to be
/// done is decided anew.
fn mark_one(world: &mut World<'_>, side: Side, object: &str, id: Id) -> Result<Option<Outgoing>, StoreError> {
    let Some(mut entity) = world.entity(id)? else { return Ok(None) };
    if let Some(removal) = &mut entity.removing[side] {
        removal.in_doubt = false;
    }
    let ((), mut events) = world.decide(|context, ledger| decide(&mut entity, context, ledger));
    let member = entity.seen(side).filter(|member| member.address.object == object);
    let address = member.filter(|_| entity.wants[side] == Want::Remove).map(|member| member.address.clone());
    let (Some(address), Some(removal)) = (address, &mut entity.removing[side]) else {
        world.put(entity, events)?;
        return Ok(None);
    };
    removal.in_doubt = true;
    events.push(Event::Removing { side, address: address.clone(), because: removal.of.clone() });
    world.put(entity, events)?;
    Ok(Some(Outgoing { id, address }))
}

fn confirm_one(
    world: &mut World<'_>,
    side: Side,
    item: &Outgoing,
    answer: &Result<(), Error>,
    is_stubborn: bool,
) -> Result<(), StoreError> {
    let Some(mut entity) = world.entity(item.id)? else { return Ok(()) };
    let error = match answer {
        Ok(()) => return removed(world, entity, side),
        // The mark stays: the record is read before anything else is done.
        Err(error) if error.effect == Effect::Unknown => return Ok(()),
        Err(error) => error,
    };
    if let Some(removal) = &mut entity.removing[side] {
        removal.in_doubt = false;
    }
    let ((), events) = world.decide(|context, ledger| {
        if is_stubborn {
            set_aside(&mut entity, side, &stubborn_problem(error), context, ledger);
        }
        refused(&mut entity, side, error, context, ledger);
    });
    world.put(entity, events)?;
    // Somebody else deleted it in between, or it cannot be seen any more: what that means, the service's manifest says.
    if error.kind == Kind::Gone { observe_gone(world, side, &item.address) } else { Ok(()) }
}
