//! Erasing a person: one commit takes everything out of the store and blocks the return; then the conflict log file,
//! then each record, each read back. What a crash interrupts, the next cycle ends.

use std::collections::BTreeSet;

use hymnal_sdk::{Address, Call, Effect, Error, Gone, Got, Kind, Lane, Native, State};

use super::{Sync, reconcile::reread_key, report::Failure, world::World};
use crate::{
    journal::{
        blocked::Trace,
        entry::{JournalPage, LogLine},
        erasure::{Done, Erased, Erasure, Here},
    },
    mapping,
    merge::{Entity, Event, Id, Pair, Side},
    store::{StoreError, format, tables::entity_of},
};

/// Rows looked at before others get a turn.
const PAGE: usize = 1000;

/// Why a person cannot be erased now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotNow {
    /// There is no such person.
    Unknown,
    /// A record of the person may have been made a moment ago, and nobody knows its id yet.
    Creating,
}

/// What of the journal and the conflict log is about a person.
#[derive(Default)]
struct Traces {
    former: BTreeSet<Id>,
    pages: Vec<Vec<u8>>,
    lines: Vec<(u64, Id)>,
}

impl Sync {
    /// Takes a person out of the store, in one commit, and blocks the return. What is left to be done says the erasure:
    /// [`Sync::finish_erasure`] does it. Nobody may run a cycle meanwhile.
    ///
    /// # Errors
    /// The store's.
    pub async fn forget(&self, id: Id, everywhere: bool) -> Result<Result<Erasure, NotNow>, StoreError> {
        let Some(entity) = self.look(|world| world.entity(id)).await? else { return Ok(Err(NotNow::Unknown)) };
        if entity.creating.iter().any(|(_, creating)| creating.is_some()) {
            return Ok(Err(NotNow::Creating));
        }
        let records = Pair::from_fn(|side| addresses(&entity, side));
        let traces = self.traces(&entity, &records).await?;
        let cycle = self.committer.new_cycle().await;
        let committed = self.decide(cycle, |world| erase_here(world, &entity, records, &traces, everywhere)).await?;
        Ok(Ok(committed.answer))
    }

    /// Does what is left of an erasure. Answers it as it then stands, and what stopped it.
    ///
    /// # Errors
    /// The store's.
    pub async fn finish_erasure(&self, mut erasure: Erasure) -> Result<(Erasure, Vec<(Side, Error)>), StoreError> {
        let mut troubles = Vec::new();
        if erasure.file_waits {
            let (name, erased) = (self.committer.rules.name.as_str(), &erasure);
            self.committer.log.erase(|line| is_about(line, name, erased))?;
            erasure.file_waits = false;
            self.keep(&mut erasure)?;
        }
        for side in Side::BOTH {
            match self.erase_records(side, &mut erasure).await {
                Ok(()) => {}
                Err(Failure::Store(error)) => return Err(error),
                Err(Failure::Service { side, error }) => troubles.push((side, error)),
            }
        }
        self.keep(&mut erasure)?;
        Ok((erasure, troubles))
    }

    /// The hashes that a person known by this text as a key would have.
    ///
    /// # Errors
    /// The store's.
    pub async fn traces_of(&self, text: &str) -> Result<Vec<Trace>, StoreError> {
        self.look(|world| {
            let context = world.context;
            let mut found = Vec::new();
            for (set, fields) in context.rules.matching.iter().enumerate() {
                let &[only] = fields.as_slice() else { continue };
                let rule = &context.rules.fields[only];
                let place = mapping::NativeField::default();
                let value = mapping::read(&rule.map, &place, &Native::text(text)).ok();
                let key = value.as_ref().and_then(mapping::key);
                found.extend(world.blocked.zip(key).map(|(blocked, key)| blocked.key(set, &key, context)));
            }
            Ok(found)
        })
        .await
    }

    /// Every erasure that is known, open ones and receipts.
    ///
    /// # Errors
    /// The store's.
    pub fn erasures(&self) -> Result<Vec<Erasure>, StoreError> {
        let rows = self.committer.store.scan(&self.committer.tag.table(b'f'), None, usize::MAX)?;
        rows.iter().map(|(key, bytes)| format::open(key, bytes)).collect()
    }

