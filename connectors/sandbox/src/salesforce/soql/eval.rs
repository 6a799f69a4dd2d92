//! Plan + rows → the ids of the rows, in order.

use std::cmp::Ordering as Cmp;

use hymnal_memory::service::Row;
use hymnal_sdk::Native;

use super::check::{Key, Operand, Ordering, Path, Plan, Test};
use crate::salesforce::{
    options::FieldKind,
    view::{self, View},
};

/// The ids of the rows that a plan asks for. Deleted rows count only for `queryAll`.
///
/// Rows that the order leaves equal come in an order that means nothing, as in the service: here by the mirrored id.
pub(in crate::salesforce) fn run(view: &View<'_>, plan: &Plan, deleted_too: bool) -> Vec<String> {
    let Some(table) = view.data.tables.get(plan.object) else { return Vec::new() };
    let mut rows: Vec<&Row> = table
        .rows
        .values()
        .filter(|row| deleted_too || row.deleted_at.is_none())
        .filter(|row| plan.filter.as_ref().is_none_or(|test| holds(view, row, test)))
        .collect();
    rows.sort_by(|a, b| a.id.bytes().rev().cmp(b.id.bytes().rev()));
    if !plan.order.is_empty() {
        let mut keyed: Vec<(Vec<Operand>, &Row)> = rows
            .into_iter()
            .map(|row| (plan.order.iter().map(|key| value(view, row, &key.path)).collect(), row))
            .collect();
        keyed.sort_by(|a, b| compare(&plan.order, &a.0, &b.0));
        rows = keyed.into_iter().map(|(_, row)| row).collect();
    }
    let skip = usize::try_from(plan.offset).unwrap_or(usize::MAX);
    let take = plan.limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    rows.into_iter().skip(skip).take(take).map(|row| row.id.clone()).collect()
}

fn compare(order: &[Key], a: &[Operand], b: &[Operand]) -> Cmp {
    for ((key, a), b) in order.iter().zip(a).zip(b) {
        let by_key = match (a == &Operand::Null, b == &Operand::Null) {
            (true, true) => Cmp::Equal,
            (true, false) if key.nulls_last => Cmp::Greater,
            (true, false) => Cmp::Less,
            (false, true) if key.nulls_last => Cmp::Less,
            (false, true) => Cmp::Greater,
            (false, false) if key.descending => b.partial_cmp(a).unwrap_or(Cmp::Equal),
            (false, false) => a.partial_cmp(b).unwrap_or(Cmp::Equal),
        };
        if by_key != Cmp::Equal {
            return by_key;
        }
    }
    Cmp::Equal
}

/// A blank is equal to `null` only, and neither less nor more than anything; so `!=` and `NOT IN` hold for it.
fn holds(view: &View<'_>, row: &Row, test: &Test) -> bool {
    match test {
        Test::All(parts) => parts.iter().all(|part| holds(view, row, part)),
        Test::Any(parts) => parts.iter().any(|part| holds(view, row, part)),
        Test::Not(part) => !holds(view, row, part),
        Test::OneOf(path, operands) => {
            let value = value(view, row, path);
            operands.iter().any(|operand| same(&path.kind, &value, operand))
        }
        Test::Compare(path, ordering, operand) => {
            let value = value(view, row, path);
            if value == Operand::Null || operand == &Operand::Null {
                return false;
            }
            value.partial_cmp(operand).is_some_and(|cmp| match ordering {
                Ordering::Less => cmp == Cmp::Less,
                Ordering::AtMost => cmp != Cmp::Greater,
                Ordering::More => cmp == Cmp::Greater,
                Ordering::AtLeast => cmp != Cmp::Less,
            })
        }
        Test::Like(path, pattern) => match value(view, row, path) {
            Operand::Text(held) => like(&held.chars().collect::<Vec<_>>(), pattern),
            _ => false,
        },
        Test::Includes(path, sets) => {
            let Operand::Text(joined) = value(view, row, path) else { return false };
            let held: Vec<&str> = joined.split(';').collect();
            sets.iter().any(|set| !set.is_empty() && set.iter().all(|choice| held.contains(&choice.as_str())))
        }
    }
}

fn same(kind: &FieldKind, value: &Operand, operand: &Operand) -> bool {
    match (kind, value, operand) {
        (FieldKind::Multipicklist(_), Operand::Text(value), Operand::Text(operand)) => {
            let sorted = |text: &str| {
                let mut choices: Vec<String> = text.split(';').map(str::to_owned).collect();
                choices.sort();
                choices
            };
            sorted(value) == sorted(operand)
        }
        _ => value == operand,
    }
}

/// SOQL reference, "Comparison Operators", LIKE: `%` is any text, `_` one character, case does not count.
fn like(text: &[char], pattern: &[(char, bool)]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((('%', false), rest)) => (0..=text.len()).any(|skip| like(&text[skip..], rest)),
        Some((('_', false), rest)) => !text.is_empty() && like(&text[1..], rest),
        Some(((c, _), rest)) => {
            text.first().is_some_and(|first| first.to_lowercase().eq(c.to_lowercase())) && like(&text[1..], rest)
        }
    }
}

fn value(view: &View<'_>, row: &Row, path: &Path) -> Operand {
    // The commonest comparison by far, and the only one whose value is not stored as text.
    if path.steps.is_empty()
        && let Some(time) = view::time(row, path.source)
    {
        return Operand::Datetime(time);
    }
    let native = view.follow(row, path);
    match (&path.kind, native) {
        (_, Native::Null | Native::List(_) | Native::Object(_)) => Operand::Null,
        (_, Native::Bool(value)) => Operand::Bool(value),
        (_, Native::Number(text)) => text.parse().map_or(Operand::Null, Operand::Number),
        (FieldKind::Date, Native::Text(text)) => text.parse().map_or(Operand::Null, Operand::Date),
        (FieldKind::Datetime, Native::Text(text)) => text.parse().map_or(Operand::Null, Operand::Datetime),
        (FieldKind::Id | FieldKind::Reference(_), Native::Text(text)) => Operand::Text(text),
        (_, Native::Text(text)) => Operand::Text(text.to_lowercase()),
    }
}
