//! What a user writes under `[connectors.NAME]`, as a manifest declares it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One setting of a connector.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    /// What it holds.
    pub kind: SettingKind,
    /// What it is when the user writes nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// The configuration is refused without it.
    #[serde(default)]
    pub required: bool,
    /// Needed only where this way of logging in is chosen (the value of the setting `auth`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub with_auth: Vec<String>,
    /// The values it may have; empty: any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub one_of: Vec<String>,
    /// Taken off the front of the value where a user wrote it (`v` of `v62.0`).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub strip: String,
    /// Taken off the end, likewise (`/v3.1` of an address that people copy with it).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub strip_end: String,
    /// What goes out instead of a value (`none` as `FALSE`); other values go out as they are.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub spelled: BTreeMap<String, String>,
    /// Where a person finds it.
    #[serde(default)]
    pub help: String,
}

/// What a setting holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SettingKind {
    /// Text.
    #[default]
    Text,
    /// An `https` URL without user info (`http` on loopback only).
    Url,
    /// A secret: only a reference in the configuration.
    Secret,
}
