//! A look at everything: what each service holds, what Hymnal knows, and whether the promises are kept.

use std::collections::BTreeMap;

use hymnal::{
    journal::{
        entry::{JournalPage, LogLine},
        erasure::Erasure,
    },
    mapping,
    merge::{
        Context, Entity, Event, Pair, Side,
        entity::{Mark, Presence},
        event::{ConflictLine, ConflictStatus, Spared},
        held::Gate,
    },
    store::{KeyValue, Kv, format},
};
use hymnal_memory::Called;
use hymnal_sdk::Native;

use super::{Stage, TAG, object};

/// What people see at the end: every live record's fields, by side; no ids, no times.
pub(crate) type Scene = Pair<Vec<BTreeMap<String, String>>>;

impl Stage {
    /// Every entity.
    pub(crate) fn entities(&self) -> Vec<Entity> {
        let rows = self.kv.scan(&TAG.table(b'e'), None, usize::MAX).expect("a store in memory");
        rows.iter().map(|(key, value)| format::open(key, value).expect("an entity")).collect()
    }

    /// The entity of a record.
    pub(crate) fn entity(&self, side: Side, id: &str) -> Entity {
        let known = |entity: &Entity| entity.members[side].as_ref().is_some_and(|member| member.address.id == id);
        self.entities().into_iter().find(known).expect("the record is known")
    }

    /// Every line of the conflict log.
    pub(crate) fn lines(&self) -> Vec<LogLine> {
        let rows = self.kv.scan(&TAG.table(b'c'), None, usize::MAX).expect("a store in memory");
        rows.iter().map(|(key, value)| format::open(key, value).expect("a line")).collect()
    }

    /// Everything in the journal.
    pub(crate) fn events(&self) -> Vec<Event> {
        let rows = self.kv.scan(&TAG.table(b'j'), None, usize::MAX).expect("a store in memory");
        let page = |(key, value): &KeyValue| format::open::<JournalPage>(key, value).expect("a page").events;
        rows.iter().flat_map(page).collect()
    }

    /// The lines of the conflict log in short: `city conflict resolved`.
    pub(crate) fn log(&self) -> Vec<String> {
        let short = |line: &LogLine| {
            let status = match line.event.status {
                ConflictStatus::Open => "open",
                ConflictStatus::Resolved => "resolved",
                ConflictStatus::Superseded => "superseded",
                ConflictStatus::Dismissed => "dismissed",
            };
            let winner = match &line.event.verdict {
                ConflictLine::Field(verdict) => verdict.winner.map(|side| format!(" {side:?}")).unwrap_or_default(),
                _ => String::new(),
            };
            format!("{} {} {status}{winner}", line.event.field, line.event.verdict.kind()).trim().to_owned()
        };
        self.lines().iter().map(short).collect()
    }

    /// Everything that the store holds, readable.
    pub(crate) fn dump(&self) -> String {
        let row = |(key, value): (Vec<u8>, Vec<u8>)| {
            let shown = match key.get(1) {
                Some(b'e') => format!("{:?}", format::open::<Entity>(&key, &value).expect("an entity")),
                Some(b'j') => format!("{:?}", format::open::<JournalPage>(&key, &value).expect("a page")),
                Some(b'c') => format!("{:?}", format::open::<LogLine>(&key, &value).expect("a line")),
                Some(b'f') => format!("{:?}", format::open::<Erasure>(&key, &value).expect("an erasure")),
                _ => String::from_utf8_lossy(&value).into_owned(),
            };
            format!("{}: {shown}\n", String::from_utf8_lossy(&key))
        };
        self.kv.scan(b"", None, usize::MAX).expect("a store in memory").into_iter().map(row).collect()
    }

    /// The conflict log file.
    pub(crate) fn log_file(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log/conflicts.jsonl")).expect("the log file")
    }

    /// Why deletions did not travel, oldest first.
    pub(crate) fn spared(&self) -> Vec<Spared> {
        let rows = self.kv.scan(&TAG.table(b'j'), None, usize::MAX).expect("a store in memory");
        let pages = rows.iter().map(|(key, value)| format::open::<JournalPage>(key, value).expect("a page"));
        let why = |event| if let Event::Spared { why, .. } = event { Some(why) } else { None };
        pages.flat_map(|page| page.events).filter_map(why).collect()
    }

