//! What went wrong, in the words of the sdk.

use hymnal_sdk::{Effect, Error, Kind};
use sqlx::error::ErrorKind;

/// Whether a statement may have changed something when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doing {
    Reading,
    Writing,
}

/// An error of the database as the engine understands it.
pub(crate) fn trouble(error: &sqlx::Error, doing: Doing) -> Error {
    match error {
        sqlx::Error::Database(database) => refused(database.as_ref()),
        sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => {
            Error::new(Kind::Transient, "no-connection", "the database gave no connection in time")
        }
        sqlx::Error::Configuration(_) | sqlx::Error::Tls(_) => {
            Error::new(Kind::Fatal, "connection", format!("the database cannot be reached as `url` says: {error}"))
        }
        other => {
            let lost = Error::new(Kind::Transient, "connection", format!("the connection broke: {other}"));
            let lost = if doing == Doing::Writing { lost.in_doubt() } else { lost };
            Error { effect: if doing == Doing::Writing { Effect::Unknown } else { Effect::None }, ..lost }
        }
    }
}

/// What the database refuses it has not done: each statement stands alone, or its transaction was rolled back.
fn refused(database: &dyn sqlx::error::DatabaseError) -> Error {
    let code = database.code().map(|code| code.to_string()).unwrap_or_default();
    let words = database.message().to_owned();
    let kind = match database.kind() {
        ErrorKind::UniqueViolation => Kind::Conflict,
        ErrorKind::NotNullViolation | ErrorKind::ForeignKeyViolation | ErrorKind::CheckViolation => {
            Kind::RejectedRecord
        }
        _ => by_code(&code, &words),
    };
    let error = Error::new(kind, code, words);
    match kind {
        Kind::Auth => error.hint("check the login in `url`, and what the database grants it"),
        Kind::RejectedRecord => error.hint("see the constraints of the table; a `default` fills a column it requires"),
        _ => error,
    }
}

/// PostgreSQL, appendix "Error Codes"; MySQL, "Server Error Message Reference"; SQLite, "Result Codes".
fn by_code(code: &str, words: &str) -> Kind {
    match code {
        // Serialisation, deadlock, lock timeout; SQLITE_BUSY, SQLITE_LOCKED.
        "40001" | "40P01" | "55P03" | "1205" | "1213" | "5" | "6" | "517" | "261" => Kind::Conflict,
        // Login.
        "28P01" | "28000" | "1045" => Kind::Auth,
        // Permission; a column or a table that is not there.
        "42501" | "1142" | "1143" | "8" | "42703" | "42P01" | "1054" | "1146" => Kind::Fatal,
        // Shutting down, too many connections, disk full, cancelled.
        "57P01" | "57P02" | "57P03" | "53300" | "53100" | "53200" | "57014" | "1040" | "1053" | "1317" | "08000"
        | "08003" | "08006" => Kind::Transient,
        _ if words.contains("is locked") => Kind::Conflict,
        // A value of the wrong form or too long, and whatever else a row is refused for.
        _ => Kind::RejectedRecord,
    }
}
