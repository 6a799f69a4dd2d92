//! The invariants of `docs/semantics.md`, by name.

use std::fmt;

/// What is promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Promise {
    Convergence,
    NoLostEdit,
    HonestConflicts,
    AtMostOne,
    NoResurrection,
    NoEcho,
    Consent,
    Blanks,
    Scope,
    Quota,
    CrashSafe,
    Isolation,
    CompleteLog,
    OrderFree,
    Guarded,
    Private,
    Reversible,
}

impl Promise {
    /// The number in the document.
    pub(crate) fn number(self) -> &'static str {
        match self {
            Self::Convergence => "I1",
            Self::NoLostEdit => "I2",
            Self::HonestConflicts => "I3",
            Self::AtMostOne => "I4",
            Self::NoResurrection => "I5",
            Self::NoEcho => "I6",
            Self::Consent => "I7",
            Self::Blanks => "I8",
            Self::Scope => "I9",
            Self::Quota => "I10",
            Self::CrashSafe => "I11",
            Self::Isolation => "I12",
            Self::CompleteLog => "I13",
            Self::OrderFree => "I14",
            Self::Guarded => "I15",
            Self::Private => "I16",
            Self::Reversible => "I17",
        }
    }
}

/// A promise that was broken.
#[derive(Clone, Debug)]
pub(crate) struct Violation {
    pub(crate) promise: Promise,
    pub(crate) text: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}: {}", self.promise.number(), self.promise, self.text)
    }
}
