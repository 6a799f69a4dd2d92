//! Files behind the trait.

use std::{
    collections::BTreeMap,
    io,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use hymnal_sdk::{
    Address, Archived, BoxFuture, Call, Capabilities, Connector, Cursor, Deletions, Draft, Error, Fields, Find, Forms,
    Found, Got, Http, Kind, List, ListKind, Native, NativeKind, Next, Page, Patch, Record, Result, Schema, SchemaField,
    Whereto, Written,
    capability::{BlankForm, BoolForm, DateForm, DatetimeForm, NumberForm, SetForm},
};

use crate::{settings::Settings, sheet::Sheet};

/// Files as a service: each is an object, by its name without `.csv`.
#[derive(Clone)]
pub struct CsvConnector {
    files: Arc<Files>,
    capabilities: Arc<Capabilities>,
}

struct Files {
    settings: Settings,
    sheets: Mutex<BTreeMap<String, Sheet>>,
}

const PAGE: usize = 1000;
/// A file is written as a whole: the more in one go, the less often.
const BATCH: usize = 2000;
/// How often a file that somebody saves again and again is read anew before it is left for later.
const ATTEMPTS: usize = 3;

impl CsvConnector {
    /// A connector. No file is touched before its first call.
    pub fn new(settings: Settings) -> Self {
        let capabilities = Capabilities {
            list: ListKind::Scan,
            list_page: PAGE,
            get_batch: BATCH,
            find_batch: BATCH,
            create_batch: BATCH,
            update_batch: BATCH,
            upsert_batch: if settings.unique.is_empty() { 0 } else { BATCH },
            delete_batch: BATCH,
            deletions: Deletions::Unknown,
            deleted: Whereto::Nowhere,
            gone: settings.gone,
            unique: settings.unique.clone(),
            write_returns_record: true,
            omits_blanks: false,
            history: false,
            erase_batch: 0,
            on_create: Vec::new(),
            clear_first: Vec::new(),
            conditional: false,
            overlap: Duration::ZERO,
            forms: Forms {
                bool: BoolForm::String,
                number: NumberForm::String,
                date: DateForm::Iso,
                datetime: DatetimeForm::Rfc3339,
                set: SetForm::Joined(";".into()),
                blank: BlankForm::Empty,
            },
            never_write: [Some(settings.id.clone()), settings.updated_at.clone()].into_iter().flatten().collect(),
        };
        Self { files: Arc::new(Files { settings, sheets: Mutex::default() }), capabilities: Arc::new(capabilities) }
    }

    /// Runs what touches files where it keeps nobody waiting.
    async fn with<T: Send + 'static>(&self, act: impl FnOnce(&Files) -> Result<T> + Send + 'static) -> Result<T> {
        let files = Arc::clone(&self.files);
        let done = tokio::task::spawn_blocking(move || act(&files)).await;
        done.unwrap_or_else(
            |_| Err(Error::new(Kind::Transient, "cancelled", "reading the file was cut off").in_doubt()),
        )
    }
}

impl Files {
    fn path(&self, object: &str) -> Result<PathBuf> {
        let path = &self.settings.path;
        let missing = |hint: String| {
            Error::new(Kind::Fatal, "no-such-object", format!("there is no file for `{object}`")).hint(hint)
        };
        if path.is_file() {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            return if stem == object { Ok(path.clone()) } else { Err(missing(format!("the file is `{stem}`"))) };
        }
        // A name of the configuration, not a way out of the folder.
        if object.contains(['/', '\\']) || object.starts_with('.') {
            return Err(missing("write the file's name without folders and without `.csv`".into()));
        }
        Ok(path.join(format!("{object}.csv")))
    }

    /// The file as it is now, read again only where it was changed.
    fn look<T>(&self, object: &str, act: impl FnOnce(&Sheet) -> Result<T>) -> Result<T> {
        let mut sheets = self.sheets.lock().unwrap_or_else(PoisonError::into_inner);
        act(self.current(&mut sheets, object)?)
    }

