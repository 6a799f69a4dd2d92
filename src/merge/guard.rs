//! What a guard counts. Counting itself needs a memory, and is done by the cycle.

use std::{collections::BTreeSet, time::Duration};

use hymnal_sdk::{ActorKind, Address};
use serde::{Deserialize, Serialize};

use super::{
    context::Context,
    entity::{Entity, Field},
    held::Gate,
    patch::{Change, Patch, restricts},
    rules::FieldRule,
    side::Side,
};
use crate::mapping::Value;

/// What is counted, and waits together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GuardKind {
    /// Records made.
    Creates,
    /// Records changed, but for consent.
    Updates,
    /// Records unlinked because they were deleted, which is what deletions elsewhere follow from.
    Deletes,
    /// Records in which a value is cleared.
    Blanked,
    /// Records in which a consent is restricted: released after a day unless somebody discards it.
    OptOuts,
    /// Records in which a consent is changed otherwise. Counted with the opt-outs, and never released by time.
    OptIns,
}

impl GuardKind {
    /// All.
    pub const ALL: [Self; 6] =
        [Self::Creates, Self::Updates, Self::Deletes, Self::Blanked, Self::OptOuts, Self::OptIns];

    /// The kind whose guard counts it.
    #[must_use]
    pub fn counted_as(self) -> Self {
        if self == Self::OptIns { Self::OptOuts } else { self }
    }

    /// The word in ids and answers.
    pub fn word(self) -> &'static str {
        match self {
            Self::Creates => "creates",
            Self::Updates => "updates",
            Self::Deletes => "deletes",
            Self::Blanked => "blanked",
            Self::OptOuts => "opt_outs",
            Self::OptIns => "opt_ins",
        }
    }

    /// The key of the configuration.
    pub fn key(self) -> &'static str {
        match self {
            Self::Creates => "max_creates",
            Self::Updates => "max_updates",
            Self::Deletes => "max_deletes",
            Self::Blanked => "max_blanked",
            Self::OptOuts | Self::OptIns => "max_optout_changes",
        }
    }
}

/// Where changes come from: what is held is grouped by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provenance {
    /// A bulk import.
    Import,
    /// A rule inside a service.
    Workflow,
    /// Another program.
    Integration,
    /// A person.
    Person,
    /// Nobody tells.
    Unknown,
}

impl Provenance {
    /// The word in answers.
    pub fn word(self) -> &'static str {
        match self {
            Self::Import => "import",
            Self::Workflow => "workflow",
            Self::Integration => "integration",
            Self::Person => "person",
            Self::Unknown => "unknown",
        }
    }
}

/// The guards of a sync.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Guards {
    /// Over so long, rolling.
    pub window: Duration,
    /// Records made.
    pub max_creates: Limit,
    /// Records changed.
    pub max_updates: Limit,
    /// Records unlinked because they were deleted.
    pub max_deletes: Limit,
    /// Records in which a value is cleared.
    pub max_blanked: Limit,
    /// Records in which a consent changes.
    pub max_optout_changes: Limit,
}

/// How many of one kind; with neither, the guard is off.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Limit {
    /// So many.
    pub count: Option<u64>,
    /// This part of the linked people, from a hundred on.
    pub share: Option<f64>,
}

/// Below so many linked people, a share of them says nothing.
const SHARED_FROM: u64 = 100;

impl Limit {
    /// No guard.
    pub const OFF: Self = Self { count: None, share: None };

    /// Both.
    pub const fn of(count: u64, share: f64) -> Self {
        Self { count: Some(count), share: Some(share) }
    }
}

impl Default for Guards {
    fn default() -> Self {
        Self {
            window: Duration::from_hours(1),
            max_creates: Limit::of(1000, 0.10),
            max_updates: Limit::of(5000, 0.20),
            max_deletes: Limit::of(10, 0.01),
            max_blanked: Limit::of(100, 0.02),
            max_optout_changes: Limit::of(200, 0.05),
        }
    }
}

