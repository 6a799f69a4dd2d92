//! What of an entity is parked, as people see it and handle it: retried, or dismissed.

use hymnal_sdk::{Address, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    context::Context,
    entity::{Entity, Holding, Mark, Parked},
    event::Event,
    side::Side,
};
use crate::mapping::Problem;

/// Why something is parked, so that a thousand with one cause are one line. Its order is the order in which they are
/// shown.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Signature {
    /// The side.
    pub side: Side,
    /// The object there.
    pub object: String,
    /// What could not be done.
    pub what: Parking,
    /// The canonical field; empty for a whole record.
    pub field: String,
    /// The word for grouping.
    pub code: String,
}

/// What could not be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Parking {
    /// The service, or the mapping, refuses a value.
    Field,
    /// The service refuses the record.
    Record,
    /// A value of the service cannot be understood.
    Unreadable,
    /// The service answered success and did nothing.
    Ignored,
    /// A rule that says who is meant has no answer for this person.
    Scope,
    /// What is stored of the person does not read.
    State,
}

/// One parked thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Why.
    pub signature: Signature,
    /// The record, where it is a secondary.
    pub secondary: Option<Address>,
    /// When it is tried again by itself; `None`: not before something changes.
    pub due: Option<Timestamp>,
}

/// The code of what a service ignored.
pub const IGNORED: &str = "ignored";

/// Everything of an entity that is parked and not dismissed, in the order of the configuration.
pub fn waiting(entity: &Entity, context: &Context<'_>) -> Vec<Waiting> {
    let mut all = Vec::new();
    if let Some(problem) = &entity.scope.problem {
        // Asked again whenever the person changes, not by the clock.
        let (object, field, code) = (String::new(), String::new(), problem.code.clone());
        let signature = Signature { side: Side::Left, object, what: Parking::Scope, field, code };
        all.push(Waiting { signature, secondary: None, due: None });
    }
    for side in Side::BOTH {
        let object = object(entity, side, context);
        let mut add = |what, field: &str, code: &str, due| {
            let (field, code) = (field.to_owned(), code.to_owned());
            let signature = Signature { side, object: object.clone(), what, field, code };
            all.push(Waiting { signature, secondary: None, due });
        };
        if let Some(parked) = entity.parked[side].as_ref().filter(|parked| parked.dismissed_by.is_none()) {
            add(Parking::Record, "", &parked.problem.code, parked.next_try);
        }
        for rule in &context.rules.fields {
            let name = &rule.map.name;
            let Some(field) = entity.fields.get(name) else { continue };
            match &field.sides[side].mark {
                Some(Mark::Parked { parked, .. }) if parked.dismissed_by.is_some() => {}
                Some(Mark::Parked { golden: None, parked }) => {
                    add(Parking::Unreadable, name, &parked.problem.code, parked.next_try);
                }
                Some(Mark::Parked { golden: Some(golden), parked }) if *golden == field.golden => {
                    add(Parking::Field, name, &parked.problem.code, parked.next_try);
                }
                Some(Mark::Ignored { golden }) if *golden == field.golden => {
                    add(Parking::Ignored, name, IGNORED, None);
                }
                _ => {}
            }
        }
    }
    all.extend(of_secondaries(entity));
    all
}

fn of_secondaries(entity: &Entity) -> Vec<Waiting> {
    let mut all = Vec::new();
    for (side, secondary) in entity.secondaries.iter().flat_map(|(side, all)| all.iter().map(move |one| (side, one))) {
        let address = &secondary.member.address;
        let mut add = |what, field: &str, parked: &Parked| {
            if parked.dismissed_by.is_none() {
                let (object, field, code) = (address.object.clone(), field.to_owned(), parked.problem.code.clone());
                let signature = Signature { side, object, what, field, code };
                all.push(Waiting { signature, secondary: Some(address.clone()), due: parked.next_try });
            }
        };
        if let Some(parked) = &secondary.parked {
            add(Parking::Record, "", parked);
        }
        for (name, holding) in &secondary.fields {
            let golden = entity.fields.get(name).map(|field| &field.golden);
            match &holding.mark {
                Some(Mark::Parked { golden: None, parked }) => add(Parking::Unreadable, name, parked),
                Some(Mark::Parked { golden: Some(parked_for), parked }) if Some(parked_for) == golden => {
                    add(Parking::Field, name, parked);
                }
                _ => {}
            }
        }
    }
    all
}

