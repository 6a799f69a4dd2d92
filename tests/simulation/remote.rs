//! The way to a service: it takes time, it is watched, and death may come on it.

use std::{
    panic::resume_unwind,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use hymnal::merge::Side;
use hymnal_memory::Method;
use hymnal_sdk::{
    Address, Archived, BoxFuture, Call, Capabilities, Connector, Cursor, Draft, FieldEdit, Find, Found, Got, Http,
    List, Page, Patch, Record, Result, Schema, User, Written,
};

use crate::{crash::die, oracle::Shared, random::Random};

/// Both ways together, and what may happen on them.
#[derive(Clone)]
pub(crate) struct Road(Arc<Mutex<Inner>>);

struct Inner {
    random: Random,
    /// Death at the call after so many; after it was applied, or instead.
    fuse: Option<(u32, bool)>,
}

impl Road {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(Inner { random: Random::new(seed), fuse: None })))
    }

    pub(crate) fn arm(&self, after: u32, applied: bool) {
        self.lock().fuse = Some((after, applied));
    }

    pub(crate) fn recover(&self) {
        self.lock().fuse = None;
    }

    /// How long one way takes.
    pub(crate) fn way(&self) -> Duration {
        Duration::from_micros(500 + self.lock().random.below(20_000))
    }

    /// Whether death comes at this call, and if so, whether it is applied.
    pub(crate) fn burns(&self) -> Option<bool> {
        let mut inner = self.lock();
        let (left, applied) = inner.fuse.as_mut()?;
        if *left > 0 {
            *left -= 1;
            return None;
        }
        let applied = *applied;
        inner.fuse = None;
        Some(applied)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connector in one life of Hymnal.
pub(crate) struct Watched {
    inner: Arc<dyn Connector>,
    side: Side,
    /// Where the way is elsewhere, below the connector, `None`.
    road: Option<Road>,
    oracle: Shared,
}

impl Watched {
    /// Watched on its way to the service.
    pub(crate) fn on_the_way(inner: Arc<dyn Connector>, side: Side, road: Road, oracle: Shared) -> Self {
        Self { inner, side, road: Some(road), oracle }
    }

    /// Watched for what it asks and hears alone: what it sends goes another way.
    pub(crate) fn at_its_ends(inner: Arc<dyn Connector>, side: Side, oracle: Shared) -> Self {
        Self { inner, side, road: None, oracle }
    }

    /// Sends a call on its way. Once it is sent it arrives, whether or not the sender lives to hear the answer.
    async fn carry<T: Send + 'static>(
        &self,
        method: Method,
        run: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let Some(road) = &self.road else {
            self.oracle.lock().arrives(self.side);
            return run.await;
        };
        let (there, back) = (road.way(), road.way());
        let death = road.burns();
        if death == Some(false) {
            tokio::time::sleep(there).await;
            die();
        }
        let (oracle, side) = (self.oracle.clone(), self.side);
        let arrival = tokio::spawn(async move {
            tokio::time::sleep(there).await;
            let call = oracle.lock().arrives(side);
            let answer = run.await;
            oracle.lock().was_called(side, method, call);
            (call, answer)
        });
        let (call, answer) = match arrival.await {
            Ok(answered) => answered,
            Err(error) => resume_unwind(error.into_panic()),
        };
        if death == Some(true) {
            die();
        }
        tokio::time::sleep(back).await;
        if answer.is_ok() {
            self.oracle.lock().hears(call);
        }
        answer
    }

    fn shows<'r>(&self, records: impl Iterator<Item = &'r Record>, method: Method) {
        let mut oracle = self.oracle.lock();
        for record in records {
            oracle.shows(self.side, record, method);
        }
    }
}

impl Connector for Watched {
    fn kind(&self) -> &str {
        self.inner.kind()
    }

    fn capabilities(&self, object: &str) -> Option<&Capabilities> {
        self.inner.capabilities(object)
    }

    fn http(&self) -> Option<&dyn Http> {
        self.inner.http()
    }

