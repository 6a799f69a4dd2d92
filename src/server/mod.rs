//! How people and programs ask a Hymnal what it does: the same actions over the control socket and, where no daemon
//! runs, in the process of the command.
//!
//! | file | what |
//! |---|---|
//! | [`request`] | what can be asked |
//! | [`actions`] | what is answered |
//! | [`status`] | how everything is |
//! | [`explain`] | one person |
//! | [`forget`] | the erasure of a person |
//! | [`conflicts`] | the conflict log |
//! | [`mod@matches`] | who is who |
//! | [`upkeep`] | what is done with all of the state: backup, compaction |
//! | [`parked`] | what is parked |
//! | [`history`] | what happened to a person |
//! | `live` | what the systems say at this moment |
//! | [`policy_test`] | logged conflicts under other rules |
//! | [`undo`] | what was written is taken back |
//! | [`resolve`] | a person answers conflicts |
//! | [`plan`] | what a cycle would do |
//! | [`apply`] | a plan done |
//! | [`audit`] | everything compared; everybody, for those who leave |
//! | `trouble` | why a system could not be worked with |
//! | [`socket`] | the control socket of a running daemon |
//! | [`health`] | `/healthz` and `/readyz` |

pub mod actions;
pub mod apply;
pub mod audit;
pub mod conflicts;
mod cycles;
pub mod explain;
pub mod forget;
pub mod health;
pub mod history;
mod holds;
mod live;
pub mod matches;
pub mod parked;
pub mod plan;
pub mod policy_test;
mod rebind;
pub mod request;
pub mod resolve;
pub mod socket;
pub mod status;
mod trouble;
pub mod undo;
pub mod upkeep;

pub use actions::{answer, answer_each, answer_given};
pub use apply::other_config;
pub use request::{Answer, ParkedRequest, Refusal, Request, ResolveRequest, UndoRequest};
