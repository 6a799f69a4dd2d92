//! JSON whose numbers keep the digits they were written with.
//!
//! `serde_json::Value` reads `1.10` as a float and writes `1.1`; a contact's value must come through as it is.

use std::borrow::Cow;

use hymnal_sdk::Native;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

/// A JSON value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Json {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// A number, in its digits.
    Number(String),
    /// A string.
    Text(String),
    /// An array.
    List(Vec<Json>),
    /// An object, in the order it was written in.
    Object(Vec<(String, Json)>),
}

/// Deeper than any record, and shallow enough for every stack.
const DEPTH: u32 = 64;

impl Json {
    /// Reads a document.
    ///
    /// # Errors
    /// What is wrong with it, in serde's words.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let mut whole = serde_json::Deserializer::from_slice(text);
        if let Ok(json) = (AtOnce { depth: DEPTH }).deserialize(&mut whole)
            && whole.end().is_ok()
        {
            return Ok(json);
        }
        let raw: &RawValue = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        tree(raw, DEPTH).map_err(|error| error.to_string())
    }

    /// Text as a value.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// What lies at a dotted path; numbers count into arrays. The empty path is the value itself.
    ///
    /// A key that holds a dot itself is found too: the longest key that fits wins.
    pub fn at(&self, path: &str) -> Option<&Self> {
        if path.is_empty() {
            return Some(self);
        }
        match self {
            Self::Object(entries) => {
                if let Some((_, value)) = entries.iter().find(|(key, _)| key == path) {
                    return Some(value);
                }
                path.rmatch_indices('.').find_map(|(dot, _)| {
                    let (_, value) = entries.iter().find(|(key, _)| *key == path[..dot])?;
                    value.at(&path[dot + 1..])
                })
            }
            Self::List(items) => {
                let (index, rest) = path.split_once('.').unwrap_or((path, ""));
                items.get(index.parse::<usize>().ok()?)?.at(rest)
            }
            _ => None,
        }
    }

    /// The rows at a path: those of a list; with `.*` at the path's end also the values of an object.
    pub fn rows(&self, path: &str) -> Option<Cow<'_, [Self]>> {
        let of_object = values_of(path);
        match (self.at(of_object.unwrap_or(path))?, of_object) {
            (Self::List(rows), _) => Some(Cow::Borrowed(rows)),
            (Self::Object(entries), Some(_)) => Some(entries.iter().map(|(_, value)| value.clone()).collect()),
            _ => None,
        }
    }

    /// Takes the rows at a path, without their copies.
    pub fn into_rows(self, path: &str) -> Option<Vec<Self>> {
        match values_of(path) {
            None => self.into_list(path),
            Some(_) => self.rows(path).map(Cow::into_owned),
        }
    }

    /// Takes what lies at a path, where it is a list, without its copy.
    fn into_list(self, path: &str) -> Option<Vec<Self>> {
        match self {
            Self::List(items) if path.is_empty() => Some(items),
            Self::Object(mut entries) => {
                if let Some(index) = entries.iter().position(|(key, _)| key == path) {
                    return entries.swap_remove(index).1.into_list("");
                }
                let (dot, index) = path.rmatch_indices('.').find_map(|(dot, _)| {
                    let index = entries.iter().position(|(key, _)| *key == path[..dot])?;
                    Some((dot, index))
                })?;
                entries.swap_remove(index).1.into_list(&path[dot + 1..])
            }
            _ => None,
        }
    }

    /// The items of an array.
    pub fn items(&self) -> &[Self] {
        if let Self::List(items) = self { items } else { &[] }
    }

    /// A string, or a number or truth value spelled as one; `None` for the rest.
    pub fn as_text(&self) -> Option<String> {
        match self {
            Self::Text(text) | Self::Number(text) => Some(text.clone()),
            Self::Bool(value) => Some(value.to_string()),
            Self::Null | Self::List(_) | Self::Object(_) => None,
        }
    }

    /// `true`, also where a service spells it as text.
    pub fn is_true(&self) -> bool {
        matches!(self, Self::Bool(true)) || matches!(self, Self::Text(text) if text == "true")
    }

    /// As a field's value.
    pub fn to_native(&self) -> Native {
        match self {
            Self::Null => Native::Null,
            Self::Bool(value) => Native::Bool(*value),
            Self::Number(digits) => Native::Number(digits.clone()),
            Self::Text(text) => Native::Text(text.clone()),
            Self::List(items) => Native::List(items.iter().map(Self::to_native).collect()),
            Self::Object(_) => Native::Object(self.to_string()),
        }
    }
}

/// The path of the object whose values are meant.
fn values_of(path: &str) -> Option<&str> {
    if path == "*" { Some("") } else { path.strip_suffix(".*") }
}

impl From<&Native> for Json {
    fn from(value: &Native) -> Self {
        match value {
            Native::Null => Self::Null,
            Native::Bool(value) => Self::Bool(*value),
            // A mapping can put any text here; what is no JSON number goes out as text, for the service to refuse.
            Native::Number(digits) if serde_json::from_str::<serde_json::Number>(digits).is_ok() => {
                Self::Number(digits.clone())
            }
            Native::Number(text) | Native::Text(text) | Native::Object(text) => Self::Text(text.clone()),
            Native::List(items) => Self::List(items.iter().map(Self::from).collect()),
        }
    }
}

