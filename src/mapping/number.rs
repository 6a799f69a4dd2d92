//! Truth values and numbers.

use rust_decimal::{Decimal, prelude::ToPrimitive};

use super::{
    field::Problem,
    problem::{UNPARSABLE, shown},
};

/// What services and people write for yes and no.
pub(super) fn parse_bool(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "1" | "1.0" | "yes" | "y" | "t" | "on" => Some(true),
        "false" | "0" | "0.0" | "no" | "n" | "f" | "off" => Some(false),
        _ => None,
    }
}

/// A truth value, or the problem.
pub(super) fn bool(field: &str, text: &str) -> Result<bool, Problem> {
    parse_bool(text).ok_or_else(|| {
        let message = format!("`{field}` holds {}, which is neither true nor false", shown(text));
        Problem::new(UNPARSABLE, message, "name what it means in the field's `values`")
    })
}

/// A whole number that fits 64 bits: `7`, `007`, `7.0`, `7e2`.
pub(super) fn integer(field: &str, text: &str) -> Result<i64, Problem> {
    let value = decimal(field, text)?;
    if !value.fract().is_zero() {
        let message = format!("`{field}` holds {}, which is no whole number", shown(text));
        return Err(Problem::new(UNPARSABLE, message, "set `type = \"decimal\"` to keep the digits behind the point"));
    }
    value.to_i64().ok_or_else(|| {
        let message = format!("`{field}` holds {}, which is beyond 64 bits", shown(text));
        Problem::new(UNPARSABLE, message, "set `type = \"text\"` if it is an identifier and not an amount")
    })
}

/// A decimal number, exact, without trailing zeros.
pub(super) fn decimal(field: &str, text: &str) -> Result<Decimal, Problem> {
    parse_decimal(text).ok_or_else(|| {
        // `1,234` is a thousand or a little more than one. Whoever guesses is wrong in half of the world.
        let hint = if text.contains(',') {
            "a comma can be a decimal or a thousands separator: use a point, and no separators"
        } else {
            "digits, a point, and no unit; at most 28 digits"
        };
        Problem::new(UNPARSABLE, format!("`{field}` holds {}, which is no number", shown(text)), hint)
    })
}

/// A number in the digits of JSON or of people, exact; `None` where it is none or does not fit.
pub(super) fn parse_decimal(text: &str) -> Option<Decimal> {
    let text = text.trim();
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok().filter(|e| e.abs() <= 60)?),
        None => (text, 0),
    };
    let digits = mantissa.strip_prefix(['+', '-']).unwrap_or(mantissa);
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if !plain || digits.bytes().filter(|byte| *byte == b'.').count() > 1 || !digits.bytes().any(|b| b.is_ascii_digit())
    {
        return None;
    }
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let whole = whole.trim_start_matches('0');
    let fraction = fraction.trim_end_matches('0');
    // Longer than any decimal: spare the parser ten megabytes of digits.
    if whole.len() + fraction.len() > 64 {
        return None;
    }
    let spelled = if fraction.is_empty() { format!("0{whole}") } else { format!("0{whole}.{fraction}") };
    let mut value = Decimal::from_str_exact(&spelled).ok()?.normalize();
    for _ in 0..exponent.unsigned_abs() {
        value = if exponent > 0 { value.checked_mul(Decimal::TEN)? } else { tenth(value)? };
    }
    value.set_sign_negative(mantissa.starts_with('-') && !value.is_zero());
    Some(value.normalize())
}

/// Exact, or `None`.
fn tenth(value: Decimal) -> Option<Decimal> {
    let mut value = value.normalize();
    value.set_scale(value.scale() + 1).ok()?;
    Some(value)
}
