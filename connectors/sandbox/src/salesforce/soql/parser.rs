//! Tokens → syntax tree.

use std::ops::Range;

use super::{
    Fault,
    lexer::{Kind, Token, tokens},
    syntax::{Condition, Literal, Name, Op, Order, Query, Select, Value},
};

/// SOQL reference, "WHERE": a string has at most 4,000 characters.
const MAX_STRING: usize = 4_000;

/// A statement's syntax tree.
pub(super) fn parse(statement: &str) -> Result<Query, Fault> {
    let mut parser = Parser { statement, tokens: tokens(statement)?, next: 0 };
    let query = parser.query()?;
    match parser.tokens.get(parser.next) {
        None => Ok(query),
        Some(_) => Err(parser.stuck()),
    }
}

struct Parser<'a> {
    statement: &'a str,
    tokens: Vec<Token>,
    next: usize,
}

impl Parser<'_> {
    fn query(&mut self) -> Result<Query, Fault> {
        self.keyword("SELECT")?;
        let select = self.select()?;
        self.keyword("FROM")?;
        let from = self.name()?;
        let filter = if self.eat("WHERE") { Some(self.condition()?) } else { None };
        self.refuse_unsimulated(&["WITH", "GROUP", "HAVING"])?;
        let order = if self.eat("ORDER") {
            self.keyword("BY")?;
            self.order()?
        } else {
            Vec::new()
        };
        let limit = if self.eat("LIMIT") { Some(self.count()?.0) } else { None };
        let offset = if self.eat("OFFSET") { Some(self.count()?) } else { None };
        self.refuse_unsimulated(&["FOR", "UPDATE", "ALL"])?;
        Ok(Query { select, from, filter, order, limit, offset })
    }

    fn select(&mut self) -> Result<Select, Fault> {
        let mut fields = Vec::new();
        loop {
            if self.peek_mark("(") {
                return Err(Fault::not_simulated("a sub-query", self.place()));
            }
            let name = self.name()?;
            if self.mark("(") {
                if name.text.eq_ignore_ascii_case("COUNT") && fields.is_empty() && self.mark(")") {
                    return Ok(Select::Count);
                }
                return Err(Fault::not_simulated("functions", name.at));
            }
            fields.push(name);
            if !self.mark(",") {
                return Ok(Select::Fields(fields));
            }
        }
    }

    /// SOQL reference, "Logical Operators": `AND` and `OR` at one level need parentheses.
    fn condition(&mut self) -> Result<Condition, Fault> {
        let first = self.term()?;
        for (word, other) in [("AND", "OR"), ("OR", "AND")] {
            if !self.peek(word) {
                continue;
            }
            let mut parts = vec![first];
            while self.eat(word) {
                parts.push(self.term()?);
            }
            if self.peek(other) {
                return Err(self.stuck());
            }
            return Ok(if word == "AND" { Condition::All(parts) } else { Condition::Any(parts) });
        }
        Ok(first)
    }

    fn term(&mut self) -> Result<Condition, Fault> {
        if self.eat("NOT") {
            return Ok(Condition::Not(Box::new(self.term()?)));
        }
        if self.mark("(") {
            let inside = self.condition()?;
            return if self.mark(")") { Ok(inside) } else { Err(self.stuck()) };
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Result<Condition, Fault> {
        let field = self.name()?;
        if self.peek_mark("(") {
            return Err(Fault::not_simulated("functions", field.at));
        }
        let op = self.op()?;
        let with = match op {
            Op::In | Op::NotIn | Op::Includes | Op::Excludes => self.list()?,
            _ => vec![self.literal()?],
        };
        Ok(Condition::Compare { field, op, with })
    }

    fn op(&mut self) -> Result<Op, Fault> {
        const MARKS: [(&str, Op); 7] = [
            ("=", Op::Equal),
            ("!=", Op::NotEqual),
            ("<>", Op::NotEqual),
            ("<", Op::Less),
            ("<=", Op::AtMost),
            (">", Op::More),
            (">=", Op::AtLeast),
        ];
        const WORDS: [(&str, Op); 4] =
            [("LIKE", Op::Like), ("IN", Op::In), ("INCLUDES", Op::Includes), ("EXCLUDES", Op::Excludes)];
        if let Some((_, op)) = MARKS.iter().find(|(mark, _)| self.mark(mark)) {
            return Ok(*op);
        }
        if let Some((_, op)) = WORDS.iter().find(|(word, _)| self.eat(word)) {
            return Ok(*op);
        }
        if self.eat("NOT") {
            self.keyword("IN")?;
            return Ok(Op::NotIn);
        }
        Err(self.stuck())
    }

    fn list(&mut self) -> Result<Vec<Literal>, Fault> {
        if !self.mark("(") {
            return Err(self.stuck());
        }
        if self.peek("SELECT") {
            return Err(Fault::not_simulated("a semi-join", self.place()));
        }
        let mut values = vec![self.literal()?];
        while self.mark(",") {
            values.push(self.literal()?);
        }
        if self.mark(")") { Ok(values) } else { Err(self.stuck()) }
    }

    fn literal(&mut self) -> Result<Literal, Fault> {
        let Some(token) = self.tokens.get(self.next).cloned() else { return Err(self.stuck()) };
        let value = match token.kind {
            Kind::Value(Value::Text(text)) if text.len() > MAX_STRING => {
                return Err(Fault::malformed("maximum length of a string in a WHERE clause is 4000", token.at));
            }
            Kind::Value(value) => value,
            Kind::Word => match self.statement[token.at.clone()].to_ascii_lowercase().as_str() {
                "null" => Value::Null,
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                "today" | "yesterday" | "tomorrow" => {
                    return Err(Fault::not_simulated("date literals like TODAY", token.at));
                }
                word if word.starts_with("last_") || word.starts_with("this_") || word.starts_with("next_") => {
                    return Err(Fault::not_simulated("date literals like LAST_N_DAYS", token.at));
                }
                _ => return Err(self.stuck()),
            },
            Kind::Mark(":") => {
                return Err(Fault::malformed("Bind variables only allowed in Apex code", token.at));
            }
            Kind::Mark(_) => return Err(self.stuck()),
        };
        self.next += 1;
        Ok(Literal { value, at: token.at })
    }

    fn order(&mut self) -> Result<Vec<Order>, Fault> {
        let mut keys = Vec::new();
        loop {
            let field = self.name()?;
            let descending = !self.eat("ASC") && self.eat("DESC");
            let nulls_last = if self.eat("NULLS") {
                let first = self.eat("FIRST");
                if !first {
                    self.keyword("LAST")?;
                }
                !first
            } else {
                false
            };
            keys.push(Order { field, descending, nulls_last });
            if !self.mark(",") {
                return Ok(keys);
            }
        }
    }

    fn count(&mut self) -> Result<(u64, Range<usize>), Fault> {
        let at = self.place();
        let number = self.statement[at.clone()].parse().map_err(|_| self.stuck())?;
        self.next += 1;
        Ok((number, at))
    }

    fn name(&mut self) -> Result<Name, Fault> {
        const RESERVED: [&str; 8] = ["SELECT", "FROM", "WHERE", "AND", "OR", "NOT", "ORDER", "LIMIT"];
        let at = self.place();
        let text = self.statement[at.clone()].to_owned();
        let is_word = self.tokens.get(self.next).is_some_and(|token| token.kind == Kind::Word);
        if !is_word || RESERVED.iter().any(|word| word.eq_ignore_ascii_case(&text)) {
            return Err(self.stuck());
        }
        self.next += 1;
        Ok(Name { text, at })
    }

    fn refuse_unsimulated(&self, words: &[&str]) -> Result<(), Fault> {
        match words.iter().find(|word| self.peek(word)) {
            Some(word) => Err(Fault::not_simulated(&format!("`{word}`"), self.place())),
            None => Ok(()),
        }
    }

    fn keyword(&mut self, word: &str) -> Result<(), Fault> {
        if self.eat(word) { Ok(()) } else { Err(self.stuck()) }
    }

    fn eat(&mut self, word: &str) -> bool {
        let found = self.peek(word);
        self.next += usize::from(found);
        found
    }

    fn peek(&self, word: &str) -> bool {
        self.tokens.get(self.next).is_some_and(|token| {
            token.kind == Kind::Word && self.statement[token.at.clone()].eq_ignore_ascii_case(word)
        })
    }

    fn mark(&mut self, mark: &str) -> bool {
        let found = self.peek_mark(mark);
        self.next += usize::from(found);
        found
    }

    fn peek_mark(&self, mark: &str) -> bool {
        self.tokens.get(self.next).is_some_and(|token| matches!(token.kind, Kind::Mark(found) if found == mark))
    }

    fn place(&self) -> Range<usize> {
        let end = self.statement.len();
        self.tokens.get(self.next).map_or(end..end, |token| token.at.clone())
    }

    fn stuck(&self) -> Fault {
        Fault::unexpected(self.statement, self.place())
    }
}
