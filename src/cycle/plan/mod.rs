//! What a cycle would do, written nowhere: neither to the store nor to a remote.
//!
//! The ordinary code reads both systems, matches and merges, over a store that lies over the real one
//! ([`OverlayKv`](crate::store::OverlayKv)) and is dropped afterwards. What then stands in the outbox is what a push
//! would write. There is no second path that could differ.
//!
//! | file | what |
//! |---|---|
//! | [`mod@line`] | a plan as a file |
//! | [`mod@file`] | the same, read back |
//! | [`preview`] | its changes counted, with samples |
//! | [`cost`] | its calls and its time |

pub mod cost;
pub mod file;
pub mod line;
pub mod preview;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use hymnal_sdk::Error;
use serde::Serialize;
use tokio::sync::mpsc;

use self::{cost::Cost, line::Line, preview::Preview};
use super::{
    Deletions, Sync,
    report::Report,
    state::LOADED,
    world::{LANES, SECONDARY, World},
};
use crate::{
    journal::{ConflictLog, entry::LogLine},
    merge::{
        Id, Pair, Side,
        planned::{PlannedWrite, planned, planned_secondaries},
    },
    store::{
        Kv, StoreError, format,
        tables::{Wait, entity_of},
    },
};

/// Rows of the outbox read at once.
const PAGE: usize = 500;
/// How many conflicts are shown.
const SAMPLES: usize = 10;

/// A plan of one sync, counted.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// What would be written, by system.
    pub systems: Vec<Planning>,
    /// How many lines it has.
    pub changes: u64,
    /// Whom it touches.
    pub blast: Blast,
    /// Conflicts that reading would log now.
    pub conflicts: Conflicts,
    /// Fields whose value a side cannot hold, which would be parked.
    pub unwritable: u64,
    /// What waits or is listed after reading, by kind.
    pub waiting: Vec<(Wait, u64)>,
}

/// What would be written to one system.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Planning {
    /// The changes.
    #[serde(flatten)]
    pub preview: Preview,
    /// What they cost.
    pub cost: Cost,
    /// What the service does by itself when these records are made, by object.
    pub automations: BTreeMap<String, Vec<String>>,
}

/// How many people a plan touches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Blast {
    /// People with a change on either side.
    pub people: u64,
    /// Of so many.
    pub of: u64,
    /// Records that would be written.
    pub records: u64,
}

/// Conflicts that reading would log.
#[derive(Clone, Debug, Default)]
pub struct Conflicts {
    /// Those that a rule decides.
    pub decided: u64,
    /// Those that would wait for a person.
    pub open: u64,
    /// The first of them.
    pub samples: Vec<LogLine>,
}

/// What became of a plan.
pub enum Outcome {
    /// It was made.
    Made(Box<Plan>),
    /// A system could not be read, so that nobody can say what a cycle would do.
    Unread(Vec<(Side, Error)>),
}

impl Sync {
    /// The same sync over another store, keeping its conflicts to itself.
    ///
    /// # Errors
    /// There is no `/dev/null`.
    pub async fn over(&self, store: Arc<dyn Kv>) -> Result<Self, StoreError> {
        let of = &self.committer;
        let log = Arc::new(ConflictLog::nowhere()?);
        let seed = of.new_cycle().await.0.as_u64_pair().1;
        let committer = of.over(store, log, seed);
        committer.learn(of.objects().await).await;
        Ok(Self::new(committer, self.systems.clone(), Box::new(|| Box::pin(async { Ok(()) }))).keeping(self.history))
    }

    /// What a cycle would do now. `self` must lie over another store ([`Sync::over`]): it reads and decides like a
    /// cycle. Each line goes to `lines`, if somebody listens.
    ///
    /// # Errors
    /// The store's.
    pub async fn plan(&self, digest: &str, lines: Option<&mpsc::Sender<Line>>) -> Result<Outcome, StoreError> {
        let known = self.look_counts().await?;
        self.adopt(digest).await?;
        let cycle = self.committer.new_cycle().await;
        let mut report = Report { cycle: Some(cycle), ..Report::default() };
        self.observe_all(cycle, Deletions::Now, &mut report).await?;
        if !report.troubles.is_empty() {
            return Ok(Outcome::Unread(report.troubles));
        }
        let mut plan = self.survey(lines).await?;
        plan.conflicts = self.conflicts_after(known.lines)?;
        for wait in Wait::ALL {
            plan.waiting.push((wait, self.count(&self.committer.tag.waiting(wait))?));
        }
        Ok(Outcome::Made(Box::new(plan)))
    }

    /// What a push would do now, by system.
    ///
    /// # Errors
    /// The store's.
    pub async fn preview(&self) -> Result<Vec<Preview>, StoreError> {
        Ok(self.survey(None).await?.systems.into_iter().map(|planning| planning.preview.brief()).collect())
    }

    /// The same for people. While nothing changes it is not computed again: a status of half a million people who wait
    /// for their approval is asked for every few seconds.
    ///
    /// # Errors
    /// The store's.
    pub async fn shown_preview(&self) -> Result<serde_json::Value, StoreError> {
        let edition = self.look_counts().await?.edition;
        if let Some((of, shown)) = self.lock_previewed().as_ref()
            && *of == edition
        {
            return Ok(shown.clone());
        }
        let shown = serde_json::to_value(self.preview().await?).unwrap_or_default();
        *self.lock_previewed() = Some((edition, shown.clone()));
        Ok(shown)
    }

