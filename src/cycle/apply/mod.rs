//! A plan done, or a pilot of it: the ordinary cycle, whose push writes nothing but lines of the plan that are still what
//! was planned.
//!
//! | file | what |
//! |---|---|
//! | [`pilot`] | whose lines are written |
//! | [`selection`] | what a push may write |
//! | [`outcome`] | what became of the lines |

pub mod outcome;
pub mod pilot;
pub mod selection;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, PoisonError},
};

use hymnal_sdk::{Address, Error};

use self::{
    outcome::{Answered, Applied, Standing, answered, standing},
    pilot::Pilot,
    selection::Selection,
};
use super::{
    Deletions, Sync,
    plan::line::Line,
    report::{Failure, Held, Report},
    world::{Job, LANES, SECONDARY, World},
};
use crate::{
    merge::{Id, Side, planned::planned_everywhere},
    store::StoreError,
};

/// How often a record that is in conflict with something is read and written again.
const ROUNDS: usize = 3;

/// Why a plan cannot be applied now.
#[derive(Debug)]
pub enum Barred {
    /// A person, or the rules, hold all writing.
    Held(Held),
    /// A system could not be read.
    Unread(Vec<(Side, Error)>),
}

/// A line with whom it is about.
struct Found {
    line: Line,
    side: Side,
    id: Id,
}

impl Sync {
    /// Reads both systems, as every cycle does, so that the plan's lines are compared with what is there now. Answers
    /// the id under which the writes are journalled.
    ///
    /// # Errors
    /// The store's.
    pub async fn before_apply(&self) -> Result<Result<super::Id, Barred>, StoreError> {
        let cycle = self.committer.new_cycle().await;
        let mut report = Report { cycle: Some(cycle), ..Report::default() };
        self.complete_discard().await?;
        self.lock_failures().clear();
        self.observe_all(cycle, Deletions::Now, &mut report).await?;
        if !report.troubles.is_empty() {
            return Ok(Err(Barred::Unread(report.troubles)));
        }
        match self.held(&report).await? {
            // The first run waits for a person: here is one.
            None | Some(Held::FirstRun) => {}
            Some(held) => return Ok(Err(Barred::Held(held))),
        }
        (self.gate)().await?;
        Ok(Ok(cycle))
    }

