//! A field that is the value of a child record, which its parent lists and takes as commands. Pure.

use crate::{
    json::Json,
    manifest::{layout::Derived, request::BodyTest, template::Hole},
    render::{self, Filling, Fillings},
};

/// The first child of the kind.
pub(super) fn first<'a>(list: &'a [Json], kind: Option<&BodyTest>) -> Option<&'a Json> {
    list.iter().find(|child| kind.is_none_or(|kind| kind.holds(child) == Some(true)))
}

/// The command that gives the child this value: the parent has one of the kind, or gets one. Blank takes it away, where
/// there is one.
///
/// # Errors
/// `Fatal` for a value that cannot be spelled.
pub(super) fn command(
    derived: &Derived,
    value: Json,
    before: Option<&Json>,
    fillings: &Fillings,
) -> hymnal_sdk::Result<Option<Json>> {
    let Derived::Child { path, kind, id, add, change, remove, .. } = derived else { return Ok(None) };
    let list = before.and_then(|record| record.rows(&format!("{path}.*"))).unwrap_or_default();
    let child = first(&list, kind.as_ref()).and_then(|child| child.at(id));
    let is_blank = value == Json::Null || value == Json::text("");
    let shape = match child {
        Some(_) if is_blank => remove,
        Some(_) => change,
        None if is_blank => return Ok(None),
        None => add,
    };
    let mut fillings = fillings.clone();
    fillings.insert(Hole::Value, Filling::Json(value));
    if let Some(id) = child {
        fillings.insert(Hole::Id, Filling::Json(id.clone()));
    }
    render::fill(shape, &fillings)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMAIL: &str = r#"
        child = { path = "ways", kind = { path = "type", is = "email" }, id = "id", value = "value", add = ["create", [{ type = "email", value = "{value}" }]], change = ["write", ["{id}"], { value = "{value}" }], remove = ["delete", ["{id}"]] }
    "#;
    const PARTY: &str = r#"{"id":7,"ways":[{"id":1,"type":"phone","value":"+1"},{"id":2,"type":"email","value":"a@example.com"},{"id":3,"type":"email","value":"b@example.com"}]}"#;

    fn written(before: &str, value: &str) -> Option<String> {
        let derived: Derived = toml::from_str(EMAIL).expect("a derived field");
        let before = Json::parse(before.as_bytes()).expect("a record");
        let value = if value.is_empty() { Json::Null } else { Json::text(value) };
        let command = command(&derived, value, Some(&before), &Fillings::new()).expect("a command");
        command.map(|command| command.to_string())
    }

    #[test]
    fn the_first_of_the_kind_is_written_and_no_other() {
        assert_eq!(written(PARTY, "c@example.com").as_deref(), Some(r#"["write",[2],{"value":"c@example.com"}]"#));
        assert_eq!(written(PARTY, "").as_deref(), Some(r#"["delete",[2]]"#));
    }

    #[test]
    fn a_parent_without_one_gets_one() {
        let expected = r#"["create",[{"type":"email","value":"c@example.com"}]]"#;
        assert_eq!(written(r#"{"id":7,"ways":[]}"#, "c@example.com").as_deref(), Some(expected));
        assert_eq!(written(r#"{"id":7,"ways":[{"id":1,"type":"phone"}]}"#, ""), None);
    }
}
