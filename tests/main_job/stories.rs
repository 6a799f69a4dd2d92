//! Seven stories of what goes wrong between marketing and sales, lived through by the real program. `docs/stories.md`
//! tells them with what the program printed here: what stands there is compared, and `HYMNAL_WRITE_DOCS=1` writes it.
//!
//! | story | what happens |
//! |---|---|
//! | [`dirty_first_run`] | a pilot overwrites what it should not have, and is taken back |
//! | [`unsubscribed`] | one opt-out outlives duplicates, a new address, a conversion, a merge and an import |
//! | [`bad_monday`] | an import, a new validation rule and a lost permission at once |
//! | [`runaway_workflow`] | a workflow rewrites everybody, minute after minute |
//! | [`lost_choice`] | an admin removes a value of a picklist |
//! | [`sandbox_login`] | a login of a sandbox under the state of production |
//! | [`who_changed_it`] | who changed this phone? |
//! | [`telling`] | how the page and the stories are held together |

mod bad_monday;
mod dirty_first_run;
mod lost_choice;
mod runaway_workflow;
mod sandbox_login;
mod telling;
mod unsubscribed;
mod who_changed_it;
