//! Taking one text out of an answer.

use hymnal_sdk::Response;

use crate::{json::Json, manifest::request::Pick};

/// The text that a place names, if there is one and it is not empty.
pub(crate) fn text(place: &Pick, body: &Json, answer: Option<&Response>) -> Option<String> {
    let found = match &place.header {
        Some(header) => answer?.header(header)?.to_owned(),
        None if place.first_key => match body.at(&place.path)? {
            Json::Object(entries) => entries.first()?.0.clone(),
            _ => return None,
        },
        None => body.at(&place.path)?.as_text()?,
    };
    let found = match &place.json {
        Some(path) => {
            let start = found.find(['[', '{'])?;
            Json::parse(&found.as_bytes()[start..]).ok()?.at(path)?.as_text()?
        }
        None => found,
    };
    let mut rest = found.as_str();
    if let Some(after) = &place.after {
        rest = rest.split_once(after.as_str())?.1;
    }
    if let Some(until) = &place.until {
        rest = rest.split_once(until.as_str()).map_or(rest, |(before, _)| before);
    }
    let rest = rest.trim();
    (!rest.is_empty()).then(|| rest.to_owned())
}

/// The first of several places that holds something.
pub(crate) fn first(places: &[Pick], body: &Json) -> Option<String> {
    places.iter().find_map(|place| text(place, body, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_inside_texts() {
        let body = Json::parse(
            br#"{"message":"Property values were not valid: [{\"name\":\"city\"}]","note":"Existing ID: 123 (contact)"}"#,
        )
        .expect("test JSON");
        let json = Pick { path: "message".to_owned(), json: Some("0.name".to_owned()), ..Pick::default() };
        assert_eq!(text(&json, &body, None).as_deref(), Some("city"));
        let words = Pick {
            path: "note".to_owned(),
            after: Some("ID: ".to_owned()),
            until: Some(" ".to_owned()),
            ..Pick::default()
        };
        assert_eq!(text(&words, &body, None).as_deref(), Some("123"));
        let details = Json::parse(br#"{"details":{"email":["no address"],"phone":["no number"]}}"#).expect("test JSON");
        let key = Pick { path: "details".to_owned(), first_key: true, ..Pick::default() };
        assert_eq!(text(&key, &details, None).as_deref(), Some("email"));
        assert_eq!(text(&Pick { path: "nothing".to_owned(), ..Pick::default() }, &body, None), None);
    }
}
