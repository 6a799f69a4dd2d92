//! One batch of consents of secondaries: verify, mark durably, write, confirm, as for members.

use hymnal_sdk::{Address, Call, Error, Kind, Lane, Timestamp};

use super::{
    Sync,
    apply::selection::Selection,
    guard::guard_secondary,
    parked::note_taken,
    push::Sent,
    reconcile::{observe_gone, observe_got},
    report::Failure,
    update::spread,
    world::World,
};
use crate::{
    journal::entry::Cause,
    merge::{
        Id, Side,
        decide::decide,
        secondary::{mark_secondary, secondary_patch, secondary_refused, secondary_updated},
    },
    store::StoreError,
};

/// A change on its way.
struct Outgoing {
    address: Address,
    patch: hymnal_sdk::Patch,
}

impl Sync {
    /// Writes the consents of secondaries of one object on one side.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn update_secondaries(
        &self,
        cycle: Id,
        side: Side,
        lane: Lane,
        object: &str,
        ids: &[Id],
    ) -> Result<Sent, Failure> {
        let capable = self.systems[side].connector.capable(object).map_err(Failure::at(side))?;
        let most = capable.update_batch.min(capable.get_batch).max(1);
        let due = self.due_secondaries(side, object, ids).await?;
        let mut all = Sent::default();
        for batch in due.chunks(most) {
            let call = match self.systems[side].reserve(lane, 2).await {
                Ok(call) => call,
                Err(error) => return Ok(Sent { trouble: Some(error), ..all }),
            };
            if let Err(error) = self.verify_secondaries(cycle, side, &call, object, batch).await? {
                return Ok(Sent { trouble: Some(error), ..all });
            }
            let sent = self.write_secondaries(cycle, side, &call, object, batch).await?;
            all.written.updated += sent.written.updated;
            all.trouble = all.trouble.or(sent.trouble);
            if all.trouble.is_some() {
                break;
            }
        }
        Ok(all)
    }

    async fn due_secondaries(&self, side: Side, object: &str, ids: &[Id]) -> Result<Vec<(Id, Address)>, Failure> {
        let due = self
            .look(|world| {
                let mut due = Vec::new();
                for id in ids {
                    let Some(entity) = world.shared(*id)? else { continue };
                    for secondary in entity.secondaries[side].iter().filter(|one| one.member.address.object == object) {
                        let patch = secondary_patch(&entity, side, secondary, world.context);
                        let unsettled = secondary.fields.values().any(|holding| holding.sent.is_some());
                        if unsettled || !patch.changes.is_empty() || !patch.problems.is_empty() {
                            due.push((*id, secondary.member.address.clone()));
                        }
                    }
                }
                Ok(due)
            })
            .await?;
        Ok(due)
    }

    async fn verify_secondaries(
        &self,
        cycle: Id,
        side: Side,
        call: &Call,
        object: &str,
        batch: &[(Id, Address)],
    ) -> Result<Result<(), Error>, Failure> {
        let system = &self.systems[side];
        let requested_at = self.committer.clock.now();
        let ids: Vec<String> = batch.iter().map(|(_, address)| address.id.clone()).collect();
        let got = match system.get(call, object, &ids).await {
            Ok(got) => got,
            Err(error) => return Ok(Err(error)),
        };
        self.decide_informed(cycle, |world| {
            for ((_, address), got) in batch.iter().zip(&got) {
                observe_got(world, side, address, got, requested_at)?;
            }
            Ok(())
        })
        .await?;
        Ok(Ok(()))
    }

    async fn write_secondaries(
        &self,
        cycle: Id,
        side: Side,
        call: &Call,
        object: &str,
        batch: &[(Id, Address)],
    ) -> Result<Sent, Failure> {
        let only = self.only();
        let marked = self
            .decide(cycle, |world| {
                let mut outgoing = Vec::new();
                world.cause = only.as_ref().map(|_| Cause::Apply);
                for (_, address) in batch {
                    outgoing.extend(mark_one(world, side, address, only.as_deref())?);
                }
                Ok(outgoing)
            })
            .await?;
        let outgoing = marked.answer;
        if outgoing.is_empty() {
            return Ok(Sent::default());
        }
        let patches: Vec<_> = outgoing.iter().map(|item| item.patch.clone()).collect();
        let answer = self.systems[side].connector.update(call, object, &patches).await;
        let answered_at = self.committer.clock.now();
        let answers = spread(answer, outgoing.len());
        let mut sent = Sent::default();
        for answer in &answers {
            match answer {
                Ok(_) => sent.written.updated += 1,
                Err(error) => sent.note(error),
            }
        }
        self.decide(cycle, |world| {
            for (item, answer) in outgoing.iter().zip(&answers) {
                confirm_one(world, side, item, answer, answered_at)?;
            }
            Ok(())
        })
        .await?;
        Ok(sent)
    }
}

/// Computed on what is known now: the verifying read may have made it a member, or somebody else's.
fn mark_one(
    world: &mut World<'_>,
    side: Side,
    address: &Address,
    only: Option<&Selection>,
) -> Result<Option<Outgoing>, StoreError> {
    let Some(mut entity) = world.by_address(side, address)? else { return Ok(None) };
    let Some(secondary) = entity.secondary(side, address).cloned() else { return Ok(None) };
    let mut patch = secondary_patch(&entity, side, &secondary, world.context);
    match only {
        Some(only) => only.keep_of_secondary(&entity, side, address, &mut patch, world.context),
        None => guard_secondary(world, &mut entity, side, address, &mut patch)?,
    }
    let mut events = mark_secondary(&mut entity, side, address, &patch, world.context);
    let ((), decided) = world.decide(|context, ledger| decide(&mut entity, context, ledger));
    events.extend(decided);
    let id = entity.id;
    world.put(entity, events)?;
    if patch.changes.is_empty() {
        return Ok(None);
    }
    let patch = hymnal_sdk::Patch {
        id: address.id.clone(),
        fields: patch.fields(),
        version: secondary.member.version,
        trace: format!("{id}-{}", address.id),
    };
    Ok(Some(Outgoing { address: address.clone(), patch }))
}

fn confirm_one(
    world: &mut World<'_>,
    side: Side,
    item: &Outgoing,
    answer: &Result<hymnal_sdk::Written, Error>,
    answered_at: Timestamp,
) -> Result<(), StoreError> {
    // By its address: its person may have become somebody else's meanwhile.
    let Some(mut entity) = world.by_address(side, &item.address)? else { return Ok(()) };
    let before = entity.clone();
    let ((), events) = world.decide(|context, ledger| match answer {
        Ok(written) => {
            secondary_updated(&mut entity, side, &item.address, (written, answered_at), context, ledger);
        }
        Err(error) => secondary_refused(&mut entity, side, &item.address, error, context, ledger),
    });
    if answer.is_ok() {
        note_taken(world, side, &before, &entity)?;
    }
    world.put(entity, events)?;
    match answer {
        Err(error) if error.kind == Kind::Gone => observe_gone(world, side, &item.address),
        _ => Ok(()),
    }
}
