//! An expression over canonical fields: `email and stage in ['mql', 'sql']`.
//!
//! The language is that of `minijinja` without anything that could wait, loop or reach out: no statements, no calls, no
//! filters but `lower`, `upper` and `length`, no tests but `none`, `startingwith` and `endingwith`, and fuel. Values are typed:
//! numbers compare as numbers, a blank is `none` (of a set: an empty list), sets are lists, dates and times are ISO
//! text, e-mails stand in the form in which they are compared (lower case).

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, LazyLock},
};

use minijinja::{Environment, Error, UndefinedBehavior, Value as Jinja};
use rust_decimal::prelude::ToPrimitive;
use serde::{Serialize, Serializer};

use super::{FieldType, Problem, Value, flaws, problem};

/// Steps of one evaluation: a file's worth of `and`s needs a few hundred.
const FUEL: u64 = 20_000;

/// What a name can be followed by: `| lower`.
pub(super) const FILTERS: [&str; 3] = ["length", "lower", "upper"];
/// What can be asked of a value: `is none`.
pub(super) const TESTS: [&str; 3] = ["endingwith", "none", "startingwith"];

static LANGUAGE: LazyLock<Environment<'static>> = LazyLock::new(language);

/// A compiled expression.
#[derive(Clone)]
pub struct Expression {
    source: String,
    /// The fields it asks for.
    names: BTreeSet<String>,
    /// Those of them that are sets: a blank one is an empty list.
    sets: BTreeSet<String>,
    compiled: Arc<minijinja::Expression<'static, 'static>>,
}

impl Expression {
    /// Compiles an expression over these fields.
    ///
    /// # Errors
    /// Everything that is wrong with it, by place.
    pub fn compile(source: &str, fields: &[(&str, FieldType)]) -> Result<Self, Vec<flaws::Flaw>> {
        let found = flaws::find(source, fields);
        // The words are checked first, since they say more than the compiler, which stops at the first thing.
        if !found.is_empty() {
            return Err(found);
        }
        let compiled = LANGUAGE
            .compile_expression_owned(source.to_owned())
            .map_err(|error| vec![flaws::syntax(source, &error)])?;
        let names: BTreeSet<String> = compiled.undeclared_variables(false).into_iter().collect();
        let is_set = |name: &String| fields.contains(&(name.as_str(), FieldType::Set));
        let sets = names.iter().filter(|name| is_set(name)).cloned().collect();
        Ok(Self { source: source.to_owned(), names, sets, compiled: Arc::new(compiled) })
    }

    /// Whether it holds for these values.
    ///
    /// # Errors
    /// It cannot be evaluated on them: an operation on a value of another type.
    pub fn holds<'v>(&self, value: impl Fn(&str) -> Option<&'v Value>) -> Result<bool, Problem> {
        let blank =
            |name: &String| if self.sets.contains(name) { Jinja::from(Vec::<Jinja>::new()) } else { Jinja::from(()) };
        let one = |name: &String| value(name).filter(|value| !value.is_blank()).map_or_else(|| blank(name), typed);
        let known: BTreeMap<&str, Jinja> = self.names.iter().map(|name| (name.as_str(), one(name))).collect();
        let answer = self.compiled.eval(Jinja::from(known)).map_err(|error| self.failed(&error))?;
        Ok(answer.is_true())
    }

    /// As it was written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The fields it asks for.
    pub fn names(&self) -> &BTreeSet<String> {
        &self.names
    }

    fn failed(&self, error: &Error) -> Problem {
        let what = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
        let message = format!("`{}` cannot be answered for this record: {what}", self.source);
        let hint = "ask for the value first: `name and …`; or correct the value";
        Problem { code: problem::EXPRESSION.into(), message, hint: hint.into() }
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.source)
    }
}

/// What is written the same says the same.
impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Serialize for Expression {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.source)
    }
}

fn language() -> Environment<'static> {
    let mut language = Environment::empty();
    language.set_fuel(Some(FUEL));
    language.set_undefined_behavior(UndefinedBehavior::Strict);
    language.add_filter("lower", |text: Option<String>| text.map(|text| text.to_lowercase()));
    language.add_filter("upper", |text: Option<String>| text.map(|text| text.to_uppercase()));
    language.add_filter("length", |value: &Jinja| if value.is_none() { Some(0) } else { length(value) });
    language.add_test("none", |value: &Jinja| value.is_none());
    language.add_test("startingwith", |text: Option<String>, start: String| {
        text.is_some_and(|text| text.starts_with(&start))
    });
    language.add_test("endingwith", |text: Option<String>, end: String| text.is_some_and(|text| text.ends_with(&end)));
    language
}

fn length(value: &Jinja) -> Option<usize> {
    match value.as_str() {
        Some(text) => Some(text.chars().count()),
        None => value.len(),
    }
}

/// A canonical value as the language has it.
fn typed(value: &Value) -> Jinja {
    match value {
        Value::Blank => Jinja::from(()),
        Value::Text(text) | Value::Phone(text) => Jinja::from(text.as_str()),
        Value::Email(email) => Jinja::from(email.folded.as_str()),
        Value::Bool(value) => Jinja::from(*value),
        Value::Integer(value) => Jinja::from(*value),
        Value::Decimal(value) => value.to_f64().map_or_else(|| Jinja::from(value.to_string()), Jinja::from),
        Value::Date(value) => Jinja::from(value.to_string()),
        Value::Datetime(value) => Jinja::from(value.to_string()),
        Value::Set(items) => items.iter().map(String::as_str).collect(),
    }
}
