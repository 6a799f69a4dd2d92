//! From a request to the operation it asks for.

use std::borrow::Cow;

use bytes::Bytes;
use http::{Method, Request, Response, header};
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;

use super::{
    answer::{Answered, Refused},
    limits::Lane,
    portal::Portal,
};

/// A request, read as far as every operation needs it.
pub(super) struct Asked<'a> {
    pub(super) method: &'a Method,
    pub(super) path: Vec<String>,
    query: Vec<(String, String)>,
    body: &'a Bytes,
    content_type: &'a str,
}

impl Portal {
    /// Answers one request.
    pub fn answer(&self, request: &Request<Bytes>) -> Response<Bytes> {
        let asked = Asked::read(request);
        if let Err(refused) = self.check_token(request) {
            return self.refuse(&refused);
        }
        let lane = if asked.path.last().is_some_and(|last| last == "search") { Lane::Search } else { Lane::Ordinary };
        let (rates, today, elapsed) = (self.options().rates, self.today(), self.account().elapsed());
        let admitted = self.live().windows.admit(rates, lane, elapsed, today);
        let mut response = match admitted {
            Err(policy) => policy.refusal(self),
            Ok(()) => match self.dispatch(&asked) {
                Ok(answer) => answer.response(),
                Err(refused) => self.refuse(&refused),
            },
        };
        if lane == Lane::Ordinary {
            self.tell_limits(&mut response);
        }
        response
    }

    // Error handling: 401 where the authentication is invalid. The words are those of recorded answers.
    fn check_token(&self, request: &Request<Bytes>) -> Answered<()> {
        let given = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        if given.and_then(|given| given.strip_prefix("Bearer ")) == Some(self.options().token.as_str()) {
            return Ok(());
        }
        let message = "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can \
                       find more details at https://developers.hubspot.com/docs/methods/auth/oauth-overview";
        Err(Refused::new(401, "INVALID_AUTHENTICATION", message))
    }

    fn dispatch(&self, asked: &Asked<'_>) -> Answered {
        let path: Vec<&str> = asked.path.iter().map(String::as_str).collect();
        match path.as_slice() {
            ["crm", "v3", "objects", object, rest @ ..] | ["crm", "objects", _, object, rest @ ..] => {
                check_object(object)?;
                self.contacts(asked, rest)
            }
            ["crm", "v3", "properties", object, rest @ ..] | ["crm", "properties", _, object, rest @ ..] => {
                check_object(object)?;
                self.properties(asked, rest)
            }
            ["crm", "v3", "owners", rest @ ..] | ["crm", "owners", _, rest @ ..] => self.owners(asked, rest),
            ["account-info", _, "details"] if asked.method == Method::GET => Ok(self.details()),
            ["account-info", _, "api-usage", "daily", "private-apps"] if asked.method == Method::GET => {
                Ok(self.usage())
            }
            ["communication-preferences", "v4" | "2026-03", "statuses", rest @ ..] => self.consent(asked, rest),
            _ => Err(unknown_path()),
        }
    }

    fn contacts(&self, asked: &Asked<'_>, rest: &[&str]) -> Answered {
        match (asked.method.as_str(), rest) {
            ("GET", []) => self.list(asked),
            ("POST", []) => self.create_one(asked),
            ("POST", ["search"]) => self.search(asked),
            ("POST", ["merge"]) => self.merge_two(asked),
            ("POST", ["gdpr-delete"]) => self.erase(asked),
            ("POST", ["batch", "read"]) => self.read_batch(asked),
            ("POST", ["batch", "create"]) => self.create_batch(asked),
            ("POST", ["batch", "update"]) => self.update_batch(asked),
            ("POST", ["batch", "upsert"]) => self.upsert_batch(asked),
            ("POST", ["batch", "archive"]) => self.archive_batch(asked),
            ("GET", [id]) => self.get_one(asked, id),
            ("PATCH", [id]) => self.update_one(asked, id),
            ("DELETE", [id]) => self.archive_one(id),
            (_, [] | [_]) => Err(Refused::new(405, "METHOD_NOT_ALLOWED", "HTTP 405 Method Not Allowed")),
            _ => Err(unknown_path()),
        }
    }
}

impl<'a> Asked<'a> {
    fn read(request: &'a Request<Bytes>) -> Self {
        let path = request.uri().path().trim_matches('/').split('/').map(decode).collect();
        let pairs = request.uri().query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
        let query = pairs
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                (decode(&name.replace('+', " ")), decode(&value.replace('+', " ")))
            })
            .collect();
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        Self { method: request.method(), path, query, body: request.body(), content_type: kind.unwrap_or_default() }
    }

    /// The last value of a query parameter.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().rev().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// A parameter that may be given several times or joined by commas.
    pub(super) fn parameters(&self, name: &str) -> Vec<String> {
        let given = self.query.iter().filter(|(given, _)| given == name);
        let parts = given.flat_map(|(_, value)| value.split(','));
        parts.filter(|part| !part.is_empty()).map(str::to_owned).collect()
    }

    /// A parameter that is `true` or `false`; `false` where it is not given.
    pub(super) fn flag(&self, name: &str) -> Answered<bool> {
        match self.parameter(name) {
            None | Some("" | "false") => Ok(false),
            Some("true") => Ok(true),
            Some(other) => Err(Refused::invalid(format!("{name} must be `true` or `false`, not `{other}`"))),
        }
    }

    /// The body as JSON of a known shape.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Answered<T> {
        if !self.content_type.to_ascii_lowercase().starts_with("application/json") {
            return Err(Refused::new(415, "VALIDATION_ERROR", "HTTP 415 Unsupported Media Type"));
        }
        serde_json::from_slice(self.body).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            Refused::invalid(format!("Invalid input JSON on line {line}, column {column}: {error}"))
        })
    }

    /// The body's length in characters.
    pub(super) fn body_length(&self) -> usize {
        String::from_utf8_lossy(self.body).chars().count()
    }
}

fn decode(text: &str) -> String {
    match percent_decode_str(text).decode_utf8_lossy() {
        Cow::Borrowed(same) => same.to_owned(),
        Cow::Owned(decoded) => decoded,
    }
}

fn check_object(object: &str) -> Answered<()> {
    match object {
        "contacts" | "contact" | "0-1" => Ok(()),
        other => Err(Refused::invalid(format!("Unable to infer object type from: {other}"))),
    }
}

fn unknown_path() -> Refused {
    Refused::new(404, "OBJECT_NOT_FOUND", "HTTP 404 Not Found")
}
