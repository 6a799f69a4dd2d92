//! SOQL, as far as a sync needs it: text → [`lexer`] → [`parser`] → [`check`] against the schema → [`eval`] over rows.
//!
//! What is valid SOQL but not simulated (grouping, sub-queries, functions, date literals like `TODAY`) is refused with
//! `NOT_SIMULATED`, so that nobody takes it for a refusal of the service.

mod check;
mod eval;
mod lexer;
mod parser;
mod syntax;
#[cfg(test)]
mod tests;

use std::ops::Range;

pub(super) use check::{Operand, Path, Plan, Test};
pub(super) use eval::run;

use super::{answer::Refused, schema::Schema};

/// SOQL and SOSL reference, "SOQL and SOSL Limits": a statement has at most 100,000 characters.
const MAX_STATEMENT: usize = 100_000;

/// What a statement asks for, checked against the schema.
///
/// # Errors
/// `MALFORMED_QUERY`, `INVALID_TYPE`, `INVALID_FIELD`, `INVALID_QUERY_FILTER_OPERATOR`, `NUMBER_OUTSIDE_VALID_RANGE`,
/// each with the place in the statement.
pub(super) fn plan(schema: &Schema, statement: &str) -> Result<Plan, Refused> {
    if statement.chars().count() > MAX_STATEMENT {
        return Err(Refused::request("MALFORMED_QUERY", "SOQL statements cannot be longer than 100000 characters."));
    }
    let query = parser::parse(statement).map_err(|fault| fault.shown_in(statement))?;
    check::check(schema, &query).map_err(|fault| fault.shown_in(statement))
}

/// What is wrong, and where.
#[derive(Clone, Debug)]
struct Fault {
    code: &'static str,
    message: String,
    at: Range<usize>,
}

impl Fault {
    fn malformed(message: impl Into<String>, at: Range<usize>) -> Self {
        Self { code: "MALFORMED_QUERY", message: message.into(), at }
    }

    fn unexpected(statement: &str, at: Range<usize>) -> Self {
        let token = statement.get(at.clone()).filter(|token| !token.is_empty()).unwrap_or("<EOF>");
        Self::malformed(format!("unexpected token: '{token}'"), at)
    }

    fn not_simulated(what: &str, at: Range<usize>) -> Self {
        let message = format!("the sandbox does not simulate {what}; the service does");
        Self { code: "NOT_SIMULATED", message, at }
    }

    /// The service shows the line around the place, a caret under it, then the sentence.
    fn shown_in(self, statement: &str) -> Refused {
        let start = self.at.start.min(statement.len());
        let column = statement[..start].chars().count() + 1;
        let before: String = statement[..start].chars().rev().take(30).collect::<Vec<_>>().into_iter().rev().collect();
        let after: String = statement[start..].chars().take(30).collect();
        let caret = " ".repeat(before.chars().count());
        let place = format!("ERROR at Row:1:Column:{column}");
        let message = format!("\n{before}{after}\n{caret}^\n{place}\n{}", self.message);
        let status = if self.code == "NOT_SIMULATED" { 501 } else { 400 };
        Refused::request(self.code, message).with_status(status)
    }
}
