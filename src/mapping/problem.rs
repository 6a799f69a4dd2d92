//! What could not be read or written: the words it is grouped by, and how a value is shown in a sentence.

use super::field::Problem;

/// The native value cannot be read as the field's type.
pub const UNPARSABLE: &str = "unparsable";
/// `values` does not list it, and `unmapped = "park"`.
pub const UNMAPPED_CHOICE: &str = "unmapped-choice";
/// It is longer than the service's field holds.
pub const TOO_LONG: &str = "too-long";
/// The service's field has no such option.
pub const NO_SUCH_OPTION: &str = "no-such-option";
/// The system does not name this id among its users.
pub const UNKNOWN_USER: &str = "unknown-user";
/// Nobody active in the system has the e-mail address.
pub const NO_SUCH_USER: &str = "no-such-user";
/// The service gives this choice a meaning that a write must not set off.
pub const BARRED_OPTION: &str = "barred-option";
/// The service lets the field be set and not taken back.
pub const ONE_WAY: &str = "one-way";
/// The service's field holds another kind of value.
pub const WRONG_TYPE: &str = "wrong-type";
/// Written there it would be read back as something else.
pub const READS_DIFFERENTLY: &str = "reads-differently";
/// An expression cannot be evaluated on a record's values.
pub const EXPRESSION: &str = "expression";

impl Problem {
    /// A problem from its parts.
    pub fn new(code: &str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into(), hint: hint.into() }
    }
}

/// Characters of a value that a sentence shows.
const SHOWN: usize = 60;

/// A value between backticks: short, on one line, and with nothing in it that turns the sentence around on a screen.
pub(super) fn shown(text: &str) -> String {
    let mut out = String::from("`");
    for (index, char) in text.chars().enumerate() {
        if index == SHOWN {
            out.push('…');
            break;
        }
        if unseen(char) {
            out.extend(char.escape_unicode());
        } else {
            out.push(char);
        }
    }
    out.push('`');
    out
}

/// A character that people do not see, or that changes how others are shown: controls, soft hyphen, zero width,
/// bidirectional marks and overrides, byte order mark.
pub(super) fn unseen(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}
