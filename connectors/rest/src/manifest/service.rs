//! What holds for a whole service: login, limits, errors, account.

use std::collections::BTreeMap;

use hymnal_sdk::Kind;
use serde::Deserialize;

use super::{
    request::{BodyTest, Pick, Picks, RequestShape},
    span::Span,
    template::Template,
};

/// How to log in, and where the API is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    /// Where the API is. A setting without a value leaves it to the login's answer.
    pub base_url: Template,
    /// The ways to log in; where there are several, the setting `auth` names one.
    pub ways: BTreeMap<String, Way>,
    /// What else the login's answer tells.
    #[serde(default)]
    pub answer: LoginAnswer,
}

/// A way to log in.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Way {
    /// `Authorization: Bearer TOKEN`
    Bearer {
        /// The token.
        token: Template,
    },
    /// A token in a header of the service's own.
    Header {
        /// The header.
        name: String,
        /// Its value.
        value: Template,
    },
    /// Name and password (RFC 7617).
    Basic {
        /// The name.
        username: Template,
        /// The password.
        password: Template,
    },
    /// OAuth 2 client credentials (RFC 6749, 4.4).
    ClientCredentials {
        /// The token endpoint.
        url: Template,
        /// The client.
        client_id: Template,
        /// Its secret.
        client_secret: Template,
        /// What is asked for, where the service wants to know (Entra: `https://ORG/.default`).
        #[serde(default)]
        scope: Option<Template>,
        /// How it is sent.
        #[serde(default)]
        sends: Sends,
    },
    /// An OAuth 2 refresh token (RFC 6749, 6), which the service may replace at each use.
    Refresh {
        /// The token endpoint.
        url: Template,
        /// The client.
        client_id: Template,
        /// Its secret.
        client_secret: Template,
    },
    /// A JWT signed with RS256 as the grant (RFC 7523, 2.1).
    JwtBearer {
        /// The token endpoint.
        url: Template,
        /// The claim `aud`.
        audience: Template,
        /// The claim `iss`.
        issuer: Template,
        /// The claim `sub`.
        subject: Template,
        /// The private key, in PEM.
        key: Template,
        /// From now to the claim `exp`.
        lifetime: Span,
    },
    /// A token (JWT, RFC 7519) that is signed here with HS256 and sent with each request, `Authorization: SCHEME TOKEN`,
    /// until it is about to end; then the next one is signed. Nobody is asked for a session.
    ///
    /// It takes a service that gives out a key and wants to see no more of it than a signature, a few minutes old at most
    /// (Ghost: <https://docs.ghost.org/admin-api/#token-authentication>). `header` cannot say it: what a user could paste
    /// there is refused five minutes later.
    SignedToken {
        /// The key as people copy it: its id (`kid` in the token's header), a colon, its secret in hexadecimal digits.
        key: Template,
        /// The claim `aud`.
        audience: Template,
        /// The word before the token.
        scheme: String,
        /// From the claim `iat`, which is now, to `exp`.
        lifetime: Span,
    },
}

impl Way {
    /// Everything in it that a user's settings fill.
    pub fn templates(&self) -> Vec<&Template> {
        match self {
            Self::Bearer { token } => vec![token],
            Self::Header { value, .. } => vec![value],
            Self::Basic { username, password } => vec![username, password],
            Self::ClientCredentials { url, client_id, client_secret, scope, .. } => {
                [url, client_id, client_secret].into_iter().chain(scope).collect()
            }
            Self::Refresh { url, client_id, client_secret } => vec![url, client_id, client_secret],
            Self::JwtBearer { url, audience, issuer, subject, key, .. } => vec![url, audience, issuer, subject, key],
            Self::SignedToken { key, audience, .. } => vec![key, audience],
        }
    }
}

/// How a login's request carries what it says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sends {
    /// `POST` with a form (RFC 6749, 4.4.2).
    #[default]
    Form,
    /// `GET` with a query (Marketo).
    Query,
}

/// What a login's answer tells besides the token.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoginAnswer {
    /// Where the account's API is.
    #[serde(default)]
    pub base_url: Option<String>,
    /// The account.
    #[serde(default)]
    pub account: Option<Pick>,
}

/// What the service allows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Requests per window; all hold at once.
    #[serde(default)]
    pub rates: Vec<RateLimit>,
    /// The daily quota.
    #[serde(default)]
    pub daily: Option<DailyLimit>,
    /// Requests in flight at once.
    #[serde(default)]
    pub concurrency: Option<u32>,
    /// What answers tell of the daily quota.
    #[serde(default)]
    pub usage: Option<Usage>,
}

/// So many requests in any window of this length.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    /// Requests.
    pub requests: u32,
    /// The window.
    pub per: Span,
    /// Only those with one of these tags.
    #[serde(default)]
    pub only: Vec<String>,
}

/// A daily quota.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DailyLimit {
    /// Requests a day, until the service tells otherwise.
    pub requests: u64,
    /// When it starts anew.
    pub resets: DailyReset,
}

/// When a daily quota starts anew.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum DailyReset {
    /// Each call counts for 24 hours.
    Rolling,
    /// At midnight in this IANA time zone.
    Midnight(Template),
}

/// What answers tell of the daily quota.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Usage {
    /// One header: used, slash, limit.
    Fraction {
        /// The header.
        header: String,
        /// What stands before.
        after: String,
    },
    /// Two headers.
    Remaining {
        /// The limit.
        limit: String,
        /// What is left.
        remaining: String,
    },
}

/// What errors look like and mean. Each list is tried in order; the first that finds something counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Errors {
    /// Where the service's code stands.
    #[serde(default)]
    pub code: Vec<Pick>,
    /// Where its words stand.
    #[serde(default)]
    pub message: Vec<Pick>,
    /// Where the field stands that it is about.
    #[serde(default)]
    pub field: Vec<Pick>,
    /// Where the id stands of the record that is in the way.
    #[serde(default)]
    pub other: Vec<Pick>,
    /// First match wins; then the default table of HTTP statuses.
    #[serde(default)]
    pub when: Vec<Rule>,
}

/// One rule. Every condition that is given must hold.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// One of these statuses.
    #[serde(default)]
    pub status: Vec<u16>,
    /// One of these codes.
    #[serde(default)]
    pub code: Vec<String>,
    /// This is in its words.
    #[serde(default)]
    pub text: Option<String>,
    /// This holds for the body.
    #[serde(default)]
    pub body: Option<BodyTest>,
    /// It names one of these fields.
    #[serde(default)]
    pub named: Vec<String>,
    /// It names no field.
    #[serde(default)]
    pub fieldless: bool,
    /// What it is.
    pub is: Kind,
    /// Wait so long, where the service does not tell; doubled each time in a row, up to `wait_most`.
    #[serde(default)]
    pub wait: Option<Span>,
    /// The longest wait; without it, `wait` does not grow.
    #[serde(default)]
    pub wait_most: Option<Span>,
    /// A write that is answered so may have happened all the same.
    #[serde(default)]
    pub in_doubt: bool,
    /// What a person can do.
    #[serde(default)]
    pub hint: Option<String>,
}

/// How to learn whose account it is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// What to ask.
    pub request: RequestShape,
    /// Where the id stands; the first found counts.
    #[serde(default)]
    pub id: Picks,
    /// What the id is, where no answer names one: an installation of the user's own is known by its address (Mautic), a
    /// subscription by its host (Marketo). The request still shows that the login works.
    #[serde(default)]
    pub is: Option<Template>,
}
