//! Connectors that do more than their service: give the records of a page in any order, or tell a test of each write.

use std::sync::{Arc, Mutex};

use hymnal::cycle::ids::Ids;
use hymnal_sdk::{
    Address, Archived, BoxFuture, Call, Capabilities, Connector, Cursor, Draft, FieldEdit, Find, Found, Got, Http,
    List, Page, Patch, Record, Result, Schema, Written,
};

/// A connector whose pages are in no order, and that tells of each write before it is made.
pub(crate) struct Shuffled {
    inner: Arc<dyn Connector>,
    random: Mutex<Ids>,
    tell: Box<dyn Fn() + Send + Sync>,
}

impl Shuffled {
    pub(crate) fn over(inner: Arc<dyn Connector>, seed: u64) -> Self {
        Self { inner, random: Mutex::new(Ids::new(seed)), tell: Box::new(|| ()) }
    }

    pub(crate) fn telling(self, tell: impl Fn() + Send + Sync + 'static) -> Self {
        Self { tell: Box::new(tell), ..self }
    }

    fn shuffle(&self, records: &mut Vec<Record>) {
        let mut random = self.random.lock().expect("nobody panics with it");
        let mut below = |count: usize| usize::try_from(random.random() % (count as u64)).expect("small");
        if let Some(again) = records.first().cloned() {
            records.push(again);
        }
        for index in (1..records.len()).rev() {
            records.swap(index, below(index + 1));
        }
    }
}

impl Connector for Shuffled {
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
        self.inner.describe(call, object)
    }

    fn account<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<String>> {
        self.inner.account(call)
    }

    fn list<'a>(&'a self, call: &'a Call, list: List<'a>) -> BoxFuture<'a, Result<Page>> {
        Box::pin(async move {
            let mut page = self.inner.list(call, list).await?;
            self.shuffle(&mut page.records);
            Ok(page)
        })
    }

    fn deletions<'a>(
        &'a self,
        call: &'a Call,
        object: &'a str,
        cursor: Option<&'a Cursor>,
    ) -> BoxFuture<'a, Result<Archived>> {
        Box::pin(async move {
            let mut page = self.inner.deletions(call, object, cursor).await?;
            page.records.reverse();
            Ok(page)
        })
    }

    fn get<'a>(
        &'a self,
        call: &'a Call,
        object: &'a str,
        ids: &'a [String],
        fields: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<Got>>> {
        self.inner.get(call, object, ids, fields)
    }

    fn find<'a>(&'a self, call: &'a Call, find: Find<'a>) -> BoxFuture<'a, Result<Found>> {
        Box::pin(async move {
            let mut found = self.inner.find(call, find).await?;
            self.shuffle(&mut found.records);
            Ok(found)
        })
    }

    fn create<'a>(
        &'a self,
        call: &'a Call,
        object: &'a str,
        drafts: &'a [Draft],
    ) -> BoxFuture<'a, Result<Vec<Result<Written>>>> {
        (self.tell)();
        self.inner.create(call, object, drafts)
    }

    fn update<'a>(
        &'a self,
        call: &'a Call,
        object: &'a str,
        patches: &'a [Patch],
    ) -> BoxFuture<'a, Result<Vec<Result<Written>>>> {
        (self.tell)();
        self.inner.update(call, object, patches)
    }

    fn upsert<'a>(
        &'a self,
        call: &'a Call,
        object: &'a str,
        key: &'a str,
        drafts: &'a [Draft],
    ) -> BoxFuture<'a, Result<Vec<Result<Written>>>> {
        self.inner.upsert(call, object, key, drafts)
    }

    fn delete<'a>(
        &'a self,
        call: &'a Call,
        object: &'a str,
        ids: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<Result<()>>>> {
        self.inner.delete(call, object, ids)
    }

    fn history<'a>(
        &'a self,
        call: &'a Call,
        address: &'a Address,
        fields: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<FieldEdit>>> {
        self.inner.history(call, address, fields)
    }
}