impl std::fmt::Display for Json {
    /// Compact JSON.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Number(digits) => f.write_str(digits),
            Self::Text(text) => f.write_str(&quoted(text)),
            Self::List(items) => {
                f.write_str("[")?;
                for (index, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if index > 0 { "," } else { "" })?;
                }
                f.write_str("]")
            }
            Self::Object(entries) => {
                f.write_str("{")?;
                for (index, (key, value)) in entries.iter().enumerate() {
                    write!(f, "{}{}:{value}", if index > 0 { "," } else { "" }, quoted(key))?;
                }
                f.write_str("}")
            }
        }
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::String(text.to_owned()).to_string()
}

/// Reads a document in one pass. Gives up where a number is no whole one of 64 bits: its digits would be lost. Hardly
/// any page has such a number, and [`tree`], which keeps all digits, reads every level once more for each above it.
struct AtOnce {
    depth: u32,
}

impl AtOnce {
    fn below<E: Error>(&self) -> Result<Self, E> {
        let depth = self.depth.checked_sub(1).ok_or_else(|| E::custom("nested too deeply"))?;
        Ok(Self { depth })
    }
}

impl<'de> DeserializeSeed<'de> for AtOnce {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(self.below()?)
    }
}

impl<'de> Visitor<'de> for AtOnce {
    type Value = Json;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value.to_string()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value.to_string()))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(Self { depth: self.depth })? {
            items.push(item);
        }
        Ok(Json::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key()? {
            entries.push((key, map.next_value_seed(Self { depth: self.depth })?));
        }
        Ok(Json::Object(entries))
    }
}

fn tree(raw: &RawValue, depth: u32) -> serde_json::Result<Json> {
    let Some(depth) = depth.checked_sub(1) else {
        return Err(Error::custom("nested too deeply"));
    };
    let text = raw.get();
    Ok(match text.as_bytes().first() {
        Some(b'{') => {
            let Entries(entries) = serde_json::from_str(text)?;
            let entries: serde_json::Result<Vec<_>> =
                entries.into_iter().map(|(key, value)| Ok((key, tree(value, depth)?))).collect();
            Json::Object(entries?)
        }
        Some(b'[') => {
            let Items(items) = serde_json::from_str(text)?;
            let items: serde_json::Result<Vec<_>> = items.into_iter().map(|item| tree(item, depth)).collect();
            Json::List(items?)
        }
        Some(b'"') => Json::Text(serde_json::from_str(text)?),
        Some(b'n') => Json::Null,
        Some(b't') => Json::Bool(true),
        Some(b'f') => Json::Bool(false),
        _ => Json::Number(text.to_owned()),
    })
}

/// One level of an object, unread below.
struct Entries<'a>(Vec<(String, &'a RawValue)>);

/// One level of an array, unread below.
struct Items<'a>(Vec<&'a RawValue>);

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Entries<'de>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries<'de>, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

impl<'de> Deserialize<'de> for Items<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Items<'de>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an array")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Items<'de>, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    items.push(item);
                }
                Ok(Items(items))
            }
        }
        deserializer.deserialize_seq(Reader)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Json {
        Json::parse(text.as_bytes()).expect("test JSON")
    }

    #[test]
    fn numbers_keep_their_digits() {
        for text in ["1.10", "12345678901234567890", "123456789012345678901234567890", "-7", "1e3", "-0", "-0.0"] {
            assert_eq!(parse(text), Json::Number(text.to_owned()));
            assert_eq!(parse(&format!("[{text}]")).to_string(), format!("[{text}]"));
        }
    }

    #[test]
    fn a_document_comes_back_as_it_was() {
        let text = r#"{"z":1,"a":[true,null,"q\"\\\n\u0001é"],"m":{}}"#;
        assert_eq!(parse(text).to_string(), text);
    }

    #[test]
    fn paths_reach_into_arrays_and_over_dotted_keys() {
        let value = parse(r#"{"a":{"b.c":[{"d":7}]},"a.b":"whole"}"#);
        assert_eq!(value.at("a.b.c.0.d"), Some(&Json::Number("7".to_owned())));
        assert_eq!(value.at("a.b"), Some(&Json::text("whole")));
        assert_eq!(value.at("a.x"), None);
        assert_eq!(value.at(""), Some(&value));
    }

    #[test]
    fn rows_are_a_list_or_the_values_of_an_object() {
        let value = parse(r#"{"list":[1,2],"map":{"47":1,"9":2}}"#);
        let two = [Json::Number("1".to_owned()), Json::Number("2".to_owned())];
        for path in ["list", "list.*", "map.*"] {
            assert_eq!(value.rows(path).as_deref(), Some(&two[..]), "{path}");
            assert_eq!(value.clone().into_rows(path).as_deref(), Some(&two[..]), "{path}");
        }
        assert_eq!((value.rows("map"), value.clone().into_rows("map")), (None, None));
    }

    #[test]
    fn deep_nesting_is_refused_not_followed() {
        assert!(Json::parse("[".repeat(100).as_bytes()).is_err());
        assert!(Json::parse(format!("{}{}", "[".repeat(100), "]".repeat(100)).as_bytes()).is_err());
    }

    #[test]
    fn a_number_that_is_none_goes_out_as_text() {
        assert_eq!(Json::from(&Native::Number("007".to_owned())).to_string(), "\"007\"");
        assert_eq!(Json::from(&Native::Number("1.10".to_owned())).to_string(), "1.10");
    }
}
