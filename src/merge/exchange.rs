//! Values that exist once, on their way from one record to another: who holds one, and who is about to give it away.

use super::{
    context::Context,
    entity::Entity,
    patch::{Change, native, patch},
    rules::FieldRule,
    side::Side,
};
use crate::mapping::{self, FieldType, Value};

/// A key that a record still holds and is about to lose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaving {
    /// The record's side.
    pub side: Side,
    /// The record's object and native field: a value exists once within these.
    pub place: String,
    /// The value, in normal form.
    pub key: String,
}

/// The keys that the members of an entity still hold, as far as we know, and that are to become others.
pub fn leaving(entity: &Entity, context: &Context<'_>) -> Vec<Leaving> {
    let mut found = Vec::new();
    for side in Side::BOTH {
        for rule in exchanged(context) {
            let Some((place, held)) = held(entity, side, rule) else { continue };
            let wanted = entity.fields.get(&rule.map.name).and_then(|field| mapping::key(&field.golden));
            found.extend(held.filter(|held| wanted.as_ref() != Some(held)).map(|key| Leaving { side, place, key }));
        }
    }
    found
}

/// Fields whose values may exist once: those that people are matched by, and e-mails.
fn exchanged<'a>(context: &Context<'a>) -> impl Iterator<Item = &'a FieldRule> {
    let rules = context.rules;
    let is_key = move |index: usize| rules.matching.iter().flatten().any(|key| *key == index);
    let all = rules.fields.iter().enumerate();
    all.filter(move |(index, rule)| is_key(*index) || rule.map.kind == FieldType::Email).map(|(_, rule)| rule)
}

/// Where a member holds a field, and the key it holds there: what it was last told, where that was answered, else what
/// was last read.
fn held(entity: &Entity, side: Side, rule: &FieldRule) -> Option<(String, Option<String>)> {
    let object = &entity.members[side].as_ref()?.address.object;
    let place = Context::place(rule, side, object)?;
    let holding = &entity.fields.get(&rule.map.name)?.sides[side];
    let native = match &holding.sent {
        Some(sent) if !sent.in_doubt => &sent.native,
        _ => holding.shadow.as_ref()?,
    };
    let key = mapping::read(&rule.map, place, native).ok().and_then(|value| mapping::key(&value));
    Some((format!("{object}.{}", place.name), key))
}

/// A change of a patch that gives a record a key which the service keeps once: its place, and the key.
pub fn taken(
    rule: &FieldRule,
    side: Side,
    object: &str,
    golden: &Value,
    context: &Context<'_>,
) -> Option<(String, String)> {
    let place = Context::place(rule, side, object)?;
    let declared = context.objects[side].get(object).is_some_and(|facts| facts.unique.contains(&place.name));
    let is_unique = declared || context.schema(side, object, &place.name).is_some_and(|field| field.unique);
    given(rule, side, object, golden, context).filter(|_| is_unique)
}

/// A change of a patch that gives a record a key, whether the service keeps it once or not: its place, and the key.
pub fn given(
    rule: &FieldRule,
    side: Side,
    object: &str,
    golden: &Value,
    context: &Context<'_>,
) -> Option<(String, String)> {
    let place = Context::place(rule, side, object)?;
    let is_exchanged = exchanged(context).any(|known| known.map.name == rule.map.name);
    let key = mapping::key(golden).filter(|_| is_exchanged)?;
    Some((format!("{object}.{}", place.name), key))
}

/// The key that a record is to get in a place, where a push would write it now.
pub fn wanted(entity: &Entity, side: Side, place: &str, context: &Context<'_>) -> Option<Option<String>> {
    let object = &entity.members[side].as_ref()?.address.object;
    let change = patch(entity, side, context)
        .changes
        .into_iter()
        .find(|change| format!("{object}.{}", change.native) == place)?;
    Some(mapping::key(&change.golden))
}

/// The change that makes room: the value is blanked, and is written when the other record has let go of it. `None`
/// where the place cannot be blank.
pub fn step_aside(entity: &Entity, side: Side, change: &Change, context: &Context<'_>) -> Option<Change> {
    use super::entity::Mark;
    let rule = context.rules.fields.iter().find(|rule| rule.map.name == change.field)?;
    let object = &entity.members[side].as_ref()?.address.object;
    let place = Context::place(rule, side, object)?;
    let mark = &entity.fields.get(&change.field)?.sides[side].mark;
    // It was tried, and answered with success, and nothing happened.
    if matches!(mark, Some(Mark::Ignored { golden }) if golden.is_blank()) {
        return None;
    }
    let blank = native(rule, place, side, object, &Value::Blank, context).ok()?;
    Some(Change { to: blank, golden: Value::Blank, ..change.clone() })
}
