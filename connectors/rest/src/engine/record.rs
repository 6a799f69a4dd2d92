//! From a service's JSON to a record.

use hymnal_sdk::{
    Actor, ActorKind, Address, Error, Record, Result, State, Timestamp,
    http::{Access, unreadable},
};

use super::fields;
use crate::{
    json::Json,
    manifest::object::{IdForm, Object},
};

/// Which of a record's fields are kept.
#[derive(Clone, Copy)]
pub(super) enum Wanted<'a> {
    /// Those asked for.
    Named(&'a [String]),
    /// All that the answer names, but those that we ask for ourselves.
    Answered,
}

/// Reads one record.
///
/// # Errors
/// `Transient` where it has no id.
pub(super) fn read(name: &str, object: &Object, json: &Json, wanted: Wanted<'_>) -> Result<Record> {
    let id = id(object, json).ok_or_else(|| no_id(name))?;
    let at = |path: &Option<String>| path.as_ref().and_then(|path| json.at(path));
    Ok(Record {
        address: Address::new(name, id),
        fields: fields::read(object, json, wanted),
        state: state(name, object, json),
        created_at: at(&object.created_at).and_then(time),
        modified_at: object.modified_at.find(json).and_then(time),
        modified_by: at(&object.modified_by)
            .and_then(Json::as_text)
            .map(|name| Actor { name, kind: ActorKind::Unknown }),
        version: at(&object.version).and_then(Json::as_text),
    })
}

fn no_id(name: &str) -> Error {
    unreadable(Access::Read, format!("a record of `{name}` came without an id"))
}

/// A record's id, in its normal form.
pub(super) fn id(object: &Object, json: &Json) -> Option<String> {
    let id = json.at(&object.id)?.as_text()?;
    (!id.is_empty()).then(|| normal_id(object.id_form, &id))
}

/// The ids of records that were merged into this one.
pub(super) fn merged_ids(object: &Object, json: &Json) -> Vec<String> {
    let Some(found) = object.merged_ids.as_ref().and_then(|path| json.at(path)) else { return Vec::new() };
    let ids: Vec<String> = match found {
        Json::List(items) => items.iter().filter_map(Json::as_text).collect(),
        other => other.as_text().unwrap_or_default().split(';').map(str::to_owned).collect(),
    };
    ids.iter().map(|id| id.trim()).filter(|id| !id.is_empty()).map(|id| normal_id(object.id_form, id)).collect()
}

fn state(name: &str, object: &Object, json: &Json) -> State {
    let text = |path: &Option<String>| {
        path.as_ref().and_then(|path| json.at(path)).and_then(Json::as_text).filter(|text| !text.is_empty())
    };
    let is = |path: &str| json.at(path).is_some_and(Json::is_true);
    // A merge says more than the deletion that comes with it; a conversion more than neither.
    if let Some(survivor) = text(&object.merged_into) {
        return State::Merged { into: Address::new(name, normal_id(object.id_form, &survivor)) };
    }
    if object.deleted.as_ref().is_some_and(|mark| mark.0.holds(json) == Some(true)) {
        return State::Deleted;
    }
    if let Some(converted) = &object.converted
        && converted.is.as_ref().map_or_else(
            || is(&converted.when),
            |wanted| json.at(&converted.when).is_some_and(|found| wanted.fits(found)),
        )
        && let Some(id) = json.at(&converted.id).and_then(Json::as_text)
    {
        return State::Converted { into: Address::new(&converted.object, normal_id(object.id_form, &id)) };
    }
    State::Live
}

/// A point in time: RFC 3339, also with `+0000`, milliseconds since 1970, or `2026-11-23 10:11:12` in UTC.
pub(super) fn time(json: &Json) -> Option<Timestamp> {
    let text = json.as_text()?;
    if let Ok(millis) = text.parse::<i64>() {
        return Timestamp::from_millisecond(millis).ok();
    }
    text.parse().or_else(|_| format!("{}Z", text.replacen(' ', "T", 1)).parse()).ok()
}

/// The form in which an id is compared and kept.
pub(super) fn normal_id(form: IdForm, id: &str) -> String {
    match form {
        IdForm::Segment => id.trim_end_matches('/').rsplit('/').next().unwrap_or(id).to_owned(),
        IdForm::Salesforce if id.len() == 15 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
            format!("{id}{}", case_of(id))
        }
        IdForm::Plain | IdForm::Number | IdForm::Salesforce => id.to_owned(),
    }
}

/// The three letters that spell out which of 15 characters are upper case: five bits each, the first the lowest
/// (Salesforce Help, "Convert 15 Character IDs to 18 Character IDs").
fn case_of(id: &str) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";
    id.as_bytes()
        .chunks(5)
        .map(|chunk| {
            let upper = chunk.iter().enumerate().filter(|(_, byte)| byte.is_ascii_uppercase());
            char::from(LETTERS[upper.map(|(bit, _)| 1 << bit).sum::<usize>()])
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fifteen_characters_become_eighteen() {
        for (short, long) in [
            ("001D000000IqhSL", "001D000000IqhSLIAZ"),
            ("0031U00000AbCdE", "0031U00000AbCdEQAV"),
            ("000000000000000", "000000000000000AAA"),
        ] {
            assert_eq!(normal_id(IdForm::Salesforce, short), long);
            assert_eq!(normal_id(IdForm::Salesforce, long), long);
        }
        assert_eq!(normal_id(IdForm::Segment, "http://h/3.1/members/7f"), "7f");
    }

    #[test]
    fn a_record_that_is_not_active_is_deleted() {
        let text = include_str!("../../../pipedrive/manifest.toml");
        let from = "deleted      = \"is_deleted\"";
        assert!(text.contains(from));
        let text = text.replace(from, "deleted = { path = \"active\", is = [\"0\", \"false\"] }");
        let manifest = crate::manifest::Manifest::parse(&text).expect("a manifest");
        let state = |active: &str| {
            let json = Json::parse(format!("{{\"id\":7,\"active\":{active}}}").as_bytes()).expect("JSON");
            state("persons", &manifest.objects["persons"], &json)
        };
        assert_eq!([state("1"), state("true"), state("null")], [State::Live, State::Live, State::Live]);
        assert_eq!([state("0"), state("false")], [State::Deleted, State::Deleted]);
    }

    #[test]
    fn times_of_both_services() {
        let at = |text: &str| time(&Json::text(text)).map(Timestamp::as_millisecond);
        assert_eq!(at("2026-11-23T10:11:12.345Z"), Some(1_795_428_672_345));
        assert_eq!(at("2026-11-23T10:11:12.000+0000"), Some(1_795_428_672_000));
        assert_eq!(at("1795428672345"), Some(1_795_428_672_345));
        assert_eq!(at("2026-11-23 10:11:12"), Some(1_795_428_672_000));
        assert_eq!(at("soon"), None);
    }
}
