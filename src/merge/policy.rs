//! The rules a field is merged by, as the configuration gives them, checked.

use serde::Serialize;

use super::side::{Pair, Side};
use crate::mapping::Value;

/// Everything that the merge of one field depends on besides its values.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FieldPolicy {
    /// Who wins when both sides edited.
    pub on_conflict: OnConflict,
    /// Which way values travel.
    pub flow: Flow,
    /// What a cleared field does.
    pub blanks: Blanks,
    /// Who wins at the first link: the field's own, else what semantics 4 (First link) falls back to, already
    /// resolved by the configuration.
    pub first_link: OnConflict,
    /// What happens to a value that a rule refuses.
    pub on_override: OnOverride,
    /// The order of a `furthest` field, first to last; empty for others.
    pub order: Vec<Value>,
    /// Whether a single edit may move a `furthest` field back.
    pub back: Back,
    /// The rules of a consent field; `on_conflict` is then `Restrictive`.
    pub consent: Option<Consent>,
}

/// Who wins when both sides edited a field to different values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OnConflict {
    /// The more recent edit.
    Latest,
    /// That system's value unless it is blank.
    Prefer(Side),
    /// That system's value, blank too.
    Always(Side),
    /// Nobody: the field waits for a person.
    Manual,
    /// Additions and removals of both sides.
    Union,
    /// The later in `order`.
    Furthest,
    /// The more restricted.
    Restrictive,
    /// The larger.
    Max,
    /// The smaller.
    Min,
}

/// Which way values travel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Flow {
    /// Both ways.
    #[default]
    Both,
    /// From this side to the other only.
    From(Side),
}

impl Flow {
    /// Values may enter this side.
    pub fn into_side(self, side: Side) -> bool {
        match self {
            Self::Both => true,
            Self::From(source) => source != side,
        }
    }
}

/// What a cleared field does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Blanks {
    /// Clearing is an edit and travels.
    #[default]
    Clear,
    /// A blank never overwrites: the side that was cleared is filled again.
    Ignore,
}

/// What happens to a value that a rule refuses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OnOverride {
    /// The golden value is written back.
    #[default]
    Restore,
    /// It is left where it stands.
    Keep,
}

/// Whether a single edit may move a `furthest` field back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Back {
    /// It may.
    #[default]
    Allow,
    /// It is overruled.
    Refuse,
}

/// The rules of a consent field.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Consent {
    /// From open to restricted.
    pub steps: Vec<Value>,
    /// Where a person may loosen it.
    pub may_loosen: Pair<bool>,
}

impl Consent {
    /// The value takes something away from what is allowed: any step but the open one.
    pub fn restricts(&self, value: &Value) -> bool {
        self.steps.iter().skip(1).any(|step| step == value)
    }
}
