//! Everything compared: both sides listed completely, what differs from what was known, and how far they agree.
//!
//! The readings are folded in by the ordinary code. Over an overlay nothing of that lasts, and the audit only tells;
//! over the state itself what was missed is found, and the next cycle heals it as it heals any edit.

use std::collections::BTreeMap;

use hymnal_sdk::{Call, Cursor, Error, Lane, List, Next};
use serde::Serialize;

use super::{
    Deletions, Sync,
    full_check::Seen,
    pull::{SAME_CURSOR, stuck},
    report::{Failure, Report},
    system::Object,
    world::World,
};
use crate::{
    merge::{
        Id, Pair, Side,
        meter::{Category, Metered, Writing, drift, meter},
    },
    store::{StoreError, tables::entity_of},
};

/// How many of each are shown.
const SAMPLES: usize = 10;
/// People looked at in one go.
const PAGE: usize = 500;

/// What an audit came to.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Audited {
    /// Each system.
    pub systems: Vec<SystemAudit>,
    /// People, by how they stand.
    pub people: Meter,
    /// Fields of linked people, by how they stand.
    pub fields: BTreeMap<String, Meter>,
    /// Differences that nothing explains.
    pub unexplained: Shown<Difference>,
}

/// What a system holds.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SystemAudit {
    /// The connector.
    pub connector: String,
    /// Records that live, by object.
    pub records: BTreeMap<String, u64>,
    /// People's records that are linked with one on the other side.
    pub matched: u64,
    /// People's records that are not, by reason.
    pub unmatched: BTreeMap<&'static str, u64>,
    /// Further records of people.
    pub duplicate: u64,
    /// What differed from what was known, and nothing had told of.
    pub drift: Shown<Drifted>,
    /// Records that nobody had told of.
    pub unknown: u64,
}

