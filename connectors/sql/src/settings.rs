//! What a user writes about the database.

use std::fmt;

use hymnal_sdk::{ExposeSecret, Gone, SecretString};

use crate::dialect::Dialect;

/// What a user writes about the database.
#[derive(Clone)]
pub struct Settings {
    pub(crate) url: SecretString,
    pub(crate) dialect: Dialect,
    pub(crate) id: String,
    pub(crate) updated_at: Option<String>,
    pub(crate) created_at: Option<String>,
    pub(crate) deleted: Option<String>,
    pub(crate) unique: Vec<String>,
    pub(crate) gone: Gone,
}

/// A setting that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadSettings {
    /// Which.
    pub setting: &'static str,
    /// What is wrong, and what to write.
    pub message: String,
}

impl fmt::Display for BadSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.setting, self.message)
    }
}

impl std::error::Error for BadSettings {}

impl Settings {
    /// Settings by name: `url`, and where they are there `id` (default: `id`), `updated_at`, `created_at`, `deleted`,
    /// `unique` (names with commas), `missing` (`deleted` or `not-visible`).
    ///
    /// # Errors
    /// A URL of no known database; a word that is none.
    pub fn new(url: SecretString, text: impl Fn(&str) -> Option<String>) -> Result<Self, BadSettings> {
        let scheme = url.expose_secret().split(':').next().unwrap_or_default().to_owned();
        let dialect = Dialect::of(&scheme).ok_or_else(|| BadSettings {
            setting: "url",
            message: "is of no known database: write `postgres://…`, `mysql://…` or `sqlite:///file`".into(),
        })?;
        let column = |name| text(name).map(|column| column.trim().to_owned()).filter(|column| !column.is_empty());
        let gone = match text("missing").as_deref() {
            None | Some("deleted") => Gone::Deleted,
            Some("not-visible") => Gone::NotVisible,
            Some(_) => {
                let message = "is neither `deleted` nor `not-visible`".into();
                return Err(BadSettings { setting: "missing", message });
            }
        };
        let unique = text("unique").unwrap_or_default();
        let unique = unique.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
        Ok(Self {
            url,
            dialect,
            id: column("id").unwrap_or_else(|| "id".into()),
            updated_at: column("updated_at"),
            created_at: column("created_at"),
            deleted: column("deleted"),
            unique: unique.collect(),
            gone,
        })
    }

    /// Columns that say something of the row itself.
    pub(crate) fn own(&self) -> impl Iterator<Item = &str> {
        let more = [&self.updated_at, &self.created_at, &self.deleted];
        std::iter::once(self.id.as_str()).chain(more.into_iter().filter_map(|column| column.as_deref()))
    }
}
