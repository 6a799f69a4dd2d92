//! Hymnal keeps contacts and leads the same in a marketing tool and a sales tool.

pub mod cli;
pub mod config;
pub mod cycle;
pub mod daemon;
pub mod http;
pub mod journal;
pub mod mapping;
pub mod merge;
pub mod server;
pub mod store;
pub mod wire;
