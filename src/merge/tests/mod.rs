//! What becomes of one entity, step by step, without a store and without services.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot be set up has failed")]

mod answers;
mod aside;
mod decisions;
mod gates;
mod kept;
mod keys;
mod lags;
mod last_words;
mod matches;
mod meters;
mod patches;
mod readings;
mod replays;
mod secondaries;
mod told;
mod undone;
mod united;
mod words;

use std::{collections::BTreeMap, time::Duration};

use hymnal_sdk::{
    Actor, ActorKind, Address, Fields, Forms, Gone, Native, NativeKind, Record, Schema, SchemaField, SignedDuration,
    Timestamp, Written,
};
use uuid::Uuid;

use super::{
    Ambiguous, Back, Blanks, Consent, Context, Entity, Event, FieldPolicy, FieldRule, FirstRun, Flow, Guards, Id,
    Keyless, Mode, ObjectFacts, OnConflict, OnOverride, Pair, Side, SyncRules, SystemRules,
    answer::{mark_sending, updated},
    history::History,
    patch::{Patch, patch},
    reading::{Folded, Ledger, Reading, Source, fold},
};
use crate::{
    cycle::reconcile::new_member,
    mapping::{FieldMap, FieldType, NativeField, Value},
};

const OBJECT: &str = "people";

/// Rules, time, and what was told so far.
struct Bench {
    rules: SyncRules,
    objects: Pair<BTreeMap<String, ObjectFacts>>,
    now: Timestamp,
    ids: u128,
    events: Vec<Event>,
}

impl Bench {
    fn new() -> Self {
        let facts = || ObjectFacts {
            forms: Forms::default(),
            omits_blanks: false,
            gone: Gone::Deleted,
            clear_first: Vec::new(),
            unique: Vec::new(),
            schema: None,
        };
        let objects = || BTreeMap::from([(OBJECT.to_owned(), facts())]);
        Self {
            rules: rules(),
            objects: Pair::new(objects(), objects()),
            now: time("10:00:00"),
            ids: 0,
            events: Vec::new(),
        }
    }

    /// Runs a decision.
    fn decide<T>(&mut self, act: impl FnOnce(&Context<'_>, &mut Ledger<'_>) -> T) -> T {
        let context = Context { rules: &self.rules, objects: &self.objects, offset: Pair::default(), now: self.now };
        let ids = &mut self.ids;
        let mut next = || {
            *ids += 1;
            Id(Uuid::from_u128(*ids))
        };
        let mut history = History::default();
        act(&context, &mut Ledger { ids: &mut next, events: &mut self.events, history: &mut history })
    }

    fn entity(&mut self) -> Entity {
        self.decide(|_, ledger| Entity::new((ledger.ids)()))
    }

    fn read(&mut self, entity: &mut Entity, side: Side, values: &[(&str, &str)]) -> Folded {
        self.read_as(entity, side, Source::Read, &record(values, self.now))
    }

    fn read_as(&mut self, entity: &mut Entity, side: Side, source: Source, record: &Record) -> Folded {
        let requested_at = self.now;
        if entity.members[side].is_none() {
            entity.members[side] = Some(new_member(record, requested_at));
        }
        let reading = Reading { record, requested_at, source };
        self.decide(|context, ledger| fold(entity, side, reading, context, ledger))
    }

    /// Linked, read on both sides, settled.
    fn linked(&mut self, values: &[(&str, &str)]) -> Entity {
        let mut entity = self.entity();
        for side in Side::BOTH {
            self.read(&mut entity, side, values);
        }
        self.later(60);
        entity
    }

    fn patch(&mut self, entity: &Entity, side: Side) -> Patch {
        self.decide(|context, _| patch(entity, side, context))
    }

    /// Sends what is due, and answers success, without values.
    fn write(&mut self, entity: &mut Entity, side: Side) -> Patch {
        let patch = self.patch(entity, side);
        self.decide(|context, _| mark_sending(entity, side, &patch, context));
        self.later(1);
        let written = Written { id: "1".into(), record: None, created: false };
        let now = self.now;
        self.decide(|context, ledger| updated(entity, side, &written, now, context, ledger));
        self.later(1);
        patch
    }

