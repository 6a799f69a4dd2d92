//! A restriction holds for an e-mail: it reaches every record with the same one, whoever's it is. Who is who may be in
//! doubt; that this mailbox said no is not.
//!
//! It spreads when it is new, or when an e-mail is newly shared, in the same commit. What was loosened rightly later is
//! not restricted again because another record still says no.

use std::collections::BTreeSet;

use super::{derive::has_consent, world::World};
use crate::{
    mapping::Value,
    merge::{
        Context, Entity, Id,
        decide::decide,
        emails::{Email, emails},
        entity::Origin,
        secondary::impose,
    },
    store::{StoreError, tables::entity_of},
};

/// What is new of an entity.
#[derive(Clone, Debug, Default)]
pub struct News {
    /// It restricts more than before.
    restricts: bool,
    /// It did not have these.
    emails: BTreeSet<Email>,
}

impl World<'_> {
    /// Notes what is new of an entity that is put.
    pub(super) fn note_news(&mut self, before: Option<&Entity>, after: &Entity) {
        if !has_consent(self.context) || !is_told_apart(after) {
            return;
        }
        let before = before.filter(|before| is_told_apart(before));
        let known = before.map(|before| emails(before, self.context)).unwrap_or_default();
        let emails: BTreeSet<Email> = emails(after, self.context).difference(&known).cloned().collect();
        let restricts = restrictions(after, self.context).iter().any(|(field, value)| {
            before.and_then(|before| before.fields.get(*field)).map(|field| &field.golden) != Some(*value)
        });
        if restricts || !emails.is_empty() {
            let news = self.spreading.entry(after.id).or_default();
            news.restricts |= restricts;
            news.emails.extend(emails);
        }
    }

    /// Everybody else with one of these e-mails.
    fn others_with(&self, id: Id, emails: &BTreeSet<Email>) -> Result<BTreeSet<Id>, StoreError> {
        let mut found = BTreeSet::new();
        for (field, text) in emails {
            let rows = self.scan(&self.tag().email(*field, text), 64)?;
            found.extend(rows.iter().filter_map(|(key, _)| entity_of(key)).filter(|other| *other != id));
        }
        Ok(found)
    }
}

/// Tells everybody with the same e-mail what is new.
pub fn spread(world: &mut World<'_>) -> Result<(), StoreError> {
    while let Some((id, news)) = world.spreading.pop_first() {
        let Some(entity) = world.shared(id)? else { continue };
        let all = if news.restricts { emails(&entity, world.context) } else { news.emails.clone() };
        for other in world.others_with(id, &all)? {
            let Some(told) = world.shared(other)?.filter(|other| is_told_apart(other)) else { continue };
            tell(world, id, other)?;
            if emails(&told, world.context).is_disjoint(&news.emails) {
                continue;
            }
            tell(world, other, id)?;
        }
    }
    Ok(())
}

/// The restrictions of one are the other's too.
fn tell(world: &mut World<'_>, from: Id, to: Id) -> Result<(), StoreError> {
    let (Some(from), Some(mut told)) = (world.shared(from)?, world.entity(to)?) else { return Ok(()) };
    let before = told.clone();
    let ((), events) = world.decide(|context, ledger| {
        for (field, value) in restrictions(&from, context) {
            let rule = context.rules.fields.iter().find(|rule| rule.map.name == *field);
            let origin = Origin::by_rule("same e-mail");
            if let Some(rule) = rule {
                impose(&mut told, rule, value, origin, context, ledger);
            }
        }
        if told != before {
            decide(&mut told, context, ledger);
        }
    });
    if told == before { Ok(()) } else { world.put(told, events) }
}

/// Before it was matched nobody knows whose record it is; it may well be the other one's.
fn is_told_apart(entity: &Entity) -> bool {
    !entity.queued || !entity.ambiguous.is_empty() || entity.contested
}

fn restrictions<'a>(entity: &'a Entity, context: &Context<'_>) -> Vec<(&'a String, &'a Value)> {
    let consents = context.rules.fields.iter().filter_map(|rule| Some((&rule.map.name, rule.policy.consent.as_ref()?)));
    consents
        .filter_map(|(name, consent)| {
            let (name, field) = entity.fields.get_key_value(name)?;
            consent.restricts(&field.golden).then_some((name, &field.golden))
        })
        .collect()
}
