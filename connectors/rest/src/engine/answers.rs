//! Which answer belongs to which item. Pure.

use hymnal_sdk::{Error, Kind, Response, Result, Written};

use super::{
    record::{self, Wanted},
    write::{Item, Order},
};
use crate::{
    classify::item_error,
    json::Json,
    manifest::{
        object::{AnswerBy, Answers, Object},
        service::Errors,
    },
    pick,
};

/// One answer an item, in order. An item without an answer is in doubt.
pub(super) fn read(
    errors: &Errors,
    order: &Order<'_>,
    items: &[Item],
    body: &Json,
    answer: &Response,
) -> Vec<Result<Written>> {
    let shape = &order.write.answers;
    let mut found: Vec<Option<Result<Written>>> = vec![None; items.len()];
    let failures = shape.errors.as_ref().and_then(|path| body.at(path)).unwrap_or(&Json::Null);
    for failed in failures.items().iter().filter(|_| shape.by != AnswerBy::Index) {
        for index in blamed(shape, order.object, items, failed) {
            found[index] = Some(Err(item_error(errors, failed)));
        }
    }
    let selected = body.at(&shape.select).unwrap_or(&Json::Null);
    let rows = selected.items();
    match shape.by {
        AnswerBy::Whole => {
            for (item, place) in items.iter().zip(&mut found) {
                place.get_or_insert_with(|| one(errors, order, item, selected, Some(answer)));
            }
        }
        AnswerBy::Index => {
            for (index, (item, place)) in items.iter().zip(&mut found).enumerate() {
                let at = index.to_string();
                if let Some(failed) = failures.at(&at).filter(|failed| **failed != Json::Null) {
                    *place = Some(Err(item_error(errors, failed)));
                } else if let Some(row) = selected.at(&at) {
                    *place = Some(one(errors, order, item, row, None));
                }
            }
        }
        // Where no answers are listed at all, what is not among the errors succeeded.
        AnswerBy::Id if shape.select.is_empty() => {
            for (item, place) in items.iter().zip(&mut found) {
                place.get_or_insert_with(|| Ok(bare(item.id.clone().unwrap_or_default())));
            }
        }
        AnswerBy::Id | AnswerBy::Trace => {
            let mut left: Vec<&Json> = Vec::new();
            for row in rows {
                match named(shape, order.object, items, row) {
                    Some(index) => found[index] = Some(one(errors, order, &items[index], row, None)),
                    None => left.push(row),
                }
            }
            by_values(errors, order, items, &left, &mut found);
        }
    }
    found.into_iter().map(|answer| answer.unwrap_or_else(|| Err(unanswered()))).collect()
}

fn bare(id: String) -> Written {
    Written { id, record: None, created: false }
}

fn unanswered() -> Error {
    Error::new(Kind::Transient, "unanswered", "the service's answer does not say what became of this item").in_doubt()
}

/// One item's answer.
fn one(errors: &Errors, order: &Order<'_>, item: &Item, row: &Json, whole: Option<&Response>) -> Result<Written> {
    let shape = &order.write.answers;
    if let Some(test) = &shape.ok
        && test.holds(row) != Some(true)
    {
        let error = shape.error.as_ref().and_then(|path| row.at(path)).unwrap_or(&Json::Null);
        return Err(item_error(errors, error));
    }
    let told = pick::text(&shape.id, row, whole).map(|id| record::normal_id(order.object.id_form, &id));
    let named = || shape.id_field.as_ref().and_then(|field| item.fields.get(field)).map(ToString::to_string);
    let id = told.or_else(|| item.id.clone()).or_else(named).ok_or_else(unanswered)?;
    let record = if shape.record { record::read(order.name, order.object, row, Wanted::Answered).ok() } else { None };
    let created = shape.created.as_ref().is_some_and(|test| test.holds(row) == Some(true))
        || (shape.created_status.is_some() && shape.created_status == whole.map(|answer| answer.status));
    Ok(Written { id, record, created })
}

/// The item that a row names: by our trace id, else by its own id.
fn named(shape: &Answers, object: &Object, items: &[Item], row: &Json) -> Option<usize> {
    if let Some(trace) = shape.trace.as_ref().and_then(|path| row.at(path)).and_then(Json::as_text) {
        return items.iter().position(|item| item.trace == trace);
    }
    let id = pick::text(&shape.id, row, None).map(|id| record::normal_id(object.id_form, &id))?;
    items.iter().position(|item| item.id.as_ref() == Some(&id))
}

/// The items that an error names. One error that names nobody, in a batch of one, is about that one.
fn blamed(shape: &Answers, object: &Object, items: &[Item], failed: &Json) -> Vec<usize> {
    let listed = |path: &Option<String>| -> Vec<String> {
        match path.as_ref().and_then(|path| failed.at(path)) {
            Some(Json::List(list)) => list.iter().filter_map(Json::as_text).collect(),
            Some(other) => other.as_text().into_iter().collect(),
            None => Vec::new(),
        }
    };
    let traces = listed(&shape.error_traces);
    let ids: Vec<String> = listed(&shape.error_ids).iter().map(|id| record::normal_id(object.id_form, id)).collect();
    if traces.is_empty() && ids.is_empty() && items.len() == 1 {
        return vec![0];
    }
    let is_blamed = |item: &Item| {
        traces.contains(&item.trace)
            || item.id.as_ref().is_some_and(|id| ids.contains(id))
            || item.value.as_ref().is_some_and(|value| ids.contains(&value.to_string()))
    };
    items.iter().enumerate().filter(|(_, item)| is_blamed(item)).map(|(index, _)| index).collect()
}

/// Rows that name no item: one row for one item is its answer; else the item all of whose values the row shows, where
/// exactly one item and one row fit each other. Anything less clear stays in doubt, to be read before it is repeated.
fn by_values(
    errors: &Errors,
    order: &Order<'_>,
    items: &[Item],
    rows: &[&Json],
    found: &mut [Option<Result<Written>>],
) {
    let open: Vec<usize> = (0..items.len()).filter(|index| found[*index].is_none()).collect();
    if let ([index], [row]) = (open.as_slice(), rows) {
        found[*index] = Some(one(errors, order, &items[*index], row, None));
        return;
    }
    let shows = |row: &Json, item: &Item| {
        record::read(order.name, order.object, row, Wanted::Answered).is_ok_and(|record| {
            !item.fields.is_empty()
                && item.fields.iter().all(|(name, value)| {
                    let shown = record.fields.get(name).map(ToString::to_string).unwrap_or_default();
                    value.is_blank() || shown.trim().eq_ignore_ascii_case(value.to_string().trim())
                })
        })
    };
    for row in rows {
        let fits: Vec<usize> = open.iter().copied().filter(|index| shows(row, &items[*index])).collect();
        if let [index] = fits.as_slice()
            && rows.iter().filter(|other| shows(other, &items[*index])).count() == 1
        {
            found[*index] = Some(one(errors, order, &items[*index], row, None));
        }
    }
}
