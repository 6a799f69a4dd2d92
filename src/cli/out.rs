//! Where commands write: data on stdout, messages on stderr. A reader that went away ends the command quietly.

use std::io::{IsTerminal, Write};

use serde_json::Value as Json;

use crate::config::Colour;

/// Where commands write.
pub struct Out;

impl Out {
    /// Data.
    pub fn text(text: &str) {
        // `hymnal … | head` closes the pipe: what is left to say interests nobody.
        if Self::try_text(text).is_err() {
            std::process::exit(0);
        }
    }

    /// Data, for a command that has to tidy up when nobody reads it any more.
    ///
    /// # Errors
    /// The reader went away.
    pub fn try_text(text: &str) -> std::io::Result<()> {
        let mut stdout = std::io::stdout().lock();
        stdout.write_all(text.as_bytes())?;
        stdout.flush()
    }

    /// One JSON document.
    pub fn json(json: &Json) {
        Self::text(&format!("{}\n", serde_json::to_string_pretty(json).unwrap_or_default()));
    }

    /// A message.
    pub fn error(text: &str) {
        let _ = writeln!(std::io::stderr().lock(), "{text}");
    }

    /// Whether messages may have colours.
    pub fn colour() -> Colour {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        if wanted && std::io::stderr().is_terminal() { Colour::Ansi } else { Colour::Plain }
    }
}