    fn current<'s>(&self, sheets: &'s mut BTreeMap<String, Sheet>, object: &str) -> Result<&'s Sheet> {
        let sheet = match sheets.remove(object).filter(Sheet::is_current) {
            Some(sheet) => sheet,
            None => Sheet::read(&self.path(object)?, &self.settings)?,
        };
        Ok(sheets.entry(object.to_owned()).or_insert(sheet))
    }

    /// Changes the file: all of it is written, or none. One change after the other: of two at once, the later one would
    /// rename its own file over the earlier one's.
    fn change<T>(&self, object: &str, act: impl Fn(&mut Sheet) -> Vec<Result<T>>) -> Result<Vec<Result<T>>> {
        let mut sheets = self.sheets.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..ATTEMPTS {
            let mut sheet = self.current(&mut sheets, object)?.clone();
            let answers = act(&mut sheet);
            if answers.iter().all(Result::is_err) {
                return Ok(answers);
            }
            match sheet.write() {
                Ok(true) => return Ok(answers),
                // Somebody saved it meanwhile: what they wrote comes first.
                Ok(false) => {}
                Err(error) => return Err(unwritable(&error)),
            }
        }
        Err(Error::new(Kind::Transient, "busy", format!("the file of `{object}` is saved by others again and again")))
    }

    fn record(&self, sheet: &Sheet, object: &str, (id, row): (&str, &[String]), fields: &[String]) -> Record {
        let value = |name: &String| {
            let text = row.get(sheet.column(name)?)?;
            Some((name.clone(), if text.is_empty() { Native::Null } else { Native::text(text) }))
        };
        let mut record = Record::new(Address::new(object, id), fields.iter().filter_map(value).collect());
        let column = self.settings.updated_at.as_ref().and_then(|name| sheet.column(name));
        record.modified_at = column.and_then(|column| row.get(column)?.parse().ok());
        record
    }

    /// Whose unique value this is already.
    fn holder<'s>(&self, sheet: &'s Sheet, fields: &Fields, except: Option<&str>) -> Option<&'s str> {
        let unique = fields.iter().filter(|(name, value)| self.settings.unique.contains(name) && !value.is_blank());
        for (name, value) in unique {
            let Some(column) = sheet.column(name) else { continue };
            let wanted = fold(&value.to_string());
            let same = |(id, row): &(&str, &Vec<String>)| Some(*id) != except && fold(&row[column]) == wanted;
            if let Some((id, _)) = sheet.records().find(same) {
                return Some(id);
            }
        }
        None
    }

    fn set(&self, sheet: &Sheet, row: &mut [String], fields: &Fields) -> Result<()> {
        for (name, value) in fields {
            let column = sheet.column(name).ok_or_else(|| {
                let hint = format!("it has: {}", sheet.header.join(", "));
                Error::new(Kind::Fatal, "no-such-column", format!("there is no column `{name}`")).about(name).hint(hint)
            })?;
            if *name == self.settings.id || self.settings.updated_at.as_ref() == Some(name) {
                let message = format!("`{name}` is the file's own and is not written");
                return Err(Error::new(Kind::RejectedField, "read-only", message).about(name));
            }
            row[column] = if value.is_blank() { String::new() } else { value.to_string() };
        }
        Ok(())
    }

    fn written(&self, sheet: &Sheet, object: &str, id: String, fields: &Fields, created: bool) -> Written {
        let names: Vec<String> = fields.keys().cloned().collect();
        let record = sheet.row(&id).map(|row| self.record(sheet, object, (&id, row), &names));
        Written { id, record, created }
    }

    fn create(&self, sheet: &mut Sheet, object: &str, draft: &Draft) -> Result<Written> {
        if let Some(other) = self.holder(sheet, &draft.fields, None) {
            let message = "another line has this value of a unique column";
            let error = Error::new(Kind::Conflict, "duplicate", message);
            return Err(Error { other: Some(other.to_owned()), ..error });
        }
        let mut row = vec![String::new(); sheet.header.len()];
        self.set(sheet, &mut row, &draft.fields)?;
        let id = sheet.add(row);
        Ok(self.written(sheet, object, id, &draft.fields, true))
    }

    fn update(&self, sheet: &mut Sheet, object: &str, patch: &Patch) -> Result<Written> {
        let mut row = sheet.row(&patch.id).ok_or_else(gone)?.clone();
        if let Some(other) = self.holder(sheet, &patch.fields, Some(&patch.id)) {
            let message = "another line has this value of a unique column";
            let error = Error::new(Kind::Conflict, "duplicate", message);
            return Err(Error { other: Some(other.to_owned()), ..error });
        }
        self.set(sheet, &mut row, &patch.fields)?;
        if let Some(known) = sheet.row_mut(&patch.id) {
            *known = row;
        }
        Ok(self.written(sheet, object, patch.id.clone(), &patch.fields, false))
    }

    fn upsert(&self, sheet: &mut Sheet, object: &str, key: &str, draft: &Draft) -> Result<Written> {
        let only = draft.fields.get(key).map(|value| Fields::from([(key.to_owned(), value.clone())]));
        let known = only.and_then(|fields| self.holder(sheet, &fields, None).map(str::to_owned));
        match known {
            Some(id) => Ok(self.written(sheet, object, id, &draft.fields, false)),
            None => self.create(sheet, object, draft),
        }
    }

    fn page(&self, sheet: &Sheet, object: &str, fields: &[String], cursor: Option<&str>) -> Page {
        let print = sheet.print();
        let place = cursor.and_then(|cursor| cursor.split_once(' ')).filter(|(known, _)| *known == print);
        let done = |records| Page { records, next: Next::Done(Cursor(format!("{print} done"))) };
        let from = match place {
            Some((_, "done")) => return done(Vec::new()),
            // A file that was changed in the middle of a listing is listed from its beginning.
            place => place.and_then(|(_, from)| from.parse().ok()).unwrap_or(0),
        };
        let rows = sheet.records().skip(from).take(PAGE);
        let records: Vec<Record> =
            rows.map(|(id, row)| self.record(sheet, object, (id, row.as_slice()), fields)).collect();
        if records.len() < PAGE {
            return done(records);
        }
        Page { records, next: Next::More(Cursor(format!("{print} {}", from + PAGE))) }
    }

    fn schema(&self, sheet: &Sheet) -> Schema {
        let field = |name: &String| {
            let own = *name == self.settings.id || self.settings.updated_at.as_ref() == Some(name);
            SchemaField {
                name: name.clone(),
                label: name.clone(),
                // A file says nothing of what its columns hold.
                kind: NativeKind::Other,
                options: Vec::new(),
                barred: Vec::new(),
                restricted: false,
                max_length: None,
                required: false,
                createable: !own,
                updateable: !own,
                unique: self.settings.unique.contains(name),
            }
        };
        Schema { fields: sheet.header.iter().map(field).collect() }
    }

    fn find(&self, sheet: &Sheet, object: &str, (key, values): (&str, &[Native]), fields: &[String]) -> Vec<Record> {
        let Some(column) = sheet.column(key) else { return Vec::new() };
        let wanted: Vec<String> =
            values.iter().filter(|value| !value.is_blank()).map(|value| fold(&value.to_string())).collect();
        let found = sheet.records().filter(|(_, row)| wanted.contains(&fold(&row[column])));
        found.map(|(id, row)| self.record(sheet, object, (id, row.as_slice()), fields)).collect()
    }
}

