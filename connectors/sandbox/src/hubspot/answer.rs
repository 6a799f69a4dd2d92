//! The shapes of answers and refusals.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Map, Value, json};

use super::property::Invalid;

/// An answer that is no error.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Option<Value>,
}

/// An error, of a whole request or of one input of a batch.
#[derive(Clone, Debug)]
pub(super) struct Refused {
    pub(super) status: u16,
    pub(super) category: &'static str,
    pub(super) message: String,
    pub(super) details: Vec<Invalid>,
    pub(super) context: Vec<(&'static str, Vec<String>)>,
}

pub(super) type Answered<T = Answer> = Result<T, Refused>;

impl Answer {
    pub(super) fn ok(body: Value) -> Self {
        Self { status: 200, body: Some(body) }
    }

    pub(super) fn created(body: Value) -> Self {
        Self { status: 201, body: Some(body) }
    }

    pub(super) fn done() -> Self {
        Self { status: 204, body: None }
    }

    pub(super) fn response(self) -> Response<Bytes> {
        response(self.status, self.body.as_ref())
    }
}

impl Refused {
    pub(super) fn new(status: u16, category: &'static str, message: impl Into<String>) -> Self {
        Self { status, category, message: message.into(), details: Vec::new(), context: Vec::new() }
    }

    /// A request that is not as the documents say.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "VALIDATION_ERROR", message)
    }

    // Error handling: the message carries the results of the validation as JSON text, and `errors` has `message`,
    // `code` and `context.propertyName` of each.
    /// Values that the properties do not take.
    pub(super) fn values(details: Vec<Invalid>, portal: u64) -> Self {
        let results: Vec<Value> = details
            .iter()
            .map(|detail| {
                json!({
                    "isValid": false,
                    "message": detail.message,
                    "error": detail.code,
                    "name": detail.property,
                    "localizedErrorMessage": detail.message,
                    "portalId": portal,
                })
            })
            .collect();
        let message = format!("Property values were not valid: {}", Value::Array(results));
        Self { details, ..Self::invalid(message) }
    }

    /// No such record, asked for alone.
    pub(super) fn missing() -> Self {
        Self::new(404, "OBJECT_NOT_FOUND", "resource not found")
    }

    // Seen in recorded answers of batch/read and batch/update.
    /// No such records, asked for in a batch.
    pub(super) fn missing_of_many(ids: Vec<String>) -> Self {
        let message = "Could not get some CONTACT objects, they may be deleted or not exist. Check that ids are valid.";
        Self { context: vec![("ids", ids)], ..Self::new(404, "OBJECT_NOT_FOUND", message) }
    }

    // Seen in recorded answers: 409, category CONFLICT; in a batch with trace ids, `context.existingId`.
    /// The e-mail address belongs to another contact.
    pub(super) fn exists(id: &str) -> Self {
        let message = format!("Contact already exists. Existing ID: {id}");
        Self { context: vec![("existingId", vec![id.to_owned()])], ..Self::new(409, "CONFLICT", message) }
    }

    /// The error of a whole request.
    pub(super) fn body(&self, correlation: &str) -> Value {
        let mut body = json!({
            "status": "error",
            "message": self.message,
            "correlationId": correlation,
            "category": self.category,
        });
        self.add(&mut body, None);
        body
    }

    // Error handling, "Multi-status errors": `context.objectWriteTraceId` names the input.
    /// The error of one input of a batch.
    pub(super) fn item(&self, trace: Option<&str>) -> Value {
        let mut item = json!({ "status": "error", "category": self.category, "message": self.message });
        self.add(&mut item, trace);
        item
    }

    fn add(&self, body: &mut Value, trace: Option<&str>) {
        let mut context = Map::new();
        if let Some(trace) = trace {
            context.insert("objectWriteTraceId".to_owned(), json!([trace]));
        }
        for (name, values) in &self.context {
            context.insert((*name).to_owned(), json!(values));
        }
        if !context.is_empty() {
            body["context"] = Value::Object(context);
        }
        let details: Vec<Value> = self
            .details
            .iter()
            .map(|detail| {
                json!({
                    "message": detail.message,
                    "code": detail.code,
                    "context": { "propertyName": [detail.property] },
                })
            })
            .collect();
        if !details.is_empty() {
            body["errors"] = Value::Array(details);
        }
    }
}

/// A response with a JSON body, or without a body.
pub(super) fn response(status: u16, body: Option<&Value>) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body.map(Value::to_string).unwrap_or_default()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if body.is_some() {
        let kind = HeaderValue::from_static("application/json;charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
    }
    response
}
