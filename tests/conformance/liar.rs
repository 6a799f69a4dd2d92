//! A connector that keeps every promise but one.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use hymnal_memory::MemoryConnector;
use hymnal_sdk::{
    Archived, BoxFuture, Call, Capabilities, Connector, Cursor, Deleted, Draft, Effect, Error, Fate, Find, Found, Got,
    Http, Kind, List, Native, Next, Page, Patch, Result, Schema, User, Written,
};

use crate::memory::OBJECT;

/// Breaks the promise of one slug.
pub(crate) struct Liar {
    inner: MemoryConnector,
    promise: &'static str,
    capabilities: Capabilities,
    calls: AtomicU64,
    failed: AtomicBool,
}

impl Liar {
    pub(crate) fn new(inner: MemoryConnector, promise: &'static str) -> Self {
        let mut capabilities = inner.capabilities(OBJECT).expect("the object of these tests").clone();
        if promise == "batch-within-capability" {
            capabilities.create_batch -= 1;
        }
        Self { inner, promise, capabilities, calls: AtomicU64::new(0), failed: AtomicBool::new(false) }
    }

    fn breaks(&self, promise: &str) -> bool {
        self.promise == promise
    }

    /// One refused item fails them all.
    fn all_or_nothing<T>(promise_broken: bool, answers: Result<Vec<Result<T>>>) -> Result<Vec<Result<T>>> {
        let answers = answers?;
        match answers.iter().find_map(|answer| answer.as_ref().err()).filter(|_| promise_broken).cloned() {
            Some(error) => Ok(answers.iter().map(|_| Err(error.clone())).collect()),
            None => Ok(answers),
        }
    }
}

