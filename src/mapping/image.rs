//! What a service made of what we wrote.

use hymnal_sdk::Native;
use rust_decimal::{Decimal, RoundingStrategy};
use unicode_normalization::UnicodeNormalization;

use super::{
    moment,
    number::{parse_bool, parse_decimal},
    problem::unseen,
};

/// `read` is what a service may make of `sent` by itself: trimmed, re-cased, cut off, rounded, or spelled in another
/// form. Anything else is an edit by somebody.
///
/// Asked only of the first reading after a write of ours. In doubt it says yes to what is poorer in the same direction
/// (a cut, a rounding): taken for an edit, it would travel back and destroy the richer value on the other side.
pub fn image_of(sent: &Native, read: &Native) -> bool {
    if sent == read || (sent.is_blank() && read.is_blank()) {
        return true;
    }
    // A service does not blank what it accepted, nor fill what was cleared: somebody did.
    if sent.is_blank() || read.is_blank() {
        return false;
    }
    // Order is form; a choice more or less is an edit.
    if let (Some(sent), Some(read)) = (parts(sent), parts(read))
        && sent == read
    {
        return true;
    }
    image_of_text(&sent.to_string(), &read.to_string())
}

/// The items of a list, or of joined text; text that names one thing is that one.
fn parts(native: &Native) -> Option<Vec<String>> {
    let normal = |text: &str| plain(text);
    let mut items: Vec<String> = match native {
        Native::List(items) => items.iter().map(|item| normal(&item.to_string())).collect(),
        Native::Text(text) => text.split(';').map(normal).collect(),
        _ => return None,
    };
    items.retain(|item| !item.is_empty());
    items.sort();
    items.dedup();
    Some(items)
}

fn image_of_text(sent: &str, read: &str) -> bool {
    // Digits first: as text `123` is a cut of `1234`; as a number it is another one.
    if let (Some(sent_number), Some(read_number)) = (parse_decimal(sent), parse_decimal(read)) {
        return is_rounded(sent_number, read_number) || (sent.starts_with('+') && same_phone(sent, read));
    }
    if let (Some(sent), Some(read)) = (parse_bool(sent), parse_bool(read)) {
        return sent == read;
    }
    if let Some(same) = same_time(sent, read) {
        return same;
    }
    if same_phone(sent, read) {
        return true;
    }
    let (sent, read) = (plain(sent), plain(read));
    sent == read || is_cut(&sent, &read) || same_address(&sent, &read)
}

/// What is left of a text when form is taken away: Unicode form, case, runs of white space, line ends, what cannot be
/// seen, and HTML's five escapes.
fn plain(text: &str) -> String {
    let text: String = text.nfkc().filter(|char| char.is_whitespace() || !unseen(*char)).collect();
    let text = text
        .replace("&nbsp;", " ")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&amp;", "&");
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

/// The end is missing, with or without dots in its place. Not where a `;` comes next: there a choice is missing, which
/// a person took away.
fn is_cut(sent: &str, read: &str) -> bool {
    let kept = read.strip_suffix('…').or_else(|| read.strip_suffix("...")).unwrap_or(read).trim_end();
    !kept.is_empty() && sent.strip_prefix(kept).is_some_and(|rest| !rest.trim_start().starts_with(';'))
}

fn is_rounded(sent: Decimal, read: Decimal) -> bool {
    let rounded = |value: Decimal, digits: u32, to: Decimal| {
        [RoundingStrategy::MidpointAwayFromZero, RoundingStrategy::MidpointNearestEven, RoundingStrategy::ToZero]
            .into_iter()
            .any(|how| value.round_dp_with_strategy(digits, how) == to)
    };
    // Binary floats add digits: `0.1` comes back as `0.1000000000000000055`.
    sent == read || rounded(sent, read.scale(), read) || (read.scale() >= 12 && rounded(read, sent.scale(), sent))
}

/// `None` where one of them is no time at all.
fn same_time(sent: &str, read: &str) -> Option<bool> {
    if let (Some(sent), Some(read)) = (moment::parse_date(sent), moment::parse_date(read)) {
        return Some(sent == read);
    }
    let (sent, read) = (moment::parse_datetime(sent)?.as_millisecond(), moment::parse_datetime(read)?.as_millisecond());
    // Services cut to or round at whole seconds, and SuiteCRM to minutes (its issue 10912).
    let cut_or_rounded =
        |unit: i64| sent.div_euclid(unit) * unit == read || (sent + unit / 2).div_euclid(unit) * unit == read;
    Some(sent == read || cut_or_rounded(1_000) || cut_or_rounded(60_000))
}

/// Digits are the same, but for a country code or a trunk zero in front.
fn same_phone(sent: &str, read: &str) -> bool {
    const FORM: &str = "+-() ./,;=#*extEXT";
    let digits = |text: &str| -> Option<String> {
        let plain = text.chars().all(|char| char.is_ascii_digit() || FORM.contains(char));
        plain.then(|| text.chars().filter(char::is_ascii_digit).collect())
    };
    let (Some(sent), Some(read)) = (digits(sent), digits(read)) else { return false };
    let national = read.trim_start_matches('0');
    // Seven: shorter numbers are parts of other numbers by chance. Three: no country code is longer.
    national.len() >= 7 && sent.ends_with(national) && sent.len() - national.len() <= 3
}

/// A scheme added or dropped, a `/` at the end.
fn same_address(sent: &str, read: &str) -> bool {
    let bare = |text: &str| {
        let text = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or(text);
        text.strip_suffix('/').unwrap_or(text).to_owned()
    };
    let (bare_sent, bare_read) = (bare(sent), bare(read));
    bare_sent == bare_read && bare_sent.contains('.')
}
