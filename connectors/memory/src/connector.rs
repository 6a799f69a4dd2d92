//! The connector over an account.

use std::{collections::BTreeMap, sync::Arc};

use hymnal_sdk::{
    Actor, ActorKind, Address, Archived, BoxFuture, Call, Capabilities, Clock, Connector, Cursor, Deletions, Draft,
    Error, FieldEdit, Find, Found, Got, Http, Kind, List, NativeKind, Page, Patch, Result, Schema, SchemaField, User,
    Written,
};

use crate::{
    account::{Account, Called, State, shifted},
    fault::{Fault, Method, Outcome},
    list,
    options::{MemoryOptions, ObjectOptions},
    read::{self, Reader},
    write::{self, Writer},
};

/// A connector to a service in memory.
#[derive(Clone)]
pub struct MemoryConnector {
    account: Account,
}

impl MemoryConnector {
    /// A connector to a new, empty account.
    pub fn new(options: MemoryOptions, clock: Arc<dyn Clock>) -> Self {
        Self::over(Account::new(options, clock))
    }

    /// A connector to an account that there is already, as after a restart.
    pub fn over(account: Account) -> Self {
        Self { account }
    }

    /// The account behind it, as its own people see it.
    pub fn people(&self) -> &Account {
        &self.account
    }

    fn options(&self, object: &str) -> Result<&ObjectOptions> {
        let missing = || Error::new(Kind::Fatal, "no-such-object", format!("`memory` has no object `{object}`"));
        self.account.options.objects.get(object).ok_or_else(missing)
    }

    /// A call that changes nothing.
    async fn read<T>(&self, ask: Ask<'_>, answer: impl FnOnce(&mut State) -> Result<T> + Send) -> Result<T> {
        self.send(&ask).await?;
        let answered = {
            let mut state = self.account.lock();
            let outcome = self.begin(&mut state, &ask);
            match outcome.and_then(Outcome::into_error) {
                None => answer(&mut state),
                Some(error) => Err(error),
            }
        };
        self.under_way().await;
        answered
    }

    /// A call that changes something, item by item.
    async fn write<I: Sync, T: Send>(
        &self,
        ask: Ask<'_>,
        items: &[I],
        apply: impl Fn(&Writer<'_>, &mut State, &I) -> Result<T> + Send,
    ) -> Result<Vec<Result<T>>> {
        self.send(&ask).await?;
        let options = self.options(ask.object)?;
        let answered = {
            let mut state = self.account.lock();
            let outcome = self.begin(&mut state, &ask);
            let now = state.stamp(self.account.clock.now());
            let by = Actor { name: "hymnal".into(), kind: ActorKind::Us };
            let writer = Writer { object: ask.object, options, method: ask.method, by, now };
            let hits = Hits::draw(outcome.as_ref(), items.len(), &mut state);
            let results: Vec<Result<T>> = items
                .iter()
                .zip(&hits.applied)
                .map(
                    |(item, &applied)| if applied { apply(&writer, &mut state, item) } else { Err(hits.error.clone()) },
                )
                .collect();
            if matches!(outcome, Some(Outcome::Twice)) {
                for item in items {
                    // Whoever sent it twice hears the first answer alone.
                    let _ = apply(&writer, &mut state, item);
                }
            }
            if let Some(called) = state.calls.last_mut() {
                called.applied = results.iter().filter(|result| result.is_ok()).count();
            }
            match outcome {
                None | Some(Outcome::SomeItems(_) | Outcome::NoItem(_) | Outcome::Twice) => Ok(results),
                Some(Outcome::NotApplied(error) | Outcome::Applied(error) | Outcome::CutShort(error)) => Err(error),
            }
        };
        self.under_way().await;
        answered
    }

    /// What can be refused before anything is sent; then the time that a request is under way.
    async fn send(&self, ask: &Ask<'_>) -> Result<()> {
        if ask.items > ask.batch {
            let message = match ask.batch {
                0 => format!("`memory` cannot do {:?} on `{}`", ask.method, ask.object),
                batch => format!("{} items are more than the {batch} that a call takes", ask.items),
            };
            return Err(Error::new(Kind::Fatal, "batch", message));
        }
        if ask.call.deadline.is_some_and(|deadline| self.account.clock.elapsed() > deadline) {
            return Err(Error::new(Kind::Cancelled, "deadline", "the deadline passed before the call was sent"));
        }
        self.under_way().await;
        Ok(())
    }

    async fn under_way(&self) {
        let latency = self.account.options.latency;
        if !latency.is_zero() {
            self.account.clock.sleep(latency).await;
        }
    }

    /// Notes the call, and draws what was planted for it: first what changes the service itself.
    fn begin(&self, state: &mut State, ask: &Ask<'_>) -> Option<Outcome> {
        let State { faults, schemas, skew, stepped, .. } = state;
        faults.each(ask.method, |fault| match fault {
            Fault::ClockSkew { seconds } => {
                *skew = skew.saturating_add(*seconds);
                true
            }
            Fault::ClockStep { seconds } => {
                *skew = skew.saturating_add(*seconds);
                *stepped = stepped.saturating_add(*seconds);
                true
            }
            Fault::FieldRenamed { object, field } => {
                let Some(field) = field_of(schemas, object, field) else { return false };
                field.name.push_str("_renamed");
                true
            }
            Fault::FieldRetyped { object, field } => {
                let known = field_of(schemas, object, field).filter(|field| field.kind != NativeKind::Number);
                let Some(field) = known else { return false };
                field.kind = NativeKind::Number;
                true
            }
            Fault::ChoiceRemoved { object, field, choice } => {
                let Some(field) = field_of(schemas, object, field) else { return false };
                let before = field.options.len();
                field.options.retain(|option| option != choice);
                field.options.len() < before
            }
            _ => false,
        });
        let now = shifted(self.account.clock.now(), state.skew);
        let (method, object, items) = (ask.method, ask.object.to_owned(), ask.items);
        state.calls.push(Called { at: now, method, object, items, applied: 0 });
        state.faults.first(ask.method, |fault| fault.outcome(ask.method, now))
    }
}

fn field_of<'s>(schemas: &'s mut BTreeMap<String, Schema>, object: &str, name: &str) -> Option<&'s mut SchemaField> {
    schemas.get_mut(object)?.fields.iter_mut().find(|field| field.name == name)
}

