//! What the manifests say of connector types, as far as a configuration is checked against it.

use std::{collections::BTreeMap, fmt};

use hymnal_rest::manifest::setting::Setting;
use serde::{Deserialize, Serialize};

/// The connector types that exist, by name: `hubspot`.
pub type Catalog = BTreeMap<String, ConnectorType>;

/// One type of connector.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectorType {
    /// What a user writes under `[connectors.NAME]`, in the manifest's order.
    pub settings: Vec<(String, Setting)>,
    /// The roles it can have; empty: any.
    pub roles: Vec<Role>,
    /// The objects it has; `None`: whatever the account has.
    pub objects: Option<Vec<String>>,
    /// How many requests at once the manifest allows; a user may ask for fewer, not for more.
    pub concurrency: Option<u32>,
}

/// What a system is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// It addresses people.
    Marketing,
    /// It sells to them.
    Sales,
}

impl fmt::Display for Role {
    /// As in the configuration.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Marketing => "marketing",
            Self::Sales => "sales",
        })
    }
}
