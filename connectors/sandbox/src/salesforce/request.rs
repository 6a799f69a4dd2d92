//! One request: the web server's limits, the login, the daily quota, then the resource.

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header::CONTENT_TYPE};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::{
    User,
    answer::{Refused, bad_message, json_response},
    collections, login,
    org::{Config, Org},
    query, quota, replication, rows, schema,
    view::View,
};

/// The largest body that is read.
pub(super) const MAX_BODY: usize = 64 << 20;
/// Salesforce Help 000386264, "Maximum number of rows returned by SOQL queries over the REST API": the address, and the
/// address with the headers, have at most this many bytes.
const MAX_HEAD: usize = 16_384;

/// A request of a logged-in user for a resource of one API version.
pub(super) struct Call<'a> {
    /// The organisation.
    pub org: &'a Org,
    /// Its settings.
    pub config: &'a Config,
    /// The request as it came.
    pub request: &'a Request<Bytes>,
    /// Who asks.
    pub user: User,
    /// `/services/data/v60.0`.
    pub base: String,
    /// The query of the address, decoded.
    pub parameters: Vec<(String, String)>,
}

/// Answers one request.
pub(super) fn answer(org: &Org, request: &Request<Bytes>) -> Response<Bytes> {
    let address = request.uri().path_and_query().map_or(0, |path| path.as_str().len());
    let headers = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
    if address > MAX_HEAD {
        return bad_message(StatusCode::URI_TOO_LONG, "URI Too Long");
    }
    if address + headers.sum::<usize>() > MAX_HEAD {
        return bad_message(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "Request Header Fields Too Large");
    }
    let decoded = |part: &str| percent_decode_str(part).decode_utf8_lossy().into_owned();
    let parts: Vec<String> = request.uri().path().split('/').skip(1).map(decoded).collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
    let config = org.config();
    match (request.method(), parts.as_slice()) {
        (&Method::POST, ["services", "oauth2", "token"]) => login::token(org, request),
        (&Method::GET, ["services", "data"]) => versions(&config),
        (&Method::GET | &Method::POST, ["services", "oauth2", "userinfo"]) | (&Method::GET, ["id", _, _]) => {
            match login::user(org, &config, request) {
                Ok(user) => login::userinfo(&config, &user, &origin(&config, request)),
                // The identity URL speaks plain text. Salesforce Help, "Identity URLs".
                Err(_) => bad_message(StatusCode::FORBIDDEN, "Bad_OAuth_Token"),
            }
        }
        (_, ["services", "data", version, resource @ ..]) => versioned(org, &config, request, (version, resource)),
        _ => Refused::not_found().response(),
    }
}

fn versioned(
    org: &Org,
    config: &Config,
    request: &Request<Bytes>,
    (version, resource): (&str, &[&str]),
) -> Response<Bytes> {
    let number = version.strip_prefix('v').and_then(|text| text.strip_suffix(".0"));
    let known = number.and_then(|text| text.parse().ok()).is_some_and(|n: u16| config.options.versions.contains(&n));
    if !known {
        return Refused::not_found().response();
    }
    let user = match login::user(org, config, request) {
        Ok(user) => user,
        Err(refused) => return refused.response(),
    };
    let base = format!("/services/data/{version}");
    let parameters = form(request.uri().query().unwrap_or_default());
    let call = Call { org, config, request, user, base, parameters };
    let answered = quota::count(org, config).and_then(|()| call.resource(resource));
    let mut response = answered.unwrap_or_else(|refused| refused.response());
    if let Ok(usage) = HeaderValue::from_str(&quota::header(org, config)) {
        response.headers_mut().insert("Sforce-Limit-Info", usage);
    }
    response
}

