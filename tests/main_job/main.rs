//! The real program against the simulated services: what a user would see, proved from the outside.
//!
//! | file | what it proves |
//! |---|---|
//! | [`first_sync`] | two populated systems converge, each missing person made once, the next run writes nothing |
//! | [`world`] | how a test starts both services and the program |
//! | [`agreement`] | whether both services hold the same, judged without Hymnal's own code |
#![expect(clippy::expect_used, clippy::panic, reason = "tests")]

mod agreement;
mod first_sync;
mod world;
