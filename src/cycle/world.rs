//! The store as one decision sees it: what is there, and over it what was decided and is not committed yet.
//!
//! Whatever can be derived of an entity (indexes, outbox, what waits) is derived here, in one place, whenever it is
//! put: so no index can disagree with what it indexes, and a crash can lose neither without the other.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use hymnal_sdk::Address;

pub use super::outbox::{CONSENT, Job, LANES, ORDINARY, PERSON, SECONDARY};
use super::{
    counts::Counts,
    derive::{derive_relations, waits},
    guard::Book,
    ids::Ids,
    spread::News,
};
use crate::{
    journal::{
        Blocked,
        entry::{Cause, JournalPage, LogLine},
    },
    merge::{
        Context, Entity, Event, Id, Pair, Side, emails::remember_emails, entity::Want, event::ConflictEvent,
        history::History, patch::keys, reading::Ledger,
    },
    store::{
        Batch, KeyValue, Kv, StoreError, format,
        tables::{Tag, entity_of},
    },
};

/// The store with undecided changes over it.
pub struct World<'a> {
    store: &'a dyn Kv,
    tag: Tag,
    /// What decisions depend on.
    pub context: &'a Context<'a>,
    cycle: Id,
    ids: &'a mut Ids,
    /// Field histories: what is known, and what would be needed.
    pub history: History,
    /// Recognises who was erased.
    pub blocked: Option<&'a Blocked>,
    /// Why what happens now happens, where it is not the ordinary cycle.
    pub cause: Option<Cause>,
    changes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    /// Entities as they stand, for each that was asked for or put: a decision asks for the same one several times,
    /// and to read one from its bytes costs much more than to clone it.
    entities: RefCell<BTreeMap<Id, Option<Rc<Entity>>>>,
    /// Those of them that are to be written.
    put: BTreeSet<Id>,
    /// Who does not read, and why.
    unreadable: RefCell<BTreeMap<Id, String>>,
    /// Whose restrictions, or e-mails, are new: others of the same e-mail are to hear of them.
    pub(super) spreading: BTreeMap<Id, News>,
    lines: Vec<LogLine>,
    book: Option<Book>,
    counts: Counts,
    counts_before: Counts,
}

/// What one decision comes to.
pub struct Decided {
    /// All of it, for one commit; empty where nothing changed.
    pub batch: Batch,
    /// The lines of the conflict log in it.
    pub lines: Vec<LogLine>,
    /// How many entities changed.
    pub changed: usize,
}

impl<'a> World<'a> {
    /// The store as it is.
    pub fn new(
        store: &'a dyn Kv,
        tag: Tag,
        context: &'a Context<'a>,
        cycle: Id,
        ids: &'a mut Ids,
    ) -> Result<Self, StoreError> {
        let key = tag.state("counts");
        let counts = match store.get(&key)? {
            Some(bytes) => format::open(&key, &bytes)?,
            None => Counts::default(),
        };
        Ok(Self {
            store,
            tag,
            context,
            cycle,
            ids,
            history: History::default(),
            blocked: None,
            cause: None,
            changes: BTreeMap::new(),
            entities: RefCell::default(),
            put: BTreeSet::new(),
            unreadable: RefCell::default(),
            spreading: BTreeMap::new(),
            lines: Vec::new(),
            book: None,
            counts,
            counts_before: counts,
        })
    }

    /// An entity.
    pub fn entity(&self, id: Id) -> Result<Option<Entity>, StoreError> {
        Ok(self.shared(id)?.map(Rc::unwrap_or_clone))
    }

    /// An entity, to look at.
    pub fn shared(&self, id: Id) -> Result<Option<Rc<Entity>>, StoreError> {
        if let Some(known) = self.entities.borrow().get(&id) {
            return Ok(known.clone());
        }
        let key = self.tag.entity(id);
        let stored = self.store.get(&key)?.map(|bytes| format::open(&key, &bytes)).transpose();
        let entity = match stored {
            Err(StoreError::BadValue { reason, .. }) => {
                self.unreadable.borrow_mut().insert(id, reason);
                None
            }
            stored => stored?.map(Rc::new),
        };
        self.entities.borrow_mut().insert(id, entity.clone());
        Ok(entity)
    }

