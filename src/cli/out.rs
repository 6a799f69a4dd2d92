//! Where commands write: data on stdout, messages on stderr. A reader that went away ends the command quietly.

use std::io::{IsTerminal, Write};

use serde_json::Value as Json;

use crate::config::Colour;

/// Where commands write.
pub struct Out;

impl Out {
    /// Data.
    pub fn text(text: &str) {
        let mut stdout = std::io::stdout().lock();
        // `hymnal … | head` closes the pipe: what is left to say interests nobody.
        if stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).is_err() {
            std::process::exit(0);
        }
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
