//! What guards hold back, and what becomes of it: an outbox of its own, so that nobody looks at ninety thousand records
//! in each cycle.

use std::collections::BTreeSet;

use hymnal_sdk::SignedDuration;

use super::{
    Sync,
    changed::sides_and_lanes,
    guard::{Hold, guard_patch, guard_record},
    world::{Job, World},
};
use crate::{
    merge::{
        Id, Pair, Side,
        decide::decide,
        entity::Want,
        event::{ConflictEvent, ConflictLine, ConflictStatus, HeldBack},
        guard::GuardKind,
        held::{self, Answer, Gate, RecordGate},
        patch::patch,
    },
    store::{
        StoreError,
        tables::{entity_of, held_of},
    },
};

/// Entries looked at in one commit.
const PAGE: usize = 500;
/// A held opt-out is released after so long: who opted out must not be written to because nobody looked.
pub const RELEASE: SignedDuration = SignedDuration::from_hours(24);

/// One entry of a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The person.
    pub id: Id,
    /// Where it would be written.
    pub side: Side,
}

impl Sync {
    /// What waits for an answer, oldest first.
    ///
    /// # Errors
    /// The store's.
    pub async fn holds(&self) -> Result<Vec<Hold>, StoreError> {
        let holds = self.look(all_holds).await?;
        Ok(holds.into_iter().filter(|hold| hold.answer.is_none()).collect())
    }

    /// The first entries of a hold.
    ///
    /// # Errors
    /// The store's.
    pub fn entries(&self, hold: u32, most: usize) -> Result<Vec<Entry>, StoreError> {
        let rows = self.committer.store.scan(&self.committer.tag.held(hold), None, most)?;
        let entry = |key: &[u8]| Some(Entry { id: entity_of(key)?, side: held_of(key)?.2 });
        Ok(rows.iter().filter_map(|(key, _)| entry(key)).collect())
    }

    /// Gives the entries of a hold up to one their answer; those behind it are counted anew. The answer is kept before
    /// anything is done about it, so that a crash in the middle is made good by the next cycle.
    ///
    /// # Errors
    /// The store's.
    pub async fn answer_hold(&self, number: u32, upto: u32, answer: Answer, why: &str) -> Result<(), StoreError> {
        let cycle = self.committer.new_cycle().await;
        self.decide(cycle, |world| {
            world.change_hold(number, |hold| {
                hold.answer = Some((upto, answer));
                true
            })?;
            if let Some(hold) = world.holds()?.into_iter().find(|hold| hold.number == number) {
                let status =
                    if answer == Answer::Discarded { ConflictStatus::Dismissed } else { ConflictStatus::Resolved };
                tell(world, &hold, status, why)?;
            }
            Ok(())
        })
        .await?;
        self.complete_answers(cycle).await
    }

    /// Lets every change of these kinds pass that is in the outbox now: a person has seen it.
    ///
    /// # Errors
    /// The store's.
    pub async fn pass_all(&self, kinds: &[GuardKind]) -> Result<(), StoreError> {
        let cycle = self.committer.new_cycle().await;
        for (side, lane) in sides_and_lanes() {
            let mut after: Option<Vec<u8>> = None;
            while let Some(ids) = self.next_of_outbox(side, lane, &mut after)? {
                self.decide(cycle, |world| ids.iter().try_for_each(|id| pass_one(world, *id, side, kinds))).await?;
            }
        }
        Ok(())
    }

    /// Ends what answers have begun.
    pub(super) async fn complete_answers(&self, cycle: Id) -> Result<(), StoreError> {
        let holds = self.look(all_holds).await?;
        for hold in holds {
            let Some(answer) = hold.answer else { continue };
            loop {
                // What is done is no entry any more: the first ones are always those that are left.
                let rows = self.committer.store.scan(&self.committer.tag.held(hold.number), None, PAGE)?;
                let entries: BTreeSet<(Id, Side)> =
                    rows.iter().filter_map(|(key, _)| Some((entity_of(key)?, held_of(key)?.2))).collect();
                if entries.is_empty() {
                    break;
                }
                self.decide(cycle, |world| {
                    entries.iter().try_for_each(|(id, side)| answer_one(world, *id, *side, hold.number, answer))
                })
                .await?;
                tokio::task::yield_now().await;
            }
            self.decide(cycle, |world| world.change_hold(hold.number, |_| false)).await?;
        }
        Ok(())
    }

    /// The rules have changed: what was held is decided anew, and no hold of the old ones is left.
    pub(super) async fn supersede_holds(&self, cycle: Id) -> Result<(), StoreError> {
        self.decide(cycle, |world| {
            for hold in world.holds()? {
                tell(world, &hold, ConflictStatus::Superseded, "the configuration changed")?;
                world.change_hold(hold.number, |_| false)?;
            }
            Ok(())
        })
        .await?;
        Ok(())
    }

    /// Opt-outs that nobody discarded for a day are let go. Loosened consents are not.
    pub(super) async fn release_opt_outs(&self) -> Result<(), StoreError> {
        let now = self.committer.clock.now();
        for hold in self.holds().await? {
            if hold.kind == GuardKind::OptOuts && now.duration_since(hold.since) >= RELEASE {
                tracing::warn!(
                    sync = self.committer.rules.name,
                    hold = hold.name(),
                    "Held opt-outs are released after 24 h"
                );
                self.answer_hold(hold.number, hold.entries, Answer::Approved, "released after 24 h").await?;
            }
        }
        Ok(())
    }

