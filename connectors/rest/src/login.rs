//! Logging in as a manifest says.

mod signed;

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use hymnal_sdk::{
    Error, ExposeSecret, Kind, Login, Request, Response, Result, SecretString, Session, Timestamp, http::Access,
};
use serde::Serialize;

use self::signed::Signed;
use crate::{
    json::Json,
    manifest::{
        request::Language,
        service::{Auth, LoginAnswer, Sends, Way},
        template::Template,
    },
    pick,
    render::{Fillings, text},
};

/// A way to log in, with the user's settings in it.
pub(crate) struct ManifestLogin {
    credential: Credential,
    /// From the settings; it wins over the answer.
    base_url: Option<String>,
    answer: LoginAnswer,
    account: Arc<Mutex<Option<String>>>,
}

enum Credential {
    /// The value of a header, whole.
    Static { header: HeaderName, value: SecretString },
    /// A key that a token is signed with.
    Signed(Signed),
    /// A grant that is exchanged for a token.
    Grant { url: String, grant: Grant },
}

enum Grant {
    Client { id: String, secret: SecretString, scope: Option<String>, sends: Sends },
    Refresh { id: String, secret: SecretString },
    Jwt { audience: String, issuer: String, subject: String, key: Box<jsonwebtoken::EncodingKey>, lifetime: Duration },
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    exp: i64,
}

impl ManifestLogin {
    /// The way of that name, filled in.
    ///
    /// # Errors
    /// `Fatal` where a setting is missing or is no key.
    pub(crate) fn new(
        auth: &Auth,
        way: &str,
        settings: &Fillings,
        account: Arc<Mutex<Option<String>>>,
    ) -> Result<Self> {
        let of = |template: &Template| text(template, settings, Language::Plain);
        let secret = |template: &Template| of(template).map(SecretString::from);
        let way = auth.ways.get(way).ok_or_else(|| Error::new(Kind::Fatal, "settings", "no such way to log in"))?;
        let credential = match way {
            Way::Bearer { token } => Credential::Static {
                header: header::AUTHORIZATION,
                value: SecretString::from(format!("Bearer {}", of(token)?)),
            },
            Way::Header { name, value } => Credential::Static {
                header: HeaderName::try_from(name.as_str())
                    .map_err(|_| Error::new(Kind::Fatal, "settings", format!("`{name}` is no header")))?,
                value: secret(value)?,
            },
            Way::Basic { username, password } => {
                let pair = STANDARD.encode(format!("{}:{}", of(username)?, of(password)?));
                let value = SecretString::from(format!("Basic {pair}"));
                Credential::Static { header: header::AUTHORIZATION, value }
            }
            Way::ClientCredentials { url, client_id, client_secret, scope, sends } => Credential::Grant {
                url: of(url)?,
                grant: Grant::Client {
                    id: of(client_id)?,
                    secret: secret(client_secret)?,
                    scope: scope.as_ref().map(of).transpose()?,
                    sends: *sends,
                },
            },
            Way::Refresh { url, client_id, client_secret } => Credential::Grant {
                url: of(url)?,
                grant: Grant::Refresh { id: of(client_id)?, secret: secret(client_secret)? },
            },
            Way::JwtBearer { url, audience, issuer, subject, key, lifetime } => Credential::Grant {
                url: of(url)?,
                grant: Grant::Jwt {
                    audience: of(audience)?,
                    issuer: of(issuer)?,
                    subject: of(subject)?,
                    key: Box::new(jsonwebtoken::EncodingKey::from_rsa_pem(of(key)?.as_bytes()).map_err(|_| {
                        Error::new(Kind::Fatal, "settings", "the private key cannot be read")
                            .hint("it must be an RSA key in PEM: `-----BEGIN PRIVATE KEY-----` …")
                    })?),
                    lifetime: lifetime.0,
                },
            },
            Way::SignedToken { key, audience, scheme, lifetime } => {
                Credential::Signed(Signed::new(&secret(key)?, key, of(audience)?, scheme, lifetime.0)?)
            }
        };
        let is_set = auth.base_url.holes().all(|hole| settings.contains_key(hole));
        let base_url = if is_set { Some(of(&auth.base_url)?) } else { None };
        if base_url.is_none() && auth.answer.base_url.is_none() {
            return Err(Error::new(Kind::Fatal, "settings", "`base_url` is missing"));
        }
        Ok(Self { credential, base_url, answer: auth.answer.clone(), account })
    }

