//! People edit, services fail, Hymnal is killed, all at random; at the end every promise is kept.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use hymnal::{
    cycle::ids::Ids,
    mapping::Value,
    merge::{ConflictKind, Pair, Side, event::ConflictLine},
};
use hymnal_memory::{Fault, Method};
use hymnal_sdk::{ActorKind, Deletions, ListKind};

use super::stage::{Fuse, Shape, Stage, object};

const FIELDS: [&str; 4] = ["name", "city", "phone", "memo"];

struct Walk {
    stage: Stage,
    random: Ids,
    /// No value is ever entered twice, so that each can be told from all others.
    entered: u32,
    gone: Vec<(Side, String)>,
    omits_blanks: Pair<bool>,
}

#[tokio::test]
async fn a_walk_keeps_every_promise() {
    for seed in seeds() {
        walk(seed).await;
    }
}

/// Forty, or those that `HYMNAL_SEEDS=from..to` names.
fn seeds() -> std::ops::Range<u64> {
    let named = std::env::var("HYMNAL_SEEDS").ok();
    let bounds = named.as_deref().and_then(|named| named.split_once(".."));
    let range = bounds.and_then(|(from, to)| Some(from.parse().ok()?..to.parse().ok()?));
    range.unwrap_or(0..40)
}

async fn walk(seed: u64) {
    println_seed(seed);
    let shape = shape(seed);
    let omits_blanks = Pair::new(shape.contacts.capabilities.omits_blanks, shape.leads.capabilities.omits_blanks);
    let mut stage = shape.stage();
    stage.restart().await;
    let mut walk = Walk { stage, random: Ids::new(seed), entered: 0, gone: Vec::new(), omits_blanks };
    for _ in 0..6 {
        walk.person();
    }
    for _ in 0..40 {
        walk.step().await;
    }
    for side in Side::BOTH {
        walk.stage.people[side].lift_faults();
    }
    walk.stage.restart().await;
    // What was parked, and creations in doubt, have their time.
    for _ in 0..4 {
        walk.stage.clock.forward(Duration::from_hours(2));
        walk.stage.settle().await;
    }
    walk.stage.check().await;
    walk.nobody_twice(seed);
    walk.no_edit_lost(seed);
    walk.honest_conflicts(seed);
    walk.nobody_back(seed);
}

#[expect(clippy::print_stdout, reason = "a random test prints its seed; it is shown where the test fails")]
fn println_seed(seed: u64) {
    println!("seed {seed}");
}

/// Services with habits of their own.
fn shape(seed: u64) -> Shape {
    let mut shape = Shape { seed, ..Shape::default() };
    let mut random = Ids::new(!seed);
    let mut coin = || random.random().is_multiple_of(2);
    shape.rules.verify = coin();
    for side in Side::BOTH {
        let is_unique = coin();
        let object = shape.side(side);
        object
            .schema
            .fields
            .iter_mut()
            .filter(|field| field.name == "email")
            .for_each(|field| field.unique = is_unique);
        object.tells_actor = coin();
        object.capabilities.overlap = Duration::from_mins(10);
        object.capabilities.write_returns_record = coin();
        object.capabilities.history = coin();
        object.capabilities.conditional = coin();
        object.capabilities.omits_blanks = coin();
        if coin() && coin() {
            object.capabilities.list = ListKind::Scan;
            object.capabilities.deletions = Deletions::Unknown;
        }
    }
    shape
}

impl Walk {
    fn below(&mut self, count: usize) -> usize {
        usize::try_from(self.random.random() % (count as u64)).expect("small")
    }

    fn side(&mut self) -> Side {
        Side::BOTH[self.below(2)]
    }

    fn fresh(&mut self) -> String {
        self.entered += 1;
        format!("v{}", self.entered)
    }

    fn person(&mut self) {
        let email = format!("{}@example.com", self.fresh());
        for side in [self.side(), self.side()] {
            if self.stage.all(side, &email).is_empty() {
                let city = self.fresh();
                self.stage.make(side, &[("email", &email), ("city", &city)]);
            }
        }
    }

