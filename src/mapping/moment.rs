//! Days and points in time.

use jiff::{Timestamp, civil::Date, fmt::temporal::DateTimeParser};

use super::{
    field::Problem,
    problem::{UNPARSABLE, shown},
};

const MS_A_DAY: i64 = 86_400_000;

static PARSER: DateTimeParser = DateTimeParser::new();

/// A day: `2026-11-23`, or midnight UTC as a point in time or in milliseconds since 1970.
///
/// Any other point in time is refused. Which day it is on depends on a zone that nobody gave, and a birthday would
/// move by one.
pub(super) fn date(field: &str, text: &str) -> Result<Date, Problem> {
    parse_date(text).ok_or_else(|| {
        let message = format!("`{field}` holds {}, which is no day", shown(text));
        let hint = "write it like `2026-11-23`; a point in time is a day only at midnight UTC";
        Problem::new(UNPARSABLE, message, hint)
    })
}

/// A point in time: RFC 3339 with its offset (also `+0000`, as Salesforce writes it), or milliseconds since 1970.
/// Cut to milliseconds, which is what both kinds of system hold.
pub(super) fn datetime(field: &str, text: &str) -> Result<Timestamp, Problem> {
    parse_datetime(text).ok_or_else(|| {
        let message = format!("`{field}` holds {}, which is no point in time", shown(text));
        let hint = "a time needs its offset, like `2026-11-23T10:11:12Z`: without one it could be any of 24 hours";
        Problem::new(UNPARSABLE, message, hint)
    })
}

pub(super) fn parse_date(text: &str) -> Option<Date> {
    let text = text.trim();
    if looks_like_a_day(text) {
        return text.parse().ok();
    }
    let at = parse_datetime(text)?.as_millisecond();
    let zulu = !text.contains('T') || text.ends_with(['Z', 'z']) || text.ends_with("+00:00") || text.ends_with("+0000");
    (zulu && at.rem_euclid(MS_A_DAY) == 0)
        .then(|| Timestamp::from_millisecond(at).ok())
        .flatten()
        .map(|at| at.to_zoned(jiff::tz::TimeZone::UTC).date())
}

pub(super) fn parse_datetime(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let digits = text.strip_prefix('-').unwrap_or(text);
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Timestamp::from_millisecond(text.parse().ok()?).ok();
    }
    // The longest with nanoseconds and an offset has 35; zone names in brackets are not what services write.
    if text.len() > 40 || text.contains('[') {
        return None;
    }
    let at = PARSER.parse_timestamp(text).ok()?;
    // Downwards, also before 1970: a cut must not depend on the century.
    Timestamp::from_millisecond(at.as_nanosecond().div_euclid(1_000_000).try_into().ok()?).ok()
}

/// Exactly `YYYY-MM-DD`: the library would also take the day of a point in time.
fn looks_like_a_day(text: &str) -> bool {
    text.len() == 10
        && text
            .bytes()
            .enumerate()
            .all(|(at, byte)| if at == 4 || at == 7 { byte == b'-' } else { byte.is_ascii_digit() })
}

/// `2026-11-23T10:11:12.345Z`
pub(super) fn rfc3339(at: Timestamp) -> String {
    format!("{at:.3}")
}

/// Midnight UTC in milliseconds since 1970; `None` for days that no service can hold.
pub(super) fn midnight(day: Date) -> Option<i64> {
    Some(day.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond())
}