fn fold(value: &str) -> String {
    value.trim().to_lowercase()
}

fn gone() -> Error {
    Error::new(Kind::Gone, "no-line", "the file has no line of this id")
}

/// The file is renamed at the very end: what failed before it changed nothing, and after it nothing can fail but the
/// flush of the folder.
fn unwritable(error: &io::Error) -> Error {
    Error::new(Kind::Transient, "file", format!("the file cannot be written: {error}"))
        .hint("the folder must be writable too: the file is written beside itself and renamed")
        .in_doubt()
}

fn refuse_more(items: usize) -> Result<()> {
    if items > BATCH {
        let message = format!("{items} lines are more than the {BATCH} that a call takes");
        return Err(Error::new(Kind::Fatal, "batch", message));
    }
    Ok(())
}

impl Connector for CsvConnector {
    fn kind(&self) -> &'static str {
        "csv"
    }

    fn capabilities(&self, _object: &str) -> Option<&Capabilities> {
        Some(&self.capabilities)
    }

    fn http(&self) -> Option<&dyn Http> {
        None
    }

    fn describe<'a>(&'a self, _call: &'a Call, object: &'a str) -> BoxFuture<'a, Result<Schema>> {
        let object = object.to_owned();
        Box::pin(self.with(move |files| files.look(&object, |sheet| Ok(files.schema(sheet)))))
    }

    fn account<'a>(&'a self, _call: &'a Call) -> BoxFuture<'a, Result<String>> {
        Box::pin(self.with(|files| {
            let path = files.settings.path.canonicalize();
            let path = path.map_err(|error| {
                let message = format!("`{}` cannot be read: {error}", files.settings.path.display());
                Error::new(Kind::Fatal, "file", message)
            })?;
            Ok(path.display().to_string())
        }))
    }

    fn list<'a>(&'a self, _call: &'a Call, list: List<'a>) -> BoxFuture<'a, Result<Page>> {
        let (object, fields) = (list.object.to_owned(), list.fields.to_vec());
        let cursor = list.cursor.map(|cursor| cursor.0.clone());
        Box::pin(
            self.with(move |files| {
                files.look(&object, |sheet| Ok(files.page(sheet, &object, &fields, cursor.as_deref())))
            }),
        )
    }

    fn deletions<'a>(
        &'a self,
        _call: &'a Call,
        _object: &'a str,
        _cursor: Option<&'a Cursor>,
    ) -> BoxFuture<'a, Result<Archived>> {
        Box::pin(async { Err(Error::new(Kind::Fatal, "no-feed", "a file does not tell what was deleted")) })
    }

    fn get<'a>(
        &'a self,
        _call: &'a Call,
        object: &'a str,
        ids: &'a [String],
        fields: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<Got>>> {
        let (object, ids, fields) = (object.to_owned(), ids.to_vec(), fields.to_vec());
        Box::pin(self.with(move |files| {
            refuse_more(ids.len())?;
            files.look(&object, |sheet| {
                let got = |id: &String| match sheet.row(id) {
                    Some(row) => Got::Record(Box::new(files.record(sheet, &object, (id, row), &fields))),
                    None => Got::Gone,
                };
                Ok(ids.iter().map(got).collect())
            })
        }))
    }

    fn find<'a>(&'a self, _call: &'a Call, find: Find<'a>) -> BoxFuture<'a, Result<Found>> {
        let (object, key) = (find.object.to_owned(), find.key.to_owned());
        let (values, fields) = (find.values.to_vec(), find.fields.to_vec());
        Box::pin(self.with(move |files| {
            refuse_more(values.len())?;
            let records = files.look(&object, |sheet| Ok(files.find(sheet, &object, (&key, &values), &fields)))?;
            Ok(Found { records, consistent: true })
        }))
    }

    fn create<'a>(
        &'a self,
        _call: &'a Call,
        object: &'a str,
        drafts: &'a [Draft],
    ) -> BoxFuture<'a, Result<Vec<Result<Written>>>> {
        let (object, drafts) = (object.to_owned(), drafts.to_vec());
        Box::pin(self.with(move |files| {
            refuse_more(drafts.len())?;
            files.change(&object, |sheet| drafts.iter().map(|draft| files.create(sheet, &object, draft)).collect())
        }))
    }

    fn update<'a>(
        &'a self,
        _call: &'a Call,
        object: &'a str,
        patches: &'a [Patch],
    ) -> BoxFuture<'a, Result<Vec<Result<Written>>>> {
        let (object, patches) = (object.to_owned(), patches.to_vec());
        Box::pin(self.with(move |files| {
            refuse_more(patches.len())?;
            files.change(&object, |sheet| patches.iter().map(|patch| files.update(sheet, &object, patch)).collect())
        }))
    }

    fn upsert<'a>(
        &'a self,
        _call: &'a Call,
        object: &'a str,
        key: &'a str,
        drafts: &'a [Draft],
    ) -> BoxFuture<'a, Result<Vec<Result<Written>>>> {
        let (object, key, drafts) = (object.to_owned(), key.to_owned(), drafts.to_vec());
        Box::pin(self.with(move |files| {
            refuse_more(drafts.len())?;
            files
                .change(&object, |sheet| drafts.iter().map(|draft| files.upsert(sheet, &object, &key, draft)).collect())
        }))
    }

    fn delete<'a>(
        &'a self,
        _call: &'a Call,
        object: &'a str,
        ids: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<Result<()>>>> {
        let (object, ids) = (object.to_owned(), ids.to_vec());
        Box::pin(self.with(move |files| {
            refuse_more(ids.len())?;
            files.change(&object, |sheet| {
                ids.iter().map(|id| if sheet.remove(id) { Ok(()) } else { Err(gone()) }).collect()
            })
        }))
    }
}
