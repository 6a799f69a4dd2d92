//! A person decides a value: an open conflict is resolved, a field that flips is set, what was written is taken back.
//!
//! The decision is golden at once, and stands on both sides as an edit of the same value until it has reached them. So
//! it competes, and loses or wins in the open, with whatever somebody enters before they could see it; and an edit made
//! after it has arrived is an edit like any other.

use hymnal_sdk::{Actor, ActorKind};

use super::{
    context::Context,
    decide::decide,
    entity::{Edit, Entity, Field, Mark, OpenConflict, Origin},
    event::{Cause, ConflictEvent, ConflictLine, ConflictStatus, Event, Ruling, StoredConflict},
    field::Evidence,
    logged::{stored, thaw},
    patch,
    reading::Ledger,
    rules::FieldRule,
    side::{Pair, Side},
};
use crate::mapping::{self, NativeField, Problem, Value};

/// What a person decides.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The canonical field.
    pub field: String,
    /// What it is to be, on both sides.
    pub value: Value,
    /// Why.
    pub cause: Cause,
    /// Who.
    pub by: String,
    /// Whether it may loosen a consent.
    pub loosening: Loosening,
}

/// Whether a decision may loosen a consent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Loosening {
    /// It may not.
    #[default]
    Refused,
    /// The person says that they have the consent.
    Allowed,
}

/// Why a decision cannot be taken. `{left}` and `{right}` are for the systems' names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// The field is not mapped, or nothing of it has been read.
    Unknown,
    /// There are not two records that can be seen.
    Alone,
    /// The person is not in what the sync is for, and is not written.
    OutOfScope,
    /// What a side holds is not known.
    Unread(Side),
    /// What a side holds cannot be understood, so that it is not written over.
    Unreadable(Side),
    /// Values flow out of this side only, and it holds another one.
    OneWay(Side),
    /// It would loosen a consent.
    Loosens,
    /// This side cannot hold the value.
    CannotHold(Side, Problem),
}

impl Unfit {
    /// Why, and what to do.
    pub fn words(&self) -> (String, String) {
        match self {
            Self::Unknown => ("the field is not mapped, or was never read".into(), String::new()),
            Self::Alone => (
                "there are not two linked records that can be seen".into(),
                "one of them was deleted, merged or hidden; look at `hymnal explain`".into(),
            ),
            Self::OutOfScope => (
                "the person is out of scope, and is not written".into(),
                "look at `include` in the configuration".into(),
            ),
            Self::Unread(side) => {
                (format!("what {} holds is not read yet", side.token()), "wait for the next cycle".into())
            }
            Self::Unreadable(side) => (
                format!("{} holds a value that cannot be understood, and it is not written over", side.token()),
                format!("correct it in {}, or list it in the field's `values`", side.token()),
            ),
            Self::OneWay(side) => (
                format!("values flow out of {} only, and it holds another one", side.token()),
                format!("change it in {}", side.token()),
            ),
            Self::Loosens => (
                "it would loosen a consent".into(),
                "only somebody who has the person's consent may: add `--i-have-consent`".into(),
            ),
            Self::CannotHold(side, problem) => {
                (format!("{} cannot hold it: {}", side.token(), problem.message), problem.hint.clone())
            }
        }
    }
}

/// Whether a decision can be taken on what is known now.
///
/// # Errors
/// Why not.
pub fn fits(entity: &Entity, decision: &Decision, context: &Context<'_>) -> Result<(), Unfit> {
    let rule = context.rules.fields.iter().find(|rule| rule.map.name == decision.field).ok_or(Unfit::Unknown)?;
    let field = entity.fields.get(&decision.field).ok_or(Unfit::Unknown)?;
    if !entity.is_linked() || Side::BOTH.iter().any(|side| entity.seen(*side).is_none()) {
        return Err(Unfit::Alone);
    }
    if !entity.scope.is_in() && !patch::restricts(rule, &decision.value) {
        return Err(Unfit::OutOfScope);
    }
    for side in Side::BOTH {
        can_become(entity, rule, side, &decision.value, context)?;
    }
    if decision.loosening == Loosening::Refused && loosens(rule, field, &decision.value) {
        return Err(Unfit::Loosens);
    }
    Ok(())
}

/// Whether a side holds a value, or can be written to hold it.
pub(super) fn can_become(
    entity: &Entity,
    rule: &FieldRule,
    side: Side,
    value: &Value,
    context: &Context<'_>,
) -> Result<(), Unfit> {
    let Some((place, object)) = placed(entity, rule, side) else { return Ok(()) };
    let field = entity.fields.get(&rule.map.name).ok_or(Unfit::Unknown)?;
    let held = field.sides[side].shadow.as_ref().ok_or(Unfit::Unread(side))?;
    if mapping::read(&rule.map, place, held).map_err(|_| Unfit::Unreadable(side))? == *value {
        return Ok(());
    }
    if !patch::enters(rule, side, value) {
        return Err(Unfit::OneWay(side));
    }
    let written = patch::native(rule, place, side, object, value, context);
    written.map(|_| ()).map_err(|problem| Unfit::CannotHold(side, problem))
}

