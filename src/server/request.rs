//! What can be asked of a Hymnal.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::merge::parked::Handling;

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
    /// A person answers a conflict.
    Resolve(ResolveRequest),
    /// A person answers all conflicts that an expression holds for.
    ResolveWhere {
        /// The expression, over canonical fields, `field`, `kind` and the systems' names.
        expression: String,
        /// Only of this sync.
        sync: Option<String>,
        /// The answer; its `id` counts for nothing.
        answer: ResolveRequest,
    },
    /// Logged conflicts decided again.
    PolicyTest {
        /// From this time on.
        since: hymnal_sdk::Timestamp,
        /// Under this policy; without it, under the rules of today.
        policy: Option<String>,
        /// Only of this field.
        field: Option<String>,
        /// Only of this sync.
        sync: Option<String>,
    },
    /// What is parked, by its reason.
    Parked,
    /// What is parked for one reason, or of one person.
    ParkedShow {
        /// The reason's id, or the person's.
        id: String,
    },
    /// A person retries or dismisses what is parked.
    HandleParked(ParkedRequest),
    /// What a cycle would do, written nowhere.
    Plan {
        /// Only this sync.
        sync: Option<String>,
        /// The configuration that is meant: its digest.
        config: String,
    },
    /// Everything compared.
    Audit {
        /// Only this sync.
        sync: Option<String>,
        /// Keep what was missed, so that the next cycle heals it.
        repair: bool,
        /// The configuration that is meant: its digest.
        config: String,
    },
    /// Everybody: golden values, and the ids of their records.
    Export,
    /// A plan done; its lines come after the request.
    Apply {
        /// The configuration that it was made by: its digest.
        config: String,
        /// Only so many people's lines.
        limit: Option<usize>,
        /// Only lines for which this expression holds.
        filter: Option<String>,
    },
    /// One person.
    Explain {
        /// An e-mail, an entity's id, or `connector:object:id`.
        key: String,
        /// Only this field.
        field: Option<String>,
    },
    /// What happened to a person.
    History {
        /// An e-mail, an entity's id, or `connector:object:id`.
        key: String,
    },
    /// A person takes back what was written.
    Undo(UndoRequest),
    /// Erases a person.
    Forget {
        /// An e-mail, an entity's id, or `connector:object:id`.
        key: String,
        /// The records in the systems too.
        everywhere: bool,
    },
    /// Who could be who: ambiguous matches, duplicates, people without a key, people taken apart.
    Matches {
        /// Only of this sync.
        sync: Option<String>,
    },
    /// Two people are one.
    Link {
        /// An e-mail, an entity's id, or `connector:object:id`.
        one: String,
        /// The same.
        two: String,
    },
    /// The records of a person in the two systems are two people.
    Unlink {
        /// An e-mail, an entity's id, or `connector:object:id`.
        key: String,
    },
    /// One record of a person is somebody else's.
    Split {
        /// An e-mail, an entity's id, or `connector:object:id`.
        key: String,
        /// The record: `connector:object:id`.
        address: String,
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
    /// One cycle now.
    Sync {
        /// Only of this sync.
        sync: Option<String>,
    },
    /// Read again from the services, and repaired.
    Resync {
        /// The sync.
        sync: String,
        /// Only this person: an e-mail, an entity's id, or `connector:object:id`.
        key: Option<String>,
    },
    /// Another account behind a connector is accepted.
    Rebind {
        /// The connector.
        connector: String,
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
    /// All of the state; answered with the lines of a backup.
    Backup,
    /// Gives back the room that old values take.
    Compact,
}

/// A person answers a conflict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResolveRequest {
    /// The conflict.
    pub id: String,
    /// A connector's name, or `base`.
    pub take: Option<String>,
    /// Or a value, as a person types it.
    pub value: Option<String>,
    /// The number of the line that the person saw.
    pub seen: Option<u64>,
    /// Who.
    pub by: String,
    /// The person says that they have the consent that it takes.
    pub have_consent: bool,
    /// Only look.
    pub dry_run: bool,
}

/// A person retries or dismisses what is parked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParkedRequest {
    /// The id of a reason, or of a person.
    pub id: Option<String>,
    /// Or a reason's word.
    pub reason: Option<String>,
    /// Or everything.
    pub all: bool,
    /// What to do.
    pub handling: Handling,
    /// Who.
    pub by: String,
}

/// A person takes back what was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndoRequest {
    /// One change, by its id.
    pub change: Option<String>,
    /// Or what a cycle wrote.
    pub cycle: Option<String>,
    /// Or what was written from this time on.
    pub since: Option<hymnal_sdk::Timestamp>,
    /// Only of this sync.
    pub sync: Option<String>,
    /// Who.
    pub by: String,
    /// The person says that they have the consent that it takes.
    pub have_consent: bool,
    /// Only look.
    pub dry_run: bool,
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