    /// What people see.
    pub(crate) fn scene(&self) -> Scene {
        Pair::from_fn(|side| {
            let row = |row: hymnal_memory::service::Row| {
                let shown = row.fields.iter().filter(|(name, value)| !value.is_blank() && *name != "hymnal_id");
                shown.map(|(name, value)| (name.clone(), value.to_string())).collect()
            };
            let mut rows: Vec<BTreeMap<String, String>> =
                self.people[side].live(object(side)).into_iter().map(row).collect();
            rows.sort();
            rows
        })
    }

    /// How many calls of a side changed something since this was last asked.
    pub(crate) fn writes(&self, side: Side) -> usize {
        let calls = self.people[side].take_calls();
        calls.iter().filter(|call: &&Called| call.method.writes()).map(|call| call.applied).sum()
    }

    /// Nothing is left to do, and the promises that hold at any quiet moment are kept.
    pub(crate) async fn check(&self) {
        for side in Side::BOTH {
            self.writes(side);
        }
        let report = self.cycle().await;
        assert!(report.is_quiet(), "I6: a cycle after it was quiet is not: {report:?}");
        for side in Side::BOTH {
            assert_eq!(self.writes(side), 0, "I6: a quiet cycle writes to {side:?}");
        }
        self.check_equal();
        self.check_known();
        self.check_file();
    }

    /// I1: each linked field is equal on both sides, or it is visible why not.
    pub(crate) fn check_equal(&self) {
        for entity in self.entities() {
            let Pair { left: Some(left), right: Some(right) } = &entity.members else { continue };
            if !entity.scope.is_in()
                || left.presence != Presence::Seen
                || right.presence != Presence::Seen
                || !entity.ambiguous.is_empty()
            {
                continue;
            }
            for rule in &self.rules.fields {
                let stands = |side: Side| {
                    let member = entity.members[side].as_ref().expect("linked");
                    let place = Context::place(rule, side, &member.address.object)?;
                    let row = self.people[side].row(&member.address.object, &member.address.id).expect("a row");
                    let native = row.fields.get(&place.name).cloned().unwrap_or(Native::Null);
                    mapping::read(&rule.map, place, &native).ok()
                };
                let (left, right) = (stands(Side::Left), stands(Side::Right));
                let field = entity.fields.get(&rule.map.name);
                let waits = field.is_some_and(|field| {
                    let marked = |side: Side| match &field.sides[side].mark {
                        Some(Mark::Parked { golden: None, .. }) => true,
                        Some(
                            Mark::Normalised { golden }
                            | Mark::Ignored { golden }
                            | Mark::Kept { golden }
                            | Mark::Discarded { golden }
                            | Mark::Apart { golden, .. }
                            | Mark::Parked { golden: Some(golden), .. },
                        ) => *golden == field.golden,
                        Some(Mark::ClearFirst { .. }) => false,
                        None => entity.parked[side].is_some(),
                    };
                    let held = Side::BOTH.into_iter().any(|side| matches!(field.gate(side), Some(Gate::Held { .. })));
                    held || field.conflict.is_some() || field.frozen || Side::BOTH.into_iter().any(marked)
                });
                assert!(
                    waits || left.is_none() || right.is_none() || left == right,
                    "I1: `{}` is {left:?} on the left, {right:?} on the right, and nothing says why:\n{entity:#?}",
                    rule.map.name,
                );
            }
        }
    }

    /// I4: each record that lives is known once, and nobody was made twice.
    pub(crate) fn check_known(&self) {
        let entities = self.entities();
        for side in Side::BOTH {
            // A converted lead lives on as what it became.
            let rows = self.people[side].live(object(side));
            for row in rows.into_iter().filter(|row| row.converted_into.is_none()) {
                let members = entities.iter().filter(|entity| {
                    let member = entity.members[side].as_ref().is_some_and(|member| member.address.id == row.id);
                    member || entity.secondary_addresses(side).any(|address| address.id == row.id)
                });
                assert_eq!(members.count(), 1, "how many entities know {side:?} {row:?}");
            }
        }
    }

    /// I13: the file has every line of the store, in order, once.
    pub(crate) fn check_file(&self) {
        let text = std::fs::read_to_string(self.folder.path().join("log/conflicts.jsonl")).expect("the log file");
        let number = |line: &str| {
            let line: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
            line["number"].as_u64().expect("a number")
        };
        let written: Vec<u64> = text.lines().map(number).collect();
        let stored: Vec<u64> = self.lines().iter().map(|line| line.number).collect();
        assert_eq!(written, stored, "the conflict log file and the store");
    }
}
