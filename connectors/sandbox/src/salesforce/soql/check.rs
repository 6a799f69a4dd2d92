//! Syntax tree + schema → plan: every name is a field, every value is of its type.

use std::ops::Range;

use super::{
    Fault,
    syntax::{Condition, Literal, Name, Op, Query, Select, Value},
};
use crate::salesforce::{
    ids,
    options::FieldKind,
    schema::{Field, Object, Schema, Source},
};

/// SOQL reference, "OFFSET": at most 2,000.
const MAX_OFFSET: u64 = 2_000;
/// SOQL reference, "Understanding Relationship Queries": at most five steps from child to parent.
const MAX_STEPS: usize = 5;

/// A checked statement.
#[derive(Clone, Debug)]
pub(in crate::salesforce) struct Plan {
    /// The object.
    pub object: &'static str,
    /// What is wanted of each row; `None` for only their number.
    pub select: Option<Vec<Path>>,
    /// Which rows.
    pub filter: Option<Test>,
    /// In which order.
    pub order: Vec<Key>,
    /// How many at most.
    pub limit: Option<u64>,
    /// How many are skipped.
    pub offset: u64,
}

/// A field, perhaps of another object.
#[derive(Clone, Debug)]
pub(in crate::salesforce) struct Path {
    /// The references to follow.
    pub steps: Vec<Step>,
    /// The field's name.
    pub name: String,
    /// What it holds.
    pub kind: FieldKind,
    /// Where its value comes from.
    pub source: Source,
}

/// A reference that is followed.
#[derive(Clone, Debug)]
pub(in crate::salesforce) struct Step {
    /// The name that the query and the answer use.
    pub relationship: String,
    /// The reference field.
    pub field: String,
    /// Where its value comes from.
    pub source: Source,
    /// The object at its end.
    pub object: &'static str,
}

/// Which rows.
#[derive(Clone, Debug)]
pub(in crate::salesforce) enum Test {
    /// All of these.
    All(Vec<Test>),
    /// Any of these.
    Any(Vec<Test>),
    /// Not this.
    Not(Box<Test>),
    /// The field equals one of these.
    OneOf(Path, Vec<Operand>),
    /// The field stands so to this.
    Compare(Path, Ordering, Operand),
    /// The field is like this.
    Like(Path, Vec<(char, bool)>),
    /// One of these sets lies within the field's.
    Includes(Path, Vec<Vec<String>>),
}

/// How a value stands to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::salesforce) enum Ordering {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    More,
    /// `>=`
    AtLeast,
}

/// A value to compare with, in the form in which values of its type are compared.
#[derive(Clone, Debug, PartialEq, PartialOrd)]
pub(in crate::salesforce) enum Operand {
    /// Blank.
    Null,
    /// A checkbox.
    Bool(bool),
    /// A number.
    Number(f64),
    /// A day.
    Date(jiff::civil::Date),
    /// A time.
    Datetime(jiff::Timestamp),
    /// Text, in lower case: comparison ignores case. SOQL reference, "Comparison Operators".
    Text(String),
}

/// One key of the order.
#[derive(Clone, Debug)]
pub(in crate::salesforce) struct Key {
    /// The field.
    pub path: Path,
    /// Largest first.
    pub descending: bool,
    /// Blanks at the end.
    pub nulls_last: bool,
}

