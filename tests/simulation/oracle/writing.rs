//! What must be true of each change that we make to a record, at the moment at which it arrives.

use std::time::Duration;

use hymnal::merge::OnDelete;

use super::{By, Change, Key, Oracle, Promise, Track};
use crate::shape::{EXTERNAL_ID, UNMAPPED};

/// So long may it take from a verifying reading to the write that it permits: the ways there and back, and no waiting.
const WINDOW: Duration = Duration::from_secs(5);

impl Oracle {
    /// A change of ours arrives. `track` is the record as it was before.
    pub(super) fn check_write(&mut self, key: &Key, track: &Track, mine: &[Change], bent: bool) {
        self.read_papers();
        self.check_verified(key, track);
        self.check_written_in_scope(key, track, mine);
        if !bent {
            self.check_guarded_update(key, track, mine);
        }
        for change in mine {
            self.check_mapped(key, change);
            self.check_seen(key, track, change);
            self.check_nothing_lost(key, track, change);
            self.check_blank(key, track, change);
            self.check_consent(key, track, change);
            self.check_spaces(key, change);
            if !bent {
                self.check_nothing_invented(key, track, change);
                self.check_journal(key, change);
            }
        }
    }

    /// I6: a write changes something.
    pub(super) fn check_idle_write(&mut self, key: &Key, track: &Track, bent: bool) {
        // Who does not read before writing may write what has come by itself; and a restriction of consent goes where
        // nobody is shown what is there.
        let sent = self.papers.last_sent(key);
        let is_unseen = !sent.is_empty() && sent.keys().all(|field| self.may_be_written_unseen(track, field));
        // Somebody may have entered the same between our last look and the write.
        let has_moved = |field: &String| {
            let shown = track.shown.get(field).map(|(value, _)| value);
            shown.is_some_and(|shown| *shown != super::plain(field, track.row.fields.get(field)))
        };
        let is_overtaken = !sent.is_empty() && sent.keys().all(has_moved);
        if !bent && !is_unseen && !is_overtaken && self.shape.verify {
            let (side, address) = key;
            self.breaks(
                Promise::NoEcho,
                format!("{side:?} {address} was written and holds what it held: {:?}", track.row),
            );
        }
    }

    /// I2: what is written was read just before.
    fn check_verified(&mut self, (side, address): &Key, track: &Track) {
        if !self.shape.verify {
            return;
        }
        let now = self.clock.glance();
        if track.got.is_none_or(|got| now.saturating_sub(got) > WINDOW) {
            let got = track.got;
            self.breaks(
                Promise::NoLostEdit,
                format!("{side:?} {address} is written at {now:?} and was read at {got:?}"),
            );
        }
    }

    fn may_be_written_unseen(&self, track: &Track, field: &str) -> bool {
        let rule = self.rules.fields.iter().find(|rule| rule.map.name == field);
        track.withheld.contains(field) && rule.is_some_and(|rule| rule.policy.consent.is_some())
    }

    /// I2: nobody writes over what the reading just before did not show.
    fn check_seen(&mut self, (side, address): &Key, track: &Track, change: &Change) {
        let field = &change.field;
        if self.shape.verify && track.withheld.contains(field) && !self.may_be_written_unseen(track, field) {
            self.breaks(Promise::NoLostEdit, format!("`{field}` of {side:?} {address} was not shown, and is written"));
        }
    }

    /// I9: only what is mapped.
    pub(super) fn check_mapped(&mut self, (side, address): &Key, change: &Change) {
        let is_mapped = self.rules.fields.iter().any(|rule| rule.map.name == change.field);
        let is_mark = change.field == EXTERNAL_ID && self.shape.sides[*side].external_id;
        if !is_mapped && !is_mark {
            let field = &change.field;
            debug_assert!(field == UNMAPPED || field == EXTERNAL_ID, "a field that no service has");
            self.breaks(Promise::Scope, format!("`{field}` of {side:?} {address} is written and not mapped"));
        }
    }

