//! The process that keeps everything the same: schedule, signals, reload, systemd.
//!
//! | file | what |
//! |---|---|
//! | [`mod@once`] | `run --once`: cycle until quiescent, then say how it stands |
//! | [`schedule`] | a cycle of each sync every so often |
//! | [`mod@serve`] | the daemon: listeners, signals, reload, shutdown |
//! | [`supervisor`] | what systemd is told |

pub mod once;
pub mod schedule;
pub mod serve;
pub mod supervisor;

pub use once::{Outcome, once};
pub use serve::{serve, serve_until};