    fn somebody(&mut self) -> (Side, String) {
        let side = self.side();
        let rows = self.stage.people[side].live(object(side));
        if rows.is_empty() {
            self.person();
            return self.somebody();
        }
        (side, rows[self.below(rows.len())].id.clone())
    }

    fn edit(&mut self) {
        let (side, id) = self.somebody();
        let (field, value) = (FIELDS[self.below(FIELDS.len())], self.fresh());
        self.stage.edit(side, &id, &[(field, &value)]);
    }

    fn other_edit(&mut self) {
        let (side, id) = self.somebody();
        let email = format!("{}@example.com", self.fresh());
        let edit = [("email", email.as_str()), ("optout", "yes"), ("optout", "no"), ("tags", "a;b"), ("tags", "b;c")];
        let edit = edit[self.below(edit.len())];
        self.stage.edit(side, &id, &[edit]);
    }

    /// Somebody who is known leaves, or comes back.
    fn come_and_go(&mut self) {
        if let Some((side, id)) = self.gone.pop().filter(|_| self.random.random().is_multiple_of(2)) {
            // Where the e-mail was taken meanwhile the service refuses.
            self.stage.tick();
            let _ = self.stage.people[side].restore(object(side), &id);
            return;
        }
        let (side, id) = self.somebody();
        let linked = self.stage.entities().into_iter().any(|entity| {
            entity.is_linked() && entity.members[side].as_ref().is_some_and(|member| member.address.id == id)
        });
        if linked {
            self.stage.tick();
            self.stage.people[side].delete(object(side), &id).expect("a record");
            self.gone.push((side, id));
        }
    }

    async fn step(&mut self) {
        match self.below(24) {
            0 => self.person(),
            20..=22 => self.other_edit(),
            23 => self.come_and_go(),
            1..=8 => self.edit(),
            9..=11 => self.misfortune(),
            12 => self.stage.restart().await,
            13..=15 => self.crash().await,
            _ => {
                self.stage.cycle().await;
            }
        }
    }

    fn misfortune(&mut self) {
        let faults = [
            (Fault::AnswerLost, Method::Update),
            (Fault::AnswerLost, Method::Create),
            (Fault::TimeoutBefore, Method::Any),
            (Fault::ServerError, Method::Any),
            (Fault::AppliedThenError, Method::Create),
            (Fault::PartialBatch, Method::Update),
            (Fault::PartialBatch, Method::Create),
            (Fault::CutMidBatch, Method::Create),
            (Fault::CutMidBatch, Method::Update),
            (Fault::RowLocked, Method::Update),
            (Fault::PageShift, Method::List),
            (Fault::EmptyPage, Method::List),
            (Fault::LateRows(Duration::from_mins(5)), Method::List),
            (Fault::StaleList(Duration::from_mins(5)), Method::List),
            (Fault::FieldWithheld { field: "city".into() }, Method::List),
            (Fault::FieldMasked { field: "city".into() }, Method::Get),
        ];
        let (fault, method) = faults[self.below(faults.len())].clone();
        let side = self.side();
        if matches!(fault, Fault::FieldWithheld { .. }) && self.omits_blanks[side] {
            return; // What such a service leaves out *is* blank.
        }
        self.stage.people[side].plant(fault, 1, method);
    }

    async fn crash(&mut self) {
        let commits = self.below(12);
        let fuse = if self.below(2) == 0 {
            Fuse::before(&self.stage.kv, commits)
        } else {
            Fuse::after(&self.stage.kv, commits)
        };
        if self.stage.restart_on(Arc::new(fuse)).await.is_ok() {
            self.stage.clock.forward(Duration::from_mins(1));
            let _ = self.stage.sync.cycle(hymnal::cycle::Deletions::Now).await;
        }
        self.stage.restart().await;
    }

