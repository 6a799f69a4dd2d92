//! A database behind the trait.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use hymnal_sdk::{
    Archived, BoxFuture, Call, Capabilities, Connector, Cursor, Deletions, Draft, Error, ExposeSecret, Find, Forms,
    Found, Got, Http, Kind, List, ListKind, Page, Patch, Result, Schema, Whereto, Written,
    capability::{BlankForm, BoolForm, DateForm, DatetimeForm, NumberForm, SetForm},
};
use sqlx::{Any, AnyPool, AssertSqlSafe, Executor as _, Row as _, any::AnyPoolOptions, pool::PoolConnection};
use tokio::sync::{Mutex, OnceCell};

use crate::{
    cursor::Position,
    read::{OVERLAP, PAGE, Reader},
    settings::Settings,
    table::{Described, Table},
    trouble::{Doing, trouble},
    write::Writer,
};

/// A database as a service: its tables are the objects.
pub struct SqlConnector {
    settings: Settings,
    capabilities: Capabilities,
    pool: OnceCell<AnyPool>,
    tables: Mutex<BTreeMap<String, Arc<Table>>>,
}

/// Connections at once: a daemon beside the applications that the database is for.
const CONNECTIONS: u32 = 4;
const PATIENCE: Duration = Duration::from_secs(20);

impl SqlConnector {
    /// A connector. Nothing is sent before its first call.
    pub fn new(settings: Settings) -> Self {
        let batch = 200;
        let capabilities = Capabilities {
            list: if settings.updated_at.is_some() { ListKind::Changes } else { ListKind::Scan },
            list_page: PAGE,
            get_batch: batch,
            find_batch: batch,
            create_batch: batch,
            update_batch: batch,
            upsert_batch: if settings.unique.is_empty() { 0 } else { batch },
            delete_batch: batch,
            deletions: if settings.deleted.is_some() { Deletions::Feed } else { Deletions::Unknown },
            deleted: if settings.deleted.is_some() { Whereto::Bin } else { Whereto::Nowhere },
            gone: settings.gone,
            unique: settings.unique.clone(),
            write_returns_record: true,
            omits_blanks: false,
            history: false,
            erase_batch: 0,
            on_create: Vec::new(),
            clear_first: Vec::new(),
            conditional: settings.updated_at.is_some(),
            overlap: OVERLAP,
            forms: Forms {
                bool: BoolForm::Digit,
                number: NumberForm::String,
                date: DateForm::Iso,
                datetime: DatetimeForm::Rfc3339,
                set: SetForm::Joined(";".into()),
                blank: BlankForm::Null,
            },
            never_write: settings.own().map(str::to_owned).collect(),
        };
        Self { settings, capabilities, pool: OnceCell::new(), tables: Mutex::default() }
    }

    async fn connection(&self) -> Result<PoolConnection<Any>> {
        let pool = self.pool.get_or_try_init(|| async {
            sqlx::any::install_default_drivers();
            let greeting = self.settings.dialect.greeting();
            AnyPoolOptions::new()
                .max_connections(CONNECTIONS)
                .acquire_timeout(PATIENCE)
                .after_connect(move |connection, _| {
                    Box::pin(async move {
                        for statement in greeting {
                            connection.execute(*statement).await?;
                        }
                        Ok(())
                    })
                })
                .connect_lazy(self.settings.url.expose_secret())
                .map_err(|error| trouble(&error, Doing::Reading))
        });
        pool.await?.acquire().await.map_err(|error| trouble(&error, Doing::Reading))
    }

    async fn table(&self, object: &str) -> Result<Arc<Table>> {
        if let Some(known) = self.tables.lock().await.get(object) {
            return Ok(Arc::clone(known));
        }
        self.look_up(object).await
    }

