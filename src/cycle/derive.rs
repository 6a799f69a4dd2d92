//! What follows from who is related to whom: e-mails that are shared, ids that became others, secondaries with work.

use std::collections::BTreeMap;

use super::world::{Job, SECONDARY};
use crate::{
    merge::{
        Context, Entity, Side,
        emails::emails,
        entity::{Mark, Parked},
    },
    store::tables::Tag,
};

/// The rows that follow from an entity's relations to others.
pub fn derive_relations(entity: &Entity, tag: Tag, context: &Context<'_>, rows: &mut BTreeMap<Vec<u8>, Vec<u8>>) {
    let id = entity.id.bytes().to_vec();
    for alias in &entity.aliases {
        rows.insert(tag.alias(*alias), id.clone());
    }
    for side in Side::BOTH {
        for object in &entity.wants_secondary[side] {
            let key = [&*tag.outbox(side, SECONDARY), object.as_bytes(), &[0], &*id].concat();
            rows.insert(key, Job::Secondary(object.clone()).to_bytes());
        }
    }
    if has_consent(context) {
        for (field, text) in emails(entity, context) {
            rows.insert([tag.email(field, &text), id.clone()].concat(), Vec::new());
        }
    }
}

/// The sync keeps consents.
pub fn has_consent(context: &Context<'_>) -> bool {
    context.rules.fields.iter().any(|rule| rule.policy.consent.is_some())
}

/// What is parked of secondaries, by a name that no field has.
pub fn parked_secondaries(entity: &Entity) -> Vec<(String, &Parked)> {
    let mut found = Vec::new();
    for secondary in entity.secondaries.iter().flat_map(|(_, all)| all) {
        let address = &secondary.member.address;
        found.extend(secondary.parked.iter().map(|parked| (address.to_string(), parked)));
        for (name, holding) in &secondary.fields {
            let golden = entity.fields.get(name).map(|field| &field.golden);
            match &holding.mark {
                Some(Mark::Parked { golden: for_golden, parked })
                    if for_golden.is_none() || for_golden.as_ref() == golden =>
                {
                    found.push((format!("{name} {address}"), parked));
                }
                _ => {}
            }
        }
    }
    found
}