    /// I2: what somebody entered here, and Hymnal saw, is not written over unless it has reached the other side or the
    /// log has it.
    fn check_nothing_lost(&mut self, (side, address): &Key, track: &Track, change: &Change) {
        let field = change.field.as_str();
        let lost = &change.before;
        if ["tags", "optout", EXTERNAL_ID].contains(&field) || (lost.is_empty() && self.ignores_blanks(field)) {
            return;
        }
        let Some(edit) = track.edits.iter().rev().find(|edit| edit.field == field) else { return };
        if edit.by != By::Others || edit.value != *lost {
            return;
        }
        if lost.is_empty() && !self.agreed.contains_key(&(self.root(track.who), change.field.clone())) {
            return; // At a first link a blank is filled, whoever left it.
        }
        if lost.is_empty() && track.returned.get(field).is_some_and(String::is_empty) {
            return; // Who comes back out of the bin is linked for the first time, too.
        }
        if lost.is_empty() && !track.told.contains(&(edit.field.clone(), edit.before.clone())) {
            return; // What was cleared had never been shown here: as if it had not arrived, or been ignored.
        }
        if self.is_barred(*side, field) && track.first.get(field).is_some_and(|(first, _)| first == lost) {
            return; // It stood there when the record was met, and may not travel: the other side's first value wins.
        }
        let was_shown = track.shown.get(field).is_some_and(|(value, commits)| value == lost && self.sank_in(*commits));
        if !was_shown
            || self.is_safe(*side, track, edit)
            || self.is_the_desk_anyway(&(*side, address.clone()), track, edit)
        {
            return;
        }
        let text =
            format!("{side:?} {address}: `{field}` = `{lost}` was seen, is not logged, and becomes `{}`", change.value);
        self.breaks(Promise::NoLostEdit, text);
    }

    /// I6: what is written was entered by somebody. What a service made of our own writing never travels back.
    fn check_nothing_invented(&mut self, (side, address): &Key, track: &Track, change: &Change) {
        let (field, value) = (change.field.as_str(), &change.value);
        if value.is_empty() || ["tags", EXTERNAL_ID, UNMAPPED].contains(&field) {
            return;
        }
        let entered = |edit: &Change| edit.field == field && edit.value == *value && edit.by == By::Others;
        let known = track.edits.iter().any(entered)
            || super::Side::BOTH
                .into_iter()
                .flat_map(|at| self.of(at, track.who))
                .any(|(_, other)| other.edits.iter().any(entered));
        // A restriction holds for the e-mail, whoever has it, and for each that the person has had.
        let email = super::plain("email", track.row.fields.get("email"));
        let had = |one: &Track| one.edits.iter().any(|edit| edit.field == "email" && edit.value == email);
        let had_any =
            |who: usize| super::Side::BOTH.into_iter().any(|at| self.of(at, who).any(|(_, record)| had(record)));
        let same_email = |other: &Track| other.edits.iter().any(entered) && had_any(other.who);
        let known = known || (field == "optout" && self.records.values().any(same_email));
        // Leaving a list can be the opt-out.
        let is_farewell = field == "optout" && self.rules.on_delete.iter().any(|(_, rule)| *rule == OnDelete::Restrict);
        // Who refuses refuses for the e-mail, whoever else has it; and who was told apart goes on with what they had.
        let is_spread = self.namesakes() > 0
            && (self.records.values().any(|track| track.edits.iter().any(entered))
                || self.is_held_by_parted(field, value));
        let known = known || is_farewell || is_spread || self.is_rightly_the_desk(*side, track, change);
        // Who is linked anew may hold what a service made of our own writing, and win: people can see that.
        if !known && !self.papers.has_logged(field, side.other(), value) {
            let text = format!("{side:?} {address}: `{field}` = `{value}` is written, and nobody entered it");
            self.breaks(Promise::NoEcho, text);
        }
    }

    /// What was entered has reached the other side, or stands in the log, or was no news.
    pub(super) fn is_safe(&self, side: super::Side, track: &Track, edit: &Change) -> bool {
        let (field, value) = (&edit.field, &edit.value);
        let reached = self.of(side.other(), track.who).any(|(_, other)| {
            let came = |change: &Change| change.field == *field && change.value == *value && !value.is_empty();
            other.edits.iter().any(came) || other.claimed.contains(&(field.clone(), value.clone()))
        });
        // A further record gives no ordinary values; when it takes the place of one that is gone, blanks are filled.
        let took_a_place =
            value.is_empty() && self.of(side, track.who).any(|(_, one)| one.gone.is_some() && one.made < edit.tick);
        // A cleared field reaches the other side when that is cleared after it, or was blank.
        let cleared = value.is_empty()
            && self.of(side.other(), track.who).any(|(_, other)| {
                let stands = other.row.fields.get(field.as_str());
                // Who was made without it, or came back out of the bin, is linked for the first time: a blank is filled.
                let was_made_blank =
                    other.made > edit.tick && !other.edits.iter().any(|it| it.field == *field && it.tick == other.made);
                let then = other.edits.iter().rev().find(|it| it.field == *field && it.tick <= edit.tick);
                let was_blank = other.made <= edit.tick && then.is_none_or(|it| it.value.is_empty());
                super::plain(field, stands).is_empty()
                    || was_made_blank
                    || was_blank
                    || other.was_gone
                    || other.edits.iter().any(|it| it.field == *field && it.value.is_empty() && it.tick > edit.tick)
            });
        if self.is_discarded(track.who) {
            return true;
        }
        let agreed = self.agreed.get(&(self.root(track.who), field.clone()));
        let was_agreed = agreed.is_some_and(|agreed| agreed.iter().any(|(at, _)| at == value));
        let stood_in = self.was_stood_in(side, track, edit);
        reached || cleared || took_a_place || was_agreed || stood_in || self.papers.has_logged(field, side, value)
    }

