//! How far two systems agree: each person, and each field of each linked person, in exactly one category.
//!
//! What is in none of the others is *unexplained*: the two differ and nothing says why. That must never be, and is an
//! alarm where it is.

use std::collections::BTreeSet;

use hymnal_sdk::{Native, Record};
use serde::Serialize;

use super::{
    context::Context,
    entity::{Entity, Field, Mark, Presence, Want},
    patch::{enters, has_key, patch, stands_at},
    reading::{Reading, Source, is_stale, readable},
    rules::FieldRule,
    side::{Pair, Side},
};
use crate::mapping::{self, NativeField, Value};

/// How a field of a linked person, or a person, stands. The order is that in which people must care: a person is in the
/// last category that one of their fields is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// Both sides hold the same.
    Equal,
    /// A service keeps another form of it.
    Normalised,
    /// A value that a rule refuses is left where it stands, or the service lets nobody write it.
    Kept,
    /// Deleted on one side, taken away by a person, or converted into what the sync does not have, and by the rules not
    /// made again there; or people are not made there at all.
    OneSided,
    /// Left out by `include` or `create_when`.
    OutOfScope,
    /// No key can be formed.
    NoKey,
    /// On its way.
    Pending,
    /// On its way, once a person lets it go.
    Held,
    /// A record that cannot be seen.
    NotVisible,
    /// Set aside, with a reason.
    Parked,
    /// It flips, and waits for a person.
    Frozen,
    /// A difference that waits for a person.
    Conflicting,
    /// A key led to several people; a person decides.
    Ambiguous,
    /// The two differ, and nothing says why.
    Unexplained,
}

impl Category {
    /// All, in their order.
    pub const ALL: [Self; 14] = [
        Self::Equal,
        Self::Normalised,
        Self::Kept,
        Self::OneSided,
        Self::OutOfScope,
        Self::NoKey,
        Self::Pending,
        Self::Held,
        Self::NotVisible,
        Self::Parked,
        Self::Frozen,
        Self::Conflicting,
        Self::Ambiguous,
        Self::Unexplained,
    ];

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Equal => "equal",
            Self::Normalised => "normalised",
            Self::Kept => "kept",
            Self::OneSided => "one_sided",
            Self::OutOfScope => "out_of_scope",
            Self::NoKey => "no_key",
            Self::Pending => "pending",
            Self::Held => "held",
            Self::NotVisible => "not_visible",
            Self::Parked => "parked",
            Self::Frozen => "frozen",
            Self::Conflicting => "conflicting",
            Self::Ambiguous => "ambiguous",
            Self::Unexplained => "unexplained",
        }
    }
}

/// Whether what is decided may be written now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writing {
    /// It may.
    Goes,
    /// A gate, a pause or the rules hold it.
    Held,
}

/// How one person stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metered {
    /// The person.
    pub person: Category,
    /// Each mapped field of a linked person, in the order of the configuration.
    pub fields: Vec<(String, Category)>,
}

/// How a person stands, by what is known.
pub fn meter(entity: &Entity, writing: Writing, context: &Context<'_>) -> Metered {
    if !entity.is_linked() {
        return Metered { person: alone(entity, writing, context), fields: Vec::new() };
    }
    let due = Pair::from_fn(|side| due(entity, side, context));
    let one = |rule: &FieldRule| {
        let category = field(entity, rule, &due, context);
        let category =
            if category == Category::Pending && writing == Writing::Held { Category::Held } else { category };
        (rule.map.name.clone(), category)
    };
    let fields: Vec<(String, Category)> = context.rules.fields.iter().map(one).collect();
    let worst = fields.iter().map(|(_, category)| *category).max().unwrap_or(Category::Equal);
    Metered { person: worst, fields }
}