    fn later(&mut self, seconds: i64) {
        self.now = self.now.checked_add(SignedDuration::from_secs(seconds)).expect("the same day");
    }

    fn rule(&mut self, name: &str) -> &mut FieldRule {
        self.rules.fields.iter_mut().find(|rule| rule.map.name == name).expect("a field of the sync")
    }

    /// The service says that a field is of this shape.
    fn describe(&mut self, side: Side, name: &str, change: impl FnOnce(&mut SchemaField)) {
        let mut field = SchemaField {
            name: name.into(),
            label: name.into(),
            kind: NativeKind::Text,
            barred: Vec::new(),
            options: Vec::new(),
            restricted: false,
            max_length: None,
            required: false,
            createable: true,
            updateable: true,
            unique: false,
        };
        change(&mut field);
        let facts = self.objects[side].get_mut(OBJECT).expect("the object");
        facts.schema = Some(Schema { fields: vec![field] });
    }

    /// How many conflicts were logged.
    fn conflicts(&self) -> usize {
        self.events.iter().filter(|event| matches!(event, Event::Conflict(_))).count()
    }
}

fn rules() -> SyncRules {
    let mut fields = vec![
        rule("email", FieldType::Email),
        rule("city", FieldType::Text),
        rule("score", FieldType::Integer),
        rule("optout", FieldType::Choice),
    ];
    fields[3].policy.on_conflict = OnConflict::Restrictive;
    fields[3].policy.consent = Some(Consent {
        steps: vec![Value::Text("no".into()), Value::Text("yes".into())],
        may_loosen: Pair::new(true, true),
    });
    let system = |connector: &str| SystemRules {
        connector: connector.into(),
        objects: vec![OBJECT.into()],
        create: Some(OBJECT.into()),
        create_when: None,
        external_id: None,
        defaults: BTreeMap::new(),
    };
    SyncRules {
        name: "people".into(),
        systems: Pair::new(system("marketing"), system("crm")),
        fields,
        matching: vec![vec![0], vec![1]],
        include: None,
        mode: Mode::Sync,
        ambiguous: Ambiguous::Review,
        keyless: Keyless::List,
        priority: Side::Right,
        every: Duration::from_mins(1),
        first_run: FirstRun::Go,
        verify: true,
        guards: Guards::default(),
        delete_grace: Duration::from_mins(15),
        deletions_every: Duration::from_mins(5),
        on_delete: Pair::default(),
        full_check: Duration::from_hours(24),
        max_flips: 3,
        clock_uncertainty: Duration::from_secs(5),
        settle: Duration::from_secs(30),
    }
}

fn rule(name: &str, kind: FieldType) -> FieldRule {
    let native = NativeField { name: name.into(), ..NativeField::default() };
    let places = || BTreeMap::from([(OBJECT.to_owned(), native.clone())]);
    FieldRule {
        renamed_from: None,
        map: FieldMap { name: name.into(), kind, region: None, native: Pair::new(places(), places()) },
        policy: FieldPolicy {
            on_conflict: OnConflict::Latest,
            flow: Flow::Both,
            blanks: Blanks::Clear,
            first_link: OnConflict::Prefer(Side::Right),
            on_override: OnOverride::Restore,
            order: Vec::new(),
            back: Back::Allow,
            consent: None,
        },
    }
}

/// A record that a person changed at this time.
fn record(values: &[(&str, &str)], modified_at: Timestamp) -> Record {
    let by = Actor { name: "eve".into(), kind: ActorKind::Person };
    Record {
        modified_at: Some(modified_at),
        modified_by: Some(by),
        ..Record::new(Address::new(OBJECT, "1"), fields(values))
    }
}

fn fields(values: &[(&str, &str)]) -> Fields {
    let native = |text: &str| if text.is_empty() { Native::Null } else { Native::text(text) };
    values.iter().map(|&(name, text)| (name.to_owned(), native(text))).collect()
}

fn text(value: &str) -> Value {
    Value::Text(value.into())
}

fn time(clock: &str) -> Timestamp {
    format!("2026-11-23T{clock}Z").parse().expect("a time")
}
