//! Hymnal keeps contacts and leads the same in a marketing tool and a sales tool.

pub mod config;
pub mod cycle;
pub mod http;
pub mod journal;
pub mod mapping;
pub mod merge;
pub mod store;
