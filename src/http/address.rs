//! The complete URL of a request, and what of it may be shown.

use hymnal_sdk::{Error, Kind, Result};
use url::Url;

/// Joins a request's URL to the session's base URL: a path is appended, an absolute URL must have its origin.
///
/// # Errors
/// `Fatal`: no URL, another origin (the token would travel there), or one that carries a user's name or password.
pub(super) fn join(base_url: &str, url: &str) -> Result<String> {
    let base = Url::parse(base_url).map_err(|error| {
        refuse("base-url", format!("the service's address `{}` is no URL: {error}", shown(base_url)))
    })?;
    let full = if url.starts_with('/') { format!("{}{url}", base_url.trim_end_matches('/')) } else { url.to_owned() };
    let parsed = Url::parse(&full)
        .map_err(|error| refuse("request-url", format!("`{}` is neither a path nor a URL: {error}", shown(url))))?;
    if parsed.origin() != base.origin() {
        return Err(refuse(
            "other-origin",
            format!("the service points to `{}`, which is not at `{}`", shown(&full), shown(base_url)),
        )
        .hint("the token is sent to the configured service alone"));
    }
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return Err(refuse("request-url", format!("`{}` carries a user name or password", shown(&full))));
    }
    Ok(parsed.into())
}

/// A URL without user, query and fragment, which may hold secrets; for errors.
pub(super) fn shown(url: &str) -> String {
    let Ok(url) = Url::parse(url) else {
        // A path, or garbage.
        return redact_path(url.split(['?', '#']).next().unwrap_or_default());
    };
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}{}", url.scheme(), url.host_str().unwrap_or_default(), redact_path(url.path()))
}

/// The path alone, for logs.
pub(super) fn shown_path(url: &str) -> String {
    let path = Url::parse(url).map_or_else(|_| url.to_owned(), |url| url.path().to_owned());
    redact_path(path.split(['?', '#']).next().unwrap_or_default())
}

/// Some services name records by e-mail in the path: personal data.
fn redact_path(path: &str) -> String {
    let segments = path.split('/').map(|segment| {
        let is_email = segment.contains('@') || segment.to_ascii_lowercase().contains("%40");
        if is_email { "…" } else { segment }
    });
    segments.collect::<Vec<_>>().join("/")
}

fn refuse(code: &str, message: String) -> Error {
    Error::new(Kind::Fatal, code, message)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn paths_are_appended_and_absolute_urls_stay_at_home() {
        for (base, url, joined) in [
            ("https://api.example.com", "/a?b=c", "https://api.example.com/a?b=c"),
            ("https://api.example.com/v3/", "/a", "https://api.example.com/v3/a"),
            ("https://api.example.com/v3", "https://API.example.com:443/v4/a", "https://api.example.com/v4/a"),
            ("https://api.example.com", "//evil.example/a", "https://api.example.com//evil.example/a"),
            ("http://127.0.0.1:8080", "/a", "http://127.0.0.1:8080/a"),
            ("http://[::1]:8080", "/a", "http://[::1]:8080/a"),
        ] {
            assert_eq!(join(base, url).unwrap(), joined);
        }
    }

    #[test]
    fn other_origins_are_refused() {
        for url in [
            "https://evil.example/a?token=abc",
            "http://api.example.com/a",
            "https://api.example.com:8443/a",
            "https://api.example.com@evil.example/a",
            "https://me:secret@api.example.com/a",
            "a",
            "",
            "file:///etc/passwd",
        ] {
            let error = join("https://api.example.com", url).unwrap_err();
            assert_eq!(error.kind, Kind::Fatal, "{url}");
            assert!(!error.message.contains("abc") && !error.message.contains("secret"), "{error}");
        }
        assert!(join("https://api.example.com", "\\evil").is_err());
        // A host cannot be smuggled in behind the base URL either.
        assert!(join("https://api.example.com", "@evil.example/").is_err());
    }

    #[test]
    fn what_is_shown_holds_no_secret_and_no_person() {
        assert_eq!(shown("https://u:p@h.example:8443/a/b?token=x#y"), "https://h.example:8443/a/b");
        assert_eq!(shown("/a?token=x"), "/a");
        assert_eq!(shown_path("https://h.example/lists/ada%40example.com/x?y"), "/lists/…/x");
        assert_eq!(shown_path("/lists/ada@example.com?y"), "/lists/…");
    }
}
