//! Whom records can belong to: asked for as schemas are, remembered, and where somebody joined or left, decided anew.

use std::{sync::PoisonError, time::Duration};

use hymnal_sdk::{Call, User};

use super::{Sync, reconcile::reread_key, report::Failure, schema::LEARN_EVERY, world::World};
use crate::{
    mapping::FieldType,
    merge::{Id, Pair, Side, decide::decide},
    store::{Batch, StoreError, format, tables::entity_of},
};

/// People decided anew in one commit.
const PAGE: usize = 500;

impl Sync {
    /// Recalls who there was when the services were last asked.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn recall_users(&self) -> Result<(), StoreError> {
        for side in Side::BOTH {
            if let Some(users) = self.known_users(side)? {
                self.committer.learn_users(side, &users).await;
            }
        }
        Ok(())
    }

    /// Asks a system who its users are, where a field needs to know, once an hour. Without ever having heard nobody can
    /// say whose a record is, so that it is not read either.
    pub(super) async fn know_users(&self, cycle: Id, side: Side) -> Result<(), Failure> {
        let fields = &self.committer.rules.fields;
        let is_needed = |side: Side| {
            fields.iter().any(|rule| rule.map.kind == FieldType::User && !rule.map.native[side].is_empty())
        };
        let now = self.committer.clock.elapsed();
        let is_fresh = self.lock_asked()[side].is_some_and(|at| now.saturating_sub(at) < LEARN_EVERY);
        if !is_needed(side) || is_fresh {
            return Ok(());
        }
        let known = self.known_users(side)?;
        let users = match self.systems[side].connector.users(&Call::default()).await {
            Ok(users) => users,
            // Who there was is good enough until it answers again.
            Err(_) if known.is_some() => return Ok(()),
            Err(error) => return Err(Failure::at(side)(error)),
        };
        if known.as_ref() != Some(&users) {
            let mut batch = Batch::default();
            batch.put(self.committer.tag.state(users_name(side)), format::seal(&users));
            self.committer.store.commit(batch)?;
            self.committer.learn_users(side, &users).await;
            if known.is_some() {
                self.decide_all(cycle).await?;
            }
        }
        self.lock_asked()[side] = Some(now);
        Ok(())
    }

    fn known_users(&self, side: Side) -> Result<Option<Vec<User>>, StoreError> {
        let key = self.committer.tag.state(users_name(side));
        self.committer.store.get(&key)?.map(|bytes| format::open(&key, &bytes)).transpose()
    }

    /// Who can be written now, and could not before, is; whose id was not known is read again.
    async fn decide_all(&self, cycle: Id) -> Result<(), StoreError> {
        let prefix = self.committer.tag.table(b'e');
        let mut after: Option<Vec<u8>> = None;
        loop {
            let rows = self.committer.store.scan(&prefix, after.as_deref(), PAGE)?;
            let Some((last, _)) = rows.last() else { return Ok(()) };
            after = Some(last.clone());
            let ids: Vec<Id> = rows.iter().filter_map(|(key, _)| entity_of(key)).collect();
            self.decide(cycle, |world| ids.iter().try_for_each(|id| decide_one(world, *id))).await?;
        }
    }

    fn lock_asked(&self) -> std::sync::MutexGuard<'_, Pair<Option<Duration>>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn decide_one(world: &mut World<'_>, id: Id) -> Result<(), StoreError> {
    let Some(mut entity) = world.entity(id)? else { return Ok(()) };
    let users = world.context.rules.fields.iter().filter(|rule| rule.map.kind == FieldType::User);
    let names: Vec<String> = users.map(|rule| rule.map.name.clone()).collect();
    for side in Side::BOTH {
        let now = world.context.now;
        let mut is_unread = false;
        for name in &names {
            let Some(field) = entity.fields.get_mut(name) else { continue };
            let holding = &mut field.sides[side];
            is_unread |= holding.is_unreadable();
            if let Some(crate::merge::entity::Mark::Parked { golden: Some(_), parked }) = &mut holding.mark {
                parked.retry_at(now);
            }
        }
        let member = entity.members[side].as_ref().filter(|_| is_unread);
        if let Some(address) = member.map(|member| member.address.clone()) {
            world.set(reread_key(world.tag(), side, &address), Some(Vec::new()));
        }
    }
    let ((), events) = world.decide(|context, ledger| decide(&mut entity, context, ledger));
    world.put(entity, events)
}

fn users_name(side: Side) -> &'static str {
    match side {
        Side::Left => "users-left",
        Side::Right => "users-right",
    }
}
