//! Whole cycles over two services in memory: what people do on both sides, what goes wrong, and what must be true at
//! the end. Everything is the real thing but the services, the clock and the disk.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot be set up has failed")]

mod stage;

mod agreement;
mod apply;
mod audit;
mod blanks;
mod choices;
mod consent;
mod conversion;
mod crashes;
mod deletions;
mod digest;
mod forget;
mod full_check;
mod guards;
mod identity;
mod lost_answers;
mod observe;
mod odd_services;
mod on_delete;
mod order;
mod owners;
mod pains;
mod parked;
mod people;
mod plan;
mod resolve;
mod retention;
mod rules;
mod scope;
mod secondaries;
mod sight;
mod swaps;
mod times;
mod undo;
mod unreadable;
