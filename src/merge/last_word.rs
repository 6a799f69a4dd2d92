//! What a record says of consent that is deleted, or goes on as another one, merged or converted: its ordinary values
//! are gone, or the other record's to keep, but nobody who refused on it in its last hour is asked again.

use hymnal_sdk::{Native, Record};

use super::{
    context::Context,
    entity::{Entity, Field, Holding, Origin},
    reading::Ledger,
    secondary::impose,
    side::Side,
};
use crate::{
    mapping,
    planted::{self, Planted},
};

/// Restrictions that a leaving record shows, and that it did not hold when it was last read, are the person's.
///
/// What it held before has been heard, and may have been loosened rightly since.
pub fn hear_last_word(
    entity: &mut Entity,
    side: Side,
    record: &Record,
    context: &Context<'_>,
    ledger: &mut Ledger<'_>,
) {
    for rule in &context.rules.fields {
        let Some(consent) = &rule.policy.consent else { continue };
        let Some(place) = Context::place(rule, side, &record.address.object) else { continue };
        let Some(native) = record.fields.get(&place.name) else { continue };
        let said = mapping::read(&rule.map, place, native).ok().filter(|value| consent.restricts(value));
        let Some(said) = said else { continue };
        let Some(holding) = holding(entity, side, record, &rule.map.name) else { continue };
        let is_it = |known: &Native| mapping::same_native(&rule.map, place, known, native);
        let is_ours = holding.sent.as_ref().is_some_and(|sent| is_it(&sent.native));
        let is_heard = holding.shadow.as_ref().is_some_and(is_it);
        holding.shadow = Some(native.clone());
        if !is_ours && !is_heard && !planted::is(Planted::ForgetLastWord) {
            let by = record.modified_by.clone();
            let origin = Origin { side: Some(side), by, ..Origin::by_rule("last word") };
            impose(entity, rule, &said, origin, context, ledger);
        }
    }
}

fn holding<'e>(entity: &'e mut Entity, side: Side, record: &Record, field: &str) -> Option<&'e mut Holding> {
    let is_member = entity.members[side].as_ref().is_some_and(|member| member.address == record.address);
    if is_member {
        return Some(&mut entity.fields.entry(field.to_owned()).or_insert_with(Field::unread).sides[side]);
    }
    let secondary = entity.secondary_mut(side, &record.address)?;
    Some(secondary.fields.entry(field.to_owned()).or_default())
}
