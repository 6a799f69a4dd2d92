//! Statements that change one row, each alone: one bad row fails nothing else.

use hymnal_sdk::{Draft, Error, Fields, Got, Kind, Native, NativeKind, Patch, Record, Result, Written};
use sqlx::{Acquire as _, AnyConnection, Row as _};

use crate::{
    dialect::Dialect,
    read::{Places, Reader},
    table::Column,
    trouble::{Doing, trouble},
};

/// Writes to one table, over one connection.
pub(crate) struct Writer<'a> {
    pub(crate) reader: Reader<'a>,
}

impl Writer<'_> {
    pub(crate) async fn create(&self, db: &mut AnyConnection, draft: &Draft) -> Result<Written> {
        let dialect = self.reader.dialect();
        let mut places = Places::new(dialect);
        let mut names = Vec::new();
        let mut values = Vec::new();
        for (name, value) in &draft.fields {
            let column = self.writable(name)?;
            names.push(dialect.quote(name));
            values.push(places.value(column, bound(dialect, column, value)));
        }
        let table = &self.reader.table.name;
        let mut sql = if names.is_empty() && dialect != Dialect::MySql {
            format!("INSERT INTO {table} DEFAULT VALUES")
        } else {
            format!("INSERT INTO {table} ({}) VALUES ({})", names.join(", "), values.join(", "))
        };
        let mut transaction = db.begin().await.map_err(|error| trouble(&error, Doing::Reading))?;
        let id = if dialect == Dialect::MySql {
            let answer = places.query(sql).execute(&mut *transaction).await;
            let answer = answer.map_err(|error| trouble(&error, Doing::Writing))?;
            answer.last_insert_id().filter(|id| *id > 0).map(|id| id.to_string())
        } else {
            sql.push_str(" RETURNING ");
            sql.push_str(&dialect.text(&self.reader.settings.id));
            let row = places.query(sql).fetch_one(&mut *transaction).await;
            let row = row.map_err(|error| trouble(&error, Doing::Writing))?;
            row.try_get::<Option<String>, _>(0).map_err(|error| trouble(&error, Doing::Writing))?
        };
        // Dropping the transaction takes the row back.
        let id = id.ok_or_else(|| {
            Error::new(Kind::RejectedRecord, "no-id", "the table gives a new row no id of its own").hint(format!(
                "make `{}` a generated column (a serial, auto-increment or default)",
                self.reader.settings.id
            ))
        })?;
        let record = self.read_back(&mut transaction, &id, &draft.fields).await?;
        transaction.commit().await.map_err(|error| trouble(&error, Doing::Writing).in_doubt())?;
        Ok(Written { id, record, created: true })
    }

    pub(crate) async fn update(&self, db: &mut AnyConnection, patch: &Patch) -> Result<Written> {
        let mut transaction = db.begin().await.map_err(|error| trouble(&error, Doing::Reading))?;
        match self.set(&mut transaction, patch, &patch.fields).await {
            Ok(()) => {}
            Err(error) if error.kind == Kind::RejectedRecord && patch.fields.len() > 1 => {
                transaction.rollback().await.map_err(|error| trouble(&error, Doing::Reading))?;
                return Err(self.blame(db, patch).await.unwrap_or(error));
            }
            Err(error) if error.kind == Kind::RejectedRecord => {
                let field = patch.fields.keys().next().cloned().unwrap_or_default();
                return Err(Error { kind: Kind::RejectedField, ..error }.about(field));
            }
            Err(error) => return Err(error),
        }
        let record = self.read_back(&mut transaction, &patch.id, &patch.fields).await?;
        transaction.commit().await.map_err(|error| trouble(&error, Doing::Writing).in_doubt())?;
        Ok(Written { id: patch.id.clone(), record, created: false })
    }

    /// Which field it was: each is tried alone and taken back.
    async fn blame(&self, db: &mut AnyConnection, patch: &Patch) -> Option<Error> {
        for (name, value) in &patch.fields {
            let mut transaction = db.begin().await.ok()?;
            let one = Fields::from([(name.clone(), value.clone())]);
            let tried = self.set(&mut transaction, patch, &one).await;
            transaction.rollback().await.ok()?;
            if let Err(error) = tried
                && error.kind == Kind::RejectedRecord
            {
                return Some(Error { kind: Kind::RejectedField, ..error }.about(name.clone()));
            }
        }
        None
    }

    async fn set(&self, db: &mut AnyConnection, patch: &Patch, fields: &Fields) -> Result<()> {
        let dialect = self.reader.dialect();
        let mut places = Places::new(dialect);
        let mut sets = Vec::new();
        for (name, value) in fields {
            let column = self.writable(name)?;
            let place = places.value(column, bound(dialect, column, value));
            sets.push(format!("{} = {place}", dialect.quote(name)));
        }
        let mut condition = self.of(&mut places, &patch.id)?;
        let time = self.reader.settings.updated_at.as_ref().and_then(|name| self.reader.table.column(name));
        if let (Some(version), Some(time)) = (&patch.version, time) {
            let place = places.value(time, version.clone());
            condition = format!("{condition} AND {} = {place}", dialect.quote(&time.name));
        }
        let sql = format!("UPDATE {} SET {} WHERE {condition}", self.reader.table.name, sets.join(", "));
        let answer = places.query(sql).execute(&mut *db).await.map_err(|error| trouble(&error, Doing::Writing))?;
        if answer.rows_affected() > 0 {
            return Ok(());
        }
        match self.reader.get(db, std::slice::from_ref(&patch.id), &[]).await?.pop() {
            Some(Got::Record(record)) if record.state == hymnal_sdk::State::Live => {
                Err(Error::new(Kind::Conflict, "changed", "the row was changed since it was read"))
            }
            _ => Err(gone()),
        }
    }

    pub(crate) async fn delete(&self, db: &mut AnyConnection, id: &str) -> Result<()> {
        let dialect = self.reader.dialect();
        let mut places = Places::new(dialect);
        let condition = self.of(&mut places, id)?;
        let table = &self.reader.table.name;
        let flag = self.reader.settings.deleted.as_ref().and_then(|name| self.reader.table.column(name));
        let sql = match flag {
            Some(flag) => {
                format!("UPDATE {table} SET {} = {} WHERE {condition}", dialect.quote(&flag.name), dialect.flag(flag))
            }
            None => format!("DELETE FROM {table} WHERE {condition}"),
        };
        match places.query(sql).execute(db).await {
            Ok(answer) if answer.rows_affected() > 0 => Ok(()),
            Ok(_) => Err(gone()),
            Err(error) => {
                let error = trouble(&error, Doing::Writing);
                // An id that is none of the column's type is nobody's.
                Err(if error.code == "22P02" { gone() } else { error })
            }
        }
    }

    /// One live row.
    fn of(&self, places: &mut Places, id: &str) -> Result<String> {
        let dialect = self.reader.dialect();
        let column = self.reader.id()?;
        let place = places.value(column, id.to_owned());
        let mut condition = format!("{} = {place}", dialect.quote(&column.name));
        let flag = self.reader.settings.deleted.as_ref().and_then(|name| self.reader.table.column(name));
        if let Some(flag) = flag {
            condition = format!("{condition} AND NOT {}", dialect.flagged(flag));
        }
        Ok(condition)
    }

    async fn read_back(&self, db: &mut AnyConnection, id: &str, fields: &Fields) -> Result<Option<Record>> {
        let names: Vec<String> = fields.keys().cloned().collect();
        match self.reader.get(db, &[id.to_owned()], &names).await?.pop() {
            Some(Got::Record(record)) => Ok(Some(*record)),
            _ => Ok(None),
        }
    }

    fn writable(&self, name: &str) -> Result<&Column> {
        let column = self.reader.table.column(name).ok_or_else(|| {
            let message = format!("the table `{}` has no column `{name}`", self.reader.object);
            Error::new(Kind::Fatal, "no-such-column", message).about(name)
        })?;
        if column.generated || self.reader.settings.own().any(|own| own == name) {
            let message = format!("`{name}` is the table's own and is not written");
            return Err(Error::new(Kind::RejectedField, "read-only", message).about(name));
        }
        Ok(column)
    }
}

fn gone() -> Error {
    Error::new(Kind::Gone, "no-row", "there is no such row")
}

/// A native value as the text that is bound; `None` is `NULL`.
fn bound(dialect: Dialect, column: &Column, value: &Native) -> Option<String> {
    let text = match value {
        Native::Null => return None,
        Native::Bool(truth) => if *truth { "1" } else { "0" }.to_owned(),
        other => other.to_string(),
    };
    if text.is_empty() && column.kind != NativeKind::Text {
        return None;
    }
    match (dialect, column.kind) {
        // MySQL 8.4, "Date and Time Literals": a literal ends with an offset or with nothing, not with `Z`.
        (Dialect::MySql, NativeKind::Datetime) => match text.parse::<jiff::Timestamp>() {
            Ok(at) => Some(at.strftime("%Y-%m-%d %H:%M:%S%.6f").to_string()),
            Err(_) => Some(text),
        },
        (Dialect::MySql | Dialect::Sqlite, NativeKind::Bool) => Some(match text.as_str() {
            "true" => "1".into(),
            "false" => "0".into(),
            _ => text,
        }),
        _ => Some(text),
    }
}