    /// Who was met and does not read, and why. To decisions they are nobody, and
    /// [`unreadable`](super::unreadable) is asked where that would make somebody anew.
    pub(super) fn unreadable(&self) -> BTreeMap<Id, String> {
        self.unreadable.borrow().clone()
    }

    /// The person with this id, or whose alias it is.
    pub fn known_by(&self, id: Id) -> Result<Option<Entity>, StoreError> {
        if let Some(entity) = self.entity(id)? {
            return Ok(Some(entity));
        }
        let survivor = self.get(&self.tag.alias(id))?.as_deref().and_then(entity_of);
        survivor.map_or(Ok(None), |id| self.entity(id))
    }

    fn set_entity(&mut self, id: Id, entity: Option<Rc<Entity>>) {
        self.entities.get_mut().insert(id, entity);
        self.put.insert(id);
    }

    /// The entity that knows an address.
    pub fn by_address(&self, side: Side, address: &Address) -> Result<Option<Entity>, StoreError> {
        Ok(self.shared_by_address(side, address)?.map(Rc::unwrap_or_clone))
    }

    /// The entity that knows an address, to look at.
    pub fn shared_by_address(&self, side: Side, address: &Address) -> Result<Option<Rc<Entity>>, StoreError> {
        let Some(bytes) = self.get(&self.tag.address(side, address))? else { return Ok(None) };
        match entity_of(&bytes) {
            Some(id) => self.shared(id),
            None => Ok(None),
        }
    }

    /// Every other entity that shares a key with this one, by id.
    pub fn sharing_a_key(&self, entity: &Entity) -> Result<Vec<Entity>, StoreError> {
        let mut ids = BTreeSet::new();
        for (set, fields) in self.context.rules.matching.iter().enumerate() {
            for text in keys(entity, fields, self.context) {
                for (key, _) in self.scan(&self.tag.matching(set, &text), 64)? {
                    ids.extend(entity_of(&key).filter(|id| *id != entity.id));
                }
            }
        }
        let found: Result<Vec<Option<Entity>>, StoreError> = ids.into_iter().map(|id| self.entity(id)).collect();
        Ok(found?.into_iter().flatten().collect())
    }

    /// A new entity, not put yet.
    pub fn new_entity(&mut self) -> Entity {
        Entity::new(self.ids.next(self.context.now))
    }

    /// Runs a decision that needs ids and tells events.
    pub fn decide<T>(&mut self, act: impl FnOnce(&Context<'_>, &mut Ledger<'_>) -> T) -> (T, Vec<Event>) {
        let mut events = Vec::new();
        let now = self.context.now;
        let ids = &mut *self.ids;
        let mut next = || ids.next(now);
        let answer = act(self.context, &mut Ledger { ids: &mut next, events: &mut events, history: &mut self.history });
        (answer, events)
    }

    /// Puts an entity and everything that is derived of it, with what happened to it.
    pub fn put(&mut self, mut entity: Entity, events: Vec<Event>) -> Result<(), StoreError> {
        let before = self.shared(entity.id)?;
        if let Some(before) = &before {
            remember_emails(&mut entity, before, self.context);
        }
        self.note(&entity, events)?;
        if before.as_deref() != Some(&entity) {
            self.note_news(before.as_deref(), &entity);
            self.replace(before.as_deref(), Some(&entity));
            let entity = Rc::new(entity);
            self.set_entity(entity.id, Some(Rc::clone(&entity)));
            self.match_again(before.as_deref(), &entity)?;
        }
        Ok(())
    }

    /// Puts an entity of which nothing that is derived stands in the store, and that is not counted.
    pub fn put_anew(&mut self, entity: Entity, events: Vec<Event>) -> Result<(), StoreError> {
        self.note_news(None, &entity);
        self.counts.replace(None, Some(&entity), self.context);
        self.put_derived(entity, events)
    }

