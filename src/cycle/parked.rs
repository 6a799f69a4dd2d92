//! What is set aside, by its reason: retried when its time comes, when the cause has gone, or when a person says so.
//!
//! Many that are parked for one reason have one breaker: one of them probes, and its success releases all. So an import
//! of 20,000 rows under a new validation rule asks the service once in a while, not 20,000 times an hour.

use std::collections::BTreeMap;

use hymnal_sdk::{Schema, SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Sync, due::waiting_entity, unreadable, world::World};
use crate::{
    mapping::Problem,
    merge::{
        Entity, Id, Side,
        decide::decide,
        parked::{Handling, Parking, Signature, Waiting, handle, release, waiting, words},
    },
    store::{
        StoreError, format,
        tables::{Tag, Wait},
    },
};

/// From so many on, what is parked for one reason has a breaker.
pub const MANY: usize = 10;
/// The first pause of a breaker; it doubles up to a day.
const FIRST_PROBE: SignedDuration = SignedDuration::from_mins(5);
const LAST_PROBE: SignedDuration = SignedDuration::from_hours(24);
/// So many people are decided again in one commit.
const CHUNK: usize = 500;

/// The breaker of one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breaker {
    /// How often it has probed.
    pub probes: u32,
    /// Not before this time again.
    #[serde(with = "jiff::fmt::serde::timestamp::microsecond::required")]
    pub next_probe: Timestamp,
    /// The cause is gone, as far as it is known: all are tried again.
    pub released: bool,
}

/// Everything that is parked for one reason.
#[derive(Clone, Debug)]
pub struct Reason {
    /// Why.
    pub signature: Signature,
    /// Who, and when each is tried again by itself.
    pub people: Vec<(Id, Option<Timestamp>)>,
    /// Its breaker, where there are many.
    pub breaker: Option<Breaker>,
}

impl Reason {
    /// A short id, the same as long as the reason is the same.
    pub fn id(&self) -> String {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &to_bytes(&self.signature));
        let number = digest.as_ref().iter().take(5).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        format!("{number:010x}")
    }

    /// When one of them is tried again by itself.
    pub fn next_try(&self) -> Option<Timestamp> {
        let earliest = self.people.iter().filter_map(|(_, due)| *due).min();
        match &self.breaker {
            Some(breaker) if self.people.len() >= MANY => earliest.map(|at| at.max(breaker.next_probe)),
            _ => earliest,
        }
    }
}

/// The row of something parked: what waits, the end of its key, and its value.
pub(super) fn row(waiting: &Waiting) -> (Wait, String, Vec<u8>) {
    let signature = &waiting.signature;
    let wait = if signature.what == Parking::Ignored { Wait::Ignored } else { Wait::Parked };
    let record = waiting.secondary.as_ref().map(ToString::to_string).unwrap_or_default();
    let end = format!("{}\0{}{}{record}", signature.field, side_letter(signature.side), what_letter(signature.what));
    let due = waiting.due.map_or(i64::MAX, Timestamp::as_millisecond);
    (wait, end, [&due.to_be_bytes()[..], &to_bytes(signature)].concat())
}

impl Sync {
    /// Everything that is parked, by its reason, the reason with most people first.
    ///
    /// # Errors
    /// The store's.
    pub fn parked(&self) -> Result<Vec<Reason>, StoreError> {
        let tag = self.committer.tag;
        let mut found: BTreeMap<Signature, Vec<(Id, Option<Timestamp>)>> = BTreeMap::new();
        for wait in [Wait::Parked, Wait::Ignored] {
            let prefix = tag.waiting(wait);
            self.each(&prefix, |key, value| {
                if let (Some(id), Some((due, signature))) = (waiting_entity(key, prefix.len()), from_row(value)) {
                    found.entry(signature).or_default().push((id, due));
                }
            })?;
        }
        let mut reasons = Vec::new();
        for (signature, people) in found {
            let breaker = self.breaker(tag, &signature)?;
            reasons.push(Reason { signature, people, breaker });
        }
        reasons.sort_by_key(|reason| std::cmp::Reverse(reason.people.len()));
        Ok(reasons)
    }

