//! The connector that a manifest makes: one file a method.

mod answers;
mod aside;
mod before;
mod children;
mod deletions;
mod delta;
mod describe;
mod feed;
mod fields;
mod find;
mod get;
mod history;
mod list;
mod place;
mod record;
mod spelling;
mod turns;
mod users;
mod window;
mod write;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use hymnal_sdk::{
    Address, Archived, Automation, BoxFuture, Call, Capabilities, Clock, Connector, Cursor, Deletions, Draft, Error,
    FieldEdit, Find, Found, Got, Http, Kind, List, ListKind, NativeKind, Page, Patch, Request, Response, Result,
    Schema, User, Written,
    http::{Access, unreadable},
};

use crate::{
    json::Json,
    manifest::{
        Manifest,
        changes::{Changes, DeletionFeed},
        object::{Object, Write},
        request::Language,
        template::Hole,
    },
    pick,
    render::{self, Filling, Fillings},
    service::{Service, SettingValue},
};

/// A connector to the service that a manifest describes.
pub struct RestConnector {
    manifest: Arc<Manifest>,
    settings: Fillings,
    /// The account that the last login named.
    account: Arc<Mutex<Option<String>>>,
    http: Arc<dyn Http>,
    clock: Arc<dyn Clock>,
    /// When this connector was made, in milliseconds since 1970.
    started: i64,
    capabilities: BTreeMap<String, Capabilities>,
    /// For writes that must not run side by side.
    turns: turns::Turns,
    /// By object and field: what the service's own description said of it last.
    learnt: Mutex<BTreeMap<(String, String), Learnt>>,
}

/// What requests and answers need to know of a field.
#[derive(Clone, Copy, Debug)]
struct Learnt {
    is_unique: bool,
    kind: NativeKind,
}

impl RestConnector {
    /// A connector alone, where the layers below are made elsewhere; else see [`Service`].
    ///
    /// # Errors
    /// `Fatal`, naming the setting that is missing or cannot be used.
    pub fn new(
        manifest: Arc<Manifest>,
        settings: &BTreeMap<String, SettingValue>,
        http: Arc<dyn Http>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        Ok(Service::new(manifest, settings)?.connector(http, clock))
    }

    pub(crate) fn over(
        manifest: Arc<Manifest>,
        settings: Fillings,
        account: Arc<Mutex<Option<String>>>,
        http: Arc<dyn Http>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let able = |(name, object): (&String, &Object)| {
            let on_create = automations(&manifest, &settings, name);
            (name.clone(), Capabilities { on_create, ..capabilities(object) })
        };
        let capabilities = manifest.objects.iter().map(able).collect();
        let started = clock.now().as_millisecond();
        Self {
            manifest,
            settings,
            account,
            http,
            clock,
            started,
            capabilities,
            turns: turns::Turns::default(),
            learnt: Mutex::new(BTreeMap::new()),
        }
    }

    fn object(&self, name: &str) -> Result<&Object> {
        self.manifest.objects.get(name).ok_or_else(|| {
            let known: Vec<&str> = self.manifest.objects.keys().map(String::as_str).collect();
            Error::new(Kind::Fatal, "no-such-object", format!("`{}` has no object `{name}`", self.manifest.kind))
                .hint(format!("there are: {}", known.join(", ")))
        })
    }

    /// What every request about an object can say.
    fn fillings(&self, object: &str) -> Fillings {
        let mut fillings = self.settings.clone();
        fillings.insert(Hole::Object, Filling::Name(object.to_owned()));
        fillings
    }

    /// Sends a read and reads its answer.
    async fn read(&self, call: &Call, request: Request) -> Result<Json> {
        let answer = self.http.send(call, request).await.map_err(as_read)?;
        body(&answer, Access::Read)
    }

    fn is_unique(&self, object: &str, declared: &[String], key: &str) -> bool {
        declared.iter().any(|field| field == key) || self.learnt(object, key).is_some_and(|learnt| learnt.is_unique)
    }

    fn learnt(&self, object: &str, field: &str) -> Option<Learnt> {
        let learnt = self.learnt.lock().unwrap_or_else(PoisonError::into_inner);
        learnt.get(&(object.to_owned(), field.to_owned())).copied()
    }

