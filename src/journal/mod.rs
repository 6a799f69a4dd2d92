//! What was decided and done: conflict log, history, explanation.
//!
//! | file | what |
//! |---|---|
//! | [`entry`] | what the journal and the conflict log hold in the store |
//! | [`mod@line`] | a line of the conflict log as people and programs read it |
//! | [`lines`] | lines of the conflict log as the store keeps them |
//! | [`conflict_log`] | the file `conflicts.jsonl` |
//! | [`erasure`] | the erasure of a person, and its receipt |
//! | [`blocked`] | who was erased, by keyed hashes |

pub mod blocked;
pub mod conflict_log;
pub mod entry;
pub mod erasure;
pub mod line;
pub mod lines;

pub use blocked::Blocked;
pub use conflict_log::ConflictLog;
pub use line::Mask;