    /// Tries again what is due, or released.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn retry_parked(&self, cycle: Id) -> Result<usize, StoreError> {
        let mut changed = 0;
        for reason in self.parked()? {
            let now = self.committer.clock.now();
            let Turn { people, breaker } = turn(&reason, now);
            let key = self.committer.tag.breaker(&to_bytes(&reason.signature));
            if breaker != reason.breaker {
                let value = breaker.as_ref().map(format::seal);
                self.decide(cycle, |world| {
                    world.set(key, value);
                    Ok(())
                })
                .await?;
            }
            changed += self.try_again(cycle, &people, Some(&reason.signature)).await?;
        }
        Ok(changed)
    }

    /// The objects of a side are described otherwise than before: what was refused there may be taken now.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn release_object(&self, cycle: Id, side: Side, object: &str) -> Result<(), StoreError> {
        let now = self.committer.clock.now();
        let of_object = |reason: &Reason| reason.signature.side == side && reason.signature.object == object;
        for reason in self.parked()?.into_iter().filter(of_object) {
            let key = self.committer.tag.breaker(&to_bytes(&reason.signature));
            let released = Breaker { probes: 0, next_probe: now, released: true };
            self.decide(cycle, |world| {
                world.set(key, Some(format::seal(&released)));
                Ok(())
            })
            .await?;
        }
        Ok(())
    }

    /// Learns how an object is described now. Where that differs from what was known, across restarts too, what was
    /// refused there is tried again.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn note_schema(
        &self,
        cycle: Id,
        side: Side,
        object: &str,
        schema: Schema,
    ) -> Result<(), StoreError> {
        let key = self.committer.tag.state(&format!("schema-{}-{object}", side_letter(side)));
        let text = serde_json::to_vec(&schema).unwrap_or_default();
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &text).as_ref().to_vec();
        self.committer.learn_schema(side, object, schema).await;
        let known = self.committer.store.get(&key)?;
        if known.as_ref() == Some(&digest) {
            return Ok(());
        }
        if known.is_some() {
            self.release_object(cycle, side, object).await?;
        }
        self.decide(cycle, |world| {
            world.set(key, Some(digest));
            Ok(())
        })
        .await?;
        Ok(())
    }

    /// Something is parked on a side that another schema could release.
    ///
    /// # Errors
    /// The store's.
    pub(super) fn waits_for_a_schema(&self, side: Side) -> Result<bool, StoreError> {
        let prefix = self.committer.tag.waiting(Wait::Parked);
        let mut waits = false;
        self.each(&prefix, |_, value| {
            let signature = from_row(value).map(|(_, signature)| signature);
            waits |= signature.is_some_and(|found| found.side == side && found.what == Parking::Field);
        })?;
        Ok(waits)
    }

    /// A person handles what is parked: all people of these reasons, or one person's. Answers how many there were.
    ///
    /// # Errors
    /// The store's.
    pub async fn handle_parked(
        &self,
        reasons: &[Reason],
        only: Option<Id>,
        handling: Handling,
        by: &str,
    ) -> Result<usize, StoreError> {
        self.declared().await?;
        let cycle = self.committer.new_cycle().await;
        let mut people: Vec<(Id, Vec<Signature>)> = Vec::new();
        let mut at: BTreeMap<Id, usize> = BTreeMap::new();
        for reason in reasons {
            for (id, _) in reason.people.iter().filter(|(id, _)| only.is_none_or(|only| only == *id)) {
                let index = *at.entry(*id).or_insert_with(|| {
                    people.push((*id, Vec::new()));
                    people.len() - 1
                });
                people[index].1.push(reason.signature.clone());
            }
        }
        let mut handled = 0;
        for chunk in people.chunks(CHUNK) {
            let committed = self
                .decide(cycle, |world| {
                    let mut handled = 0;
                    for (id, signatures) in chunk {
                        handled += handle_one(world, *id, signatures, handling, by)?;
                    }
                    Ok(handled)
                })
                .await?;
            handled += committed.answer;
        }
        Ok(handled)
    }

    /// The words of the service, from the first person who is parked for a reason.
    ///
    /// # Errors
    /// The store's.
    pub async fn words_of(&self, reason: &Reason) -> Result<Option<(Problem, Option<Timestamp>)>, StoreError> {
        self.look(|world| {
            for (id, _) in &reason.people {
                if let Some(entity) = world.shared(*id)?
                    && let Some((problem, since)) = words(&entity, &reason.signature)
                {
                    return Ok(Some((problem.clone(), since)));
                }
            }
            Ok(None)
        })
        .await
    }

    async fn try_again(&self, cycle: Id, people: &[Id], released: Option<&Signature>) -> Result<usize, StoreError> {
        let mut changed = 0;
        for chunk in people.chunks(CHUNK) {
            let committed =
                self.decide(cycle, |world| chunk.iter().try_for_each(|id| decide_again(world, *id, released))).await?;
            changed += committed.changes;
        }
        Ok(changed)
    }

    fn breaker(&self, tag: Tag, signature: &Signature) -> Result<Option<Breaker>, StoreError> {
        let key = tag.breaker(&to_bytes(signature));
        let known = self.committer.store.get(&key)?;
        Ok(known.and_then(|bytes| format::open_readable(&key, &bytes)))
    }
}

/// What a reason's turn comes to.
struct Turn {
    /// Who is tried again.
    people: Vec<Id>,
    /// Its breaker from now on.
    breaker: Option<Breaker>,
}

