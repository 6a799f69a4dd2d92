//! Tokens that are signed here and sent with each request.

use std::time::Duration;

use hymnal_sdk::{Error, ExposeSecret, Kind, Result, SecretString, Timestamp};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;

use crate::manifest::template::{Hole, Template};

/// A key that tokens are signed with, and what they say.
pub(super) struct Signed {
    scheme: String,
    audience: String,
    key_id: String,
    secret: Box<EncodingKey>,
    lifetime: Duration,
}

#[derive(Serialize)]
struct Claims<'a> {
    iat: i64,
    exp: i64,
    aud: &'a str,
}

impl Signed {
    /// Reads a key `ID:SECRET`; `written` is where it was written, for the error.
    ///
    /// # Errors
    /// `Fatal` where the key has no id, or its secret is not in hexadecimal digits. The key itself is never repeated.
    pub(super) fn new(
        key: &SecretString,
        written: &Template,
        audience: String,
        scheme: &str,
        lifetime: Duration,
    ) -> Result<Self> {
        let refused = |what: &str, hint: &str| {
            let name = if let Some(Hole::Setting(name)) = written.whole() { name.as_str() } else { "the key" };
            Err(Error::new(Kind::Fatal, "settings", format!("`{name}` {what}")).hint(hint))
        };
        let (key_id, secret) = match key.expose_secret().trim().split_once(':') {
            Some((key_id, secret)) if !key_id.is_empty() => (key_id, secret),
            _ => return refused("has no id before a `:`", "copy the key whole, as the service shows it: `ID:SECRET`"),
        };
        let Some(secret) = bytes(secret) else {
            let hint = "copy the key whole, as the service shows it: after the `:` only digits and the letters a to f";
            return refused("has no secret in hexadecimal digits, two a byte, after its `:`", hint);
        };
        Ok(Self {
            scheme: scheme.to_owned(),
            audience,
            key_id: key_id.to_owned(),
            secret: Box::new(EncodingKey::from_secret(&secret)),
            lifetime,
        })
    }

    /// A token that is good from now on, and when it ends.
    ///
    /// # Errors
    /// `Fatal` where the key cannot sign.
    pub(super) fn token(&self, now: Timestamp) -> Result<(SecretString, Timestamp)> {
        let unusable = |_| Error::new(Kind::Fatal, "settings", "the login's key cannot sign a token");
        // Both claims are whole seconds, so the end is counted from the whole second too.
        let iat = now.as_second();
        let exp = iat.saturating_add_unsigned(self.lifetime.as_secs());
        let mut header = Header::new(Algorithm::HS256);
        header.kid = Some(self.key_id.clone());
        let claims = Claims { iat, exp, aud: &self.audience };
        let token = jsonwebtoken::encode(&header, &claims, &self.secret).map_err(unusable)?;
        let ends = Timestamp::from_second(exp).map_err(|_| {
            Error::new(Kind::Fatal, "settings", "the login's token would end after the last year there is")
        })?;
        Ok((SecretString::from(token), ends))
    }

    /// What stands in the header `Authorization`.
    pub(super) fn authorization(&self, token: &SecretString) -> String {
        format!("{} {}", self.scheme, token.expose_secret())
    }
}

/// Bytes from hexadecimal digits, two a byte; at least one.
fn bytes(digits: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = digits
        .chars()
        .map(|digit| digit.to_digit(16).and_then(|value| u8::try_from(value).ok()))
        .collect::<Option<_>>()?;
    let is_whole = !digits.is_empty() && digits.len().is_multiple_of(2);
    is_whole.then(|| digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

#[cfg(test)]
mod tests;
