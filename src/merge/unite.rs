//! Several entities made one, and one made several.

use hymnal_sdk::{Address, Timestamp};

use super::{
    consent::restriction,
    context::Context,
    emails::remember_emails,
    entity::{Apart, Entity, Field, Holding, Id, Member, Origin},
    reading::Ledger,
    rules::FieldRule,
    secondary::{Secondary, impose},
    side::{Pair, Side},
};
use crate::mapping::{self, Value};

/// Makes one entity of several. The oldest id survives, and the others become its aliases; each side's primary becomes
/// its member, the other records become secondaries. Where one of them gives both primaries, its fields go on as they
/// are; else every field is undecided again, as at any first link.
///
/// What any of them had restricted stays restricted, and where any of them was deleted nobody is made, unless there is
/// a record by now.
pub fn unite(
    mut group: Vec<Entity>,
    primaries: &Pair<Option<Id>>,
    context: &Context<'_>,
    ledger: &mut Ledger<'_>,
) -> Option<Entity> {
    // Who was met first decides nothing: what is kept of one of them is the primary's.
    let rank = |id| Side::BOTH.iter().position(|side| primaries[*side] == Some(id)).unwrap_or(Side::BOTH.len());
    group.sort_by_key(|entity| (!entity.is_linked(), rank(entity.id), entity.id));
    let of = |id: Option<Id>| id.and_then(|id| group.iter().find(|entity| entity.id == id));
    let goes_on = primaries.left.is_some() && primaries.left == primaries.right;
    let base = if goes_on { of(primaries.left) } else { None };
    let mut united = base.or_else(|| group.first())?.clone();
    for side in Side::BOTH {
        let primary = of(primaries[side]);
        if let Some(primary) = primary.filter(|primary| primary.id != united.id) {
            take_member(&mut united, primary, side);
        }
        let chosen = primary.and_then(|entity| entity.members[side].as_ref()).map(|member| member.address.clone());
        united.secondaries[side] = others(&group, side, chosen.as_ref(), context);
        united.tombstones[side] = match &united.members[side] {
            Some(_) => None,
            // Who was deleted everywhere and is made anew by a person is a new person: nobody brings them back.
            None => group.iter().filter(|entity| lives(entity)).find_map(|entity| entity.tombstones[side].clone()),
        };
    }
    name_it(&mut united, &group);
    // What was refused was refused to somebody who was not known to be this one: a creation, most often.
    united.parked = Pair::default();
    united.queued = false;
    united.contested = false;
    united.ambiguous.clear();
    united.question = None;
    if !(goes_on && united.is_linked()) {
        for field in united.fields.values_mut() {
            field.agreed = None;
            field.linked = false;
            field.origin = None;
        }
    }
    keep_restrictions(&mut united, &group, goes_on, context, ledger);
    for entity in &group {
        united.former_emails.extend(entity.former_emails.iter().cloned());
        remember_emails(&mut united, entity, context);
    }
    Some(united)
}

fn lives(entity: &Entity) -> bool {
    entity.members.iter().any(|(_, member)| member.is_some())
}

/// The oldest id is the person's for ever; who remembers another one still finds it.
fn name_it(united: &mut Entity, group: &[Entity]) {
    let mut ids: Vec<Id> =
        group.iter().flat_map(|entity| [entity.id].into_iter().chain(entity.aliases.clone())).collect();
    ids.sort_unstable();
    ids.dedup();
    united.id = group.iter().map(|entity| entity.id).min().unwrap_or(united.id);
    united.aliases = ids.into_iter().filter(|id| *id != united.id).collect();
    let mut apart: Vec<Apart> = group.iter().flat_map(|entity| entity.apart.clone()).collect();
    apart.retain(|apart| united.addresses(apart.side).all(|address| *address != apart.address));
    apart.dedup();
    united.apart = apart;
}

fn others(group: &[Entity], side: Side, chosen: Option<&Address>, context: &Context<'_>) -> Vec<Secondary> {
    let mut others: Vec<Secondary> = group
        .iter()
        .flat_map(|entity| {
            Secondary::of_member(entity, side, context).into_iter().chain(entity.secondaries[side].iter().cloned())
        })
        .filter(|secondary| Some(&secondary.member.address) != chosen)
        .collect();
    others.sort_by(|one, two| one.member.address.cmp(&two.member.address));
    others.dedup_by(|one, two| one.member.address == two.member.address);
    others
}

fn keep_restrictions(
    united: &mut Entity,
    group: &[Entity],
    goes_on: bool,
    context: &Context<'_>,
    ledger: &mut Ledger<'_>,
) {
    for rule in &context.rules.fields {
        let Some(consent) = &rule.policy.consent else { continue };
        let known = || group.iter().filter_map(|entity| entity.fields.get(&rule.map.name));
        let strictest = known().map(|field| &field.golden).max_by_key(|value| restriction(consent, value));
        // What a member says itself is decided, and logged, by the first link.
        let is_said = |value: &Value| {
            !goes_on && Side::BOTH.iter().any(|side| stands(united, rule, *side).as_ref() == Some(value))
        };
        if let Some(value) = strictest.filter(|value| consent.restricts(value) && !is_said(value)) {
            impose(united, rule, value, Origin::by_rule("duplicate"), context, ledger);
        }
        if let Some(field) = united.fields.get_mut(&rule.map.name) {
            field.imposed |= known().any(|field| field.imposed) && consent.restricts(&field.golden);
        }
    }
}

