//! What a guard counts, what it holds, and what becomes of what it held. Counting itself needs a memory and is done by
//! the cycle.

use std::{collections::BTreeSet, time::Duration};

use hymnal_sdk::{ActorKind, Native};
use serde::{Deserialize, Serialize};

use super::{
    context::Context,
    entity::{Entity, Field, Mark, Presence},
    event::Event,
    patch::{Change, Patch, differs, restricts},
    rules::FieldRule,
    side::Side,
};
use crate::mapping::{self, Value};

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
    /// A changed configuration.
    Mapping,
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
            Self::Mapping => "mapping change",
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

/// What a guard decided about one field of one member, or about the record as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Gate {
    /// It waits: the number of the hold, and of the entry in it.
    Held {
        /// The hold.
        hold: u32,
        /// The entry.
        entry: u32,
    },
    /// A person let it go: it is not counted.
    Passed,
}

/// A gate of one field, in force as long as the golden value is this one: what is decided later is another matter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FieldGate {
    /// For this golden value.
    pub golden: Value,
    /// What was decided.
    pub gate: Gate,
}

/// A gate of a whole record: its creation, or its unlinking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RecordGate {
    /// As of a field.
    Gate(GuardKind, Gate),
    /// A person said no: it waits for the next edit of the person.
    Discarded,
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
    if field.remapped {
        return Provenance::Mapping;
    }
    let by = field.origin.as_ref().and_then(|origin| origin.by.as_ref());
    match by.map(|actor| actor.kind) {
        Some(ActorKind::Import) => Provenance::Import,
        Some(ActorKind::Workflow) => Provenance::Workflow,
        Some(ActorKind::Integration) => Provenance::Integration,
        Some(ActorKind::Person) => Provenance::Person,
        Some(ActorKind::Us | ActorKind::Unknown) | None => Provenance::Unknown,
    }
}

/// Holds every change of a kind back, in the entity and in the patch.
pub fn hold(entity: &mut Entity, side: Side, kind: GuardKind, gate: Gate, patch: &mut Patch, context: &Context<'_>) {
    let mut left = Vec::new();
    for change in std::mem::take(&mut patch.changes) {
        let rule = context.rules.fields.iter().find(|rule| rule.map.name == change.field);
        let own = rule.map(|rule| kind_of(rule, &change.golden));
        let waits = own == Some(kind) || (kind == GuardKind::Updates && own == Some(GuardKind::Blanked));
        match entity.fields.get_mut(&change.field).filter(|field| waits && field.gate(side) != Some(Gate::Passed)) {
            Some(field) => field.sides[side].gate = Some(FieldGate { golden: change.golden, gate }),
            None => left.push(change),
        }
    }
    patch.changes = left;
}

/// Lets every change of these kinds pass that would be written now.
pub fn pass(entity: &mut Entity, side: Side, patch: &Patch, kinds: &[GuardKind], context: &Context<'_>) -> bool {
    let mut any = false;
    for change in &patch.changes {
        let Some(rule) = context.rules.fields.iter().find(|rule| rule.map.name == change.field) else { continue };
        let Some(field) = entity.fields.get_mut(&change.field) else { continue };
        if kinds.contains(&kind_of(rule, &change.golden)) {
            field.sides[side].gate = Some(FieldGate { golden: change.golden.clone(), gate: Gate::Passed });
            any = true;
        }
    }
    any
}

/// What a person said about a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// It may be written.
    Approved,
    /// It may not.
    Discarded,
    /// It was not seen when the others were decided: it is counted anew.
    Anew,
}

/// Gives the entries of a hold in one entity their answer: those up to an entry this one, those behind it are counted
/// anew.
pub fn answer(
    entity: &mut Entity,
    side: Side,
    hold: u32,
    (upto, said): (u32, Answer),
    context: &Context<'_>,
) -> Vec<Event> {
    let told = |gate: Gate| match gate {
        Gate::Held { hold: of, entry } if of == hold => Some(if entry <= upto { said } else { Answer::Anew }),
        _ => None,
    };
    let mut events = Vec::new();
    if let Some(RecordGate::Gate(kind, gate)) = entity.gates[side] {
        match told(gate) {
            Some(Answer::Approved) => entity.gates[side] = Some(RecordGate::Gate(kind, Gate::Passed)),
            Some(Answer::Discarded) => {
                entity.gates[side] = Some(RecordGate::Discarded);
                events.push(Event::Discarded { side, field: None });
            }
            Some(Answer::Anew) => entity.gates[side] = None,
            None => {}
        }
    }
    for rule in &context.rules.fields {
        let Some(field) = entity.fields.get_mut(&rule.map.name) else { continue };
        let Some(held) = &mut field.sides[side].gate else { continue };
        match told(held.gate) {
            Some(Answer::Approved) => held.gate = Gate::Passed,
            Some(Answer::Discarded) => {
                events.push(Event::Discarded { side, field: Some(rule.map.name.clone()) });
                let places = super::side::Pair::from_fn(|side| {
                    let member = entity.members[side].as_ref()?;
                    Context::place(rule, side, &member.address.object)
                });
                discard(field, rule, &places);
            }
            Some(Answer::Anew) => field.sides[side].gate = None,
            None => {}
        }
    }
    events
}

