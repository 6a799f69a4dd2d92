//! E-mail addresses.

use unicode_normalization::UnicodeNormalization;

use super::{
    field::Problem,
    problem::{UNPARSABLE, shown, unseen},
    value::Email,
};

/// RFC 5321, 4.5.3.1 allows 64 octets before the `@` and 255 behind it.
const LONGEST: usize = 64 + 1 + 255;

/// An address as people and services write it: not the whole of RFC 5322, but no comments, groups or display names,
/// which are not addresses.
pub(super) fn parse(field: &str, text: &str) -> Result<Email, Problem> {
    let text = text.trim();
    // Cut before it is looked at: this can be ten megabytes of anything.
    let written: String = text.chars().take(LONGEST).nfc().collect();
    let problem = |why: &str, hint: &str| {
        Problem::new(
            UNPARSABLE,
            format!("`{field}` holds {}, which is no e-mail address: {why}", shown(&written)),
            hint,
        )
    };
    if text.len() > LONGEST {
        return Err(problem("it is too long", "correct it where it was entered"));
    }
    // Two addresses that look the same would be two people.
    if written.chars().any(unseen) {
        return Err(problem("it has characters that cannot be seen", "enter it again by hand"));
    }
    let Some((local, domain)) = written.rsplit_once('@') else {
        return Err(problem("it has no `@`", "correct it where it was entered"));
    };
    if !local_is_sound(local) {
        return Err(problem(
            "what stands before the `@` is not allowed there",
            "one address in a field, without a name or other addresses",
        ));
    }
    // A trailing dot is the same domain, spelled in full.
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    let ascii = idna::domain_to_ascii(domain).unwrap_or_default();
    let labels_are_sound = ascii.split('.').all(|label| !label.is_empty() && label.len() <= 63)
        && ascii.chars().all(|char| char.is_ascii_alphanumeric() || matches!(char, '-' | '_' | '.'));
    if !labels_are_sound {
        return Err(problem("what stands behind the `@` is no domain", "correct it where it was entered"));
    }
    let folded = format!("{}@{ascii}", local.to_lowercase());
    Ok(Email { written, folded })
}

/// A quoted part may hold nearly anything; an unquoted one may not hold what separates addresses.
fn local_is_sound(local: &str) -> bool {
    if let Some(quoted) = local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        return !quoted.is_empty() && !quoted.contains('"');
    }
    let separates = |char: char| char.is_whitespace() || "\"(),:;<>@[\\]".contains(char);
    !local.is_empty() && !local.contains(separates) && !local.split('.').any(str::is_empty)
}
