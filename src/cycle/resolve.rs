//! A person answers a conflict: the question is looked up as it stands now, and answered once.

use hymnal_sdk::Address;

use super::{Sync, report::Report, world::World};
use crate::{
    journal::{entry::LogLine, lines},
    mapping::{Expression, Problem, Value},
    merge::{
        Entity, FieldRule, Id, Pair, Side,
        event::{Cause, ConflictLine, ConflictStatus},
        person::{Decision, Loosening, Unfit, fits, rule, stands, typed},
    },
    store::{
        StoreError,
        tables::{Wait, conflict_of},
    },
};

/// So many conflicts are answered in one commit.
const CHUNK: usize = 200;

/// An answer to a conflict.
#[derive(Clone, Debug)]
pub struct Answer {
    /// What to take.
    pub take: Take,
    /// Who answers.
    pub by: String,
    /// The number of the line that the person saw; needed where a later edit has changed the question.
    pub seen: Option<u64>,
    /// Whether it may loosen a consent.
    pub loosening: Loosening,
}

/// What to take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Take {
    /// What this side holds.
    Side(Side),
    /// The last synced value.
    Base,
    /// This, as a person types it.
    Value(String),
}

/// A conflict that was answered, or would be.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The question as it stood.
    pub line: LogLine,
    /// The person's entity.
    pub entity: Id,
    /// What is golden now.
    pub value: Value,
    /// What each side held.
    pub holds: Pair<Option<Value>>,
}

/// Why a conflict is not answered. Nothing has changed.
#[derive(Clone, Debug)]
pub enum Unresolved {
    /// There is no such conflict.
    Unknown,
    /// It is no question about a field: `ambiguous`, `duplicate`.
    NotAField(Box<LogLine>),
    /// It is answered, or was superseded: this is its last line.
    Over(Box<LogLine>),
    /// The values have moved since it was opened, and nothing says that the person saw them: this is what they are now.
    Moved(Box<LogLine>),
    /// Nothing was ever agreed.
    NoBase,
    /// The value is none of the field's type.
    Bad(Problem),
    /// It cannot be taken.
    Unfit(Unfit),
}

/// Whether to do it, or to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Look, and change nothing.
    Try,
    /// Do it.
    Do,
}

impl Sync {
    /// Answers one conflict. The write that follows is a person's action: it goes before the ordinary ones.
    ///
    /// # Errors
    /// The store's.
    pub async fn resolve(
        &self,
        conflict: Id,
        answer: &Answer,
        act: Act,
    ) -> Result<Result<Resolved, Unresolved>, StoreError> {
        self.declared().await?;
        if act == Act::Try {
            return self.look(|world| resolve_one(world, conflict, answer, act)).await;
        }
        let cycle = self.committer.new_cycle().await;
        let committed = self.decide(cycle, |world| resolve_one(world, conflict, answer, act)).await?;
        Ok(committed.answer)
    }

    /// Answers every open conflict that `expression` holds for: over the canonical fields, `field`, `kind`, and what
    /// each system says, by its name. Answers each with what became of it.
    ///
    /// # Errors
    /// The store's.
    pub async fn resolve_where(
        &self,
        expression: &Expression,
        answer: &Answer,
        act: Act,
    ) -> Result<Vec<(Id, Result<Resolved, Unresolved>)>, StoreError> {
        self.declared().await?;
        let cycle = self.committer.new_cycle().await;
        let mut all = Vec::new();
        for ids in self.open_conflicts()?.chunks(CHUNK) {
            let each = |world: &mut World<'_>| {
                let mut answered = Vec::new();
                for id in ids {
                    let Some(number) = chosen(world, *id, expression)? else { continue };
                    // Who answers by an expression answers what stands there.
                    let answer = Answer { seen: Some(number), ..answer.clone() };
                    answered.push((*id, resolve_one(world, *id, &answer, act)?));
                }
                Ok(answered)
            };
            all.extend(match act {
                Act::Try => self.look(each).await?,
                Act::Do => self.decide(cycle, each).await?.answer,
            });
        }
        Ok(all)
    }

    /// The ids of all conflicts about fields that wait, oldest first.
    ///
    /// # Errors
    /// The store's.
    pub fn open_conflicts(&self) -> Result<Vec<Id>, StoreError> {
        let mut ids = Vec::new();
        for wait in [Wait::Conflict, Wait::Frozen] {
            self.each(&self.committer.tag.waiting(wait), |_, value| ids.extend(conflict_of(value)))?;
        }
        ids.sort_unstable();
        Ok(ids)
    }

    /// What the objects can hold is known: a command without a daemon has run no cycle.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn declared(&self) -> Result<(), StoreError> {
        self.declare(&mut Report::default()).await
    }

    /// Every row under a prefix.
    ///
    /// # Errors
    /// The store's.
    pub fn each(&self, prefix: &[u8], mut act: impl FnMut(&[u8], &[u8])) -> Result<(), StoreError> {
        let mut after: Option<Vec<u8>> = None;
        loop {
            let rows = self.committer.store.scan(prefix, after.as_deref(), 1000)?;
            let Some((last, _)) = rows.last() else { return Ok(()) };
            after = Some(last.clone());
            for (key, value) in &rows {
                act(key, value);
            }
        }
    }
}

