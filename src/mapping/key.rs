//! When two values lead to one person.

use super::{problem::unseen, value::Value};

/// The normal form that keys are matched by; `None` where a value cannot be one: blank, several choices, or text in
/// which nothing can be seen.
///
/// Wider than equality: case, inner spaces and invisible characters make two texts, but not two people.
pub fn key(value: &Value) -> Option<String> {
    match value {
        Value::Blank | Value::Set(_) => None,
        Value::Email(email) => Some(email.folded.clone()),
        Value::Phone(phone) => Some(phone.clone()),
        Value::Text(text) => {
            let seen: String = text.chars().filter(|char| char.is_whitespace() || !unseen(*char)).collect();
            let words: Vec<&str> = seen.split_whitespace().collect();
            (!words.is_empty()).then(|| words.join(" ").to_lowercase())
        }
        Value::Bool(_) | Value::Integer(_) | Value::Decimal(_) | Value::Date(_) | Value::Datetime(_) => {
            Some(value.to_string())
        }
    }
}