/// What is parked of the secondaries under a signature, to be changed.
fn parked_of_secondaries<'a>(
    entity: &'a mut Entity,
    signature: &'a Signature,
) -> impl Iterator<Item = &'a mut Parked> + use<'a> {
    let same = entity.secondaries[signature.side]
        .iter_mut()
        .filter(|secondary| secondary.member.address.object == signature.object);
    same.filter_map(|secondary| match (&signature.what, secondary.fields.get_mut(&signature.field)) {
        (Parking::Record, _) => secondary.parked.as_mut(),
        (_, Some(holding)) => match &mut holding.mark {
            Some(Mark::Parked { parked, .. }) => Some(parked),
            _ => None,
        },
        _ => None,
    })
}

/// The words of what is parked under a signature, and since when it is, where that is known.
pub fn words<'a>(entity: &'a Entity, signature: &Signature) -> Option<(&'a Problem, Option<Timestamp>)> {
    if signature.what == Parking::Scope {
        return entity.scope.problem.as_ref().map(|problem| (problem, None));
    }
    let of_secondaries = || {
        let mut same = entity.secondaries[signature.side].iter();
        same.find_map(|secondary| match (signature.what, secondary.fields.get(&signature.field)) {
            (Parking::Record, _) => secondary.parked.as_ref(),
            (_, Some(Holding { mark: Some(Mark::Parked { parked, .. }), .. })) => Some(parked),
            _ => None,
        })
    };
    let parked = words_of_member(entity, signature).or_else(of_secondaries)?;
    Some((&parked.problem, Some(parked.since)))
}

fn words_of_member<'a>(entity: &'a Entity, signature: &Signature) -> Option<&'a Parked> {
    if signature.what == Parking::Record {
        return entity.parked[signature.side].as_ref();
    }
    match &entity.fields.get(&signature.field)?.sides[signature.side].mark {
        Some(Mark::Parked { parked, .. }) => Some(parked),
        _ => None,
    }
}

/// What a person does about something parked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Handling {
    /// It is tried again now.
    Retry,
    /// It is left as it is, and listed no more, until the value changes.
    Dismiss,
}

/// Handles what of an entity is parked under these signatures. Answers what happened, for the journal.
pub fn handle(
    entity: &mut Entity,
    signatures: &[Signature],
    handling: Handling,
    by: &str,
    context: &Context<'_>,
) -> Vec<Event> {
    let waiting = waiting(entity, context);
    let mut events = Vec::new();
    for signature in waiting.into_iter().map(|waiting| waiting.signature).filter(|found| signatures.contains(found)) {
        if handling == Handling::Dismiss && signature.what == Parking::Scope {
            // Whether this person is meant is not known: nothing could be left as it is.
            continue;
        }
        match handling {
            Handling::Retry => release(entity, &signature, context.now),
            Handling::Dismiss => dismiss(entity, &signature, by),
        }
        let field = (!signature.field.is_empty()).then_some(signature.field);
        let (side, code, by) = (signature.side, signature.code, by.to_owned());
        events.push(Event::Handled { side, field, code, handling, by });
    }
    events
}

/// It waits for its delay no longer.
pub fn release(entity: &mut Entity, signature: &Signature, now: Timestamp) {
    if signature.what != Parking::Unreadable {
        parked_of_secondaries(entity, signature).for_each(|parked| parked.next_try = Some(now));
    }
    if signature.what == Parking::Record {
        if let Some(parked) = &mut entity.parked[signature.side] {
            parked.next_try = Some(now);
        }
        return;
    }
    let Some(field) = entity.fields.get_mut(&signature.field) else { return };
    let mark = &mut field.sides[signature.side].mark;
    match mark {
        Some(Mark::Parked { golden: Some(_), parked }) => parked.next_try = Some(now),
        Some(Mark::Ignored { .. }) => *mark = None,
        // What could not be understood is read again, not written.
        _ => {}
    }
}

fn dismiss(entity: &mut Entity, signature: &Signature, by: &str) {
    let dismissed = |parked: &mut Parked| {
        parked.next_try = None;
        parked.dismissed_by = Some(by.to_owned());
    };
    parked_of_secondaries(entity, signature).for_each(dismissed);
    if signature.what == Parking::Record {
        entity.parked[signature.side].iter_mut().for_each(dismissed);
        return;
    }
    let Some(field) = entity.fields.get_mut(&signature.field) else { return };
    let mark = &mut field.sides[signature.side].mark;
    match mark {
        Some(Mark::Parked { parked, .. }) => dismissed(parked),
        Some(Mark::Ignored { golden }) => *mark = Some(Mark::Kept { golden: golden.clone() }),
        _ => {}
    }
}

/// The object that a side's record is of, or would be made as.
fn object(entity: &Entity, side: Side, context: &Context<'_>) -> String {
    let member = entity.members[side].as_ref().map(|member| &member.address.object);
    let created = context.rules.systems[side].create.as_ref();
    member.or(created).cloned().unwrap_or_default()
}
