//! From templates and values to requests: each value is quoted for the place it stands in, so that it cannot leave it.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use hymnal_sdk::{Error, Kind, Native, Request, Result, http::Access};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{
    json::Json,
    manifest::{
        request::{Language, Method, RequestShape},
        template::{Hole, Piece, Shape, Template},
    },
};

/// What fills a hole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Filling {
    /// Any text: quoted everywhere.
    Text(String),
    /// A number or a time in the service's form, made by us: bare in SOQL.
    Literal(String),
    /// A number that stays one in JSON.
    Number(usize),
    /// A field's name: in SOQL it must be one.
    Name(String),
    /// Fields' names.
    Names(Vec<String>),
    /// Ids.
    Ids(Vec<String>),
    /// Values of fields.
    Values(Vec<Native>),
    /// JSON, for bodies alone.
    Json(Json),
}

/// The values of one request.
pub(crate) type Fillings = BTreeMap<Hole, Filling>;

/// All but the unreserved characters of RFC 3986, 2.3.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Makes a request.
///
/// # Errors
/// `Fatal` where a value cannot stand where it is wanted (a field name that is none).
pub(crate) fn request(shape: &RequestShape, fillings: &Fillings, access: Access) -> Result<Request> {
    let mut url = path(&shape.path, fillings)?;
    let mut joint = if url.contains('?') { '&' } else { '?' };
    for (name, template) in &shape.query {
        if template.whole().is_some_and(|hole| !fillings.contains_key(hole)) {
            continue;
        }
        let value = text(template, fillings, shape.language)?;
        url.push(joint);
        url.push_str(&encoded(name));
        url.push('=');
        url.push_str(&encoded(&value));
        joint = '&';
    }
    let mut headers = HeaderMap::new();
    add_headers(&mut headers, shape.headers.iter().map(|(name, template)| (name, template)), fillings)?;
    let mut body = Bytes::new();
    if let Some(json) = &shape.json {
        headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        body = fill(json, fillings)?.unwrap_or(Json::Null).to_string().into();
    } else if let Some(form) = &shape.form {
        headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        body = form_encoded(&fill(form, fillings)?.unwrap_or(Json::Null)).into();
    }
    if let Some(most) = shape.max_body.filter(|most| body.len() > *most) {
        let message = format!("a body of {} bytes, where the service takes {most}", body.len());
        return Err(Error::new(Kind::TooLarge, "body-too-large", message));
    }
    headers.insert(http::header::ACCEPT, HeaderValue::from_static("application/json"));
    Ok(Request {
        method: method(shape.method),
        url,
        headers,
        body,
        tag: crate::tag::interned(&shape.tag),
        cost: shape.cost,
        access,
    })
}

/// Sets headers. One that is one hole without a value is left out.
///
/// # Errors
/// `Fatal` for what cannot stand in a header.
pub(crate) fn add_headers<'a>(
    headers: &mut HeaderMap,
    templates: impl Iterator<Item = (&'a String, &'a Template)>,
    fillings: &Fillings,
) -> Result<()> {
    for (name, template) in templates {
        if template.whole().is_some_and(|hole| !fillings.contains_key(hole)) {
            continue;
        }
        let value = text(template, fillings, Language::Plain)?;
        let name = HeaderName::try_from(name.as_str()).map_err(|_| impossible(format!("`{name}` is no header")))?;
        let value = HeaderValue::try_from(value)
            .map_err(|_| impossible(format!("the value for the header `{name}` cannot stand in one")))?;
        headers.insert(name, value);
    }
    Ok(())
}

/// A request to an address that the service itself gave; `http` refuses another origin.
///
/// # Errors
/// `Fatal` for what cannot stand in a header.
pub(crate) fn follow(shape: &RequestShape, link: &str, fillings: &Fillings) -> Result<Request> {
    let mut headers = HeaderMap::new();
    add_headers(&mut headers, shape.headers.iter().map(|(name, template)| (name, template)), fillings)?;
    headers.insert(http::header::ACCEPT, HeaderValue::from_static("application/json"));
    Ok(Request {
        method: http::Method::GET,
        url: link.to_owned(),
        headers,
        body: Bytes::new(),
        tag: crate::tag::interned(&shape.tag),
        cost: shape.cost,
        access: Access::Read,
    })
}

fn method(method: Method) -> http::Method {
    match method {
        Method::Get => http::Method::GET,
        Method::Post => http::Method::POST,
        Method::Put => http::Method::PUT,
        Method::Patch => http::Method::PATCH,
        Method::Delete => http::Method::DELETE,
    }
}

