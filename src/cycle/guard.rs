//! Counting what is about to be written, over a rolling window, across restarts: the count is committed with the mark of
//! the write it counts.

use std::collections::BTreeMap;

use hymnal_sdk::{Address, SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{state::LOADED, world::World};
use crate::{
    merge::{
        Entity, Id, Side,
        entity::Presence,
        guard::{self, GuardKind, Provenance},
        held::{self, Answer, Gate, RecordGate},
        patch::Patch,
    },
    planted::{self, Planted},
    store::{StoreError, format},
};

/// The state's name of the counts.
const COUNTS: &str = "guards";
/// A window is counted in so many parts: what leaves it leaves in steps of one part.
const PARTS: u128 = 60;

/// Writes that a guard holds back: of one kind and cause. An entry is a write that was decided; entries have numbers,
/// so that what is approved is exactly what was shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Its number.
    pub number: u32,
    /// Its id in the conflict log.
    pub id: Id,
    /// What it holds.
    pub kind: GuardKind,
    /// Where that comes from.
    pub cause: Provenance,
    /// Since when.
    #[serde(with = "jiff::fmt::serde::timestamp::microsecond::required")]
    pub since: Timestamp,
    /// How many were allowed within the window.
    pub most: u64,
    /// The number of its last entry.
    pub entries: u32,
    /// So many entries were told of in the conflict log.
    pub told: u32,
    /// The answer of a person, or of time, for the entries up to one; none: it waits.
    pub answer: Option<(u32, Answer)>,
}

impl Hold {
    /// What people name it by: the kind, the number, and the last entry that it has now.
    pub fn name(&self) -> String {
        format!("{}-{}.{}", self.kind.word(), self.number, self.entries)
    }
}

/// The counts, and the holds, as one decision sees them.
#[derive(Clone, Debug, Default)]
pub struct Book {
    counts: Counts,
    holds: BTreeMap<u32, Hold>,
    is_loaded: bool,
    changed: bool,
}

/// What is counted: by kind, by the part of the window in which it was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Counts {
    /// The number of the last hold.
    last: u32,
    parts: BTreeMap<GuardKind, BTreeMap<i64, u64>>,
}

impl Book {
    /// The store's.
    pub(super) fn open(world: &World<'_>) -> Result<Self, StoreError> {
        let key = world.tag().state(COUNTS);
        let counts = match world.get(&key)? {
            Some(bytes) => format::open(&key, &bytes)?,
            None => Counts::default(),
        };
        let mut holds = BTreeMap::new();
        for (key, bytes) in world.scan(&world.tag().table(b'g'), usize::MAX)? {
            let hold: Hold = format::open(&key, &bytes)?;
            holds.insert(hold.number, hold);
        }
        let is_loaded = world.get(&world.tag().state(LOADED))?.is_some();
        Ok(Self { counts, holds, is_loaded, changed: false })
    }

    /// What is to be stored.
    pub(super) fn rows(&self, world: &World<'_>) -> Vec<(Vec<u8>, Vec<u8>)> {
        if !self.changed {
            return Vec::new();
        }
        let holds = self.holds.values().map(|hold| (world.tag().hold(hold.number), format::seal(hold)));
        let counts = (world.tag().state(COUNTS), format::seal(&self.counts));
        holds.chain(Some(counts)).collect()
    }

    /// The holds, by number.
    pub fn holds(&self) -> impl Iterator<Item = &Hold> {
        self.holds.values()
    }

    fn open_hold(&mut self, kind: GuardKind, cause: Provenance) -> Option<&mut Hold> {
        self.holds.values_mut().find(|hold| hold.kind == kind && hold.cause == cause && hold.answer.is_none())
    }
}

