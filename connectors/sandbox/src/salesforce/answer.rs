//! Answers and refusals in the service's forms.

use bytes::Bytes;
use http::{Response, StatusCode, header::CONTENT_TYPE};
use serde_json::{Value, json};

/// Why a request, or one record of it, is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The status, where the refusal answers the whole request.
    pub status: u16,
    /// `errorCode` of a request, `statusCode` of one record.
    pub code: &'static str,
    /// The sentence.
    pub message: String,
    /// The fields it is about, where it is about a record's values.
    pub fields: Option<Vec<String>>,
}

impl Refused {
    /// A refusal with status 400 that is not about a record's values.
    pub(super) fn request(code: &'static str, message: impl Into<String>) -> Self {
        Self { status: 400, code, message: message.into(), fields: None }
    }

    /// A refusal with status 400 of a record's values.
    pub(super) fn record(code: &'static str, message: impl Into<String>, fields: &[&str]) -> Self {
        let fields = Some(fields.iter().map(|&field| field.to_owned()).collect());
        Self { status: 400, code, message: message.into(), fields }
    }

    /// The resource is not there. REST guide, "Insert or Update (Upsert) a Record Using an External ID", has the words.
    pub(super) fn not_found() -> Self {
        Self::request("NOT_FOUND", "The requested resource does not exist").with_status(404)
    }

    /// The same with another status.
    pub(super) fn with_status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    /// The answer to a whole request: an array of one error. REST guide, "Status Codes and Error Responses".
    pub(super) fn response(&self) -> Response<Bytes> {
        let mut error = json!({ "message": self.message, "errorCode": self.code });
        if let Some(fields) = &self.fields {
            error["fields"] = json!(fields);
        }
        json_response(self.status, &json!([error]))
    }

    /// The result of one record in a collection. REST guide, "sObject Collections".
    pub(super) fn item(&self) -> Value {
        let fields = self.fields.clone().unwrap_or_default();
        let error = json!({ "statusCode": self.code, "message": self.message, "fields": fields });
        json!({ "success": false, "errors": [error] })
    }
}

/// JSON with a status.
pub(super) fn json_response(status: u16, body: &Value) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static("application/json;charset=UTF-8"));
    response
}

/// 204.
pub(super) fn no_content() -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// A refusal by the web server in front of the service, which speaks HTML.
pub(super) fn bad_message(status: StatusCode, reason: &str) -> Response<Bytes> {
    let body = format!("<h1>Bad Message {}</h1><pre>reason: {reason}</pre>", status.as_u16());
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static("text/html;charset=iso-8859-1"));
    response
}
