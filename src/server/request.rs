//! What can be asked of a Hymnal.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// What can be asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case")]
pub enum Request {
    /// How everything is.
    Status,
    /// Lines of the conflict log.
    Conflicts {
        /// Only those that wait for a person.
        open: bool,
        /// Only of this sync.
        sync: Option<String>,
        /// At most so many, the latest.
        limit: Option<usize>,
    },
    /// One conflict, with all its lines.
    Conflict {
        /// Its id.
        id: String,
    },
    /// What a cycle would do, written nowhere.
    Plan {
        /// Only this sync.
        sync: Option<String>,
        /// The configuration that is meant: its digest.
        config: String,
    },
    /// One person.
    Explain {
        /// An e-mail, an entity's id, or `connector:object:id`.
        key: String,
        /// Only this field.
        field: Option<String>,
    },
    /// Lets what is held go.
    Approve {
        /// The sync.
        sync: String,
        /// Which hold; `None`: the only one.
        hold: Option<String>,
    },
    /// Drops what is held.
    Discard {
        /// The sync.
        sync: String,
        /// Which hold; `None`: the only one.
        hold: Option<String>,
    },
    /// Stops writing.
    Pause {
        /// The sync.
        sync: String,
        /// For so many seconds; `None`: until `resume`.
        seconds: Option<u64>,
        /// Why.
        reason: Option<String>,
    },
    /// Writes again.
    Resume {
        /// The sync.
        sync: String,
    },
    /// Reads the configuration again.
    Reload,
}

/// What is answered.
pub type Answer = Result<Json, Refusal>;

/// Why something is not answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// The exit code of the command.
    pub exit: u8,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: String,
}

impl Refusal {
    /// A refusal.
    pub fn new(exit: u8, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { exit, message: message.into(), hint: hint.into() }
    }
}

impl From<crate::store::StoreError> for Refusal {
    fn from(error: crate::store::StoreError) -> Self {
        let exit = if matches!(error, crate::store::StoreError::Refused { .. }) { 65 } else { 1 };
        Self::new(exit, error.to_string(), "")
    }
}
