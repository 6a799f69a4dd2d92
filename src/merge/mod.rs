//! What should happen, decided without waiting and without failing.
//!
//! Pure: no I/O, no clock, no randomness, no logging. The same inputs give the same answer, byte for byte.
//!
//! | file | what |
//! |---|---|
//! | [`side`] | the two systems of a sync, symmetric: direction and preference are data |
//! | [`policy`] | the rules a field is merged by |
//! | [`rules`] | everything a sync is decided by, checked |
//! | [`member`] | a linked record |
//! | [`entity`] | one golden record and all that is known of its members |
//! | [`context`] | what a decision depends on besides the entity |
//! | [`reading`] | one reading folded into its entity: what is an echo, what an edit |
//! | [`field`] | one field: agreed value and at most one candidate a side, in; a verdict out |
//! | `first_link`, `edits`, `conflict`, `consent`, `times` | the branches of that decision |
//! | [`decide`] | every field of an entity decided, and what follows |
//! | `logged` | what of that goes into the conflict log |
//! | [`patch`] | golden minus shadow: what is to be written |
//! | [`planned`] | what a push would write, change by change |
//! | [`meter`] | how far two systems agree |
//! | [`answer`] | what a service answered to a write |
//! | `arrival` | what of one side has reached the other |
//! | [`history`] | field histories, for conflicts |
//! | [`identity`] | who is who |
//! | [`guard`], [`held`] | what a guard counts; what it holds, and what becomes of it |
//! | [`emails`] | which e-mails are a person's |
//! | [`exchange`] | values that exist once, on their way from one record to another |
//! | [`unite`] | several entities made one, one made several |
//! | [`last_word`] | what a record says of consent that goes on as another one |
//! | [`secondary`] | further records of one person: consent, and nothing else |
//! | [`parked`] | what is set aside, and what people do about it |
//! | [`person`] | what a person decides |
//! | [`replay`] | logged conflicts decided again |
//! | [`undo`] | what was written is taken back |
//! | [`scope`] | who is in the sync, and who is created where |
//! | [`removal`] | what follows from a deletion |
//! | [`event`] | what was decided and done, for journal and conflict log |

pub mod answer;
mod arrival;
mod conflict;
mod consent;
pub mod context;
pub mod decide;
mod edits;
pub mod emails;
pub mod entity;
pub mod event;
pub mod exchange;
pub mod field;
mod first_link;
pub mod guard;
pub mod held;
pub mod history;
pub mod identity;
pub mod last_word;
pub(crate) mod logged;
pub mod member;
pub mod meter;
pub mod parked;
pub mod patch;
pub mod person;
pub mod planned;
pub mod policy;
pub mod reading;
pub mod removal;
pub mod replay;
pub mod rules;
pub mod scope;
pub mod secondary;
pub mod side;
mod times;
pub mod undo;
pub mod unite;

#[cfg(test)]
mod tests;

pub use context::{Context, ObjectFacts};
pub use entity::{Entity, Id};
pub use event::Event;
pub use field::{Candidate, Certainty, Conflict, ConflictKind, Evidence, Fate, Merge, SideInput, Verdict};
pub use guard::{Guards, Limit};
pub use policy::{Back, Blanks, Consent, FieldPolicy, Flow, OnConflict, OnOverride};
pub use rules::{Ambiguous, FieldRule, FirstRun, Keyless, Mode, OnDelete, SyncRules, SystemRules};
pub use scope::Scope;
pub use side::{Pair, Side};
