//! Statements that change nothing.

use std::time::Duration;

use hymnal_sdk::{
    Address, Archived, Deleted, Error, Fate, Fields, Find, Found, Got, Kind, List, Native, Next, Page, Record, Result,
    State,
};
use sqlx::{AnyConnection, AssertSqlSafe, Row as _, any::AnyRow};

use crate::{
    cursor::Position,
    dialect::Dialect,
    moment,
    settings::Settings,
    table::{Column, Table},
    trouble::{Doing, trouble},
};

/// Rows a page at most.
pub(crate) const PAGE: usize = 1000;
/// A transaction sets a row's time when it writes it and shows it when it ends: so late do rows come.
pub(crate) const OVERLAP: Duration = Duration::from_mins(2);

/// Reads of one table, over one connection.
pub(crate) struct Reader<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) object: &'a str,
    pub(crate) table: &'a Table,
}

impl Reader<'_> {
    pub(crate) async fn list(&self, db: &mut AnyConnection, list: &List<'_>) -> Result<Page> {
        let mut position = Position::read(list.cursor)?;
        let Some(time) = self.time()? else { return self.scan(db, list.fields, &position).await };
        let mut records = Vec::new();
        if !position.timed {
            let places = Places::new(self.dialect());
            let untimed = format!("{} IS NULL", self.dialect().quote(&time.name));
            let rows = self.after_id(db, list.fields, (untimed, places), position.id.as_deref()).await?;
            let is_full = rows.len() >= PAGE;
            let last = rows.last().map(|record| record.address.id.clone());
            records = rows;
            if is_full {
                let next = Position { id: last, ..position };
                return Ok(Page { records, next: Next::More(next.cursor()) });
            }
            position = Position { timed: true, at: position.since, id: None, since: None };
        }
        let rows = self.changed(db, list.fields, &position, None).await?;
        let last = rows.last().map(|(record, at)| (at.clone(), record.address.id.clone()));
        let is_full = rows.len() >= PAGE;
        records.extend(rows.into_iter().map(|(record, _)| record));
        let next = match last {
            Some((at, id)) if is_full => Next::More(Position { timed: true, at, id: Some(id), since: None }.cursor()),
            last => {
                let seen = last.and_then(|(at, _)| at).map(|at| moment::earlier(&at, OVERLAP));
                Next::Done(Position { since: seen.or(position.at), ..Position::default() }.cursor())
            }
        };
        Ok(Page { records, next })
    }

    pub(crate) async fn deletions(&self, db: &mut AnyConnection, position: Position) -> Result<Archived> {
        let flag = self.settings.deleted.as_ref().and_then(|name| self.table.column(name));
        let flag = flag.ok_or_else(|| Error::new(Kind::Fatal, "no-flag", "the table has no column of deletions"))?;
        let flagged = self.dialect().flagged(flag);
        let (rows, next) = if self.time()?.is_some() {
            let rows = self.changed(db, &[], &position, Some(&flagged)).await?;
            let last = rows.last().map(|(record, at)| (at.clone(), record.address.id.clone()));
            let next = match last {
                Some((at, id)) if rows.len() >= PAGE => {
                    Next::More(Position { timed: true, at, id: Some(id), since: None }.cursor())
                }
                last => {
                    let seen = last.and_then(|(at, _)| at).map(|at| moment::earlier(&at, OVERLAP));
                    Next::Done(Position { timed: true, at: seen.or(position.at), ..Position::default() }.cursor())
                }
            };
            (rows.into_iter().map(|(record, _)| record).collect(), next)
        } else {
            let places = Places::new(self.dialect());
            let rows = self.after_id(db, &[], (flagged, places), position.id.as_deref()).await?;
            let next = self.next_by_id(&rows);
            (rows, next)
        };
        let deleted = |record: Record| Deleted { address: record.address, at: record.modified_at, fate: Fate::Deleted };
        Ok(Archived { records: rows.into_iter().map(deleted).collect(), next })
    }

    pub(crate) async fn get(&self, db: &mut AnyConnection, ids: &[String], fields: &[String]) -> Result<Vec<Got>> {
        let records = match self.by_ids(db, ids, fields).await {
            Ok(records) => records,
            // One id that is none of this column's type fails the statement: each is asked for alone then.
            Err(error) if error.kind == Kind::RejectedRecord => {
                let mut found = Vec::new();
                for id in ids {
                    match self.by_ids(db, std::slice::from_ref(id), fields).await {
                        Ok(records) => found.extend(records),
                        Err(error) if error.kind == Kind::RejectedRecord => {}
                        Err(error) => return Err(error),
                    }
                }
                found
            }
            Err(error) => return Err(error),
        };
        let got = |id: &String| match records.iter().find(|record| record.address.id == *id) {
            Some(record) => Got::Record(Box::new(record.clone())),
            None => Got::Gone,
        };
        Ok(ids.iter().map(got).collect())
    }

    async fn by_ids(&self, db: &mut AnyConnection, ids: &[String], fields: &[String]) -> Result<Vec<Record>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let id = self.id()?;
        let mut places = Places::new(self.dialect());
        let wanted: Vec<String> = ids.iter().map(|value| places.value(id, value.clone())).collect();
        let condition = format!("{} IN ({})", self.dialect().quote(&id.name), wanted.join(", "));
        let rows = self.rows(db, fields, &condition, "", places).await?;
        Ok(rows.into_iter().map(|(record, _)| record).collect())
    }

    pub(crate) async fn find(&self, db: &mut AnyConnection, find: &Find<'_>) -> Result<Found> {
        let dialect = self.dialect();
        let column = self.table.column(find.key).ok_or_else(|| self.no_column(find.key))?;
        let values: Vec<String> = find.values.iter().filter(|value| !value.is_blank()).map(Native::to_string).collect();
        if values.is_empty() {
            return Ok(Found { records: Vec::new(), consistent: true });
        }
        let mut places = Places::new(dialect);
        let text = dialect.text(&column.name);
        let folded: Vec<String> = values.iter().map(|value| places.text(value.to_lowercase())).collect();
        let exact: Vec<String> = values.iter().map(|value| places.text(value.clone())).collect();
        // SQLite folds ASCII alone.
        let condition = format!("(lower({text}) IN ({}) OR {text} IN ({}))", folded.join(", "), exact.join(", "));
        let rows = self.rows(db, find.fields, &condition, "", places).await?;
        let live = rows.into_iter().map(|(record, _)| record).filter(|record| record.state == State::Live);
        Ok(Found { records: live.collect(), consistent: true })
    }

    /// Everything, by id: the table says no times.
    async fn scan(&self, db: &mut AnyConnection, fields: &[String], position: &Position) -> Result<Page> {
        let places = Places::new(self.dialect());
        let records = self.after_id(db, fields, ("1 = 1".into(), places), position.id.as_deref()).await?;
        let next = self.next_by_id(&records);
        Ok(Page { records, next })
    }

    #[expect(clippy::unused_self, reason = "it belongs to the listings beside it")]
    fn next_by_id(&self, records: &[Record]) -> Next {
        match records.last() {
            Some(last) if records.len() >= PAGE => {
                Next::More(Position { id: Some(last.address.id.clone()), ..Position::default() }.cursor())
            }
            _ => Next::Done(Position::default().cursor()),
        }
    }

    async fn after_id(
        &self,
        db: &mut AnyConnection,
        fields: &[String],
        (condition, mut places): (String, Places),
        after: Option<&str>,
    ) -> Result<Vec<Record>> {
        let id = self.id()?;
        let name = self.dialect().quote(&id.name);
        let condition = match after {
            Some(after) => format!("{condition} AND {name} > {}", places.value(id, after.to_owned())),
            None => condition,
        };
        let order = format!(" ORDER BY {name} LIMIT {PAGE}");
        let rows = self.rows(db, fields, &condition, &order, places).await?;
        Ok(rows.into_iter().map(|(record, _)| record).collect())
    }

    /// Rows from a position on, oldest change first, each with its time as the database spells it.
    async fn changed(
        &self,
        db: &mut AnyConnection,
        fields: &[String],
        position: &Position,
        and: Option<&str>,
    ) -> Result<Vec<(Record, Option<String>)>> {
        let (id, Some(time)) = (self.id()?, self.time()?) else { return Ok(Vec::new()) };
        let dialect = self.dialect();
        let (id_name, time_name) = (dialect.quote(&id.name), dialect.quote(&time.name));
        let mut places = Places::new(dialect);
        let mut condition = match (&position.at, &position.id) {
            (None, _) => format!("{time_name} IS NOT NULL"),
            (Some(at), None) => format!("{time_name} >= {}", places.value(time, at.clone())),
            (Some(at), Some(after)) => {
                let later = places.value(time, at.clone());
                let same = places.value(time, at.clone());
                let behind = places.value(id, after.clone());
                format!("({time_name} > {later} OR ({time_name} = {same} AND {id_name} > {behind}))")
            }
        };
        if let Some(and) = and {
            condition.push_str(" AND ");
            condition.push_str(and);
        }
        let order = format!(" ORDER BY {time_name}, {id_name} LIMIT {PAGE}");
        self.rows(db, fields, &condition, &order, places).await
    }

    async fn rows(
        &self,
        db: &mut AnyConnection,
        fields: &[String],
        condition: &str,
        order: &str,
        places: Places,
    ) -> Result<Vec<(Record, Option<String>)>> {
        let dialect = self.dialect();
        let known: Vec<&String> = fields.iter().filter(|name| self.table.column(name).is_some()).collect();
        let own: Vec<&str> = self.settings.own().collect();
        for name in &own {
            self.table.column(name).ok_or_else(|| self.no_column(name))?;
        }
        let columns = own.iter().copied().chain(known.iter().map(|name| name.as_str()));
        let columns: Vec<String> = columns.map(|name| dialect.text(name)).collect();
        let sql = format!("SELECT {} FROM {} WHERE {condition}{order}", columns.join(", "), self.table.name);
        let rows = places.fetch(db, sql).await?;
        rows.iter().map(|row| self.record(row, own.len(), &known)).collect()
    }

    /// The columns stand in the order of [`Settings::own`], then those asked for.
    fn record(&self, row: &AnyRow, own: usize, known: &[&String]) -> Result<(Record, Option<String>)> {
        let text = |at: usize| row.try_get::<Option<String>, _>(at).map_err(|error| trouble(&error, Doing::Reading));
        let mut at = 0;
        let mut next = |is_there: bool| {
            if !is_there {
                return Ok(None);
            }
            at += 1;
            text(at)
        };
        let updated = next(self.settings.updated_at.is_some())?;
        let created = next(self.settings.created_at.is_some())?;
        let flag = next(self.settings.deleted.is_some())?;
        let mut fields = Fields::new();
        for (index, name) in known.iter().enumerate() {
            let value = text(own + index)?;
            let column = self.table.column(name);
            fields.insert((*name).clone(), column.map_or(Native::Null, |column| native(column, value)));
        }
        let id = text(0)?.unwrap_or_default();
        let mut record = Record::new(Address::new(self.object, id), fields);
        record.modified_at = updated.as_deref().and_then(moment::read);
        record.created_at = created.as_deref().and_then(moment::read);
        record.version.clone_from(&updated);
        if self.is_flagged(flag.as_deref()) {
            record.state = State::Deleted;
        }
        Ok((record, updated))
    }

    fn is_flagged(&self, flag: Option<&str>) -> bool {
        let Some(flag) = flag.map(str::trim) else { return false };
        let kind = self.settings.deleted.as_ref().and_then(|name| self.table.column(name)).map(|column| column.kind);
        match kind {
            Some(hymnal_sdk::NativeKind::Datetime | hymnal_sdk::NativeKind::Date) => true,
            _ => !matches!(flag.to_lowercase().as_str(), "" | "0" | "f" | "false" | "n" | "no"),
        }
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.settings.dialect
    }

    pub(crate) fn id(&self) -> Result<&Column> {
        self.table.column(&self.settings.id).ok_or_else(|| self.no_column(&self.settings.id))
    }

    fn time(&self) -> Result<Option<&Column>> {
        let Some(name) = &self.settings.updated_at else { return Ok(None) };
        self.table.column(name).map(Some).ok_or_else(|| self.no_column(name))
    }

    fn no_column(&self, name: &str) -> Error {
        let names: Vec<&str> = self.table.columns.iter().map(|column| column.name.as_str()).collect();
        Error::new(Kind::Fatal, "no-such-column", format!("the table `{}` has no column `{name}`", self.object))
            .about(name)
            .hint(format!("it has: {}", names.join(", ")))
    }
}

