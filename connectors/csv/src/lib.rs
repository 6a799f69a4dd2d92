//! Files with a table in them as a connector: what a list is kept in before there is a system for it.
//!
//! A CSV file with a header line and an id column is an object; its lines are the records. The whole file is read, and
//! written anew beside itself and renamed over, so that no reader ever sees half of it.
//!
//! | file | what |
//! |---|---|
//! | [`settings`] | what a user writes about the files |
//! | `sheet` | one file, read and written |
//! | [`connector`] | all of it behind the trait |

pub mod connector;
pub mod settings;
mod sheet;

pub use connector::CsvConnector;
pub use settings::{BadSettings, Settings};
