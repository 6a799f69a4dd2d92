//! The token endpoint, sessions, and who is logged in.
//!
//! Salesforce Help, "OAuth 2.0 Client Credentials Flow for Server-to-Server Integration", "OAuth 2.0 Refresh Token Flow
//! for Renewed Sessions", "OAuth 2.0 JWT Bearer Flow for Server-to-Server Integration", "OAuth 2.0 Error Codes".

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{Request, Response, header::AUTHORIZATION};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    User,
    answer::{Refused, json_response},
    org::{Config, Org, Session},
    request::{form, origin},
};

const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// The login hosts that the documents name as audience; an organisation's own address is one too.
const AUDIENCES: [&str; 2] = ["https://login.salesforce.com", "https://test.salesforce.com"];

/// An OAuth error: an object, not the array of the REST API.
struct Denied(&'static str, &'static str);

#[derive(Deserialize)]
struct Claims {
    #[serde(default)]
    iss: String,
    #[serde(default)]
    sub: String,
    #[serde(default)]
    aud: Value,
    exp: Option<u64>,
}

/// `POST /services/oauth2/token`.
pub(super) fn token(org: &Org, request: &Request<Bytes>) -> Response<Bytes> {
    let config = org.config();
    let form = form(&String::from_utf8_lossy(request.body()));
    let field = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let (client, secret) = credentials(request, &field);
    let granted = match field("grant_type") {
        None => Err(Denied("invalid_request", "grant type is missing")),
        Some("client_credentials") => client_is(&config, &client, Some(&secret)).and_then(|()| run_as(&config)),
        Some("refresh_token") => refresh(org, &config, field("refresh_token"), (&client, &secret)),
        Some(JWT_BEARER) => assertion(org, &config, field("assertion"), &origin(&config, request)),
        Some(_) => Err(Denied("unsupported_grant_type", "grant type not supported")),
    };
    match granted {
        Ok(user) => {
            let rotated = field("grant_type") == Some("refresh_token") && config.options.rotate_refresh_token;
            json_response(200, &session(org, &config, user, &origin(&config, request), rotated))
        }
        Err(Denied(error, description)) => {
            json_response(400, &json!({ "error": error, "error_description": description }))
        }
    }
}

/// `GET /services/oauth2/userinfo`.
pub(super) fn userinfo(config: &Config, user: &User, origin: &str) -> Response<Bytes> {
    let org = &config.options.org_id;
    let body = json!({
        "sub": format!("{origin}/id/{org}/{}", user.id),
        "user_id": user.id,
        "organization_id": org,
        "preferred_username": user.username,
        "name": user.name,
        "email": user.email,
        "email_verified": true,
        "active": true,
    });
    json_response(200, &body)
}

/// The user behind a request.
///
/// # Errors
/// 401 `INVALID_SESSION_ID` without a session, or with one that has ended; `INVALID_AUTH_HEADER` with a header of
/// another form. REST guide, "Status Codes and Error Responses".
pub(super) fn user(org: &Org, config: &Config, request: &Request<Bytes>) -> Result<User, Refused> {
    let refused = Refused::request("INVALID_SESSION_ID", "Session expired or invalid").with_status(401);
    let Some(header) = request.headers().get(AUTHORIZATION) else { return Err(refused) };
    let header = header.to_str().unwrap_or_default();
    let Some(token) = header.strip_prefix("Bearer ").or_else(|| header.strip_prefix("OAuth ")) else {
        return Err(Refused::request("INVALID_AUTH_HEADER", "INVALID_HEADER_TYPE").with_status(401));
    };
    let now = org.account.now();
    let mut state = org.state();
    let Some(session) = state.sessions.get(token.trim()).filter(|session| session.until > now).cloned() else {
        return Err(refused);
    };
    // A session ends when it was not used for its whole life. Salesforce Help, "Modify Session Security Settings".
    if let Some(session) = state.sessions.get_mut(token.trim()) {
        session.until = now.saturating_add(config.options.session).unwrap_or(session.until);
    }
    config.options.users.iter().find(|user| user.id == session.user).cloned().ok_or(refused)
}

/// The client's id and secret, from the form or from a Basic header.
fn credentials<'a>(request: &Request<Bytes>, field: &impl Fn(&str) -> Option<&'a str>) -> (String, String) {
    let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let basic = header
        .and_then(|value| value.strip_prefix("Basic "))
        .and_then(|encoded| STANDARD.decode(encoded).ok())
        .and_then(|decoded| String::from_utf8(decoded).ok());
    if let Some((client, secret)) = basic.as_deref().and_then(|text| text.split_once(':')) {
        return (client.to_owned(), secret.to_owned());
    }
    let own = |name| field(name).unwrap_or_default().to_owned();
    (own("client_id"), own("client_secret"))
}

