//! How the story is told: readable at 100 columns without colour.

use std::io::{IsTerminal as _, stdout};

use crate::cli::{Exit, out::Out};

/// Columns of the narrowest terminal that the story is told for.
const WIDTH: usize = 100;
const BOLD: &str = "\u{1b}[1m";
const FAINT: &str = "\u{1b}[2m";
const PLAIN: &str = "\u{1b}[0m";

/// Tells the story on stdout. A reader that went away ends it, quietly.
pub(super) struct Teller {
    in_colour: bool,
}

impl Teller {
    /// In colour on a terminal, unless `NO_COLOR` is set.
    pub(super) fn new() -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { in_colour: wanted && stdout().is_terminal() }
    }

    /// What comes next.
    pub(super) fn title(&self, text: &str) -> Result<(), Exit> {
        let line = "─".repeat(WIDTH.saturating_sub(text.chars().count() + 4));
        self.put(&format!("\n{}\n", self.dressed(BOLD, &format!("── {text} {line}"))))
    }

    /// A paragraph.
    pub(super) fn say(&self, text: &str) -> Result<(), Exit> {
        self.put(&wrapped(text, "", ""))
    }

    /// One of several facts.
    pub(super) fn item(&self, text: &str) -> Result<(), Exit> {
        self.put(&wrapped(text, "  • ", "    "))
    }

    /// What came of it.
    pub(super) fn outcome(&self, text: &str) -> Result<(), Exit> {
        self.put(&wrapped(text, "  → ", "    "))
    }

    /// A part of a fact.
    pub(super) fn part(&self, text: &str) -> Result<(), Exit> {
        self.put(&wrapped(text, "      ", "        "))
    }

    /// What a command of the program answers, as it answers it; what is too long for a line is cut.
    pub(super) fn quote(&self, text: &str) -> Result<(), Exit> {
        let margin = |line: &str| line.len() - line.trim_start().len();
        let least = text.lines().filter(|line| !line.trim().is_empty()).map(margin).min().unwrap_or(0);
        for line in text.lines() {
            let line = format!("    {}", line.get(least..).unwrap_or_default());
            self.put(&format!("{}\n", self.dressed(FAINT, &cut(line.trim_end()))))?;
        }
        Ok(())
    }

    /// A line that is to be copied: never cut.
    pub(super) fn command(&self, text: &str) -> Result<(), Exit> {
        self.put(&format!("    {text}\n"))
    }

    fn dressed(&self, style: &str, text: &str) -> String {
        if self.in_colour && !text.is_empty() { format!("{style}{text}{PLAIN}") } else { text.to_owned() }
    }

    #[expect(clippy::unused_self, reason = "whoever has no teller tells nothing")]
    fn put(&self, text: &str) -> Result<(), Exit> {
        Out::try_text(text).map_err(|_| Exit::quiet(0))
    }
}

/// `1 record`, `2 records`.
pub(super) fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn wrapped(text: &str, first: &str, rest: &str) -> String {
    let mut out = first.to_owned();
    let mut column = first.chars().count();
    let mut at_start = true;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if !at_start && column + 1 + length > WIDTH {
            out.push('\n');
            out.push_str(rest);
            column = rest.chars().count();
            at_start = true;
        }
        if !at_start {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
        at_start = false;
    }
    out.push('\n');
    out
}

fn cut(line: &str) -> String {
    if line.chars().count() <= WIDTH {
        return line.to_owned();
    }
    line.chars().take(WIDTH - 1).chain(Some('…')).collect()
}