    async fn whose(&self, call: &Call) -> Result<String> {
        let account = &self.manifest.account;
        let request = render::request(&account.request, &self.settings, Access::Read)?;
        let asked = match self.read(call, request).await {
            Ok(answer) => match &account.is {
                Some(template) => render::text(template, &self.settings, Language::Plain),
                None => pick::first(&account.id.0, &answer)
                    .ok_or_else(|| unreadable(Access::Read, "the answer does not name the account")),
            },
            Err(error) => Err(error),
        };
        // A login that may not read this still named the account when it logged in.
        let named = || self.account.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let id = match asked {
            Err(error) if matches!(error.kind, Kind::Fatal | Kind::Gone) => named().ok_or(error)?,
            other => other?,
        };
        let form = self.manifest.objects.values().next().map(|object| object.id_form).unwrap_or_default();
        Ok(record::normal_id(form, &id))
    }
}

/// What a read answers with is never about one record's values.
fn as_read(mut error: Error) -> Error {
    if matches!(error.kind, Kind::RejectedField | Kind::RejectedRecord) {
        error.kind = Kind::Fatal;
    }
    error
}

/// An answer's JSON; an empty body is `null`.
fn body(answer: &Response, access: Access) -> Result<Json> {
    if answer.body.is_empty() {
        return Ok(Json::Null);
    }
    Json::parse(&answer.body).map_err(|why| unreadable(access, format!("the answer is no JSON: {why}")))
}

fn too_many(given: usize, most: usize) -> Result<()> {
    if given <= most {
        return Ok(());
    }
    Err(Error::new(Kind::Fatal, "batch-too-large", format!("{given} items in one call, where {most} are allowed")))
}

/// Each wanted field, and those that every record of the object needs, once.
fn asked_for(object: &Object, fields: &[String]) -> Filling {
    let mut names = object.system_fields.clone();
    for field in fields {
        if !names.contains(field) {
            names.push(field.clone());
        }
    }
    Filling::Names(names)
}

fn capabilities(object: &Object) -> Capabilities {
    let batch = |write: &Option<Write>| write.as_ref().map_or(0, |write| write.batch);
    let (list, list_page, mut overlap) = match &object.changes {
        Changes::Poll(poll) => (ListKind::Changes, poll.page, poll.overlap.0),
        Changes::Polls(polls) => {
            let page = polls.iter().map(|poll| poll.page).max().unwrap_or(0);
            (ListKind::Unordered, page, polls.iter().map(|poll| poll.overlap.0).max().unwrap_or_default())
        }
        Changes::Delta(delta) => (ListKind::Unordered, delta.page, Duration::ZERO),
        Changes::Feed(feed) => (ListKind::Unordered, feed.page, feed.overlap.0),
        Changes::Window(window) => (ListKind::Unordered, window.page, window.overlap.0),
        Changes::Scan(scan) => (ListKind::Scan, scan.page, Duration::ZERO),
    };
    if let Some(DeletionFeed::Poll(poll)) = &object.deletions {
        overlap = overlap.max(poll.overlap.0);
    }
    let find = [&object.find.unique, &object.find.any].into_iter().flatten().map(|lookup| lookup.batch).min();
    Capabilities {
        list,
        list_page,
        get_batch: object.get.batch,
        find_batch: find.unwrap_or(0),
        create_batch: batch(&object.create),
        update_batch: batch(&object.update),
        upsert_batch: batch(&object.upsert),
        delete_batch: batch(&object.delete),
        erase_batch: batch(&object.erase),
        deletions: match &object.deletions {
            None if matches!(object.changes, Changes::Delta(_)) => Deletions::Listed,
            None => Deletions::Unknown,
            Some(DeletionFeed::Poll(_) | DeletionFeed::Feed(_)) => Deletions::Feed,
            Some(DeletionFeed::Listing { .. }) => Deletions::Listing,
        },
        deleted: object.deleted_goes,
        gone: object.gone,
        unique: object.unique.clone(),
        write_returns_record: object.update.as_ref().is_some_and(|write| write.answers.record),
        omits_blanks: object.omits_blanks,
        history: object.history.is_some(),
        conditional: object.update.as_ref().is_some_and(|write| write.any_version.is_some()),
        overlap,
        forms: object.types.clone(),
        on_create: Vec::new(),
        clear_first: object.clear_first.clone(),
        never_write: object.never_write.clone(),
    }
}