/// Takes a person's decision, and decides the entity anew.
///
/// # Errors
/// Why it cannot be taken; nothing has changed then.
pub fn rule(
    entity: &mut Entity,
    decision: &Decision,
    context: &Context<'_>,
    ledger: &mut Ledger<'_>,
) -> Result<(), Unfit> {
    fits(entity, decision, context)?;
    let rule = context.rules.fields.iter().find(|rule| rule.map.name == decision.field).ok_or(Unfit::Unknown)?;
    let holds = Pair::from_fn(|side| stands(entity, rule, side));
    let Some(field) = entity.fields.get_mut(&decision.field) else { return Err(Unfit::Unknown) };
    close(field, &holds, decision, context, ledger);
    let from = std::mem::replace(&mut field.golden, decision.value.clone());
    thaw(field);
    field.linked = true;
    for side in Side::BOTH {
        let holding = &mut field.sides[side];
        // What was refused, ignored or left where it stands is tried again: a person says so.
        holding.mark.take_if(|mark| !matches!(mark, Mark::Normalised { .. }));
        if rule.policy.consent.is_some() {
            // Two edits that both loosen would be refused where nobody may; a person who has the consent said it here.
            holding.edit = None;
        } else if let Some(held) = &holds[side]
            && holding.edit.as_ref().is_none_or(|edit| edit.value != decision.value)
        {
            holding.edit = Some(Edit {
                value: decision.value.clone(),
                before: Some(held.clone()),
                evidence: Evidence::Field { at: context.now },
                by: Some(person(&decision.by)),
                with_email: false,
            });
        }
    }
    let at = Evidence::Field { at: context.now };
    field.origin = Some(origin(&decision.by, the_only(&holds, &decision.value), at, &decision.cause));
    ledger.events.push(Event::Ruled(Box::new(Ruling {
        field: decision.field.clone(),
        side: None,
        from,
        to: decision.value.clone(),
        cause: decision.cause.clone(),
        by: decision.by.clone(),
    })));
    decide(entity, context, ledger);
    Ok(())
}

/// What each side holds of a field; `None` where it is not mapped there, unread, or cannot be understood.
pub fn stands(entity: &Entity, rule: &FieldRule, side: Side) -> Option<Value> {
    let (place, _) = placed(entity, rule, side)?;
    let native = entity.fields.get(&rule.map.name)?.sides[side].shadow.as_ref()?;
    mapping::read(&rule.map, place, native).ok()
}

/// A value as a person types it: the canonical form, or one that the field's type reads; empty is blank.
///
/// # Errors
/// It is none of this type, or none of the names that the field has.
pub fn typed(rule: &FieldRule, text: &str) -> Result<Value, Problem> {
    let value = mapping::read(&rule.map, &NativeField::default(), &hymnal_sdk::Native::text(text))?;
    Ok(value)
}

/// Closes the question that the decision answers.
pub(super) fn close(
    field: &mut Field,
    holds: &Pair<Option<Value>>,
    decision: &Decision,
    context: &Context<'_>,
    ledger: &mut Ledger<'_>,
) {
    let Some(OpenConflict { id, kind, .. }) = field.conflict.take() else { return };
    let winner = the_only(holds, &decision.value);
    let reason = match (&decision.cause, winner) {
        (Cause::Undone, _) => format!("{} took back what was written", decision.by),
        (Cause::Resolved(_), Some(side)) => format!("{} took the value of {}", decision.by, side.token()),
        (Cause::Resolved(_), None) => format!("{} decided", decision.by),
    };
    let line = StoredConflict { winner, ..stored(kind, "manual", &reason, Some(decision.value.clone())) };
    let shown = |side: Side| {
        let value = holds[side].clone()?;
        let unknown = Edit { value, before: None, evidence: Evidence::None, by: None, with_email: false };
        Some(field.sides[side].edit.clone().unwrap_or(unknown))
    };
    ledger.events.push(Event::Conflict(Box::new(ConflictEvent {
        id,
        field: decision.field.clone(),
        verdict: ConflictLine::Field(line),
        base: field.agreed.clone(),
        edits: Pair::from_fn(shown),
        natives: Pair::from_fn(|side| field.sides[side].shadow.clone()),
        status: ConflictStatus::Resolved,
        at: context.now,
    })));
}

/// The one side that holds this value.
fn the_only(holds: &Pair<Option<Value>>, value: &Value) -> Option<Side> {
    let holds = |side: Side| holds[side].as_ref() == Some(value);
    Side::BOTH.into_iter().find(|side| holds(*side) && !holds(side.other()))
}

/// Who set the golden value: a person, through us.
pub(super) fn origin(by: &str, side: Option<Side>, evidence: Evidence, cause: &Cause) -> Origin {
    let rule = match cause {
        Cause::Resolved(_) => "resolved by a person",
        Cause::Undone => "undone by a person",
    };
    Origin { side, evidence, by: Some(person(by)), rule: rule.to_owned(), by_person: true }
}

/// It would take a restriction back: one that is golden, or that a side still holds.
pub(super) fn loosens(rule: &FieldRule, field: &Field, value: &Value) -> bool {
    let Some(consent) = &rule.policy.consent else { return false };
    let level = |value: &Value| consent.steps.iter().rposition(|step| step == value);
    let edits = field.sides.iter().filter_map(|(_, holding)| holding.edit.as_ref().map(|edit| &edit.value));
    edits.chain([&field.golden]).any(|held| consent.restricts(held) && level(value) < level(held))
}

fn placed<'a>(entity: &'a Entity, rule: &'a FieldRule, side: Side) -> Option<(&'a NativeField, &'a str)> {
    let object = &entity.members[side].as_ref()?.address.object;
    Some((Context::place(rule, side, object)?, object))
}

fn person(name: &str) -> Actor {
    Actor { name: name.to_owned(), kind: ActorKind::Person }
}
