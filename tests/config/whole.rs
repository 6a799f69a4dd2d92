//! The tables of keys against everything that is made from them or must agree with them.

use std::{collections::BTreeSet, path::Path};

use hymnal::config::{Colour, Severity, connector_dirs, effective, effective_toml, schema};
use serde_json::Value;

use crate::given::{World, read, right};

const EXAMPLE: &str = include_str!("../../config.example.toml");

/// Every key that the schema knows, as a path; names that the user chooses are `*`.
fn known(schema: &Value, path: &str, into: &mut BTreeSet<String>) {
    let properties = schema.get("properties").and_then(Value::as_object);
    // A reference to a secret is a value, not a table of keys.
    if schema.get("maxProperties").is_some() {
        return;
    }
    for (name, inner) in properties.into_iter().flatten() {
        let path = format!("{path}.{name}");
        into.insert(path.clone());
        known(inner, &path, into);
    }
    if let Some(further) = schema.get("additionalProperties")
        && further.get("properties").is_some()
    {
        known(further, &format!("{path}.*"), into);
    }
}

/// Every key of the example as such a path.
fn written(value: &Value, path: &str, known: &BTreeSet<String>, into: &mut BTreeSet<String>) {
    for (name, inner) in value.as_object().into_iter().flatten() {
        let named = format!("{path}.{name}");
        let path = if known.contains(&named) { named } else { format!("{path}.*") };
        into.insert(path.clone());
        written(inner, &path, known, into);
    }
}

#[test]
fn the_example_has_every_key_and_none_that_is_stale() {
    // It is read, so nothing in it is stale.
    let config = right(EXAMPLE);
    assert!(config.warnings.is_empty(), "{}", config.warnings);
    let mut all = BTreeSet::new();
    known(schema().as_value(), "", &mut all);
    let example: Value = toml::from_str(EXAMPLE).expect("it is TOML");
    let mut there = BTreeSet::new();
    written(&example, "", &all, &mut there);
    let missing: Vec<&String> = all.difference(&there).collect();
    assert!(missing.is_empty(), "the example does not show {missing:?}");
}

#[test]
fn the_schema_is_stable() {
    let schema = serde_json::to_string_pretty(&schema()).expect("it is JSON");
    insta::assert_snapshot!("schema", schema);
}

#[test]
fn every_key_of_the_schema_is_read() {
    // A key that is in the schema is read, if a value that fits no key is refused by its name. Sets of words and
    // tables that hold what the user likes are covered by the example.
    for (path, table) in [
        ("", ""),
        (".daemon", "[daemon]"),
        (".store", "[store]"),
        (".connectors.*.limits", "[connectors.crm.limits]"),
        (".sync.*", "[sync.people]\nbetween = { marketing = \"contacts\", crm = \"Lead\" }"),
        (
            ".sync.*.fields.*",
            "[sync.people]\nbetween = { marketing = \"contacts\", crm = \"Lead\" }\n[sync.people.fields.email]",
        ),
    ] {
        let mut all = BTreeSet::new();
        known(schema().as_value(), "", &mut all);
        let prefix = format!("{path}.");
        let keys = all.iter().filter_map(|key| key.strip_prefix(&prefix)).filter(|key| !key.contains('.'));
        for key in keys.filter(|key| *key != "between") {
            let kind = if key == "fallback" { "type = \"user\"\n" } else { "" };
            let text = format!("{table}\n{kind}{key} = 1979-05-27\n");
            let wrong = read(&text, &World::new()).expect_err("a date fits no key");
            let named = wrong.iter().any(|found| found.message.starts_with(&format!("`{key}` must be ")));
            assert!(named, "{path}.{key}\n{wrong}");
        }
    }
}

#[test]
fn what_is_shown_can_be_read_again() {
    let config = right(EXAMPLE);
    let shown = effective_toml(&config);
    insta::assert_snapshot!("shown", shown);
    let again = right(&shown);
    assert_eq!(effective_toml(&again), shown);
    assert_eq!(again.syncs, config.syncs);
    assert_eq!(again.digest, config.digest);
}

#[test]
fn a_literal_secret_is_not_shown() {
    let text = crate::given::base_with(
        "{ credential = \"hubspot-token\" }",
        "\"pat-na1-hush\"\nbase_url = \"http://127.0.0.1:9000\"",
    );
    let config = right(&text);
    let json = serde_json::to_string(&effective(&config)).expect("it is JSON");
    for shown in [effective_toml(&config), json] {
        assert!(shown.contains("(redacted)") && !shown.contains("hush"), "{shown}");
    }
}

#[test]
fn programs_get_the_same_as_people() {
    let wrong = read(include_str!("several.toml"), &World::new()).expect_err("several things are wrong");
    insta::assert_snapshot!("several_json", serde_json::to_string_pretty(&wrong.to_json()).expect("it is JSON"));
    assert_eq!(wrong.errors(), wrong.iter().filter(|found| found.severity == Severity::Error).count());
}

#[test]
fn colours_only_when_asked() {
    let wrong = read(include_str!("several.toml"), &World::new()).expect_err("several things are wrong");
    assert!(!wrong.render(Colour::Plain).contains('\u{1b}'));
    assert!(wrong.render(Colour::Ansi).contains('\u{1b}'));
}

#[test]
fn a_byte_order_mark_is_no_error() {
    right(&format!("\u{feff}{EXAMPLE}"));
}

#[test]
fn connector_dirs_are_known_before_anything_is_checked() {
    let path = Path::new("/etc/hymnal/hymnal.toml");
    let text =
        "[daemon]\nconnector_dirs = [\"mine\", \"/opt/more\"]\nnonsense = true\n[connectors.a]\ntype = \"own\"\n";
    let dirs = connector_dirs(path, text);
    assert_eq!(dirs, [Path::new("/etc/hymnal/mine"), Path::new("/opt/more")]);
    assert!(connector_dirs(path, "nonsense").is_empty());
}

#[test]
fn no_text_makes_it_panic() {
    use crate::given::BASE;

    let world = World::new();
    for (at, _) in BASE.char_indices() {
        let (before, after) = BASE.split_at(at);
        for text in [
            before.to_owned(),
            format!("{before}ü{after}"),
            format!("{before}\"{after}"),
            format!("{before}]\r{after}"),
        ] {
            if let Err(wrong) = read(&text, &world) {
                assert!(wrong.errors() > 0 && wrong.to_string().contains("hymnal.toml:"), "{text}");
                assert_eq!(wrong.to_json().len(), wrong.iter().count());
            }
        }
    }
}
