//! What people and rules inside the organisation do, for the control API and for tests.
//!
//! They go by the same rules of values as the API, see every field, and are not stopped by duplicate or assignment
//! rules.

use std::collections::{BTreeMap, BTreeSet};

use hymnal_memory::service::Refusal;
use hymnal_sdk::{Actor, Fields, Native};

use super::{
    Org,
    answer::Refused,
    ids,
    options::FieldKind,
    org::Config,
    save::{Alerts, Assigns, Writer, refusal},
    schema::Object,
    view::View,
};

/// Makes a record; answers its id.
///
/// # Errors
/// What the service would refuse.
pub fn create(org: &Org, by: &Actor, object: &str, fields: Fields) -> Result<String, Refused> {
    act(org, by, |writer, config| {
        let object = config.complete.object(object).ok_or_else(Refused::not_found)?;
        writer.create(object, canonical(object, fields)?)
    })
}

/// Changes a live record.
///
/// # Errors
/// What the service would refuse.
pub fn edit(org: &Org, by: &Actor, id: &str, fields: Fields) -> Result<(), Refused> {
    act(org, by, |writer, config| {
        let object = object_of(config, id)?;
        writer.update(object, id, canonical(object, fields)?).map(drop)
    })
}

/// Sends a live record to the recycle bin.
///
/// # Errors
/// What the service would refuse.
pub fn delete(org: &Org, by: &Actor, id: &str) -> Result<(), Refused> {
    act(org, by, |writer, config| writer.delete(object_of(config, id)?, id).map(drop))
}

/// Takes a record out of the recycle bin. The loser of a merge stays there.
///
/// # Errors
/// `ENTITY_IS_DELETED` where it is not in the bin, `DUPLICATE_VALUE` where its unique value has been taken.
pub fn undelete(org: &Org, by: &Actor, id: &str) -> Result<(), Refused> {
    act(org, by, |writer, config| {
        let (object, id) = (object_of(config, id)?, full(id)?);
        writer.data.restore(object.name, &id, by, writer.now).map_err(|why| refusal(&why))
    })
}

/// Empties the recycle bin of one record: it is gone from `queryAll` too.
///
/// # Errors
/// `ENTITY_IS_DELETED` where it is not in the bin.
pub fn purge(org: &Org, id: &str) -> Result<(), Refused> {
    let config = org.config();
    let (object, id) = (object_of(&config, id)?, full(id)?);
    let mut inner = org.account.lock();
    let table = inner.data.table(object.name);
    let binned = table.rows.get(&id).is_some_and(|row| row.deleted_at.is_some());
    if !binned {
        return Err(refusal(&Refusal::Missing));
    }
    table.rows.remove(&id);
    Ok(())
}

/// Merges a record into another of its object: the winner's blanks are filled, the loser goes to the recycle bin with
/// `MasterRecordId`. SOAP API guide, `merge()`.
///
/// # Errors
/// `MALFORMED_ID` for records of two objects, `ENTITY_IS_DELETED` where one is not live.
pub fn merge(org: &Org, by: &Actor, winner: &str, loser: &str) -> Result<(), Refused> {
    act(org, by, |writer, config| {
        let (object, winner, loser) = (object_of(config, winner)?, full(winner)?, full(loser)?);
        if ids::prefix(&loser) != object.prefix || winner == loser {
            return Err(Refused::request("MALFORMED_ID", format!("cannot merge `{loser}` into `{winner}`")));
        }
        writer.data.merge(object.name, &winner, &loser, by, writer.now).map_err(|why| refusal(&why))
    })
}

pub(super) fn act<T>(
    org: &Org,
    by: &Actor,
    run: impl FnOnce(&mut Writer<'_>, &Config) -> Result<T, Refused>,
) -> Result<T, Refused> {
    let config = org.config();
    let now = org.account.now();
    let mut inner = org.account.lock();
    let inner = &mut *inner;
    let user = View { data: &inner.data, options: &config.options, base: "" }.user_id(by).to_owned();
    let mut writer = Writer {
        data: &mut inner.data,
        next_id: &mut inner.next_id,
        held_rows: &mut BTreeMap::new(),
        hidden: &BTreeSet::new(),
        options: &config.options,
        schema: &config.complete,
        by: by.clone(),
        user,
        now,
        assigns: Assigns::No,
        alerts: Alerts::Override,
    };
    run(&mut writer, &config)
}

/// Fields by their API names, values by their types: text that reads as the field's type becomes it.
fn canonical(object: &Object, fields: Fields) -> Result<Fields, Refused> {
    let mut typed = Fields::new();
    for (name, value) in fields {
        let Some(field) = object.field(&name) else {
            let message = format!("No such column '{name}' on sobject of type {}", object.name);
            return Err(Refused::request("INVALID_FIELD", message));
        };
        let value = match (&field.kind, value) {
            (FieldKind::Boolean, Native::Text(text)) if text == "true" || text == "false" => {
                Native::Bool(text == "true")
            }
            (FieldKind::Double { .. } | FieldKind::Int, Native::Text(text)) if text.parse::<f64>().is_ok() => {
                Native::Number(text)
            }
            (FieldKind::Multipicklist(_), Native::List(items)) => Native::Text(Native::List(items).to_string()),
            (_, value) => value,
        };
        typed.insert(field.name.clone(), value);
    }
    Ok(typed)
}

fn object_of<'a>(config: &'a Config, id: &str) -> Result<&'a Object, Refused> {
    config.complete.object_of_id(id).ok_or_else(|| malformed(id))
}

pub(super) fn full(id: &str) -> Result<String, Refused> {
    ids::normal(id).ok_or_else(|| malformed(id))
}

fn malformed(id: &str) -> Refused {
    Refused::request("MALFORMED_ID", format!("malformed id {id}"))
}
