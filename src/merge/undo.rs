//! What was written is taken back: only where it still stands as we wrote it, on both sides.
//!
//! Where both sides had the same value before, that value is a person's decision for both. Where they had different
//! ones, because they had never agreed (a first link), each gets its own back, and they stand apart until somebody edits
//! one of them: a person who undoes a first run wants the records as they were, and loses neither value.

use std::collections::BTreeMap;

use hymnal_sdk::Native;

use super::{
    context::Context,
    decide::decide,
    entity::{Entity, Field, Mark},
    event::{Cause, Event, Ruling, SentChange},
    field::Evidence,
    logged::thaw,
    patch::restricts,
    person::{Decision, Loosening, Unfit, can_become, close, loosens, rule, stands},
    reading::Ledger,
    rules::FieldRule,
    side::{Pair, Side},
};
use crate::{
    mapping::{self, Value},
    planted::{self, Planted},
};

/// One field of one write.
#[derive(Clone, Debug, PartialEq)]
pub struct Write {
    /// The side that was written to.
    pub side: Side,
    /// The object there.
    pub object: String,
    /// What was written.
    pub change: SentChange,
}

/// What is to be done about one field.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The canonical field.
    pub field: String,
    /// What each side holds now.
    pub holds: Pair<Option<Value>>,
    /// What each side is to hold, or why it is left as it is.
    pub outcome: Result<Pair<Value>, Left>,
}

/// Why a field is left as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Left {
    /// It was decided otherwise since.
    Changed,
    /// This side does not hold what was decided: somebody edited it, or the write has not arrived.
    NotOurs(Side),
    /// It waits for a person.
    Waits,
    /// What stood there before cannot be understood.
    Unreadable,
    /// It cannot be taken.
    Unfit(Unfit),
}

impl Left {
    /// Why, and what to do. `{left}` and `{right}` are for the systems' names.
    pub fn words(&self) -> (String, String) {
        match self {
            Self::Changed => {
                ("it was changed since".into(), "look at `hymnal history`; undo the latest change first".into())
            }
            Self::NotOurs(side) => (
                format!(
                    "{} does not hold what was written: somebody edited it, or the write did not arrive",
                    side.token()
                ),
                "look at `hymnal explain`".into(),
            ),
            Self::Waits => ("it waits for a person".into(), "answer it with `hymnal conflicts resolve`".into()),
            Self::Unreadable => ("what stood there before cannot be understood".into(), String::new()),
            Self::Unfit(Unfit::OneWay(side)) => (
                format!("values flow out of {} only, and it still holds this one", side.token()),
                format!("change it in {}; it follows here", side.token()),
            ),
            Self::Unfit(Unfit::Loosens) => (
                "it would loosen a consent, and nobody is mailed again because a change is taken back".into(),
                "only somebody who has the person's consent may: add `--i-have-consent`".into(),
            ),
            Self::Unfit(unfit) => unfit.words(),
        }
    }
}

/// What taking these writes back would come to, field by field, in the order of the configuration. `writes` are one
/// entity's, oldest first.
pub fn steps(entity: &Entity, writes: &[Write], loosening: Loosening, context: &Context<'_>) -> Vec<Step> {
    let mut by_field: BTreeMap<&str, Vec<&Write>> = BTreeMap::new();
    for write in writes {
        by_field.entry(&write.change.field).or_default().push(write);
    }
    let mut steps = Vec::new();
    for rule in &context.rules.fields {
        let Some(writes) = by_field.remove(rule.map.name.as_str()) else { continue };
        let holds = Pair::from_fn(|side| stands(entity, rule, side));
        let outcome = outcome(entity, rule, &writes, &holds, loosening, context);
        if outcome.as_ref().is_ok_and(|back| Side::BOTH.iter().all(|side| holds[*side].as_ref() == Some(&back[*side])))
        {
            continue;
        }
        steps.push(Step { field: rule.map.name.clone(), holds, outcome });
    }
    for field in by_field.into_keys() {
        let outcome = Err(Left::Unfit(Unfit::Unknown));
        steps.push(Step { field: field.to_owned(), holds: Pair::default(), outcome });
    }
    steps
}

/// Takes back what can be, and decides the entity anew. Answers every step, done or left.
pub fn take_back(
    entity: &mut Entity,
    writes: &[Write],
    by: &str,
    loosening: Loosening,
    context: &Context<'_>,
    ledger: &mut Ledger<'_>,
) -> Vec<Step> {
    let mut steps = steps(entity, writes, loosening, context);
    for step in &mut steps {
        let Ok(back) = &step.outcome else { continue };
        if planted::is(Planted::ForgetUndo) {
            continue;
        }
        if back.left == back.right {
            let decision = decision(&step.field, &back.left, by, loosening);
            if let Err(unfit) = rule(entity, &decision, context, ledger) {
                step.outcome = Err(Left::Unfit(unfit));
            }
        } else {
            set_apart(entity, step, back, by, context, ledger);
        }
    }
    decide(entity, context, ledger);
    steps
}

