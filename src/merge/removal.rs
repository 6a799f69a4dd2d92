//! What follows from a deletion on the other side, once it is believed.

use std::collections::BTreeMap;

use hymnal_sdk::{Address, SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    context::Context,
    entity::{Entity, Field, Holding, Member, Origin},
    event::{Event, Spared},
    field::Evidence,
    policy::Flow,
    reading::Ledger,
    rules::OnDelete,
    side::Side,
};
use crate::{
    mapping::Value,
    planted::{self, Planted},
};

/// Remembers a deletion.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tombstone {
    /// Where the record lived.
    pub address: Address,
    /// When it was unlinked.
    #[serde(with = "jiff::fmt::serde::timestamp::microsecond::required")]
    pub at: Timestamp,
    /// `on_delete = "recreate"`: it is made again as long as the other side has it.
    pub remake: bool,
    /// How it stood with the other record, should it come back.
    pub left: Option<LeftBehind>,
}

/// How a record that was deleted stood with the other one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LeftBehind {
    /// The other one.
    pub with: Address,
    /// By field: what was agreed, whether the first link was decided, and what the record held.
    pub fields: BTreeMap<String, (Option<Value>, bool, Holding)>,
}

/// A deletion seen on one side, on its way to the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removal {
    /// The record that was seen deleted.
    pub of: Address,
    /// When that was first seen, by our clock.
    #[serde(with = "jiff::fmt::serde::timestamp::microsecond::required")]
    pub seen_at: Timestamp,
    /// It was marked as being sent, and no answer has come: the record is read before anything else is done.
    pub in_doubt: bool,
}

/// The member of `side` was deleted at `seen_at` and is unlinked, and no other record takes its place: what the rules
/// want done on the other side, and what is remembered.
pub fn bury(
    entity: &mut Entity,
    side: Side,
    of: Address,
    seen_at: Timestamp,
    context: &Context<'_>,
    ledger: &mut Ledger<'_>,
) {
    let rule = context.rules.on_delete[side];
    let remake = rule == OnDelete::Recreate;
    let remake = remake || planted::is(Planted::ForgetTombstone);
    entity.tombstones[side] = Some(Tombstone { address: of.clone(), at: context.now, remake, left: None });
    let far = side.other();
    if !rule.removes() || entity.members[far].is_none() {
        return;
    }
    entity.removing[far] = Some(Removal { of, seen_at, in_doubt: false });
    reconsider(entity, context, ledger);
}

/// How the member of `side` stands with the other one: to be remembered before it is unlinked, and taken up by
/// [`come_back`].
///
/// Not the consents: after a deletion the more restrictive value of both counts, whoever entered it and when.
pub fn left_behind(entity: &Entity, side: Side, context: &Context<'_>) -> Option<LeftBehind> {
    let with = entity.members[side.other()].as_ref()?.address.clone();
    let kept = context.rules.fields.iter().filter(|rule| rule.policy.consent.is_none());
    let fields = kept.filter_map(|rule| {
        let field = entity.fields.get(&rule.map.name)?;
        let holding = Holding { gate: None, ..field.sides[side].clone() };
        Some((rule.map.name.clone(), (field.agreed.clone(), field.linked, holding)))
    });
    Some(LeftBehind { with, fields: fields.collect() })
}

/// The record of a tombstone is back, and the other one is still there: where somebody entered a value in that one
/// meanwhile, and values may travel, the two go on where they stood. It must not lose to what lay in the bin. Everything
/// else is a first link, which clears nothing: while there was one record only, neither `flow` nor `blanks` held anything
/// back.
pub fn come_back(entity: &mut Entity, side: Side, left: &LeftBehind, context: &Context<'_>) {
    let far = side.other();
    if entity.members[far].as_ref().is_none_or(|member| member.address != left.with) {
        return;
    }
    for rule in &context.rules.fields {
        let Some(field) = entity.fields.get_mut(&rule.map.name) else { continue };
        let Some((agreed, linked, holding)) = left.fields.get(&rule.map.name) else { continue };
        let is_entered = field.sides[far].edit.as_ref().is_some_and(|edit| !edit.value.is_blank());
        if is_entered && agreed.is_some() && rule.policy.flow == Flow::Both {
            (field.agreed, field.linked, field.sides[side]) = (agreed.clone(), *linked, holding.clone());
        }
    }
}

/// Drops a deletion that is on its way and no longer right: the other record is back, or somebody worked on this one.
/// One in doubt stays until the record was read: it may have been done.
pub(super) fn reconsider(entity: &mut Entity, context: &Context<'_>, ledger: &mut Ledger<'_>) {
    for side in Side::BOTH {
        let Some(removal) = entity.removing[side].as_ref().filter(|removal| !removal.in_doubt) else { continue };
        let Some(member) = &entity.members[side] else {
            entity.removing[side] = None;
            continue;
        };
        let why = if entity.members[side.other()].is_some() {
            Spared::Restored
        } else if is_edited(entity, side, member, removal, context) && !planted::is(Planted::RemoveAnyway) {
            Spared::Edited
        } else {
            continue;
        };
        ledger.events.push(Event::Spared { side, address: member.address.clone(), why });
        entity.removing[side] = None;
    }
}

/// Somebody worked on the record, and whoever deleted the other one had not seen that: an edit that never reached the
/// deleted record, or a change of the record, mapped or not, since the deletion was seen. Times of our own writes are
/// ours; where clocks leave it open, it was an edit: a record that stays too long can be deleted, not the other way.
fn is_edited(entity: &Entity, side: Side, member: &Member, removal: &Removal, context: &Context<'_>) -> bool {
    if entity.fields.values().any(|field| field.sides[side].edit.is_some()) {
        return true;
    }
    let uncertain = SignedDuration::try_from(context.rules.clock_uncertainty).unwrap_or(SignedDuration::ZERO);
    let ours = member.written_at.map(|at| at.saturating_add(uncertain).unwrap_or(at));
    let known = ours.map_or(removal.seen_at, |at| at.max(removal.seen_at));
    member.modified_at.is_some_and(|at| context.ours(side, at) > known)
}

/// `on_delete = "restrict"`: leaving the list is the opt-out. Every consent takes its restricted value at once; a later
/// restoration does not take that back.
pub fn restrict_all(entity: &mut Entity, side: Side, context: &Context<'_>, ledger: &mut Ledger<'_>) {
    if context.rules.on_delete[side] != OnDelete::Restrict {
        return;
    }
    for rule in &context.rules.fields {
        let Some(restricted) = rule.policy.consent.as_ref().and_then(|consent| consent.steps.last()) else { continue };
        let field = entity.fields.entry(rule.map.name.clone()).or_insert_with(Field::unread);
        if field.golden == *restricted {
            continue;
        }
        let word = "deleted there".to_owned();
        field.origin =
            Some(Origin { side: Some(side), evidence: Evidence::None, by: None, rule: word.clone(), by_person: false });
        let from = std::mem::replace(&mut field.golden, restricted.clone());
        ledger.events.push(Event::Decided {
            field: rule.map.name.clone(),
            from,
            to: restricted.clone(),
            side: Some(side),
            rule: word,
            by: None,
            evidence: Evidence::None,
        });
    }
}
