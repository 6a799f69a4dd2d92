//! Whose lines of a plan are written: all, or those of a pilot.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value as Json, json};

use crate::{
    cycle::plan::line::Line,
    mapping::{Expression, FieldType, Problem, Value, flaws::Flaw},
    merge::{Entity, Id, SyncRules},
};

/// What can be asked of a line, besides the canonical fields of its person; a field of the same name goes first.
const OF_A_LINE: [&str; 8] = ["field", "from", "kind", "new", "object", "old", "rule", "system"];

/// Whose lines are written.
#[derive(Default)]
pub struct Pilot {
    /// Only so many people's: the first of the plan.
    limit: Option<usize>,
    /// Only lines for which this holds.
    filter: Option<Expression>,
    chosen: BTreeSet<Id>,
}

impl Pilot {
    /// The lines for which an expression holds, of the first so many people of whom there is one.
    ///
    /// # Errors
    /// Everything that is wrong with the expression.
    pub fn new(limit: Option<usize>, filter: Option<&str>, rules: &SyncRules) -> Result<Self, Vec<Flaw>> {
        let mut known: Vec<(&str, FieldType)> =
            rules.fields.iter().map(|rule| (rule.map.name.as_str(), rule.map.kind)).collect();
        for name in OF_A_LINE {
            if !known.iter().any(|(field, _)| *field == name) {
                known.push((name, FieldType::Text));
            }
        }
        let filter = filter.map(|source| Expression::compile(source, &known)).transpose()?;
        Ok(Self { limit, filter, chosen: BTreeSet::new() })
    }

    /// Whether a line is written.
    ///
    /// # Errors
    /// The expression has no answer for it.
    pub(super) fn takes(&mut self, line: &Line, entity: &Entity) -> Result<bool, Problem> {
        if let Some(filter) = &self.filter {
            let of_line: BTreeMap<&str, Value> = OF_A_LINE.into_iter().map(|name| (name, asked(line, name))).collect();
            let golden = |name: &str| entity.fields.get(name).map(|field| &field.golden);
            if !filter.holds(|name| golden(name).or_else(|| of_line.get(name)))? {
                return Ok(false);
            }
        }
        let has_room = self.limit.is_none_or(|limit| self.chosen.len() < limit);
        Ok(self.chosen.contains(&entity.id) || (has_room && self.chosen.insert(entity.id)))
    }
}

fn asked(line: &Line, name: &str) -> Value {
    let value = match name {
        "field" => json!(line.field),
        "from" => json!(line.from),
        "kind" => json!(line.kind),
        "new" => line.new.clone(),
        "object" => json!(line.object),
        "old" => line.old.clone(),
        "rule" => json!(line.rule),
        _ => json!(line.system),
    };
    match value {
        Json::Null => Value::Blank,
        Json::String(text) if text.is_empty() => Value::Blank,
        Json::String(text) => Value::Text(text),
        other => Value::Text(other.to_string()),
    }
}
