//! Times as the databases spell them, and the same a little earlier.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// A database's text as a time. A time without a zone is taken for UTC; whole numbers are seconds, or milliseconds
/// where they would else lie in a far future.
pub(crate) fn read(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(number) = text.parse::<i64>() {
        return if number.abs() >= MILLIS {
            Timestamp::from_millisecond(number)
        } else {
            Timestamp::from_second(number)
        }
        .ok();
    }
    let (clock, zone) = split(text);
    let zone = match zone {
        "" | "Z" | "z" | "+00" | "-00" => "Z".to_owned(),
        short if short.len() == 3 => format!("{short}:00"),
        whole => whole.to_owned(),
    };
    format!("{}{zone}", clock.replacen(' ', "T", 1)).parse().ok()
}

/// The same time less `by`, in the same form, so that the database can compare it with what it has. What cannot be
/// understood stays as it is.
pub(crate) fn earlier(text: &str, by: Duration) -> String {
    let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::ZERO);
    if let Ok(number) = text.trim().parse::<i64>() {
        let by = if number.abs() >= MILLIS { i64::try_from(by.as_millis()).unwrap_or(0) } else { by.as_secs() };
        return (number - by).to_string();
    }
    let Some(at) = read(text).and_then(|at| at.checked_sub(by).ok()) else { return text.to_owned() };
    let (clock, zone) = split(text.trim());
    let mark = if clock.contains('T') { 'T' } else { ' ' };
    let fraction = clock.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let offset = match zone {
        "" | "Z" | "z" | "+00" | "-00" => jiff::tz::Offset::UTC,
        zone => zone_offset(zone).unwrap_or(jiff::tz::Offset::UTC),
    };
    let local = offset.to_datetime(at);
    let mut shown = format!("{}{mark}{:02}:{:02}:{:02}", local.date(), local.hour(), local.minute(), local.second());
    if fraction > 0 {
        let nanos = format!("{:09}", local.subsec_nanosecond());
        shown.push('.');
        shown.push_str(nanos.get(..fraction.min(9)).unwrap_or(&nanos));
    }
    shown + zone
}

/// From here on a number is milliseconds: as seconds it would be the year 5138.
const MILLIS: i64 = 100_000_000_000;

/// The clock's part and the zone's.
fn split(text: &str) -> (&str, &str) {
    let after_date = text.get(10..).unwrap_or_default();
    match after_date.find(['Z', 'z', '+', '-']) {
        Some(at) => text.split_at(10 + at),
        None => (text, ""),
    }
}

fn zone_offset(zone: &str) -> Option<jiff::tz::Offset> {
    let (sign, digits) = if let Some(rest) = zone.strip_prefix('-') { (-1, rest) } else { (1, zone.get(1..)?) };
    let (hours, minutes) = digits.split_once(':').unwrap_or((digits, "0"));
    let seconds = hours.parse::<i32>().ok()? * 3600 + minutes.parse::<i32>().ok()? * 60;
    jiff::tz::Offset::from_seconds(sign * seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_read() {
        let at: Timestamp = "2026-11-23T10:11:12.5Z".parse().expect("a time");
        for text in [
            "2026-11-23 10:11:12.5+00",
            "2026-11-23T10:11:12.5Z",
            "2026-11-23 10:11:12.500000",
            "2026-11-23 12:11:12.5+02",
            "2026-11-23T15:41:12.5+05:30",
            "1795428672500",
        ] {
            assert_eq!(read(text), Some(at), "{text}");
        }
        assert_eq!(read("1795428672").map(Timestamp::as_second), Some(1_795_428_672));
        assert_eq!(read("yesterday"), None);
    }

    #[test]
    fn earlier_keeps_the_form() {
        let two = Duration::from_mins(2);
        for (text, before) in [
            ("2026-11-23 10:01:12.500000+00", "2026-11-23 09:59:12.500000+00"),
            ("2026-11-23T00:01:12Z", "2026-11-22T23:59:12Z"),
            ("2026-11-23 15:31:12+05:30", "2026-11-23 15:29:12+05:30"),
            ("1795428672", "1795428552"),
            ("1795428672500", "1795428552500"),
            ("soon", "soon"),
        ] {
            assert_eq!(earlier(text, two), before, "{text}");
        }
    }
}