fn client_is(config: &Config, client: &str, secret: Option<&str>) -> Result<(), Denied> {
    if client != config.options.client_id {
        return Err(Denied("invalid_client_id", "client identifier invalid"));
    }
    match secret {
        Some(secret) if secret != config.options.client_secret => {
            Err(Denied("invalid_client", "invalid client credentials"))
        }
        _ => Ok(()),
    }
}

fn run_as(config: &Config) -> Result<&User, Denied> {
    let user = config.options.users.iter().find(|user| user.integration);
    user.ok_or(Denied("invalid_grant", "no client credentials user enabled"))
}

fn refresh<'a>(
    org: &Org,
    config: &'a Config,
    given: Option<&str>,
    (client, secret): (&str, &str),
) -> Result<&'a User, Denied> {
    client_is(config, client, Some(secret).filter(|secret| !secret.is_empty()))?;
    let valid = org.state().refresh_token.clone().unwrap_or_else(|| config.options.refresh_token.clone());
    if given != Some(valid.as_str()) {
        return Err(Denied("invalid_grant", "expired access/refresh token"));
    }
    run_as(config)
}

/// A signed assertion. Without a configured key the signature is taken as it is; the claims are checked in any case.
fn assertion<'a>(org: &Org, config: &'a Config, given: Option<&str>, origin: &str) -> Result<&'a User, Denied> {
    let given = given.ok_or(Denied("invalid_request", "assertion is missing"))?;
    let invalid = Denied("invalid_grant", "invalid assertion");
    let Ok(header) = jsonwebtoken::decode_header(given) else { return Err(invalid) };
    if header.alg != Algorithm::RS256 {
        return Err(invalid);
    }
    let claims = match &config.options.jwt_key {
        None => jsonwebtoken::dangerous::insecure_decode_claims::<Claims>(given).ok(),
        Some(key) => {
            // The account's clock decides about the expiry, below.
            let mut rules = Validation::new(Algorithm::RS256);
            rules.validate_exp = false;
            rules.validate_aud = false;
            rules.required_spec_claims.clear();
            let key = DecodingKey::from_rsa_pem(key.as_bytes()).ok();
            key.and_then(|key| jsonwebtoken::decode::<Claims>(given, &key, &rules).ok()).map(|data| data.claims)
        }
    };
    let Some(claims) = claims else { return Err(invalid) };
    client_is(config, &claims.iss, None)?;
    let audience = claims.aud.as_str().unwrap_or_default().trim_end_matches('/');
    if !AUDIENCES.contains(&audience) && audience != origin {
        return Err(Denied("invalid_grant", "audience is invalid"));
    }
    let now = u64::try_from(org.account.now().as_second()).unwrap_or(0);
    if claims.exp.is_none_or(|expiry| expiry <= now) {
        return Err(Denied("invalid_grant", "expired authorization code"));
    }
    let user = config.options.users.iter().find(|user| user.username == claims.sub);
    user.ok_or(Denied("invalid_grant", "user hasn't approved this consumer"))
}

fn session(org: &Org, config: &Config, user: &User, origin: &str, rotated: bool) -> Value {
    let now = org.account.now();
    let options = &config.options;
    let mut state = org.state();
    state.serial += 1;
    let serial = state.serial;
    let short = options.org_id.get(..15).unwrap_or(&options.org_id);
    let token = format!("{short}!AQ{serial:06}.sandbox{:x}", now.as_second());
    let until = now.saturating_add(options.session).unwrap_or(now);
    state.sessions.insert(token.clone(), Session { user: user.id.clone(), until });
    let mut answer = json!({
        "access_token": token,
        "signature": STANDARD.encode(format!("{}{serial}", user.id)),
        "scope": "api refresh_token",
        "instance_url": origin,
        "id": format!("{origin}/id/{}/{}", options.org_id, user.id),
        "token_type": "Bearer",
        "issued_at": now.as_millisecond().to_string(),
    });
    if rotated {
        let next = format!("5Aep861.rotated{serial}");
        answer["refresh_token"] = json!(next);
        state.refresh_token = Some(next);
    }
    answer
}