/// Checks a statement.
pub(super) fn check(schema: &Schema, query: &Query) -> Result<Plan, Fault> {
    let Some(object) = schema.object(&query.from.text) else {
        let message = format!(
            "sObject type '{}' is not supported. If you are attempting to use a custom object, be sure to append the \
             '__c' after the entity name. Please reference your WSDL or the describe call for the appropriate names.",
            query.from.text
        );
        return Err(Fault { code: "INVALID_TYPE", message, at: query.from.at.clone() });
    };
    let scope = Scope { schema, object };
    let select = match &query.select {
        Select::Count => None,
        Select::Fields(names) => Some(scope.selection(names)?),
    };
    let filter = query.filter.as_ref().map(|condition| scope.test(condition)).transpose()?;
    let mut order = Vec::new();
    for key in &query.order {
        let (path, _) = scope.path(&key.field)?;
        if matches!(path.kind, FieldKind::LongText(_) | FieldKind::Multipicklist(_) | FieldKind::Address) {
            let message = format!("field '{}' can not be sorted in a query call", key.field.text);
            return Err(Fault { code: "INVALID_FIELD", message, at: key.field.at.clone() });
        }
        order.push(Key { path, descending: key.descending, nulls_last: key.nulls_last });
    }
    let offset = match &query.offset {
        Some((offset, at)) if *offset > MAX_OFFSET => {
            let message = format!("Maximum SOQL offset allowed is {MAX_OFFSET}");
            return Err(Fault { code: "NUMBER_OUTSIDE_VALID_RANGE", message, at: at.clone() });
        }
        Some((offset, _)) => *offset,
        None => 0,
    };
    Ok(Plan { object: object.name, select, filter, order, limit: query.limit, offset })
}

struct Scope<'a> {
    schema: &'a Schema,
    object: &'a Object,
}

impl Scope<'_> {
    fn selection(&self, names: &[Name]) -> Result<Vec<Path>, Fault> {
        for (at, name) in names.iter().enumerate() {
            if names[..at].iter().any(|other| other.text.eq_ignore_ascii_case(&name.text)) {
                return Err(Fault::malformed(format!("duplicate field selected: {}", name.text), name.at.clone()));
            }
        }
        names.iter().map(|name| self.path(name).map(|(path, _)| path)).collect()
    }

    /// The path, and the field at its end.
    fn path(&self, name: &Name) -> Result<(Path, &Field), Fault> {
        let mut parts: Vec<&str> = name.text.split('.').collect();
        // The object's own name may lead: `Lead.Email` in a query of leads.
        if parts.len() > 1 && parts[0].eq_ignore_ascii_case(self.object.name) {
            parts.remove(0);
        }
        let last = parts.pop().unwrap_or_default();
        let mut object = self.object;
        let mut steps = Vec::new();
        for part in parts {
            let Some((field, target)) = object.relationship(self.schema, part) else {
                let message = format!("Didn't understand relationship '{part}' in field path.");
                return Err(Fault { code: "INVALID_FIELD", message, at: name.at.clone() });
            };
            let relationship = field.relationship().unwrap_or_default();
            steps.push(Step { relationship, field: field.name.clone(), source: field.source, object: target.name });
            object = target;
        }
        let field = object.field(last).filter(|_| steps.len() <= MAX_STEPS).ok_or_else(|| {
            let message = format!(
                "No such column '{last}' on entity '{}'. If you are attempting to use a custom field, be sure to append \
                 the '__c' after the custom field name. Please reference your WSDL or the describe call for the \
                 appropriate names.",
                object.name
            );
            Fault { code: "INVALID_FIELD", message, at: name.at.clone() }
        })?;
        let path = Path { steps, name: field.name.clone(), kind: field.kind.clone(), source: field.source };
        Ok((path, field))
    }

    fn test(&self, condition: &Condition) -> Result<Test, Fault> {
        let all = |parts: &[Condition]| parts.iter().map(|part| self.test(part)).collect::<Result<Vec<_>, _>>();
        Ok(match condition {
            Condition::All(parts) => Test::All(all(parts)?),
            Condition::Any(parts) => Test::Any(all(parts)?),
            Condition::Not(part) => Test::Not(Box::new(self.test(part)?)),
            Condition::Compare { field, op, with } => self.comparison(field, *op, with)?,
        })
    }

    /// SOQL reference, "fieldExpression Syntax": the value's type is the field's; a long text area cannot be compared.
    fn comparison(&self, name: &Name, op: Op, with: &[Literal]) -> Result<Test, Fault> {
        let (path, field) = self.path(name)?;
        let kind = &field.kind;
        if matches!(kind, FieldKind::LongText(length) if *length > 255)
            || matches!(kind, FieldKind::Address | FieldKind::Any)
        {
            let message = format!("field '{}' can not be filtered in a query call", name.text);
            return Err(Fault { code: "INVALID_FIELD", message, at: name.at.clone() });
        }
        let set = matches!(kind, FieldKind::Multipicklist(_));
        let ordered = !set && *kind != FieldKind::Boolean;
        let fits = match op {
            Op::Equal | Op::NotEqual => true,
            Op::In | Op::NotIn => !set && *kind != FieldKind::Boolean,
            Op::Like => is_text(kind) && !set,
            Op::Includes | Op::Excludes => set,
            Op::Less | Op::AtMost | Op::More | Op::AtLeast => ordered,
        };
        if !fits {
            let message = format!("invalid operator on {} field", kind.word());
            return Err(Fault { code: "INVALID_QUERY_FILTER_OPERATOR", message, at: name.at.clone() });
        }
        let operands = with.iter().map(|literal| operand(field, literal, &name.at)).collect::<Result<Vec<_>, _>>()?;
        let test = match (op, &with[0].value) {
            (Op::Like, Value::Text(pattern)) => Test::Like(path, pattern.clone()),
            (Op::Less | Op::AtMost | Op::More | Op::AtLeast, _) => {
                Test::Compare(path, ordering(op), operands[0].clone())
            }
            (Op::Includes | Op::Excludes, _) => Test::Includes(path, operands.iter().map(choices).collect()),
            _ => Test::OneOf(path, operands),
        };
        let negated = matches!(op, Op::NotEqual | Op::NotIn | Op::Excludes);
        Ok(if negated { Test::Not(Box::new(test)) } else { test })
    }
}

