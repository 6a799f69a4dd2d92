//! How rows become what a reader is shown.

use std::{borrow::Cow, time::Duration};

use hymnal_sdk::{
    Actor, ActorKind, Address, Error, FieldEdit, Fields, Find, Found, Got, Kind, Native, Record, Result, State as Fate,
    Timestamp,
};

use crate::{
    account::{State, earlier},
    fault::{Fault, Faults, Method},
    list::reordered,
    options::{DeletedReads, ObjectOptions},
    service::{Row, Service, Table},
};

/// What a reader asked for, and may see.
pub(crate) struct Reader<'a> {
    pub(crate) object: &'a str,
    pub(crate) options: &'a ObjectOptions,
    pub(crate) method: Method,
    /// The fields asked for that exist.
    pub(crate) fields: Vec<&'a String>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(
        state: &State,
        object: &'a str,
        options: &'a ObjectOptions,
        method: Method,
        fields: &'a [String],
    ) -> Self {
        let exists = |name: &&String| state.schemas.get(object).is_some_and(|schema| schema.field(name).is_some());
        Self { object, options, method, fields: fields.iter().filter(exists).collect() }
    }

    /// Refuses fields that are not there, where the service does so.
    pub(crate) fn knows(&self, asked: &[String]) -> Result<()> {
        let unknown = asked.iter().find(|name| !self.fields.contains(name)).filter(|_| self.options.refuses_unknown);
        unknown.map_or(Ok(()), |name| Err(no_such_field(self.object, name)))
    }

    /// Records as an answer carries them: what was planted on readings happens here.
    pub(crate) fn records(&self, faults: &mut Faults, rows: &[Cow<'_, Row>]) -> Vec<Record> {
        let mut records: Vec<Record> = rows.iter().map(|row| self.record(row)).collect();
        self.bend(faults, &mut records);
        records
    }

    fn record(&self, row: &Row) -> Record {
        let shown = |name: &&String| {
            let value = row.fields.get(*name).cloned().unwrap_or(Native::Null);
            (!value.is_blank() || !self.options.capabilities.omits_blanks).then(|| ((*name).clone(), value))
        };
        let state = match (&row.merged_into, &row.converted_into, row.deleted_at) {
            (Some(winner), ..) => Fate::Merged { into: Address::new(self.object, winner) },
            (None, _, Some(_)) => Fate::Deleted,
            (None, Some(into), None) => Fate::Converted { into: into.clone() },
            (None, None, None) => Fate::Live,
        };
        Record {
            address: Address::new(self.object, &row.id),
            fields: self.fields.iter().filter_map(shown).collect(),
            state,
            created_at: Some(row.created_at),
            modified_at: Some(row.modified_at),
            modified_by: self.options.tells_actor.then(|| row.modified_by.clone()),
            version: self.options.capabilities.conditional.then(|| row.sequence.to_string()),
        }
    }

    /// Withholds and masks. It fires only where there was something to hide.
    fn bend(&self, faults: &mut Faults, records: &mut [Record]) {
        faults.each(self.method, |fault| match fault {
            Fault::FieldWithheld { field } => {
                records.iter_mut().fold(false, |hit, record| record.fields.remove(field).is_some() | hit)
            }
            Fault::FieldMasked { field } => records.iter_mut().fold(false, |hit, record| {
                match record.fields.get_mut(field).filter(|value| !value.is_blank()) {
                    Some(value) => {
                        *value = "***".into();
                        true
                    }
                    None => hit,
                }
            }),
            _ => false,
        });
    }
}

/// Reads by id: every id has its answer, in order.
pub(crate) fn get(state: &mut State, reader: &Reader<'_>, ids: &[String]) -> Vec<Got> {
    let rows = state.data.tables.get(reader.object).map(|table| &table.rows);
    let shown = |id: &String| {
        let row = rows?.get(id)?;
        let binned = row.deleted_at.is_some() && row.merged_into.is_none();
        let unseen = binned && reader.options.deleted_reads == DeletedReads::Gone;
        (!unseen && !state.hidden.contains(&Address::new(reader.object, id))).then_some(Cow::Borrowed(row))
    };
    let found: Vec<Option<Cow<'_, Row>>> = ids.iter().map(shown).collect();
    let there: Vec<Cow<'_, Row>> = found.iter().flatten().cloned().collect();
    let mut records = reader.records(&mut state.faults, &there).into_iter();
    let answer = |row: Option<Cow<'_, Row>>| match row.and_then(|_| records.next()) {
        Some(record) => Got::Record(Box::new(record)),
        None => Got::Gone,
    };
    found.into_iter().map(answer).collect()
}

