//! Conflicts, grouped by what they are about and how they were decided.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::cli::show;

/// Conflicts that were decided alike.
pub(super) struct Alike<'a> {
    /// The field.
    pub(super) field: &'a str,
    /// The sync rule.
    pub(super) rule: &'a str,
    /// The system whose value won; `None` where nobody's did.
    pub(super) winner: Option<&'a str>,
    /// How many.
    pub(super) count: u64,
    /// The first of them.
    pub(super) example: &'a Json,
}

/// Groups lines of the conflict log.
pub(super) fn alike<'a>(lines: &'a [Json]) -> Vec<Alike<'a>> {
    let mut groups: BTreeMap<[&'a str; 3], Alike<'a>> = BTreeMap::new();
    for line in lines {
        let text = |key: &str| line[key].as_str().unwrap_or_default();
        let (field, rule, winner) = (text("field"), text("policy"), line["winner"].as_str());
        let group = groups.entry([field, rule, winner.unwrap_or_default()]);
        group.or_insert(Alike { field, rule, winner, count: 0, example: line }).count += 1;
    }
    groups.into_values().collect()
}

impl Alike<'_> {
    /// `11 × last_name: marketing's value was taken (prefer: marketing is preferred)`
    pub(super) fn sentence(&self) -> String {
        let reason = self.example["reason"].as_str().unwrap_or_default();
        let outcome = match self.winner {
            Some(winner) => format!("{winner}'s value was taken"),
            None => "waits for a person".to_owned(),
        };
        format!("{} × {}: {outcome} ({}: {reason})", self.count, self.field, self.rule)
    }

    /// The first of them, as the conflict log tells it.
    pub(super) fn example(&self) -> String {
        show::sentence(self.example)
    }
}
