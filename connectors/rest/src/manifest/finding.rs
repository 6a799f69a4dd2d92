//! What is wrong with a manifest, where, and what to write instead.

use super::Manifest;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The line, from 1.
    pub line: usize,
    /// The column, in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
}

/// Everything that is wrong with a manifest; empty for a good one.
pub fn lint(text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut rest = text.to_owned();
    // The reader stops at the first key that it does not know. Such a line is taken out, and the rest read again, so that
    // everything is said at once.
    while let Err(error) = toml::from_str::<Manifest>(&rest) {
        findings.push(Finding::of_toml(text, &error));
        match error.span().filter(|_| names_unknown(&error)).and_then(|span| without_line(&rest, span.start)) {
            Some(less) => rest = less,
            None => return findings,
        }
    }
    findings.extend(Manifest::parse(&rest).err().unwrap_or_default());
    findings
}

fn names_unknown(error: &toml::de::Error) -> bool {
    error.message().contains("unknown field")
}

/// The text with the line blanked that begins with the key at this place; nothing where the key stands amid a line, or
/// its value goes on below.
fn without_line(text: &str, at: usize) -> Option<String> {
    let start = text.get(..at)?.rfind('\n').map_or(0, |newline| newline + 1);
    let line = text.get(start..)?.lines().next()?;
    let is_whole = text.get(start..at)?.trim().is_empty() && !line.trim_start().starts_with('[');
    let less = format!("{}{}{}", &text[..start], " ".repeat(line.len()), &text[start + line.len()..]);
    (is_whole && toml::from_str::<toml::Table>(&less).is_ok()).then_some(less)
}

impl Finding {
    /// What the TOML reader says, at its place.
    pub(super) fn of_toml(text: &str, error: &toml::de::Error) -> Self {
        let (line, column) = place(text, error.span().map_or(0, |span| span.start));
        let said = error.message().trim();
        let quoted: Vec<&str> = said.split('`').skip(1).step_by(2).collect();
        let (message, hint) = match quoted.as_slice() {
            [wrong, known @ ..] if said.starts_with("unknown field") => {
                (format!("`{wrong}` is no key here"), nearest(wrong, known))
            }
            [wrong, known @ ..] if said.starts_with("unknown variant") => {
                (format!("`{wrong}` is none of the words here"), nearest(wrong, known))
            }
            [missing] if said.starts_with("missing field") => {
                (format!("`{missing}` is missing in this table"), Some(format!("write `{missing} = …`")))
            }
            _ => (said.to_owned(), None),
        };
        Self { line, column, message, hint }
    }
}

/// What was probably meant, and what else there is.
pub(super) fn nearest(wrong: &str, known: &[&str]) -> Option<String> {
    let near = known
        .iter()
        .map(|name| (strsim::damerau_levenshtein(&wrong.to_lowercase(), &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= name.len().max(3) / 3)
        .min();
    let all = known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    match (near, known) {
        (_, []) => None,
        (Some((_, near)), _) => Some(format!("did you mean `{near}`? There are: {all}")),
        (None, _) => Some(format!("there are: {all}")),
    }
}

/// Line and column of a byte, from 1.
pub(super) fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}
