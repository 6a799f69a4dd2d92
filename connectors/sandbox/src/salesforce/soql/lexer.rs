//! Text → tokens.

use std::ops::Range;

use super::{Fault, syntax::Value};

/// A token and its place.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    /// What it is.
    pub kind: Kind,
    /// Where in the statement.
    pub at: Range<usize>,
}

/// What a token is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// A name or a keyword; dots belong to it.
    Word,
    /// A value.
    Value(Value),
    /// `( ) , = != <> < <= > >= :`
    Mark(&'static str),
}

const MARKS: [&str; 11] = ["<=", ">=", "!=", "<>", "=", "<", ">", "(", ")", ",", ":"];

/// The tokens of a statement.
pub(super) fn tokens(statement: &str) -> Result<Vec<Token>, Fault> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = statement[at..].chars().next() {
        let rest = &statement[at..];
        if first.is_ascii_whitespace() {
            at += 1;
            continue;
        }
        let (kind, length) = if first == '\'' {
            string(statement, at)?
        } else if let Some(mark) = MARKS.iter().find(|mark| rest.starts_with(**mark)) {
            (Kind::Mark(mark), mark.len())
        } else if first.is_ascii_alphabetic() {
            let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '.');
            (Kind::Word, length.unwrap_or(rest.len()))
        } else if first.is_ascii_digit() || first == '-' || first == '+' || first == '.' {
            number_or_time(statement, at)?
        } else {
            return Err(Fault::malformed(format!("line 1:{at} no viable alternative at character '{first}'"), at..at));
        };
        tokens.push(Token { kind, at: at..at + length });
        at += length;
    }
    Ok(tokens)
}

/// A quoted string. SOQL reference, "Quoted String Escape Sequences": a backslash before any other character than those
/// listed is an error.
fn string(statement: &str, start: usize) -> Result<(Kind, usize), Fault> {
    let mut text = Vec::new();
    let mut characters = statement[start + 1..].char_indices();
    while let Some((offset, c)) = characters.next() {
        let here = start + 1 + offset;
        match c {
            '\'' => return Ok((Kind::Value(Value::Text(text)), offset + 2)),
            '\\' => {
                let Some((_, escaped)) = characters.next() else { break };
                let plain = match escaped {
                    'n' | 'N' => '\n',
                    'r' | 'R' => '\r',
                    't' | 'T' => '\t',
                    'b' | 'B' => '\u{8}',
                    'f' | 'F' => '\u{c}',
                    '"' | '\'' | '\\' | '_' | '%' => escaped,
                    'u' | 'U' => {
                        let hex: String = characters.by_ref().take(4).map(|(_, digit)| digit).collect();
                        let code = u32::from_str_radix(&hex, 16).ok().filter(|_| hex.len() == 4);
                        code.and_then(char::from_u32).ok_or_else(|| bad_escape(here))?
                    }
                    _ => return Err(bad_escape(here)),
                };
                text.push((plain, true));
            }
            _ => text.push((c, false)),
        }
    }
    Err(Fault::malformed(
        format!("line 1:{} mismatched character '<EOF>' expecting '''", statement.len()),
        start..start,
    ))
}

fn bad_escape(at: usize) -> Fault {
    Fault::malformed("Invalid string literal: a backslash stands before a character that cannot be escaped", at..at)
}

/// A number, a day or a time: they begin alike, and dates are not quoted.
///
/// SOQL reference, "Date Formats and Date Literals": `YYYY-MM-DD`, and `YYYY-MM-DDThh:mm:ss` with `Z` or an offset. A
/// `+` that was not percent-encoded in the address has become a space here, and the time lacks its zone.
fn number_or_time(statement: &str, start: usize) -> Result<(Kind, usize), Fault> {
    let rest = &statement[start..];
    let belongs = |c: char| c.is_ascii_alphanumeric() || "+-:.".contains(c);
    let length = rest.find(|c: char| !belongs(c)).unwrap_or(rest.len());
    let text = &rest[..length];
    let end = start + length;
    if text.len() >= 10 && text.as_bytes()[4] == b'-' {
        if let Some(day) = day(text) {
            return Ok((Kind::Value(Value::Date(day)), length));
        }
        if let Some(time) = time(text) {
            return Ok((Kind::Value(Value::Datetime(time)), length));
        }
        let next = statement[end..].chars().next().map_or_else(|| "<EOF>".to_owned(), String::from);
        return Err(Fault::malformed(format!("line 1:{end} no viable alternative at character '{next}'"), end..end));
    }
    match text.parse::<f64>() {
        Ok(number) if text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte)) => {
            Ok((Kind::Value(Value::Number(number)), length))
        }
        _ => Err(Fault::unexpected(statement, start..end)),
    }
}

fn day(text: &str) -> Option<jiff::civil::Date> {
    (text.len() == 10).then(|| text.parse().ok()).flatten()
}

/// An offset is `±hh:mm`, and `±hhmm` as the service itself writes it.
fn time(text: &str) -> Option<jiff::Timestamp> {
    let zone = text.get(19..)?;
    let zone =
        zone.strip_prefix('.').map_or(zone, |fraction| fraction.trim_start_matches(|c: char| c.is_ascii_digit()));
    let shaped = match zone.as_bytes() {
        [b'Z'] => true,
        [b'+' | b'-', digits @ ..] => matches!(digits.len(), 4 | 5),
        _ => false,
    };
    if !shaped || text.as_bytes()[10] != b'T' {
        return None;
    }
    text.parse().ok()
}