    fn granted(&self, answer: &Response, login_url: &str, now: Timestamp) -> Result<Session> {
        let body = Json::parse(&answer.body);
        let say = |path: &str| body.as_ref().ok().and_then(|body| body.at(path)).and_then(Json::as_text);
        if answer.status >= 400 {
            let code = say("error").unwrap_or_else(|| answer.status.to_string());
            let words = say("error_description").unwrap_or_else(|| "the login was refused".to_owned());
            let kind = match answer.status {
                400 | 401 | 403 => Kind::Auth,
                429 => Kind::Throttled,
                408 | 500.. => Kind::Transient,
                _ => Kind::Fatal,
            };
            let error = Error::new(kind, code, words);
            return Err(if kind == Kind::Auth {
                error.hint("check the login's settings, or log in anew")
            } else {
                error
            });
        }
        let unreadable = |what: &str| Error::new(Kind::Transient, "login", format!("the login's answer has no {what}"));
        let token = say("access_token").ok_or_else(|| unreadable("`access_token`"))?;
        let told = self.answer.base_url.as_deref().and_then(say);
        let base_url = match (&self.base_url, told) {
            (Some(set), _) => set.clone(),
            (None, Some(told)) => acceptable(&told, login_url)?,
            (None, None) => return Err(unreadable("address of the API")),
        };
        if let (Ok(body), Some(place)) = (&body, &self.answer.account)
            && let Some(account) = pick::text(place, body, None)
        {
            *self.account.lock().unwrap_or_else(PoisonError::into_inner) = Some(account);
        }
        let lifetime = say("expires_in").and_then(|seconds| seconds.parse::<u32>().ok());
        let expires_at = lifetime.and_then(|seconds| now.checked_add(Duration::from_secs(seconds.into())).ok());
        Ok(Session {
            token: SecretString::from(token),
            base_url,
            expires_at,
            refresh: say("refresh_token").map(SecretString::from),
        })
    }
}

/// The address of the API as the login's answer tells it: a token that was got in secret is not sent in the clear.
fn acceptable(told: &str, login_url: &str) -> Result<String> {
    let told = told.trim_end_matches('/');
    if told.starts_with("https://") || (told.starts_with("http://") && login_url.starts_with("http://")) {
        Ok(told.to_owned())
    } else {
        Err(Error::new(
            Kind::Fatal,
            "login",
            format!("the login names `{told}` as the API's address, which is not `https`"),
        ))
    }
}

impl Login for ManifestLogin {
    fn request(&self, now: Timestamp, refresh: Option<&SecretString>) -> Result<Option<Request>> {
        let Credential::Grant { url, grant } = &self.credential else { return Ok(None) };
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        let mut access = Access::Read;
        let mut is_query = false;
        match grant {
            Grant::Client { id, secret, scope, sends } => {
                form.append_pair("grant_type", "client_credentials");
                form.append_pair("client_id", id).append_pair("client_secret", secret.expose_secret());
                if let Some(scope) = scope {
                    form.append_pair("scope", scope);
                }
                is_query = *sends == Sends::Query;
            }
            Grant::Refresh { id, secret } => {
                let token = refresh.ok_or_else(|| {
                    Error::new(Kind::Auth, "no-refresh-token", "there is no refresh token yet")
                        .hint("run `hymnal login`")
                })?;
                // The token may be replaced by this very request: sent twice, the second would be refused.
                access = Access::Write;
                form.append_pair("grant_type", "refresh_token").append_pair("refresh_token", token.expose_secret());
                form.append_pair("client_id", id).append_pair("client_secret", secret.expose_secret());
            }
            Grant::Jwt { audience, issuer, subject, key, lifetime } => {
                let lifetime = i64::try_from(lifetime.as_secs()).unwrap_or(180);
                let claims = Claims { iss: issuer, sub: subject, aud: audience, exp: now.as_second() + lifetime };
                let header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::RS256);
                let assertion = jsonwebtoken::encode(&header, &claims, key)
                    .map_err(|_| Error::new(Kind::Fatal, "settings", "the private key cannot sign"))?;
                form.append_pair("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer");
                form.append_pair("assertion", &assertion);
            }
        }
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        let pairs = form.finish();
        let (method, url, body) = if is_query {
            (http::Method::GET, format!("{url}?{pairs}"), Bytes::new())
        } else {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
            (http::Method::POST, url.clone(), pairs.into())
        };
        Ok(Some(Request { method, url, headers, body, tag: "", cost: 1, access }))
    }

    fn session(&self, answer: Option<&Response>, now: Timestamp) -> Result<Session> {
        match (&self.credential, answer) {
            (Credential::Static { value, .. }, _) => Ok(Session {
                token: value.clone(),
                base_url: self.base_url.clone().unwrap_or_default(),
                expires_at: None,
                refresh: None,
            }),
            (Credential::Signed(signed), _) => {
                let (token, ends) = signed.token(now)?;
                let base_url = self.base_url.clone().unwrap_or_default();
                Ok(Session { token, base_url, expires_at: Some(ends), refresh: None })
            }
            (Credential::Grant { url, .. }, Some(answer)) => self.granted(answer, url, now),
            (Credential::Grant { .. }, None) => Err(Error::new(Kind::Transient, "login", "the login was not answered")),
        }
    }

    fn sign(&self, session: &Session, request: &mut Request) {
        let (name, value) = match &self.credential {
            Credential::Static { header, .. } => (header.clone(), session.token.expose_secret().to_owned()),
            Credential::Signed(signed) => (header::AUTHORIZATION, signed.authorization(&session.token)),
            Credential::Grant { .. } => (header::AUTHORIZATION, format!("Bearer {}", session.token.expose_secret())),
        };
        // A token with a line break cannot be sent; the service then answers 401, which says what is wrong.
        if let Ok(mut value) = HeaderValue::try_from(value.trim()) {
            value.set_sensitive(true);
            request.headers.insert(name, value);
        }
    }
}

impl fmt::Debug for ManifestLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManifestLogin").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
