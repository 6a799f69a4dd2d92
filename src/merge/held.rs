//! What a guard holds back: where it is noted, and what becomes of it.

use std::collections::BTreeSet;

use hymnal_sdk::{Address, Native};
use serde::{Deserialize, Serialize};

use super::{
    context::Context,
    entity::{Entity, Field, Holding, Mark, Presence, Want},
    event::Event,
    guard::{GuardKind, kind_of},
    patch::{Patch, differs},
    rules::FieldRule,
    side::{Pair, Side},
};
use crate::mapping::{self, NativeField, Value};

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

/// A gate of one field, in force as long as the side is to hold this value: what is decided later is another matter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FieldGate {
    /// For this value: the golden one, or an earlier one that a person had brought back there.
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

/// A person does not want what would be written to a member, or that a record is made.
pub fn discard_all(entity: &mut Entity, side: Side, patch: &mut Patch, context: &Context<'_>) -> Vec<Event> {
    // As if a hold of its own held all of it: no hold has the number 0.
    let all = Gate::Held { hold: 0, entry: 0 };
    if entity.wants[side] == Want::Create {
        entity.gates[side] = Some(RecordGate::Gate(GuardKind::Creates, all));
    }
    for kind in GuardKind::ALL {
        hold(entity, side, kind, all, patch, context);
    }
    for secondary in &mut entity.secondaries[side] {
        for (name, holding) in &mut secondary.fields {
            if let Some(field) = entity.fields.get(name) {
                holding.gate = Some(FieldGate { golden: field.golden.clone(), gate: all });
            }
        }
    }
    answer(entity, side, 0, (0, Answer::Discarded), context)
}

/// Takes what a guard holds out of the patch of a further record, and notes it there.
pub fn hold_secondary(
    entity: &mut Entity,
    side: Side,
    address: &Address,
    (kind, gate): (GuardKind, Gate),
    patch: &mut Patch,
    context: &Context<'_>,
) {
    let Some(secondary) = entity.secondary_mut(side, address) else { return };
    patch.changes.retain(|change| {
        let rule = context.rules.fields.iter().find(|rule| rule.map.name == change.field);
        let waits = rule.is_some_and(|rule| kind_of(rule, &change.golden) == kind);
        let holding = secondary.fields.get_mut(&change.field);
        let Some(holding) = holding.filter(|holding| waits && holding.gate_of(&change.golden) != Some(Gate::Passed))
        else {
            return true;
        };
        holding.gate = Some(FieldGate { golden: change.golden.clone(), gate });
        false
    });
}

/// Lets the consents of further records pass that would be written now.
pub fn pass_secondaries(entity: &mut Entity, side: Side, kinds: &[GuardKind], context: &Context<'_>) -> bool {
    let mut any = false;
    for rule in context.rules.fields.iter().filter(|rule| rule.policy.consent.is_some()) {
        let Some(golden) = entity.fields.get(&rule.map.name).map(|field| field.golden.clone()) else { continue };
        if !kinds.contains(&kind_of(rule, &golden)) {
            continue;
        }
        for secondary in &mut entity.secondaries[side] {
            if let Some(holding) = secondary.fields.get_mut(&rule.map.name) {
                holding.gate = Some(FieldGate { golden: golden.clone(), gate: Gate::Passed });
                any = true;
            }
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
                let places = Pair::from_fn(|side| {
                    let member = entity.members[side].as_ref()?;
                    Context::place(rule, side, &member.address.object)
                });
                discard(field, rule, &places);
            }
            Some(Answer::Anew) => field.sides[side].gate = None,
            None => {}
        }
    }
    answer_secondaries(entity, side, told, &mut events);
    events
}

/// Lets pass, or leaves alone, what is held of further records of the person.
fn answer_secondaries(entity: &mut Entity, side: Side, told: impl Fn(Gate) -> Option<Answer>, events: &mut Vec<Event>) {
    for secondary in &mut entity.secondaries[side] {
        for (name, holding) in &mut secondary.fields {
            let Some(held) = &mut holding.gate else { continue };
            match told(held.gate) {
                Some(Answer::Approved) => held.gate = Gate::Passed,
                Some(Answer::Discarded) => {
                    holding.mark = Some(Mark::Discarded { golden: held.golden.clone() });
                    holding.gate = None;
                    events.push(Event::Discarded { side, field: Some(name.clone()) });
                }
                Some(Answer::Anew) => holding.gate = None,
                None => {}
            }
        }
    }
}

/// The golden value goes back to what was agreed. The sides that hold something else are left alone until somebody
/// edits the field again.
fn discard(field: &mut Field, rule: &FieldRule, places: &Pair<Option<&NativeField>>) {
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

impl Holding {
    /// The gate that is in force: it was decided for this golden value.
    pub fn gate_of(&self, golden: &Value) -> Option<Gate> {
        self.gate.as_ref().filter(|gate| gate.golden == *golden).map(|gate| gate.gate)
    }
}

impl Field {
    /// The gate of a side's member that is in force.
    pub fn gate(&self, side: Side) -> Option<Gate> {
        self.sides[side].gate_of(self.target(side))
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
        let is_free = entity.counted[side].is_empty() && entity.secondaries[side].is_empty();
        if is_free && entity.fields.values().all(|field| field.sides[side].gate.is_none()) {
            continue;
        }
        let mut is_settled = object.is_some() && !is_deleted;
        for rule in &context.rules.fields {
            let Some(field) = entity.fields.get_mut(&rule.map.name) else { continue };
            let place = object.as_ref().and_then(|object| Context::place(rule, side, object));
            let is_wanted = place.is_some_and(|place| differs(rule, place, field, &field.sides[side], side));
            is_settled &= !is_wanted && field.sides[side].sent.is_none();
            if field.gate(side).is_none() || !is_wanted {
                field.sides[side].gate = None;
            }
        }
        if is_settled {
            entity.counted[side].clear();
        }
        let fields = &entity.fields;
        for secondary in &mut entity.secondaries[side] {
            for (name, holding) in &mut secondary.fields {
                let golden = fields.get(name).map(|field| &field.golden);
                holding.gate.take_if(|gate| Some(&gate.golden) != golden);
            }
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
        let secondaries = self.secondaries[side].iter().flat_map(|secondary| &secondary.fields);
        let further = secondaries.filter_map(|(name, holding)| holding.gate_of(&self.fields.get(name)?.golden));
        fields.chain(record).chain(further).filter_map(held).collect()
    }

    /// The creation waits, or a person said no.
    pub fn is_barred(&self, side: Side) -> bool {
        matches!(
            self.gates[side],
            Some(RecordGate::Discarded | RecordGate::Gate(GuardKind::Creates, Gate::Held { .. }))
        )
    }
}
