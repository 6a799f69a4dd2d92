//! Answers for people: the words that admins know.
//!
//! | file | what |
//! |---|---|
//! | [`held`] | what is held, what it would do, what was done about it |
//! | [`mod@status`] | `status` |
//! | [`mod@conflicts`] | the conflict log |
//! | [`mod@plan`] | what a cycle would do |
//! | [`mod@explain`] | one person |
//! | [`mod@matches`] | who is who |
//! | [`mod@upkeep`] | what was done with all of the state |
//! | `parked` | what is set aside |
//! | `resolve` | a person's answer to a conflict |
//! | `words` | values, times and names out of JSON |

pub mod conflicts;
pub mod explain;
pub mod held;
pub mod matches;
mod parked;
pub mod plan;
mod resolve;
pub mod status;
pub mod upkeep;
mod words;

pub use self::{
    conflicts::{conflict, conflicts, csv, sentence},
    explain::explain,
    held::{approved, done, ended, would},
    matches::{matches, told_apart},
    parked::{handled, parked},
    plan::{applied, plan},
    resolve::resolved,
    status::status,
    upkeep::{backed_up, compacted, restored, set_aside},
    words::moment,
};
