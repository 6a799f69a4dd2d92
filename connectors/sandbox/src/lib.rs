//! Simulated services over HTTP: the ground under the demo and under most tests.
//!
//! A face answers as the service that it simulates does: its errors, limits and peculiarities, each with the document
//! it comes from. Where a face is laxer than the service, it is wrong.
//!
//! | module | what |
//! |---|---|
//! | [`server`] | [`Sandbox`]: both faces and the control API, in process or on loopback sockets |
//! | [`control`] | people's edits, planted faults, moved clocks, counted requests: typed, and as JSON over HTTP |
//! | [`seed`] | plausible invented people |
//! | [`account`] | what one simulated account holds |
//! | `bend` | what a fault makes of a request, and of its answer |
//! | [`wire`] | faults between a request and its answer |
//! | [`hubspot`] | the HubSpot-like face |
//! | [`salesforce`] | the Salesforce-like face |

pub mod account;
mod bend;
pub mod control;
pub mod hubspot;
pub mod salesforce;
pub mod seed;
pub mod server;
pub mod wire;

pub use account::{Account, Fault, Form, Planted, Seen};
pub use control::{Control, Side};
pub use server::{Running, Sandbox, SandboxOptions};
