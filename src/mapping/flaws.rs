//! What is wrong with an expression, by place: names that nobody has, values of another type, what is not in the
//! language. The compiler of the language tells one error at a time, and takes every name for a good one.

use std::ops::Range;

use minijinja::Error;

use super::{
    FieldType,
    expression::{FILTERS, TESTS},
};

/// Something that is wrong with an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// Where, in bytes of the expression.
    pub range: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: Hint,
}

/// What to do about a flaw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hint {
    /// This.
    Say(String),
    /// Write one of these, the nearest to the word.
    Nearest {
        /// What was written.
        word: String,
        /// What could be.
        valid: Vec<String>,
    },
}

/// The operators that compare one value with another.
const COMPARING: [&str; 6] = ["==", "!=", "<", "<=", ">", ">="];
/// Words of the language.
const WORDS: [&str; 13] =
    ["and", "or", "not", "in", "is", "if", "else", "true", "false", "none", "True", "False", "None"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Name,
    Text,
    Number,
    Sign,
}

struct Token<'a> {
    kind: Kind,
    text: &'a str,
    at: usize,
}

impl Token<'_> {
    fn range(&self) -> Range<usize> {
        self.at..self.at + self.text.len()
    }
}

/// Everything that is wrong with the words of an expression.
pub(super) fn find(source: &str, fields: &[(&str, FieldType)]) -> Vec<Flaw> {
    let tokens = tokens(source);
    let look = Look { tokens: &tokens, fields };
    (0..tokens.len()).filter_map(|index| look.flaw(index)).collect()
}

/// Where a blank gives an answer that surprises, or none: what to say about it, by place. The expression is used.
pub fn doubts(source: &str, fields: &[(&str, FieldType)]) -> Vec<Flaw> {
    let tokens = tokens(source);
    let look = Look { tokens: &tokens, fields };
    (0..tokens.len()).filter_map(|index| look.doubt(index)).collect()
}

/// What the language's compiler says.
pub(super) fn syntax(source: &str, error: &Error) -> Flaw {
    let what = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    let end = error.range().map_or(source.len(), |range| range.end.min(source.len()));
    let start = error.range().map_or(0, |range| range.start.min(end));
    let hint = "write conditions over the fields, joined by `and`, `or`, `not`: \"email and stage in ['mql', 'sql']\"";
    Flaw { range: start..end, message: format!("this is no expression: {what}"), hint: Hint::Say(hint.into()) }
}

struct Look<'a> {
    tokens: &'a [Token<'a>],
    fields: &'a [(&'a str, FieldType)],
}

impl<'a> Look<'a> {
    fn flaw(&self, index: usize) -> Option<Flaw> {
        let token = self.at(index)?;
        match token.kind {
            Kind::Name if self.before(index, 1) == "." => None,
            Kind::Name if self.before(index, 1) == "|" => unknown(token, "filter", &FILTERS),
            Kind::Name if self.asks(index) => unknown(token, "test", &TESTS),
            Kind::Name if WORDS.contains(&token.text) => None,
            Kind::Name => self.unknown_field(token),
            Kind::Text | Kind::Number => self.wrong_type(index),
            Kind::Sign => self.wrong_sign(index),
        }
    }

    fn at(&self, index: usize) -> Option<&'a Token<'a>> {
        self.tokens.get(index)
    }