/// One call.
struct Ask<'a> {
    call: &'a Call,
    method: Method,
    object: &'a str,
    items: usize,
    batch: usize,
}

/// Which items of a batch an outcome leaves to be applied.
struct Hits {
    applied: Vec<bool>,
    /// What the others answer.
    error: Error,
}

impl Hits {
    fn draw(outcome: Option<&Outcome>, items: usize, state: &mut State) -> Self {
        let all = |applied: bool, error: &Error| Self { applied: vec![applied; items], error: error.clone() };
        match outcome {
            None | Some(Outcome::Twice) => Self { applied: vec![true; items], error: Error::new(Kind::Fatal, "", "") },
            Some(Outcome::Applied(error)) => all(true, error),
            Some(Outcome::NotApplied(error) | Outcome::NoItem(error)) => all(false, error),
            Some(Outcome::CutShort(error)) => {
                let until = state.random.below(items + 1);
                Self { applied: (0..items).map(|index| index < until).collect(), error: error.clone() }
            }
            Some(Outcome::SomeItems(error)) => {
                // At least one fails, else the fault would count as fired and have done nothing.
                let fails = state.random.below(items);
                let applied = (0..items).map(|index| index != fails && state.random.coin()).collect();
                Self { applied, error: error.clone() }
            }
        }
    }
}

