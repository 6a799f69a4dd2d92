//! A token that is signed here, as the service checks it.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{collections::BTreeMap, sync::Arc};

use hymnal_sdk::{Login, Request, Session, http::Access};
use serde::Deserialize;

use super::*;
use crate::{
    manifest::{Manifest, lint::lint},
    service::{Service, SettingValue},
};

const KEY: &str = "6748592f4b9b7700010f6564:b1b5b9c1d4e5f6a7b8c9d0e1f2a3b4c5d6e7f8a9b0c1d2e3f4a5b6c7d8e9f0a1";
const BASIC: &str = r#"basic = { basic = { username = "{settings.username}", password = "{settings.password}" } }"#;
const SIGNED: &str = r#"key = { signed_token = { key = "{settings.password}", audience = "/admin/", scheme = "Ghost", lifetime = "5m" } }"#;

/// A manifest whose setting `password` is the key.
fn manifest() -> String {
    let text = include_str!("../../../tests/list-server/manifest.toml");
    assert!(text.contains(BASIC));
    text.replace(BASIC, SIGNED)
}

fn login(key: &str) -> Result<Arc<dyn Login>> {
    let text = |value: &str| SettingValue::Text(value.to_owned());
    let settings = BTreeMap::from([
        ("base_url".to_owned(), text("https://blog.example.com/")),
        ("username".to_owned(), text("nobody")),
        ("password".to_owned(), SettingValue::Secret(SecretString::from(key))),
        ("list_id".to_owned(), text("a")),
    ]);
    Ok(Service::new(Arc::new(Manifest::parse(&manifest()).unwrap()), &settings)?.login())
}

fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

fn signed(login: &dyn Login, session: &Session) -> Request {
    let mut request = Request {
        method: http::Method::GET,
        url: "/".to_owned(),
        headers: http::HeaderMap::new(),
        body: bytes::Bytes::new(),
        tag: "",
        cost: 1,
        access: Access::Read,
    };
    login.sign(session, &mut request);
    request
}

/// The signature was computed by another implementation (Python's `hmac`) over the same header and claims.
#[test]
fn a_known_token() {
    let login = login(KEY).unwrap();
    let now = at("2026-11-23T12:00:00.9Z");
    assert!(login.request(now, None).unwrap().is_none(), "nobody is asked");
    let session = login.session(None, now).unwrap();
    assert_eq!(session.base_url, "https://blog.example.com");
    assert_eq!(session.expires_at, Some(at("2026-11-23T12:05:00Z")));
    let request = signed(&*login, &session);
    let value = &request.headers["authorization"];
    assert!(value.is_sensitive(), "it must not show in a debug print");
    assert_eq!(
        value,
        "Ghost eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiIsImtpZCI6IjY3NDg1OTJmNGI5Yjc3MDAwMTBmNjU2NCJ9.\
         eyJpYXQiOjE3OTU0MzUyMDAsImV4cCI6MTc5NTQzNTUwMCwiYXVkIjoiL2FkbWluLyJ9.\
         Ap0jWxAQ-lJj1h_m6O_96HLAvYyPc_cybJM_48l4Tjg"
    );
}

#[test]
fn each_session_is_a_token_of_its_own_time() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Read {
        iat: i64,
        exp: i64,
        aud: String,
    }
    let login = login(KEY).unwrap();
    for time in ["2026-11-23T12:00:00Z", "2026-11-23T12:04:30Z"] {
        let now = at(time);
        let session = login.session(None, now).unwrap();
        let mut check = jsonwebtoken::Validation::new(Algorithm::HS256);
        check.validate_exp = false;
        check.set_audience(&["/admin/"]);
        let (_, secret) = KEY.split_once(':').unwrap();
        let key = jsonwebtoken::DecodingKey::from_secret(&super::bytes(secret).unwrap());
        let read = jsonwebtoken::decode::<Read>(session.token.expose_secret(), &key, &check).unwrap();
        assert_eq!(read.header.kid.as_deref(), Some("6748592f4b9b7700010f6564"));
        let seconds = now.as_second();
        assert_eq!(read.claims, Read { iat: seconds, exp: seconds + 300, aud: "/admin/".to_owned() });
    }
}

#[test]
fn a_key_that_is_none_is_named_and_not_repeated() {
    for (key, word) in [
        ("b1b5b9c1d4e5f6a7", "no id before a `:`"),
        (":b1b5b9c1", "no id before a `:`"),
        ("6748592f:", "no secret in hexadecimal digits"),
        ("6748592f:b1b5b9c", "no secret in hexadecimal digits"),
        ("6748592f:b1b5b9cg", "no secret in hexadecimal digits"),
        ("6748592f:+1b5", "no secret in hexadecimal digits"),
    ] {
        let error = login(key).err().unwrap();
        assert_eq!((error.kind, error.code.as_str()), (Kind::Fatal, "settings"), "{key}");
        assert!(error.message.starts_with("`password`") && error.message.contains(word), "{}", error.message);
        let told = format!("{error:?}");
        assert!(error.hint.is_some() && !told.contains("b1b5") && !told.contains("6748592f"), "{told}");
    }
    assert!(login(&format!("{KEY}\n")).is_ok(), "copied with its line's end");
}

#[test]
fn what_a_signed_token_cannot_be_is_found() {
    for (from, to, message) in [
        ("lifetime = \"5m\"", "lifetime = \"30s\"", "`lifetime` is too short"),
        ("lifetime = \"5m\"", "lifetime = \"5 minutes\"", "is no duration"),
        (", lifetime = \"5m\"", "", "lifetime"),
        ("scheme = \"Ghost\"", "scheme = \"Ghost token\"", "`scheme` is one word"),
        ("scheme = \"Ghost\"", "scheme = \"\"", "`scheme` is one word"),
        ("key = \"{settings.password}\"", "key = \"{settings.pasword}\"", "`{settings.pasword}` is no setting"),
        ("audience = \"/admin/\"", "audience = \"{since}\"", "`{since}`"),
    ] {
        let text = manifest();
        assert!(text.contains(from) && lint(&text).is_empty());
        let findings = lint(&text.replacen(from, to, 1));
        assert!(findings.iter().any(|finding| finding.message.contains(message)), "{message}: {findings:?}");
        assert!(findings.iter().all(|finding| finding.line > 0), "{findings:?}");
    }
}