impl Connector for Liar {
    fn kind(&self) -> &'static str {
        "liar"
    }

    fn capabilities(&self, object: &str) -> Option<&Capabilities> {
        (object == OBJECT).then_some(&self.capabilities)
    }

    fn http(&self) -> Option<&dyn Http> {
        None
    }

    fn describe<'a>(&'a self, call: &'a Call, object: &'a str) -> BoxFuture<'a, Result<Schema>> {
        Box::pin(async move {
            let mut schema = self.inner.describe(call, object).await?;
            if self.breaks("describe-names-fields") {
                schema.fields.pop();
            }
            Ok(schema)
        })
    }

    fn account<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<String>> {
        Box::pin(async move {
            let account = self.inner.account(call).await?;
            let calls = self.calls.fetch_add(1, Ordering::Relaxed);
            Ok(if self.breaks("account-is-stable") { format!("{account}{calls}") } else { account })
        })
    }

    fn list<'a>(&'a self, call: &'a Call, list: List<'a>) -> BoxFuture<'a, Result<Page>> {
        Box::pin(async move {
            let cursor = list.cursor.cloned();
            let mut page = self.inner.list(call, list).await.inspect_err(|_| {
                self.failed.store(true, Ordering::Relaxed);
            })?;
            let more = matches!(page.next, Next::More(_));
            match (self.promise, &page.next) {
                ("list-never-skips", Next::More(_)) => drop(page.records.pop()),
                ("list-resumes", _) if cursor.is_some() => drop(page.records.pop()),
                ("list-ends", Next::Done(done)) => page.next = Next::More(done.clone()),
                ("list-sees-changes", _) if cursor.is_some() => page.records.clear(),
                ("list-oldest-first", _) => page.records.reverse(),
                ("list-fault-resumes", _) if more && self.failed.load(Ordering::Relaxed) => page.records.clear(),
                _ => {}
            }
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
            let mut archived = self.inner.deletions(call, object, cursor).await?;
            if self.breaks("deletions-name-deleted") {
                archived.records.clear();
            }
            if self.breaks("deletions-never-guess") {
                let address = |id| hymnal_sdk::Address::new(object, id);
                let guess = |id| Deleted { address: address(id), at: None, fate: Fate::Deleted };
                archived.records.extend(self.inner.people().live(object).into_iter().map(|row| guess(row.id)));
            }
            Ok(archived)
        })
    }

    fn get<'a>(
        &'a self,
        call: &'a Call,
        object: &'a str,
        ids: &'a [String],
        fields: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<Got>>> {
        Box::pin(async move {
            let mut answers = self.inner.get(call, object, ids, fields).await?;
            if self.breaks("get-missing-is-gone") && answers.contains(&Got::Gone) {
                return Err(Error::new(Kind::Gone, "404", "one of them is not there"));
            }
            if self.breaks("get-answers-each") {
                answers.retain(|answer| *answer != Got::Gone);
            }
            for answer in answers.iter_mut().filter(|_| self.breaks("get-is-current")) {
                if let Got::Record(record) = answer {
                    record.fields.insert("name".into(), "as it was".into());
                }
            }
            Ok(answers)
        })
    }

    fn find<'a>(&'a self, call: &'a Call, find: Find<'a>) -> BoxFuture<'a, Result<Found>> {
        Box::pin(async move {
            let unquoted: Vec<Native> = if self.breaks("find-quotes") {
                let read = |value: &Native| value.to_string().replace(['\'', '\\'], "");
                find.values.iter().map(|value| Native::Text(read(value))).collect()
            } else {
                find.values.to_vec()
            };
            let mut found = self.inner.find(call, Find { values: &unquoted, ..find }).await?;
            if self.breaks("find-finds-all") {
                found.records.truncate(1);
            }
            Ok(found)
        })
    }

    fn create<'a>(
        &'a self,
        call: &'a Call,
        object: &'a str,
        drafts: &'a [Draft],
    ) -> BoxFuture<'a, Result<Vec<Result<Written>>>> {
        Box::pin(async move {
            let lies = self.breaks("call-names-effect");
            let sure = |error: Error| Error { effect: if lies { Effect::None } else { error.effect }, ..error };
            let answers = self.inner.create(call, object, drafts).await.map_err(sure);
            let mut answers = Self::all_or_nothing(self.breaks("create-one-bad-item"), answers)?;
            for answer in &mut answers {
                match (self.promise, answer) {
                    ("create-answers-truth", Ok(written)) => written.id.push('x'),
                    ("create-duplicate-is-conflict", Err(error)) => error.kind = Kind::RejectedRecord,
                    _ => {}
                }
            }
            Ok(answers)
        })
    }

    fn update<'a>(
        &'a self,
        call: &'a Call,
        object: &'a str,
        patches: &'a [Patch],
    ) -> BoxFuture<'a, Result<Vec<Result<Written>>>> {
        Box::pin(async move {
            let mut patches = patches.to_vec();
            for patch in &mut patches {
                match self.promise {
                    "update-answers-truth" => patch.fields.clear(),
                    "update-leaves-others" => drop(patch.fields.insert("stage".into(), "customer".into())),
                    "update-clears" => patch.fields.retain(|_, value| !value.is_blank()),
                    _ => {}
                }
            }
            let answers = self.inner.update(call, object, &patches).await;
            let answers = Self::all_or_nothing(self.breaks("update-one-bad-item"), answers)?;
            if self.breaks("update-missing-is-gone") && answers.iter().any(Result::is_err) {
                let _ = self.inner.people().create(object, patches[0].fields.clone());
            }
            Ok(answers)
        })
    }

    fn upsert<'a>(
        &'a self,
        call: &'a Call,
        object: &'a str,
        key: &'a str,
        drafts: &'a [Draft],
    ) -> BoxFuture<'a, Result<Vec<Result<Written>>>> {
        Box::pin(async move {
            let mut drafts = drafts.to_vec();
            if self.breaks("upsert-repeats") {
                let number = self.calls.fetch_add(1, Ordering::Relaxed);
                drafts[0].fields.insert(key.to_owned(), Native::text(format!("new{number}@example.com")));
            }
            self.inner.upsert(call, object, key, &drafts).await
        })
    }

    fn delete<'a>(
        &'a self,
        call: &'a Call,
        object: &'a str,
        ids: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<Result<()>>>> {
        Box::pin(async move {
            if self.breaks("delete-deletes") {
                return Ok(ids.iter().map(|_| Ok(())).collect());
            }
            let answers = self.inner.delete(call, object, ids).await;
            Self::all_or_nothing(self.breaks("delete-missing-is-gone"), answers)
        })
    }

    fn erase<'a>(
        &'a self,
        call: &'a Call,
        object: &'a str,
        ids: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<Result<()>>>> {
        Box::pin(async move {
            if self.breaks("erase-erases") {
                return Ok(ids.iter().map(|_| Ok(())).collect());
            }
            self.inner.erase(call, object, ids).await
        })
    }

    fn users<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<Vec<User>>> {
        Box::pin(async move {
            let mut users = self.inner.users(call).await?;
            if self.breaks("users-are-told-apart") {
                users.extend(users.clone());
            }
            Ok(users)
        })
    }
}