    async fn look_up(&self, object: &str) -> Result<Arc<Table>> {
        let mut db = self.connection().await?;
        let dialect = self.settings.dialect;
        let mut query = sqlx::query(AssertSqlSafe(dialect.describe()));
        // PostgreSQL takes the name as an identifier of SQL.
        let name = if dialect == crate::dialect::Dialect::Postgres { dialect.table(object) } else { object.to_owned() };
        for _ in 0..dialect.describe_places() {
            query = query.bind(name.clone());
        }
        let rows = query.fetch_all(&mut *db).await.map_err(|error| trouble(&error, Doing::Reading))?;
        let described: Result<Vec<Described>, sqlx::Error> = rows
            .iter()
            .map(|row| {
                let text = |at: usize| row.try_get::<Option<String>, _>(at);
                Ok(Described {
                    name: text(0)?.unwrap_or_default(),
                    sql_type: text(1)?.unwrap_or_default(),
                    word: text(2)?.unwrap_or_default(),
                    needed: text(3)?.as_deref() == Some("1"),
                    longest: text(4)?.and_then(|length| length.parse().ok()),
                    generated: text(5)?.as_deref() == Some("1"),
                    options: text(6)?,
                })
            })
            .collect();
        let described = described.map_err(|error| trouble(&error, Doing::Reading))?;
        if described.is_empty() {
            let message = format!("the database has no table `{object}`, or the login may not see it");
            return Err(Error::new(Kind::Fatal, "no-such-object", message));
        }
        let table = Arc::new(Table::new(dialect, object, described));
        self.tables.lock().await.insert(object.to_owned(), Arc::clone(&table));
        Ok(table)
    }

    /// A table that was changed under us is described anew at the next call.
    async fn forget_if_changed<T>(&self, object: &str, answer: Result<T>) -> Result<T> {
        if matches!(&answer, Err(error) if error.kind == Kind::Fatal) {
            self.tables.lock().await.remove(object);
        }
        answer
    }

    fn reader<'a>(&'a self, object: &'a str, table: &'a Table) -> Reader<'a> {
        Reader { settings: &self.settings, object, table }
    }

    fn refuse_more(&self, items: usize) -> Result<()> {
        let most = self.capabilities.get_batch;
        if items > most {
            let message = format!("{items} rows are more than the {most} that a call takes");
            return Err(Error::new(Kind::Fatal, "batch", message));
        }
        Ok(())
    }
}

