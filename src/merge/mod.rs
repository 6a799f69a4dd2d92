//! What should happen, decided without waiting and without failing.
//!
//! Pure: no I/O, no clock, no randomness, no logging. The same inputs give the same answer, byte for byte.
//!
//! | file | what |
//! |---|---|
//! | [`side`] | the two systems of a sync, symmetric: direction and preference are data |
//! | [`policy`] | the rules a field is merged by |
//! | [`rules`] | everything a sync is decided by, checked |
//! | [`field`] | one field: agreed value and at most one candidate a side, in; a verdict out |

mod conflict;
mod consent;
mod edits;
pub mod field;
mod first_link;
pub mod policy;
pub mod rules;
pub mod side;
mod times;

pub use field::{Candidate, Certainty, Conflict, ConflictKind, Evidence, Fate, Merge, SideInput, Verdict};
pub use policy::{Back, Blanks, Consent, FieldPolicy, Flow, OnConflict, OnOverride};
pub use rules::{Ambiguous, FieldRule, FirstRun, Keyless, SyncRules, SystemRules};
pub use side::{Pair, Side};