impl World<'_> {
    /// Whether one more write of this kind may be made: counted if so; else it is an entry of a hold.
    pub fn admit(&mut self, kind: GuardKind, cause: Provenance) -> Result<Option<Gate>, StoreError> {
        self.with_book(|book, world| book.admit(kind, cause, world))
    }

    /// A write that was counted then is sent again.
    fn send_again(&mut self, kind: GuardKind, then: Timestamp) -> Result<(), StoreError> {
        self.with_book(|book, world| book.count_again(kind, then, world))
    }

    /// Nothing more of this kind may be made now.
    fn is_full(&mut self, kind: GuardKind, cause: Provenance) -> Result<bool, StoreError> {
        self.with_book(|book, world| {
            book.open_hold(kind, cause).is_some() || book.left(kind, world).is_some_and(|left| left == 0)
        })
    }

    /// How many writes of a kind may be made still; `None`: any number.
    pub fn room(&mut self, kind: GuardKind) -> Result<Option<u64>, StoreError> {
        self.with_book(|book, world| book.left(kind, world))
    }

    /// How many writes any guard may let through still, at the least; 0 where something is held.
    pub fn slack(&mut self) -> Result<u64, StoreError> {
        self.with_book(|book, world| {
            if book.holds.values().any(|hold| hold.answer.is_none()) {
                return 0;
            }
            GuardKind::ALL.into_iter().filter_map(|kind| book.left(kind, world)).min().unwrap_or(u64::MAX)
        })
    }

    /// The holds there are, by number.
    pub fn holds(&mut self) -> Result<Vec<Hold>, StoreError> {
        self.with_book(|book, _| book.holds().cloned().collect())
    }

    /// Changes a hold; `false` from `change`: it is over.
    pub fn change_hold(&mut self, number: u32, change: impl FnOnce(&mut Hold) -> bool) -> Result<(), StoreError> {
        let key = self.tag().hold(number);
        let stays = self.with_book(|book, _| {
            book.changed = true;
            let stays = book.holds.get_mut(&number).is_some_and(change);
            if !stays {
                book.holds.remove(&number);
            }
            stays
        })?;
        if !stays {
            self.set(key, None);
        }
        Ok(())
    }

    fn with_book<T>(&mut self, act: impl FnOnce(&mut Book, &mut Self) -> T) -> Result<T, StoreError> {
        let mut book = match self.take_book() {
            Some(book) => book,
            None => Book::open(self)?,
        };
        let answer = act(&mut book, self);
        self.put_book(book);
        Ok(answer)
    }
}

impl Book {
    fn admit(&mut self, kind: GuardKind, cause: Provenance, world: &mut World<'_>) -> Option<Gate> {
        if self.open_hold(kind, cause).is_none() {
            let most = self.most(kind, world)?;
            if self.left(kind, world).is_none_or(|left| left > 0) {
                self.count(kind, world);
                return None;
            }
            self.counts.last += 1;
            let (number, id, since) = (self.counts.last, world.new_id(), world.context.now);
            let hold = Hold { number, id, kind, cause, since, most, entries: 0, told: 0, answer: None };
            self.holds.insert(number, hold);
        }
        self.changed = true;
        let hold = self.open_hold(kind, cause)?;
        hold.entries += 1;
        Some(Gate::Held { hold: hold.number, entry: hold.entries })
    }

    /// How many the guard allows; `None`: it is off, or the first load is under way, which stands under another gate.
    fn most(&self, kind: GuardKind, world: &World<'_>) -> Option<u64> {
        if !self.is_loaded && matches!(kind, GuardKind::Creates | GuardKind::Updates) {
            return None;
        }
        if planted::is(Planted::IgnoreGuards) {
            return None;
        }
        world.context.rules.guards.most(kind, world.counts().linked)
    }

    fn left(&self, kind: GuardKind, world: &World<'_>) -> Option<u64> {
        let most = self.most(kind, world)?;
        let window = i64::try_from(world.context.rules.guards.window.as_millis()).unwrap_or(i64::MAX);
        let oldest = world.context.now.as_millisecond().saturating_sub(window);
        let part = part(world);
        let parts = self.counts.parts.get(&kind.counted_as());
        // A part counts until all of it has left the window.
        let done: u64 = parts.into_iter().flatten().filter(|(at, _)| **at + part > oldest).map(|(_, done)| done).sum();
        Some(most.saturating_sub(done))
    }

    fn count(&mut self, kind: GuardKind, world: &World<'_>) {
        let window = i64::try_from(world.context.rules.guards.window.as_millis()).unwrap_or(i64::MAX);
        let now = world.context.now.as_millisecond();
        let part = part(world);
        let parts = self.counts.parts.entry(kind.counted_as()).or_default();
        parts.retain(|at, _| *at + part > now.saturating_sub(window));
        *parts.entry(now.div_euclid(part) * part).or_default() += 1;
        self.changed = true;
    }

    /// What was counted then is sent again now: it counts once, and from now on, since that is when it may arrive.
    fn count_again(&mut self, kind: GuardKind, then: Timestamp, world: &World<'_>) {
        let part = part(world);
        let then = then.as_millisecond().div_euclid(part) * part;
        let counted = self.counts.parts.get_mut(&kind.counted_as()).and_then(|parts| parts.get_mut(&then));
        // What was sent in the first load was never counted.
        if let Some(counted) = counted.filter(|counted| **counted > 0) {
            *counted -= 1;
            self.count(kind, world);
        }
    }
}