    /// How many records of erased people were read again, and are not met.
    ///
    /// # Errors
    /// The store's.
    pub fn count_blocked(&self) -> Result<u64, StoreError> {
        self.count(&self.committer.tag.table(b'n'))
    }

    /// Ends erasures that were interrupted, or that a service held up.
    pub(super) async fn finish_erasures(&self) -> Result<Vec<(Side, Error)>, StoreError> {
        let mut troubles = Vec::new();
        for mut erasure in self.erasures()? {
            let key = self.committer.tag.entity(erasure.entity);
            if self.committer.store.get(&key)?.is_some() {
                // A backup from before the erasure was put back.
                match self.forget(erasure.entity, erasure.everywhere).await? {
                    Ok(again) => erasure = again,
                    Err(_) => continue,
                }
            }
            if !erasure.is_open() {
                continue;
            }
            troubles.extend(self.finish_erasure(erasure).await?.1);
        }
        Ok(troubles)
    }

    fn keep(&self, erasure: &mut Erasure) -> Result<(), StoreError> {
        if !erasure.is_open() && erasure.done_at.is_none() {
            erasure.done_at = Some(self.committer.clock.now());
        }
        let mut batch = crate::store::Batch::default();
        batch.put(self.committer.tag.erasure(erasure.entity), format::seal(&*erasure));
        self.committer.store.commit(batch)
    }

    /// Everything that journal and conflict log hold of a person, also under ids that were united into this one.
    async fn traces(&self, entity: &Entity, records: &Pair<BTreeSet<Address>>) -> Result<Traces, StoreError> {
        let id = entity.id;
        let mut traces = Traces { former: entity.aliases.iter().copied().collect(), ..Traces::default() };
        let mut pages: Vec<(Id, Vec<u8>)> = Vec::new();
        self.each_row(b'j', |key, bytes| {
            let Some(of) = entity_of(key.get(..18).unwrap_or_default()) else { return Ok(()) };
            if of == id {
                traces.pages.push(key.to_vec());
            } else if names_any(&format::open::<JournalPage>(key, bytes)?.events, records) {
                pages.push((of, key.to_vec()));
            }
            Ok(())
        })
        .await?;
        // Who lives on under an id of their own keeps their history.
        for (of, _) in &pages {
            if self.committer.store.get(&self.committer.tag.entity(*of))?.is_none() {
                traces.former.insert(*of);
            }
        }
        for of in &traces.former {
            let rows = self.committer.store.scan(&self.committer.tag.journal(*of), None, usize::MAX)?;
            traces.pages.extend(rows.into_iter().map(|(key, _)| key));
        }
        let former = std::mem::take(&mut traces.former);
        self.each_row(b'c', |key, bytes| {
            let line: LogLine = format::open(key, bytes)?;
            let is_theirs = |side: Side| line.records[side].iter().any(|address| records[side].contains(address));
            let of_them = line.entity.is_some_and(|entity| entity == id || former.contains(&entity));
            if of_them || Side::BOTH.into_iter().any(is_theirs) {
                traces.lines.push((line.number, line.event.id));
            }
            Ok(())
        })
        .await?;
        traces.former = former;
        Ok(traces)
    }