/// Decides whose retry has come.
fn turn(reason: &Reason, now: Timestamp) -> Turn {
    let all = || reason.people.iter().map(|(id, _)| *id).collect();
    let is_due = |due: &Option<Timestamp>| due.is_some_and(|due| due <= now);
    let due = || reason.people.iter().filter(|(_, due)| is_due(due));
    if reason.breaker.as_ref().is_some_and(|breaker| breaker.released) {
        return Turn { people: all(), breaker: None };
    }
    if reason.people.len() < MANY {
        return Turn { people: due().map(|(id, _)| *id).collect(), breaker: None };
    }
    if reason.breaker.as_ref().is_some_and(|breaker| now < breaker.next_probe) {
        return Turn { people: Vec::new(), breaker: reason.breaker.clone() };
    }
    // The one whose time came first: after a failure its own delay grows, so that the probes go through all of them.
    let Some((probe, _)) = due().min_by_key(|(id, due)| (*due, *id)) else {
        return Turn { people: Vec::new(), breaker: reason.breaker.clone() };
    };
    let probes = reason.breaker.as_ref().map_or(0, |breaker| breaker.probes);
    let pause = FIRST_PROBE.saturating_mul(1 << probes.min(12)).min(LAST_PROBE);
    let next_probe = now.saturating_add(pause).unwrap_or(Timestamp::MAX);
    Turn { people: vec![*probe], breaker: Some(Breaker { probes: probes + 1, next_probe, released: false }) }
}

/// A write to an entity was taken that had been parked before, without having changed: what it was parked for is gone,
/// for all.
pub(super) fn note_taken(world: &mut World<'_>, side: Side, before: &Entity, after: &Entity) -> Result<(), StoreError> {
    let left = waiting(after, world.context);
    for gone in waiting(before, world.context) {
        let signature = gone.signature;
        let is_parked = |other: &Waiting| other.signature == signature;
        let is_written = matches!(signature.what, Parking::Field | Parking::Record);
        if signature.side != side || !is_written || left.iter().any(is_parked) {
            continue;
        }
        let key = world.tag().breaker(&to_bytes(&signature));
        let Some(bytes) = world.get(&key)? else { continue };
        let Some(breaker) = format::open_readable::<Breaker>(&key, &bytes) else { continue };
        world.set(key, Some(format::seal(&Breaker { released: true, ..breaker })));
    }
    Ok(())
}

/// What is wanted is derived anew, and stands in the outbox again.
fn decide_again(world: &mut World<'_>, id: Id, released: Option<&Signature>) -> Result<(), StoreError> {
    if let Some(signature) = released
        && unreadable::take_back(world, id, signature)?
    {
        return Ok(());
    }
    let Some(mut entity) = world.entity(id)? else { return Ok(()) };
    if let Some(signature) = released {
        release(&mut entity, signature, world.context.now);
    }
    let ((), events) = world.decide(|context, ledger| decide(&mut entity, context, ledger));
    world.put(entity, events)
}

fn handle_one(
    world: &mut World<'_>,
    id: Id,
    signatures: &[Signature],
    handling: Handling,
    by: &str,
) -> Result<usize, StoreError> {
    if let Some(state) = signatures.iter().find(|signature| signature.what == Parking::State) {
        // Nobody can dismiss a person of whom nothing is known.
        if handling == Handling::Retry {
            unreadable::take_back(world, id, state)?;
        }
        return Ok(usize::from(handling == Handling::Retry));
    }
    let Some(mut entity) = world.entity(id)? else { return Ok(0) };
    let mut events = handle(&mut entity, signatures, handling, by, world.context);
    let handled = events.len();
    if handling == Handling::Retry {
        for signature in signatures.iter().filter(|signature| signature.what == Parking::Unreadable) {
            if let Some(member) = &entity.members[signature.side] {
                world.set(super::reconcile::reread_key(world.tag(), signature.side, &member.address), Some(Vec::new()));
            }
        }
    }
    let ((), decided) = world.decide(|context, ledger| decide(&mut entity, context, ledger));
    events.extend(decided);
    world.put(entity, events)?;
    Ok(handled)
}

fn to_bytes(signature: &Signature) -> Vec<u8> {
    let Signature { side, object, what, field, code } = signature;
    format!("{}{}{object}\0{field}\0{code}", side_letter(*side), what_letter(*what)).into_bytes()
}

fn from_row(value: &[u8]) -> Option<(Option<Timestamp>, Signature)> {
    let (due, signature) = value.split_at_checked(8)?;
    let due = i64::from_be_bytes(due.try_into().ok()?);
    let due = Some(due).filter(|due| *due != i64::MAX).and_then(|due| Timestamp::from_millisecond(due).ok());
    let text = std::str::from_utf8(signature).ok()?;
    let mut letters = text.chars();
    let side = match letters.next()? {
        'l' => Side::Left,
        _ => Side::Right,
    };
    let what = match letters.next()? {
        'f' => Parking::Field,
        'r' => Parking::Record,
        'u' => Parking::Unreadable,
        's' => Parking::Scope,
        'd' => Parking::State,
        _ => Parking::Ignored,
    };
    let mut parts = letters.as_str().splitn(3, '\0').map(str::to_owned);
    let (object, field, code) = (parts.next()?, parts.next()?, parts.next()?);
    Some((due, Signature { side, object, what, field, code }))
}

fn side_letter(side: Side) -> char {
    match side {
        Side::Left => 'l',
        Side::Right => 'r',
    }
}

fn what_letter(what: Parking) -> char {
    match what {
        Parking::Field => 'f',
        Parking::Record => 'r',
        Parking::Unreadable => 'u',
        Parking::Ignored => 'i',
        Parking::Scope => 's',
        Parking::State => 'd',
    }
}