impl Connector for SqlConnector {
    fn kind(&self) -> &'static str {
        "sql"
    }

    fn capabilities(&self, _object: &str) -> Option<&Capabilities> {
        Some(&self.capabilities)
    }

    fn http(&self) -> Option<&dyn Http> {
        None
    }

    fn describe<'a>(&'a self, _call: &'a Call, object: &'a str) -> BoxFuture<'a, Result<Schema>> {
        Box::pin(async move { Ok(self.look_up(object).await?.schema(&self.settings)) })
    }

    fn account<'a>(&'a self, _call: &'a Call) -> BoxFuture<'a, Result<String>> {
        Box::pin(async move {
            let mut db = self.connection().await?;
            let row = sqlx::query(self.settings.dialect.account()).fetch_one(&mut *db).await;
            let account = row.and_then(|row| row.try_get::<String, _>(0));
            account.map_err(|error| trouble(&error, Doing::Reading))
        })
    }

    fn list<'a>(&'a self, _call: &'a Call, list: List<'a>) -> BoxFuture<'a, Result<Page>> {
        Box::pin(async move {
            let table = self.table(list.object).await?;
            let mut db = self.connection().await?;
            let page = self.reader(list.object, &table).list(&mut db, &list).await;
            self.forget_if_changed(list.object, page).await
        })
    }

    fn deletions<'a>(
        &'a self,
        _call: &'a Call,
        object: &'a str,
        cursor: Option<&'a Cursor>,
    ) -> BoxFuture<'a, Result<Archived>> {
        Box::pin(async move {
            let table = self.table(object).await?;
            let mut db = self.connection().await?;
            let page = self.reader(object, &table).deletions(&mut db, Position::read(cursor)?).await;
            self.forget_if_changed(object, page).await
        })
    }

    fn get<'a>(
        &'a self,
        _call: &'a Call,
        object: &'a str,
        ids: &'a [String],
        fields: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<Got>>> {
        Box::pin(async move {
            self.refuse_more(ids.len())?;
            let table = self.table(object).await?;
            let mut db = self.connection().await?;
            let got = self.reader(object, &table).get(&mut db, ids, fields).await;
            self.forget_if_changed(object, got).await
        })
    }

    fn find<'a>(&'a self, _call: &'a Call, find: Find<'a>) -> BoxFuture<'a, Result<Found>> {
        Box::pin(async move {
            self.refuse_more(find.values.len())?;
            let table = self.table(find.object).await?;
            let mut db = self.connection().await?;
            let found = self.reader(find.object, &table).find(&mut db, &find).await;
            self.forget_if_changed(find.object, found).await
        })
    }

    fn create<'a>(
        &'a self,
        _call: &'a Call,
        object: &'a str,
        drafts: &'a [Draft],
    ) -> BoxFuture<'a, Result<Vec<Result<Written>>>> {
        Box::pin(async move {
            self.refuse_more(drafts.len())?;
            let table = self.table(object).await?;
            let mut db = self.connection().await?;
            let writer = Writer { reader: self.reader(object, &table) };
            let mut answers = Vec::with_capacity(drafts.len());
            for draft in drafts {
                answers.push(writer.create(&mut db, draft).await);
            }
            Ok(answers)
        })
    }

    fn update<'a>(
        &'a self,
        _call: &'a Call,
        object: &'a str,
        patches: &'a [Patch],
    ) -> BoxFuture<'a, Result<Vec<Result<Written>>>> {
        Box::pin(async move {
            self.refuse_more(patches.len())?;
            let table = self.table(object).await?;
            let mut db = self.connection().await?;
            let writer = Writer { reader: self.reader(object, &table) };
            let mut answers = Vec::with_capacity(patches.len());
            for patch in patches {
                answers.push(writer.update(&mut db, patch).await);
            }
            Ok(answers)
        })
    }

    fn upsert<'a>(
        &'a self,
        _call: &'a Call,
        object: &'a str,
        key: &'a str,
        drafts: &'a [Draft],
    ) -> BoxFuture<'a, Result<Vec<Result<Written>>>> {
        Box::pin(async move {
            self.refuse_more(drafts.len())?;
            let table = self.table(object).await?;
            let mut db = self.connection().await?;
            let writer = Writer { reader: self.reader(object, &table) };
            let mut answers = Vec::with_capacity(drafts.len());
            for draft in drafts {
                answers.push(self.upsert_one(&writer, &mut db, key, draft).await);
            }
            Ok(answers)
        })
    }

    fn delete<'a>(
        &'a self,
        _call: &'a Call,
        object: &'a str,
        ids: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<Result<()>>>> {
        Box::pin(async move {
            self.refuse_more(ids.len())?;
            let table = self.table(object).await?;
            let mut db = self.connection().await?;
            let writer = Writer { reader: self.reader(object, &table) };
            let mut answers = Vec::with_capacity(ids.len());
            for id in ids {
                answers.push(writer.delete(&mut db, id).await);
            }
            Ok(answers)
        })
    }
}

impl SqlConnector {
    async fn upsert_one(
        &self,
        writer: &Writer<'_>,
        db: &mut PoolConnection<Any>,
        key: &str,
        draft: &Draft,
    ) -> Result<Written> {
        let value = draft.fields.get(key).cloned().unwrap_or(hymnal_sdk::Native::Null);
        let names: Vec<String> = draft.fields.keys().cloned().collect();
        let find = Find { object: writer.reader.object, key, values: &[value], fields: &names };
        let known = |found: Found| {
            let record = found.records.into_iter().next()?;
            Some(Written { id: record.address.id.clone(), record: Some(record), created: false })
        };
        if let Some(written) = known(writer.reader.find(db, &find).await?) {
            return Ok(written);
        }
        match writer.create(db, draft).await {
            // Somebody else was faster.
            Err(error) if error.kind == Kind::Conflict => known(writer.reader.find(db, &find).await?).ok_or(error),
            created => created,
        }
    }
}