    async fn each_row(
        &self,
        table: u8,
        mut look: impl FnMut(&[u8], &[u8]) -> Result<(), StoreError> + Send,
    ) -> Result<(), StoreError> {
        let prefix = self.committer.tag.table(table);
        let mut after: Option<Vec<u8>> = None;
        loop {
            let rows = self.committer.store.scan(&prefix, after.as_deref(), PAGE)?;
            let Some((last, _)) = rows.last() else { return Ok(()) };
            after = Some(last.clone());
            for (key, bytes) in &rows {
                look(key, bytes)?;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Erases the records of one side that are left, one batch an object: read, marked, erased, read back.
    async fn erase_records(&self, side: Side, erasure: &mut Erasure) -> Result<(), Failure> {
        for object in &self.systems[side].objects {
            let open = |record: &&mut Erased| record.address.object == object.name && record.done.is_open();
            let ids: Vec<String> =
                erasure.records[side].iter_mut().filter(open).map(|record| record.address.id.clone()).collect();
            for id in ids {
                self.erase_record(side, &Address::new(&object.name, id), erasure).await?;
            }
        }
        // An object that the sync no longer has cannot be asked.
        for record in erasure.records[side].iter_mut().filter(|record| record.done.is_open()) {
            record.done = Done::Refused { code: "object-not-in-sync".to_owned() };
        }
        Ok(())
    }

    async fn erase_record(&self, side: Side, address: &Address, erasure: &mut Erasure) -> Result<(), Failure> {
        let connector = &self.systems[side].connector;
        let capable = connector.capable(&address.object).map_err(Failure::at(side))?;
        let call = Call::new(Lane::Person);
        let ids = [address.id.clone()];
        let for_good = capable.erase_batch > 0;
        let ours = if for_good { Done::Erased } else { Done::Deleted };
        let was_sent = erasure.done(side, address) == Some(&mut Done::Sent);
        if !self.is_there(side, &call, address).await? {
            let done = match (was_sent, capable.gone) {
                (true, _) => ours,
                (false, Gone::Deleted) => Done::GoneBefore,
                (false, Gone::NotVisible) => Done::NotVisible,
            };
            return Ok(self.note(side, address, done, erasure)?);
        }
        if !for_good && capable.delete_batch == 0 {
            let done = Done::Refused { code: "cannot-delete".to_owned() };
            return Ok(self.note(side, address, done, erasure)?);
        }
        self.note(side, address, Done::Sent, erasure)?;
        let sent = if for_good {
            connector.erase(&call, &address.object, &ids).await
        } else {
            connector.delete(&call, &address.object, &ids).await
        };
        let answer = sent.and_then(|answers| answers.into_iter().next().unwrap_or(Ok(())));
        let done = match answer {
            Err(error) if is_refusal(&error) => Done::Refused { code: error.code },
            // Whether it was done is not known, or was not tried: it is read again, and tried again.
            Err(error) if error.kind != Kind::Gone => return Err(Failure::Service { side, error }),
            _ if self.is_there(side, &call, address).await? => Done::Refused { code: "still-there".to_owned() },
            _ => ours,
        };
        Ok(self.note(side, address, done, erasure)?)
    }

    /// Reads a record by its id: it is there and not deleted.
    async fn is_there(&self, side: Side, call: &Call, address: &Address) -> Result<bool, Failure> {
        let connector = &self.systems[side].connector;
        let ids = [address.id.clone()];
        let got = connector.get(call, &address.object, &ids, &[]).await.map_err(Failure::at(side))?;
        Ok(got.iter().any(|got| match got {
            Got::Record(record) => record.address == *address && record.state != State::Deleted,
            Got::Gone => false,
        }))
    }

    fn note(&self, side: Side, address: &Address, done: Done, erasure: &mut Erasure) -> Result<(), StoreError> {
        if let Some(known) = erasure.done(side, address) {
            *known = done;
        }
        self.keep(erasure)
    }
}

impl World<'_> {
    /// Whether a record that nobody knows is one of an erased person: by its address, or by a key of what it holds. It
    /// is counted, and nothing of it is kept.
    pub fn is_blocked(&mut self, side: Side, address: &Address, held: &Entity) -> Result<bool, StoreError> {
        let Some(blocked) = self.blocked else { return Ok(false) };
        if self.scan(&self.tag().table(b'z'), 1)?.is_empty() {
            return Ok(false);
        }
        let record = blocked.address(side, address);
        for trace in std::iter::once(record).chain(blocked.keys(held, self.context)) {
            if self.get(&self.tag().blocked(&trace))?.is_some() {
                self.set(self.tag().met_again(&record), Some(Vec::new()));
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A record of an erased person is gone: it is no longer counted.
    pub fn note_departed(&mut self, side: Side, address: &Address) -> Result<(), StoreError> {
        let Some(blocked) = self.blocked else { return Ok(()) };
        let key = self.tag().met_again(&blocked.address(side, address));
        if self.get(&key)?.is_some() {
            self.set(key, None);
        }
        Ok(())
    }
}

impl Erasure {
    fn done(&mut self, side: Side, address: &Address) -> Option<&mut Done> {
        self.records[side].iter_mut().find(|record| record.address == *address).map(|record| &mut record.done)
    }
}

/// Every record that is, or was, the person's.
fn addresses(entity: &Entity, side: Side) -> BTreeSet<Address> {
    let member = entity.members[side].as_ref().map(|member| member.address.clone());
    let tombstone = entity.tombstones[side].as_ref().map(|tombstone| tombstone.address.clone());
    let secondaries = entity.secondaries[side].iter().map(|secondary| secondary.member.address.clone());
    member.into_iter().chain(tombstone).chain(secondaries).collect()
}

/// Takes the person out, in one commit.
fn erase_here(
    world: &mut World<'_>,
    entity: &Entity,
    records: Pair<BTreeSet<Address>>,
    traces: &Traces,
    everywhere: bool,
) -> Result<Erasure, StoreError> {
    let tag = world.tag();
    let keys: Vec<Trace> = world.blocked.map(|blocked| blocked.keys(entity, world.context)).unwrap_or_default();
    for side in Side::BOTH {
        for address in &records[side] {
            if let Some(blocked) = world.blocked {
                let trace = blocked.address(side, address);
                world.set(tag.blocked(&trace), Some(Vec::new()));
            }
            let waits = reread_key(tag, side, address);
            if world.get(&waits)?.is_some() {
                world.set(waits, None);
            }
        }
    }
    for trace in &keys {
        world.set(tag.blocked(trace), Some(Vec::new()));
    }
    world.remove(entity.id)?;
    for key in &traces.pages {
        world.set(key.clone(), None);
    }
    for (number, conflict) in &traces.lines {
        world.set(tag.line(*number), None);
        world.set(tag.latest_line(*conflict), None);
    }
    let erased = |address: Address| Erased { address, done: if everywhere { Done::Waits } else { Done::Kept } };
    let erasure = Erasure {
        entity: entity.id,
        former: traces.former.iter().copied().collect(),
        at: world.context.now,
        everywhere,
        records: records.map(|records| records.into_iter().map(erased).collect()),
        keys,
        here: Here {
            fields: entity.fields.len() as u64,
            pages: traces.pages.len() as u64,
            lines: traces.lines.len() as u64,
        },
        file_waits: true,
        done_at: None,
    };
    world.set(tag.erasure(entity.id), Some(format::seal(&erasure)));
    Ok(erasure)
}

/// A line of the conflict log file is about the person: by the id, or by one of the records.
fn is_about(line: &serde_json::Value, sync: &str, erasure: &Erasure) -> bool {
    if line["sync"] != sync {
        return false;
    }
    let id = line["entity"].as_str().and_then(|id| id.parse::<Id>().ok());
    if id.is_some_and(|id| erasure.is_of(id)) {
        return true;
    }
    let names: BTreeSet<String> = Side::BOTH
        .iter()
        .flat_map(|side| erasure.records[*side].iter().map(|erased| erased.address.to_string()))
        .collect();
    let is_one = |value: &serde_json::Value| value.as_str().is_some_and(|name| names.contains(name));
    let records = line["records"].as_object();
    records.is_some_and(|records| {
        records.values().any(|record| is_one(record) || record.as_array().is_some_and(|all| all.iter().any(is_one)))
    })
}

/// One of the events names one of the records.
fn names_any(events: &[Event], records: &Pair<BTreeSet<Address>>) -> bool {
    events.iter().any(|event| match event {
        Event::Linked { records: linked, .. } => {
            Side::BOTH.into_iter().any(|side| records[side].contains(&linked[side]))
        }
        Event::Moved { side, from, to } => records[*side].contains(from) || records[*side].contains(to),
        Event::Met { side, address }
        | Event::Duplicate { side, address }
        | Event::Written { side, address, .. }
        | Event::SeenDeleted { side, address }
        | Event::NotVisible { side, address }
        | Event::SeenAgain { side, address }
        | Event::Removing { side, address, .. }
        | Event::Removed { side, address }
        | Event::Spared { side, address, .. }
        | Event::Unlinked { side, address } => records[*side].contains(address),
        Event::Sending { side, address, .. } => {
            address.as_ref().is_some_and(|address| records[*side].contains(address))
        }
        // The others name no record, or only beside one of these.
        _ => false,
    })
}

/// The service will say the same next time.
fn is_refusal(error: &Error) -> bool {
    error.effect != Effect::Unknown
        && matches!(error.kind, Kind::RejectedField | Kind::RejectedRecord | Kind::Fatal | Kind::TooLarge)
}