    /// I8: what is cleared was cleared by somebody, or the log has it.
    fn check_blank(&mut self, (side, address): &Key, track: &Track, change: &Change) {
        let field = change.field.as_str();
        if !change.value.is_empty() || change.before.is_empty() {
            return;
        }
        let cleared_in = |other: &Track| {
            other.edits.iter().any(|edit| edit.field == field && edit.value.is_empty() && edit.by == By::Others)
        };
        let cleared = !self.ignores_blanks(field)
            && (cleared_in(track)
                || self
                    .of(side.other(), track.who)
                    .chain(self.of(*side, track.who))
                    .any(|(_, other)| cleared_in(other)));
        let removed = field == "tags" || self.is_taken_back(track.who, field);
        let before = &change.before;
        // What somebody entered between the reading that permits the write and the write: the log has what it showed.
        let is_new = !track.told.contains(&(change.field.clone(), before.clone()));
        let seen = track.shown.get(field).map_or(before, |(shown, _)| if is_new { shown } else { before });
        if !cleared && !removed && !self.papers.has_logged(field, *side, seen) {
            self.breaks(
                Promise::Blanks,
                format!("{side:?} {address}: `{field}` = `{before}` is cleared, by nobody's wish"),
            );
        }
    }

    /// I7: consent is loosened only where a person loosened it who may and who saw the restriction.
    fn check_consent(&mut self, (side, address): &Key, track: &Track, change: &Change) {
        if change.field != "optout" || change.before != "yes" {
            return;
        }
        let may = |side: super::Side| {
            let rule = self.rules.fields.iter().find(|rule| rule.map.name == "optout");
            rule.and_then(|rule| rule.policy.consent.as_ref()).is_some_and(|consent| consent.may_loosen[side])
        };
        // Who loosened it right here had been restricted again meanwhile: until the other side was heard.
        let mut theirs: Vec<(super::Side, &Track)> = vec![(*side, track)];
        for who in self.matched_with(&(*side, address.clone()), track).into_iter().chain([track.who]) {
            for at in super::Side::BOTH {
                theirs.extend(self.of(at, who).map(|(_, other)| (at, other)));
            }
        }
        let loosened = theirs.iter().filter(|(at, _)| may(*at)).flat_map(|(_, other)| {
            other.edits.iter().filter(|edit| {
                edit.field == "optout" && edit.by == By::Others && edit.before == "yes" && edit.value != "yes"
            })
        });
        let last = loosened.map(|edit| edit.tick).max();
        let restricted_since = theirs.iter().any(|(_, other)| {
            let seen =
                other.shown.get("optout").is_some_and(|(value, commits)| value == "yes" && self.sank_in(*commits));
            seen && other.edits.iter().any(|edit| {
                let refuses = edit.field == "optout" && edit.by == By::Others && edit.value == "yes";
                refuses && !edit.again && Some(edit.tick) > last
            })
        });
        if last.is_none() || restricted_since {
            self.breaks(Promise::Consent, format!("{side:?} {address} is opted in again, and nobody who may said so"));
        }
    }

    /// I13: the journal has the write before it is made.
    fn check_journal(&mut self, (side, address): &Key, change: &Change) {
        let has = self.papers.sendings.iter().any(|(at, record, values)| {
            let landed = record.as_ref().map(|record| self.landing(&(*side, record.clone())).1);
            at == side && landed.as_ref() == Some(address) && values.get(&change.field) == Some(&change.value)
        });
        if !has {
            let (field, value) = (&change.field, &change.value);
            self.breaks(
                Promise::CompleteLog,
                format!("{side:?} {address}: `{field}` = `{value}` is not in the journal"),
            );
        }
    }
}
