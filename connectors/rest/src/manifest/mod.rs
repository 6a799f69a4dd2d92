//! What a manifest says: a service as data.

pub mod changes;
pub mod draft;
pub mod finding;
pub mod history;
pub mod layout;
pub mod lint;
pub mod object;
pub mod request;
pub mod schema;
pub mod service;
pub mod setting;
pub mod span;
pub mod template;

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, de};

use hymnal_sdk::UserKind;

use self::{
    changes::Scan,
    object::Object,
    request::BodyTest,
    service::{Account, Auth, Errors, Limits},
    setting::Setting,
};

/// A service. The words of each table are those of the field: what a request is, how pages follow, what an error is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// What a user writes as `type`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What people call it.
    pub title: String,
    /// The sides it can stand on.
    pub roles: Vec<Role>,
    /// Where its documents begin.
    pub docs: String,
    /// What its exchanges are evidence of.
    pub status: Status,
    /// What a user writes under `[connectors.NAME]`, by name.
    #[serde(deserialize_with = "pairs")]
    pub settings: Vec<(String, Setting)>,
    /// How to log in, and where the API is.
    pub auth: Auth,
    /// What the service allows.
    #[serde(default)]
    pub limits: Limits,
    /// What its errors mean.
    #[serde(default)]
    pub errors: Errors,
    /// How to learn whose account it is.
    pub account: Account,
    /// How to learn whom records can belong to: one list after the other.
    #[serde(default)]
    pub users: Vec<UserList>,
    /// What the service does by itself when a record is made.
    #[serde(default)]
    pub on_create: Vec<OnCreate>,
    /// The record types.
    pub objects: BTreeMap<String, Object>,
}

/// A list of those whom records can belong to. Paths begin at one of them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserList {
    /// The list.
    pub list: Scan,
    /// Where the id stands.
    pub id: String,
    /// Where the e-mail address stands.
    #[serde(default)]
    pub email: Option<String>,
    /// Where the parts of the name stand, first to last.
    pub name: Vec<String>,
    /// What holds for those who may be given records; without it all may.
    #[serde(default)]
    pub active: Option<BodyTest>,
    /// Who they are: `person` or `queue`.
    #[serde(default)]
    pub kind: UserKind,
}

/// What a service does by itself when a record is made, for people who are about to make many.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OnCreate {
    /// What, in words.
    pub does: String,
    /// Of these objects; empty: of all.
    #[serde(default)]
    pub objects: Vec<String>,
    /// Not where one of these settings has this value, as a user writes it.
    #[serde(default)]
    pub unless: BTreeMap<String, String>,
    /// Whether in a first load too.
    #[serde(default = "yes")]
    pub in_bulk: bool,
}

fn yes() -> bool {
    true
}

/// The side a service stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Marketing.
    Marketing,
    /// Sales.
    Sales,
}

/// What a connector's exchanges are evidence of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// They were written after the service's documents.
    Documents,
    /// They were recorded from the service.
    Recorded,
    /// The conformance kit ran against a live account.
    Live,
}

impl Manifest {
    /// Reads a manifest, and checks what it means.
    ///
    /// # Errors
    /// Everything that is wrong with it, with places.
    pub fn parse(text: &str) -> Result<Self, Vec<lint::Finding>> {
        let manifest: Self = toml::from_str(text).map_err(|_| lint::lint(text))?;
        let findings = lint::meaning(text, &manifest);
        if findings.is_empty() { Ok(manifest) } else { Err(findings) }
    }

    /// The setting of that name.
    pub fn setting(&self, name: &str) -> Option<&Setting> {
        self.settings.iter().find(|(known, _)| known == name).map(|(_, setting)| setting)
    }
}

/// The manifests that are part of this program: type and text.
pub fn builtin() -> &'static [(&'static str, &'static str)] {
    &[
        ("dynamics", include_str!("../../../dynamics/manifest.toml")),
        ("hubspot", include_str!("../../../hubspot/manifest.toml")),
        ("insightly", include_str!("../../../insightly/manifest.toml")),
        ("marketo", include_str!("../../../marketo/manifest.toml")),
        ("mautic", include_str!("../../../mautic/manifest.toml")),
        ("pipedrive", include_str!("../../../pipedrive/manifest.toml")),
        ("salesforce", include_str!("../../../salesforce/manifest.toml")),
    ]
}

/// A table as pairs, in the order in which the reader gives them.
fn pairs<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<(String, T)>, D::Error> {
    struct Reader<T>(std::marker::PhantomData<T>);
    impl<'de, T: Deserialize<'de>> de::Visitor<'de> for Reader<T> {
        type Value = Vec<(String, T)>;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a table")
        }
        fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut entries = Vec::new();
            while let Some(entry) = map.next_entry()? {
                entries.push(entry);
            }
            Ok(entries)
        }
    }
    deserializer.deserialize_map(Reader(std::marker::PhantomData))
}

#[cfg(test)]
mod tests;