/// The golden value goes back to what was agreed. The sides that hold something else are left alone until somebody
/// edits the field again.
fn discard(field: &mut Field, rule: &FieldRule, places: &super::side::Pair<Option<&mapping::NativeField>>) {
    if let Some(agreed) = &field.agreed {
        field.golden = agreed.clone();
        field.previous = None;
    }
    for side in Side::BOTH {
        let holding = &mut field.sides[side];
        holding.gate = None;
        holding.edit = None;
        let stands = places[side].zip(holding.shadow.as_ref());
        let holds = stands.and_then(|(place, shadow): (_, &Native)| mapping::read(&rule.map, place, shadow).ok());
        if holds.is_some_and(|value| value != field.golden) {
            holding.mark = Some(Mark::Discarded { golden: field.golden.clone() });
        }
    }
}

fn known<'e, 'c>(entity: &'e Entity, change: &Change, context: &Context<'c>) -> Option<(&'c FieldRule, &'e Field)> {
    let rule = context.rules.fields.iter().find(|rule| rule.map.name == change.field)?;
    Some((rule, entity.fields.get(&change.field)?))
}

impl Field {
    /// The gate of a side that is in force: it was decided for the golden value that is.
    pub fn gate(&self, side: Side) -> Option<Gate> {
        self.sides[side].gate.as_ref().filter(|gate| gate.golden == self.golden).map(|gate| gate.gate)
    }
}

/// Drops what guards decided about writes that nobody wants any more.
pub(super) fn forget_moot(entity: &mut Entity, context: &Context<'_>) {
    for side in Side::BOTH {
        let object = entity.members[side].as_ref().map(|member| member.address.object.clone());
        let is_deleted =
            matches!(entity.members[side].as_ref().map(|member| member.presence), Some(Presence::Deleted { .. }));
        entity.gates[side].take_if(|gate| match gate {
            RecordGate::Gate(GuardKind::Creates, _) => object.is_some(),
            RecordGate::Gate(..) => !is_deleted,
            RecordGate::Discarded => object.is_some() && !is_deleted,
        });
        if entity.counted[side].is_empty() && entity.fields.values().all(|field| field.sides[side].gate.is_none()) {
            continue;
        }
        let mut is_settled = object.is_some() && !is_deleted;
        for rule in &context.rules.fields {
            let Some(field) = entity.fields.get_mut(&rule.map.name) else { continue };
            let place = object.as_ref().and_then(|object| Context::place(rule, side, object));
            let is_wanted = place.is_some_and(|place| differs(rule, place, field, side));
            is_settled &= !is_wanted && field.sides[side].sent.is_none();
            if field.gate(side).is_none() || !is_wanted {
                field.sides[side].gate = None;
            }
        }
        if is_settled {
            entity.counted[side].clear();
        }
    }
}

impl Entity {
    /// The entries of holds that wait on a side: hold, entry.
    pub fn held(&self, side: Side) -> BTreeSet<(u32, u32)> {
        let fields = self.fields.values().filter_map(|field| field.gate(side));
        let record = match self.gates[side] {
            Some(RecordGate::Gate(_, gate)) => Some(gate),
            Some(RecordGate::Discarded) | None => None,
        };
        let held = |gate| match gate {
            Gate::Held { hold, entry } => Some((hold, entry)),
            Gate::Passed => None,
        };
        fields.chain(record).filter_map(held).collect()
    }

    /// The creation waits, or a person said no.
    pub fn is_barred(&self, side: Side) -> bool {
        matches!(
            self.gates[side],
            Some(RecordGate::Discarded | RecordGate::Gate(GuardKind::Creates, Gate::Held { .. }))
        )
    }
}
