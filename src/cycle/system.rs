//! One system of a running sync.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use hymnal_sdk::{Call, Connector, Error, Lane, Permit, Result, SignedDuration};

use super::gone_fields::Lacking;
use crate::merge::{FieldRule, ObjectFacts, Side, SystemRules};

/// One system of a running sync: its connector, and what is wanted of it.
#[derive(Clone)]
pub struct System {
    /// Which side it is.
    pub side: Side,
    /// The connector's name in the configuration.
    pub name: String,
    /// The service.
    pub connector: Arc<dyn Connector>,
    /// Its objects, the preferred one first, with the native fields wanted of each.
    pub objects: Vec<Object>,
    /// What it was found to lack.
    pub(super) lacking: Arc<Lacking>,
    /// Fields that are not done without, by object.
    pub(super) needed: BTreeSet<(String, String)>,
}

/// One object of a system.
#[derive(Clone, Debug)]
pub struct Object {
    /// Its name in the service.
    pub name: String,
    /// The native fields wanted.
    pub fields: Vec<String>,
}

impl System {
    /// A system from its rules.
    pub fn new(side: Side, rules: &SystemRules, fields: &[FieldRule], connector: Arc<dyn Connector>) -> Self {
        let object = |name: &String| {
            let mut wanted: Vec<String> = fields
                .iter()
                .filter_map(|rule| rule.map.native[side].get(name).map(|place| place.name.clone()))
                .collect();
            wanted.sort();
            wanted.dedup();
            Object { name: name.clone(), fields: wanted }
        };
        Self {
            side,
            name: rules.connector.clone(),
            connector,
            objects: rules.objects.iter().map(object).collect(),
            lacking: Arc::default(),
            needed: BTreeSet::new(),
        }
    }

    /// The native fields wanted of an object.
    pub fn fields(&self, object: &str) -> &[String] {
        self.objects.iter().find(|known| known.name == object).map_or(&[], |known| &known.fields)
    }

    /// What each object can hold, as the connector declares it.
    ///
    /// # Errors
    /// `Fatal` where the service has no such object.
    pub fn facts(&self) -> Result<BTreeMap<String, ObjectFacts>> {
        let fact = |object: &Object| Ok((object.name.clone(), ObjectFacts::new(self.connector.capable(&object.name)?)));
        self.objects.iter().map(fact).collect()
    }

    /// The service's clock minus ours, as far as it is known. `Date` headers tell whole seconds: what is less than one
    /// is noise, and would move times that are right.
    pub fn offset(&self) -> SignedDuration {
        let told = self.connector.http().and_then(|http| http.health().clock_offset_ms);
        SignedDuration::from_millis(told.filter(|offset| offset.abs() >= 1000).unwrap_or(0))
    }

    /// A call for which `requests` ordinary requests were reserved, so that they do not wait for the limiter between
    /// each other.
    pub async fn reserve(&self, lane: Lane, requests: usize) -> Result<Call, Error> {
        let permit = match self.connector.http() {
            Some(http) => Some(http.reserve(lane, &vec![""; requests]).await?),
            None => None,
        };
        Ok(Call { lane, permit: permit.map(Arc::<Permit>::new), deadline: None })
    }
}