/// A path: what comes from a setting or a value is one segment, except an id that is a path itself.
fn path(template: &Template, fillings: &Fillings) -> Result<String> {
    let mut path = String::new();
    for piece in &template.0 {
        match piece {
            Piece::Text(text) => path.push_str(text),
            Piece::Hole(hole) => {
                let value = plain(hole, filling(hole, fillings)?)?;
                if *hole == Hole::IdPath {
                    let segments: Vec<String> =
                        value.trim_matches('/').split('/').map(segment).collect::<Result<_>>()?;
                    path.push_str(&segments.join("/"));
                } else {
                    path.push_str(&segment(&value)?);
                }
            }
        }
    }
    Ok(path)
}

/// One segment. `.` and `..` would name another place, and an empty one the list itself.
fn segment(value: &str) -> Result<String> {
    if matches!(value, "" | "." | "..") {
        return Err(impossible(format!("`{value}` cannot stand in an address")));
    }
    Ok(encoded(value))
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

/// Text before it is encoded for its place.
pub(crate) fn text(template: &Template, fillings: &Fillings, language: Language) -> Result<String> {
    let mut text = String::new();
    for piece in &template.0 {
        match piece {
            Piece::Text(plain) => text.push_str(plain),
            Piece::Hole(hole) => {
                let value = filling(hole, fillings)?;
                text.push_str(&match language {
                    Language::Plain => plain(hole, value)?,
                    Language::Soql => soql(hole, value)?,
                    Language::Csv => csv(hole, value)?,
                    Language::Odata => odata(hole, value)?,
                });
            }
        }
    }
    Ok(text)
}

fn filling<'a>(hole: &Hole, fillings: &'a Fillings) -> Result<&'a Filling> {
    fillings.get(hole).ok_or_else(|| {
        let error = impossible(format!("`{hole}` has no value"));
        if let Hole::Setting(name) = hole { error.hint(format!("set `{name}` for this connector")) } else { error }
    })
}

fn plain(hole: &Hole, filling: &Filling) -> Result<String> {
    Ok(match filling {
        Filling::Text(text) | Filling::Literal(text) | Filling::Name(text) => text.clone(),
        Filling::Number(number) => number.to_string(),
        Filling::Names(list) | Filling::Ids(list) => {
            if let Some(bad) = list.iter().find(|item| item.contains(',')) {
                return Err(impossible(format!("`{bad}` holds a comma and cannot stand in a list")));
            }
            list.join(",")
        }
        Filling::Json(json) => {
            json.as_text().ok_or_else(|| impossible(format!("`{hole}` can only stand in a body")))?
        }
        Filling::Values(values) => {
            let values: Vec<String> = values.iter().map(ToString::to_string).collect();
            return plain(hole, &Filling::Names(values));
        }
    })
}

/// A value in SOQL. Strings: single quotes, with quote and backslash escaped by a backslash, and control characters by
/// their escapes (SOQL and SOSL Reference, "Quoted String Escape Sequences").
fn soql(hole: &Hole, filling: &Filling) -> Result<String> {
    Ok(match filling {
        Filling::Text(text) | Filling::Json(Json::Text(text)) => soql_string(text),
        Filling::Literal(text) => text.clone(),
        Filling::Number(number) => number.to_string(),
        Filling::Name(name) => soql_name(name)?.to_owned(),
        Filling::Names(names) => {
            let names: Vec<&str> = names.iter().map(|name| soql_name(name)).collect::<Result<_>>()?;
            names.join(", ")
        }
        Filling::Ids(ids) => {
            let ids: Vec<String> = ids.iter().map(|id| soql_string(id)).collect();
            format!("({})", ids.join(","))
        }
        Filling::Values(values) => {
            let values: Vec<String> = values.iter().map(soql_value).collect::<Result<_>>()?;
            format!("({})", values.join(","))
        }
        Filling::Json(_) => return Err(impossible(format!("`{hole}` can only stand in a body"))),
    })
}

/// Lists as comma-separated values (RFC 4180, 2).
fn csv(hole: &Hole, filling: &Filling) -> Result<String> {
    let quoted = |text: String| format!("\"{}\"", text.replace('"', "\"\""));
    match filling {
        Filling::Ids(list) => Ok(list.join(",")),
        Filling::Values(values) => {
            let values: Vec<String> = values.iter().map(|value| quoted(value.to_string())).collect();
            Ok(values.join(","))
        }
        other => plain(hole, other),
    }
}

