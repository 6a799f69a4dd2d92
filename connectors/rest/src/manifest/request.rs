//! What a request looks like, how its pages follow, and where in an answer something lies.

use std::fmt;

use serde::{Deserialize, Deserializer, de};

use super::template::{Shape, Template};
use crate::json::Json;

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
    /// As OData: names bare, values in single quotes, which are doubled inside, lists in square brackets.
    Odata,
    /// Lists as comma-separated values: each in double quotes, which are doubled inside (RFC 4180). All else as it is.
    Csv,
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
    /// Not what stands there, but the name of its first entry.
    #[serde(default)]
    pub first_key: bool,
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

/// One place, or several of which the first counts that holds something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Picks(pub Vec<Pick>);

impl<'de> Deserialize<'de> for Picks {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> de::Visitor<'de> for Reader {
            type Value = Picks;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a place like `{ path = \"id\" }`, or a list of such")
            }
            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Picks, A::Error> {
                Pick::deserialize(de::value::MapAccessDeserializer::new(map)).map(|pick| Picks(vec![pick]))
            }
            fn visit_seq<A: de::SeqAccess<'de>>(self, seq: A) -> Result<Picks, A::Error> {
                Vec::deserialize(de::value::SeqAccessDeserializer::new(seq)).map(Picks)
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

/// Something in a body that is so or not.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BodyTest {
    /// Where.
    pub path: String,
    /// What stands there if it is so.
    pub is: Is,
}

/// What stands in a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Is {
    /// `true` or `false`.
    Flag(bool),
    /// One of these words or numbers.
    Word(Vec<String>),
}

impl BodyTest {
    /// Whether it is so; `None` where nothing stands there.
    pub fn holds(&self, body: &Json) -> Option<bool> {
        body.at(&self.path).map(|found| self.is.fits(found))
    }
}

impl Is {
    /// Whether this stands there.
    pub fn fits(&self, found: &Json) -> bool {
        match self {
            Self::Flag(flag) => found.is_true() == *flag,
            Self::Word(words) => found.as_text().is_some_and(|word| words.contains(&word)),
        }
    }
}

impl<'de> Deserialize<'de> for Is {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> de::Visitor<'de> for Reader {
            type Value = Is;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`true`, `false`, a word or a list of words")
            }
            fn visit_bool<E: de::Error>(self, flag: bool) -> Result<Is, E> {
                Ok(Is::Flag(flag))
            }
            fn visit_str<E: de::Error>(self, word: &str) -> Result<Is, E> {
                Ok(Is::Word(vec![word.to_owned()]))
            }
            fn visit_seq<A: de::SeqAccess<'de>>(self, seq: A) -> Result<Is, A::Error> {
                Vec::deserialize(de::value::SeqAccessDeserializer::new(seq)).map(Is::Word)
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

/// What marks a record: something that is true of it, at a path, or a [`BodyTest`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark(pub BodyTest);

impl<'de> Deserialize<'de> for Mark {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> de::Visitor<'de> for Reader {
            type Value = Mark;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a path, or `{ path = \"…\", is = … }`")
            }
            fn visit_str<E: de::Error>(self, path: &str) -> Result<Mark, E> {
                Ok(Mark(BodyTest { path: path.to_owned(), is: Is::Flag(true) }))
            }
            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Mark, A::Error> {
                BodyTest::deserialize(de::value::MapAccessDeserializer::new(map)).map(Mark)
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

/// One dotted path, or several of which the first counts that leads to something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paths(pub Vec<String>);

impl Paths {
    /// What the first of them leads to that leads to more than `null`.
    pub fn find<'a>(&self, json: &'a Json) -> Option<&'a Json> {
        self.0.iter().filter_map(|path| json.at(path)).find(|found| **found != Json::Null)
    }
}

impl<'de> Deserialize<'de> for Paths {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> de::Visitor<'de> for Reader {
            type Value = Paths;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a path or a list of paths")
            }
            fn visit_str<E: de::Error>(self, path: &str) -> Result<Paths, E> {
                Ok(Paths(vec![path.to_owned()]))
            }
            fn visit_seq<A: de::SeqAccess<'de>>(self, seq: A) -> Result<Paths, A::Error> {
                Vec::deserialize(de::value::SeqAccessDeserializer::new(seq)).map(Paths)
            }
        }
        deserializer.deserialize_any(Reader)
    }
}