    /// Puts an entity that is counted, and everything that is derived of it, whatever stands in the store.
    pub(super) fn put_derived(&mut self, entity: Entity, events: Vec<Event>) -> Result<(), StoreError> {
        self.changes.extend(self.derived(&entity).into_iter().map(|(key, value)| (key, Some(value))));
        self.note(&entity, events)?;
        self.set_entity(entity.id, Some(Rc::new(entity)));
        Ok(())
    }

    /// Removes an entity that became a part of another.
    pub fn remove(&mut self, id: Id) -> Result<(), StoreError> {
        if let Some(before) = self.shared(id)? {
            self.replace(Some(&before), None);
            self.set_entity(id, None);
        }
        Ok(())
    }

    /// Sets a key that belongs to no entity.
    pub fn set(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) {
        self.changes.insert(key, value);
    }

    /// The store under it, without what this decision has changed.
    pub fn store(&self) -> &dyn Kv {
        self.store
    }

    /// The value under a key.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.changes.get(key) {
            Some(change) => Ok(change.clone()),
            None => self.store.get(key),
        }
    }

    /// Up to `limit` pairs under a prefix, in key order.
    pub fn scan(&self, prefix: &[u8], limit: usize) -> Result<Vec<KeyValue>, StoreError> {
        let changed = self.changes.range(prefix.to_vec()..).take_while(|(key, _)| key.starts_with(prefix));
        let changed: BTreeMap<_, _> = changed.map(|(key, value)| (key.clone(), value.clone())).collect();
        let removed = changed.values().filter(|value| value.is_none()).count();
        let stored = self.store.scan(prefix, None, limit + removed)?;
        let mut all: BTreeMap<Vec<u8>, Option<Vec<u8>>> =
            stored.into_iter().map(|(key, value)| (key, Some(value))).collect();
        all.extend(changed);
        Ok(all.into_iter().filter_map(|(key, value)| Some((key, value?))).take(limit).collect())
    }

    /// Nobody is counted any more: everybody is put anew.
    pub fn count_nobody(&mut self) {
        self.counts = self.counts.of_nobody();
    }

    /// How many there are.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// The sync's number in the store.
    pub fn tag(&self) -> Tag {
        self.tag
    }

    pub(super) fn take_book(&mut self) -> Option<Book> {
        self.book.take()
    }

    pub(super) fn put_book(&mut self, book: Book) {
        self.book = Some(book);
    }

    pub(super) fn new_id(&mut self) -> Id {
        self.ids.next(self.context.now)
    }

    /// Everything, for one commit.
    pub fn finish(mut self) -> Decided {
        if let Some(book) = self.book.take() {
            self.changes.extend(book.rows(&self).into_iter().map(|(key, value)| (key, Some(value))));
        }
        if !self.put.is_empty() {
            self.counts.edition += 1;
        }
        if self.counts != self.counts_before {
            self.changes.insert(self.tag.state("counts"), Some(format::seal(&self.counts)));
        }
        let entities = self.tag.table(b'e');
        let changed = self.changes.keys().filter(|key| key.starts_with(&entities)).count();
        let mut batch = Batch::default();
        let entities = self.entities.into_inner();
        for id in self.put {
            let key = self.tag.entity(id);
            match entities.get(&id) {
                Some(Some(entity)) => batch.put(key, format::seal(&**entity)),
                _ => batch.delete(key),
            }
        }
        for (key, value) in self.changes {
            match value {
                Some(value) => batch.put(key, value),
                None => batch.delete(key),
            }
        }
        Decided { batch, lines: self.lines, changed }
    }

    /// Replaces what is derived of an entity.
    fn replace(&mut self, before: Option<&Entity>, after: Option<&Entity>) {
        let old = before.map(|entity| self.derived(entity)).unwrap_or_default();
        let new = after.map(|entity| self.derived(entity)).unwrap_or_default();
        for key in old.keys().filter(|key| !new.contains_key(*key)) {
            self.changes.insert(key.clone(), None);
        }
        for (key, value) in new {
            if old.get(&key) != Some(&value) {
                self.changes.insert(key, Some(value));
            }
        }
        self.counts.replace(before, after, self.context);
    }

    /// Everything that follows from an entity.
    fn derived(&self, entity: &Entity) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let mut rows = BTreeMap::new();
        let id = entity.id.bytes().to_vec();
        for side in Side::BOTH {
            let member = entity.members[side].as_ref().map(|member| &member.address);
            let tombstone = entity.tombstones[side].as_ref().map(|tombstone| &tombstone.address);
            for address in member.into_iter().chain(tombstone).chain(entity.secondary_addresses(side)) {
                rows.insert(self.tag.address(side, address), id.clone());
            }
            let lane = match entity.wants[side] {
                Want::Nothing => None,
                Want::Restrict => Some(CONSENT),
                Want::Decided => Some(PERSON),
                Want::Update | Want::Create | Want::Remove => Some(ORDINARY),
            };
            let create = self.context.rules.systems[side].create.as_ref();
            let job = match (&entity.members[side], create) {
                (Some(member), _) if entity.wants[side] == Want::Remove => {
                    Some(Job::Remove(member.address.object.clone()))
                }
                (Some(member), _) => Some(Job::Update(member.address.object.clone())),
                (None, Some(object)) => Some(Job::Create(object.clone())),
                (None, None) => None,
            };
            if let (Some(lane), Some(job)) = (lane, job) {
                rows.insert([self.tag.outbox(side, lane), id.clone()].concat(), job.to_bytes());
            }
        }
        for side in Side::BOTH {
            for entry in entity.held(side) {
                rows.insert(self.tag.held_entry(entry, side, entity.id), Vec::new());
            }
        }
        self.derive_keys(entity, &mut rows);
        derive_relations(entity, self.tag, self.context, &mut rows);
        for (wait, field, value) in waits(entity, self.context) {
            rows.insert([self.tag.waiting(wait), id.clone(), field.into_bytes()].concat(), value);
        }
        rows
    }

    fn derive_keys(&self, entity: &Entity, rows: &mut BTreeMap<Vec<u8>, Vec<u8>>) {
        let mut first = None;
        for (set, fields) in self.context.rules.matching.iter().enumerate() {
            for text in keys(entity, fields, self.context) {
                rows.insert([self.tag.matching(set, &text), entity.id.bytes().to_vec()].concat(), Vec::new());
                first.get_or_insert((set, text));
            }
        }
        if entity.queued {
            let (set, text) = first.unwrap_or_default();
            rows.insert(self.tag.queued(set, &text, entity.id), Vec::new());
        }
    }

    fn note(&mut self, entity: &Entity, events: Vec<Event>) -> Result<(), StoreError> {
        if events.is_empty() {
            return Ok(());
        }
        for event in &events {
            if let Event::Conflict(event) = event {
                self.add_line(Some(entity), event)?;
            }
        }
        self.journal(entity.id, events);
        Ok(())
    }

    /// Writes a page of the journal.
    pub(super) fn journal(&mut self, id: Id, events: Vec<Event>) {
        let page = JournalPage { at: self.context.now, cycle: self.cycle, cause: self.cause, events };
        self.counts.pages += 1;
        let key = self.tag.page(id, self.counts.pages);
        self.changes.insert(key, Some(format::seal(&page)));
    }

    /// Adds a line to the conflict log: about a person, or about the sync.
    pub fn add_line(&mut self, entity: Option<&Entity>, event: &ConflictEvent) -> Result<(), StoreError> {
        self.counts.lines += 1;
        let before = self.get(&self.tag.latest_line(event.id))?;
        let before = before.and_then(|bytes| <[u8; 8]>::try_from(bytes).ok()).map(u64::from_be_bytes);
        let records = Pair::from_fn(|side| {
            let member = entity.and_then(|entity| entity.members[side].as_ref()).map(|member| member.address.clone());
            let further = entity.into_iter().flat_map(|entity| entity.secondary_addresses(side).cloned());
            member.into_iter().chain(further).collect()
        });
        let line = LogLine {
            number: self.counts.lines,
            before,
            entity: entity.map(|entity| entity.id),
            cycle: self.cycle,
            records,
            event: event.clone(),
        };
        self.changes.insert(self.tag.line(line.number), Some(format::seal(&line)));
        self.changes.insert(self.tag.latest_line(event.id), Some(line.number.to_be_bytes().to_vec()));
        self.lines.push(line);
        Ok(())
    }
}
