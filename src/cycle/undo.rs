//! What was written is taken back: found in the journal, read again from both systems, decided on what they hold.

use std::collections::{BTreeMap, BTreeSet};

use hymnal_sdk::{Address, Call, Lane, Timestamp};

use super::{Sync, reconcile::observe_got, report::Failure, resolve::Act, world::World};
use crate::{
    journal::entry::JournalPage,
    merge::{
        Event, Id, Side,
        person::Loosening,
        undo::{Step, Write, steps, take_back},
    },
    store::{StoreError, format, tables::page_of},
};

/// So many people are read and decided at once.
const CHUNK: usize = 100;

/// What is to be taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// One write.
    Change(ChangeId),
    /// Everything that a cycle wrote.
    Cycle(Id),
    /// Everything that was written from this time on.
    Since(Timestamp),
}

/// Which write: the person, and the number of the page in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChangeId {
    /// The person.
    pub entity: Id,
    /// The page.
    pub page: u64,
}

impl std::fmt::Display for ChangeId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.entity, self.page)
    }
}

impl std::str::FromStr for ChangeId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (entity, page) = text.split_once('.').ok_or(())?;
        Ok(Self { entity: entity.parse().map_err(|_| ())?, page: page.parse().map_err(|_| ())? })
    }
}

/// What taking back came to, for one person.
#[derive(Clone, Debug)]
pub struct Undone {
    /// The person.
    pub entity: Id,
    /// The records, by side.
    pub records: Vec<(Side, Address)>,
    /// Each field that was written.
    pub steps: Vec<Step>,
    /// What can never be taken back.
    pub never: Vec<Never>,
}

/// What cannot be taken back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Never {
    /// A record was made.
    Created(Side, Address),
    /// A record was deleted.
    Deleted(Side, Address),
    /// A record was merged into another, or converted.
    Moved(Side, Address, Address),
}

/// What the journal tells of one person.
#[derive(Default)]
struct Told {
    writes: Vec<Write>,
    never: Vec<Never>,
}

impl Sync {
    /// Takes back what was written, or says what that would do. The records are read first: what somebody edited since,
    /// up to this moment, is left as it is.
    ///
    /// # Errors
    /// The store's; and a system's that cannot be read: nothing is taken back of the people who were not read.
    pub async fn undo(&self, which: &Which, by: &str, loosening: Loosening, act: Act) -> Result<Vec<Undone>, Failure> {
        self.declared().await?;
        let told = self.told(which)?;
        let cycle = self.committer.new_cycle().await;
        let people: Vec<(Id, Told)> = told.into_iter().collect();
        let mut all = Vec::new();
        for chunk in people.chunks(CHUNK) {
            let ids: Vec<Id> = chunk.iter().filter(|(_, told)| !told.writes.is_empty()).map(|(id, _)| *id).collect();
            self.read_people(cycle, &ids).await?;
            let undo = |world: &mut World<'_>| {
                chunk.iter().map(|(id, told)| undo_one(world, *id, told, by, loosening, act)).collect()
            };
            let undone: Vec<Undone> = match act {
                Act::Try => self.look(undo).await?,
                Act::Do => self.decide(cycle, undo).await?.answer,
            };
            all.extend(undone.into_iter().filter(|undone| !undone.steps.is_empty() || !undone.never.is_empty()));
        }
        Ok(all)
    }

    /// What the journal tells of these writes, by person, oldest first.
    fn told(&self, which: &Which) -> Result<BTreeMap<Id, Told>, StoreError> {
        let tag = self.committer.tag;
        let mut all: BTreeMap<Id, Told> = BTreeMap::new();
        if let Which::Change(change) = which {
            let key = tag.page(change.entity, change.page);
            if let Some(bytes) = self.committer.store.get(&key)? {
                all.entry(change.entity).or_default().add(&format::open(&key, &bytes)?);
            }
            return Ok(all);
        }
        let mut broken = None;
        self.each(&tag.table(b'j'), |key, bytes| {
            let Some((entity, _)) = page_of(key) else { return };
            match format::open::<JournalPage>(key, bytes) {
                Ok(page) => {
                    let is_meant = match which {
                        Which::Cycle(cycle) => page.cycle == *cycle,
                        Which::Since(at) => page.at >= *at,
                        Which::Change(_) => false,
                    };
                    if is_meant {
                        all.entry(entity).or_default().add(&page);
                    }
                }
                Err(error) => broken = Some(error),
            }
        })?;
        match broken {
            Some(error) => Err(error),
            None => Ok(all),
        }
    }

    /// Reads the records of these people as they are now.
    ///
    /// # Errors
    /// What the service or the store said.
    pub(super) async fn read_people(&self, cycle: Id, people: &[Id]) -> Result<(), Failure> {
        let mut wanted: BTreeMap<(Side, String), Vec<String>> = BTreeMap::new();
        self.look(|world| {
            for id in people {
                let Some(entity) = world.shared(*id)? else { continue };
                for side in Side::BOTH {
                    if let Some(member) = &entity.members[side] {
                        let Address { object, id } = member.address.clone();
                        wanted.entry((side, object)).or_default().push(id);
                    }
                }
            }
            Ok(())
        })
        .await?;
        for ((side, object), ids) in wanted {
            let system = &self.systems[side];
            let most = system.connector.capable(&object).map_err(Failure::at(side))?.get_batch.max(1);
            for ids in ids.chunks(most) {
                let requested_at = self.committer.clock.now();
                let got = system.get(&Call::new(Lane::Person), &object, ids).await;
                let got = got.map_err(Failure::at(side))?;
                self.decide_informed(cycle, |world| {
                    for (id, got) in ids.iter().zip(&got) {
                        observe_got(world, side, &Address::new(&object, id), got, requested_at)?;
                    }
                    Ok(())
                })
                .await?;
            }
        }
        Ok(())
    }
}