    fn before(&self, index: usize, steps: usize) -> &'a str {
        index.checked_sub(steps).and_then(|index| self.at(index)).map_or("", |token| token.text)
    }

    fn after(&self, index: usize, steps: usize) -> &'a str {
        self.at(index + steps).map_or("", |token| token.text)
    }

    /// The name of a test: `is none`, `is not none`.
    fn asks(&self, index: usize) -> bool {
        let named = |steps| self.before(index, steps) == "is";
        self.tokens[index].text != "not" && (named(1) || (self.before(index, 1) == "not" && named(2)))
    }

    fn kind_of(&self, name: &str) -> Option<FieldType> {
        self.fields.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
    }

    fn unknown_field(&self, token: &Token<'_>) -> Option<Flaw> {
        if self.kind_of(token.text).is_some() {
            return None;
        }
        let message = format!("`{}` is no field of the sync", token.text);
        Some(nearest(token, message, self.fields.iter().map(|(name, _)| *name)))
    }

    /// A literal that can never be equal to the field it stands beside.
    fn wrong_type(&self, index: usize) -> Option<Flaw> {
        let token = self.at(index)?;
        let name = self.compared(index)?;
        let kind = self.kind_of(name)?;
        let said = |message: String, hint: String| Some(Flaw { range: token.range(), message, hint: Hint::Say(hint) });
        let inner = token.text.trim_matches(['\'', '"']);
        match (kind, token.kind) {
            (FieldType::Integer | FieldType::Decimal, Kind::Text) => said(
                format!("`{name}` is a number, and {} is text", token.text),
                format!("write it without quotes: {inner}"),
            ),
            (FieldType::Bool, Kind::Text | Kind::Number) => {
                said(format!("`{name}` is true or false, and {} is not", token.text), "write `true` or `false`".into())
            }
            (FieldType::Integer | FieldType::Decimal, _) => None,
            (_, Kind::Number) => said(
                format!("`{name}` is text, and {} is a number", token.text),
                format!("write it in quotes: '{}'", token.text),
            ),
            (FieldType::Email, Kind::Text) if inner != inner.to_lowercase() => said(
                format!("`{name}` is compared in lower case, and {} is not", token.text),
                format!("write '{}'", inner.to_lowercase()),
            ),
            (FieldType::Date, Kind::Text) if inner.parse::<jiff::civil::Date>().is_err() => {
                said(format!("`{name}` is a date, and {} is none", token.text), "write '2026-12-31'".into())
            }
            _ => None,
        }
    }

    /// The field that a literal is compared with: beside it, or before the list it stands in.
    fn compared(&self, index: usize) -> Option<&'a str> {
        if COMPARING.contains(&self.before(index, 1)) {
            return self.name_before(index.checked_sub(1)?);
        }
        if COMPARING.contains(&self.after(index, 1)) {
            return self.at(index + 2).filter(|token| token.kind == Kind::Name).map(|token| token.text);
        }
        let open = (0..index)
            .rev()
            .find(|at| !matches!(self.tokens[*at].kind, Kind::Text | Kind::Number) && self.tokens[*at].text != ",")?;
        let listed = matches!(self.tokens[open].text, "[" | "(") && self.before(open, 1) == "in";
        let operator = if self.before(open, 2) == "not" { open.checked_sub(2) } else { open.checked_sub(1) };
        listed.then(|| self.name_before(operator?)).flatten()
    }

    /// A field itself before an operator, not what a filter or an index made of it.
    fn name_before(&self, operator: usize) -> Option<&'a str> {
        let token = self.at(operator.checked_sub(1)?)?;
        let is_bare = !matches!(self.before(operator, 2), "|" | "." | "is");
        (token.kind == Kind::Name && is_bare).then_some(token.text)
    }

    fn wrong_sign(&self, index: usize) -> Option<Flaw> {
        let token = self.at(index)?;
        let said = |message: &str, hint: &str| {
            Some(Flaw { range: token.range(), message: message.to_owned(), hint: Hint::Say(hint.to_owned()) })
        };
        let before = index.checked_sub(1).and_then(|index| self.at(index));
        match token.text {
            "(" if before.is_some_and(|before| {
                (before.kind == Kind::Name && !WORDS.contains(&before.text) && !self.takes_arguments(index))
                    || matches!(before.text, ")" | "]")
            }) =>
            {
                said("nothing can be called in an expression", "write conditions over the fields")
            }
            "=" => said("`=` compares nothing", "write `==`"),
            "&&" | "&" => said("`&&` joins nothing", "write `and`"),
            "||" => said("`||` joins nothing", "write `or`"),
            "!" => said("`!` negates nothing", "write `not`"),
            "*" | "**" | "~" => {
                said(&format!("`{}` is not in the language of expressions", token.text), "compare the field as it is")
            }
            "." => said("a value has no parts to ask for with `.`", "compare the field as it is"),
            "{" | "}" => said("braces are not in the language of expressions", "write a list: ['a', 'b']"),
            _ => None,
        }
    }

    fn takes_arguments(&self, open: usize) -> bool {
        let name = open.saturating_sub(1);
        self.asks(name) || self.before(name, 1) == "|"
    }

    /// A blank is less than everything, and nothing is contained in it.
    fn doubt(&self, index: usize) -> Option<Flaw> {
        let token = self.at(index)?;
        let text = (token.kind == Kind::Name).then_some(token.text)?;
        let kind = self.kind_of(text)?;
        if self.before(index, 1) == "." || self.is_asked_for(text) {
            return None;
        }
        let guarded = format!("write `{text} and …` first, or `{text} is none or …`");
        let is_less = matches!(self.after(index, 1), "<" | "<=") || matches!(self.before(index, 1), ">" | ">=");
        let message = if is_less {
            format!("this holds where `{text}` is blank too: a blank is less than everything")
        } else if self.before(index, 1) == "in" && kind != FieldType::Set {
            format!("this has no answer where `{text}` is blank, and parks the record")
        } else {
            return None;
        };
        Some(Flaw { range: token.range(), message, hint: Hint::Say(guarded) })
    }

    /// Somewhere the expression asks whether the field has a value.
    fn is_asked_for(&self, name: &str) -> bool {
        self.tokens.iter().enumerate().any(|(index, token)| {
            token.kind == Kind::Name && token.text == name && matches!(self.after(index, 1), "and" | "is")
        })
    }
}

fn unknown(token: &Token<'_>, what: &str, valid: &[&str]) -> Option<Flaw> {
    let message = format!("there is no {what} `{}` in expressions", token.text);
    (!valid.contains(&token.text)).then(|| nearest(token, message, valid.iter().copied()))
}

fn nearest<'v>(token: &Token<'_>, message: String, valid: impl Iterator<Item = &'v str>) -> Flaw {
    let valid = valid.map(str::to_owned).collect();
    Flaw { range: token.range(), message, hint: Hint::Nearest { word: token.text.to_owned(), valid } }
}

fn tokens(source: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = source[at..].chars().next() {
        let rest = &source[at..];
        let name = |char: char| char.is_alphanumeric() || char == '_';
        let (kind, length) = match first {
            _ if first.is_whitespace() => {
                at += first.len_utf8();
                continue;
            }
            '\'' | '"' => (Kind::Text, quoted(rest, first)),
            _ if first.is_ascii_digit() => (Kind::Number, run(rest, |char| name(char) || char == '.')),
            _ if name(first) => (Kind::Name, run(rest, name)),
            _ => {
                let two =
                    ["==", "!=", "<=", ">=", "**", "//", "&&", "||"].into_iter().find(|two| rest.starts_with(two));
                (Kind::Sign, two.map_or(first.len_utf8(), str::len))
            }
        };
        tokens.push(Token { kind, text: &rest[..length], at });
        at += length;
    }
    tokens
}

fn run(rest: &str, belongs: impl Fn(char) -> bool) -> usize {
    rest.find(|char| !belongs(char)).unwrap_or(rest.len())
}

/// The length of text in quotes, with what is escaped in it; to the end where nobody closed it.
fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (index, char) in rest.char_indices().skip(1) {
        match char {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if char == quote => return index + char.len_utf8(),
            _ => {}
        }
    }
    rest.len()
}
