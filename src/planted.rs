//! Faults that the tests plant in Hymnal itself, to show that the simulation would notice each of them.
//!
//! They cannot ship. The code is there only where the feature `planted` is on, which nothing but this package's own
//! dev-dependency asks for, and where debug assertions are; in every other build `is` is `false` at compile time, and
//! there is nothing that could set it. Neither configuration nor environment can plant anything: a test calls
//! `plant` on its own thread.

/// One fault: something that Hymnal must never do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Planted {
    /// The echo of our own write is taken for an edit.
    SkipEcho,
    /// An edit is taken for the echo of our own write.
    TakeForEcho,
    /// What is to be written is not put into the outbox.
    ForgetOutbox,
    /// A page's cursor is stored before what the page brought.
    CursorBeforeCommit,
    /// A creation that was not answered is sent again at once.
    RetryCreation,
    /// The shadow is what we asked for, not what the service answered.
    ShadowFromRequest,
    /// Whoever opts in wins.
    OptInWins,
    /// A `Retry-After` is not obeyed.
    IgnoreRetryAfter,
    /// A conflict that was decided is not logged.
    ForgetConflict,
    /// Whoever is not on an empty page was deleted.
    UnlinkOnEmptyPage,
    /// A deletion is not remembered.
    ForgetTombstone,
    /// What stands there already is written again.
    WriteAgain,
    /// What could not be read is blank.
    WithheldIsBlank,
    /// A field that is not mapped is written.
    WriteUnmapped,
    /// One bad item makes its whole batch bad.
    RefuseBatch,
    /// A write has no entry in the journal.
    ForgetJournal,
    /// Who was met first is primary.
    PrimaryByArrival,
    /// Nothing is read before it is written.
    SkipVerify,
    /// An edit that was delivered still competes.
    KeepDelivered,
    /// Whoever is out of scope is in.
    IgnoreScope,
    /// A guard lets everything through.
    IgnoreGuards,
    /// What is written is logged.
    LogValues,
    /// What is said to be taken back is not.
    ForgetUndo,
    /// A record is deleted although somebody works on it.
    RemoveAnyway,
    /// The link stays with a lead that was converted.
    StayWithLead,
    /// Who was converted out of the sync is made anew.
    RemakeConverted,
    /// The first of several who could be meant is taken.
    FirstFound,
    /// Who was told apart is matched again.
    MatchAgain,
    /// The fallback for an owner is taken for somebody's choice.
    FallbackIsEdit,
    /// An owner whom nobody there is is written as nobody.
    NobodyIsBlank,
    /// White space around a value is a part of it.
    KeepSpaces,
    /// What somebody refused on a record, just before it became another one, is not heard.
    ForgetLastWord,
}

impl Planted {
    /// All of them.
    pub const ALL: [Self; 32] = [
        Self::SkipEcho,
        Self::TakeForEcho,
        Self::ForgetOutbox,
        Self::CursorBeforeCommit,
        Self::RetryCreation,
        Self::ShadowFromRequest,
        Self::OptInWins,
        Self::IgnoreRetryAfter,
        Self::ForgetConflict,
        Self::UnlinkOnEmptyPage,
        Self::ForgetTombstone,
        Self::WriteAgain,
        Self::WithheldIsBlank,
        Self::WriteUnmapped,
        Self::RefuseBatch,
        Self::ForgetJournal,
        Self::PrimaryByArrival,
        Self::SkipVerify,
        Self::KeepDelivered,
        Self::IgnoreScope,
        Self::IgnoreGuards,
        Self::LogValues,
        Self::ForgetUndo,
        Self::RemoveAnyway,
        Self::StayWithLead,
        Self::RemakeConverted,
        Self::ForgetLastWord,
        Self::FirstFound,
        Self::MatchAgain,
        Self::FallbackIsEdit,
        Self::NobodyIsBlank,
        Self::KeepSpaces,
    ];
}

#[cfg(all(feature = "planted", debug_assertions))]
mod here {
    use std::cell::Cell;

    use super::Planted;

    thread_local! {
        static PLANTED: Cell<Option<Planted>> = const { Cell::new(None) };
    }

    /// Plants a fault on this thread, or takes the one away that is there.
    pub fn plant(fault: Option<Planted>) {
        PLANTED.set(fault);
    }

    pub(crate) fn is(fault: Planted) -> bool {
        PLANTED.get() == Some(fault)
    }
}

#[cfg(not(all(feature = "planted", debug_assertions)))]
mod here {
    use super::Planted;

    pub(crate) const fn is(_: Planted) -> bool {
        false
    }
}

pub(crate) use here::is;
#[cfg(all(feature = "planted", debug_assertions))]
pub use here::plant;
