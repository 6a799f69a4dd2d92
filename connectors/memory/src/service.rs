//! A service's data: tables of rows, changed as people and programs change them.
//!
//! It knows no protocol and no clock: the caller gives the time. The in-memory connector and the sandbox's HTTP faces
//! stand on it.

use std::collections::BTreeMap;

use hymnal_sdk::{Actor, Address, FieldEdit, Fields, Native, Timestamp};

/// The data of one account.
#[derive(Clone, Debug, Default)]
pub struct Service {
    /// Tables by object.
    pub tables: BTreeMap<String, Table>,
    /// Counts every change, so that rows changed at one time keep an order.
    pub sequence: u64,
}

/// All rows of one object, deleted ones included.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// Rows by id.
    pub rows: BTreeMap<String, Row>,
    /// Fields that hold each value at most once among live rows; compared without case. Blanks do not count.
    pub unique: Vec<String>,
    /// Live rows by unique field and folded value.
    index: BTreeMap<(String, String), String>,
}

/// One row.
#[derive(Clone, Debug)]
pub struct Row {
    /// The id.
    pub id: String,
    /// The values. A field that is not there is blank.
    pub fields: Fields,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub modified_at: Timestamp,
    /// The change's place in the order of all changes.
    pub sequence: u64,
    /// Who changed it last.
    pub modified_by: Actor,
    /// When it was deleted.
    pub deleted_at: Option<Timestamp>,
    /// Which row it was merged into.
    pub merged_into: Option<String>,
    /// Which record it was converted into.
    pub converted_into: Option<Address>,
    /// Every change of every field, oldest first.
    pub history: Vec<FieldEdit>,
}

/// Why a change was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No such live row.
    Missing,
    /// This unique field holds that value in that row.
    Duplicate {
        /// The field.
        field: String,
        /// The row that has it.
        id: String,
    },
}

impl Service {
    /// The table of an object; made when first named.
    pub fn table(&mut self, object: &str) -> &mut Table {
        self.tables.entry(object.to_owned()).or_default()
    }

    /// Makes a row.
    ///
    /// # Errors
    /// `Duplicate`.
    pub fn create(
        &mut self,
        object: &str,
        id: &str,
        fields: Fields,
        by: &Actor,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        self.table(object).check_unique(&fields, None)?;
        self.sequence += 1;
        let sequence = self.sequence;
        let table = self.table(object);
        let mut row = Row {
            id: id.to_owned(),
            fields: Fields::new(),
            created_at: now,
            modified_at: now,
            sequence,
            modified_by: by.clone(),
            deleted_at: None,
            merged_into: None,
            converted_into: None,
            history: Vec::new(),
        };
        row.set(fields, by, now);
        table.add_to_index(&row);
        table.rows.insert(id.to_owned(), row);
        Ok(())
    }

    /// Changes a live row. Its time of change moves even if every value is as before, as in services that stamp each
    /// write; a caller that wants otherwise compares first.
    ///
    /// # Errors
    /// `Missing`, `Duplicate`.
    pub fn update(
        &mut self,
        object: &str,
        id: &str,
        fields: Fields,
        by: &Actor,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let table = self.table(object);
        table.live(id).ok_or(Refusal::Missing)?;
        table.check_unique(&fields, Some(id))?;
        self.sequence += 1;
        let sequence = self.sequence;
        let table = self.table(object);
        let Some(mut row) = table.rows.remove(id) else { return Err(Refusal::Missing) };
        table.drop_from_index(&row);
        row.set(fields, by, now);
        row.modified_at = now;
        row.modified_by = by.clone();
        row.sequence = sequence;
        table.add_to_index(&row);
        table.rows.insert(id.to_owned(), row);
        Ok(())
    }

    /// Deletes a live row to the bin.
    ///
    /// # Errors
    /// `Missing`.
    pub fn delete(&mut self, object: &str, id: &str, by: &Actor, now: Timestamp) -> Result<(), Refusal> {
        self.leave(object, id, by, now, |row| row.deleted_at = Some(now))
    }

    /// Takes a deleted row out of the bin.
    ///
    /// # Errors
    /// `Missing`, `Duplicate` where its unique value has been taken.
    pub fn restore(&mut self, object: &str, id: &str, by: &Actor, now: Timestamp) -> Result<(), Refusal> {
        let table = self.table(object);
        let fields = match table.rows.get(id) {
            Some(row) if row.deleted_at.is_some() && row.merged_into.is_none() => row.fields.clone(),
            _ => return Err(Refusal::Missing),
        };
        table.check_unique(&fields, Some(id))?;
        self.sequence += 1;
        let sequence = self.sequence;
        let table = self.table(object);
        let Some(mut row) = table.rows.remove(id) else { return Err(Refusal::Missing) };
        row.deleted_at = None;
        row.modified_at = now;
        row.modified_by = by.clone();
        row.sequence = sequence;
        table.add_to_index(&row);
        table.rows.insert(id.to_owned(), row);
        Ok(())
    }

    /// Merges `loser` into `winner`, both live: the winner's blanks are filled from the loser, the loser leaves.
    ///
    /// # Errors
    /// `Missing`.
    pub fn merge(
        &mut self,
        object: &str,
        winner: &str,
        loser: &str,
        by: &Actor,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        self.table(object).live(winner).ok_or(Refusal::Missing)?;
        let lost = self.table(object).live(loser).ok_or(Refusal::Missing)?.fields.clone();
        self.leave(object, loser, by, now, |row| {
            row.deleted_at = Some(now);
            row.merged_into = Some(winner.to_owned());
        })?;
        let held = self.table(object).live(winner).ok_or(Refusal::Missing)?.fields.clone();
        let fills = lost
            .into_iter()
            .filter(|(name, value)| !value.is_blank() && held.get(name).is_none_or(Native::is_blank))
            .collect();
        self.update(object, winner, fills, by, now)
    }