/// Where one side has no record of the person.
fn alone(entity: &Entity, writing: Writing, context: &Context<'_>) -> Category {
    let Some(side) = Side::BOTH.into_iter().find(|side| entity.members[*side].is_some()) else {
        // Nobody is left; only the memory of a deletion.
        return Category::OneSided;
    };
    let far = side.other();
    let presence = entity.members[side].as_ref().map(|member| member.presence);
    let pending = if writing == Writing::Held { Category::Held } else { Category::Pending };
    if !entity.ambiguous.is_empty() || entity.contested {
        return Category::Ambiguous;
    }
    if matches!(presence, Some(Presence::NotVisible { .. })) {
        return Category::NotVisible;
    }
    if entity.parked[far].is_some() || entity.parked[side].is_some() {
        return Category::Parked;
    }
    let in_flight = entity.creating[far].is_some() || entity.wants.iter().any(|(_, want)| *want != Want::Nothing);
    if in_flight || entity.queued || matches!(presence, Some(Presence::Deleted { .. })) {
        return pending;
    }
    let stays_away = entity.tombstones[far].as_ref().is_some_and(|tombstone| !tombstone.remake)
        || entity.apart.iter().any(|apart| apart.bars && apart.side == far)
        || matches!(presence, Some(Presence::ConvertedOut { .. }));
    // What was withheld when it was read is asked for again.
    let is_unread = entity.fields.values().any(|field| field.sides[side].shadow.is_none());
    if !entity.scope.is_in() {
        Category::OutOfScope
    } else if !has_key(entity, context) {
        Category::NoKey
    } else if stays_away || context.rules.systems[far].create.is_none() {
        Category::OneSided
    } else if !entity.scope.may_create(far) {
        Category::OutOfScope
    } else if is_unread {
        pending
    } else {
        Category::Unexplained
    }
}

/// The fields that a push would write, or find that it cannot.
struct Due {
    written: BTreeSet<String>,
    unwritable: BTreeSet<String>,
}

fn due(entity: &Entity, side: Side, context: &Context<'_>) -> Due {
    let patch = patch(entity, side, context);
    Due {
        written: patch.changes.into_iter().map(|change| change.field).collect(),
        unwritable: patch.problems.into_iter().map(|(field, _)| field).collect(),
    }
}

/// How one field of a linked person stands.
fn field(entity: &Entity, rule: &FieldRule, due: &Pair<Due>, context: &Context<'_>) -> Category {
    let name = &rule.map.name;
    let mut places = Vec::new();
    for side in Side::BOTH {
        let Some(member) = &entity.members[side] else { continue };
        places.extend(Context::place(rule, side, &member.address.object).map(|place| (side, place)));
    }
    // Mapped on one side only: there is nobody to agree with.
    if places.len() < 2 {
        return Category::Equal;
    }
    let Some(field) = entity.fields.get(name) else { return Category::Pending };
    let presence = |side: Side| entity.members[side].as_ref().map(|member| member.presence);
    if Side::BOTH.iter().any(|side| matches!(presence(*side), Some(Presence::NotVisible { .. }))) {
        return Category::NotVisible;
    }
    if field.conflict.is_some() {
        return Category::Conflicting;
    }
    if field.frozen {
        return Category::Frozen;
    }
    let values: Vec<Option<Value>> = places.iter().map(|(side, place)| value(field, rule, *side, place)).collect();
    if values[0].is_some() && values[0] == values[1] {
        return Category::Equal;
    }
    // A user written as the fallback: each side holds what the golden value is written as there.
    let stands = |(side, place): &(Side, &NativeField)| {
        field.sides[*side].shadow.as_ref().is_some_and(|shadow| stands_at(rule, place, shadow, &field.golden))
    };
    if places.iter().all(stands) {
        return Category::Normalised;
    }
    differs(entity, rule, field, due, context)
}