fn resolve_one(
    world: &mut World<'_>,
    conflict: Id,
    answer: &Answer,
    act: Act,
) -> Result<Result<Resolved, Unresolved>, StoreError> {
    let question = match question(world, conflict)? {
        Ok(question) => question,
        Err(refused) => return Ok(Err(refused)),
    };
    let Question { line, mut entity } = question;
    let was_seen = answer.seen.map_or(line.before.is_none(), |seen| seen == line.number);
    if !was_seen {
        return Ok(Err(Unresolved::Moved(Box::new(line))));
    }
    let Some(field_rule) = world.context.rules.fields.iter().find(|rule| rule.map.name == line.event.field) else {
        return Ok(Err(Unresolved::Unfit(Unfit::Unknown)));
    };
    let holds = Pair::from_fn(|side| stands(&entity, field_rule, side));
    let value = match taken(answer, &entity, field_rule, &holds) {
        Ok(value) => value,
        Err(refused) => return Ok(Err(refused)),
    };
    let decision = Decision {
        field: line.event.field.clone(),
        value: value.clone(),
        cause: Cause::Resolved(conflict),
        by: answer.by.clone(),
        loosening: answer.loosening,
    };
    let resolved = Resolved { entity: entity.id, value, holds, line };
    if act == Act::Try {
        return Ok(fits(&entity, &decision, world.context).map(|()| resolved).map_err(Unresolved::Unfit));
    }
    let (ruled, events) = world.decide(|context, ledger| rule(&mut entity, &decision, context, ledger));
    if let Err(unfit) = ruled {
        return Ok(Err(Unresolved::Unfit(unfit)));
    }
    world.put(entity, events)?;
    Ok(Ok(resolved))
}

/// The number of a question's latest line, where the expression holds for it. Where it has no answer, it does not hold.
fn chosen(world: &World<'_>, conflict: Id, expression: &Expression) -> Result<Option<u64>, StoreError> {
    let Ok(Question { line, entity }) = question(world, conflict)? else { return Ok(None) };
    let rules = world.context.rules;
    let (field, kind) = (Value::Text(line.event.field.clone()), Value::Text(line.event.verdict.kind().to_owned()));
    let rule = rules.fields.iter().find(|rule| rule.map.name == line.event.field);
    let says = Pair::from_fn(|side| rule.and_then(|rule| stands(&entity, rule, side)));
    let value = |name: &str| {
        let side = || Side::BOTH.into_iter().find(|side| rules.systems[*side].connector == name);
        match (entity.fields.get(name), name) {
            (Some(known), _) => Some(&known.golden),
            (None, "field") => Some(&field),
            (None, "kind") => Some(&kind),
            (None, _) => side().and_then(|side| says[side].as_ref()),
        }
    };
    Ok(expression.holds(value).unwrap_or(false).then_some(line.number))
}

struct Question {
    line: LogLine,
    entity: Entity,
}

/// A question that still waits, and whose it is.
fn question(world: &World<'_>, conflict: Id) -> Result<Result<Question, Unresolved>, StoreError> {
    let Some(line) = lines::latest(world.store(), world.tag(), conflict)? else {
        return Ok(Err(Unresolved::Unknown));
    };
    if matches!(line.event.verdict, ConflictLine::Ambiguous(_) | ConflictLine::Duplicate(..)) {
        return Ok(Err(Unresolved::NotAField(Box::new(line))));
    }
    if line.event.status != ConflictStatus::Open {
        return Ok(Err(Unresolved::Over(Box::new(line))));
    }
    let Some(entity) = entity_of(world, &line)? else { return Ok(Err(Unresolved::Over(Box::new(line)))) };
    let open = entity.fields.get(&line.event.field).and_then(|field| field.conflict.as_ref());
    if open.is_none_or(|open| open.id != conflict) {
        return Ok(Err(Unresolved::Over(Box::new(line))));
    }
    Ok(Ok(Question { line, entity }))
}

/// Whose line it is; a merge may have made the person part of another since.
fn entity_of(world: &World<'_>, line: &LogLine) -> Result<Option<Entity>, StoreError> {
    if let Some(id) = line.entity
        && let Some(entity) = world.entity(id)?
    {
        return Ok(Some(entity));
    }
    for (side, addresses) in line.records.iter() {
        for address in addresses {
            let address: &Address = address;
            if let Some(entity) = world.by_address(side, address)? {
                return Ok(Some(entity));
            }
        }
    }
    Ok(None)
}

fn taken(answer: &Answer, entity: &Entity, rule: &FieldRule, holds: &Pair<Option<Value>>) -> Result<Value, Unresolved> {
    match &answer.take {
        Take::Side(side) => holds[*side].clone().ok_or(Unresolved::Unfit(Unfit::Unread(*side))),
        Take::Base => {
            let field = entity.fields.get(&rule.map.name);
            field.and_then(|field| field.agreed.clone()).ok_or(Unresolved::NoBase)
        }
        Take::Value(text) => typed(rule, text).map_err(Unresolved::Bad),
    }
}