/// A value in OData: a string stands in single quotes, which are doubled inside (OData 4.01 URL Conventions, 5.1.1.6.1).
fn odata(hole: &Hole, filling: &Filling) -> Result<String> {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
    Ok(match filling {
        Filling::Text(text) => quoted(text),
        Filling::Json(json) => json.as_text().map(|text| quoted(&text)).unwrap_or_default(),
        Filling::Name(name) => soql_name(name)?.to_owned(),
        Filling::Names(names) => {
            let names: Vec<&str> = names.iter().map(|name| soql_name(name)).collect::<Result<_>>()?;
            names.join(",")
        }
        Filling::Ids(ids) => format!("[{}]", ids.iter().map(|id| quoted(id)).collect::<Vec<_>>().join(",")),
        Filling::Values(values) => {
            let values: Vec<String> = values.iter().map(|value| quoted(&value.to_string())).collect();
            format!("[{}]", values.join(","))
        }
        other => plain(hole, other)?,
    })
}

fn soql_string(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('\'');
    for letter in text.chars() {
        match letter {
            '\'' => quoted.push_str("\\'"),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{c}' => quoted.push_str("\\f"),
            other => quoted.push(other),
        }
    }
    quoted.push('\'');
    quoted
}

/// A field's or object's name, with a path over relations: letters, digits, `_`, `.`.
fn soql_name(name: &str) -> Result<&str> {
    let fits = |part: &str| {
        part.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && part.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
    };
    if name.split('.').all(fits) {
        Ok(name)
    } else {
        let error = impossible(format!("`{name}` is no field name")).about(name);
        Err(error.hint("a field's API name has letters, digits and `_`"))
    }
}

fn soql_value(value: &Native) -> Result<String> {
    Ok(match value {
        Native::Null => "null".to_owned(),
        Native::Bool(value) => value.to_string(),
        Native::Number(digits) if serde_json::from_str::<serde_json::Number>(digits).is_ok() => digits.clone(),
        Native::Number(text) | Native::Text(text) => soql_string(text),
        Native::List(_) | Native::Object(_) => return Err(impossible("a list cannot be looked up".to_owned())),
    })
}

/// A body's JSON; `None` where it is one hole without a value, which leaves its key out.
pub(crate) fn fill(shape: &Shape, fillings: &Fillings) -> Result<Option<Json>> {
    Ok(Some(match shape {
        Shape::Text(template) => match template.whole() {
            Some(hole) => match fillings.get(hole) {
                Some(filling) => json(filling),
                None => return Ok(None),
            },
            None => Json::Text(text(template, fillings, Language::Plain)?),
        },
        Shape::Bool(value) => Json::Bool(*value),
        Shape::Number(number) => Json::Number(number.to_string()),
        Shape::List(items) => {
            let mut list = Vec::with_capacity(items.len());
            for item in items {
                list.extend(fill(item, fillings)?);
            }
            Json::List(list)
        }
        Shape::Table(entries) => {
            let mut object: Vec<(String, Json)> = Vec::with_capacity(entries.len());
            let mut taken_in = Vec::new();
            for (key, value) in entries {
                match fill(value, fillings)? {
                    Some(Json::Object(inner)) if key == "*" => taken_in.extend(inner),
                    Some(value) => object.push((key.clone(), value)),
                    None => {}
                }
            }
            object.retain(|(key, _)| taken_in.iter().all(|(taken, _)| taken != key));
            object.extend(taken_in);
            Json::Object(object)
        }
    }))
}

fn json(filling: &Filling) -> Json {
    match filling {
        Filling::Text(text) | Filling::Literal(text) | Filling::Name(text) => Json::Text(text.clone()),
        Filling::Number(number) => Json::Number(number.to_string()),
        Filling::Names(list) | Filling::Ids(list) => Json::List(list.iter().map(Json::text).collect()),
        Filling::Values(values) => Json::List(values.iter().map(Json::from).collect()),
        Filling::Json(json) => json.clone(),
    }
}

/// A form: one pair a value; lists repeat their key; `null` is an empty value.
fn form_encoded(json: &Json) -> String {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    if let Json::Object(entries) = json {
        for (key, value) in entries {
            match value {
                Json::List(items) => {
                    for item in items {
                        form.append_pair(key, &item.as_text().unwrap_or_default());
                    }
                }
                other => {
                    form.append_pair(key, &other.as_text().unwrap_or_default());
                }
            }
        }
    }
    form.finish()
}

fn impossible(message: String) -> Error {
    Error::new(Kind::Fatal, "impossible-request", message)
}

#[cfg(test)]
mod tests;
