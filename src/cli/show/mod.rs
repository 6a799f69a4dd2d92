//! Answers for people: the words that admins know.
//!
//! | file | what |
//! |---|---|
//! | [`mod@forget`] | the receipt of an erasure |
//! | [`held`] | what is held, what it would do, what was done about it |
//! | [`mod@status`] | `status` |
//! | [`mod@conflicts`] | the conflict log |
//! | [`mod@audit`] | how far two systems agree; everybody |
//! | [`mod@plan`] | what a cycle would do |
//! | [`mod@explain`] | one person |
//! | [`mod@matches`] | who is who |
//! | [`mod@upkeep`] | what was done with all of the state |
//! | `parked` | what is set aside |
//! | `resolve` | a person's answer to a conflict |
//! | `undo` | what was taken back, and what was left |
//! | `words` | values, times and names out of JSON |

pub mod audit;
pub mod conflicts;
mod cycles;
pub mod explain;
pub mod forget;
pub mod held;
pub mod matches;
mod parked;
pub mod plan;
mod resolve;
pub mod status;
mod undo;
pub mod upkeep;
mod words;

pub use self::{
    audit::{audit, columns, export_head, export_row},
    conflicts::{conflict, conflicts, csv, sentence},
    cycles::{cycles, rebound, resynced},
    explain::{explain, history},
    forget::forgotten,
    held::{approved, done, ended, would},
    matches::{matches, told_apart},
    parked::{handled, parked},
    plan::{applied, plan},
    resolve::{policy_test, resolved, resolved_all},
    status::status,
    undo::undone,
    upkeep::{backed_up, compacted, restored, set_aside},
    words::moment,
};