impl Call<'_> {
    fn resource(&self, parts: &[&str]) -> Result<Response<Bytes>, Refused> {
        let ok = |body: Value| Ok(json_response(200, &body));
        match parts {
            [] => self.only(&[Method::GET]).and_then(|()| ok(self.root())),
            ["limits"] => self.only(&[Method::GET]).and_then(|()| ok(quota::limits(self.org, self.config))),
            ["query" | "queryAll"] => {
                self.only(&[Method::GET]).and_then(|()| query::first(self, parts[0] == "queryAll"))
            }
            ["query" | "queryAll", locator] => self.only(&[Method::GET]).and_then(|()| query::next(self, locator)),
            ["sobjects"] => {
                self.only(&[Method::GET]).and_then(|()| ok(schema::listing(&self.config.visible, &self.base)))
            }
            ["sobjects", object, "describe"] => {
                self.only(&[Method::GET])?;
                ok(schema::describe(self.object(object)?, &self.base))
            }
            ["sobjects", object, kind @ ("updated" | "deleted")] => {
                self.only(&[Method::GET])?;
                replication::answer(self, self.object(object)?, *kind == "deleted")
            }
            ["sobjects", object] => {
                self.only(&[Method::GET, Method::POST])?;
                let object = self.object(object)?;
                if *self.request.method() == Method::POST {
                    return rows::create(self, object);
                }
                ok(json!({ "objectDescribe": schema::summary(object, &self.base), "recentItems": [] }))
            }
            ["sobjects", object, id] => {
                self.only(&[Method::GET, Method::PATCH, Method::DELETE])?;
                rows::by_id(self, self.object(object)?, id)
            }
            ["sobjects", object, field, value] => {
                self.only(&[Method::GET, Method::PATCH, Method::DELETE])?;
                rows::by_external_id(self, self.object(object)?, field, value)
            }
            ["composite", "sobjects"] => {
                self.only(&[Method::POST, Method::PATCH, Method::DELETE])?;
                collections::answer(self)
            }
            ["composite", "sobjects", object] => {
                self.only(&[Method::GET, Method::POST])?;
                collections::retrieve(self, self.object(object)?)
            }
            ["composite", "sobjects", object, field] => {
                self.only(&[Method::PATCH])?;
                collections::upsert(self, self.object(object)?, field)
            }
            _ => Err(Refused::not_found()),
        }
    }

    fn root(&self) -> Value {
        let link = |name: &str| (name.to_owned(), json!(format!("{}/{name}", self.base)));
        Value::Object(Map::from_iter(["sobjects", "query", "queryAll", "limits", "composite"].map(link)))
    }

    /// REST guide, "Status Codes and Error Responses": 405.
    fn only(&self, methods: &[Method]) -> Result<(), Refused> {
        if methods.contains(self.request.method()) {
            return Ok(());
        }
        let allowed = methods.iter().map(Method::as_str).collect::<Vec<_>>().join(",");
        let message = format!("HTTP Method '{}' not allowed. Allowed are {allowed}", self.request.method());
        Err(Refused::request("METHOD_NOT_ALLOWED", message).with_status(405))
    }

    /// The object in the address.
    pub(super) fn object(&self, name: &str) -> Result<&schema::Object, Refused> {
        self.config.visible.object(name).ok_or_else(Refused::not_found)
    }

    /// A parameter of the address.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A header's text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.request.headers().get(name).and_then(|value| value.to_str().ok())
    }

    /// The body, which must be a JSON object.
    ///
    /// # Errors
    /// 415 for another media type, 400 `JSON_PARSER_ERROR` for what is no JSON object. REST guide, "Status Codes and
    /// Error Responses".
    pub(super) fn body(&self) -> Result<Map<String, Value>, Refused> {
        let kind = self.header(CONTENT_TYPE.as_str()).unwrap_or_default();
        if !kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json") {
            let message = format!("Content-Type header specified in HTTP request is not supported: {kind}");
            return Err(Refused::request("UNSUPPORTED_MEDIA_TYPE", message).with_status(415));
        }
        match serde_json::from_slice(self.request.body()) {
            Ok(Value::Object(body)) => Ok(body),
            Ok(_) => Err(Refused::request("JSON_PARSER_ERROR", "The request body must be a JSON object")),
            Err(error) => {
                let (line, column) = (error.line(), error.column());
                let message = format!("Unexpected character or end-of-input at [line:{line}, column:{column}]");
                Err(Refused::request("JSON_PARSER_ERROR", message))
            }
        }
    }

    /// Rows as this user sees them.
    pub(super) fn view<'a>(&'a self, data: &'a hymnal_memory::service::Service) -> View<'a> {
        View { data, options: &self.config.options, base: &self.base }
    }
}

/// The service's own address: as configured, else as the request named it.
pub(super) fn origin(config: &Config, request: &Request<Bytes>) -> String {
    if !config.options.instance_url.is_empty() {
        return config.options.instance_url.trim_end_matches('/').to_owned();
    }
    let host = request.headers().get(http::header::HOST).and_then(|host| host.to_str().ok());
    let host = host.or_else(|| request.uri().authority().map(http::uri::Authority::as_str));
    format!("http://{}", host.unwrap_or("localhost"))
}

/// `application/x-www-form-urlencoded` text, decoded: a `+` is a space.
pub(super) fn form(text: &str) -> Vec<(String, String)> {
    let decoded = |part: &str| percent_decode_str(&part.replace('+', " ")).decode_utf8_lossy().into_owned();
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(name), decoded(value))
    };
    text.split('&').filter(|pair| !pair.is_empty()).map(pair).collect()
}

fn versions(config: &Config) -> Response<Bytes> {
    let version = |number: u16| {
        let url = format!("/services/data/v{number}.0");
        json!({ "label": format!("Release {number}"), "url": url, "version": format!("{number}.0") })
    };
    json_response(200, &config.options.versions.clone().map(version).collect())
}