fn part(world: &World<'_>) -> i64 {
    let part = world.context.rules.guards.window.as_millis() / PARTS;
    i64::try_from(part).unwrap_or(i64::MAX).max(1)
}

/// Takes out of a patch what a guard holds, and notes it in the entity. What is left is counted.
pub fn guard_patch(
    world: &mut World<'_>,
    entity: &mut Entity,
    side: Side,
    patch: &mut Patch,
) -> Result<(), StoreError> {
    let counted = std::mem::take(&mut entity.counted[side]);
    let mut kinds = vec![GuardKind::Blanked, GuardKind::Updates, GuardKind::OptOuts, GuardKind::OptIns];
    // Where the record may not change at all, what is cleared in it needs no count of its own.
    if let Some(cause) = asked(world, entity, side, patch, GuardKind::Updates)
        && still_counts(world, &counted, GuardKind::Updates).is_none()
        && world.is_full(GuardKind::Updates, cause)?
    {
        kinds.swap(0, 1);
    }
    for kind in kinds {
        let Some(cause) = asked(world, entity, side, patch, kind) else { continue };
        let gate = match still_counts(world, &counted, kind) {
            Some(then) => world.send_again(kind, then).map(|()| None)?,
            None => world.admit(kind, cause)?,
        };
        match gate {
            None => {
                entity.counted[side].insert(kind, world.context.now);
            }
            Some(gate) => held::hold(entity, side, kind, gate, patch, world.context),
        }
    }
    Ok(())
}

/// When a write was counted, if that is within the window. What is refused and sent again later is another write by then.
fn still_counts(world: &World<'_>, counted: &BTreeMap<GuardKind, Timestamp>, kind: GuardKind) -> Option<Timestamp> {
    let window = SignedDuration::try_from(world.context.rules.guards.window).unwrap_or(SignedDuration::MAX);
    let at = counted.get(&kind)?;
    (world.context.now.duration_since(*at) < window).then_some(*at)
}

/// The same for a further record of the person, which takes consents and nothing else.
pub fn guard_secondary(
    world: &mut World<'_>,
    entity: &mut Entity,
    side: Side,
    address: &Address,
    patch: &mut Patch,
) -> Result<(), StoreError> {
    for (kind, cause) in guard::kinds_of_secondary(entity, side, address, patch, world.context) {
        if let Some(gate) = world.admit(kind, cause)? {
            held::hold_secondary(entity, side, address, (kind, gate), patch, world.context);
        }
    }
    Ok(())
}

/// Whether the patch needs to be let through for a kind, and where it comes from.
fn asked(world: &World<'_>, entity: &Entity, side: Side, patch: &Patch, wanted: GuardKind) -> Option<Provenance> {
    let kinds = guard::kinds(entity, side, patch, world.context);
    kinds.into_iter().find(|(kind, _)| *kind == wanted).map(|(_, cause)| cause)
}

/// Whether a record may be made, or unlinked. Where not, the entity says so.
pub fn guard_record(
    world: &mut World<'_>,
    entity: &mut Entity,
    side: Side,
    kind: GuardKind,
) -> Result<Verdict, StoreError> {
    match &entity.gates[side] {
        Some(RecordGate::Discarded) => return Ok(Verdict::Waits),
        Some(RecordGate::Gate(of, Gate::Held { .. })) if *of == kind => return Ok(Verdict::Waits),
        Some(RecordGate::Gate(of, Gate::Passed)) if *of == kind => return Ok(Verdict::Goes),
        _ => {}
    }
    if let Some(then) = still_counts(world, &entity.counted[side], kind) {
        world.send_again(kind, then)?;
        entity.counted[side].insert(kind, world.context.now);
        return Ok(Verdict::Goes);
    }
    let cause = guard::cause_of_person(entity);
    Ok(match world.admit(kind, cause)? {
        None => {
            entity.counted[side].insert(kind, world.context.now);
            Verdict::Goes
        }
        Some(gate) => {
            entity.gates[side] = Some(RecordGate::Gate(kind, gate));
            Verdict::Waits
        }
    })
}

/// What a guard says of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is counted, and may be done.
    Goes,
    /// It waits for a person.
    Waits,
}

/// The deletion of a member waits for a person.
pub fn holds_unlinking(entity: &Entity, side: Side) -> bool {
    let is_deleted =
        matches!(entity.members[side].as_ref().map(|member| member.presence), Some(Presence::Deleted { .. }));
    let is_held = matches!(
        entity.gates[side],
        Some(RecordGate::Discarded | RecordGate::Gate(GuardKind::Deletes, Gate::Held { .. }))
    );
    is_deleted && is_held
}
