//! What follows from an entity: what of it waits, the e-mails it shares, ids that became its own, secondaries with work.

use std::collections::BTreeMap;

use hymnal_sdk::Timestamp;

use super::{
    guard::holds_unlinking,
    parked,
    sight::unseen_letter,
    world::{Job, SECONDARY},
};
use crate::{
    merge::{
        Context, Entity, FieldRule, Side,
        emails::emails,
        entity::{Mark, Presence},
        exchange::{Leaving, leaving},
        parked::waiting,
        patch::has_key,
    },
    store::tables::{Tag, Wait},
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
    for Leaving { side, place, key } in leaving(entity, context) {
        rows.insert([tag.leaving(side, &place, &key), id.clone()].concat(), Vec::new());
    }
    if has_consent(context) {
        for (field, text) in emails(entity, context) {
            rows.insert([tag.email(field, &text), id.clone()].concat(), Vec::new());
        }
    }
}

/// What of an entity waits, or is listed: kind, field, and for parked things when they are due (milliseconds).
pub fn waits(entity: &Entity, context: &Context<'_>) -> Vec<(Wait, String, Vec<u8>)> {
    let mut waits: Vec<_> = waiting(entity, context).iter().map(parked::row).collect();
    let due = |at: Timestamp| at.as_millisecond().to_be_bytes().to_vec();
    let mapped = context.rules.fields.iter().map(|rule| &rule.map.name);
    for (name, field) in mapped.filter_map(|name| entity.fields.get_key_value(name)) {
        let mut add = |wait, value| waits.push((wait, name.clone(), value));
        if let Some(open) = &field.conflict {
            let wait = if field.frozen { Wait::Frozen } else { Wait::Conflict };
            add(wait, open.id.bytes().to_vec());
        }
        for side in Side::BOTH {
            match &field.sides[side].mark {
                Some(Mark::Parked { golden, parked })
                    if parked.dismissed_by.is_some()
                        && golden.as_ref().is_none_or(|golden| *golden == field.golden) =>
                {
                    add(Wait::Kept, Vec::new());
                }
                Some(Mark::Normalised { golden }) if *golden == field.golden => add(Wait::Normalised, Vec::new()),
                Some(Mark::Kept { golden } | Mark::Apart { golden, .. }) if *golden == field.golden => {
                    add(Wait::Kept, Vec::new());
                }
                Some(Mark::Discarded { golden }) if *golden == field.golden => add(Wait::Discarded, Vec::new()),
                _ => {}
            }
        }
    }
    for side in Side::BOTH {
        waits.extend(withheld(entity, side, context).into_iter().map(|name| (Wait::Withheld, name, Vec::new())));
    }
    let mut add = |wait, name: &str, value| waits.push((wait, name.to_owned(), value));
    let mut unseen = Vec::new();
    for side in Side::BOTH {
        if entity.parked[side].as_ref().is_some_and(|parked| parked.dismissed_by.is_some()) {
            add(Wait::Kept, "", Vec::new());
        }
        match entity.members[side].as_ref().map(|member| member.presence) {
            Some(Presence::NotVisible { .. }) => unseen.push(unseen_letter(side)),
            Some(Presence::Deleted { seen_at }) => {
                // What a guard holds is not looked at again until somebody answers.
                let is_held = holds_unlinking(entity, side);
                let value = if is_held { i64::MAX.to_be_bytes().to_vec() } else { due(seen_at) };
                add(Wait::Deleting, "", value);
            }
            Some(Presence::ConvertedOut { .. }) => add(Wait::ConvertedOut, "", Vec::new()),
            Some(Presence::Seen) | None => {}
        }
        if !entity.secondaries[side].is_empty() {
            add(Wait::Duplicate, "", Vec::new());
        }
    }
    if !unseen.is_empty() {
        add(Wait::NotVisible, "", unseen);
    }
    if !entity.ambiguous.is_empty() {
        add(Wait::Ambiguous, "", entity.question.map(|id| id.bytes().to_vec()).unwrap_or_default());
    }
    if !entity.apart.is_empty() {
        add(Wait::Apart, "", Vec::new());
    }
    let lives = entity.members.iter().any(|(_, member)| member.is_some());
    if lives && !entity.is_linked() && !has_key(entity, context) {
        add(Wait::NoKey, "", Vec::new());
    }
    waits
}

/// Fields of a member that was read and that were not in any reading: the login may not see them.
fn withheld(entity: &Entity, side: Side, context: &Context<'_>) -> Vec<String> {
    let Some(member) = entity.seen(side) else { return Vec::new() };
    if entity.fields.values().all(|field| field.sides[side].shadow.is_none()) {
        return Vec::new();
    }
    let is_hidden = |rule: &&FieldRule| {
        Context::place(rule, side, &member.address.object).is_some()
            && entity.fields.get(&rule.map.name).is_none_or(|field| {
                let holding = &field.sides[side];
                holding.shadow.is_none() && holding.sent.is_none()
            })
    };
    context.rules.fields.iter().filter(is_hidden).map(|rule| rule.map.name.clone()).collect()
}

/// The sync keeps consents.
pub fn has_consent(context: &Context<'_>) -> bool {
    context.rules.fields.iter().any(|rule| rule.policy.consent.is_some())
}
