//! Text with holes: `{name}` from a closed list. Nothing is computed.

use std::fmt;

use serde::{Deserialize, Deserializer, de};

/// What can stand between braces.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hole {
    /// `{settings.NAME}`: what the user wrote, or the default.
    Setting(String),
    /// `{object}`: the object's name.
    Object,
    /// `{since}`: the start of the window of a poll, in the poll's form of time.
    Since,
    /// `{after_id}`: the last id read, where many records share one time.
    AfterId,
    /// `{cursor}`: where a paginator goes on; nothing on the first page.
    Cursor,
    /// `{limit}`: records a page.
    Limit,
    /// `{fields}`: the fields wanted.
    Fields,
    /// `{ids}`: the ids of a batch.
    Ids,
    /// `{id}`: one record's id.
    Id,
    /// `{id_path}`: one record's id that is itself a path; its slashes stay.
    IdPath,
    /// `{key}`: the name of the field looked up or upserted by.
    Key,
    /// `{keys}`: the values looked up.
    Keys,
    /// `{value}`: one of those values.
    Value,
    /// `{record}`: the fields of one record to write.
    Record,
    /// `{rest}`: the same, without the field that an upsert goes by.
    Rest,
    /// `{record.NAME}`: one of those fields.
    Field(String),
    /// `{trace}`: our name for one item of a batch.
    Trace,
    /// `{version}`: the version at which the record to write was read.
    Version,
    /// `{items}`: the batch, each item in the shape of `item`.
    Items,
}

/// Every name a hole can have, for the message that says so.
pub const HOLES: &str = "settings.NAME, object, since, after_id, cursor, limit, fields, ids, id, id_path, key, keys, \
                         value, record, rest, record.NAME, trace, version, items";

impl Hole {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "object" => Self::Object,
            "since" => Self::Since,
            "after_id" => Self::AfterId,
            "cursor" => Self::Cursor,
            "limit" => Self::Limit,
            "fields" => Self::Fields,
            "ids" => Self::Ids,
            "id" => Self::Id,
            "id_path" => Self::IdPath,
            "key" => Self::Key,
            "keys" => Self::Keys,
            "value" => Self::Value,
            "record" => Self::Record,
            "rest" => Self::Rest,
            "trace" => Self::Trace,
            "version" => Self::Version,
            "items" => Self::Items,
            _ => match name.strip_prefix("record.") {
                Some(field) => Self::Field(field.to_owned()),
                None => Self::Setting(name.strip_prefix("settings.")?.to_owned()),
            },
        })
    }
}

impl fmt::Display for Hole {
    /// As it is written: `{since}`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Setting(name) => return write!(f, "{{settings.{name}}}"),
            Self::Field(name) => return write!(f, "{{record.{name}}}"),
            Self::Object => "object",
            Self::Since => "since",
            Self::AfterId => "after_id",
            Self::Cursor => "cursor",
            Self::Limit => "limit",
            Self::Fields => "fields",
            Self::Ids => "ids",
            Self::Id => "id",
            Self::IdPath => "id_path",
            Self::Key => "key",
            Self::Keys => "keys",
            Self::Value => "value",
            Self::Record => "record",
            Self::Rest => "rest",
            Self::Trace => "trace",
            Self::Version => "version",
            Self::Items => "items",
        };
        write!(f, "{{{name}}}")
    }
}

/// A piece of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Text that stands as it is.
    Text(String),
    /// A hole.
    Hole(Hole),
}

/// Text with holes. A brace that opens no known hole is an error; `{{` is a brace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(pub Vec<Piece>);

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// The hole that is none, and those there are.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(brace) = rest.find('{') {
            plain.push_str(&rest[..brace]);
            rest = &rest[brace + 1..];
            if let Some(after) = rest.strip_prefix('{') {
                plain.push('{');
                rest = after;
                continue;
            }
            let Some((name, after)) = rest.split_once('}') else {
                return Err(format!("`{{` opens a placeholder that does not end in `{text}`"));
            };
            let hole = Hole::parse(name)
                .ok_or_else(|| format!("`{{{name}}}` is no placeholder; there are: {HOLES} (`{{{{` is a brace)"))?;
            if !plain.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut plain)));
            }
            pieces.push(Piece::Hole(hole));
            rest = after;
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        Ok(Self(pieces))
    }

    /// The hole, where the template is one and nothing else: it keeps the value's type, and is left out without one.
    pub fn whole(&self) -> Option<&Hole> {
        if let [Piece::Hole(hole)] = self.0.as_slice() { Some(hole) } else { None }
    }

    /// Its holes.
    pub fn holes(&self) -> impl Iterator<Item = &Hole> {
        self.0.iter().filter_map(|piece| if let Piece::Hole(hole) = piece { Some(hole) } else { None })
    }
}

impl<'de> Deserialize<'de> for Template {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

/// A JSON body with holes. The key `*` takes the entries of an object in (`"*" = "{record}"`); a key beside it holds where
/// the object has none of that name (Ghost subscribes whoever is created without a word of it: `subscribed = false`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A string with holes, or a hole that keeps its type.
    Text(Template),
    /// `true`, `false`
    Bool(bool),
    /// A whole number.
    Number(i64),
    /// An array.
    List(Vec<Shape>),
    /// An object.
    Table(Vec<(String, Shape)>),
}

impl Shape {
    /// The holes in it, at any depth.
    pub fn holes(&self) -> Vec<&Hole> {
        match self {
            Self::Text(template) => template.holes().collect(),
            Self::Bool(_) | Self::Number(_) => Vec::new(),
            Self::List(items) => items.iter().flat_map(Self::holes).collect(),
            Self::Table(entries) => entries.iter().flat_map(|(_, value)| value.holes()).collect(),
        }
    }
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> de::Visitor<'de> for Reader {
            type Value = Shape;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text, a whole number, a truth value, a list or a table")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Shape, E> {
                Template::parse(text).map(Shape::Text).map_err(E::custom)
            }
            fn visit_bool<E: de::Error>(self, value: bool) -> Result<Shape, E> {
                Ok(Shape::Bool(value))
            }
            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Shape, E> {
                Ok(Shape::Number(value))
            }
            fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Shape, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    items.push(item);
                }
                Ok(Shape::List(items))
            }
            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Shape, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Shape::Table(entries))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_and_text() {
        let template = Template::parse("/v{settings.version}/{object}").expect("a template");
        assert_eq!(
            template.holes().cloned().collect::<Vec<_>>(),
            vec![Hole::Setting("version".to_owned()), Hole::Object]
        );
        assert_eq!(template.whole(), None);
        assert_eq!(Template::parse("{id}").expect("a template").whole(), Some(&Hole::Id));
        assert_eq!(Template::parse("{{id}").expect("a template").0, vec![Piece::Text("{id}".to_owned())]);
    }

    #[test]
    fn what_is_no_placeholder_is_named() {
        let error = Template::parse("{idd}").expect_err("no such hole");
        assert!(error.contains("`{idd}`") && error.contains("settings.NAME"), "{error}");
        assert!(Template::parse("{id").is_err());
    }
}