/// Looks up by key, as things stand or as they stood `find_lag` ago.
pub(crate) fn find(state: &mut State, reader: &Reader<'_>, find: &Find<'_>, now: Timestamp) -> Result<Found> {
    if state.schemas.get(find.object).is_none_or(|schema| schema.field(find.key).is_none()) {
        return Err(no_such_field(find.object, find.key));
    }
    let lag = reader.options.find_lag;
    let wanted: Vec<String> = find.values.iter().filter(|value| !value.is_blank()).map(folded).collect();
    let holds = |row: &Row| {
        row.deleted_at.is_none() && row.fields.get(find.key).is_some_and(|value| wanted.contains(&folded(value)))
    };
    let rows = state.data.tables.get(find.object).into_iter().flat_map(|table| table.rows.values());
    let seen = |row: &&Row| !state.hidden.contains(&Address::new(find.object, &row.id));
    let found = rows.filter(seen).filter_map(|row| as_of(row, now, lag)).filter(|row| holds(row));
    let records = reader.records(&mut state.faults, &found.collect::<Vec<_>>());
    let records = reordered(&mut state.faults, &mut state.random, Method::Find, records);
    Ok(Found { records, consistent: lag.is_zero() })
}

/// The fields' history of one record, newest first.
pub(crate) fn history(state: &mut State, address: &Address, fields: &[String]) -> Vec<FieldEdit> {
    let Some(row) = state.data.table(&address.object).rows.get(&address.id) else { return Vec::new() };
    row.history.iter().rev().filter(|edit| fields.contains(&edit.field)).cloned().collect()
}

impl Service {
    /// Everything as it stood `ago`.
    #[must_use]
    pub fn as_it_stood(&self, now: Timestamp, ago: Duration) -> Self {
        let table = |table: &Table| {
            let rows = table.rows.iter().filter_map(|(id, row)| Some((id.clone(), as_of(row, now, ago)?.into_owned())));
            let mut stood = Table::default();
            stood.rows.extend(rows);
            stood.set_unique(table.unique.clone());
            stood
        };
        let tables = self.tables.iter().map(|(object, rows)| (object.clone(), table(rows)));
        Self { tables: tables.collect(), sequence: self.sequence }
    }
}

/// A row as it stood `ago`; `None` where it was not there yet.
pub(crate) fn as_of(row: &Row, now: Timestamp, ago: Duration) -> Option<Cow<'_, Row>> {
    let then = earlier(now, ago);
    if ago.is_zero() || row.modified_at <= then {
        return Some(Cow::Borrowed(row));
    }
    if row.created_at > then {
        return None;
    }
    let mut fields = Fields::new();
    let mut modified_at = row.created_at;
    let mut modified_by = Actor { name: String::new(), kind: ActorKind::Unknown };
    for edit in row.history.iter().filter(|edit| edit.at <= then) {
        fields.insert(edit.field.clone(), edit.value.clone());
        modified_at = modified_at.max(edit.at);
        modified_by = edit.by.clone().unwrap_or(modified_by);
    }
    let left = row.deleted_at.filter(|&at| at <= then);
    Some(Cow::Owned(Row {
        fields,
        modified_at,
        modified_by,
        deleted_at: left,
        merged_into: row.merged_into.clone().filter(|_| left.is_some()),
        converted_into: None,
        ..row.clone()
    }))
}

pub(crate) fn no_such_field(object: &str, field: &str) -> Error {
    let message = format!("`{object}` has no field `{field}`");
    Error::new(Kind::Fatal, "no-such-field", message).about(field).hint("compare the mapping with `describe`")
}

/// Values are compared as services compare them: trimmed, without case.
pub(crate) fn folded(value: &Native) -> String {
    value.to_string().trim().to_lowercase()
}
