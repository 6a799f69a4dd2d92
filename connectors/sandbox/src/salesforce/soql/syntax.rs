//! The syntax tree of a statement.

use std::ops::Range;

/// A name with its place: `LastName`, `Owner.Name`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    /// As written, dots included.
    pub text: String,
    /// Where in the statement.
    pub at: Range<usize>,
}

/// A statement.
#[derive(Clone, Debug)]
pub(super) struct Query {
    /// What is wanted of each row.
    pub select: Select,
    /// The object.
    pub from: Name,
    /// Which rows.
    pub filter: Option<Condition>,
    /// In which order.
    pub order: Vec<Order>,
    /// How many at most.
    pub limit: Option<u64>,
    /// How many are skipped, and where that is said.
    pub offset: Option<(u64, Range<usize>)>,
}

/// What is wanted of each row.
#[derive(Clone, Debug)]
pub(super) enum Select {
    /// These fields.
    Fields(Vec<Name>),
    /// Only how many rows there are: `COUNT()`.
    Count,
}

/// Which rows.
#[derive(Clone, Debug)]
pub(super) enum Condition {
    /// All of these.
    All(Vec<Condition>),
    /// Any of these.
    Any(Vec<Condition>),
    /// Not this.
    Not(Box<Condition>),
    /// One comparison.
    Compare {
        /// The field.
        field: Name,
        /// How.
        op: Op,
        /// With what: several for `IN` and the like, else one.
        with: Vec<Literal>,
    },
}

/// How a field is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    /// `=`
    Equal,
    /// `!=`, `<>`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    More,
    /// `>=`
    AtLeast,
    /// `LIKE`
    Like,
    /// `IN`
    In,
    /// `NOT IN`
    NotIn,
    /// `INCLUDES`
    Includes,
    /// `EXCLUDES`
    Excludes,
}

/// A value with its place.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Literal {
    /// The value.
    pub value: Value,
    /// Where in the statement.
    pub at: Range<usize>,
}

/// A value as written.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// `7`, `-1.5`
    Number(f64),
    /// `2026-01-31`
    Date(jiff::civil::Date),
    /// `2026-01-31T00:00:00Z`
    Datetime(jiff::Timestamp),
    /// `'it\'s'`: the characters, and whether each was escaped (a `LIKE` wildcard then stands for itself).
    Text(Vec<(char, bool)>),
}

/// One key of the order.
#[derive(Clone, Debug)]
pub(super) struct Order {
    /// The field.
    pub field: Name,
    /// Largest first.
    pub descending: bool,
    /// Where blanks go. SOQL reference, "ORDER BY": first by default.
    pub nulls_last: bool,
}
