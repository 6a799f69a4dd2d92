//! Secrets: where they are found, what is wrong with them, and that nobody sees them.

use hymnal::config::{Config, SettingValue};
use hymnal_sdk::ExposeSecret;

use crate::given::{BASE, World, base_with, read, refusal, right};

fn secret(config: &Config, connector: &str, setting: &str) -> String {
    match config.connector(connector).and_then(|connector| connector.settings.get(setting)) {
        Some(SettingValue::Secret(secret)) => secret.value.expose_secret().to_owned(),
        other => panic!("`{setting}` is {other:?}"),
    }
}

fn with_file(bytes: &[u8], mode: u32) -> World {
    World::new().file("/etc/hymnal/salesforce", bytes, mode)
}

#[test]
fn one_line_break_at_the_end_is_the_editors() {
    let read = |bytes: &[u8]| {
        let config = read(BASE, &with_file(bytes, 0o600)).expect("the file is right");
        secret(&config, "crm", "client_secret")
    };
    assert_eq!(read(b"hush"), "hush");
    assert_eq!(read(b"hush\n"), "hush");
    assert_eq!(read(b"hush\r\n"), "hush");
    assert_eq!(read(b"\xef\xbb\xbfhush\n"), "hush");
}

#[test]
fn a_key_in_pem_keeps_its_lines() {
    let config = right(include_str!("../../config.example.toml"));
    let key = secret(&config, "crm", "private_key");
    assert_eq!(key, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----");
}

#[test]
fn secret_file_missing() {
    let text = base_with("/etc/hymnal/salesforce", "nowhere");
    insta::assert_snapshot!("secret_file_missing", refusal(&text, &World::new()));
}

#[test]
fn secret_file_empty() {
    insta::assert_snapshot!("secret_file_empty", refusal(BASE, &with_file(b"\n", 0o600)));
}

#[test]
fn secret_file_of_two_lines() {
    insta::assert_snapshot!("secret_file_of_two_lines", refusal(BASE, &with_file(b"hush\nhush\n", 0o600)));
}

#[test]
fn secret_file_that_others_can_read() {
    insta::assert_snapshot!("secret_file_that_others_can_read", refusal(BASE, &with_file(b"hush", 0o644)));
}

#[test]
fn secret_file_in_utf_16() {
    insta::assert_snapshot!("secret_file_in_utf_16", refusal(BASE, &with_file(b"\xff\xfeh\0u\0", 0o600)));
}

#[test]
fn credential_without_a_folder() {
    let world = World::new().without("CREDENTIALS_DIRECTORY");
    insta::assert_snapshot!("credential_without_a_folder", refusal(BASE, &world));
}

#[test]
fn credential_that_is_a_path() {
    let text = base_with("\"hubspot-token\"", "\"../etc/shadow\"");
    insta::assert_snapshot!("credential_that_is_a_path", refusal(&text, &World::new()));
}

#[test]
fn variable_not_set_and_empty() {
    let text = base_with("{ credential = \"hubspot-token\" }", "{ env = \"TOKEN\" }");
    insta::assert_snapshot!("variable_not_set", refusal(&text, &World::new()));
    insta::assert_snapshot!("variable_empty", refusal(&text, &World::new().variable("TOKEN", "")));
}

#[test]
fn reference_of_two_kinds() {
    let text = base_with("{ credential = \"hubspot-token\" }", "{ env = \"TOKEN\", file = \"token\" }");
    insta::assert_snapshot!("reference_of_two_kinds", refusal(&text, &World::new()));
}

#[test]
fn literal_secret() {
    let text = base_with("{ credential = \"hubspot-token\" }", "\"pat-na1-hush\"");
    insta::assert_snapshot!("literal_secret", refusal(&text, &World::new()));
}

#[test]
fn literal_secret_on_loopback_is_for_demos() {
    for url in ["http://127.0.0.1:9000", "http://localhost:9000/", "http://[::1]:9000"] {
        let to = format!("\"pat-na1-hush\"\nbase_url = \"{url}\"");
        let config = right(&base_with("{ credential = \"hubspot-token\" }", &to));
        assert_eq!(secret(&config, "marketing", "token"), "pat-na1-hush");
    }
}

#[test]
fn literal_secret_needs_every_url_on_loopback() {
    // The login still goes to the real service.
    let text = base_with("{ file = \"/etc/hymnal/salesforce\" }", "\"hush\"\nbase_url = \"http://127.0.0.1:9000\"");
    assert!(refusal(&text, &World::new()).contains("must not stand in this file"));
    let text = text.replace("base_url =", "login_url = \"http://127.0.0.1:9000\"\nbase_url =");
    assert_eq!(secret(&right(&text), "crm", "client_secret"), "hush");
}

#[test]
fn no_message_shows_a_secret() {
    let cases = [
        ("{ credential = \"hubspot-token\" }", "\"hush-hush\", x"),
        ("{ credential = \"hubspot-token\" }", "\"hush-hush"),
        ("{ credential = \"hubspot-token\" }", "\"hush-hush\""),
        ("{ credential = \"hubspot-token\" }", "{ value = \"hush-hush\" }"),
        ("token = { credential = \"hubspot-token\" }", "tokn = \"hush-hush\""),
        ("token = { credential = \"hubspot-token\" }", "Token = { secret = \"hush-hush\" }"),
        (
            "token = { credential = \"hubspot-token\" }",
            "token = { credential = \"hubspot-token\" }\nbase_url = \"https://x:hush-hush@api.example.com\"",
        ),
        (
            "type = \"hubspot\"\nrole = \"marketing\"\ntoken = { credential = \"hubspot-token\" }",
            "type = \"hubsport\"\nrole = \"marketing\"\napi_key = \"hush-hush\"",
        ),
        (
            "client_secret = { file = \"/etc/hymnal/salesforce\" }",
            "client_secret = { file = \"/etc/hymnal/salesforce\" }\nprivate_key = \"hush-hush\"",
        ),
    ];
    for (from, to) in cases {
        let said = refusal(&base_with(from, to), &World::new());
        assert!(!said.contains("hush-hush"), "{to}\n{said}");
    }
    let debugged = format!("{:?}", right(BASE));
    assert!(!debugged.contains("hush"), "{debugged}");
}

#[test]
fn a_secret_of_wide_characters_keeps_the_line_in_order() {
    let text = base_with("token = { credential = \"hubspot-token\" }", "token = { \"väl\" = \"hüsh🤫\", file = \"\" }");
    insta::assert_snapshot!("secret_of_wide_characters", refusal(&text, &World::new()));
}

#[test]
fn real_files_are_read_with_their_permissions() {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use hymnal::config::{Environment as _, ProcessEnvironment};

    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("token");
    fs::write(&path, "hush\n").expect("written");
    for mode in [0o600, 0o644] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("set");
        let found = ProcessEnvironment.secret_file(&path).expect("read");
        assert_eq!((found.bytes.as_slice(), found.mode), (b"hush\n".as_slice(), mode));
    }
    assert!(ProcessEnvironment.secret_file(folder.path()).is_err(), "a folder");
    fs::write(&path, vec![b'x'; 70_000]).expect("written");
    assert!(ProcessEnvironment.secret_file(&path).is_err(), "too large");
}
