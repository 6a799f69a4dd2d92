//! What waits visibly, and whether it has a cause.

use hymnal::{
    merge::{Entity, Id},
    store::{Kv, tables::Wait},
};

use super::{Oracle, Promise, Side, Track, plain};
use crate::{shape::PHONE_FITS, world::TAG};

impl Oracle {
    /// People can see why a field, or the record as a whole, is not equal.
    pub(super) fn is_waiting(&self, id: Id, field: &str) -> bool {
        // Who is out of scope is counted, and not kept equal.
        let is_out = self.entity(id).is_some_and(|entity| !entity.scope.is_in());
        is_out
            || self.waits().any(|(wait, at, name)| {
                at == id
                    && match wait {
                        Wait::Conflict
                        | Wait::Frozen
                        | Wait::Ignored
                        | Wait::Normalised
                        | Wait::Kept
                        | Wait::Discarded
                        | Wait::Withheld => name == field,
                        Wait::Parked => name == field || name.is_empty(),
                        Wait::Ambiguous
                        | Wait::Duplicate
                        | Wait::NotVisible
                        | Wait::Deleting
                        | Wait::NoKey
                        | Wait::ConvertedOut
                        | Wait::Apart => true,
                    }
            })
    }

    /// I12: nothing waits but what has a cause of its own.
    pub(super) fn check_causes(&mut self) {
        let mut broken = Vec::new();
        for (wait, id, field) in self.waits().collect::<Vec<_>>() {
            let cause = match wait {
                Wait::Parked => {
                    // Who is out of the sync is not tried again.
                    self.entity(id).is_some_and(|entity| !entity.scope.is_in())
                        || (field == "owner" && self.is_owned_by_nobody(id))
                        || (field == "phone" && self.has_long_phone(id))
                        || self.is_in_the_way(id)
                        || self.was_deleted_quietly(id)
                }
                Wait::NotVisible => self.was_deleted_quietly(id),
                Wait::Deleting => false,
                _ => true,
            };
            if !cause {
                broken.push(format!("`{field}` of {id} waits as {wait:?} for no reason: {:#?}", self.entity(id)));
            }
        }
        for text in broken {
            self.breaks(Promise::Isolation, text);
        }
    }

    fn has_long_phone(&self, id: Id) -> bool {
        let members = |side: Side| {
            let entity = self.entity(id)?;
            let address = entity.members[side].as_ref()?.address.clone();
            let track = self.records.get(&(side, address))?;
            Some(plain("phone", track.row.fields.get("phone")).chars().count() > PHONE_FITS)
        };
        Side::BOTH.into_iter().any(|side| members(side) == Some(true))
    }

    /// A record was deleted where nobody says so.
    fn was_deleted_quietly(&self, id: Id) -> bool {
        let Some(entity) = self.entity(id) else { return false };
        Side::BOTH.into_iter().any(|side| {
            let shape = &self.shape.sides[side];
            let is_quiet = shape.scans && !shape.flags_deleted && !shape.gone_is_deleted;
            let member = entity.members[side].as_ref();
            let track = member.and_then(|member| self.records.get(&(side, member.address.clone())));
            is_quiet && track.is_some_and(|track| track.row.deleted_at.is_some())
        })
    }

    /// A further record of the same person holds what must be unique.
    fn is_in_the_way(&self, id: Id) -> bool {
        let Some(entity) = self.entity(id) else { return false };
        Side::BOTH.into_iter().any(|side| {
            let who = entity.members[side].as_ref().and_then(|member| {
                let track = self.records.get(&(side, member.address.clone()))?;
                Some(track.who)
            });
            let doubled = who.is_some_and(|who| self.live(side, who).count() > 1);
            let is_taken = doubled || self.is_merged_away(&entity, side) || self.is_converted_away(&entity, side);
            self.shape.sides[side].unique_email && is_taken
        })
    }

    /// A contact of that service that took over another one has its e-mail too, and another person's record has it here.
    fn is_merged_away(&self, entity: &Entity, side: Side) -> bool {
        let Some(member) = entity.members[side.other()].as_ref().filter(|_| self.shape.on_the_wire) else {
            return false;
        };
        let other = self.records.get(&(side.other(), member.address.clone()));
        let is_merged = |who| self.of(side, who).any(|(_, track)| track.row.merged_into.is_some());
        entity.members[side].is_none() && other.is_some_and(|track| is_merged(track.who))
    }

    /// A record that was converted keeps its e-mail, and the service lets nobody else have it.
    fn is_converted_away(&self, entity: &Entity, side: Side) -> bool {
        let email = |track: &Track| plain("email", track.row.fields.get("email"));
        let member = entity.members[side.other()].as_ref();
        let other = member.and_then(|member| self.records.get(&(side.other(), member.address.clone())));
        let mut converted = self.records.iter().filter(|((at, _), track)| *at == side && track.converted.is_some());
        other.is_some_and(|other| converted.any(|(_, track)| email(track) == email(other)))
    }

    pub(super) fn waits(&self) -> impl Iterator<Item = (Wait, Id, String)> {
        Wait::ALL.into_iter().flat_map(|wait| {
            let prefix = TAG.waiting(wait);
            let rows = self.kv.durable().scan(&prefix, None, usize::MAX).expect("a store in memory");
            rows.into_iter().filter_map(move |(key, _)| {
                let id = hymnal::store::tables::entity_of(key.get(..prefix.len() + 16)?)?;
                let rest = String::from_utf8(key[prefix.len() + 16..].to_vec()).ok()?;
                Some((wait, id, rest.split('\0').next().unwrap_or_default().to_owned()))
            })
        })
    }
}
