//! Where leads become clients: the same person goes on as another record, and whoever refused has refused.

use hymnal::{
    merge::{Id, Side, entity::Presence},
    store::tables::Wait,
};
use hymnal_memory::service::Row;
use hymnal_sdk::Address;

use super::{By, Change, Key, Oracle, Promise, Track};

impl Oracle {
    /// The record of a person in an object of the right.
    pub(crate) fn record_in(&self, object: &str, who: usize) -> Option<Address> {
        let mut live = self.live(Side::Right, who).filter(|((_, address), _)| address.object == object);
        live.next().map(|((_, address), _)| address.clone())
    }

    /// A record turns out to have become another one: both are one person's.
    pub(super) fn note_conversion(&mut self, (side, _): &Key, track: &mut Track, row: &Row) {
        let Some(into) = row.converted_into.as_ref().filter(|_| track.converted.is_none()) else { return };
        track.converted = Some((self.tick, self.kv.commits()));
        if let Some(client) = self.records.get(&(*side, into.clone())).map(|client| client.who) {
            self.join(track.who, client);
        }
    }

    /// I1: the link moved with the person, or it is visible that it could not.
    pub(super) fn check_conversions(&mut self) {
        let mut broken = Vec::new();
        for ((side, address), track) in &self.records {
            let Some(into) = track.row.converted_into.as_ref() else { continue };
            let member = |address: &Address| {
                let member = self.entity(self.entity_of(*side, address)?)?.members[*side].clone()?;
                (member.address == *address).then_some(member)
            };
            let Some(member) = member(address) else { continue };
            let is_synced = self.rules.systems[*side].objects.contains(&into.object);
            if is_synced || !matches!(member.presence, Presence::ConvertedOut { .. }) {
                broken.push(format!("{side:?} {address} became {into}, and the link stayed with it: {member:?}"));
            }
        }
        for text in broken {
            self.breaks(Promise::Convergence, text);
        }
    }

    /// It is visible why a restriction did not come here. Being a further record of a person is no reason.
    fn cannot_be_restricted(&self, id: Id) -> bool {
        self.waits().any(|(wait, at, field)| {
            let is_it = match wait {
                Wait::Parked | Wait::Kept | Wait::Ignored | Wait::Withheld => field == "optout" || field.is_empty(),
                Wait::NotVisible | Wait::Deleting | Wait::ConvertedOut => true,
                _ => false,
            };
            at == id && is_it
        })
    }

    /// I7: who was seen to refuse, and has not been let in again since, is refused on every record that is left.
    pub(super) fn check_restrictions(&mut self) {
        if !self.shape.has_clients() && self.namesakes() == 0 {
            return;
        }
        let mut broken = Vec::new();
        for who in self.people() {
            let said = |track: &Track, is_it: &dyn Fn(&Change) -> bool| {
                let edits = track.edits.iter().filter(|edit| edit.field == "optout" && edit.by == By::Others);
                edits.filter(|edit| is_it(edit)).map(|edit| edit.tick).max()
            };
            let is_seen = |track: &Track| {
                track.shown.get("optout").is_some_and(|(value, commits)| value == "yes" && self.sank_in(*commits))
            };
            // A lead that was never seen before it was converted was nobody's.
            let was_known = |track: &Track| track.converted.is_none_or(|(_, at)| track.met.is_some_and(|met| met < at));
            let loosens = |edit: &Change| edit.before == "yes" && edit.value != "yes";
            let loosened = self.of(Side::Left, who).filter_map(|(_, track)| said(track, &loosens)).max();
            let all = Side::BOTH.into_iter().flat_map(|side| self.of(side, who));
            let refused = all.filter(|(_, track)| {
                is_seen(track) && was_known(track) && said(track, &|edit| edit.value == "yes" && !edit.again) > loosened
            });
            for (key, _) in refused {
                let lives_on = self.landing(key);
                let Some(id) = self.entity_of(lives_on.0, &lives_on.1) else { continue };
                let theirs = Side::BOTH.into_iter().flat_map(|side| self.live(side, who));
                for ((side, address), _) in theirs {
                    let is_theirs = self.entity_of(*side, address) == Some(id);
                    let holds = self.holds(*side, address, "optout").unwrap_or_default();
                    if is_theirs && holds != "yes" && !self.cannot_be_restricted(id) {
                        broken.push(format!("{side:?} {address} holds `{holds}`, and {} refused", key.1));
                    }
                }
            }
        }
        for text in broken {
            self.breaks(Promise::Consent, text);
        }
    }
}
