//! What a decision depends on besides the entity: rules, what each object can hold, and the time.

use std::collections::BTreeMap;

use hymnal_sdk::{Capabilities, Forms, Gone, Schema, SchemaField, SignedDuration, Timestamp};

use super::{
    entity::Field,
    rules::{FieldRule, SyncRules},
    side::{Pair, Side},
};
use crate::mapping::{self, NativeField};

/// What a decision depends on besides the entity. The same context and the same entity give the same decision.
#[derive(Clone, Debug)]
pub struct Context<'a> {
    /// The sync's rules.
    pub rules: &'a SyncRules,
    /// What is known of each side's objects.
    pub objects: &'a Pair<BTreeMap<String, ObjectFacts>>,
    /// Each service's clock minus ours.
    pub offset: Pair<SignedDuration>,
    /// The time, by our clock.
    pub now: Timestamp,
}

/// What is known of one object of one system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectFacts {
    /// How typed values are spelled.
    pub forms: Forms,
    /// Missing means blank.
    pub omits_blanks: bool,
    /// What a read by id that finds nothing means.
    pub gone: Gone,
    /// Fields in which the service ignores a step back, unless the field was cleared before.
    pub clear_first: Vec<String>,
    /// Native fields whose value the service holds at most once.
    pub unique: Vec<String>,
    /// What the service says of its fields; `None` until it was asked.
    pub schema: Option<Schema>,
}

impl ObjectFacts {
    /// From what a connector declares.
    pub fn new(capabilities: &Capabilities) -> Self {
        Self {
            forms: capabilities.forms.clone(),
            omits_blanks: capabilities.omits_blanks,
            gone: capabilities.gone,
            clear_first: capabilities.clear_first.clone(),
            unique: capabilities.unique.clone(),
            schema: None,
        }
    }
}

impl<'a> Context<'a> {
    /// Where a field lives in an object, if it is mapped there.
    pub fn place(rule: &'a FieldRule, side: Side, object: &str) -> Option<&'a NativeField> {
        rule.map.native[side].get(object)
    }

    /// What the service says of a native field.
    pub fn schema(&self, side: Side, object: &str, native: &str) -> Option<&'a SchemaField> {
        self.objects[side].get(object)?.schema.as_ref()?.field(native)
    }

    /// An open consent that the service lets nobody write (HubSpot's `hs_email_optout`): there is nothing to be done
    /// about it where a blank or an open value stands, since that restricts nothing. A restriction, on its way there or
    /// standing there, is another matter: it is parked if it cannot be written.
    pub fn is_moot(&self, rule: &FieldRule, side: Side, object: &str, field: &Field) -> bool {
        let (Some(consent), Some(place)) = (&rule.policy.consent, Context::place(rule, side, object)) else {
            return false;
        };
        let shadow = field.sides[side].shadow.as_ref();
        let stands = shadow.and_then(|shadow| mapping::read(&rule.map, place, shadow).ok());
        consent.steps.first() == Some(&field.golden)
            && !stands.is_some_and(|value| consent.restricts(&value))
            && self.schema(side, object, &place.name).is_some_and(|described| {
                let is_read_only = !described.updateable && !described.createable;
                // Where the service takes the restriction alone, what restricts nothing cannot be written there either.
                let forms = self.objects[side].get(object).map(|facts| facts.forms.clone()).unwrap_or_default();
                is_read_only || mapping::write(&rule.map, place, &forms, Some(described), &field.golden).is_err()
            })
    }

    /// A service's time as ours.
    pub fn ours(&self, side: Side, theirs: Timestamp) -> Timestamp {
        theirs.saturating_sub(self.offset[side]).unwrap_or(theirs)
    }
}
