//! Every field of one entity decided: candidates in, golden values, conflicts and what is to be done out.

use hymnal_sdk::{Address, FieldEdit, SignedDuration};

use super::{
    context::Context,
    entity::{Edit, Entity, Field, Holding, Mark, OpenConflict, Origin, Want},
    event::{ConflictStatus, Event},
    field::{Candidate, Evidence, Fate, Merge, SideInput, Verdict, merge},
    held,
    history::Place,
    logged::{stored, thaw},
    patch::{self, wants},
    policy::OnConflict,
    reading::Ledger,
    removal,
    rules::FieldRule,
    scope, secondary,
    side::{Pair, Side},
};
use crate::{
    mapping::{self, NativeField, Value},
    planted::{self, Planted},
};

/// Decides every field of an entity from what its members hold, and what is to be done about it.
pub fn decide(entity: &mut Entity, context: &Context<'_>, ledger: &mut Ledger<'_>) {
    let records = Pair::from_fn(|side| entity.members[side].as_ref().map(|member| member.address.clone()));
    let alone = !entity.is_linked();
    let bereaved = entity.tombstones.iter().any(|(_, tombstone)| tombstone.is_some());
    for rule in &context.rules.fields {
        let Some(field) = entity.fields.get_mut(&rule.map.name) else { continue };
        // What a person restricted once is not loosened because the other record is gone, nor by one of several.
        let several = bereaved || field.imposed || entity.secondaries.iter().any(|(_, records)| !records.is_empty());
        let follows = alone && !(several && rule.policy.consent.is_some());
        let one = OneField { rule, records: &records, follows, context };
        one.decide(field, ledger);
    }
    removal::reconsider(entity, context, ledger);
    held::forget_moot(entity, context);
    scope::judge(entity, context.rules, ledger.events);
    release_moot_fields(entity, context);
    release_moot(entity, context);
    entity.wants = Pair::from_fn(|side| match wants(entity, side, context) {
        Want::Update if planted::is(Planted::ForgetOutbox) => Want::Nothing,
        want => want,
    });
    entity.wants_secondary = Pair::from_fn(|side| secondary::wanted(entity, side, context));
}

/// A record that was refused waits no longer where nothing is left to be written there: the other record is gone, or what
/// was refused stands there by now. What a person dismissed stays so while there is a record.
fn release_moot(entity: &mut Entity, context: &Context<'_>) {
    let is_gone = Side::BOTH.iter().all(|side| entity.members[*side].is_none());
    for side in Side::BOTH {
        let Some(parked) = entity.parked[side].take_if(|parked| is_gone || parked.dismissed_by.is_none()) else {
            continue;
        };
        if wants(entity, side, context) != Want::Nothing {
            entity.parked[side] = Some(parked);
        }
    }
}

/// Nor does a field: the refusal of a batch may have named one that this record had no part in.
fn release_moot_fields(entity: &mut Entity, context: &Context<'_>) {
    if planted::is(Planted::RefuseBatch) {
        return;
    }
    let is_gone = Side::BOTH.iter().all(|side| entity.members[*side].is_none());
    for field in entity.fields.values_mut().filter(|_| is_gone) {
        for side in Side::BOTH {
            field.sides[side].mark.take_if(|mark| matches!(mark, Mark::Parked { .. }));
        }
    }
    for side in Side::BOTH {
        let Some(object) = entity.members[side].as_ref().map(|member| member.address.object.clone()) else { continue };
        for rule in &context.rules.fields {
            let Some(place) = Context::place(rule, side, &object) else { continue };
            let Some(field) = entity.fields.get_mut(&rule.map.name) else { continue };
            let Holding { shadow: Some(shadow), sent: None, mark, .. } = &mut field.sides[side] else { continue };
            let is_moot = |mark: &mut Mark| match mark {
                Mark::Parked { golden: Some(_), parked } => {
                    parked.dismissed_by.is_none() && patch::stands_at(rule, place, shadow, &field.golden)
                }
                _ => false,
            };
            mark.take_if(is_moot);
        }
    }
}

/// One field of one entity, with all that its decision depends on.
pub(super) struct OneField<'a> {
    pub(super) rule: &'a FieldRule,
    pub(super) records: &'a Pair<Option<Address>>,
    /// There is one member, and its value is the golden one.
    pub(super) follows: bool,
    pub(super) context: &'a Context<'a>,
}

