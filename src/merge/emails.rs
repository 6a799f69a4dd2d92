//! Which e-mails are a person's: a restriction holds for all of them, whoever else has one.

use std::collections::BTreeSet;

use super::{
    context::Context,
    entity::{Entity, Field},
    patch::{keys, restricts},
    side::Side,
};
use crate::mapping::{self, FieldType};

/// An e-mail in normal form, behind the number of its field.
pub type Email = (usize, String);

/// Every e-mail of a person: those that are golden, those of secondaries, those that a creation was sent with, and those
/// that the person had while a consent was restricted.
pub fn emails(entity: &Entity, context: &Context<'_>) -> BTreeSet<Email> {
    let mut found = BTreeSet::new();
    for (index, rule) in context.rules.fields.iter().enumerate() {
        if rule.map.kind != FieldType::Email {
            continue;
        }
        found.extend(keys(entity, &[index], context).into_iter().map(|text| (index, text)));
        let former = entity.former_emails.iter().filter(|(name, _)| *name == rule.map.name);
        found.extend(former.map(|(_, text)| (index, text.clone())));
        for side in Side::BOTH {
            for secondary in &entity.secondaries[side] {
                let place = Context::place(rule, side, &secondary.member.address.object);
                let shadow = secondary.fields.get(&rule.map.name).and_then(|holding| holding.shadow.as_ref());
                let read = place.zip(shadow).and_then(|(place, shadow)| mapping::read(&rule.map, place, shadow).ok());
                found.extend(read.and_then(|value| mapping::key(&value)).map(|text| (index, text)));
            }
        }
    }
    found
}

/// Remembers the e-mails that a person had `before`, where a consent is restricted: the refusal was given for them.
pub fn remember_emails(entity: &mut Entity, before: &Entity, context: &Context<'_>) {
    let is_restricted = |rule: &super::rules::FieldRule| {
        entity.fields.get(&rule.map.name).is_some_and(|field: &Field| restricts(rule, &field.golden))
    };
    if !context.rules.fields.iter().any(is_restricted) {
        return;
    }
    let now = emails(entity, context);
    let gone = emails(before, context).into_iter().filter(|email| !now.contains(email));
    let named = gone.map(|(index, text)| (context.rules.fields[index].map.name.clone(), text));
    let named: Vec<_> = named.collect();
    entity.former_emails.extend(named);
}
