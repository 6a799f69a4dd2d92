//! What a request looks like, how its pages follow, and where in an answer something lies.

use serde::Deserialize;

use super::template::{Shape, Template};

/// A request with holes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestShape {
    /// The method.
    pub method: Method,
    /// The path, below the base URL. Values in it are percent-encoded.
    pub path: Template,
    /// The query. A parameter that is one hole without a value is left out.
    #[serde(default, deserialize_with = "super::pairs")]
    pub query: Vec<(String, Template)>,
    /// Headers. One that is one hole without a value is left out.
    #[serde(default, deserialize_with = "super::pairs")]
    pub headers: Vec<(String, Template)>,
    /// A JSON body.
    #[serde(default)]
    pub json: Option<Shape>,
    /// A form-encoded body.
    #[serde(default)]
    pub form: Option<Shape>,
    /// How values in the query are quoted.
    #[serde(default)]
    pub language: Language,
    /// Bytes of a body at most: a longer one is not sent but split.
    #[serde(default)]
    pub max_body: Option<usize>,
    /// Which of the limits with `only` apply.
    #[serde(default)]
    pub tag: String,
    /// What it costs.
    #[serde(default = "one")]
    pub cost: u32,
}

fn one() -> u32 {
    1
}

/// An HTTP method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// `GET`
    Get,
    /// `POST`
    Post,
    /// `PUT`
    Put,
    /// `PATCH`
    Patch,
    /// `DELETE`
    Delete,
}

/// How values in a query are quoted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// They are not: a parameter is one value; lists are joined by commas.
    #[default]
    Plain,
    /// As SOQL: names bare, values in single quotes with backslashes, lists in brackets.
    Soql,
}

/// How one page follows another.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Paginator {
    /// The body names the place to go on from; absent at the end.
    BodyCursor {
        /// Where it stands.
        path: String,
    },
    /// The body names the address of the next page; absent at the end.
    NextLink {
        /// Where it stands.
        path: String,
        /// Codes by which the service says that the link is no longer good: a poll goes on from its last record.
        #[serde(default)]
        expires: Vec<String>,
    },
    /// Records to leave out (`{cursor}`), counted by us; a short page is the last.
    Offset {},
    /// The number of the page (`{cursor}`); a short page is the last.
    Page {
        /// The number of the first.
        #[serde(default)]
        first: u64,
        /// Where the number of all records stands: if it shrinks between two pages, one page is read again.
        #[serde(default)]
        total: Option<String>,
    },
    /// Each page is asked for anew from the last record's time and id, so that no page can shift and no cap is met.
    Keyset {
        /// What is there if there is more; without it, a full page says so.
        #[serde(default)]
        more: Option<String>,
    },
}

/// Where in an answer something lies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pick {
    /// A dotted path in the body.
    #[serde(default)]
    pub path: String,
    /// A header, instead of the body.
    #[serde(default)]
    pub header: Option<String>,
    /// The text there holds JSON after some words: a dotted path in that.
    #[serde(default)]
    pub json: Option<String>,
    /// Only what follows this in the text; without it in the text, nothing.
    #[serde(default)]
    pub after: Option<String>,
    /// Only what comes before this.
    #[serde(default)]
    pub until: Option<String>,
}

/// Something in a body that is so or not.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BodyTest {
    /// Where.
    pub path: String,
    /// What stands there if it is so.
    pub is: bool,
}
