//! Everything a sync is decided by, checked: what the configuration makes and the cycle obeys.

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;

use super::{
    guard::Guards,
    policy::FieldPolicy,
    side::{Pair, Side},
};
use crate::mapping::{Expression, FieldMap};

/// The rules of one sync.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SyncRules {
    /// The sync's name in the configuration.
    pub name: String,
    /// The two systems, in the order of `between`.
    pub systems: Pair<SystemRules>,
    /// The mapped fields, in the order of the configuration.
    pub fields: Vec<FieldRule>,
    /// Key sets, each of indexes into `fields`.
    pub matching: Vec<Vec<usize>>,
    /// Who is in the sync; `None`: everybody.
    pub include: Option<Expression>,
    /// Whether anything is written.
    pub mode: Mode,
    /// What happens when a key leads to several people.
    pub ambiguous: Ambiguous,
    /// What happens to a record no key can be formed of.
    pub keyless: Keyless,
    /// Who wins ties.
    pub priority: Side,
    /// Time between the starts of two cycles.
    pub every: Duration,
    /// Whether the first run waits for a person.
    pub first_run: FirstRun,
    /// Read before write.
    pub verify: bool,
    /// How much may be written before a person is asked.
    pub guards: Guards,
    /// Nothing is done about a deletion before it is this old.
    pub delete_grace: Duration,
    /// How often deletions are looked for.
    pub deletions_every: Duration,
    /// What is done on the other side about a deletion seen on this one.
    pub on_delete: Pair<OnDelete>,
    /// How often everything is compared, whether or not it changed.
    pub full_check: Duration,
    /// A field that flips oftener than this in an hour is frozen.
    pub max_flips: u32,
    /// Edits closer than this are simultaneous.
    pub clock_uncertainty: Duration,
    /// How long a write in doubt is given to become visible.
    pub settle: Duration,
}

/// One system of a sync.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SystemRules {
    /// The connector's name in the configuration.
    pub connector: String,
    /// Its objects, the preferred one first.
    pub objects: Vec<String>,
    /// Which object people are created as; `None`: never.
    pub create: Option<String>,
    /// Who is created here; `None`: everybody.
    pub create_when: Option<Expression>,
    /// The unique field of ours, written at creation.
    pub external_id: Option<String>,
    /// Native fields written at creation where nothing is mapped or the value is blank, by object: from `default`.
    pub defaults: BTreeMap<String, BTreeMap<String, String>>,
}

/// One field of a sync.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FieldRule {
    /// Type and places.
    pub map: FieldMap,
    /// How it is merged.
    pub policy: FieldPolicy,
    /// A canonical or native name that it had before: what was known of it stays known.
    pub renamed_from: Option<String>,
}

/// What happens when a key leads to several people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Ambiguous {
    /// A person decides.
    #[default]
    Review,
    /// The oldest record is taken.
    Oldest,
    /// The latest record is taken.
    Latest,
}

/// What happens to a record no key can be formed of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Keyless {
    /// It is listed and not copied.
    #[default]
    List,
    /// It is created on the other side, at the risk of a duplicate.
    Create,
}

/// Whether anything is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Both systems are kept the same.
    #[default]
    Sync,
    /// They are read and merged, and never written to.
    Observe,
}

/// Whether the first run waits for a person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FirstRun {
    /// It is held until it is approved.
    #[default]
    Plan,
    /// It starts at once.
    Go,
}

/// What is done about a deletion that was believed and whose grace is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OnDelete {
    /// The other record stays; the two are no longer linked.
    #[default]
    Unlink,
    /// The other record goes to its service's bin.
    Archive,
    /// The other record is deleted, as its service does that.
    Delete,
    /// The deleted record is made again.
    Recreate,
    /// Every consent is restricted, at once; then as `Unlink`.
    Restrict,
}

impl OnDelete {
    /// The word in the configuration.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unlink => "unlink",
            Self::Archive => "archive",
            Self::Delete => "delete",
            Self::Recreate => "recreate",
            Self::Restrict => "restrict",
        }
    }

    /// The other record is deleted too.
    pub fn removes(self) -> bool {
        matches!(self, Self::Archive | Self::Delete)
    }
}