    /// Merges `loser` into `winner`, both live, as services do that make a *new* row of the two: both leave, and the new
    /// row has the winner's values, its blanks filled from the loser, and the history of both. It is as old as the
    /// older of them.
    ///
    /// # Errors
    /// `Missing`.
    pub fn merge_into_new(
        &mut self,
        object: &str,
        [winner, loser]: [&str; 2],
        new: &str,
        by: &Actor,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let won = self.table(object).live(winner).ok_or(Refusal::Missing)?.clone();
        let lost = self.table(object).live(loser).filter(|_| winner != loser).ok_or(Refusal::Missing)?.clone();
        for id in [winner, loser] {
            self.leave(object, id, by, now, |row| {
                row.deleted_at = Some(now);
                row.merged_into = Some(new.to_owned());
            })?;
        }
        let mut row = Row { id: new.to_owned(), created_at: won.created_at.min(lost.created_at), ..won };
        row.modified_at = now;
        row.modified_by = by.clone();
        row.history.splice(0..0, lost.history);
        let fills = lost
            .fields
            .into_iter()
            .filter(|(name, value)| !value.is_blank() && row.fields.get(name).is_none_or(Native::is_blank));
        let fills = fills.collect();
        row.set(fills, by, now);
        self.sequence += 1;
        row.sequence = self.sequence;
        let table = self.table(object);
        table.add_to_index(&row);
        table.rows.insert(new.to_owned(), row);
        Ok(())
    }

    /// Takes a row away for good, out of the bin too.
    ///
    /// # Errors
    /// `Missing`.
    pub fn purge(&mut self, object: &str, id: &str) -> Result<(), Refusal> {
        let table = self.table(object);
        let row = table.rows.remove(id).ok_or(Refusal::Missing)?;
        if row.deleted_at.is_none() {
            table.drop_from_index(&row);
        }
        self.sequence += 1;
        Ok(())
    }

    /// Marks a live row as converted into a record of another object. It stays readable.
    ///
    /// # Errors
    /// `Missing`.
    pub fn convert(
        &mut self,
        object: &str,
        id: &str,
        into: Address,
        by: &Actor,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        self.update(object, id, Fields::new(), by, now)?;
        if let Some(row) = self.table(object).rows.get_mut(id) {
            row.converted_into = Some(into);
        }
        Ok(())
    }

    fn leave(
        &mut self,
        object: &str,
        id: &str,
        by: &Actor,
        now: Timestamp,
        mark: impl FnOnce(&mut Row),
    ) -> Result<(), Refusal> {
        self.table(object).live(id).ok_or(Refusal::Missing)?;
        self.sequence += 1;
        let sequence = self.sequence;
        let table = self.table(object);
        let Some(mut row) = table.rows.remove(id) else { return Err(Refusal::Missing) };
        table.drop_from_index(&row);
        mark(&mut row);
        row.modified_at = now;
        row.modified_by = by.clone();
        row.sequence = sequence;
        table.rows.insert(id.to_owned(), row);
        Ok(())
    }
}

impl Table {
    /// A row that is neither deleted nor merged.
    pub fn live(&self, id: &str) -> Option<&Row> {
        self.rows.get(id).filter(|row| row.deleted_at.is_none())
    }

    /// The live row whose unique `field` holds `value`, without regard to case.
    pub fn holder(&self, field: &str, value: &str) -> Option<&Row> {
        let id = self.index.get(&(field.to_owned(), fold(value)))?;
        self.live(id)
    }

    /// Says which fields are unique from now on. Rows that already share a value stay as they are.
    pub fn set_unique(&mut self, fields: Vec<String>) {
        self.unique = fields;
        self.index.clear();
        let live = self.rows.values().filter(|row| row.deleted_at.is_none());
        self.index = live.flat_map(|row| self.keys(row).into_iter().map(|key| (key, row.id.clone()))).collect();
    }

    fn check_unique(&self, fields: &Fields, except: Option<&str>) -> Result<(), Refusal> {
        for field in &self.unique {
            let Some(value) = fields.get(field).filter(|value| !value.is_blank()) else { continue };
            if let Some(row) = self.holder(field, &value.to_string())
                && Some(row.id.as_str()) != except
            {
                return Err(Refusal::Duplicate { field: field.clone(), id: row.id.clone() });
            }
        }
        Ok(())
    }

    fn keys(&self, row: &Row) -> Vec<(String, String)> {
        let key = |field: &String| {
            let value = row.fields.get(field).filter(|value| !value.is_blank())?;
            Some((field.clone(), fold(&value.to_string())))
        };
        self.unique.iter().filter_map(key).collect()
    }

    fn add_to_index(&mut self, row: &Row) {
        for key in self.keys(row) {
            self.index.insert(key, row.id.clone());
        }
    }

    fn drop_from_index(&mut self, row: &Row) {
        for key in self.keys(row) {
            self.index.remove(&key);
        }
    }
}

impl Row {
    fn set(&mut self, fields: Fields, by: &Actor, now: Timestamp) {
        for (field, value) in fields {
            if self.fields.get(&field).unwrap_or(&Native::Null) == &value {
                continue;
            }
            let edit = FieldEdit { field: field.clone(), value: value.clone(), at: now, by: Some(by.clone()) };
            self.history.push(edit);
            self.fields.insert(field, value);
        }
    }
}

fn fold(value: &str) -> String {
    value.trim().to_lowercase()
}