    fn describe<'a>(&'a self, call: &'a Call, object: &'a str) -> BoxFuture<'a, Result<Schema>> {
        let (inner, call, object) = (Arc::clone(&self.inner), call.clone(), object.to_owned());
        Box::pin(self.carry(Method::Describe, async move { inner.describe(&call, &object).await }))
    }

    fn account<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<String>> {
        let (inner, call) = (Arc::clone(&self.inner), call.clone());
        Box::pin(self.carry(Method::Account, async move { inner.account(&call).await }))
    }

    fn list<'a>(&'a self, call: &'a Call, list: List<'a>) -> BoxFuture<'a, Result<Page>> {
        let (inner, call) = (Arc::clone(&self.inner), call.clone());
        let (object, fields, cursor) = (list.object.to_owned(), list.fields.to_vec(), list.cursor.cloned());
        Box::pin(async move {
            let list = async move {
                inner.list(&call, List { object: &object, fields: &fields, cursor: cursor.as_ref() }).await
            };
            let page = self.carry(Method::List, list).await?;
            self.shows(page.records.iter(), Method::List);
            Ok(page)
        })
    }

    fn deletions<'a>(
        &'a self,
        call: &'a Call,
        object: &'a str,
        cursor: Option<&'a Cursor>,
    ) -> BoxFuture<'a, Result<Archived>> {
        let (inner, call) = (Arc::clone(&self.inner), call.clone());
        let (object, cursor) = (object.to_owned(), cursor.cloned());
        let run = async move { inner.deletions(&call, &object, cursor.as_ref()).await };
        Box::pin(self.carry(Method::Deletions, run))
    }

    fn get<'a>(
        &'a self,
        call: &'a Call,
        object: &'a str,
        ids: &'a [String],
        fields: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<Got>>> {
        let (inner, call) = (Arc::clone(&self.inner), call.clone());
        let (object, ids, fields) = (object.to_owned(), ids.to_vec(), fields.to_vec());
        Box::pin(async move {
            let got = self.carry(Method::Get, async move { inner.get(&call, &object, &ids, &fields).await }).await?;
            let record = |got: &Got| match got {
                Got::Record(record) => Some((**record).clone()),
                Got::Gone => None,
            };
            let records: Vec<Record> = got.iter().filter_map(record).collect();
            self.shows(records.iter(), Method::Get);
            Ok(got)
        })
    }

    fn find<'a>(&'a self, call: &'a Call, find: Find<'a>) -> BoxFuture<'a, Result<Found>> {
        let (inner, call) = (Arc::clone(&self.inner), call.clone());
        let (object, key) = (find.object.to_owned(), find.key.to_owned());
        let (values, fields) = (find.values.to_vec(), find.fields.to_vec());
        Box::pin(async move {
            let (oracle, side) = (self.oracle.clone(), self.side);
            let run = async move {
                oracle.lock().looks(side, &object, &key, &values);
                inner.find(&call, Find { object: &object, key: &key, values: &values, fields: &fields }).await
            };
            let found = self.carry(Method::Find, run).await?;
            self.shows(found.records.iter(), Method::Find);
            Ok(found)
        })
    }

    fn create<'a>(
        &'a self,
        call: &'a Call,
        object: &'a str,
        drafts: &'a [Draft],
    ) -> BoxFuture<'a, Result<Vec<Result<Written>>>> {
        let (inner, call) = (Arc::clone(&self.inner), call.clone());
        let (object, drafts) = (object.to_owned(), drafts.to_vec());
        Box::pin(self.carry(Method::Create, async move { inner.create(&call, &object, &drafts).await }))
    }

    fn update<'a>(
        &'a self,
        call: &'a Call,
        object: &'a str,
        patches: &'a [Patch],
    ) -> BoxFuture<'a, Result<Vec<Result<Written>>>> {
        let (inner, call) = (Arc::clone(&self.inner), call.clone());
        let (object, patches) = (object.to_owned(), patches.to_vec());
        Box::pin(self.carry(Method::Update, async move { inner.update(&call, &object, &patches).await }))
    }

    fn upsert<'a>(
        &'a self,
        call: &'a Call,
        object: &'a str,
        key: &'a str,
        drafts: &'a [Draft],
    ) -> BoxFuture<'a, Result<Vec<Result<Written>>>> {
        let (inner, call) = (Arc::clone(&self.inner), call.clone());
        let (object, key, drafts) = (object.to_owned(), key.to_owned(), drafts.to_vec());
        Box::pin(self.carry(Method::Upsert, async move { inner.upsert(&call, &object, &key, &drafts).await }))
    }

    fn delete<'a>(
        &'a self,
        call: &'a Call,
        object: &'a str,
        ids: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<Result<()>>>> {
        let (inner, call) = (Arc::clone(&self.inner), call.clone());
        let (object, ids) = (object.to_owned(), ids.to_vec());
        Box::pin(self.carry(Method::Delete, async move { inner.delete(&call, &object, &ids).await }))
    }

    fn users<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<Vec<User>>> {
        let (inner, call) = (Arc::clone(&self.inner), call.clone());
        Box::pin(self.carry(Method::Users, async move { inner.users(&call).await }))
    }

    fn history<'a>(
        &'a self,
        call: &'a Call,
        address: &'a Address,
        fields: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<FieldEdit>>> {
        let (inner, call) = (Arc::clone(&self.inner), call.clone());
        let (address, fields) = (address.clone(), fields.to_vec());
        Box::pin(self.carry(Method::History, async move { inner.history(&call, &address, &fields).await }))
    }
}
