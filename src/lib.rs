//! Hymnal keeps contacts and leads the same in a marketing tool and a sales tool, in both directions: it explains every
//! value and every difference, and loses nothing.
//!
//! This page is the architecture. What is promised about data stands in `docs/semantics.md`.
//!
//! # One cycle
//!
//! ```text
//!  remote ──pull──▶ observations ──match──▶ entity ──merge──▶ golden + outbox ──commit──▶ store
//!                                                                                  │
//!  remote ◀──write── patch ◀──verify (read again; merge again if it moved)◀─────────┘
//! ```
//!
//! A record that was read is folded into the entity of its person ([`merge::reading`]): what equals what we knew or sent
//! is an echo, anything else an edit. Each field is decided from the value both sides last agreed on and at most one
//! edit a side ([`merge::field`]). What follows from an entity (indexes, outbox, what waits) is derived in one place
//! ([`cycle::world`]) and committed with it, together with the cursor of the page, in one atomic batch. A write is
//! verified by a reading, marked durably, sent once, and confirmed by its answer or the next reading. So a crash at any
//! point costs time, not data.
//!
//! # Layers
//!
//! Each may use what is below it, never the reverse (`tests/tidy.rs` checks it).
//!
//! | module | may use | never contains |
//! |---|---|---|
//! | [`cli`] | everything | logic |
//! | [`server`], [`daemon`] | wire, cycle, journal, store, config | clap; merge rules |
//! | [`wire`] | everything below | decisions |
//! | [`config`] | merge policy, mapping, manifest settings | network |
//! | [`cycle`] | merge, mapping, store, journal, sdk | reqwest, sled, toml, clap |
//! | [`journal`] | store, merge types | network |
//! | [`http`] | sdk, reqwest, governor, backoff, tokio | merge, store, rest |
//! | [`store`] | merge types, sdk types | connectors |
//! | [`mapping`], [`merge`] | `sdk::record`, each other's types, pure libraries | async, I/O, clock reads, randomness, logging |
//! | [`planted`] | nothing | what a test did not plant |
//! | `connectors/rest` | sdk, serde_json, toml, jsonwebtoken, jiff | reqwest, tokio, the daemon |
//! | `connectors/memory` | sdk | anything else |
//! | `connectors/sandbox` | sdk, memory, axum, tokio | rest, the daemon |
//! | `connectors/sdk` | serde, thiserror, http types, jiff, secrecy | tokio, reqwest, files, environment, a system clock |
//!
//! # Invariants of the house
//!
//! 1. `merge` cannot fail and cannot wait: the same inputs give the same answer, byte for byte.
//! 2. What could not be read is a problem, never an absence. Only an explicit word of the service is a deletion.
//! 3. The shadow advances to what a service answered or a later reading showed, never to what we asked for; that is
//!    kept beside it as `sent`.
//! 4. Intent is stored before a write. After a crash it is read back from the service, not sent again.
//! 5. A preview and a run go through the same decisions; there is no second path.
//! 6. The two systems are symmetric in `merge`; direction and preference are data.
//! 7. Time and randomness enter through one clock and one seed (`clippy.toml` forbids the rest).
//! 8. No connector owns a client, a limiter, a retry loop or a token: it is handed an `Http` that has them as layers.
//! 9. The store is one ordered key-value seam: get, scan, and one atomic, durable commit.
//! 10. An error says what it was, whether to retry, and whether the remote may have changed. `Unknown` forbids a blind
//!     retry.

pub mod cli;
pub mod config;
pub mod cycle;
pub mod daemon;
pub mod http;
pub mod journal;
pub mod mapping;
pub mod merge;
pub mod planted;
pub mod server;
pub mod store;
pub mod wire;