impl Guards {
    /// How many may be done within the window; `None`: any number.
    pub fn most(&self, kind: GuardKind, linked: u64) -> Option<u64> {
        let limit = match kind {
            GuardKind::Creates => self.max_creates,
            GuardKind::Updates => self.max_updates,
            GuardKind::Deletes => self.max_deletes,
            GuardKind::Blanked => self.max_blanked,
            GuardKind::OptOuts | GuardKind::OptIns => self.max_optout_changes,
        };
        let share = limit.share.filter(|_| linked >= SHARED_FROM).map(|share| part(linked, share));
        [limit.count, share].into_iter().flatten().min()
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a share of at most one of people, of whom there are fewer than 2^52"
)]
fn part(linked: u64, share: f64) -> u64 {
    (linked as f64 * share).floor() as u64
}

/// Which kind a change is.
pub fn kind_of(rule: &FieldRule, golden: &Value) -> GuardKind {
    match (&rule.policy.consent, golden.is_blank()) {
        (Some(_), _) if restricts(rule, golden) => GuardKind::OptOuts,
        (Some(_), _) => GuardKind::OptIns,
        (None, true) => GuardKind::Blanked,
        (None, false) => GuardKind::Updates,
    }
}

/// The kinds that a patch must be let through for, with where it comes from: what was let through already is left out.
pub fn kinds(entity: &Entity, side: Side, patch: &Patch, context: &Context<'_>) -> BTreeSet<(GuardKind, Provenance)> {
    let mut kinds = BTreeSet::new();
    for change in &patch.changes {
        let Some((rule, field)) = known(entity, change, context) else { continue };
        if field.gate(side) == Some(Gate::Passed) {
            continue;
        }
        kinds.insert((kind_of(rule, &change.golden), cause(field)));
    }
    // A value that is cleared is a change of the record too.
    let cleared: Vec<_> =
        kinds.iter().filter(|(kind, _)| *kind == GuardKind::Blanked).map(|(_, cause)| *cause).collect();
    kinds.extend(cleared.into_iter().map(|cause| (GuardKind::Updates, cause)));
    one_cause_each(kinds)
}

/// A record is one entry of a kind, whatever its fields come from; the first cause stands for it.
fn one_cause_each(kinds: BTreeSet<(GuardKind, Provenance)>) -> BTreeSet<(GuardKind, Provenance)> {
    let mut seen = BTreeSet::new();
    kinds.into_iter().filter(|(kind, _)| seen.insert(*kind)).collect()
}

/// Where the creation of a person comes from.
pub fn cause_of_person(entity: &Entity) -> Provenance {
    let causes = entity.fields.values().filter(|field| !field.golden.is_blank()).map(cause);
    causes.min().unwrap_or(Provenance::Unknown)
}

fn cause(field: &Field) -> Provenance {
    let by = field.origin.as_ref().and_then(|origin| origin.by.as_ref());
    match by.map(|actor| actor.kind) {
        Some(ActorKind::Import) => Provenance::Import,
        Some(ActorKind::Workflow) => Provenance::Workflow,
        Some(ActorKind::Integration) => Provenance::Integration,
        Some(ActorKind::Person) => Provenance::Person,
        Some(ActorKind::Us | ActorKind::Unknown) | None => Provenance::Unknown,
    }
}

/// The kinds that the patch of a further record must be let through for, with where it comes from.
pub fn kinds_of_secondary(
    entity: &Entity,
    side: Side,
    address: &Address,
    patch: &Patch,
    context: &Context<'_>,
) -> BTreeSet<(GuardKind, Provenance)> {
    let Some(secondary) = entity.secondary(side, address) else { return BTreeSet::new() };
    let kinds = patch.changes.iter().filter_map(|change| {
        let (rule, field) = known(entity, change, context)?;
        let gate = secondary.fields.get(&change.field).and_then(|holding| holding.gate_of(&change.golden));
        (gate != Some(Gate::Passed)).then(|| (kind_of(rule, &change.golden), cause(field)))
    });
    one_cause_each(kinds.collect())
}

fn known<'e, 'c>(entity: &'e Entity, change: &Change, context: &Context<'c>) -> Option<(&'c FieldRule, &'e Field)> {
    let rule = context.rules.fields.iter().find(|rule| rule.map.name == change.field)?;
    Some((rule, entity.fields.get(&change.field)?))
}
