//! URLs.

use unicode_normalization::UnicodeNormalization;
use url::Url;

use super::{
    field::Problem,
    problem::{UNPARSABLE, shown, unseen},
};

/// The form to compare and write: as given, but scheme and host in lower case and no `/` alone behind the host.
///
/// A missing scheme stays missing: `example.com` may be `http` only, and what a person typed is not ours to complete.
pub(super) fn parse(field: &str, text: &str) -> Result<String, Problem> {
    let text: String = text.trim().nfc().collect();
    let problem = || {
        let message = format!("`{field}` holds {}, which is no URL", shown(&text));
        Problem::new(UNPARSABLE, message, "write it like `https://example.com/page`, or make the field a `text`")
    };
    if text.chars().any(|char| unseen(char) || char.is_whitespace()) {
        return Err(problem());
    }
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (format!("{}://", scheme.to_lowercase()), rest),
        None => (String::new(), text.as_str()),
    };
    let whole = if scheme.is_empty() { format!("https://{rest}") } else { format!("{scheme}{rest}") };
    let parsed = Url::parse(&whole).map_err(|_| problem())?;
    // `mailto:x` and `javascript:x` have no `//`, so that they would pass as a host and a port.
    if !parsed.has_host() || rest.is_empty() || (scheme.is_empty() && !rest.contains('.')) {
        return Err(problem());
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    // A name or password before `@` is compared exactly; only the host behind it is not.
    let (user, host) = match authority.rsplit_once('@') {
        Some((user, host)) => (format!("{user}@"), host),
        None => (String::new(), authority),
    };
    let path = if path == "/" { "" } else { path };
    Ok(format!("{scheme}{user}{}{path}", host.to_lowercase()))
}