    /// I4.
    fn nobody_twice(&self, seed: u64) {
        for side in Side::BOTH {
            let mut emails = BTreeMap::<String, u32>::new();
            for row in self.stage.people[side].live(object(side)) {
                *emails.entry(row.fields["email"].to_string()).or_default() += 1;
            }
            assert!(emails.values().all(|count| *count == 1), "I4, seed {seed}, {side:?}: {emails:?}");
            // A service whose e-mails are unique would hide it: nobody was made for one who was there.
            let entities = self.stage.entities();
            let secondaries = entities.iter().flat_map(|entity| &entity.secondaries[side]).count();
            assert_eq!(secondaries, 0, "I4, seed {seed}, {side:?}");
        }
    }

    /// I5: whom a person deleted was not made again.
    fn nobody_back(&self, seed: u64) {
        for (side, id) in &self.gone {
            let row = self.stage.people[*side].row(object(*side), id).expect("in the bin");
            let email = row.fields["email"].to_string();
            let back = self.stage.all(*side, &email);
            let made_by_us = back.iter().filter(|id| {
                let row = self.stage.people[*side].row(object(*side), id).expect("a row");
                row.history.first().and_then(|edit| edit.by.clone()).is_some_and(|by| by.kind == ActorKind::Us)
            });
            assert_eq!(made_by_us.count(), 0, "I5, seed {seed}: `{email}` is back on {side:?}");
        }
    }

    /// I2: the last edit of a field stands, or it lost and the log says so.
    fn no_edit_lost(&self, seed: u64) {
        let lines = self.stage.lines();
        for entity in self.stage.entities() {
            for field in FIELDS {
                let mut edits = Vec::new();
                let mut stands = Vec::new();
                for side in Side::BOTH {
                    let Some(member) = &entity.members[side] else { continue };
                    let row = self.stage.people[side].row(object(side), &member.address.id).expect("a row");
                    stands.push(row.fields.get(field).map(ToString::to_string));
                    let mine = row.history.into_iter().filter(|edit| edit.field == field);
                    edits.extend(mine.filter(|edit| edit.by.as_ref().is_some_and(|by| by.kind == ActorKind::Person)));
                }
                if stands.len() < 2 {
                    continue;
                }
                let Some(last) = edits.into_iter().max_by_key(|edit| edit.at) else { continue };
                let value = last.value.to_string();
                let logged = lines
                    .iter()
                    .filter(|line| line.entity == Some(entity.id) && line.event.field == field)
                    .any(|line| {
                        let side = |side: Side| line.event.edits[side].as_ref().map(|edit| edit.value.clone());
                        Side::BOTH.into_iter().any(|at| side(at) == Some(Value::Text(value.clone())))
                    });
                let everywhere = stands.iter().all(|stands| stands.as_deref() == Some(&value));
                assert!(
                    everywhere || logged,
                    "I2, seed {seed}: `{field}` = `{value}` is lost: {stands:?}\n{entity:#?}"
                );
            }
        }
    }

    /// I3: both values of a conflict were entered by people, each on its side.
    fn honest_conflicts(&self, seed: u64) {
        let entities = self.stage.entities();
        for line in self.stage.lines() {
            let ConflictLine::Field(verdict) = &line.event.verdict else { continue };
            let entity = entities.iter().find(|entity| Some(entity.id) == line.entity).expect("it is still there");
            if verdict.kind != ConflictKind::Conflict || !FIELDS.contains(&line.event.field.as_str()) {
                continue;
            }
            for side in Side::BOTH {
                if entity.members[side].is_none() {
                    continue;
                }
                let value = line.event.edits[side].as_ref().map(|edit| edit.value.to_string()).expect("both edited");
                let id = &entity.members[side].as_ref().expect("linked").address.id;
                let row = self.stage.people[side].row(object(side), id).expect("a row");
                let by_a_person = row.history.iter().any(|edit| {
                    edit.field == line.event.field
                        && edit.value.to_string() == value
                        && edit.by.as_ref().is_some_and(|by| by.kind == ActorKind::Person)
                });
                assert!(by_a_person, "I3, seed {seed}: nobody entered `{value}` on {side:?}: {line:#?}");
            }
        }
    }
}
