//! Tables of a database as a connector: many companies' CRM is a table.
//!
//! A table has an id column and, better, a column that says when a row was last changed. Its rows are the records, its
//! columns the native fields, its name the object. PostgreSQL, MySQL (MariaDB) and SQLite, by `sqlx`.
//!
//! | file | what |
//! |---|---|
//! | [`settings`] | what a user writes about the database |
//! | `dialect` | where the three databases differ |
//! | `table` | what the database says of a table |
//! | `moment` | times as the databases spell them |
//! | `cursor` | where a listing goes on |
//! | `read`, `write` | the statements |
//! | `trouble` | what went wrong, in the words of the sdk |
//! | [`connector`] | all of it behind the trait |

pub mod connector;
mod cursor;
mod dialect;
mod moment;
mod read;
pub mod settings;
mod table;
mod trouble;
mod write;

pub use connector::SqlConnector;
pub use settings::{BadSettings, Settings};