    /// Tells of what is held: in the log at once, in the conflict log when there is twice as much as it was told of.
    pub(super) async fn tell_holds(&self, cycle: Id) -> Result<u64, StoreError> {
        let holds = self.holds().await?;
        for hold in holds.iter().filter(|hold| hold.told == 0 || hold.entries >= hold.told.saturating_mul(2)) {
            if hold.told == 0 {
                tracing::error!(
                    sync = self.committer.rules.name,
                    guard = hold.kind.key(),
                    hold = hold.name(),
                    origin = hold.cause.word(),
                    entries = hold.entries,
                    limit = hold.most,
                    "A safety limit holds writes back; a person decides"
                );
            }
            let (number, entries) = (hold.number, hold.entries);
            self.decide(cycle, |world| {
                world.change_hold(number, |hold| {
                    hold.told = entries;
                    true
                })?;
                tell(world, hold, ConflictStatus::Open, "more than the safety limit allows; it waits for approval")
            })
            .await?;
        }
        Ok(holds.len() as u64)
    }

    /// Of what stands in the outbox, holds what a guard holds, before anything is read for it. Answers who is left.
    pub(super) async fn without_held(
        &self,
        cycle: Id,
        side: Side,
        jobs: Vec<(Id, Job)>,
    ) -> Result<Vec<(Id, Job)>, StoreError> {
        // Who applies a plan has seen it.
        if self.only().is_some() {
            return Ok(jobs);
        }
        // Where there is room for all of them, they are counted when they are marked as being sent.
        let slack = self.look(slack).await?;
        if slack > jobs.len() as u64 {
            return Ok(jobs);
        }
        let committed = self
            .decide(cycle, |world| {
                let mut left = Vec::new();
                for (id, job) in &jobs {
                    if goes(world, *id, side, job)? {
                        left.push((*id, job.clone()));
                    }
                }
                Ok(left)
            })
            .await?;
        Ok(committed.answer)
    }
}

/// Asks the guards for what one entity wants written. Answers whether anything of it goes.
fn goes(world: &mut World<'_>, id: Id, side: Side, job: &Job) -> Result<bool, StoreError> {
    let Some(mut entity) = world.entity(id)? else { return Ok(true) };
    match job {
        Job::Update(_) => {
            let mut patch = patch(&entity, side, world.context);
            guard_patch(world, &mut entity, side, &mut patch)?;
        }
        Job::Create(_) if entity.creating[side].is_none() => {
            guard_record(world, &mut entity, side, GuardKind::Creates)?;
        }
        // Their guards are asked where they are marked.
        Job::Create(_) | Job::Remove(_) | Job::Secondary(_) => return Ok(true),
    }
    let ((), events) = world.decide(|context, ledger| decide(&mut entity, context, ledger));
    let goes = entity.wants[side] != Want::Nothing;
    world.put(entity, events)?;
    Ok(goes)
}

fn pass_one(world: &mut World<'_>, id: Id, side: Side, kinds: &[GuardKind]) -> Result<(), StoreError> {
    let Some(mut entity) = world.entity(id)? else { return Ok(()) };
    let is_creation = entity.wants[side] == Want::Create && kinds.contains(&GuardKind::Creates);
    if is_creation && entity.gates[side].is_none() {
        entity.gates[side] = Some(RecordGate::Gate(GuardKind::Creates, Gate::Passed));
        return world.put(entity, Vec::new());
    }
    let patch = patch(&entity, side, world.context);
    let passed = held::pass(&mut entity, side, &patch, kinds, world.context);
    let any = held::pass_secondaries(&mut entity, side, kinds, world.context) || passed;
    if any { world.put(entity, Vec::new()) } else { Ok(()) }
}

fn answer_one(world: &mut World<'_>, id: Id, side: Side, hold: u32, answer: (u32, Answer)) -> Result<(), StoreError> {
    let Some(mut entity) = world.entity(id)? else { return Ok(()) };
    let mut events = held::answer(&mut entity, side, hold, answer, world.context);
    let ((), decided) = world.decide(|context, ledger| decide(&mut entity, context, ledger));
    events.extend(decided);
    world.put(entity, events)
}

fn all_holds(world: &mut World<'_>) -> Result<Vec<Hold>, StoreError> {
    world.holds()
}

fn slack(world: &mut World<'_>) -> Result<u64, StoreError> {
    world.slack()
}

fn tell(world: &mut World<'_>, hold: &Hold, status: ConflictStatus, reason: &str) -> Result<(), StoreError> {
    let held = HeldBack {
        kind: hold.kind,
        cause: hold.cause,
        hold: hold.name(),
        entries: hold.entries,
        most: hold.most,
        reason: reason.to_owned(),
    };
    let event = ConflictEvent {
        id: hold.id,
        field: String::new(),
        verdict: ConflictLine::Guard(held),
        base: None,
        edits: Pair::default(),
        natives: Pair::default(),
        status,
        at: world.context.now,
    };
    world.add_line(None, &event)
}