fn outcome(
    entity: &Entity,
    rule: &FieldRule,
    writes: &[&Write],
    holds: &Pair<Option<Value>>,
    loosening: Loosening,
    context: &Context<'_>,
) -> Result<Pair<Value>, Left> {
    let field = entity.fields.get(&rule.map.name).ok_or(Left::Unfit(Unfit::Unknown))?;
    still_ours(entity, rule, field, writes, holds)?;
    let back = before(rule, writes, holds)?;
    if !entity.scope.is_in() && Side::BOTH.iter().any(|side| !restricts(rule, &back[*side])) {
        return Err(Left::Unfit(Unfit::OutOfScope));
    }
    for side in Side::BOTH {
        can_become(entity, rule, side, &back[side], context).map_err(Left::Unfit)?;
        if loosening == Loosening::Refused && loosens(rule, field, &back[side]) {
            return Err(Left::Unfit(Unfit::Loosens));
        }
    }
    Ok(back)
}

/// The last of the writes is what both sides hold, and nobody has decided or entered anything since.
fn still_ours(
    entity: &Entity,
    rule: &FieldRule,
    field: &Field,
    writes: &[&Write],
    holds: &Pair<Option<Value>>,
) -> Result<(), Left> {
    if field.conflict.is_some() || field.frozen {
        return Err(Left::Waits);
    }
    if !entity.is_linked() || Side::BOTH.iter().any(|side| entity.seen(*side).is_none()) {
        return Err(Left::Unfit(Unfit::Alone));
    }
    if writes.last().is_none_or(|last| last.change.golden != field.golden) {
        return Err(Left::Changed);
    }
    for side in Side::BOTH {
        let object = entity.members[side].as_ref().map(|member| member.address.object.as_str()).unwrap_or_default();
        if Context::place(rule, side, object).is_none() {
            continue;
        }
        let kept_otherwise = matches!(
            &field.sides[side].mark,
            Some(Mark::Normalised { golden }) if *golden == field.golden
        );
        if holds[side].as_ref() != Some(field.target(side)) && !kept_otherwise {
            return Err(Left::NotOurs(side));
        }
    }
    Ok(())
}

/// What each side held before the first of the writes: what both had agreed on, or, where they had not, what stood in
/// each.
fn before(rule: &FieldRule, writes: &[&Write], holds: &Pair<Option<Value>>) -> Result<Pair<Value>, Left> {
    let first = writes.first().ok_or(Left::Changed)?;
    if let Some(agreed) = &first.change.agreed {
        return Ok(Pair::new(agreed.clone(), agreed.clone()));
    }
    let of_side = |side: Side| -> Result<Value, Left> {
        if let Some(write) = writes.iter().find(|write| write.side == side && write.change.agreed.is_none()) {
            let place = Context::place(rule, side, &write.object).ok_or(Left::Unreadable)?;
            let native = write.change.from.as_ref().unwrap_or(&Native::Null);
            return mapping::read(&rule.map, place, native).map_err(|_| Left::Unreadable);
        }
        // It was not written to when the two met. What they agreed on then is what it held; if nothing was written
        // since, that is what it holds.
        let agreed = writes.iter().find_map(|write| write.change.agreed.clone());
        agreed.or_else(|| holds[side].clone()).ok_or(Left::Unfit(Unfit::Unread(side)))
    };
    Ok(Pair::new(of_side(Side::Left)?, of_side(Side::Right)?))
}

/// Each side gets its own value back. The one that was not written to when they met is golden: it is what the records
/// went on from.
fn set_apart(
    entity: &mut Entity,
    step: &Step,
    back: &Pair<Value>,
    by: &str,
    context: &Context<'_>,
    ledger: &mut Ledger<'_>,
) {
    let Some(field) = entity.fields.get_mut(&step.field) else { return };
    // The two differ, so that one of them at most is golden.
    let stays = Side::BOTH.into_iter().find(|side| back[*side] == field.golden);
    let side = stays.unwrap_or(context.rules.priority).other();
    let decision = decision(&step.field, &back[side.other()], by, Loosening::Refused);
    close(field, &step.holds, &decision, context, ledger);
    thaw(field);
    field.linked = true;
    field.golden = back[side.other()].clone();
    for each in Side::BOTH {
        field.sides[each].edit = None;
        field.sides[each].mark = None;
        let held = step.holds[each].clone().unwrap_or(Value::Blank);
        if held != back[each] {
            ledger.events.push(Event::Ruled(Box::new(Ruling {
                field: step.field.clone(),
                side: Some(each),
                from: held,
                to: back[each].clone(),
                cause: Cause::Undone,
                by: by.to_owned(),
            })));
        }
    }
    field.sides[side].mark = Some(Mark::Apart { golden: field.golden.clone(), value: back[side].clone() });
    field.origin = Some(super::person::origin(by, None, Evidence::Field { at: context.now }, &Cause::Undone));
}

fn decision(field: &str, value: &Value, by: &str, loosening: Loosening) -> Decision {
    Decision { field: field.to_owned(), value: value.clone(), cause: Cause::Undone, by: by.to_owned(), loosening }
}