impl OneField<'_> {
    fn decide(&self, field: &mut Field, ledger: &mut Ledger<'_>) {
        if field.frozen {
            if self.stays_open(field, ledger) {
                return;
            }
            thaw(field);
        }
        if self.follows {
            self.follow_only_member(field);
            return;
        }
        self.drop_reverted(field, ledger);
        let has_edit = Side::BOTH.iter().any(|side| field.sides[*side].edit.is_some());
        if has_edit || field.conflict.is_some() || (field.agreed.is_none() && !field.linked) {
            self.merge(field, ledger);
        }
        self.settle(field);
    }

    /// With one member there is nobody to disagree with: the golden value is what it holds.
    fn follow_only_member(&self, field: &mut Field) {
        for side in Side::BOTH {
            let Some(value) = self.meant(field, side) else { continue };
            field.origin = Some(origin(side, field.sides[side].edit.as_ref(), "only record"));
            field.golden = value;
        }
    }

    /// Who edited and edited back before anybody else saw it changed nothing: the value they all stood at stands. Not
    /// so for a consent: who refuses again says something, and must not lose to the other side's loosening.
    fn drop_reverted(&self, field: &mut Field, ledger: &mut Ledger<'_>) {
        let Some(agreed) = field.agreed.clone().filter(|_| self.rule.policy.consent.is_none()) else { return };
        let mut dropped = false;
        for side in Side::BOTH {
            let holding = &mut field.sides[side];
            if holding.edit.as_ref().is_some_and(|edit| edit.value == agreed) {
                holding.edit = None;
                dropped = true;
            }
        }
        let undelivered = Side::BOTH.iter().any(|side| field.sides[*side].edit.is_some());
        if dropped && !undelivered && field.golden != agreed {
            self.decided(field, &agreed, None, "edited back", ledger);
        }
    }

    fn merge(&self, field: &mut Field, ledger: &mut Ledger<'_>) {
        if self.stays_open(field, ledger) {
            return;
        }
        let base = self.base(field);
        let mut sides = Pair::from_fn(|side| self.input(field, side));
        let base = if self.speaks_up(field, &mut sides) { Some(Value::Blank) } else { base };
        self.sharpen(field, &mut sides, base.is_none(), ledger);
        let golden = field.golden.clone();
        let verdict = merge(&Merge {
            policy: &self.rule.policy,
            agreed: base.as_ref(),
            golden: &golden,
            sides,
            priority: self.context.rules.priority,
            clock_uncertainty: SignedDuration::try_from(self.context.rules.clock_uncertainty)
                .unwrap_or(SignedDuration::ZERO),
        });
        self.apply(field, verdict, base.as_ref(), ledger);
    }

    /// A difference that waits for a person stays open while the values differ, whatever the policy has become.
    fn stays_open(&self, field: &mut Field, ledger: &mut Ledger<'_>) -> bool {
        let Some(open) = &field.conflict else { return false };
        // What was entered in a record that was merged away is this one's edit, and does not stand in it.
        let entered = |side: Side| field.sides[side].edit.as_ref().map(|edit| edit.value.clone());
        let says = |side: Side| self.value(field, side).map(|stands| entered(side).unwrap_or(stands));
        let (Some(left), Some(right)) = (says(Side::Left), says(Side::Right)) else { return true };
        let (id, kind) = (open.id, open.kind);
        let values = Pair::new(left, right);
        if values.left == values.right {
            let line = stored(kind, "manual", "both sides now hold the same value", Some(values.left.clone()));
            self.log(field, id, line, ConflictStatus::Superseded, ledger);
            field.conflict = None;
            return false;
        }
        if open.values != values {
            let line = stored(kind, "manual", "edited again while it waits for a person", None);
            self.log(field, id, line, ConflictStatus::Open, ledger);
            field.conflict = Some(OpenConflict { id, kind, values });
        }
        true
    }

    /// The base of the merge: the agreed value; while a first link is on its way, what the side that lost held.
    fn base(&self, field: &Field) -> Option<Value> {
        if field.agreed.is_some() || !field.linked {
            return field.agreed.clone();
        }
        let before = |side: Side| match &field.sides[side].edit {
            Some(edit) => edit.before.clone(),
            None => self.value(field, side),
        };
        before(Side::Left).or_else(|| before(Side::Right)).or(Some(Value::Blank))
    }

    fn input(&self, field: &Field, side: Side) -> SideInput {
        if self.place(side).is_none() {
            return SideInput::Absent;
        }
        let Some(value) = self.value(field, side) else { return SideInput::Unread };
        match &field.sides[side].edit {
            Some(edit) => SideInput::Edited(Candidate {
                value: edit.value.clone(),
                before: edit.before.clone(),
                evidence: edit.evidence,
                with_email: edit.with_email,
            }),
            None if field.agreed.is_none() && !field.linked => {
                let value = self.meant(field, side).unwrap_or(value);
                SideInput::Edited(Candidate { value, before: None, evidence: Evidence::None, with_email: false })
            }
            None => SideInput::Stands(value),
        }
    }

    /// What a side holds, or, where that only stands in for the golden value, that one: who stands in for an owner is
    /// nobody's choice.
    fn meant(&self, field: &Field, side: Side) -> Option<Value> {
        let (place, native) = (self.place(side)?, field.sides[side].shadow.as_ref()?);
        let stands_in =
            field.sides[side].edit.is_none() && mapping::stands_for(&self.rule.map, place, native, &field.golden);
        if stands_in { Some(field.golden.clone()) } else { self.value(field, side) }
    }

    /// What a side holds, as a canonical value; `None` where it is unread or cannot be understood.
    pub(super) fn value(&self, field: &Field, side: Side) -> Option<Value> {
        let place = self.place(side)?;
        let native = field.sides[side].shadow.as_ref()?;
        mapping::read(&self.rule.map, place, native).ok()
    }

    /// A value that may not travel stayed at the first link, since the other side was blank and had none to replace it.
    /// When one is entered there, this one is overruled, and the log says so: nobody there ever saw it.
    fn speaks_up(&self, field: &Field, sides: &mut Pair<SideInput>) -> bool {
        for side in Side::BOTH {
            let SideInput::Stands(value) = &sides[side] else { continue };
            let before = sides[side.other()].edit().and_then(|edit| edit.before.as_ref());
            let was_apart = !value.is_blank() && before == Some(&Value::Blank) && field.sides[side].sent.is_none();
            let is_told = field.refused.as_ref() == Some(value);
            if was_apart && !is_told && !self.rule.policy.flow.into_side(side.other()) {
                let (value, before) = (value.clone(), Some(Value::Blank));
                sides[side] =
                    SideInput::Edited(Candidate { value, before, evidence: Evidence::None, with_email: false });
                return true;
            }
        }
        false
    }

    /// Where times decide between two edits, the services' field histories tell them better than the records' times.
    fn sharpen(&self, field: &mut Field, sides: &mut Pair<SideInput>, first: bool, ledger: &mut Ledger<'_>) {
        let policy = if first { self.rule.policy.first_link } else { self.rule.policy.on_conflict };
        let differ = match (&sides.left, &sides.right) {
            (SideInput::Edited(left), SideInput::Edited(right)) => left.value != right.value,
            _ => false,
        };
        if policy != OnConflict::Latest || !differ {
            return;
        }
        for side in Side::BOTH {
            let SideInput::Edited(candidate) = &mut sides[side] else { continue };
            let (Some(address), Some(place)) = (&self.records[side], self.place(side)) else { continue };
            if matches!(candidate.evidence, Evidence::Field { .. }) {
                continue;
            }
            let wanted = Place { side, address: address.clone(), field: place.name.clone() };
            let Some(edits) = ledger.history.known.get(&wanted) else {
                ledger.history.needs.insert(wanted);
                continue;
            };
            let made = |edit: &&FieldEdit| {
                mapping::read(&self.rule.map, place, &edit.value).is_ok_and(|value| value == candidate.value)
            };
            if let Some(edit) = edits.iter().find(made) {
                candidate.evidence = Evidence::Field { at: self.context.ours(side, edit.at) };
                if let Some(stored) = &mut field.sides[side].edit {
                    stored.evidence = candidate.evidence;
                    stored.by = edit.by.clone().or(stored.by.take());
                }
            }
        }
    }

    fn place(&self, side: Side) -> Option<&NativeField> {
        Context::place(self.rule, side, &self.records[side].as_ref()?.object)
    }

    fn apply(&self, field: &mut Field, verdict: Verdict, base: Option<&Value>, ledger: &mut Ledger<'_>) {
        let waits = Side::BOTH.iter().any(|side| verdict.fates[*side] == Fate::Waits);
        let unread = Side::BOTH.iter().any(|side| verdict.fates[*side] == Fate::Unread);
        if let Some(conflict) = verdict.conflict {
            self.log_conflict(field, conflict, base, waits, ledger);
        }
        if waits || unread {
            return;
        }
        let rule = Self::rule_word(verdict.fates);
        let source = Side::BOTH.into_iter().find(|side| verdict.fates[*side] == Fate::Won);
        let stubborn = self.is_refused_again(field, verdict.fates);
        for side in Side::BOTH {
            let holding = &mut field.sides[side];
            match verdict.fates[side] {
                Fate::Lost | Fate::Overruled | Fate::Refilled => holding.edit = None,
                Fate::Kept => {
                    holding.edit = None;
                    holding.mark = Some(Mark::Kept { golden: verdict.golden.clone() });
                }
                Fate::None | Fate::Won | Fate::Waits | Fate::Unread => {}
            }
        }
        // A restriction goes ahead before all sides are read; the first link is decided when they are.
        let is_read = |side: &Side| self.place(*side).is_none() || self.value(field, *side).is_some();
        if field.agreed.is_none() && Side::BOTH.iter().all(is_read) {
            field.linked = true;
        }
        if verdict.golden != field.golden || field.origin.is_none() {
            self.decided(field, &verdict.golden, source, rule, ledger);
        }
        if stubborn {
            self.count_flip(field, ledger);
        }
    }

    /// The same value is refused as before: something there writes it again whenever we restore the golden one, which
    /// never changes, so that no flip of it would be counted.
    fn is_refused_again(&self, field: &mut Field, fates: Pair<Fate>) -> bool {
        let mut again = false;
        for side in Side::BOTH {
            if field.agreed.is_none() || !matches!(fates[side], Fate::Overruled | Fate::Refilled) {
                continue;
            }
            let refused = self.value(field, side);
            again |= refused.is_some() && field.refused == refused;
            field.refused = refused;
        }
        again
    }

    fn rule_word(fates: Pair<Fate>) -> &'static str {
        let candidates = Side::BOTH.iter().filter(|side| fates[**side] != Fate::None).count();
        match candidates {
            0 | 1 => "only edit",
            _ if Side::BOTH.iter().all(|side| fates[*side] == Fate::Won) => "same on both sides",
            _ => "conflict",
        }
    }

    fn decided(&self, field: &mut Field, to: &Value, side: Option<Side>, rule: &'static str, ledger: &mut Ledger<'_>) {
        field.origin = match side {
            Some(side) => Some(origin(side, field.sides[side].edit.as_ref(), rule)),
            None => Some(Origin::by_rule(rule)),
        };
        if *to == field.golden {
            return;
        }
        let from = std::mem::replace(&mut field.golden, to.clone());
        ledger.events.push(Event::Decided {
            field: self.rule.map.name.clone(),
            from: from.clone(),
            to: to.clone(),
            side,
            rule: rule.to_owned(),
            by: field.origin.as_ref().and_then(|origin| origin.by.clone()),
            evidence: field.origin.as_ref().map_or(Evidence::None, |origin| origin.evidence),
        });
        let flipped = field.agreed.is_some() && field.previous.as_ref() == Some(to);
        field.previous = Some(from);
        if flipped {
            self.count_flip(field, ledger);
        }
    }

    /// When every patch of the field is settled, all members stand at the golden value: it is agreed.
    fn settle(&self, field: &mut Field) {
        if field.conflict.is_some() || field.frozen || (field.agreed.is_none() && !field.linked) {
            return;
        }
        if planted::is(Planted::KeepDelivered) && field.agreed.is_some() {
            return;
        }
        let moves = field.agreed.as_ref() != Some(&field.golden) || field.sides.iter().any(|(_, h)| h.edit.is_some());
        if moves && Side::BOTH.iter().all(|side| self.is_settled(field, *side)) {
            field.agreed = Some(field.golden.clone());
            for side in Side::BOTH {
                field.sides[side].edit = None;
            }
        }
    }

    fn is_settled(&self, field: &Field, side: Side) -> bool {
        let Some(place) = self.place(side) else { return true };
        let holding: &Holding = &field.sides[side];
        if holding.sent.is_some() {
            return false;
        }
        match &holding.mark {
            Some(
                Mark::Normalised { golden }
                | Mark::Kept { golden }
                | Mark::Discarded { golden }
                | Mark::Apart { golden, .. },
            ) if *golden == field.golden => {
                return true;
            }
            _ => {}
        }
        if !patch::enters(self.rule, side, &field.golden) {
            // Nothing is ever written here: the side is settled once it was read.
            return holding.shadow.is_some();
        }
        let Some(shadow) = &holding.shadow else { return false };
        let object = self.records[side].as_ref().map(|address| address.object.as_str()).unwrap_or_default();
        if self.context.is_moot(self.rule, side, object, field) {
            return true;
        }
        patch::stands_at(self.rule, place, shadow, &field.golden)
    }
}

fn origin(side: Side, edit: Option<&Edit>, rule: &str) -> Origin {
    Origin {
        side: Some(side),
        evidence: edit.map_or(Evidence::None, |edit| edit.evidence),
        by: edit.and_then(|edit| edit.by.clone()),
        rule: rule.to_owned(),
        by_person: false,
    }
}