fn stands(entity: &Entity, rule: &FieldRule, side: Side) -> Option<Value> {
    let place = Context::place(rule, side, &entity.members[side].as_ref()?.address.object)?;
    mapping::read(&rule.map, place, entity.fields.get(&rule.map.name)?.sides[side].shadow.as_ref()?).ok()
}

fn take_member(united: &mut Entity, from: &Entity, side: Side) {
    united.members[side].clone_from(&from.members[side]);
    united.creating[side] = None;
    for field in united.fields.values_mut() {
        field.sides[side] = Holding::default();
    }
    for (name, theirs) in &from.fields {
        let field = united.fields.entry(name.clone()).or_insert_with(Field::unread);
        field.sides[side] = theirs.sides[side].clone();
    }
}

/// Two people whom a merge made one: an edit of the one that went, which had not reached anybody yet, is an edit of the
/// one that is left, unless that one was edited too. Answers the values of the one that went which differ.
pub fn carry_edits(united: &mut Entity, gone: &Entity, context: &Context<'_>) -> Vec<(String, Value)> {
    let mut lost = Vec::new();
    for rule in &context.rules.fields {
        let Some(theirs) = gone.fields.get(&rule.map.name) else { continue };
        let field = united.fields.entry(rule.map.name.clone()).or_insert_with(Field::unread);
        let mut carried = false;
        for side in Side::BOTH {
            let edit = theirs.sides[side].edit.as_ref().filter(|edit| edit.before.is_some());
            let is_free = rule.policy.consent.is_none() && field.agreed.is_some() && field.sides[side].edit.is_none();
            if let Some(edit) = edit.filter(|edit| is_free && edit.value != field.golden) {
                field.sides[side].edit = Some(edit.clone());
                carried = true;
            }
        }
        if !carried && !theirs.golden.is_blank() && theirs.golden != field.golden {
            lost.push((rule.map.name.clone(), theirs.golden.clone()));
        }
    }
    lost
}

/// Takes a record away from an entity: it becomes a person of its own, and the two are not matched again. `None` where
/// it is not a record of the entity.
///
/// What was restricted stays so for both: nobody can say for whom the person had spoken.
pub fn detach(
    entity: &mut Entity,
    side: Side,
    address: &Address,
    id: Id,
    context: &Context<'_>,
    ledger: &mut Ledger<'_>,
) -> Option<Entity> {
    let mut own = Entity::new(id);
    own.queued = false;
    let is_member = entity.members[side].as_ref().is_some_and(|member| member.address == *address);
    let kept: Pair<Vec<Address>> = Pair::from_fn(|side| entity.addresses(side).cloned().collect());
    if is_member {
        own.members[side] = entity.members[side].take();
        for (name, field) in &mut entity.fields {
            let mut theirs = Field::unread();
            theirs.sides[side] = std::mem::take(&mut field.sides[side]);
            theirs.sides[side].edit = None;
            own.fields.insert(name.clone(), theirs);
        }
    } else {
        let at = entity.secondaries[side].iter().position(|secondary| secondary.member.address == *address)?;
        let secondary = entity.secondaries[side].remove(at);
        own.members[side] = Some(secondary.member);
        for (name, holding) in secondary.fields {
            own.fields.entry(name).or_insert_with(Field::unread).sides[side] = holding;
        }
    }
    for rule in &context.rules.fields {
        let Some(consent) = &rule.policy.consent else { continue };
        let Some(golden) = entity.fields.get(&rule.map.name).map(|field| field.golden.clone()) else { continue };
        if consent.restricts(&golden) {
            impose(&mut own, rule, &golden, Origin::by_rule("split"), context, ledger);
            entity.fields.get_mut(&rule.map.name).into_iter().for_each(|field| field.imposed = true);
        }
    }
    entity.apart.push(Apart { side, address: address.clone(), bars: is_member });
    for (other, addresses) in kept.iter() {
        let rest = addresses.iter().filter(|rest| other != side || *rest != address);
        own.apart.extend(rest.map(|rest| Apart { side: other, address: rest.clone(), bars: other != side }));
    }
    Some(own)
}

/// A secondary takes the place of a member that is gone. Answers which, since it is to be read first.
pub fn promote(entity: &mut Entity, side: Side, now: Timestamp) -> Option<Address> {
    if entity.members[side].is_some() || entity.secondaries[side].is_empty() {
        return None;
    }
    let next = entity.secondaries[side].remove(0).member.address;
    entity.members[side] = Some(Member::unread(next.clone(), now));
    Some(next)
}