    /// Writes some lines of a plan: whole records at a time, in the order of the plan.
    ///
    /// # Errors
    /// The store's; what a service refuses is in the answer.
    pub async fn apply(
        &self,
        cycle: Id,
        lines: Vec<Line>,
        pilot: &mut Pilot,
        applied: &mut Applied,
    ) -> Result<Option<Error>, Failure> {
        let found = self.find(lines, pilot, applied).await.map_err(Failure::Store)?;
        let mut selection = Selection::default();
        for Found { line, side, id } in &found {
            selection.add(*side, *id, line.clone());
        }
        let selection = Arc::new(selection);
        *self.only.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&selection));
        let pushed = self.push_only(cycle, &selection, applied).await;
        *self.only.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let trouble = pushed?;
        self.tell(found, &selection, applied).await.map_err(Failure::Store)?;
        Ok(trouble)
    }

    /// What a push would write now to these fields of these people.
    ///
    /// # Errors
    /// The store's.
    pub async fn lines_of(&self, fields: &BTreeSet<(Id, String)>) -> Result<Vec<Line>, StoreError> {
        self.look(|world| {
            let people: BTreeSet<Id> = fields.iter().map(|(id, _)| *id).collect();
            let mut lines = Vec::new();
            for id in people {
                let Some(entity) = world.entity(id)? else { continue };
                for side in Side::BOTH {
                    let planned = planned_everywhere(&entity, side, world.context);
                    let meant = planned.into_iter().filter(|change| fields.contains(&(id, change.field.clone())));
                    lines.extend(meant.map(|change| Line::new(world.context.rules, side, id, change)));
                }
            }
            Ok(lines)
        })
        .await
    }

    /// The only lines that may be written now, while a plan is applied.
    pub(super) fn only(&self) -> Option<Arc<Selection>> {
        self.only.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The lines that are still what a push would do, with whom they are about. What became of the others is told.
    async fn find(&self, lines: Vec<Line>, pilot: &mut Pilot, applied: &mut Applied) -> Result<Vec<Found>, StoreError> {
        self.look(|world| {
            let mut found = Vec::new();
            for line in lines {
                let Some((side, entity)) = whom(world, &line)? else {
                    applied.skipped.add(&line, "the record is not known any more");
                    continue;
                };
                match pilot.takes(&line, &entity) {
                    Ok(true) => {}
                    Ok(false) => {
                        applied.passed_over += 1;
                        continue;
                    }
                    Err(problem) => {
                        applied.skipped.add(&line, problem.message);
                        continue;
                    }
                }
                match standing(&line, &entity, side, world.context) {
                    Standing::Planned => found.push(Found { line, side, id: entity.id }),
                    Standing::Already => applied.already += 1,
                    Standing::Moved(why) => applied.skipped.add(&line, why),
                }
            }
            Ok(found)
        })
        .await
    }

    async fn push_only(
        &self,
        cycle: Id,
        selection: &Selection,
        applied: &mut Applied,
    ) -> Result<Option<Error>, Failure> {
        for _ in 0..ROUNDS {
            let mut anything = false;
            for lane in LANES {
                for side in Side::BOTH {
                    for (job, ids) in self.jobs(side, lane, selection).await? {
                        let most = self.batch_size(side, &job)?;
                        let urgency = self.urgency(lane)?;
                        for batch in ids.chunks(most) {
                            anything = true;
                            let sent = self.send(cycle, side, urgency, job.clone(), batch.to_vec()).await?;
                            applied.created += sent.written.created as u64;
                            applied.updated += sent.written.updated as u64;
                            applied.deleted += sent.removed as u64;
                            if sent.trouble.is_some() {
                                return Ok(sent.trouble);
                            }
                        }
                    }
                }
            }
            if !anything {
                break;
            }
        }
        Ok(None)
    }

    /// What stands in the outbox for the people of a selection who still have something of it to be written.
    async fn jobs(&self, side: Side, lane: u8, selection: &Selection) -> Result<BTreeMap<Job, Vec<Id>>, Failure> {
        let prefix = self.committer.tag.outbox(side, lane);
        let jobs = self.look(|world| {
            let mut jobs: BTreeMap<Job, Vec<Id>> = BTreeMap::new();
            for id in selection.people(side) {
                if !world.shared(id)?.is_some_and(|entity| selection.waits(&entity, side, world.context)) {
                    continue;
                }
                for middle in middles(lane, &world.context.rules.systems[side].objects) {
                    let stored = world.get(&[prefix.as_slice(), &middle, &id.bytes()].concat())?;
                    if let Some(job) = stored.and_then(|bytes| Job::from_bytes(&bytes)) {
                        jobs.entry(job).or_default().push(id);
                    }
                }
            }
            Ok(jobs)
        });
        jobs.await.map_err(Failure::Store)
    }

    /// What became of the lines that were to be written.
    async fn tell(&self, found: Vec<Found>, selection: &Selection, applied: &mut Applied) -> Result<(), StoreError> {
        self.look(|world| {
            for Found { line, side, .. } in found {
                let now = whom(world, &line)?;
                let Some((_, entity)) = now else {
                    applied.skipped.add(&line, "the record is gone");
                    continue;
                };
                let standing = standing(&line, &entity, side, world.context);
                if selection.was_marked(side, &entity, &line) {
                    match answered(&line, &entity, side) {
                        Answered::InDoubt => {
                            applied.left.add(&line, "no answer came; it is read back before it is tried again");
                        }
                        Answered::Refused(why) => applied.refused.add(&line, why),
                        Answered::Done if standing == Standing::Planned => {
                            applied.left.add(&line, "the service could not take it now");
                        }
                        Answered::Done => applied.done += 1,
                    }
                    continue;
                }
                match standing {
                    Standing::Planned => applied.left.add(&line, "it could not be sent"),
                    Standing::Already => applied.already += 1,
                    Standing::Moved(why) => applied.skipped.add(&line, why),
                }
            }
            Ok(())
        })
        .await
    }
}

/// What stands between the lane and the person in a key of the outbox: nothing, or the object of secondaries.
fn middles(lane: u8, objects: &[String]) -> Vec<Vec<u8>> {
    if lane == SECONDARY {
        objects.iter().map(|object| [object.as_bytes(), &[0]].concat()).collect()
    } else {
        vec![Vec::new()]
    }
}

/// Whom a line is about, and the side that it writes to.
fn whom(world: &World<'_>, line: &Line) -> Result<Option<(Side, crate::merge::Entity)>, StoreError> {
    let systems = &world.context.rules.systems;
    let named = |name: &str| Side::BOTH.into_iter().find(|side| systems[*side].connector == name);
    let mut parts = line.record.splitn(3, ':');
    let (Some(holder), Some(object), Some(id)) = (parts.next(), parts.next(), parts.next()) else { return Ok(None) };
    let (Some(side), Some(holder)) = (named(&line.system), named(holder)) else { return Ok(None) };
    Ok(world.by_address(holder, &Address::new(object, id))?.map(|entity| (side, entity)))
}
