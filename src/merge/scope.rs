//! Who is in the sync, and who is created where: `include` and `create_when`, asked of the merged record.

use serde::{Deserialize, Serialize};

use super::{
    entity::Entity,
    event::Event,
    rules::SyncRules,
    side::{Pair, Side},
};
use crate::{
    mapping::{Expression, Problem},
    planted::{self, Planted},
};

/// What the rules last said of one person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// By `include`.
    pub include: Standing,
    /// By `create_when`, where the person would be created.
    pub create: Pair<Standing>,
    /// A rule that has no answer for this record. What it said before stands, and nothing is created.
    pub problem: Option<Problem>,
}

/// An answer that is remembered: a rule that fails leaves it as it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Standing {
    /// Nobody has asked, or there was no answer yet: nothing is written.
    #[default]
    Unknown,
    /// In.
    In,
    /// Out.
    Out,
}

/// A rule that says who is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ScopeRule {
    /// `include`.
    Include,
    /// `create_when` of a side.
    Create(Side),
}

impl Scope {
    /// Ordinary values are written to this person's records.
    pub fn is_in(&self) -> bool {
        self.include == Standing::In || planted::is(Planted::IgnoreScope)
    }

    /// The person may be created on a side.
    pub fn may_create(&self, side: Side) -> bool {
        self.is_in() && self.create[side] == Standing::In && self.problem.is_none()
    }

    /// Why the person is not created on a side, or not written at all.
    pub fn bars(&self, side: Side) -> Option<ScopeRule> {
        match (self.is_in(), self.create[side]) {
            (false, _) => Some(ScopeRule::Include),
            (true, Standing::In) => None,
            (true, _) => Some(ScopeRule::Create(side)),
        }
    }
}

/// Asks the rules anew, on the golden values as they are now.
pub(super) fn judge(entity: &mut Entity, rules: &SyncRules, events: &mut Vec<Event>) {
    let mut scope = std::mem::take(&mut entity.scope);
    scope.problem = None;
    let asked = ask(rules.include.as_ref(), entity, &mut scope.problem);
    scope.include = moved(scope.include, asked, ScopeRule::Include, events);
    for side in Side::BOTH {
        // Who has a record there is kept current, whatever `create_when` says.
        let when = rules.systems[side].create_when.as_ref().filter(|_| entity.members[side].is_none());
        let asked = ask(when, entity, &mut scope.problem);
        scope.create[side] = moved(scope.create[side], asked, ScopeRule::Create(side), events);
    }
    entity.scope = scope;
}

/// `None`: there is no answer. Without a rule, everybody is meant.
fn ask(rule: Option<&Expression>, entity: &Entity, problem: &mut Option<Problem>) -> Option<Standing> {
    let Some(rule) = rule else { return Some(Standing::In) };
    match rule.holds(|name| entity.fields.get(name).map(|field| &field.golden)) {
        Ok(true) => Some(Standing::In),
        Ok(false) => Some(Standing::Out),
        Err(found) => {
            problem.get_or_insert(found);
            None
        }
    }
}

fn moved(before: Standing, asked: Option<Standing>, rule: ScopeRule, events: &mut Vec<Event>) -> Standing {
    let Some(now) = asked else { return before };
    if before != now && before != Standing::Unknown {
        events.push(Event::Scope { rule, entered: now == Standing::In });
    }
    now
}
