//! What a user writes about the files.

use std::{fmt, path::PathBuf};

use hymnal_sdk::Gone;

/// What a user writes about the files.
#[derive(Clone, Debug)]
pub struct Settings {
    pub(crate) path: PathBuf,
    pub(crate) id: String,
    pub(crate) updated_at: Option<String>,
    pub(crate) unique: Vec<String>,
    pub(crate) delimiter: u8,
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
    /// Settings by name: `path`, and where they are there `id` (default: `id`), `updated_at`, `unique` (names with
    /// commas), `delimiter` (default: `,`), `missing` (`not-visible` or `deleted`).
    ///
    /// A line that is no longer there is *not visible* unless `missing` says otherwise: an export that broke off in
    /// the middle looks the same as many deletions.
    ///
    /// # Errors
    /// No path; a delimiter that is not one character; a word that is none.
    pub fn new(text: impl Fn(&str) -> Option<String>) -> Result<Self, BadSettings> {
        let column = |name| text(name).map(|column| column.trim().to_owned()).filter(|column| !column.is_empty());
        let bad = |setting, message: &str| BadSettings { setting, message: message.to_owned() };
        let path =
            column("path").ok_or_else(|| bad("path", "is missing: write the file, or the folder of the files"))?;
        let delimiter = match text("delimiter").as_deref() {
            None => b',',
            Some("tab" | "\t") => b'\t',
            Some(mark) if mark.len() == 1 => mark.as_bytes()[0],
            Some(_) => return Err(bad("delimiter", "is not one character: write `,`, `;` or `tab`")),
        };
        let gone = match text("missing").as_deref() {
            None | Some("not-visible") => Gone::NotVisible,
            Some("deleted") => Gone::Deleted,
            Some(_) => return Err(bad("missing", "is neither `not-visible` nor `deleted`")),
        };
        let unique = text("unique").unwrap_or_default();
        let unique = unique.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
        Ok(Self {
            path: path.into(),
            id: column("id").unwrap_or_else(|| "id".into()),
            updated_at: column("updated_at"),
            unique: unique.collect(),
            delimiter,
            gone,
        })
    }
}
