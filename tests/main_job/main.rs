//! The real program against the simulated services: what a user would see, proved from the outside.
//!
//! | file | what it proves |
//! |---|---|
//! | [`first_run`] | nothing is written before a person has seen what would be |
//! | [`audit`] | everything compared, everybody exported |
//! | [`apply`] | a plan is done exactly, or a pilot of it |
//! | [`plan`] | what a cycle would do is seen before it is done |
//! | [`first_sync`] | two populated systems converge, each missing person made once, the next run writes nothing |
//! | [`conflicts`] | two people change one field: one line, one winner, on both sides |
//! | [`policies`] | each rule of a field |
//! | [`duplicates`] | several records of one person, keys that lead to several, records without a key |
//! | [`deletions`] | deleted, merged, converted, hidden |
//! | [`bad_values`] | what a service does not take |
//! | [`late_rows`] | more of one time than a search shows, late rows, shifting pages |
//! | [`forget`] | a person erased, and what does not come back |
//! | [`limits`] | throttles, quotas, our share of them |
//! | [`outages`] | a system that is down, or refuses us |
//! | [`lost_answers`] | a write that was applied, and whose answer did not come |
//! | [`explained`] | the page of a person |
//! | [`decisions`] | what people decide and take back |
//! | [`daemon`] | the program as a service: ready, quick, obedient to signals, one alone |
//! | [`kills`] | `kill -9` at any moment of a first sync |
//! | [`matches`] | who is who, by a person's word |
//! | [`opt_outs`] | a consent that is written by another way than as a field |
//! | [`canary`] | no secret and nobody by name in logs, errors, status; nothing of who is forgotten in the state |
//! | [`storm`] | `kill -9` again and again while people go on working |
//! | [`stories`] | seven stories, told in `docs/stories.md` with what the program prints here |
//! | [`process`] | stops, reloads, signals and files taken away, at the worst moment |
//! | [`upkeep`] | backup, restore, rebuild, compaction, copies of the state |
//! | [`world`] | how a test starts both services and the program |
//! | [`agreement`] | whether both services hold the same, judged without Hymnal's own code |
#![expect(clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "tests")]

mod agreement;
mod apply;
mod audit;
mod bad_values;
mod canary;
mod conflicts;
mod daemon;
mod decisions;
mod deletions;
mod duplicates;
mod explained;
mod first_run;
mod first_sync;
mod forget;
mod holds;
mod kills;
mod late_rows;
mod limits;
mod lost_answers;
mod matches;
mod opt_outs;
mod outages;
mod plan;
mod policies;
mod process;
mod stories;
mod storm;
mod upkeep;
mod world;