/// Why the two sides do not hold the same.
fn differs(entity: &Entity, rule: &FieldRule, field: &Field, due: &Pair<Due>, context: &Context<'_>) -> Category {
    let name = &rule.map.name;
    let any = |is: &dyn Fn(Side) -> bool| Side::BOTH.into_iter().any(is);
    let mark = |side: Side| field.sides[side].mark.as_ref().and_then(|mark| marked(mark, field));
    if let Some(category) = Side::BOTH.into_iter().filter_map(mark).max() {
        return category;
    }
    if any(&|side| due[side].unwritable.contains(name)) || any(&|side| entity.parked[side].is_some()) {
        return Category::Parked;
    }
    let presence = |side: Side| entity.members[side].as_ref().map(|member| member.presence);
    let is_moving = any(&|side| {
        let holding = &field.sides[side];
        let is_unread = holding.shadow.is_none() && holding.sent.is_none();
        due[side].written.contains(name)
            || holding.sent.is_some()
            || is_unread
            || entity.wants[side] == Want::Remove
            || matches!(presence(side), Some(Presence::Deleted { .. }))
    });
    if is_moving {
        return Category::Pending;
    }
    if any(&|side| matches!(presence(side), Some(Presence::ConvertedOut { .. }))) {
        return Category::OneSided;
    }
    if !entity.ambiguous.is_empty() {
        return Category::Ambiguous;
    }
    if !entity.scope.is_in() {
        return Category::OutOfScope;
    }
    let is_barred = any(&|side| {
        let object = entity.members[side].as_ref().map(|member| member.address.object.as_str()).unwrap_or_default();
        context.is_moot(rule, side, object, field) || !enters(rule, side, &field.golden)
    });
    if is_barred { Category::Kept } else { Category::Unexplained }
}

fn marked(mark: &Mark, field: &Field) -> Option<Category> {
    match mark {
        Mark::Parked { golden: None, .. } => Some(Category::Parked),
        Mark::Parked { golden: Some(golden), .. } | Mark::Ignored { golden } if *golden == field.golden => {
            Some(Category::Parked)
        }
        Mark::Normalised { golden } if *golden == field.golden => Some(Category::Normalised),
        Mark::Kept { golden } | Mark::Apart { golden, .. } | Mark::Discarded { golden } if *golden == field.golden => {
            Some(Category::Kept)
        }
        // On its way in two steps.
        Mark::ClearFirst { golden } if *golden == field.golden => Some(Category::Pending),
        Mark::Parked { .. }
        | Mark::Ignored { .. }
        | Mark::Normalised { .. }
        | Mark::Kept { .. }
        | Mark::Discarded { .. }
        | Mark::ClearFirst { .. }
        | Mark::Apart { .. } => None,
    }
}

fn value(field: &Field, rule: &FieldRule, side: Side, place: &NativeField) -> Option<Value> {
    mapping::read(&rule.map, place, field.sides[side].shadow.as_ref()?).ok()
}

/// One field in which a record is not what was last known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drift {
    /// The canonical field.
    pub field: String,
    /// What was last known.
    pub known: Native,
    /// What stands there.
    pub holds: Native,
}

/// What of a record, as a complete listing shows it, differs from what was last known and is not on its way: an edit that
/// nothing told of. What is older than what is known says nothing.
pub fn drift(
    entity: &Entity,
    side: Side,
    record: &Record,
    requested_at: hymnal_sdk::Timestamp,
    context: &Context<'_>,
) -> Vec<Drift> {
    let Some(member) = entity.seen(side).filter(|member| member.address == record.address) else { return Vec::new() };
    let reading = Reading { record, requested_at, source: Source::Listed };
    if is_stale(member, &reading) {
        return Vec::new();
    }
    let mut all = Vec::new();
    for rule in &context.rules.fields {
        let Some(place) = Context::place(rule, side, &member.address.object) else { continue };
        let Some(holds) = readable(&reading, member, side, place, context) else { continue };
        let Some(holding) = entity.fields.get(&rule.map.name).map(|field| &field.sides[side]) else { continue };
        // What was never read is merely new.
        let Some(known) = &holding.shadow else { continue };
        if holding.sent.is_none() && !mapping::same_native(&rule.map, place, known, holds) {
            all.push(Drift { field: rule.map.name.clone(), known: known.clone(), holds: holds.clone() });
        }
    }
    all
}
