//! What people ask Hymnal itself for, between two cycles.

use std::{panic::AssertUnwindSafe, sync::Arc};

use futures_util::FutureExt;
use hymnal::{
    cycle::{
        Sync,
        report::Failure,
        resolve::Act,
        undo::{ChangeId, Undone, Which},
    },
    journal::entry::JournalPage,
    merge::{Event, Side, held::Answer, person::Loosening},
    store::{Kv, StoreError, format, tables::page_of},
};

use crate::{
    crash::Killed,
    world::{TAG, World},
};

impl World {
    /// Answers everything that guards hold.
    pub(crate) async fn answer_holds(&mut self, answer: Answer) {
        let Some(sync) = self.life() else { return };
        let oracle = self.oracle.clone();
        self.ask(async move {
            for hold in sync.holds().await? {
                oracle.lock().tell(&format!("{answer:?}: {hold:?}"));
                if answer == Answer::Approved {
                    oracle.lock().approves(hold.kind, hold.entries);
                } else {
                    let held = sync.entries(hold.number, usize::MAX)?;
                    oracle.lock().discards(held.iter().map(|entry| entry.id));
                }
                sync.answer_hold(hold.number, hold.entries, answer, "by a person").await?;
            }
            Ok(())
        })
        .await;
    }

    /// Takes back what was written last to somebody.
    pub(crate) async fn undo(&mut self, who: usize) {
        let Some(sync) = self.life() else { return };
        let Some(change) = self.last_change(who) else { return };
        let oracle = self.oracle.clone();
        self.ask(async move {
            let undone = take_back(&sync, change).await?;
            oracle.lock().tell(&format!("undone: {undone:?}"));
            let steps = undone.iter().flat_map(|person| &person.steps);
            for (field, back) in steps.filter_map(|step| Some((&step.field, step.outcome.as_ref().ok()?))) {
                oracle.lock().takes_back(who, field, back.left == back.right);
            }
            Ok(())
        })
        .await;
    }

    /// Says that two people are one.
    pub(crate) async fn link(&mut self, one: usize, two: usize) {
        let Some(sync) = self.life() else { return };
        let ids = [one, two].map(|who| self.oracle.lock().known_as(who));
        let [Some(first), Some(second)] = ids else { return };
        // Whoever is known as one of the two by now is meant, too.
        let meant = self.oracle.lock().known_as_any([first, second]);
        self.ask(async move { sync.link(first, second).await.map(drop) }).await;
        // Who died of it may have done it.
        let mut oracle = self.oracle.lock();
        if oracle.known_as(one).is_some() && oracle.known_as(one) == oracle.known_as(two) {
            oracle.join(one, two);
            for who in meant {
                oracle.join(one, who);
            }
        }
    }

    /// Says that somebody's records in the two systems are two people.
    pub(crate) async fn unlink(&mut self, who: usize) {
        let Some(sync) = self.life() else { return };
        let Some(id) = self.oracle.lock().known_as(who) else { return };
        self.ask(async move { sync.unlink(id).await.map(drop) }).await;
        self.oracle.lock().notes_parted(who);
    }

    /// Says that somebody's last record of a side is a person of its own.
    pub(crate) async fn split(&mut self, side: Side, who: usize) {
        let Some(sync) = self.life() else { return };
        let Some(address) = self.oracle.lock().record_of(side, who) else { return };
        let Some(id) = self.oracle.lock().entity_of(side, &address) else { return };
        self.ask(async move { sync.split(id, side, &address).await.map(drop) }).await;
        self.oracle.lock().notes_parted(who);
    }

    /// The last write to a record of somebody.
    fn last_change(&self, who: usize) -> Option<ChangeId> {
        let entity = self.oracle.lock().known_as(who)?;
        let rows = self.kv.durable().scan(&TAG.journal(entity), None, usize::MAX).expect("a store in memory");
        rows.iter().rev().find_map(|(key, bytes)| {
            let (entity, page) = page_of(key)?;
            let told: JournalPage = format::open(key, bytes).expect("a page of the journal");
            let wrote = told.events.iter().any(|event| matches!(event, Event::Sending { address: Some(_), .. }));
            wrote.then_some(ChangeId { entity, page })
        })
    }

    /// Does it; whoever dies of it is dead.
    async fn ask(&mut self, run: impl Future<Output = Result<(), StoreError>>) {
        match AssertUnwindSafe(run).catch_unwind().await {
            Ok(Ok(())) => {}
            Ok(Err(StoreError::Full { .. })) => self.kill(),
            Ok(Err(error)) => panic!("the store: {error}"),
            Err(death) if death.is::<Killed>() => self.kill(),
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

/// What was taken back; nothing where a system cannot be read.
async fn take_back(sync: &Arc<Sync>, change: ChangeId) -> Result<Vec<Undone>, StoreError> {
    match sync.undo(&Which::Change(change), "kim", Loosening::Refused, Act::Do).await {
        Ok(undone) => Ok(undone),
        Err(Failure::Service { .. }) => Ok(Vec::new()),
        Err(Failure::Store(error)) => Err(error),
    }
}
