//! Simulated services over HTTP.

pub mod account;
pub mod hubspot;
pub mod salesforce;