/// What the service does by itself when a record of an object is made, as the user has set it.
fn automations(manifest: &Manifest, settings: &Fillings, object: &str) -> Vec<Automation> {
    let is_set = |(name, value): (&String, &String)| {
        let spelled = manifest.setting(name).and_then(|setting| setting.spelled.get(value)).unwrap_or(value);
        settings.get(&Hole::Setting(name.clone())) == Some(&Filling::Text(spelled.clone()))
    };
    let here = manifest.on_create.iter().filter(|known| {
        (known.objects.is_empty() || known.objects.iter().any(|of| of == object)) && !known.unless.iter().any(is_set)
    });
    here.map(|known| Automation { does: known.does.clone(), in_bulk: known.in_bulk }).collect()
}

impl Connector for RestConnector {
    fn kind(&self) -> &str {
        &self.manifest.kind
    }

    fn capabilities(&self, object: &str) -> Option<&Capabilities> {
        self.capabilities.get(object)
    }

    fn http(&self) -> Option<&dyn Http> {
        Some(self.http.as_ref())
    }

    fn describe<'a>(&'a self, call: &'a Call, object: &'a str) -> BoxFuture<'a, Result<Schema>> {
        Box::pin(self.described(call, object))
    }

    fn account<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<String>> {
        Box::pin(self.whose(call))
    }

    fn list<'a>(&'a self, call: &'a Call, list: List<'a>) -> BoxFuture<'a, Result<Page>> {
        Box::pin(async move {
            let mut page = self.listed(call, list).await?;
            page.records.iter_mut().for_each(|record| self.unspaced(record));
            Ok(page)
        })
    }

    fn deletions<'a>(
        &'a self,
        call: &'a Call,
        object: &'a str,
        cursor: Option<&'a Cursor>,
    ) -> BoxFuture<'a, Result<Archived>> {
        Box::pin(self.deleted(call, object, cursor))
    }

    fn get<'a>(
        &'a self,
        call: &'a Call,
        object: &'a str,
        ids: &'a [String],
        fields: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<Got>>> {
        Box::pin(async move {
            let mut got = self.got(call, object, ids, fields).await?;
            for got in &mut got {
                if let Got::Record(record) = got {
                    self.unspaced(record);
                }
            }
            Ok(got)
        })
    }

    fn find<'a>(&'a self, call: &'a Call, find: Find<'a>) -> BoxFuture<'a, Result<Found>> {
        Box::pin(async move {
            let mut found = self.found(call, find).await?;
            found.records.iter_mut().for_each(|record| self.unspaced(record));
            Ok(found)
        })
    }

    fn create<'a>(
        &'a self,
        call: &'a Call,
        object: &'a str,
        drafts: &'a [Draft],
    ) -> BoxFuture<'a, Result<Vec<Result<Written>>>> {
        Box::pin(self.created(call, object, drafts))
    }

    fn update<'a>(
        &'a self,
        call: &'a Call,
        object: &'a str,
        patches: &'a [Patch],
    ) -> BoxFuture<'a, Result<Vec<Result<Written>>>> {
        Box::pin(self.updated(call, object, patches))
    }

    fn upsert<'a>(
        &'a self,
        call: &'a Call,
        object: &'a str,
        key: &'a str,
        drafts: &'a [Draft],
    ) -> BoxFuture<'a, Result<Vec<Result<Written>>>> {
        Box::pin(self.upserted(call, object, key, drafts))
    }

    fn delete<'a>(
        &'a self,
        call: &'a Call,
        object: &'a str,
        ids: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<Result<()>>>> {
        Box::pin(self.removed(call, object, ids))
    }

    fn erase<'a>(
        &'a self,
        call: &'a Call,
        object: &'a str,
        ids: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<Result<()>>>> {
        Box::pin(self.erased(call, object, ids))
    }

    fn users<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<Vec<User>>> {
        Box::pin(self.everybody(call))
    }

    fn history<'a>(
        &'a self,
        call: &'a Call,
        address: &'a Address,
        fields: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<FieldEdit>>> {
        Box::pin(self.edited(call, address, fields))
    }
}
