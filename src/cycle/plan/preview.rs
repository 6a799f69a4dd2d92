//! The changes of a plan counted, by system and field, with samples.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value as Json;

use super::line::Line;
use crate::merge::planned::ChangeKind;

/// How many of each are shown.
const SAMPLES: usize = 10;

/// What would be done in one system.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Preview {
    /// The connector.
    pub connector: String,
    /// Records made.
    pub creates: Counted,
    /// Records changed.
    pub updates: u64,
    /// Records deleted.
    pub deletes: Counted,
    /// All fields together.
    #[serde(flatten)]
    pub changes: Changes,
    /// Each field alone.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, Changes>,
    /// Records changed and made, by object.
    #[serde(skip)]
    pub records: BTreeMap<String, Records>,
}

/// Records of one object that would be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Records {
    /// Changed.
    pub updates: u64,
    /// Made.
    pub creates: u64,
    /// Deleted.
    pub deletes: u64,
}

/// Changes of values, counted by kind. What touches consent stands apart.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Changes {
    /// Blank fields filled.
    pub fills: Counted,
    /// Values overwritten by others.
    pub overwrites: Counted,
    /// Values cleared.
    pub clears: Counted,
    /// People opted out.
    pub opt_outs: Counted,
    /// Other changes of consent.
    pub consents: Counted,
}

/// How many, and the first of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Counted {
    /// How many.
    pub count: u64,
    /// The first ten.
    pub samples: Vec<Sample>,
}

/// One change.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Sample {
    /// The record, or the one on the other side that it is made of.
    pub record: String,
    /// The field; empty for a creation.
    pub field: String,
    /// What stands there.
    pub from: String,
    /// What would stand there.
    pub to: String,
    /// The rule that decided.
    pub rule: String,
}

impl Preview {
    /// Nothing, in this system.
    pub fn of(connector: impl Into<String>) -> Self {
        Self { connector: connector.into(), ..Self::default() }
    }

    /// The same without each field alone.
    #[must_use]
    pub fn brief(self) -> Self {
        Self { fields: BTreeMap::new(), ..self }
    }

    /// Counts the changes of one record.
    pub(super) fn add(&mut self, lines: &[Line]) {
        let Some(first) = lines.first() else { return };
        let records = self.records.entry(first.object.clone()).or_default();
        match first.kind {
            ChangeKind::Create => records.creates += 1,
            ChangeKind::Delete => records.deletes += 1,
            _ => {
                records.updates += 1;
                self.updates += 1;
            }
        }
        for line in lines {
            let (all, field) = (&mut self.changes, self.fields.entry(line.field.clone()));
            let counted = match line.kind {
                ChangeKind::Create => {
                    self.creates.add(line);
                    continue;
                }
                ChangeKind::Delete => {
                    self.deletes.add(line);
                    continue;
                }
                ChangeKind::Fill => [&mut all.fills, &mut field.or_default().fills],
                ChangeKind::Overwrite => [&mut all.overwrites, &mut field.or_default().overwrites],
                ChangeKind::Clear => [&mut all.clears, &mut field.or_default().clears],
                ChangeKind::OptOut => [&mut all.opt_outs, &mut field.or_default().opt_outs],
                ChangeKind::Consent => [&mut all.consents, &mut field.or_default().consents],
            };
            for counted in counted {
                counted.add(line);
            }
        }
    }
}

impl Counted {
    fn add(&mut self, line: &Line) {
        self.count += 1;
        if self.samples.len() < SAMPLES {
            self.samples.push(Sample::of(line));
        }
    }
}

impl Sample {
    fn of(line: &Line) -> Self {
        let record = line.record.split_once(':').map_or(line.record.as_str(), |(_, address)| address);
        Self {
            record: record.replacen(':', "/", 1),
            field: line.field.clone(),
            from: shown(&line.old),
            to: shown(&line.new),
            rule: line.rule.clone(),
        }
    }
}

fn shown(value: &Json) -> String {
    match value {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        Json::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join(", "),
        Json::Object(values) => {
            values.iter().map(|(field, value)| format!("{field}: {}", shown(value))).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}