impl Told {
    /// Adds what a page tells. Of what was sent, only what was answered with success is known to stand; the readings
    /// that come before anything is decided tell the rest.
    fn add(&mut self, page: &JournalPage) {
        for event in &page.events {
            match event {
                Event::Sending { side, address: Some(address), changes } => {
                    let object = &address.object;
                    self.writes.extend(changes.iter().map(|change| Write {
                        side: *side,
                        object: object.clone(),
                        change: change.clone(),
                    }));
                }
                Event::Written { side, address, created: true } => {
                    self.never.push(Never::Created(*side, address.clone()));
                }
                Event::Removed { side, address } => self.never.push(Never::Deleted(*side, address.clone())),
                Event::Moved { side, from, to } => {
                    self.never.push(Never::Moved(*side, from.clone(), to.clone()));
                }
                _ => {}
            }
        }
    }
}

fn undo_one(
    world: &mut World<'_>,
    id: Id,
    told: &Told,
    by: &str,
    loosening: Loosening,
    act: Act,
) -> Result<Undone, StoreError> {
    let never = told.never.clone();
    let Some(mut entity) = world.entity(id)? else {
        return Ok(Undone { entity: id, records: Vec::new(), steps: Vec::new(), never });
    };
    let of_side = |side: Side| entity.members[side].as_ref().map(|member| (side, member.address.clone()));
    let records = Side::BOTH.into_iter().filter_map(of_side).collect();
    let steps = match act {
        Act::Try => steps(&entity, &told.writes, loosening, world.context),
        Act::Do => {
            let (steps, events) =
                world.decide(|context, ledger| take_back(&mut entity, &told.writes, by, loosening, context, ledger));
            world.put(entity, events)?;
            steps
        }
    };
    Ok(Undone { entity: id, records, steps, never })
}

/// The fields that were taken back, or would be.
pub fn taken(undone: &[Undone]) -> usize {
    undone.iter().flat_map(|person| &person.steps).filter(|step| step.outcome.is_ok()).count()
}

/// How many people something was taken back of.
pub fn people(undone: &[Undone]) -> usize {
    let touched = undone.iter().filter(|person| person.steps.iter().any(|step| step.outcome.is_ok()));
    touched.map(|person| person.entity).collect::<BTreeSet<_>>().len()
}
