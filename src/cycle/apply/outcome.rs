//! What became of the lines of a plan.

use serde::Serialize;
use serde_json::Value as Json;

use crate::{
    cycle::plan::line::Line,
    journal::line::json as value,
    merge::{
        Context, Entity, Side,
        entity::{Holding, Mark},
        patch::stands_at,
        planned::{ChangeKind, planned_everywhere},
        secondary::Secondary,
    },
};

/// How many of each are shown.
const SAMPLES: usize = 10;

/// What became of the lines of a plan.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Applied {
    /// Changes that were written.
    pub done: u64,
    /// Records made.
    pub created: u64,
    /// Records changed.
    pub updated: u64,
    /// Records deleted.
    pub deleted: u64,
    /// Changes that stood there already.
    pub already: u64,
    /// Changes that are no part of the pilot.
    pub passed_over: u64,
    /// Changes that are no longer what was planned.
    pub skipped: Told,
    /// Changes that the service refused.
    pub refused: Told,
    /// Changes that are still to be done: a system could not be written to, or did not answer.
    pub left: Told,
}

/// How many, and the first of them.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Told {
    /// How many.
    pub count: u64,
    /// The first ten.
    pub samples: Vec<Why>,
}

/// One line that was not written.
#[derive(Clone, Debug, Serialize)]
pub struct Why {
    /// The connector.
    pub system: String,
    /// The record: `connector:object:id`.
    pub record: String,
    /// The field; empty for a creation.
    pub field: String,
    /// Why.
    pub why: String,
}

/// How a line stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// A push would do exactly this.
    Planned,
    /// It stands there.
    Already,
    /// Something moved since: what.
    Moved(String),
}

impl Applied {
    /// A line that was not tried any more.
    pub fn leave(&mut self, line: &Line) {
        self.left.add(line, "a system could not be written to");
    }
}

impl Told {
    pub(super) fn add(&mut self, line: &Line, why: impl Into<String>) {
        self.count += 1;
        if self.samples.len() < SAMPLES {
            let (system, record, field) = (line.system.clone(), line.record.clone(), line.field.clone());
            self.samples.push(Why { system, record, field, why: why.into() });
        }
    }
}

/// How a line stands on what is known of its person now.
pub(super) fn standing(line: &Line, entity: &Entity, side: Side, context: &Context<'_>) -> Standing {
    let now = planned_everywhere(entity, side, context);
    let now = now.into_iter().map(|change| Line::new(context.rules, side, entity.id, change));
    let is_same_place =
        |now: &Line| now.record == line.record && now.field == line.field && of_record(now) == of_record(line);
    let same_place = now.into_iter().find(is_same_place);
    match same_place {
        Some(now) if now.does_the_same(line) => Standing::Planned,
        Some(now) if is_creation(line) => {
            Standing::Moved(format!("it would be made with other values now: {}", Json::Object(now.sends)))
        }
        Some(now) => {
            Standing::Moved(format!("it holds `{}` now, and would become `{}`", text(&now.old), text(&now.new)))
        }
        None if is_creation(line) && entity.members[side].is_some() => Standing::Already,
        None if is_creation(line) => Standing::Moved("no record is to be made any more".to_owned()),
        None if is_deletion(line) && entity.seen(side).is_none() => Standing::Already,
        None if is_deletion(line) => Standing::Moved("the record is not to be deleted any more".to_owned()),
        None => stands(line, entity, side, context),
    }
}

/// Nothing is to be written to the field any more: because it holds what was planned, or for another reason.
fn stands(line: &Line, entity: &Entity, side: Side, context: &Context<'_>) -> Standing {
    let moved = |why: &str| Standing::Moved(why.to_owned());
    let rule = context.rules.fields.iter().find(|rule| rule.map.name == line.field);
    let (Some(rule), Some((object, holding))) = (rule, held(line, entity, side)) else {
        return moved("the record is not linked any more");
    };
    let (Some(field), Some(place)) = (entity.fields.get(&line.field), Context::place(rule, side, object)) else {
        return moved("the field is not mapped there any more");
    };
    let is_there = holding.shadow.as_ref().is_some_and(|native| stands_at(rule, place, native, field.target(side)));
    let is_sent = holding.sent.as_ref().is_some_and(|sent| !sent.in_doubt && sent.golden == *field.target(side));
    match value(field.target(side)) == line.new {
        true if is_there || is_sent => Standing::Already,
        true => moved("it waits, or is set aside; see `hymnal explain`"),
        false => Standing::Moved(format!("the value is `{}` now", text(&value(field.target(side))))),
    }
}

/// What the record of a line holds in its field, with the record's object.
fn held<'a>(line: &Line, entity: &'a Entity, side: Side) -> Option<(&'a str, &'a Holding)> {
    if let Some(secondary) = secondary_of(line, entity, side) {
        return Some((&secondary.member.address.object, secondary.fields.get(&line.field)?));
    }
    let member = entity.members[side].as_ref()?;
    Some((&member.address.object, &entity.fields.get(&line.field)?.sides[side]))
}

/// The secondary that a line is about.
pub(super) fn secondary_of<'a>(line: &Line, entity: &'a Entity, side: Side) -> Option<&'a Secondary> {
    let mut parts = line.record.splitn(3, ':').skip(1);
    let (object, id) = (parts.next()?, parts.next()?);
    let same = |secondary: &&Secondary| {
        let address = &secondary.member.address;
        address.object == object && address.id == id
    };
    entity.secondaries[side].iter().find(same)
}

/// What became of a line that was sent.
pub(super) enum Answered {
    /// It was written.
    Done,
    /// In the service's words.
    Refused(String),
    /// Nobody knows.
    InDoubt,
}

pub(super) fn answered(line: &Line, entity: &Entity, side: Side) -> Answered {
    if entity.removing[side].as_ref().is_some_and(|removal| removal.in_doubt) {
        return Answered::InDoubt;
    }
    let field = entity.fields.get(&line.field);
    let held = held(line, entity, side).map(|(_, holding)| holding);
    let parked = match field.map(|field| &field.golden).zip(held) {
        Some((golden, holding)) => {
            if holding.sent.as_ref().is_some_and(|sent| sent.in_doubt) {
                return Answered::InDoubt;
            }
            match &holding.mark {
                Some(Mark::Parked { golden: Some(parked), parked: why }) if parked == golden => Some(why),
                _ => None,
            }
        }
        None => None,
    };
    let of_record = match secondary_of(line, entity, side) {
        Some(secondary) => secondary.parked.as_ref(),
        None => entity.parked[side].as_ref(),
    };
    match (parked.or(of_record), is_creation(line)) {
        (Some(parked), _) => Answered::Refused(parked.problem.message.clone()),
        (None, true) if entity.members[side].is_none() => Answered::InDoubt,
        (None, _) => Answered::Done,
    }
}

/// What is made of a record as a whole, where it is not a change of one of its fields.
fn of_record(line: &Line) -> (bool, bool) {
    (is_creation(line), is_deletion(line))
}

fn is_deletion(line: &Line) -> bool {
    line.kind == ChangeKind::Delete
}

fn is_creation(line: &Line) -> bool {
    line.kind == ChangeKind::Create
}

fn text(value: &Json) -> String {
    match value {
        Json::Null => "(blank)".to_owned(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}
