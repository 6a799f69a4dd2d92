//! People edit, services fail, Hymnal is killed, all at random; at the end every promise is kept.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use hymnal::{
    cycle::ids::Ids,
    mapping::Value,
    merge::{Side, event::ConflictLine},
};
use hymnal_memory::{Fault, Method};
use hymnal_sdk::ActorKind;

use super::stage::{Fuse, Shape, Stage, object};

const FIELDS: [&str; 4] = ["name", "city", "phone", "memo"];

struct Walk {
    stage: Stage,
    random: Ids,
    /// No value is ever entered twice, so that each can be told from all others.
    entered: u32,
}

#[tokio::test]
async fn a_walk_keeps_every_promise() {
    for seed in 0..40 {
        walk(seed).await;
    }
}

async fn walk(seed: u64) {
    println_seed(seed);
    let mut shape = Shape { seed, ..Shape::default() };
    for side in Side::BOTH {
        shape.side(side).capabilities.overlap = Duration::from_mins(10);
    }
    let mut stage = shape.stage();
    stage.restart().await;
    let mut walk = Walk { stage, random: Ids::new(seed), entered: 0 };
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
}

#[expect(clippy::print_stdout, reason = "a random test prints its seed; it is shown where the test fails")]
fn println_seed(seed: u64) {
    println!("seed {seed}");
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

    fn edit(&mut self) {
        let side = self.side();
        let rows = self.stage.people[side].live(object(side));
        let id = rows[self.below(rows.len())].id.clone();
        let (field, value) = (FIELDS[self.below(FIELDS.len())], self.fresh());
        self.stage.edit(side, &id, &[(field, &value)]);
    }

    async fn step(&mut self) {
        match self.below(20) {
            0 => self.person(),
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
            self.stage.clock.forward(Duration::from_secs(60));
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
            assert!(emails.values().all(|count| *count == 1), "seed {seed}, {side:?}: {emails:?}");
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
                let Some(last) = edits.into_iter().max_by_key(|edit| edit.at) else { continue };
                let value = last.value.to_string();
                let logged =
                    lines.iter().filter(|line| line.entity == entity.id && line.event.field == field).any(|line| {
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
            let ConflictLine::Field(_) = &line.event.verdict else { continue };
            let entity = entities.iter().find(|entity| entity.id == line.entity).expect("it is still there");
            for side in Side::BOTH {
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