fn ordering(op: Op) -> Ordering {
    match op {
        Op::Less => Ordering::Less,
        Op::AtMost => Ordering::AtMost,
        Op::More => Ordering::More,
        _ => Ordering::AtLeast,
    }
}

/// `'a;b'` asks for both.
fn choices(operand: &Operand) -> Vec<String> {
    match operand {
        Operand::Text(text) => text.split(';').map(|choice| choice.trim().to_owned()).collect(),
        _ => Vec::new(),
    }
}

fn is_text(kind: &FieldKind) -> bool {
    use FieldKind::{Email, LongText, Multipicklist, Phone, Picklist, Text, Url};
    matches!(kind, Text(_) | LongText(_) | Email | Phone | Url | Picklist(_) | Multipicklist(_))
}

fn operand(field: &Field, literal: &Literal, name: &Range<usize>) -> Result<Operand, Fault> {
    let kind = &field.kind;
    let is_id = matches!(kind, FieldKind::Id | FieldKind::Reference(_));
    match &literal.value {
        Value::Null => Ok(Operand::Null),
        Value::Text(text) if is_text(kind) || is_id => {
            let text: String = text.iter().map(|(c, _)| c).collect();
            if !is_id {
                return Ok(if text.is_empty() { Operand::Null } else { Operand::Text(text.to_lowercase()) });
            }
            // Ids are compared in their case: two may differ in nothing else.
            ids::normal(&text).map(Operand::Text).ok_or_else(|| Fault {
                code: "INVALID_QUERY_FILTER_OPERATOR",
                message: format!("invalid ID field: {text}"),
                at: literal.at.clone(),
            })
        }
        Value::Bool(value) if *kind == FieldKind::Boolean => Ok(Operand::Bool(*value)),
        Value::Number(value) if matches!(kind, FieldKind::Double { .. } | FieldKind::Int) => {
            Ok(Operand::Number(*value))
        }
        Value::Date(value) if *kind == FieldKind::Date => Ok(Operand::Date(*value)),
        Value::Datetime(value) if *kind == FieldKind::Datetime => Ok(Operand::Datetime(*value)),
        _ => {
            let quotes = if is_text(kind) || is_id { "should be" } else { "should not be" };
            let word = match kind {
                FieldKind::Datetime => "dateTime",
                _ if is_text(kind) => "string",
                _ => kind.word(),
            };
            let message = format!(
                "value of filter criterion for field '{}' must be of type {word} and {quotes} enclosed in quotes",
                field.name
            );
            Err(Fault { code: "INVALID_FIELD", message, at: name.clone() })
        }
    }
}
