//! The erasure of a person, from its first commit to its receipt. It names records, and nothing of the person.

use hymnal_sdk::{Address, Timestamp};
use serde::{Deserialize, Serialize};

use super::blocked::Trace;
use crate::merge::{Id, Pair, Side};

/// The erasure of a person: what is to be done, then the receipt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasure {
    /// The person's id, which nothing else has any more.
    pub entity: Id,
    /// Further ids under which the person was known before.
    pub former: Vec<Id>,
    /// When it was asked for, by our clock.
    #[serde(with = "jiff::fmt::serde::timestamp::microsecond::required")]
    pub at: Timestamp,
    /// Whether the records in the systems are erased too.
    pub everywhere: bool,
    /// Every record of the person, by side.
    pub records: Pair<Vec<Erased>>,
    /// Hashes of the person's keys: by them the receipt is found again.
    pub keys: Vec<Trace>,
    /// What was erased here.
    pub here: Here,
    /// The lines of the conflict log file are to be cut out still.
    pub file_waits: bool,
    /// When all of it was done.
    #[serde(with = "jiff::fmt::serde::timestamp::microsecond::optional")]
    pub done_at: Option<Timestamp>,
}

/// What was erased here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Here {
    /// Fields of the golden record, with all that was known of each system's values.
    pub fields: u64,
    /// Pages of the journal.
    pub pages: u64,
    /// Lines of the conflict log.
    pub lines: u64,
}

/// One record of the person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erased {
    /// Where it lives, or lived.
    pub address: Address,
    /// What became of it.
    pub done: Done,
}

/// What became of a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Done {
    /// Nobody asked for its erasure: it stays in its system, and is not met again.
    Kept,
    /// It is to be erased.
    Waits,
    /// It was sent, and no reading has shown that it is gone.
    Sent,
    /// It was erased for good, and read back as gone.
    Erased,
    /// It was deleted, and read back as gone or in the bin: the service has no other way.
    Deleted,
    /// It was gone before: deleted by somebody else, perhaps still in the service's bin.
    GoneBefore,
    /// It cannot be seen: erased it may be, or hidden from the login.
    NotVisible,
    /// The service refuses.
    Refused {
        /// Its code.
        code: String,
    },
}

impl Done {
    /// The word in receipts.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Waits => "waits",
            Self::Sent => "in doubt",
            Self::Erased => "erased",
            Self::Deleted => "deleted",
            Self::GoneBefore => "gone before",
            Self::NotVisible => "not visible",
            Self::Refused { .. } => "refused",
        }
    }

    /// Something is still to be done by us.
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Waits | Self::Sent)
    }

    /// Somebody must look after it: it may still be there.
    pub fn needs_a_person(&self) -> bool {
        matches!(self, Self::Refused { .. } | Self::NotVisible)
    }
}

impl Erasure {
    /// Something is still to be done.
    pub fn is_open(&self) -> bool {
        self.file_waits || Side::BOTH.iter().any(|side| self.records[*side].iter().any(|record| record.done.is_open()))
    }

    /// Somebody must look after one of the records.
    pub fn needs_a_person(&self) -> bool {
        Side::BOTH.iter().any(|side| self.records[*side].iter().any(|record| record.done.needs_a_person()))
    }

    /// It is about this person.
    pub fn is_of(&self, id: Id) -> bool {
        self.entity == id || self.former.contains(&id)
    }
}
