//! Mapped fields that a service says it does not have: what is asked goes on without them, so that each stops nothing but
//! itself, and somebody is told.
//!
//! A field that people are told apart by, or that holds a consent, is not done without: who reads on would make people
//! twice, or mail those who refused.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use hymnal_sdk::{Call, Error, Find, Found, Got, Kind, List, Page, Result, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Sync, full_check::checked_name, system::System};
use crate::{
    merge::{Side, SyncRules},
    store::{StoreError, format},
};

/// A field that is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoneField {
    /// Its object.
    pub object: String,
    /// Its name in the service.
    pub field: String,
    /// Since when, by our clock.
    pub since: Timestamp,
}

/// What one system was found to lack, by object and field; whether it is to be asked for once more.
#[derive(Debug, Default)]
pub struct Lacking(Mutex<BTreeMap<(String, String), bool>>);

impl Lacking {
    /// Asks for all of it once more: an admin may have made it again.
    pub(super) fn try_again(&self) {
        self.lock().values_mut().for_each(|again| *again = true);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(String, String), bool>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl System {
    /// A page of a list, without what is gone.
    ///
    /// # Errors
    /// The service's.
    pub async fn list(&self, call: &Call, list: List<'_>) -> Result<Page> {
        loop {
            let fields = self.asked(list.object, list.fields);
            match self.connector.list(call, List { fields: &fields, ..list }).await {
                Ok(page) => return Ok(self.answered(list.object, &fields, page)),
                Err(error) => self.do_without(list.object, &fields, error)?,
            }
        }
    }

    /// Records by id, with the fields wanted of the object and without what is gone.
    ///
    /// # Errors
    /// The service's.
    pub async fn get(&self, call: &Call, object: &str, ids: &[String]) -> Result<Vec<Got>> {
        loop {
            let fields = self.asked(object, self.fields(object));
            match self.connector.get(call, object, ids, &fields).await {
                Ok(got) => return Ok(self.answered(object, &fields, got)),
                Err(error) => self.do_without(object, &fields, error)?,
            }
        }
    }

    /// Records by key, without what is gone.
    ///
    /// # Errors
    /// The service's.
    pub async fn find(&self, call: &Call, find: Find<'_>) -> Result<Found> {
        loop {
            let fields = self.asked(find.object, find.fields);
            match self.connector.find(call, Find { fields: &fields, ..find }).await {
                Ok(found) => return Ok(self.answered(find.object, &fields, found)),
                Err(error) => self.do_without(find.object, &fields, error)?,
            }
        }
    }

    /// Notes what cannot be done without.
    #[must_use]
    pub(super) fn needing(mut self, rules: &SyncRules) -> Self {
        let keys: BTreeSet<usize> = rules.matching.iter().flatten().copied().collect();
        let is_needed = |(index, _): &(usize, &crate::merge::FieldRule)| {
            keys.contains(index) || rules.fields[*index].policy.consent.is_some()
        };
        for (_, rule) in rules.fields.iter().enumerate().filter(is_needed) {
            for (object, place) in &rule.map.native[self.side] {
                self.needed.insert((object.clone(), place.name.clone()));
            }
        }
        self
    }

    fn asked(&self, object: &str, wanted: &[String]) -> Vec<String> {
        let lacking = self.lacking.lock();
        let is_asked = |field: &&String| lacking.get(&(object.to_owned(), (*field).clone())).is_none_or(|again| *again);
        wanted.iter().filter(is_asked).cloned().collect()
    }

    /// What was asked for is there.
    fn answered<T>(&self, object: &str, fields: &[String], answer: T) -> T {
        self.lacking.lock().retain(|(of, field), _| of != object || !fields.contains(field));
        answer
    }

    /// Notes the field that is gone; hands the error on where it is about something else, or about what is needed.
    fn do_without(&self, object: &str, asked: &[String], error: Error) -> Result<()> {
        let gone = asked.iter().find(|field| error.kind == Kind::Fatal && error.field.as_ref() == Some(field));
        let Some(field) = gone else { return Err(error) };
        let key = (object.to_owned(), field.clone());
        // What such a service leaves out means blank: who cannot tell the two apart must not read on.
        let omits = self.connector.capabilities(object).is_none_or(|capable| capable.omits_blanks);
        if omits || self.needed.contains(&key) {
            return Err(error);
        }
        self.lacking.lock().insert(key, false);
        Ok(())
    }
}

impl Sync {
    /// Tells once of each field that is gone, and of each that is back; then everything is compared, since what was
    /// entered meanwhile was not seen.
    pub(super) fn watch_fields(&self) -> Result<(), StoreError> {
        for side in Side::BOTH {
            let system = &self.systems[side];
            // Who was not read to the end said nothing of its fields.
            if !self.was_read_to_its_end(side) {
                continue;
            }
            let known = self.gone_fields(side)?;
            let lacking: BTreeSet<(String, String)> = system.lacking.lock().keys().cloned().collect();
            let key = |gone: &GoneField| (gone.object.clone(), gone.field.clone());
            let (mut gone, back): (Vec<_>, Vec<_>) =
                known.iter().cloned().partition(|gone| lacking.contains(&key(gone)));
            for GoneField { object, field, .. } in &back {
                tracing::info!(connector = system.name, object, field, "A field that was gone is back");
                self.set_time(&checked_name(side), Timestamp::UNIX_EPOCH)?;
            }
            for (object, field) in lacking {
                if !gone.iter().any(|known| known.object == object && known.field == field) {
                    tracing::error!(
                        connector = system.name,
                        object,
                        field,
                        "A mapped field is gone, or the login may not read it any more: the others go on without it"
                    );
                    gone.push(GoneField { object, field, since: self.committer.clock.now() });
                }
            }
            if gone != known {
                self.state().set(&gone_name(side), (!gone.is_empty()).then(|| format::seal(&gone)))?;
            }
        }
        Ok(())
    }

    /// The mapped fields that are gone from one system.
    ///
    /// # Errors
    /// The store's.
    pub fn gone_fields(&self, side: Side) -> Result<Vec<GoneField>, StoreError> {
        let key = self.committer.tag.state(&gone_name(side));
        let known = self.committer.store.get(&key)?;
        Ok(known.and_then(|bytes| format::open_readable(&key, &bytes)).unwrap_or_default())
    }
}

fn gone_name(side: Side) -> String {
    match side {
        Side::Left => "gone-fields-left".to_owned(),
        Side::Right => "gone-fields-right".to_owned(),
    }
}
