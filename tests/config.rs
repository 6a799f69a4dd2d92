//! Configurations: what each mistake says, and what a right file means.

#![expect(clippy::expect_used, clippy::panic, reason = "tests")]

#[path = "config/given.rs"]
mod given;
#[path = "config/right.rs"]
mod right;
#[path = "config/secrets.rs"]
mod secrets;
#[path = "config/whole.rs"]
mod whole;
#[path = "config/wrong.rs"]
mod wrong;
