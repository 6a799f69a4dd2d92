//! A connector that remembers what it was asked to write.

use std::sync::{Arc, Mutex};

use hymnal::merge::Side;
use hymnal_sdk::{
    Address, Archived, BoxFuture, Call, Capabilities, Connector, Cursor, Draft, FieldEdit, Fields, Find, Found, Got,
    Http, List, Page, Patch, Result, Schema, Written,
};

use super::Stage;

/// One write of one record, as the service saw it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Seen {
    pub(crate) side: Side,
    pub(crate) object: String,
    /// `None`: a record was made.
    pub(crate) id: Option<String>,
    /// `None`: it was deleted.
    pub(crate) fields: Option<Fields>,
}

/// What all services of a stage were asked to write.
#[derive(Clone, Default)]
pub(crate) struct Writes(Arc<Mutex<Vec<Seen>>>);

impl Writes {
    /// Everything since this was last asked.
    pub(crate) fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut self.0.lock().expect("nobody panics with it"))
    }

    fn push(&self, seen: Seen) {
        self.0.lock().expect("nobody panics with it").push(seen);
    }
}

impl Stage {
    /// From now on every write is remembered.
    pub(crate) fn watch(&mut self) -> Writes {
        let writes = Writes::default();
        for side in Side::BOTH {
            let inner = Arc::clone(&self.sync.systems[side].connector);
            self.sync.systems[side].connector = Arc::new(Watched { inner, side, writes: writes.clone() });
        }
        writes
    }
}

struct Watched {
    inner: Arc<dyn Connector>,
    side: Side,
    writes: Writes,
}

impl Watched {
    fn created(&self, object: &str, drafts: &[Draft]) {
        for draft in drafts {
            let fields = Some(draft.fields.clone());
            self.writes.push(Seen { side: self.side, object: object.to_owned(), id: None, fields });
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
        self.inner.describe(call, object)
    }

    fn account<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<String>> {
        self.inner.account(call)
    }

    fn list<'a>(&'a self, call: &'a Call, list: List<'a>) -> BoxFuture<'a, Result<Page>> {
        self.inner.list(call, list)
    }

    fn deletions<'a>(
        &'a self,
        call: &'a Call,
        object: &'a str,
        cursor: Option<&'a Cursor>,
    ) -> BoxFuture<'a, Result<Archived>> {
        self.inner.deletions(call, object, cursor)
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
        self.inner.find(call, find)
    }

    fn create<'a>(
        &'a self,
        call: &'a Call,
        object: &'a str,
        drafts: &'a [Draft],
    ) -> BoxFuture<'a, Result<Vec<Result<Written>>>> {
        self.created(object, drafts);
        self.inner.create(call, object, drafts)
    }

    fn update<'a>(
        &'a self,
        call: &'a Call,
        object: &'a str,
        patches: &'a [Patch],
    ) -> BoxFuture<'a, Result<Vec<Result<Written>>>> {
        for patch in patches {
            let (id, fields) = (Some(patch.id.clone()), Some(patch.fields.clone()));
            self.writes.push(Seen { side: self.side, object: object.to_owned(), id, fields });
        }
        self.inner.update(call, object, patches)
    }

    fn upsert<'a>(
        &'a self,
        call: &'a Call,
        object: &'a str,
        key: &'a str,
        drafts: &'a [Draft],
    ) -> BoxFuture<'a, Result<Vec<Result<Written>>>> {
        self.created(object, drafts);
        self.inner.upsert(call, object, key, drafts)
    }

    fn delete<'a>(
        &'a self,
        call: &'a Call,
        object: &'a str,
        ids: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<Result<()>>>> {
        for id in ids {
            let id = Some(id.clone());
            self.writes.push(Seen { side: self.side, object: object.to_owned(), id, fields: None });
        }
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