/// A database's text as a native value.
fn native(column: &Column, value: Option<String>) -> Native {
    match value {
        None => Native::Null,
        Some(text) if column.kind == hymnal_sdk::NativeKind::Datetime => match moment::read(&text) {
            Some(at) => Native::Text(at.to_string()),
            None => Native::Text(text),
        },
        Some(text) => Native::Text(text),
    }
}

/// The values of a statement, in the order of their places.
pub(crate) struct Places {
    dialect: Dialect,
    values: Vec<Option<String>>,
}

impl Places {
    pub(crate) fn new(dialect: Dialect) -> Self {
        Self { dialect, values: Vec::new() }
    }

    /// A place for a value of a column's type.
    pub(crate) fn value(&mut self, column: &Column, value: impl Into<Option<String>>) -> String {
        self.values.push(value.into());
        self.dialect.value(self.values.len(), column)
    }

    /// A place for text.
    pub(crate) fn text(&mut self, value: String) -> String {
        self.values.push(Some(value));
        self.dialect.place(self.values.len())
    }

    pub(crate) async fn fetch(self, db: &mut AnyConnection, sql: String) -> Result<Vec<AnyRow>> {
        self.query(sql).fetch_all(db).await.map_err(|error| trouble(&error, Doing::Reading))
    }

    /// The statement: its text is made of quoted names and places alone, never of values.
    pub(crate) fn query(self, sql: String) -> sqlx::query::Query<'static, sqlx::Any, sqlx::any::AnyArguments> {
        self.values.into_iter().fold(sqlx::query(AssertSqlSafe(sql)), sqlx::query::Query::bind)
    }
}
