//! What is wrong with a configuration: all of it, in the order of the file, with place and hint.

use std::{fmt, ops::Range, path::PathBuf};

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use serde::Serialize;

/// Everything that was found in one file, in the order of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics {
    path: PathBuf,
    /// The text, without the secrets in it.
    shown: String,
    list: Vec<Diagnostic>,
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// Where it is, in bytes of the text.
    pub span: Span,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: String,
}

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The file is refused.
    Error,
    /// The file is used.
    Warning,
}

/// A place in the text, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// Its first byte.
    pub start: usize,
    /// The byte after its last.
    pub end: usize,
}

impl From<Range<usize>> for Span {
    fn from(range: Range<usize>) -> Self {
        Self { start: range.start, end: range.end }
    }
}

/// Whether a rendering has colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// None: not a terminal, or `NO_COLOR`.
    Plain,
    /// ANSI colours.
    Ansi,
}

impl Diagnostics {
    /// Sorts what was found in `text` and hides the `private` places of it.
    pub(super) fn new(path: PathBuf, text: &str, mut list: Vec<Diagnostic>, private: &[Span]) -> Self {
        list.sort_by_key(|found| (found.span, found.severity));
        list.dedup();
        Self { path, shown: hide(text, private), list }
    }

    /// What was found, in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.list.iter()
    }

    /// Nothing was found.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many errors there are.
    pub fn errors(&self) -> usize {
        self.list.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count()
    }

    /// For people: file, line, column, the line itself, a caret, the message, a hint. Ends with a line break.
    pub fn render(&self, colour: Colour) -> String {
        let renderer = match colour {
            Colour::Plain => Renderer::plain(),
            Colour::Ansi => Renderer::styled(),
        };
        let path = self.path.display().to_string();
        let mut out = String::new();
        for found in &self.list {
            let level = match found.severity {
                Severity::Error => Level::ERROR,
                Severity::Warning => Level::WARNING,
            };
            let snippet = Snippet::source(self.shown.as_str())
                .path(path.as_str())
                .annotation(AnnotationKind::Primary.span(self.caret(found.span)));
            let mut group = level.primary_title(found.message.as_str()).element(snippet);
            if !found.hint.is_empty() {
                group = group.element(Level::HELP.with_name("hint").message(found.hint.as_str()));
            }
            out.push_str(&renderer.render(&[group]));
            out.push_str("\n\n");
        }
        out.push_str(&self.summary());
        out
    }

    /// For programs: one object an entry.
    pub fn to_json(&self) -> Vec<Entry<'_>> {
        self.list
            .iter()
            .map(|found| {
                let (line, column) = self.position(found.span.start);
                Entry {
                    severity: found.severity,
                    file: self.path.display().to_string(),
                    line,
                    column,
                    message: &found.message,
                    hint: &found.hint,
                }
            })
            .collect()
    }

    fn summary(&self) -> String {
        let errors = self.errors();
        let warnings = self.list.len() - errors;
        let count = |n: usize, word: &str| match n {
            1 => format!("1 {word}"),
            n => format!("{n} {word}s"),
        };
        match (errors, warnings) {
            (0, 0) => String::new(),
            (errors, 0) => format!("{} in `{}`\n", count(errors, "error"), self.path.display()),
            (0, warnings) => format!("{} in `{}`\n", count(warnings, "warning"), self.path.display()),
            (errors, warnings) => {
                format!("{} and {} in `{}`\n", count(errors, "error"), count(warnings, "warning"), self.path.display())
            }
        }
    }

    /// The line (from 1) and the character in it (from 1) of a byte.
    fn position(&self, byte: usize) -> (usize, usize) {
        let before = self.shown.get(..byte).unwrap_or(&self.shown);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |text| text.chars().count()) + 1;
        (line, column)
    }

    /// The part of a span on its first line, since a caret under a whole table helps nobody.
    fn caret(&self, span: Span) -> Range<usize> {
        let start = span.start.min(self.shown.len());
        let end = span.end.clamp(start, self.shown.len());
        // A place that does not lie between characters is nobody's: the line alone is shown then.
        match self.shown.get(start..end) {
            Some(text) => start..text.find(['\r', '\n']).map_or(end, |at| start + at),
            None => 0..0,
        }
    }
}

impl fmt::Display for Diagnostics {
    /// [`Diagnostics::render`] without colour.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(Colour::Plain))
    }
}

impl std::error::Error for Diagnostics {}

/// One entry for programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry<'a> {
    /// How bad it is.
    pub severity: Severity,
    /// The configuration file.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: &'a str,
    /// What to do.
    pub hint: &'a str,
}

/// The text with stars for secrets: byte for byte, so that every place keeps its line and column.
fn hide(text: &str, private: &[Span]) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for span in private {
        for byte in bytes.iter_mut().take(span.end).skip(span.start) {
            if !matches!(byte, b'\n' | b'\r' | b'"' | b'\'') {
                *byte = b'*';
            }
        }
    }
    // A span covers whole characters, so what is left is still Unicode.
    String::from_utf8_lossy(&bytes).into_owned()
}
