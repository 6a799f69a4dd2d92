//! What users of today's connectors suffer, each story told here from its beginning to its end. `docs/pains.md` lists
//! them all, with those that are told elsewhere.

mod conflicts;
mod consent;
mod deletion;
mod identity;
mod reading;
mod traffic;
