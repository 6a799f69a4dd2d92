//! The real program against the simulated services: what a user would see, proved from the outside.
//!
//! | file | what it proves |
//! |---|---|
//! | [`first_run`] | nothing is written before a person has seen what would be |
//! | [`apply`] | a plan is done exactly, or a pilot of it |
//! | [`plan`] | what a cycle would do is seen before it is done |
//! | [`first_sync`] | two populated systems converge, each missing person made once, the next run writes nothing |
//! | [`conflicts`] | two people change one field: one line, one winner, on both sides |
//! | [`policies`] | each rule of a field |
//! | [`duplicates`] | several records of one person, keys that lead to several, records without a key |
//! | [`deletions`] | deleted, merged, converted, hidden |
//! | [`bad_values`] | what a service does not take |
//! | [`late_rows`] | more of one time than a search shows, late rows, shifting pages |
//! | [`limits`] | throttles, quotas, our share of them |
//! | [`outages`] | a system that is down, or refuses us |
//! | [`lost_answers`] | a write that was applied, and whose answer did not come |
//! | [`daemon`] | the program as a service: ready, quick, obedient to signals, one alone |
//! | [`kills`] | `kill -9` at any moment of a first sync |
//! | [`upkeep`] | backup, restore, rebuild, compaction, copies of the state |
//! | [`world`] | how a test starts both services and the program |
//! | [`agreement`] | whether both services hold the same, judged without Hymnal's own code |
#![expect(clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "tests")]

mod agreement;
mod apply;
mod bad_values;
mod conflicts;
mod daemon;
mod deletions;
mod duplicates;
mod first_run;
mod first_sync;
mod kills;
mod late_rows;
mod limits;
mod lost_answers;
mod matches;
mod outages;
mod plan;
mod policies;
mod upkeep;
mod world;
