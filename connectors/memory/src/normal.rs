//! What services do to the values they store.

use hymnal_sdk::Native;

/// What a service does to a value it stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Normal {
    /// White space at both ends is removed.
    Trim,
    /// Upper case becomes lower case.
    Lower,
    /// Only so many characters are kept.
    Truncate(usize),
    /// Only so many decimals are kept, rounded half away from zero.
    Round(usize),
    /// Written in the service's own way: each word with a capital, single spaces between them.
    Reformat,
}

impl Normal {
    /// The service's own form of a value.
    pub fn apply(self, value: &Native) -> Native {
        match (self, value) {
            (Self::Trim, Native::Text(text)) => Native::text(text.trim()),
            (Self::Lower, Native::Text(text)) => Native::text(text.to_lowercase()),
            (Self::Truncate(length), Native::Text(text)) => Native::Text(text.chars().take(length).collect()),
            (Self::Reformat, Native::Text(text)) => Native::Text(words_with_capitals(text)),
            (Self::Round(decimals), Native::Number(digits)) => Native::Number(round(digits, decimals)),
            (Self::Round(decimals), Native::Text(digits)) => Native::Text(round(digits, decimals)),
            _ => value.clone(),
        }
    }
}

fn words_with_capitals(text: &str) -> String {
    let capital = |word: &str| {
        let mut chars = word.chars();
        let first: String = chars.next().map(|first| first.to_uppercase().collect()).unwrap_or_default();
        first + &chars.as_str().to_lowercase()
    };
    text.split_whitespace().map(capital).collect::<Vec<_>>().join(" ")
}

/// Rounds decimal digits by their text, so that no floating point shows: `-1.250` to one decimal is `-1.3`. What is
/// not a plain decimal stays as it is.
fn round(digits: &str, decimals: usize) -> String {
    let (sign, number) = digits.strip_prefix('-').map_or(("", digits), |number| ("-", number));
    let Some((whole, part)) = number.split_once('.') else { return digits.to_owned() };
    if part.len() <= decimals || !(whole.bytes().chain(part.bytes())).all(|digit| digit.is_ascii_digit()) {
        return digits.to_owned();
    }
    let (kept, dropped) = part.split_at(decimals);
    let mut all: Vec<u8> = whole.bytes().chain(kept.bytes()).collect();
    if dropped.as_bytes().first().is_some_and(|&digit| digit >= b'5') {
        let nines = all.iter().rev().take_while(|&&digit| digit == b'9').count();
        let stop = all.len() - nines;
        all[stop..].fill(b'0');
        match stop.checked_sub(1) {
            Some(last) => all[last] += 1,
            None => all.insert(0, b'1'),
        }
    }
    let text: String = all.into_iter().map(char::from).collect();
    let (whole, part) = text.split_at(text.len() - decimals);
    if decimals == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_goes_by_the_digits() {
        let cases = [
            ("1.25", 1, "1.3"),
            ("-1.25", 1, "-1.3"),
            ("1.24", 1, "1.2"),
            ("9.99", 1, "10.0"),
            ("99.5", 0, "100"),
            ("0.05", 1, "0.1"),
            ("7", 2, "7"),
            ("1.5", 3, "1.5"),
            ("1e3.5", 0, "1e3.5"),
        ];
        for (given, decimals, expected) in cases {
            assert_eq!(round(given, decimals), expected, "{given} to {decimals}");
        }
    }

    #[test]
    fn each_form() {
        assert_eq!(Normal::Trim.apply(&" Ada ".into()), "Ada".into());
        assert_eq!(Normal::Lower.apply(&"Ada".into()), "ada".into());
        assert_eq!(Normal::Truncate(2).apply(&"Åda".into()), "Åd".into());
        assert_eq!(Normal::Round(0).apply(&Native::Number("2.5".into())), Native::Number("3".into()));
        assert_eq!(Normal::Reformat.apply(&" ada  LOVELACE ".into()), "Ada Lovelace".into());
        assert_eq!(Normal::Trim.apply(&Native::Bool(true)), Native::Bool(true));
    }
}
