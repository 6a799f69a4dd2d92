//! Why a system could not be worked with, told to whoever asked about no person in particular.

use hymnal_sdk::{Error, Kind};

/// What happened, and the service's code. Its own words may quote what somebody entered, or a key that was asked for:
/// they are for `explain` and `parked`, where the person is asked about.
pub(super) fn why(error: &Error) -> String {
    let what = match error.kind {
        Kind::Transient => "it gives no proper answer just now",
        Kind::Throttled => "it asks for a pause",
        Kind::Auth => "it refuses the login",
        Kind::Conflict => "something is in the way",
        Kind::Gone => "it is not there",
        Kind::RejectedField | Kind::RejectedRecord => "it refuses a value",
        Kind::Fatal => "it refuses what is asked for",
        Kind::TooLarge => "it finds the request too large",
        Kind::Cancelled => "there was no time left",
    };
    if error.code.is_empty() { what.to_owned() } else { format!("{what} ({})", error.code) }
}
