//! Answers for people: the words that admins know.
//!
//! | file | what |
//! |---|---|
//! | [`held`] | what is held, what it would do, what was done about it |
//! | [`mod@status`] | `status` |
//! | [`mod@conflicts`] | the conflict log |
//! | [`mod@plan`] | what a cycle would do |
//! | [`mod@explain`] | one person |
//! | `words` | values, times and names out of JSON |

pub mod conflicts;
pub mod explain;
pub mod held;
pub mod plan;
pub mod status;
mod words;

pub use self::{
    conflicts::{conflict, conflicts, csv, sentence},
    explain::explain,
    held::{approved, done, ended, would},
    plan::plan,
    status::status,
    words::moment,
};
