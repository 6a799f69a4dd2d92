//! What the conformance kit needs to try a connector on a scratch account: made of what the service says of its fields.

use std::time::Duration;

use hymnal_sdk::{
    Call, Clock, Connector, Fields, Find, Kind, Lane, List, Native, NativeKind, Schema, SchemaField, kit::Subject,
};

/// Listings and look-ups of a service lag behind its writes by its overlap; the kit waits no longer than this for them.
const LONGEST: Duration = Duration::from_secs(30);

/// How records of an object are made that no person has.
///
/// # Errors
/// Why it cannot be tried, as a sentence.
pub async fn subject(connector: &dyn Connector, object: &str, clock: &dyn Clock) -> Result<Subject, String> {
    let call = Call::new(Lane::Person);
    let schema = connector.describe(&call, object).await.map_err(|error| error.to_string())?;
    let first = List { object, fields: &[], cursor: None };
    let page = connector.list(&call, first).await.map_err(|error| error.to_string())?;
    let missing = page.records.first().map_or_else(|| "999999999".to_owned(), |record| unlike(&record.address.id));
    let address = schema.fields.iter().find(|field| is_address(field)).map(|field| field.name.clone());
    let text = text(&schema).ok_or("no text field of 60 characters can be given and changed")?.name.clone();
    let run = clock.now().as_millisecond();
    let unique = schema.fields.iter().find(|field| field.unique && Some(&field.name) == address.as_ref());
    let unique = unique.map(|field| field.name.clone());
    let mut others = Fields::new();
    for field in schema.fields.iter().filter(|field| field.required && field.createable) {
        if Some(&field.name) != address.as_ref() && field.name != text {
            others.insert(field.name.clone(), any_value(field)?);
        }
    }
    let named = text.clone();
    let draft = move |number: u64| {
        let mut fields = others.clone();
        fields.insert(named.clone(), Native::Text(format!("Kit {run} {number}")));
        if let Some(address) = &address {
            fields.insert(address.clone(), Native::Text(format!("kit-{run}-{number}@example.com")));
        }
        fields
    };
    let mut subject = Subject::new(object, draft, text.clone(), missing);
    subject.unique = unique;
    let values = [Native::Text("Kit".to_owned())];
    let look_up = Find { object, key: &text, values: &values, fields: std::slice::from_ref(&text) };
    let is_refused = connector.find(&call, look_up).await.is_err_and(|error| error.kind == Kind::Fatal);
    subject.shared = (!is_refused).then_some(text);
    let lag = connector.capabilities(object).map_or(Duration::ZERO, |capable| capable.overlap).min(LONGEST);
    subject.settle = Some(Box::new(move || Box::pin(tokio::time::sleep(lag))));
    Ok(subject)
}

fn is_address(field: &SchemaField) -> bool {
    field.kind == NativeKind::Text && field.createable && field.name.to_lowercase().contains("mail")
}

/// A text field that can hold any text; a name, if there is one.
fn text(schema: &Schema) -> Option<&SchemaField> {
    let fits = |field: &&SchemaField| {
        let holds = field.kind == NativeKind::Text && field.max_length.is_none_or(|most| most >= 60);
        holds && field.createable && field.updateable && !field.unique && !is_address(field) && field.options.is_empty()
    };
    let is_name = |field: &&SchemaField| field.name.to_lowercase().contains("name");
    schema.fields.iter().filter(fits).find(is_name).or_else(|| schema.fields.iter().find(fits))
}

fn any_value(field: &SchemaField) -> Result<Native, String> {
    Ok(match field.kind {
        NativeKind::Text => Native::Text("Kit".to_owned()),
        NativeKind::Bool => Native::Bool(false),
        NativeKind::Number => Native::Number("1".to_owned()),
        NativeKind::Date => Native::Text("2026-01-31".to_owned()),
        NativeKind::Datetime => Native::Text("2026-01-31T00:00:00Z".to_owned()),
        NativeKind::Choice | NativeKind::Set if !field.options.is_empty() => Native::Text(field.options[0].clone()),
        _ => return Err(format!("a new record needs `{}`, and nobody knows what could stand there", field.name)),
    })
}

/// An id of the same form that hardly exists: a far number, or digits and letters turned into others.
fn unlike(id: &str) -> String {
    let stem = id.trim_end_matches(|letter: char| letter.is_ascii_digit());
    if id.len() < 16 && stem.len() < id.len() {
        return format!("{stem}{}", "9".repeat((id.len() - stem.len()).max(9)));
    }
    let turned = |letter: char| match letter {
        '0'..='8' => '9',
        '9' => '0',
        'a'..='e' => 'f',
        'A'..='E' => 'F',
        other => other,
    };
    id.chars().map(turned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_is_not_there_looks_like_one() {
        assert_eq!(unlike("7"), "999999999");
        assert_eq!(unlike("g-12"), "g-999999999");
        assert_eq!(unlike("3f2e9a7c-0000-4111"), "9f9f0f9f-9999-9999");
    }
}
