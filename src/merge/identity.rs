//! Who is who: what becomes of a record whose key leads to others.

use super::{
    context::Context,
    entity::{Entity, Id},
    patch::keys,
    rules::Ambiguous,
    side::{Pair, Side},
};
use crate::planted::{self, Planted};

/// What becomes of an entity that waits to be matched.
#[derive(Clone, Debug, PartialEq)]
pub enum Match {
    /// Nobody shares a key: it is a person of its own.
    Nobody,
    /// These are one person; the first of each side is the primary, the others are secondaries.
    One {
        /// All that become one, the entity itself included, in no order.
        all: Vec<Id>,
        /// Whose member is primary, by side.
        primaries: Pair<Option<Id>>,
        /// The key set that told.
        set: usize,
    },
    /// The one person it could be could as well be somebody else, and nobody can be both: it waits until that is known.
    Contested,
    /// Several people could be it.
    Several {
        /// They, by id.
        candidates: Vec<Id>,
    },
}

/// Matches `entity` against `others`, which share at least one key with it.
///
/// Key sets are tried in order; a later one counts only where each earlier one is blank on one of the two: two Smiths
/// on one switchboard with different e-mails are two people.
pub fn match_entity(entity: &Entity, others: &[Entity], context: &Context<'_>) -> Match {
    for (index, set) in context.rules.matching.iter().enumerate() {
        let wanted = keys(entity, set, context);
        if wanted.is_empty() {
            continue;
        }
        let found: Vec<&Entity> = others
            .iter()
            .filter(|other| !keys(other, set, context).is_disjoint(&wanted))
            .filter(|other| may_be_one(entity, other, index, context))
            .collect();
        if !found.is_empty() {
            let matched = decide(entity, &found, index, context);
            let contested = || others.iter().any(|other| contests(entity, other, &found, index, context));
            return if matches!(matched, Match::One { .. }) && contested() { Match::Contested } else { matched };
        }
    }
    Match::Nobody
}

/// `other` is certainly not this entity, and could be the same unlinked person by the same key. Whoever came first
/// would win: the one whose key leads to both is left to a person instead.
fn contests(entity: &Entity, other: &Entity, found: &[&Entity], set: usize, context: &Context<'_>) -> bool {
    let same_key = |one: &Entity, two: &Entity| {
        let set = &context.rules.matching[set];
        !keys(one, set, context).is_disjoint(&keys(two, set, context))
    };
    same_key(entity, other)
        && !entity.is_apart_from(other)
        && !may_be_one(entity, other, set, context)
        && found.iter().any(|one| !one.is_linked() && may_be_one(one, other, set, context))
}

fn decide(entity: &Entity, found: &[&Entity], set: usize, context: &Context<'_>) -> Match {
    let linked: Vec<&&Entity> = found.iter().filter(|other| other.is_linked()).collect();
    if linked.len() > 1 {
        return several(entity, found, set, context);
    }
    let mut group: Vec<&Entity> = vec![entity];
    group.extend(found.iter().copied());
    let all_one =
        group.iter().enumerate().all(|(at, one)| group[at + 1..].iter().all(|two| may_be_one(one, two, set, context)));
    if !all_one {
        return several(entity, found, set, context);
    }
    one(&group, set, context)
}

fn one(group: &[&Entity], set: usize, context: &Context<'_>) -> Match {
    let primaries = Pair::from_fn(|side| primary(group, side, context));
    Match::One { all: group.iter().map(|entity| entity.id).collect(), primaries, set }
}

/// The linked one stays primary; among unlinked ones the preferred object's, then the older by creation, then the
/// smaller id.
fn primary(group: &[&Entity], side: Side, context: &Context<'_>) -> Option<Id> {
    let rank = |entity: &&&Entity| {
        let member = entity.members[side].as_ref()?;
        let objects = &context.rules.systems[side].objects;
        let preferred = objects.iter().position(|object| *object == member.address.object).unwrap_or(objects.len());
        let created = member.created_at.unwrap_or(hymnal_sdk::Timestamp::MAX);
        Some((!entity.is_linked(), preferred, created, member.address.id.clone()))
    };
    if planted::is(Planted::PrimaryByArrival) {
        let there = group.iter().filter(|entity| entity.members[side].is_some());
        return there.min_by_key(|entity| (!entity.is_linked(), entity.id)).map(|entity| entity.id);
    }
    group.iter().filter(|entity| entity.members[side].is_some()).min_by_key(rank).map(|entity| entity.id)
}

fn several(entity: &Entity, found: &[&Entity], set: usize, context: &Context<'_>) -> Match {
    // By their records where the times are equal: ids of entities tell who was met first, which is chance.
    let records =
        |other: &Entity| Pair::from_fn(|side| other.members[side].as_ref().map(|member| member.address.clone()));
    let by_age = |other: &&&Entity| {
        let times = Side::BOTH.iter().filter_map(|side| other.members[*side].as_ref()?.created_at);
        (times.min(), records(other))
    };
    let by_change = |other: &&&Entity| {
        let times = Side::BOTH.iter().filter_map(|side| other.members[*side].as_ref()?.modified_at);
        (times.max(), std::cmp::Reverse(records(other)))
    };
    let chosen = match context.rules.ambiguous {
        Ambiguous::Review if planted::is(Planted::FirstFound) => found.first(),
        Ambiguous::Review => None,
        Ambiguous::Oldest => found.iter().min_by_key(by_age),
        Ambiguous::Latest => found.iter().max_by_key(by_change),
    };
    if let Some(chosen) = chosen {
        return one(&[entity, chosen], set, context);
    }
    let mut candidates: Vec<Id> = found.iter().map(|other| other.id).collect();
    candidates.sort_unstable();
    Match::Several { candidates }
}

/// Neither a person nor an earlier key set says that they are two.
fn may_be_one(one: &Entity, two: &Entity, set: usize, context: &Context<'_>) -> bool {
    !one.is_apart_from(two)
        && context.rules.matching[..set].iter().all(|earlier| {
            let (one, two) = (keys(one, earlier, context), keys(two, earlier, context));
            one.is_empty() || two.is_empty() || !one.is_disjoint(&two)
        })
}