/// How many are in each category; those with none are left out, `unexplained` never is.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(transparent)]
pub struct Meter(BTreeMap<&'static str, u64>);

/// How many, and the first of them.
#[derive(Clone, Debug, Serialize)]
pub struct Shown<T> {
    /// How many.
    pub count: u64,
    /// The first ten.
    pub samples: Vec<T>,
}

/// One field that differed from what was known.
#[derive(Clone, Debug, Serialize)]
pub struct Drifted {
    /// The record.
    pub record: String,
    /// The field.
    pub field: String,
    /// What was known.
    pub known: String,
    /// What stands there.
    pub holds: String,
}

/// One difference that nothing explains.
#[derive(Clone, Debug, Serialize)]
pub struct Difference {
    /// The person.
    pub entity: String,
    /// The field; empty for the person as a whole.
    pub field: String,
}

impl<T> Default for Shown<T> {
    fn default() -> Self {
        Self { count: 0, samples: Vec::new() }
    }
}

impl<T> Shown<T> {
    fn add(&mut self, one: T) {
        self.count += 1;
        if self.samples.len() < SAMPLES {
            self.samples.push(one);
        }
    }
}

impl Meter {
    fn add(&mut self, category: Category) {
        *self.0.entry(category.word()).or_default() += 1;
        self.0.entry(Category::Unexplained.word()).or_default();
    }

    /// How many are in a category.
    pub fn of(&self, category: Category) -> u64 {
        self.0.get(category.word()).copied().unwrap_or(0)
    }
}

impl Sync {
    /// Lists everything on both sides, folds it in, and says how far the two agree. What it decides is kept where this
    /// sync's store is.
    ///
    /// # Errors
    /// The store's; a system that cannot be read is in the answer.
    pub async fn audit(&self) -> Result<Result<Audited, (Side, Error)>, StoreError> {
        match self.audit_all().await {
            Ok(audited) => Ok(Ok(audited)),
            Err(Failure::Store(error)) => Err(error),
            Err(Failure::Service { side, error }) => Ok(Err((side, error))),
        }
    }

    async fn audit_all(&self) -> Result<Audited, Failure> {
        let cycle = self.committer.new_cycle().await;
        let mut report = Report { cycle: Some(cycle), ..Report::default() };
        // What is merely new is no drift: it is read first, as every cycle does.
        self.observe_all(cycle, Deletions::Now, &mut report).await?;
        if let Some((side, error)) = report.troubles.pop() {
            return Err(Failure::Service { side, error });
        }
        let mut audited = Audited::default();
        let (left, right) = tokio::join!(self.list_all(cycle, Side::Left), self.list_all(cycle, Side::Right));
        let mut systems = Pair::new(left?, right?);
        self.match_queued(cycle).await?;
        self.wake(cycle).await?;
        self.measure(&report, &mut audited, &mut systems).await?;
        audited.systems = vec![systems.left, systems.right];
        Ok(audited)
    }

    async fn list_all(&self, cycle: Id, side: Side) -> Result<SystemAudit, Failure> {
        let system = &self.systems[side];
        let mut audit = SystemAudit { connector: system.name.clone(), ..SystemAudit::default() };
        for object in &system.objects {
            self.list_object(cycle, side, object, &mut audit).await?;
        }
        self.read_again(cycle, side).await?;
        Ok(audit)
    }

    async fn list_object(
        &self,
        cycle: Id,
        side: Side,
        object: &Object,
        audit: &mut SystemAudit,
    ) -> Result<(), Failure> {
        let mut cursor: Option<Cursor> = None;
        let mut seen = Seen::default();
        let mut still = 0;
        loop {
            let requested_at = self.committer.clock.now();
            let list = List { object: &object.name, fields: &object.fields, cursor: cursor.as_ref() };
            let page = self.systems[side].list(&Call::new(Lane::Bulk), list).await.map_err(Failure::at(side))?;
            let counted = self.look(|world| {
                let mut found = SystemAudit::default();
                for record in page.records.iter().filter(|record| record.state == hymnal_sdk::State::Live) {
                    // An overlap, or a page that shifted, shows a record twice.
                    if !seen.add(&record.address.id) {
                        continue;
                    }
                    *found.records.entry(object.name.clone()).or_default() += 1;
                    match world.shared_by_address(side, &record.address)? {
                        None => found.unknown += 1,
                        Some(entity) => {
                            for drift in drift(&entity, side, record, requested_at, world.context) {
                                found.drift.add(Drifted {
                                    record: record.address.to_string(),
                                    field: drift.field,
                                    known: drift.known.to_string(),
                                    holds: drift.holds.to_string(),
                                });
                            }
                        }
                    }
                }
                Ok(found)
            });
            audit.join(counted.await?);
            self.commit_page(cycle, side, &page, requested_at, Vec::new()).await?;
            let next = match page.next {
                Next::Done(_) => break,
                Next::More(next) => Some(next),
            };
            still = if cursor == next { still + 1 } else { 0 };
            if still > SAME_CURSOR {
                return Err(Failure::at(side)(stuck(&object.name)));
            }
            cursor = next;
        }
        self.ask_for_missing(side, &object.name, &seen)?;
        Ok(())
    }

    /// Everybody, by what is known now.
    async fn measure(
        &self,
        report: &Report,
        audited: &mut Audited,
        systems: &mut Pair<SystemAudit>,
    ) -> Result<(), Failure> {
        let writing =
            if self.held(report).await.map_err(Failure::Store)?.is_some() { Writing::Held } else { Writing::Goes };
        let prefix = self.committer.tag.table(b'e');
        let mut after: Option<Vec<u8>> = None;
        loop {
            let rows = self.committer.store.scan(&prefix, after.as_deref(), PAGE).map_err(Failure::Store)?;
            let Some((last, _)) = rows.last() else { return Ok(()) };
            after = Some(last.clone());
            let ids: Vec<Id> = rows.iter().filter_map(|(key, _)| entity_of(key)).collect();
            self.look(|world| ids.iter().try_for_each(|id| measure_one(world, *id, writing, audited, systems))).await?;
        }
    }
}

impl SystemAudit {
    fn join(&mut self, other: Self) {
        for (object, count) in other.records {
            *self.records.entry(object).or_default() += count;
        }
        self.unknown += other.unknown;
        self.drift.count += other.drift.count;
        let room = SAMPLES.saturating_sub(self.drift.samples.len());
        self.drift.samples.extend(other.drift.samples.into_iter().take(room));
    }
}

fn measure_one(
    world: &mut World<'_>,
    id: Id,
    writing: Writing,
    audited: &mut Audited,
    systems: &mut Pair<SystemAudit>,
) -> Result<(), StoreError> {
    let Some(entity) = world.shared(id)? else { return Ok(()) };
    let Metered { person, fields } = meter(&entity, writing, world.context);
    audited.people.add(person);
    let mut unexplained = |field: &str| {
        audited.unexplained.add(Difference { entity: id.to_string(), field: field.to_owned() });
    };
    if person == Category::Unexplained && fields.is_empty() {
        unexplained("");
    }
    for (field, category) in fields {
        if category == Category::Unexplained {
            unexplained(&field);
        }
        audited.fields.entry(field).or_default().add(category);
    }
    for side in Side::BOTH {
        systems[side].duplicate += entity.secondaries[side].len() as u64;
        if entity.members[side].is_none() {
            continue;
        }
        if entity.is_linked() {
            systems[side].matched += 1;
        } else {
            *systems[side].unmatched.entry(person.word()).or_default() += 1;
        }
    }
    Ok(())
}