impl Connector for MemoryConnector {
    fn kind(&self) -> &'static str {
        "memory"
    }

    fn capabilities(&self, object: &str) -> Option<&Capabilities> {
        self.account.options.objects.get(object).map(|options| &options.capabilities)
    }

    fn http(&self) -> Option<&dyn Http> {
        None
    }

    fn describe<'a>(&'a self, call: &'a Call, object: &'a str) -> BoxFuture<'a, Result<Schema>> {
        Box::pin(async move {
            self.options(object)?;
            let ask = Ask { call, method: Method::Describe, object, items: 1, batch: 1 };
            self.read(ask, |state| Ok(state.schemas.get(object).cloned().unwrap_or_default())).await
        })
    }

    fn account<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<String>> {
        let ask = Ask { call, method: Method::Account, object: "", items: 1, batch: 1 };
        Box::pin(self.read(ask, |_| Ok(self.account.options.account.clone())))
    }

    fn list<'a>(&'a self, call: &'a Call, list: List<'a>) -> BoxFuture<'a, Result<Page>> {
        Box::pin(async move {
            let options = self.options(list.object)?;
            let ask = Ask { call, method: Method::List, object: list.object, items: 1, batch: 1 };
            self.read(ask, |state| {
                let reader = Reader::new(state, list.object, options, Method::List, list.fields);
                reader.knows(list.fields)?;
                list::records(state, &reader, list.cursor, self.account.clock.now())
            })
            .await
        })
    }

    fn deletions<'a>(
        &'a self,
        call: &'a Call,
        object: &'a str,
        cursor: Option<&'a Cursor>,
    ) -> BoxFuture<'a, Result<Archived>> {
        Box::pin(async move {
            let options = self.options(object)?;
            let batch = usize::from(!matches!(options.capabilities.deletions, Deletions::Unknown | Deletions::Listed));
            let ask = Ask { call, method: Method::Deletions, object, items: 1, batch };
            self.read(ask, |state| {
                let reader = Reader::new(state, object, options, Method::Deletions, &[]);
                let now = shifted(self.account.clock.now(), state.skew);
                list::deletions(state, &reader, cursor, now)
            })
            .await
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
            let options = self.options(object)?;
            let batch = options.capabilities.get_batch;
            let ask = Ask { call, method: Method::Get, object, items: ids.len(), batch };
            self.read(ask, |state| {
                let reader = Reader::new(state, object, options, Method::Get, fields);
                reader.knows(fields)?;
                Ok(read::get(state, &reader, ids))
            })
            .await
        })
    }

    fn find<'a>(&'a self, call: &'a Call, find: Find<'a>) -> BoxFuture<'a, Result<Found>> {
        Box::pin(async move {
            let options = self.options(find.object)?;
            let batch = options.capabilities.find_batch;
            let ask = Ask { call, method: Method::Find, object: find.object, items: find.values.len(), batch };
            self.read(ask, |state| {
                let reader = Reader::new(state, find.object, options, Method::Find, find.fields);
                reader.knows(find.fields)?;
                let now = shifted(self.account.clock.now(), state.skew);
                read::find(state, &reader, &find, now)
            })
            .await
        })
    }

    fn create<'a>(
        &'a self,
        call: &'a Call,
        object: &'a str,
        drafts: &'a [Draft],
    ) -> BoxFuture<'a, Result<Vec<Result<Written>>>> {
        Box::pin(async move {
            let batch = self.options(object)?.capabilities.create_batch;
            let ask = Ask { call, method: Method::Create, object, items: drafts.len(), batch };
            self.write(ask, drafts, write::create).await
        })
    }

    fn update<'a>(
        &'a self,
        call: &'a Call,
        object: &'a str,
        patches: &'a [Patch],
    ) -> BoxFuture<'a, Result<Vec<Result<Written>>>> {
        Box::pin(async move {
            let batch = self.options(object)?.capabilities.update_batch;
            let ask = Ask { call, method: Method::Update, object, items: patches.len(), batch };
            self.write(ask, patches, write::update).await
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
            let batch = self.options(object)?.capabilities.upsert_batch;
            let ask = Ask { call, method: Method::Upsert, object, items: drafts.len(), batch };
            self.write(ask, drafts, |writer, state, draft| write::upsert(writer, state, key, draft)).await
        })
    }

    fn delete<'a>(
        &'a self,
        call: &'a Call,
        object: &'a str,
        ids: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<Result<()>>>> {
        Box::pin(async move {
            let batch = self.options(object)?.capabilities.delete_batch;
            let ask = Ask { call, method: Method::Delete, object, items: ids.len(), batch };
            self.write(ask, ids, |writer, state, id| write::delete(writer, state, id)).await
        })
    }

    fn erase<'a>(
        &'a self,
        call: &'a Call,
        object: &'a str,
        ids: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<Result<()>>>> {
        Box::pin(async move {
            let batch = self.options(object)?.capabilities.erase_batch;
            let ask = Ask { call, method: Method::Erase, object, items: ids.len(), batch };
            self.write(ask, ids, |writer, state, id| write::erase(writer, state, id)).await
        })
    }

    fn users<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<Vec<User>>> {
        let ask = Ask { call, method: Method::Users, object: "", items: 1, batch: 1 };
        Box::pin(self.read(ask, |state| Ok(state.users.clone())))
    }

    fn history<'a>(
        &'a self,
        call: &'a Call,
        address: &'a Address,
        fields: &'a [String],
    ) -> BoxFuture<'a, Result<Vec<FieldEdit>>> {
        Box::pin(async move {
            if !self.options(&address.object)?.capabilities.history {
                return Ok(Vec::new());
            }
            let ask = Ask { call, method: Method::History, object: &address.object, items: 1, batch: 1 };
            self.read(ask, |state| Ok(read::history(state, address, fields))).await
        })
    }
}