    /// Everything in the outbox, in the order in which it would be pushed.
    async fn survey(&self, lines: Option<&mpsc::Sender<Line>>) -> Result<Plan, StoreError> {
        let mut previews = Pair::from_fn(|side| Preview::of(&self.systems[side].name));
        let mut plan = Plan::default();
        for lane in LANES {
            for side in Side::BOTH {
                let prefix = self.committer.tag.outbox(side, lane);
                let mut after: Option<Vec<u8>> = None;
                loop {
                    let rows = self.committer.store.scan(&prefix, after.as_deref(), PAGE)?;
                    let Some((last, _)) = rows.last() else { break };
                    after = Some(last.clone());
                    let ids: BTreeSet<Id> = rows.iter().filter_map(|(key, _)| entity_of(key)).collect();
                    let all = |world: &mut World<'_>| ids.iter().map(|id| one(world, side, lane, *id)).collect();
                    let writes: Vec<Vec<Write>> = self.look(all).await?;
                    for write in writes.into_iter().flatten() {
                        plan.add(&mut previews[side], &write);
                        if let Some(lines) = lines {
                            send(lines, write.lines).await;
                        }
                    }
                }
            }
        }
        plan.blast.of = self.look_counts().await?.people;
        let is_first_load = !self.flag(LOADED)?;
        let whole = |side: Side| self.whole(side, std::mem::take(&mut previews[side]), is_first_load);
        plan.systems = Side::BOTH.map(whole).into();
        Ok(plan)
    }

    fn whole(&self, side: Side, preview: Preview, is_first_load: bool) -> Planning {
        let system = &self.systems[side];
        let made = preview.records.iter().filter(|(_, records)| records.creates > 0);
        let automations = made.filter_map(|(object, _)| {
            let known = &system.connector.capabilities(object)?.on_create;
            let fire = known.iter().filter(|automation| automation.in_bulk || !is_first_load);
            Some((object.clone(), fire.map(|automation| automation.does.clone()).collect::<Vec<_>>()))
        });
        let automations = automations.filter(|(_, does)| !does.is_empty()).collect();
        let cost = cost::cost(&preview, system, self.committer.rules.verify);
        Planning { preview, cost, automations }
    }

    /// Lines of the conflict log behind this number.
    fn conflicts_after(&self, number: u64) -> Result<Conflicts, StoreError> {
        use crate::merge::event::ConflictStatus;
        let prefix = self.committer.tag.table(b'c');
        let mut after = Some(self.committer.tag.line(number));
        let mut conflicts = Conflicts::default();
        loop {
            let rows = self.committer.store.scan(&prefix, after.as_deref(), PAGE)?;
            let Some((last, _)) = rows.last() else { return Ok(conflicts) };
            after = Some(last.clone());
            for (key, bytes) in &rows {
                let Some(line) = format::open_readable::<LogLine>(key, bytes) else { continue };
                match line.event.status {
                    ConflictStatus::Open => conflicts.open += 1,
                    ConflictStatus::Resolved => conflicts.decided += 1,
                    ConflictStatus::Superseded | ConflictStatus::Dismissed => continue,
                }
                if conflicts.samples.len() < SAMPLES {
                    conflicts.samples.push(line);
                }
            }
        }
    }
}

/// What would be written to one record.
struct Write {
    lines: Vec<Line>,
    unwritable: u64,
    /// Nothing of the person was counted before.
    is_first: bool,
}

impl Plan {
    fn add(&mut self, preview: &mut Preview, write: &Write) {
        self.changes += write.lines.len() as u64;
        self.unwritable += write.unwritable;
        if !write.lines.is_empty() {
            self.blast.records += 1;
            self.blast.people += u64::from(write.is_first);
        }
        preview.add(&write.lines);
    }
}

fn one(world: &mut World<'_>, side: Side, lane: u8, id: Id) -> Result<Vec<Write>, StoreError> {
    let Some(entity) = world.shared(id)? else { return Ok(Vec::new()) };
    let rules = world.context.rules;
    let member = |side| planned(&entity, side, world.context);
    let writes = if lane == SECONDARY { planned_secondaries(&entity, side, world.context) } else { vec![member(side)] };
    // A person is counted once: with the left record, else the right one, else the first secondary.
    let touched = |side| !member(side).changes.is_empty();
    let mut is_first = match (lane, side) {
        (SECONDARY, _) => !touched(Side::Left) && !touched(Side::Right),
        (_, Side::Left) => true,
        (_, Side::Right) => !touched(Side::Left),
    };
    let lines = |PlannedWrite { changes, problems }| {
        let is_first = std::mem::replace(&mut is_first, false);
        let lines = changes.into_iter().map(|change| Line::new(rules, side, id, change)).collect();
        Write { lines, unwritable: problems.len() as u64, is_first }
    };
    Ok(writes.into_iter().map(lines).collect())
}

/// Where nobody listens any more, the plan is still counted.
async fn send(listener: &mpsc::Sender<Line>, lines: Vec<Line>) {
    for line in lines {
        if listener.send(line).await.is_err() {
            return;
        }
    }
}
