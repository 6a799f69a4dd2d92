//! The JSON Schema of the file, for editors: made from the tables that the reader reads by.

use schemars::{Schema, json_schema};
use serde_json::{Map, Value, json};

use super::keys::{self, Choices, Keys, Leaf, Shape};

/// The JSON Schema of a configuration file.
pub fn schema() -> Schema {
    let mut schema = json_schema!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Hymnal configuration",
    });
    if let Value::Object(root) = table(&keys::ROOT) {
        for (name, value) in root {
            schema.insert(name, value);
        }
    }
    schema
}

fn table(keys: &Keys) -> Value {
    let mut properties = Map::new();
    for key in keys.known {
        let mut value = shape(key.shape);
        if let Value::Object(object) = &mut value {
            object.insert("description".to_owned(), key.about.into());
        }
        properties.insert(key.name.to_owned(), value);
    }
    let further = keys.open.map_or(Value::Bool(false), shape);
    json!({ "type": "object", "properties": properties, "additionalProperties": further })
}

fn shape(of: Shape) -> Value {
    match of {
        Shape::Text => text(),
        Shape::Truth => json!({ "type": "boolean" }),
        Shape::Whole(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Shape::Share => json!({ "type": "number", "exclusiveMinimum": 0, "maximum": 1 }),
        Shape::Reserve => json!({ "type": "number", "minimum": 0, "exclusiveMaximum": 1 }),
        Shape::Duration | Shape::DurationOrZero => {
            json!({ "type": "string", "pattern": "^([0-9]+(ms|s|m|h|d))+$", "examples": ["30s", "5m", "1d"] })
        }
        Shape::OneOf(choices) => one_of(choices),
        Shape::Texts => texts(),
        Shape::TextLists => list(&texts()),
        Shape::TextBySystem => by_name(&text()),
        Shape::ObjectsBySystem => by_name(&any_of(&[text(), texts()])),
        Shape::CreateBySystem => {
            let never = json!({ "const": false });
            any_of(&[never.clone(), by_name(&any_of(&[never, text()]))])
        }
        Shape::OneOfBySystem(choices) => by_name(&one_of(choices)),
        Shape::ByObject(leaf) => by_name(&any_of(&[by_name(&self::leaf(leaf)), self::leaf(leaf)])),
        Shape::Natives => any_of(&[text(), by_name(&text())]),
        Shape::Limit => any_of(&[json!({ "const": false }), table(&keys::LIMIT)]),
        Shape::Setting => any_of(&[text(), reference()]),
        Shape::Table(keys) => table(keys),
        Shape::Named(keys) => by_name(&table(keys)),
    }
}

fn leaf(leaf: Leaf) -> Value {
    match leaf {
        Leaf::Native => json!({ "type": ["string", "number", "boolean"] }),
        Leaf::Natives => texts(),
        Leaf::Values => by_name(&any_of(&[text(), texts()])),
    }
}

fn text() -> Value {
    json!({ "type": "string", "minLength": 1 })
}

fn texts() -> Value {
    list(&json!({ "type": "string" }))
}

fn list(items: &Value) -> Value {
    json!({ "type": "array", "items": items })
}

fn by_name(value: &Value) -> Value {
    json!({ "type": "object", "additionalProperties": value })
}

fn any_of<const N: usize>(shapes: &[Value; N]) -> Value {
    json!({ "anyOf": shapes.as_slice() })
}

fn one_of(choices: &Choices) -> Value {
    json!({ "enum": choices.built })
}

fn reference() -> Value {
    json!({
        "type": "object",
        "properties": { "credential": text(), "file": text(), "env": text() },
        "additionalProperties": false,
        "minProperties": 1,
        "maxProperties": 1,
    })
}
